"""What in a pool's settings rules something out: asked of `authfsm.settings`, one setting at a time.

Each question leaves the others unknown, and what is not known rules nothing out: so whatever is ruled
out is so by that setting alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final

from authfsm.protocol.auth_flows import ALLOWED_FIRST_AUTH_FACTORS, CURRENT_VALUES
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import TRANSITIONS, Role
from authfsm.settings import PoolSettings


def _one_by_one() -> Iterator[dict[str, Any]]:
    yield {"mfa_configuration": "OFF"}
    yield {"mfa_configuration": "ON"}
    yield {"sms_mfa": False}
    yield {"software_token_mfa": False}
    yield {"email_mfa": False}
    yield {"mfa_configuration": "ON", "web_authn_factor": "SINGLE_FACTOR"}
    for name in ALLOWED_FIRST_AUTH_FACTORS:
        yield {"allowed_first_auth_factors": set(ALLOWED_FIRST_AUTH_FACTORS) - {name}}
    yield {"device_configuration": False}
    yield {"user_pool_tier": "LITE"}
    yield {"email_sending_account": "COGNITO_DEFAULT"}
    for name in CURRENT_VALUES:
        yield {"explicit_auth_flows": set(CURRENT_VALUES) - {name}}
    yield {"enable_token_revocation": False}
    yield {"refresh_token_rotation": "ENABLED"}


_NO_LAMBDA: Final[dict[str, Any]] = {"lambda_config": ()}


@cache
def _questions() -> tuple[PoolSettings, ...]:
    """Pools of which a setting is known, and of the others also that no Lambda function leads."""
    plain = [PoolSettings(**told) for told in ({}, _NO_LAMBDA, *_one_by_one())]
    return (*plain, *(PoolSettings(**told, **_NO_LAMBDA) for told in _one_by_one()))


def _told(why: Callable[[PoolSettings], str | None]) -> tuple[str, ...]:
    """The reasons, one setting at a time.

    Where a Lambda function leads it may name any challenge, so most are ruled out only where none
    does; what needs one is ruled out by that alone.
    """
    _, without, *more = (why(each) for each in _questions())
    reasons = [without, *more[: len(more) // 2]] if without else more
    return tuple(dict.fromkeys(each for each in reasons if each))


@cache
def limits_of_state(state: State, role: Role | None = None) -> tuple[str, ...]:
    """The settings that keep everybody from a state, but for what a Lambda function names.

    Args:
        state: the state.
        role: which factor it is, for EMAIL_OTP; None is either.
    """
    return _told(lambda told: told.unreachable(state, role))


def limits_of_response(response: type[Response]) -> tuple[str, ...]:
    """The settings that keep everybody from giving a response with any success."""
    arrows = [a for a in TRANSITIONS if a.response is response and a.dest is not State.FAILED]

    def why(told: PoolSettings) -> str | None:
        reasons = [told.ruled_out(arrow) for arrow in arrows]
        return None if None in reasons else Counter(reasons).most_common(1)[0][0]

    return _told(why)
