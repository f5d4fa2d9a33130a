"""What a path takes to be gone along: worked out from its arrows, or the reason why no pool can be made to.

The rules are Cognito's own (AWS developer guide, "Adding MFA", "Authentication flows", "Working with user
devices"), read backwards: what must be true of a user so that this comes next.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import evolve, frozen

from authfsm.checks import Path
from authfsm.journeys.barred import CONTRADICTIONS, never
from authfsm.journeys.person import BetweenSteps, Person, Plan
from authfsm.protocol import responses as r
from authfsm.protocol.states import State
from authfsm.protocol.table import NEW_CHALLENGE, RESTART, Role
from authfsm.protocol.vocabulary import (
    DEVICE_STATES,
    MFA_METHODS,
    PASSWORDLESS,
    RECOVERY_MECHANISMS,
)
from authfsm.settings import PoolSettings
from authfsm.settings.rules import MULTI, enabled

S = State

_CODES: Final = frozenset({S.SMS_MFA, S.SOFTWARE_TOKEN_MFA})
_BY_CHOICE: Final = frozenset({r.UserAuthWithPassword, r.UserAuthWithSrp})


class NoPlan(Exception):
    """No pool can be made to go along a path.

    Args:
        reason: why not.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@frozen
class Told:
    """What is known of the pool.

    Args:
        settings: its settings.
        device_stands_in: ChallengeRequiredOnNewDevice, if it is known.
        recovery: AccountRecoverySetting's mechanisms.
        addressed: do users sign in with an address instead of a name (UsernameAttributes)?
        relying_party: is there one, for passkeys?
        signs_up: can people sign up themselves, and does a code go to their address?
    """

    settings: PoolSettings
    device_stands_in: bool | None = None
    recovery: tuple[str, ...] = ()
    addressed: bool = False
    relying_party: bool = True
    signs_up: bool = True

    @property
    def required(self) -> bool:
        """Is MFA required?"""
        return self.settings.mfa_configuration == "ON"


def second(path: Path) -> tuple[tuple[int, State], ...]:
    """The second factors that a path asks for, or their choice or set-up: after which step, and which."""
    return tuple(
        (step, move.to.state)
        for step, move in enumerate(path, start=1)
        if move.to.state in {S.SELECT_MFA_TYPE, S.MFA_SETUP, *_CODES}
        or move.to.role is Role.SECOND_FACTOR
        if move.arrow.kind in {None, NEW_CHALLENGE}
    )


def plan(path: Path, told: Told) -> Plan:
    """What a path takes.

    Args:
        path: a way to sign in, perhaps with answers on it that are refused and given again.
        told: what is known of the pool.

    Raises:
        NoPlan: no pool can be made to go along it.
    """
    if reason := never(path):
        raise NoPlan(reason)
    made = _newcomer(path, told) if path.arrows[0].response is r.SignedUp else _known(path, told)
    contradictions = tuple(name for name, speaks in CONTRADICTIONS.items() if speaks(path))
    return evolve(made, script=path.states[1:], contradictions=contradictions)


# ---- somebody who is known to the pool ----------------------------------------------------------------------


def _known(path: Path, told: Told) -> Plan:
    firsts = {
        move.to.state
        for move in path
        if move.to.state in PASSWORDLESS and move.to.role is not Role.SECOND_FACTOR
    }
    forgotten = _forgotten(path, told)
    passkey = S.WEB_AUTHN in firsts or any(a.response is r.Credential for a in path.arrows)
    if passkey and not told.relying_party:
        raise NoPlan("WebAuthnConfiguration has no RelyingPartyId")
    person = Person(
        password=_has_password(path),
        email=S.EMAIL_OTP in firsts,
        phone=S.SMS_OTP in firsts,
        passkey=passkey,
        remembered=bool(DEVICE_STATES & {*path.states}) or forgotten is not None,
    )
    meanwhile = {} if forgotten is None else {forgotten: BetweenSteps(forget_device=True)}
    made = Plan(person, meanwhile=meanwhile)
    made = _with_second(path, told, made, late=bool(firsts) or passkey)
    made = _with_new_password(path, made, late=bool(firsts) or passkey)
    return _with_passkey(_with_device(path, told, made), told)


def _has_password(path: Path) -> bool:
    """Has the user a password? One that is preferred, and not available, is none."""
    if not any(a.response in _BY_CHOICE and a.dest is S.SELECT_CHALLENGE for a in path.arrows):
        return True
    if path.arrows[0].kind is RESTART:
        raise NoPlan("nothing is told of devices before a first factor is proved")
    if any(each.response in {r.Password, r.SrpA} for each in path.arrows[1:]):
        raise NoPlan("a password that was not available is not proved afterwards")
    if {S.PASSWORD, S.PASSWORD_SRP} & {*path.states}:
        raise NoPlan("a password that was not available cannot be chosen afterwards")
    return False


def _forgotten(path: Path, told: Told) -> int | None:
    """After how many steps the device is forgotten, for its key to be refused; None if it never is."""
    step = next((n for n, a in enumerate(path.arrows) if a.kind is RESTART), None)
    if step is None:
        return None
    if told.settings.device_configuration is False:
        raise NoPlan("this pool remembers no devices, and forgets none")
    if DEVICE_STATES & {*path.states}:
        raise NoPlan("a sign-in bears one device's key")
    asks = path.moves[step].to  # it stays: the challenge that it leaves, in its role
    second_factor = asks.state in {S.SELECT_MFA_TYPE, *MFA_METHODS}
    if told.device_stands_in and second_factor and asks.role is not Role.FIRST_FACTOR:
        # As long as it is remembered, the device is asked for in place of the second factor.
        raise NoPlan("ChallengeRequiredOnNewDevice is true")
    return step


def _with_second(path: Path, told: Told, made: Plan, *, late: bool) -> Plan:
    """The second factors that are asked for: switched on before, or meanwhile where they would bar the way."""
    asked = second(path)
    states = [state for _, state in asked]
    person = made.person
    if not asked:
        return _without_second(path, told, made)
    device = next((n for n, s in enumerate(path.states) if s is S.DEVICE_PASSWORD_VERIFIER), None)
    if device is not None and asked[0][0] < device < asked[-1][0]:
        raise NoPlan("a second factor that was passed is not asked for again")
    if S.MFA_SETUP in states:
        return _with_set_up(path, told, made, late=late)
    wanted = enabled(told.settings) if S.SELECT_MFA_TYPE in states else [states[0]]
    factors = tuple(wanted)
    if len(factors) == 1 and told.recovery == (RECOVERY_MECHANISMS.get(factors[0]),):
        raise NoPlan("what alone recovers the account is no second factor")
    if S.SELECT_MFA_TYPE in states and S.SOFTWARE_TOKEN_MFA not in factors and told.recovery:
        raise NoPlan("what recovers the account is no second factor: nothing is left to choose")
    after_device = device is not None and device < asked[0][0]
    if (late or after_device) and not told.required:
        # A user with MFA is offered no first factor but the password, and a device would stand for it.
        when = asked[0][0] - 1
        person = _having(person, factors, None, switched_on=False)
        if after_device and told.device_stands_in:
            raise NoPlan("ChallengeRequiredOnNewDevice is true")
        made = evolve(made, person=person, device_stands_in=False if after_device else None)
        return _happens(made, when, switch_on=factors)
    if after_device:
        raise NoPlan("where MFA is required, a device stands for it or comes after it")
    return evolve(made, person=_having(person, factors, factors[0] if len(factors) == 1 else None))


def _without_second(path: Path, told: Told, made: Plan) -> Plan:
    """No second factor is asked for: where it must be, whoever has one has something that stands for it."""
    if not told.required or _led(path):
        return made
    factor = next(iter(_by_ease(told)), None)
    by_passkey = path.arrows[-1].response is r.Credential
    if factor is None or not (S.DEVICE_SRP_AUTH in path.states or by_passkey):
        raise NoPlan("where MFA is required, tokens without it come at a first sign-in alone")
    return evolve(made, person=_having(made.person, (factor,), factor))


def _led(path: Path) -> bool:
    return path.arrows[0].response in r.LED_BY_FUNCTIONS and r.SrpClaim not in {
        a.response for a in path.arrows
    }


def _by_ease(told: Told) -> list[State]:
    barred = {channel for channel, name in RECOVERY_MECHANISMS.items() if told.recovery == (name,)}
    return [each for each in enabled(told.settings) if each not in barred]


def _having(
    person: Person, factors: tuple[State, ...], preferred: State | None, *, switched_on: bool = True
) -> Person:
    return evolve(
        person,
        phone=person.phone or S.SMS_MFA in factors,
        email=person.email or S.EMAIL_OTP in factors,
        app=person.app or S.SOFTWARE_TOKEN_MFA in factors,
        mfa=factors if switched_on else (),
        preferred=preferred,
    )


def _with_set_up(path: Path, told: Told, made: Plan, *, late: bool) -> Plan:
    if not told.required:
        raise NoPlan("nobody has to set up a second factor, where none is required")
    if late:
        raise NoPlan("a first factor without a password is not for who has no second one yet")
    if told.addressed and S.EMAIL_OTP in enabled(told.settings):
        raise NoPlan("users who sign in with an address have a second factor")
    by_email = any(a.response is r.SetUpEmail for a in path.arrows)
    if by_email and "verified_email" in told.recovery:
        raise NoPlan("what recovers the account is no second factor")
    return made


def _with_new_password(path: Path, made: Plan, *, late: bool) -> Plan:
    """The temporary password: from the beginning, or meanwhile where it would bar the way."""
    if S.NEW_PASSWORD_REQUIRED not in path.states:
        return made
    step = path.states.index(S.NEW_PASSWORD_REQUIRED)
    if not late:
        return evolve(made, person=evolve(made.person, temporary=True))
    when = step - 1
    return _happens(made, when, expire_password=True)


def _happens(made: Plan, when: int, **what: Any) -> Plan:
    """The plan, with something more that happens after so many steps."""
    before = made.meanwhile.get(when, BetweenSteps())
    return evolve(made, meanwhile={**made.meanwhile, when: evolve(before, **what)})


def _with_device(path: Path, told: Told, made: Plan) -> Plan:
    """Whether the device stands for the second factor, or comes after it."""
    if S.DEVICE_SRP_AUTH not in path.states or not made.person.mfa:
        return made
    device, asked = path.states.index(S.DEVICE_SRP_AUTH), second(path)
    stands_in = not asked or asked[0][0] > device
    if told.device_stands_in not in {None, stands_in}:
        says = "true" if told.device_stands_in else "false"
        raise NoPlan(f"ChallengeRequiredOnNewDevice is {says}")
    return evolve(made, device_stands_in=stands_in)


def _with_passkey(made: Plan, told: Told) -> Plan:
    """A passkey of somebody with MFA must stand for it."""
    if not made.person.passkey or not made.person.mfa:
        return made
    if told.settings.web_authn_factor not in {None, MULTI}:
        raise NoPlan(f"FactorConfiguration is not {MULTI}")
    return evolve(made, person=evolve(made.person, passkey_as_mfa=True))


# ---- somebody who signs up first ----------------------------------------------------------------------------


def _newcomer(path: Path, told: Told) -> Plan:
    if not told.signs_up:
        raise NoPlan("nobody signs up here by a code that is e-mailed")
    factors = told.settings.allowed_first_auth_factors
    eligible = factors is None or "EMAIL_OTP" in factors
    if path.arrows[0].dest is S.AUTHENTICATED:
        if not eligible:
            raise NoPlan("the code of the sign-up came by e-mail, and EMAIL_OTP is not allowed")
        return Plan(Person(email=True, newcomer=True))
    if eligible and not told.required:
        raise NoPlan("a fresh session of the sign-up leaves nothing to choose")
    plain = {S.SELECT_CHALLENGE, S.PASSWORD, S.PASSWORD_SRP, S.PASSWORD_VERIFIER, S.AUTHENTICATED}
    if told.required or {*path.states[1:]} - plain or _forgotten(path, told) is not None:
        raise NoPlan("somebody who has just signed up has nothing but a password")
    return Plan(Person(email=True, newcomer=True))
