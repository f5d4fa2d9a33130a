"""What is to be given at each step of a journey: the right answer, or one that is refused and given again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import pyotp
from attrs import NOTHING, fields, frozen

from authfsm.base.secret import Secret
from authfsm.journeys.person import (
    EMAIL,
    NEW_PASSWORD,
    NO_EMAIL,
    PASSWORD,
    RIGHT_ANSWER,
    TOTP,
    WEAK_PASSWORD,
    WRONG_ANSWER,
)
from authfsm.protocol import responses as r
from authfsm.protocol.forms import BY_PROOF
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State

if TYPE_CHECKING:
    from authfsm.journeys.stage import Stage

S = State
_STEP: Final = 30


@frozen
class NextInput:
    """What is to be given now.

    Args:
        state: where the sign-in stands; START to begin it.
        response: the class of the response to give.
        value: what the person types, chooses or has signed: a password, a code, the name of a choice, a
            credential; None where there is nothing.
        wrong: is it to be refused? It is given again after it.
        leads_to: where the reply will lead.
    """

    state: State
    response: type[Response]
    value: Secret[str] | None
    wrong: bool
    leads_to: State

    @property
    def field(self) -> str | None:
        """The name of the form's field that takes the value; None where nothing is asked for."""
        if self.response in BY_PROOF:
            return "password"
        needed = (each.name for each in fields(self.response) if each.default is NOTHING)
        return next(needed, None)

    @property
    def by_itself(self) -> bool:
        """Does this need no person: a step of a proof by SRP?"""
        return self.response in BY_PROOF


def value(
    stage: Stage, source: State, response: type[Response], dest: State, *, wrong: bool
) -> Secret[str] | None:
    """What is to be given at a step.

    Args:
        stage: where it happens.
        source: where the sign-in stands.
        response: what is given.
        dest: where it is to lead.
        wrong: is it to be refused?
    """
    if response is r.Code:
        enrolled = Secret(stage.heard["SecretCode"]) if "SecretCode" in stage.heard else TOTP
        by_app = source is S.SOFTWARE_TOKEN_MFA
        right = _app(stage, enrolled) if by_app else stage.pool.outbox[-1].code
        return _not(right) if wrong else right
    if response is r.VerifySoftwareToken:
        right = _app(stage, Secret(stage.heard["SecretCode"]))
        return _not(right) if wrong else right
    made = _VALUES.get(response)
    return None if made is None else made(stage, dest, wrong)


def _app(stage: Stage, secret: Secret[str]) -> Secret[str]:
    """The authenticator app's code; a code is good once, so the next one."""
    stage.clock.advance(_STEP)
    return Secret(pyotp.TOTP(secret.reveal()).at(stage.clock()))


def _not(code: Secret[str]) -> Secret[str]:
    digits = code.reveal()
    return Secret(f"{(int(digits) + 1) % 10 ** len(digits):0{len(digits)}d}")


def _either(right: Secret[str], wrong: Secret[str]) -> Callable[[Any, State, bool], Secret[str]]:
    return lambda _, __, is_wrong: wrong if is_wrong else right


def _name(_: Any, dest: State, __: bool) -> Secret[str] | None:  # noqa: FBT001 - one of a family
    return None if dest is S.SELECT_CHALLENGE else Secret(dest.value)


_password: Final = _either(PASSWORD, PASSWORD)
_VALUES: Final[Mapping[type[Response], Callable[[Any, State, bool], Secret[str] | None]]] = {
    **dict.fromkeys(
        (
            r.UserSrpAuth, r.UserPasswordAuth, r.AdminUserPasswordAuth, r.CustomSrpAuth,
            r.UserAuthWithPassword, r.UserAuthWithSrp, r.Password, r.SrpA, r.SrpClaim,
        ),
        _password,
    ),
    r.AdminNoSrpAuth: lambda _, dest, __: None if dest is S.ADMIN_NO_SRP_AUTH else PASSWORD,
    r.UserAuth: _name,
    r.Select: _name,
    r.SignedUp: lambda stage, _, __: stage.sign_up_session,
    r.Credential: lambda stage, _, __: stage.signed(),
    r.Answer: _either(RIGHT_ANSWER, WRONG_ANSWER),
    r.NewPassword: _either(NEW_PASSWORD, WEAK_PASSWORD),
    r.SetUpEmail: _either(Secret(EMAIL), Secret(NO_EMAIL)),
}  # fmt: skip
