"""Each error class and each row of the error policy has a sentence for users and an HTTP status."""

from __future__ import annotations

import inspect
import pickle
import pkgutil
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import import_module
from itertools import product
from typing import Any

import attrs
import pytest
from joserfc.jwk import RSAKey

import authfsm
from authfsm import AuthfsmError, Fault, InvalidInput, InvalidOperation, OperatorError, RecoveryAction, State
from authfsm.core.account import write_account_request
from authfsm.local import LocalPool, ManualClock
from authfsm.protocol import responses as r
from authfsm.protocol.account_requests import CompleteWebAuthnRegistration
from authfsm.protocol.error_policy import ERROR_POLICY
from authfsm.protocol.error_sentences import _BY_CODE
from authfsm.protocol.errors import refused
from authfsm.protocol.nodes import has_credentials
from authfsm.protocol.replies import Refusal
from authfsm.protocol.states import PASSWORDLESS
from authfsm.protocol.table import PROTOCOL

WRONG_PASSWORD = "NotAuthorizedException", "Incorrect username or password"
STATUSES = {401, 403, 409, 422, 429, 500, 502, 503}


def error_classes() -> list[type[AuthfsmError]]:
    """Return every error class of the package, its bases too; `contrib` has none, and needs its frameworks."""
    for module in pkgutil.walk_packages(authfsm.__path__, "authfsm."):
        if not module.name.endswith("__main__") and not module.name.startswith("authfsm.contrib"):
            import_module(module.name)
    classes: list[type[AuthfsmError]] = [AuthfsmError]
    for each in classes:
        classes += [kind for kind in each.__subclasses__() if kind not in classes]
    return classes


def values_of(kind: type[AuthfsmError]) -> dict[str, Any]:
    """Return a value for each required parameter of an error class."""
    good = {
        "state": State.SMS_MFA, "response": r.Code, "accepts": [r.Code], "leads_to": State.START,
        "refusal": refusal_of("CodeMismatchException", ""),
    }  # fmt: skip
    return {
        name: good.get(name, f"a {name}")
        for name, each in inspect.signature(kind).parameters.items()
        if each.default is each.empty and each.kind is not each.VAR_KEYWORD
    }


def refusal_of(code: str, part: str) -> Refusal:
    """Return the refusal with this code and part of the message."""
    rule = ERROR_POLICY[code][part]
    return Refusal(code, part, action=rule.action, fault=rule.fault)


def check(error: AuthfsmError) -> None:
    """Check the sentence and the status of an error."""
    sentence = error.for_person()
    assert error.http_status in STATUSES, error
    assert re.fullmatch(r"[A-Z].+\.", sentence), sentence
    assert not re.search(r"[A-Z]{2,}_|Exception|\(|_|\[", sentence), sentence
    assert sentence in authfsm.ERROR_SENTENCES or isinstance(error, InvalidInput), sentence


def every_error() -> Iterator[AuthfsmError]:
    """Return an error of each class, and one for each row of the error policy."""
    for kind in error_classes():
        error = kind.__new__(kind)
        try:
            kind.__init__(error, **values_of(kind))
        except (TypeError, AttributeError):  # an argument of another type: its message does not matter here
            AuthfsmError.__init__(error, "-")
        yield error
    for code, parts in ERROR_POLICY.items():
        yield from (refused(refusal_of(code, part), state=State.SMS_MFA) for part in parts)


def test_every_error_has_a_sentence_and_a_status() -> None:
    """Each error has a sentence without codes or state names, and a status of the list."""
    for error in every_error():
        check(error)


def test_statuses_follow_action_and_fault() -> None:
    """The HTTP status determines what a client should do next."""
    expected = {
        ("CodeMismatchException", ""): 422,
        WRONG_PASSWORD: 401,
        ("NotAuthorizedException", "session is expired"): 401,
        ("NotAuthorizedException", "Password attempts exceeded"): 429,
        ("NotAuthorizedException", "User is disabled"): 403,
        ("NotAuthorizedException", "Temporary password has expired"): 403,
        ("NotAuthorizedException", "SECRET_HASH was not received"): 500,
        ("PasswordResetRequiredException", ""): 403,
        ("UserNotConfirmedException", ""): 403,
        ("TooManyRequestsException", ""): 429,
        ("InternalErrorException", ""): 503,
        ("UserLambdaValidationException", ""): 502,
        ("UserLambdaValidationException", "PreAuthentication failed"): 403,
        ("UserLambdaValidationException", "PreTokenGeneration failed"): 403,
        ("UnexpectedLambdaException", ""): 502,
        ("InvalidLambdaResponseException", ""): 502,
    }
    assert {row: refused(refusal_of(*row), state=State.SMS_MFA).http_status for row in expected} == expected
    by_class = {
        each: getattr(authfsm, each)._fixed_presentation
        for each in ("WrongResponse", "InvalidOperation", "TokenRefused", "KeysUnreachable")
    }
    assert [status for status, _ in by_class.values()] == [409, 409, 401, 503]


def test_a_wrong_password_is_mentioned_only_if_one_was_sent() -> None:
    """A refusal reads as a wrong user name or password only after the response that begins a sign-in, or a proof of the password."""
    sentences: dict[str, set[str]] = {}
    refusals = [refusal_of("UserNotFoundException", ""), refusal_of(*WRONG_PASSWORD)]
    for source, row in PROTOCOL.items():
        responses: list[type[r.Response]] = list(row)
        for response, refusal in product(responses, refusals):
            error = refused(refusal, state=State.FAILED, credentials=has_credentials(source, response))
            again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
            assert (again.for_person(), str(again)) == (error.for_person(), str(error))
            sentences.setdefault(error.for_person(), set()).add(f"{source} {response.trigger}")
    wrong = sentences.pop("The user name or the password is wrong.")
    (other,) = sentences.values()
    assert list(sentences) == ["The sign-in has failed. Start again."]
    assert not wrong & other
    assert {each for each in wrong if not each.startswith("START ")} == {
        "ADMIN_NO_SRP_AUTH password", "PASSWORD password", "PASSWORD_SRP srp_a", "PASSWORD_VERIFIER srp_claim",
        *(f"{each} {name}" for each in (*PASSWORDLESS, State.SELECT_CHALLENGE) for name in ("password", "srp_a")),
    }  # fmt: skip
    assert {each for each in other if each.startswith("START ")} == {
        "START refresh_token_auth",
        "START refresh_token",
        "START get_tokens_from_refresh_token",
    }


def test_unknown_user_and_wrong_password_read_alike() -> None:
    """The sentence does not say whether the user exists."""
    rows = [("UserNotFoundException", ""), WRONG_PASSWORD]
    assert len({refused(refusal_of(*row), state=State.FAILED).for_person() for row in rows}) == 1


@pytest.mark.parametrize(
    "row",
    [(code, part) for code, parts in ERROR_POLICY.items() for part in parts if parts[part].fault is Fault.SERVICE]
    + [("LimitExceededException", "Exceeded daily email limit")],
)
def test_no_user_is_blamed_for_a_fault_of_others(row: tuple[str, str]) -> None:
    """If the service or the operator is at fault, the sentence asks for no other input, and fits the status."""
    error = refused(refusal_of(*row), state=State.FAILED)
    assert error.for_person() == error._presentation[1]


@pytest.mark.parametrize("state", [None, State.AUTHENTICATED])
def test_without_a_session_the_advice_mentions_none(state: State | None) -> None:
    """A request about an account has no session: TRY_AGAIN asks for another value."""
    refusal = Refusal("UsernameExistsException", "x", action=RecoveryAction.TRY_AGAIN, fault=Fault.USER)
    assert str(refused(refusal, state=state)) == (
        "UsernameExistsException: x [Correct the value, and send the request again.]"
    )
    assert "the session is still valid" in str(refused(refusal, state=State.SMS_MFA))


def test_a_refusal_with_a_session_is_pickled_without_it() -> None:
    """VerifySoftwareToken may refuse a code with a new Session, a secret: a pickle of the error omits it."""
    refusal = attrs.evolve(refusal_of("EnableSoftwareTokenMFAException", ""), session=authfsm.Secret("planted"))
    error = refused(refusal, state=State.MFA_SETUP, hint="a hint")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (again.refusal, again.hint) == (attrs.evolve(refusal, session=None), "a hint")
    assert (str(again), again.state, error.refusal) == (str(error), State.MFA_SETUP, refusal)


def test_an_error_that_must_start_again_does_not_survive() -> None:
    """No error with START_AGAIN survives, except that a refused refresh leaves the tokens as they are."""
    survivors = {State.AUTHENTICATED}
    for state in State:
        error = AuthfsmError("-", state=state, action=RecoveryAction.START_AGAIN)
        assert error.survives is (state in survivors), state


def test_every_code_with_a_sentence_is_in_the_policy() -> None:
    """Each code with a sentence of its own is an error of the policy."""
    assert set(_BY_CODE) <= set(ERROR_POLICY)


INVALID_INPUT: dict[str, Callable[[], object]] = {
    "The password must not be empty.": lambda: authfsm.response("password"),
    "The password must be text that UTF-8 can encode.": lambda: r.Password("\ud800"),
    "The credential must be JSON.": lambda: authfsm.response("credential", credential="{"),
    "The fields must be NAME=value, one on each line, each NAME once.": lambda: authfsm.response(
        "raw_answer", fields="x"
    ),
    "A code has only digits.": lambda: r.Code("x"),
    "A code of the authenticator app is six digits.": lambda: r.VerifySoftwareToken("1"),
    "An e-mail address looks like name@example.com.": lambda: r.SetUpEmail("x"),
    "Choose one of the offered possibilities.": lambda: authfsm.response("telepathy"),
    "That is not right. Check what you typed, and try again.": lambda: authfsm.response("code", x="y"),
}
"""Invalid input that is not sent, by the sentence that the user reads."""


def test_a_credential_is_a_json_object() -> None:
    """A passkey's credential that is JSON but no object, or NaN, is not sent: neither at a sign-in nor to register it."""
    for text in ("5", "NaN", "[]", "null"):
        with pytest.raises(InvalidInput) as caught:
            authfsm.response("credential", credential=text)
        assert caught.value.field == "credential"
        with pytest.raises(InvalidInput):
            write_account_request(CompleteWebAuthnRegistration("token", text), "a client", None)
    assert authfsm.response("credential", credential='{"id": "x"}')


def test_every_sentence_is_translated() -> None:
    """A dictionary of ERROR_SENTENCES translates each error, with the field's name; and each of its keys is used."""
    errors = [*every_error(), InvalidOperation("-", action=RecoveryAction.WAIT)]
    for code, parts in _BY_CODE.items():
        errors += [
            refused(Refusal(code, f"{part}, so", action=RecoveryAction.GIVE_UP, fault=Fault.USER), state=State.FAILED)
            for part in parts
        ]
    for sentence, run in INVALID_INPUT.items():
        with pytest.raises(InvalidInput) as caught:
            run()
        assert caught.value.for_person() == caught.value.advice == sentence
        errors.append(caught.value)
    translations = {each: f"DE {each}" for each in authfsm.ERROR_SENTENCES} | {"password": "Kennwort"}

    sentences = {error.for_person(translations) for error in errors}

    assert "DE The Kennwort must not be empty." in sentences
    nothing: Any = dict.fromkeys(authfsm.ERROR_SENTENCES)
    assert {error.for_person(nothing) for error in errors} == {error.for_person() for error in errors}
    assert {each for each in sentences if not each.startswith("DE ")} == {"The a field a why."}
    fixed = {each for each in authfsm.ERROR_SENTENCES if "{field}" not in each}
    assert {f"DE {each}" for each in fixed} <= sentences


def test_actions_and_faults_are_complete() -> None:
    """Every combination of action and fault has a status."""
    for action in RecoveryAction:
        for fault in Fault:
            check(refused(Refusal("X", "", action=action, fault=fault), state=State.SMS_MFA))


def test_an_expired_temporary_password_names_the_administrator(signing_key: RSAKey) -> None:
    """No retry helps against an expired temporary password: action, advice and sentence name the administrator."""
    clock = ManualClock()
    pool = LocalPool(key=signing_key, clock=clock)
    pool.add_user("ada", "Correct-Horse-1", temporary=True)
    clock.advance(timedelta(days=8))

    with pytest.raises(OperatorError) as caught:
        pool.cognito().sign_in("ada", "Correct-Horse-1")

    error = caught.value
    assert (error.action, error.http_status) == (RecoveryAction.GIVE_UP, 403)
    assert "administrator" in RecoveryAction.GIVE_UP.advice
    assert error.for_person() == (
        "The temporary password has expired. Ask an administrator of this service for another one."
    )
