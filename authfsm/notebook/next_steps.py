"""What may come next: the destinations from here, and for each what it depends on, by the pool's settings."""

from __future__ import annotations

from typing import Final

from attrs import evolve, frozen

from authfsm.core.signin import SignIn
from authfsm.local import LocalPool
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import Role, Transition
from authfsm.reference.about import Target, targets
from authfsm.settings import PoolSettings


@frozen
class NextStep:
    """One destination from here.

    Args:
        response: what would be given.
        dest: where its reply may lead.
        name: that state's name, with its role where it plays one.
        when: what it depends on, in Cognito's own terms: each condition by itself, any one will do.
        ruled_out: why this pool never leads there; None where it may.
        named_only: may it lead there for the one reason that a Lambda function may name any challenge?
    """

    response: type[Response]
    dest: State
    name: str
    when: tuple[str, ...]
    ruled_out: str | None
    named_only: bool


def next_steps(
    signin: SignIn, settings: PoolSettings | None = None, given: Response | None = None
) -> tuple[NextStep, ...]:
    """What may come next, in the table's order; failures left away.

    Args:
        signin: the sign-in.
        settings: its pool's, if they are known.
        given: what is about to be given; whatever the state takes, if left out.
    """
    takes = signin.accepts if given is None else (type(given),)
    return tuple(
        _outlook(way, signin, response, settings)
        for response in takes
        for way in targets(signin.state, response, _role(signin))
        if way.to is not State.FAILED
    )


def _role(signin: SignIn) -> Role | None:
    return signin.role if signin.state is State.EMAIL_OTP else None


def _outlook(
    way: Target, signin: SignIn, response: type[Response], settings: PoolSettings | None
) -> NextStep:
    arrow = Transition(signin.state, response, way.to, way.kind)
    role = way.role or _role(signin)
    return NextStep(
        response,
        way.to,
        way.name,
        tuple(dict.fromkeys(each.when for each in way.known if each.when)),
        None if settings is None else settings.ruled_out(arrow, role),
        settings is not None and settings.named_only(arrow, role),
    )


def settings_of(pool: LocalPool) -> PoolSettings:
    """An embedded pool's settings.

    Args:
        pool: the pool.
    """
    told = PoolSettings.describe(pool.client(), pool.pool_id, pool.client_id)
    # Its functions are Python's and have no ARN: a description has no LambdaConfig that names them.
    triggers = pool.configuration.triggers
    present = [name for name, given in _NAMED.items() if getattr(triggers, given, None) is not None]
    return evolve(told, lambda_config=frozenset({*(told.lambda_config or ()), *present}))


_NAMED: Final = {
    "DefineAuthChallenge": "define",
    "CreateAuthChallenge": "create",
    "VerifyAuthChallengeResponse": "verify",
}
