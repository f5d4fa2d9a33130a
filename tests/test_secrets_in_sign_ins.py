"""Secrets of whole sign-ins are searched for in everything that the package shows or stores.

boto3's own DEBUG logs show bodies and are excluded, as README says.
"""

from __future__ import annotations

import logging
import pickle
import re
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyotp
import pytest
from botocore.exceptions import EndpointConnectionError
from joserfc.jwk import RSAKey

from authfsm import Cognito, Flow, State, diagram, history_to_json
from authfsm.core.encryption import new_key
from authfsm.local import DeviceConfiguration, LocalPool, Triggers
from authfsm.observers import Observation, logging_observer
from authfsm.protocol import responses as r
from authfsm.protocol.errors import AuthfsmError, ConnectionLost
from authfsm.protocol.replies import MfaSetup

PASSWORD, NEW, ANSWER, METADATA = "Pl4nted-Passw0rd", "Pl4nted-Newer-1", "pl4nted answer", "fine"
HERE = Path(__file__).name


class Watch:
    """Collects every secret of a sign-in, and searches for them in all output."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.secrets: set[str] = {PASSWORD, NEW, ANSWER}
        self.observed: list[Observation] = []
        self.shown: list[str] = []
        self.caplog = caplog

    def see_request(self, params: Mapping[str, Any], **_: Any) -> None:
        """Collect the secrets of a request: sessions, codes, tokens, proofs."""
        self._learn(params)

    def see_reply(self, parsed: Mapping[str, Any], **_: Any) -> None:
        """Collect the secrets of a reply."""
        self._learn(parsed)

    def _learn(self, contains: Any, name: str = "") -> None:
        if isinstance(contains, Mapping):
            for key, value in contains.items():
                self._learn(value, key)
        elif name in {
            "Session", "AccessToken", "IdToken", "RefreshToken", "SecretCode", "PASSWORD_CLAIM_SIGNATURE",
            "SECRET_BLOCK", "PASSWORD_CLAIM_SECRET_BLOCK", "SECRET_HASH", "PasswordVerifier", "SMS_MFA_CODE",
        }:  # fmt: skip
            self.secrets.add(str(contains))

    def see_flow(self, flow: Flow) -> None:
        """Add everything that can be printed, stored or drawn of a flow."""
        signin = flow.signin
        things = [
            flow, flow.cognito, signin, flow.challenge, flow.tokens, flow.refusal, flow.device,
            flow.history, flow.accepts, signin.session, self.observed,
        ]  # fmt: skip
        self.shown += [f"{thing!r} {thing!s}" for thing in things]
        self.shown.append(history_to_json(flow.history))
        self.shown.append(pickle.dumps((flow.history, self.observed)).decode("latin-1"))
        for thing in (flow, signin, flow.tokens, flow.challenge):
            if thing is not None:
                try:
                    self.shown.append(pickle.dumps(thing).decode("latin-1"))
                except (TypeError, pickle.PicklingError) as error_of:
                    self.shown.append(str(error_of))
        if not flow.done:
            key = new_key()
            self.secrets.add(key.reveal())
            self.shown.append(flow.seal(key))
            self.shown.append(repr(flow._snapshot()))
            if flow._ephemeral is not None:
                self.secrets |= {f"{flow._ephemeral.a.reveal():x}", str(flow._ephemeral.a.reveal())}
        if flow.device is not None:
            self.secrets.add(flow.device.password.reveal())

    def see_error(self, error: AuthfsmError) -> None:
        """Add an error as text, pickled, and its traceback with the locals of every frame outside this file."""
        contains = traceback.TracebackException.from_exception(error, capture_locals=True)
        links: list[traceback.TracebackException] = []
        each: traceback.TracebackException | None = contains
        while each is not None:
            links.append(each)
            each = each.__cause__ or each.__context__
        for link in links:
            for frame in link.stack:
                if Path(frame.filename).name != HERE:
                    self.shown += [f"{frame.filename} {name}={value}" for name, value in (frame.locals or {}).items()]
        self.shown += [str(error), repr(error)]
        self.shown.append(pickle.dumps(error).decode("latin-1"))

    def check(self, flow: Flow) -> None:
        """Assert that none of the secrets was shown, logged or drawn."""
        self.shown.append(diagram(history=flow.history)._repr_mimebundle_()["image/svg+xml"])
        self.shown += [
            f"{record.getMessage()} {record.__dict__!r}"
            for record in self.caplog.records
            if not record.name.startswith(("botocore", "boto3", "urllib3"))
        ]
        everything = "\n".join(self.shown)
        assert len(self.secrets) >= 6
        assert {secret for secret in self.secrets if len(secret) >= 6 and contains(secret, everything)} == set()


def contains(secret: str, text: str) -> bool:
    """Return whether a secret is in a text."""
    if secret.isdigit():
        return re.search(rf"(?<![\w.]){secret}(?!\w)", text) is not None
    return secret in text


@pytest.fixture
def watch(caplog: pytest.LogCaptureFixture) -> Watch:
    """Return a watch, with every logger at DEBUG."""
    caplog.set_level(logging.DEBUG)
    return Watch(caplog)


def watched_cognito(pool: LocalPool, watch: Watch) -> Cognito:
    """Return a driver whose requests and replies the watch sees."""
    cognito = pool.cognito()
    cognito.observers = (watch.observed.append, logging_observer())
    events = cognito.client.meta.events
    events.register("provide-client-params.cognito-idp", watch.see_request)
    events.register("after-call.cognito-idp", watch.see_reply)
    if pool.client_secret is not None:
        watch.secrets.add(pool.client_secret.reveal())
    return cognito


def error_of(watch: Watch, work: Callable[[], Any]) -> AuthfsmError:
    """Return the error of a call that fails, after the watch has seen it."""
    with pytest.raises(AuthfsmError) as see_error:
        work()
    watch.see_error(see_error.value)
    return see_error.value


def test_srp_and_sms_with_everything_that_goes_wrong(watch: Watch, signing_key: RSAKey) -> None:
    """A sign-in with wrong password, lost reply, wrong code, device and refresh shows no secret."""
    pool = LocalPool(
        mfa="ON", mfa_methods=["SMS_MFA"], client_secret=True, device=DeviceConfiguration(), key=signing_key
    )  # fmt: skip
    pool.add_user("ada", PASSWORD, phone_number="+15555550143")
    cognito = watched_cognito(pool, watch)
    watch.secrets.add("Pl4nted-Wrong-1")
    error_of(watch, lambda: cognito.sign_in("ada", "Pl4nted-Wrong-1"))
    error_of(watch, lambda: cognito.sign_in("ada", "Pl4nted-Wrong-1", flow="USER_PASSWORD_AUTH"))
    flow = cognito.sign_in("ada", PASSWORD, walk=False)
    watch.see_flow(flow)
    flow.step()
    watch.see_flow(flow)
    watch.secrets.add("913579")
    error_of(watch, lambda: flow.answer(r.Code("913579")))
    error_of(watch, lambda: flow.answer(r.Password(PASSWORD)))

    def lose(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url=f"https://{PASSWORD}@example.com")

    code = pool.outbox.code_for("ada")
    watch.secrets.add(code)
    events = cognito.client.meta.events
    events.register_first("before-call.cognito-idp", lose, unique_id="lose")
    error = error_of(watch, lambda: flow.answer(r.Code(code)))
    assert isinstance(error, ConnectionLost)
    events.unregister("before-call.cognito-idp", unique_id="lose")
    watch.see_flow(flow)
    assert flow.answer(r.Code(code)) is State.AUTHENTICATED
    watch.see_flow(flow)
    device = flow.confirm_device("laptop")
    watch.see_flow(flow)
    assert flow.tokens is not None
    assert flow.tokens.refresh_token is not None
    cognito.refresh(flow.tokens.refresh_token, device_key=device.device_key)
    flow.answer(r.GlobalSignOut())
    watch.see_flow(flow)

    watch.check(flow)


def test_enrolment_and_a_new_password(watch: Watch, signing_key: RSAKey) -> None:
    """NEW_PASSWORD_REQUIRED and MFA_SETUP with a wrong code show no secret."""
    pool = LocalPool(mfa="ON", mfa_methods=["SOFTWARE_TOKEN_MFA"], key=signing_key)
    pool.add_user("ada", PASSWORD, temporary=True)
    cognito = watched_cognito(pool, watch)
    flow = cognito.sign_in("ada", PASSWORD)
    watch.see_flow(flow)
    watch.secrets.add("Sh0rt-p")
    error_of(watch, lambda: flow.answer(r.NewPassword("Sh0rt-p")))
    flow.answer(r.NewPassword(NEW))
    watch.see_flow(flow)
    flow.answer(r.AssociateSoftwareToken())
    watch.see_flow(flow)
    challenge = flow.challenge
    assert isinstance(challenge, MfaSetup)
    assert challenge.secret_code is not None
    watch.secrets.add("135791")
    error_of(watch, lambda: flow.answer(r.VerifySoftwareToken("135791")))
    code = pyotp.TOTP(challenge.secret_code.reveal()).at(pool.clock())
    watch.secrets.add(code)
    flow.answer(r.VerifySoftwareToken(code))
    watch.see_flow(flow)
    assert flow.answer(r.CompleteMfaSetup()) is State.AUTHENTICATED
    watch.see_flow(flow)

    watch.check(flow)


def test_a_custom_challenge(watch: Watch, signing_key: RSAKey) -> None:
    """A custom challenge with a wrong and a right answer, and ClientMetadata, shows no secret."""

    def define(event: dict[str, Any]) -> dict[str, Any]:
        passed = any(each.get("challengeResult") for each in event["request"]["session"])
        event["response"] |= {"issueTokens": passed, "failAuthentication": False}
        event["response"] |= {} if passed else {"challengeName": "CUSTOM_CHALLENGE"}
        return event

    def create(event: dict[str, Any]) -> dict[str, Any]:
        event["response"]["publicChallengeParameters"] = {"question": "?"}
        event["response"]["privateChallengeParameters"] = {"answer": ANSWER}
        return event

    def verify(event: dict[str, Any]) -> dict[str, Any]:
        event["response"]["answerCorrect"] = event["request"]["challengeAnswer"] == ANSWER
        return event

    triggers = Triggers(define=define, create=create, verify=verify)
    pool = LocalPool(triggers=triggers, client_secret=True, key=signing_key)
    pool.add_user("ada", PASSWORD)
    cognito = watched_cognito(pool, watch)
    flow = cognito.sign_in("ada", flow="CUSTOM_AUTH", client_metadata={"page": METADATA})
    watch.see_flow(flow)
    watch.secrets.add("pl4nted wrong answer")
    flow.answer(r.Answer("pl4nted wrong answer"))
    watch.see_flow(flow)
    assert flow.answer(r.Answer(ANSWER)) is State.AUTHENTICATED
    watch.see_flow(flow)

    watch.check(flow)
