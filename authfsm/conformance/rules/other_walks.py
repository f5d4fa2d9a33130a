"""The rules of the walks that no password begins, or not alone: USER_AUTH, CUSTOM_AUTH, a remembered device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from authfsm.conformance.pools import (
    APP_REQUIRED,
    CHOICE,
    CUSTOM,
    DEVICES,
    RP_ID,
    UserRequirements,
    made,
)
from authfsm.conformance.rule import ConformanceRule, RuleGroup, RuleSource, guide
from authfsm.conformance.rules.walks import by_password, by_srp, source_of
from authfsm.conformance.sign_in_runner import Opening, SignInRunner
from authfsm.conformance.trial import PoolClient, PoolUser, Trial
from authfsm.conformance.verdicts import NotSupported, RuleSeverity, Skipped
from authfsm.drivers.boto import Flow
from authfsm.protocol import links
from authfsm.protocol import responses as r
from authfsm.protocol.errors import AuthfsmError, InvalidOperation
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import Transition

if TYPE_CHECKING:
    from authfsm.conformance.passkey import VirtualPasskey

S = State


def _user_auth(preferred: str | None = None) -> Opening:
    return lambda desk, person: desk.cognito().sign_in(
        person.username, flow="USER_AUTH", preferred_challenge=preferred
    )


def _by_choice(asked: State, chooses: str) -> Callable[[Trial], None]:
    def run(trial: Trial) -> None:
        _offered(trial, "USER_AUTH")
        desk = trial.desk(CHOICE)
        person = trial.person(desk)
        preferred = None if asked is S.SELECT_CHALLENGE else chooses
        passkey = _registered(desk, person) if asked is S.WEB_AUTHN else None
        SignInRunner(desk, person, passkey, chooses).walk(_user_auth(preferred), asked)

    return run


def _registered(desk: PoolClient, person: PoolUser) -> VirtualPasskey:
    try:
        from authfsm.conformance.passkey import VirtualPasskey  # noqa: PLC0415 - its library is an extra
    except ImportError:
        raise Skipped("passkeys need fido2: pip install 'authfsm[passkeys]'") from None
    token = desk.signed_in(person).get("AccessToken")
    begun = desk.call("StartWebAuthnRegistration", AccessToken=token)
    if begun.lacking:
        raise NotSupported(begun.words)
    passkey = VirtualPasskey(RP_ID)
    with desk.conversation.setup():
        credential = passkey.create(made(begun, "CredentialCreationOptions"))
        made(desk.call("CompleteWebAuthnRegistration", AccessToken=token, Credential=credential))
    return passkey


def _named(challenge: str, answer: Callable[[Flow, PoolUser], Any]) -> Callable[[Trial], None]:
    """SELECT_CHALLENGE answered by another challenge's name, with the same session."""

    def opening(desk: PoolClient, person: PoolUser) -> Flow:
        flow = desk.cognito().start(person.password)
        flow.answer(r.UserAuth(person.username))
        if flow.state is not S.SELECT_CHALLENGE:
            raise NotSupported(f"{flow.state} came where SELECT_CHALLENGE was to come")
        answer(flow, person)
        return flow

    def run(trial: Trial) -> None:
        _offered(trial, "USER_AUTH")
        desk = trial.desk(CHOICE)
        SignInRunner(desk, trial.person(desk)).walk(opening, S.SELECT_CHALLENGE)

    run.__doc__ = challenge
    return run


def _riddle(*, srp: bool) -> Callable[[Trial], None]:
    def opening(desk: PoolClient, person: PoolUser) -> Flow:
        password = person.password if srp else None
        return desk.cognito().sign_in(person.username, password, flow="CUSTOM_AUTH")

    def run(trial: Trial) -> None:
        _offered(trial, "CUSTOM_AUTH")
        desk = trial.desk(CUSTOM)
        walker = SignInRunner(desk, trial.person(desk))
        walker.walk(opening, S.CUSTOM_CHALLENGE)

    return run


def _offered(trial: Trial, flow: str) -> None:
    """Is there such a flow at all? Asked in a pool that has no Lambda functions.

    Raises:
        NotOffered: the endpoint says that there is not, or says nothing.
    """
    desk = trial.desk()
    heard = desk.initiate(flow, USERNAME=trial.person(desk, who="nobody-asked").username)
    if heard.lacking or not heard.body:
        raise NotSupported(heard.words)


def _renewed_then_set_up(trial: Trial) -> None:
    desk = trial.desk(APP_REQUIRED)
    walker = SignInRunner(desk, trial.person(desk, UserRequirements(temporary=True)))
    walker.walk(by_password("USER_PASSWORD_AUTH"), S.MFA_SETUP)


def _device(opening: Opening) -> Callable[[Trial], None]:
    def remembered(desk: PoolClient, person: PoolUser) -> Flow:
        flow = opening(desk, person)
        try:
            device = flow.confirm_device("test")
        except InvalidOperation:
            raise NotSupported("tokens came without NewDeviceMetadata") from None
        except AuthfsmError as error:
            heard = desk.conversation.last
            raise NotSupported(heard.words if heard else str(error)) from None
        return desk.cognito(device=device).sign_in(person.username, person.password)

    def run(trial: Trial) -> None:
        desk = trial.desk(DEVICES)
        SignInRunner(desk, trial.person(desk)).walk(remembered, S.DEVICE_PASSWORD_VERIFIER)

    return run


_FLOWS_PAGE: Final = guide(links.AUTHENTICATION_FLOWS, '"Authentication flows"')
_CUSTOM_PAGE: Final = guide(
    links.CUSTOM_CHALLENGES, '"Custom authentication challenge Lambda triggers"'
)
_DEVICES_PAGE: Final = guide(links.DEVICES, '"Working with user devices"')


def of_other_proofs() -> Iterator[ConformanceRule]:
    """USER_AUTH without a password, CUSTOM_AUTH, a remembered device."""

    def rule(
        name: str, claim: str, source: RuleSource, run: Callable[[Trial], None]
    ) -> ConformanceRule:
        return ConformanceRule(
            f"walk.{name}", claim, RuleGroup.WALKS, source, RuleSeverity.MAJOR, run
        )

    def arrow(response: type[Response], dest: State) -> RuleSource:
        return source_of(Transition(S.START, response, dest), "InitiateAuth")

    for state, chooses in (
        (S.SELECT_CHALLENGE, "EMAIL_OTP"),
        (S.EMAIL_OTP, "EMAIL_OTP"),
        (S.SMS_OTP, "SMS_OTP"),
        (S.WEB_AUTHN, "WEB_AUTHN"),
    ):
        how = "without a preference" if state is S.SELECT_CHALLENGE else f"preferring {chooses}"
        claim = f"By USER_AUTH {how}, somebody is asked {state}, answers it and gets tokens."
        yield rule(
            f"USER_AUTH.{state.value}", claim, arrow(r.UserAuth, state), _by_choice(state, chooses)
        )
    yield ConformanceRule(
        "walk.NEW_PASSWORD_REQUIRED.MFA_SETUP",
        "After NEW_PASSWORD_REQUIRED, in a pool that requires a second factor, somebody without one is asked MFA_SETUP.",
        RuleGroup.WALKS,
        source_of(
            Transition(S.NEW_PASSWORD_REQUIRED, r.NewPassword, S.MFA_SETUP),
            "RespondToAuthChallenge",
        ),
        RuleSeverity.MAJOR,
        _renewed_then_set_up,
    )
    yield rule(
        "SELECT_CHALLENGE.PASSWORD",
        "SELECT_CHALLENGE can be answered as PASSWORD, with the same Session.",
        _FLOWS_PAGE,
        _named(
            "PASSWORD", lambda flow, person: flow.answer(r.Password(person.password, direct=True))
        ),
    )
    yield rule(
        "SELECT_CHALLENGE.PASSWORD_SRP",
        "SELECT_CHALLENGE can be answered as PASSWORD_SRP, with the same Session.",
        _FLOWS_PAGE,
        _named(
            "PASSWORD_SRP", lambda flow, _: flow.answer(flow.make_response(r.SrpA, direct=True))
        ),
    )
    yield rule(
        "CUSTOM_AUTH.CUSTOM_CHALLENGE",
        "By CUSTOM_AUTH, the pool's Lambda functions ask CUSTOM_CHALLENGE, and the right answer brings tokens.",
        _CUSTOM_PAGE,
        _riddle(srp=False),
    )
    yield rule(
        "CUSTOM_AUTH.PASSWORD_VERIFIER",
        "By CUSTOM_AUTH with SRP_A, PASSWORD_VERIFIER comes first and CUSTOM_CHALLENGE after it.",
        _CUSTOM_PAGE,
        _riddle(srp=True),
    )
    yield rule(
        "USER_SRP_AUTH.DEVICE_SRP_AUTH",
        "A device that is remembered is asked DEVICE_SRP_AUTH and DEVICE_PASSWORD_VERIFIER, and proves itself.",
        _DEVICES_PAGE,
        _device(by_srp()),
    )


OTHER_WALKS: Final = tuple(of_other_proofs())
"""USER_AUTH without a password, CUSTOM_AUTH, a remembered device."""

LEFT_OUT: Final = {
    S.ADMIN_NO_SRP_AUTH: "AWS's own pages contradict each other about it as a challenge, and no trace is known",
}
"""The challenges that no walk goes through, and why."""
