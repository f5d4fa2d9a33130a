"""Determines what a path requires of the user and the pool, or why the pool cannot follow it.

The rules are Cognito's own (AWS developer guide, "Adding MFA", "Authentication flows", "Working with user
devices"). They are applied backwards: the user must be one to whom Cognito issues the challenges of the path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import evolve, frozen

from authfsm.checks import Path
from authfsm.journeys.plan import BetweenSteps, Person, Plan
from authfsm.protocol import responses as r
from authfsm.protocol.states import DEVICE_STATES, MFA_METHODS, PASSWORDLESS, RECOVERY_MECHANISMS, State
from authfsm.protocol.table import DEVICE_DROPPED, NEW_CHALLENGE, Role, Transition
from authfsm.settings import PoolSettings
from authfsm.settings.rules import MULTI_FACTOR_PASSKEY, enabled_second_factors

S = State

_NO_DEVICES_YET: Final = "Cognito says nothing about devices before a first factor is proved"
_NOT_FOR_RECOVERY: Final = "the channel that recovers the account cannot be a second factor"
_CHALLENGES_DEVICES: Final = "ChallengeRequiredOnNewDevice is true"
_NOTHING_TO_SIGN: Final = "a one-time password challenge contains nothing that a passkey can sign"

# fmt: off
IMPOSSIBLE: Final[Mapping[tuple[State, type[r.Response], State | None], str]] = {
    (S.START, r.UserAuth, S.PASSWORD_VERIFIER): "an SRP proof requires SRP_A, which UserAuth does not send",
    (S.START, r.StepUp, None):                  "a step-up requires the tokens and levels of your own app",
    (S.EMAIL_OTP, r.Credential, None):          _NOTHING_TO_SIGN,
    (S.SMS_OTP, r.Credential, None):            _NOTHING_TO_SIGN,
    (S.EMAIL_OTP, r.Code, S.SMS_MFA):           "after a one-time password, Cognito asks for no other code",
    (S.SMS_OTP, r.Code, S.EMAIL_OTP):           "after a one-time password, Cognito asks only for the device",
    **dict.fromkeys(((state, r.Password, S.DEVICE_SRP_AUTH) for state in PASSWORDLESS),
                    "the client sends no device key when the user switches from a code or a passkey to the password"),
    (S.MFA_SETUP, r.SetUpEmail, S.SELECT_MFA_TYPE): "the response to MFA_SETUP sets up one factor",
    (S.START, r.CustomSrpAuth, S.START):        "after SRP_A, the first reply says nothing about the user's devices",
    **{(S.SELECT_CHALLENGE, response, S.SELECT_CHALLENGE): _NO_DEVICES_YET
       for response in (r.Select, r.SrpA, r.Credential)},
    (S.DEVICE_PASSWORD_VERIFIER, r.SrpClaim, S.CUSTOM_CHALLENGE): "sources contradict each other about a custom challenge after a device",
}
# fmt: on
"""The transitions that no journey can have, each with the reason; as destination, None stands for any state.

A journey's pool does not make them, or the client does not send what they require.
"""

CONTRADICTIONS: Final[Mapping[str, Callable[[Path], bool]]] = {
    "admin_no_srp_auth_challenges": lambda path: S.ADMIN_NO_SRP_AUTH in path.states,
    "totp_required_after_setup": lambda path: (
        Transition(S.MFA_SETUP, r.CompleteMfaSetup, S.SOFTWARE_TOKEN_MFA) in path.transitions
    ),
    "select_challenge_has_request_options": lambda path: any(
        a.source is S.SELECT_CHALLENGE and a.response is r.Credential for a in path.transitions
    ),
}
"""Fields of `authfsm.local.Contradictions` that a path may need, each with a function that decides whether it does."""


class ImpossiblePath(Exception):
    """The pool cannot follow a path. The message is the reason."""


@frozen
class PoolFacts:
    """What is known about a pool."""

    settings: PoolSettings
    challenge_required_on_new_device: bool | None = None  # None if it is not known
    recovery: tuple[str, ...] = ()  # the mechanisms of AccountRecoverySetting
    email_as_username: bool = False  # is every user's name an e-mail address (UsernameAttributes)?
    relying_party: bool = True  # is there a relying party for passkeys?
    sign_up_by_email: bool = True  # can users sign up themselves and receive a code by e-mail?

    @property
    def mfa_required(self) -> bool:
        """Whether MfaConfiguration is ON."""
        return self.settings.mfa_configuration == "ON"


def plan_for(path: Path, pool: PoolFacts) -> Plan:
    """Return what a path requires, or raise ImpossiblePath."""
    if path.responses[0] in r.ADMIN_RESPONSES and S.CUSTOM_CHALLENGE in path.states:
        raise ImpossiblePath("sources contradict each other about a custom challenge after an administrator's flow")
    for source, response, dest, _ in path.transitions:
        for key in ((source, response, dest), (source, response, None)):
            if key in IMPOSSIBLE:
                raise ImpossiblePath(IMPOSSIBLE[key])
    signs_up = path.responses[0] is r.SignedUp
    plan = _for_newcomer(path, pool) if signs_up else _for_existing_user(path, pool)
    contradictions = tuple(name for name, requires in CONTRADICTIONS.items() if requires(path))
    return evolve(plan, script=path.states[1:], contradictions=contradictions)


def _second_factors(path: Path) -> tuple[tuple[int, State], ...]:
    """Return the states of a path in which Cognito asks for a second factor, its choice or its set-up.

    Each state comes with the number of steps before it.
    """
    states = {S.SELECT_MFA_TYPE, S.MFA_SETUP, S.SMS_MFA, S.SOFTWARE_TOKEN_MFA}
    return tuple(
        (step, move.to.state)
        for step, move in enumerate(path, start=1)
        if move.to.state in states or move.to.role is Role.SECOND_FACTOR
        if move.transition.kind in {None, NEW_CHALLENGE}
    )


def _with_action(plan: Plan, steps: int, **action: Any) -> Plan:
    """Return the plan with one more action after a number of steps."""
    before = plan.between_steps.get(steps, BetweenSteps())
    return evolve(plan, between_steps={**plan.between_steps, steps: evolve(before, **action)})


def _for_existing_user(path: Path, pool: PoolFacts) -> Plan:
    first_factors = {
        move.to.state for move in path if move.to.state in PASSWORDLESS and move.to.role is not Role.SECOND_FACTOR
    }
    device_forgotten = _device_forgotten_at(path, pool)
    passkey = S.WEB_AUTHN in first_factors or r.Credential in path.responses
    if passkey and not pool.relying_party:
        raise ImpossiblePath("WebAuthnConfiguration has no RelyingPartyId")
    person = Person(
        password=_has_password(path),
        email=S.EMAIL_OTP in first_factors,
        phone=S.SMS_OTP in first_factors,
        passkey=passkey,
        remembered=bool(DEVICE_STATES & {*path.states}) or device_forgotten is not None,
    )
    plan = Plan(person)
    if device_forgotten is not None:
        plan = _with_action(plan, device_forgotten, forget_device=True)
    passwordless = bool(first_factors) or passkey
    plan = _with_second_factor(path, pool, plan, passwordless=passwordless)
    plan = _with_new_password(path, plan, passwordless=passwordless)
    return _with_passkey_as_mfa(_with_device(path, pool, plan), pool)


def _has_password(path: Path) -> bool:
    """Return false if SELECT_CHALLENGE follows USER_AUTH with a password, because then the user has no password."""
    by_password = {r.UserAuthWithPassword, r.UserAuthWithSrp}
    choices = (a for a in path.transitions if a.dest is S.SELECT_CHALLENGE)
    if not any(each.response in by_password for each in choices):
        return True
    if path.transitions[0].kind is DEVICE_DROPPED:
        raise ImpossiblePath(_NO_DEVICES_YET)
    if {r.Password, r.SrpA} & {*path.responses[1:]}:
        raise ImpossiblePath("a user without a password cannot prove one afterwards")
    if {S.PASSWORD, S.PASSWORD_SRP} & {*path.states}:
        raise ImpossiblePath("a user without a password cannot choose it afterwards")
    return False


def _device_forgotten_at(path: Path, pool: PoolFacts) -> int | None:
    """Return after how many steps the pool forgets the device; None if it does not."""
    step = next((n for n, a in enumerate(path.transitions) if a.kind is DEVICE_DROPPED), None)
    if step is None:
        return None
    if pool.settings.device_configuration is False:
        raise ImpossiblePath("this pool remembers no devices and so forgets none")
    if DEVICE_STATES & {*path.states}:
        raise ImpossiblePath("a sign-in sends the key of only one device")
    challenge = path.moves[step].to  # DEVICE_DROPPED stays in the challenge
    second_factor = challenge.state in {S.SELECT_MFA_TYPE, *MFA_METHODS}
    if pool.challenge_required_on_new_device and second_factor and challenge.role is not Role.FIRST_FACTOR:
        # Cognito asks for a remembered device instead of the second factor, so this challenge cannot come first.
        raise ImpossiblePath(_CHALLENGES_DEVICES)
    return step


def _with_second_factor(path: Path, pool: PoolFacts, plan: Plan, *, passwordless: bool) -> Plan:
    """Enable the second factors that the path requires: before the sign-in or, if the path needs this, during it."""
    required = _second_factors(path)
    if not required:
        return _with_replaced_second_factor(path, pool, plan)
    states = [state for _, state in required]
    device = next((n for n, s in enumerate(path.states) if s is S.DEVICE_PASSWORD_VERIFIER), None)
    if device is not None and required[0][0] < device < required[-1][0]:
        raise ImpossiblePath("Cognito does not ask again for a second factor that was proved")
    if S.MFA_SETUP in states:
        _check_set_up(path, pool, passwordless=passwordless)
        return plan
    chooses = S.SELECT_MFA_TYPE in states
    factors = tuple(enabled_second_factors(pool.settings) if chooses else states[:1])
    if len(factors) == 1 and pool.recovery == (RECOVERY_MECHANISMS.get(factors[0]),):
        raise ImpossiblePath(_NOT_FOR_RECOVERY)
    if chooses and S.SOFTWARE_TOKEN_MFA not in factors and {*pool.recovery} & {*RECOVERY_MECHANISMS.values()}:
        raise ImpossiblePath(f"{_NOT_FOR_RECOVERY}: nothing is left to choose")
    after_device = device is not None and device < required[0][0]
    if (passwordless or after_device) and not pool.mfa_required:
        # If MFA were enabled before the sign-in, Cognito would offer only the password, or let the device replace MFA.
        if after_device and pool.challenge_required_on_new_device:
            raise ImpossiblePath(_CHALLENGES_DEVICES)
        person = _with_factors(plan.person, factors, None, is_enabled=False)
        plan = evolve(plan, person=person, challenge_required_on_new_device=False if after_device else None)
        return _with_action(plan, required[0][0] - 1, enable_mfa=factors)
    if after_device:
        raise ImpossiblePath("where MFA is required, a device replaces it or comes after it")
    preferred = factors[0] if len(factors) == 1 else None
    return evolve(plan, person=_with_factors(plan.person, factors, preferred))


def _with_replaced_second_factor(path: Path, pool: PoolFacts, plan: Plan) -> Plan:
    """If MFA is required, enable a second factor that the device or the passkey replaces."""
    is_custom = path.responses[0] in r.CUSTOM_AUTH_RESPONSES
    functions_decide = is_custom and r.SrpClaim not in path.responses
    if not pool.mfa_required or functions_decide:
        return plan
    usable = (
        each
        for each in enabled_second_factors(pool.settings)
        if each not in RECOVERY_MECHANISMS or pool.recovery != (RECOVERY_MECHANISMS[each],)
    )
    factor = next(usable, None)
    by_passkey = path.responses[-1] is r.Credential
    if factor is None or not (S.DEVICE_SRP_AUTH in path.states or by_passkey):
        raise ImpossiblePath(
            "where MFA is required, this path needs a second factor, or a device or a passkey that replaces it"
        )
    return evolve(plan, person=_with_factors(plan.person, (factor,), factor))


def _with_factors(
    person: Person, factors: tuple[State, ...], preferred: State | None, *, is_enabled: bool = True
) -> Person:
    return evolve(
        person,
        phone=person.phone or S.SMS_MFA in factors,
        email=person.email or S.EMAIL_OTP in factors,
        app=person.app or S.SOFTWARE_TOKEN_MFA in factors,
        mfa=factors if is_enabled else (),
        preferred=preferred,
    )


def _check_set_up(path: Path, pool: PoolFacts, *, passwordless: bool) -> None:
    """Raise ImpossiblePath if no user of the pool has to set up a second factor on this path."""
    if not pool.mfa_required:
        raise ImpossiblePath("users set up a second factor only where MFA is required")
    if passwordless:
        raise ImpossiblePath("where MFA is required, a user without a second factor can begin only with the password")
    if pool.email_as_username and S.EMAIL_OTP in enabled_second_factors(pool.settings):
        raise ImpossiblePath("users who sign in with their e-mail address have a second factor")
    if r.SetUpEmail in path.responses and "verified_email" in pool.recovery:
        raise ImpossiblePath(_NOT_FOR_RECOVERY)


def _with_new_password(path: Path, plan: Plan, *, passwordless: bool) -> Plan:
    """Make the password temporary: before the sign-in or, if the path needs this, during it."""
    if S.NEW_PASSWORD_REQUIRED not in path.states:
        return plan
    if passwordless:
        return _with_action(plan, path.states.index(S.NEW_PASSWORD_REQUIRED) - 1, expire_password=True)
    return evolve(plan, person=evolve(plan.person, temporary=True))


def _with_device(path: Path, pool: PoolFacts, plan: Plan) -> Plan:
    """Decide whether the device replaces the second factor or comes after it."""
    if S.DEVICE_SRP_AUTH not in path.states or not plan.person.mfa:
        return plan
    device, required = path.states.index(S.DEVICE_SRP_AUTH), _second_factors(path)
    replaces_second_factor = not required or required[0][0] > device
    if pool.challenge_required_on_new_device not in {None, replaces_second_factor}:
        setting = "true" if pool.challenge_required_on_new_device else "false"
        raise ImpossiblePath(f"ChallengeRequiredOnNewDevice is {setting}")
    return evolve(plan, challenge_required_on_new_device=replaces_second_factor)


def _with_passkey_as_mfa(plan: Plan, pool: PoolFacts) -> Plan:
    """Let the passkey of a user with MFA satisfy MFA."""
    if not plan.person.passkey or not plan.person.mfa:
        return plan
    if pool.settings.web_authn_factor not in {None, MULTI_FACTOR_PASSKEY}:
        raise ImpossiblePath(f"FactorConfiguration is not {MULTI_FACTOR_PASSKEY}")
    return evolve(plan, person=evolve(plan.person, passkey_as_mfa=True))


def _for_newcomer(path: Path, pool: PoolFacts) -> Plan:
    if not pool.sign_up_by_email:
        raise ImpossiblePath("users of this pool do not sign up with a code by e-mail")
    plan = Plan(Person(email=True, newcomer=True))
    factors = pool.settings.allowed_first_auth_factors
    if factors is not None and not {"EMAIL_OTP", "SMS_OTP"} & factors:
        raise ImpossiblePath("SignUp returns no session where no code can be the first factor")
    email_allowed = factors is None or "EMAIL_OTP" in factors
    if path.transitions[0].dest is S.AUTHENTICATED:
        if not email_allowed:
            raise ImpossiblePath("the user signed up with a code by e-mail, and EMAIL_OTP is not allowed")
        return plan
    if email_allowed and not pool.mfa_required:
        raise ImpossiblePath("with a session of the sign-up, the code by e-mail already is the first factor")
    if pool.mfa_required:
        raise ImpossiblePath("where MFA is required, a user who has just signed up has no second factor yet")
    password_states = {S.SELECT_CHALLENGE, S.PASSWORD, S.PASSWORD_SRP, S.PASSWORD_VERIFIER}
    other_states = {*path.states[1:]} - password_states - {S.AUTHENTICATED}
    if other_states or _device_forgotten_at(path, pool) is not None:
        raise ImpossiblePath("a user who has just signed up can prove only the password, and has no device")
    return plan
