"""After the sign-in: tokens are refreshed and revoked, with both drivers; and the delay after a refusal."""

# A test looks at one state again and again: mypy believes that it cannot have changed.
# mypy: disable-error-code="comparison-overlap"

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import BytesIO
from typing import Any, Protocol

import pytest
from botocore.awsrequest import AWSResponse, HTTPHeaders
from botocore.exceptions import EndpointConnectionError
from joserfc.jwk import RSAKey
from scenario_user_async import BlockingFlow, async_cognito, event_loop_thread

from authfsm import State, new_key
from authfsm.drivers.boto import Flow
from authfsm.local import DeviceConfiguration, LocalPool, ManualClock, RefreshTokenRotation
from authfsm.protocol import responses as r
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import (
    AuthfsmError,
    BadField,
    ConnectionLost,
    InvalidOperation,
    Refused,
    RefusedCaller,
    RefusedForNow,
    RefusedUser,
    WrongResponse,
)
from authfsm.protocol.replies import Tokens

PASSWORD = "Correct-Horse-1"


class SignsIn(Protocol):
    """Signs ada in with one of the drivers."""

    def __call__(self, pool: LocalPool, **more: Any) -> Flow:
        """Return a flow with tokens."""


@pytest.fixture(params=["sync", "async"])
def sign_in(request: pytest.FixtureRequest) -> Iterator[SignsIn]:
    """Return a function that signs in with the sync driver, or with the async one."""

    def sync(pool: LocalPool, **more: Any) -> Flow:
        return pool.cognito().sign_in("ada", PASSWORD, **more)

    if request.param == "sync":
        yield sync
        return
    with event_loop_thread() as run:

        def awaited(pool: LocalPool, **more: Any) -> Flow:
            flow: Any = BlockingFlow(run(async_cognito(pool).sign_in("ada", PASSWORD, **more)), run)
            return flow  # type: ignore[no-any-return]  # it has the methods of a Flow

        yield awaited


@pytest.fixture
def pool_of(signing_key: RSAKey) -> Callable[..., LocalPool]:
    """Return a function that creates a pool with the user ada and a clock that stands still."""

    def make(**settings: Any) -> LocalPool:
        pool = LocalPool(clock=ManualClock(), key=signing_key, **settings)
        pool.add_user("ada", PASSWORD)
        return pool

    return make


PoolOf = Callable[..., LocalPool]


def tokens_of(flow: Flow) -> Tokens:
    """Return the tokens of a flow."""
    assert flow.tokens is not None
    return flow.tokens


def record_requests(flow: Flow) -> list[dict[str, Any]]:
    """Return a list to which each request from now on is added, with its operation."""
    requests: list[dict[str, Any]] = []

    def note(model: Any, params: Any, **_: Any) -> None:
        requests.append({"operation": model.name, **json.loads(params["body"])})

    flow.cognito.client.meta.events.register("before-call.*", note)
    return requests


# ---- refreshing tokens ----------------------------------------------------------------------------------


def test_tokens_are_refreshed_in_place(pool_of: PoolOf, sign_in: SignsIn) -> None:
    """A refresh gives new access and ID tokens, keeps the refresh token, and is one more step."""
    pool = pool_of()
    flow = sign_in(pool)
    old, requests = tokens_of(flow), record_requests(flow)

    new = flow.refresh()

    assert new == flow.tokens
    assert new.access_token != old.access_token
    assert new.id_token != old.id_token
    assert new.refresh_token == old.refresh_token
    assert flow.state is State.AUTHENTICATED
    assert [step.response for step in flow.history][2:] == [r.GetTokensFromRefreshToken]
    assert [each["operation"] for each in requests] == ["GetTokensFromRefreshToken"]


def test_rotation_brings_a_new_refresh_token_each_time(pool_of: PoolOf, sign_in: SignsIn) -> None:
    """With RefreshTokenRotation each refresh returns a new refresh token and ends the old one.

    The flow has the newest.
    """
    flow = sign_in(pool_of(refresh_token_rotation=RefreshTokenRotation()))
    refresh_tokens = [tokens_of(flow).refresh_token]
    refresh_tokens += [flow.refresh().refresh_token for _ in range(3)]

    assert len(set(refresh_tokens)) == 4
    with pytest.raises(RefusedCaller, match="reuse") as caught:
        flow.refresh(refresh_tokens[0])
    assert caught.value.action is RecoveryAction.START_AGAIN
    assert (flow.state, tokens_of(flow).refresh_token) == (State.AUTHENTICATED, refresh_tokens[-1])
    assert flow.refresh().refresh_token not in refresh_tokens


def test_refresh_token_auth_sends_device_and_secret_hash(pool_of: PoolOf, sign_in: SignsIn) -> None:
    """REFRESH_TOKEN_AUTH sends DEVICE_KEY, and a SECRET_HASH of the real name instead of the alias."""
    pool = pool_of(client_secret=True, aliases=["email"], device=DeviceConfiguration())
    pool.add_user("grace", PASSWORD, email="grace@example.com")
    flow = sign_in(pool)
    device = flow.confirm_device()
    requests = record_requests(flow)
    flow.refresh(by_initiate_auth=True)

    assert [each["AuthFlow"] for each in requests] == ["REFRESH_TOKEN_AUTH"]
    parameters = requests[0]["AuthParameters"]
    assert parameters.keys() == {"REFRESH_TOKEN", "SECRET_HASH", "DEVICE_KEY"}
    assert parameters["DEVICE_KEY"] == device.device_key


def test_by_an_alias_the_secret_hash_is_over_the_name(pool_of: PoolOf) -> None:
    """After a sign-in by an alias the refresh uses the real name, from the tokens."""
    pool = pool_of(client_secret=True, aliases=["email"])
    pool.add_user("grace", PASSWORD, email="grace@example.com")
    for flow_name in ("USER_SRP_AUTH", "USER_PASSWORD_AUTH"):
        flow = pool.cognito().sign_in("grace@example.com", PASSWORD, flow=flow_name)
        before = tokens_of(flow).access_token

        assert flow.refresh(by_initiate_auth=True).access_token != before
        assert flow.signin.username == "grace"


def test_a_refused_refresh_keeps_the_tokens(pool_of: PoolOf, sign_in: SignsIn) -> None:
    """A revoked refresh token is refused with START_AGAIN and no fault of anybody.

    The flow keeps its tokens.
    """
    pool = pool_of()
    flow = sign_in(pool)
    tokens = tokens_of(flow)
    pool.client().admin_user_global_sign_out(UserPoolId=pool.pool_id, Username="ada")

    with pytest.raises(RefusedForNow) as caught:
        flow.refresh()

    assert caught.value.action is RecoveryAction.START_AGAIN
    assert (flow.state, flow.tokens) == (State.AUTHENTICATED, tokens)


def test_a_refresh_needs_tokens(pool_of: PoolOf) -> None:
    """In a flow that has just started, refresh() raises BadField and fresh_tokens() InvalidOperation."""
    flow = pool_of().cognito().start()

    with pytest.raises(BadField, match="refresh_token"):
        flow.refresh()
    with pytest.raises(InvalidOperation, match="no tokens"):
        flow.fresh_tokens()
    assert flow.history == ()


# ---- fresh_tokens ---------------------------------------------------------------------------------------


def test_tokens_are_refreshed_before_they_expire(pool_of: PoolOf, sign_in: SignsIn) -> None:
    """fresh_tokens() sends nothing until one minute before the tokens expire."""
    pool = pool_of()
    clock: Any = pool.clock
    flow = sign_in(pool)
    tokens = tokens_of(flow)
    assert tokens.expires_in == 3600
    assert tokens.expires_at == clock() + timedelta(hours=1)
    requests = record_requests(flow)

    clock.advance(3600 - 61)
    assert flow.fresh_tokens() is flow.tokens
    assert flow.fresh_tokens(timedelta(0)) == tokens
    assert requests == []
    clock.advance(1)
    fresh = flow.fresh_tokens()
    assert fresh.access_token != tokens.access_token
    assert fresh.expires_at == clock() + timedelta(hours=1)
    assert flow.fresh_tokens() is flow.tokens
    assert len(requests) == 1
    flow.fresh_tokens(timedelta(hours=2))
    assert len(requests) == 2


def test_during_a_refresh_the_present_tokens_are_returned(pool_of: PoolOf) -> None:
    """While one request refreshes, others get the present tokens if they are valid, else WAIT."""
    pool = pool_of()
    clock: Any = pool.clock

    async def converse() -> None:
        flow = await async_cognito(pool).sign_in("ada", PASSWORD)
        old = flow.tokens
        clock.advance(3600 - 10)
        results = await asyncio.gather(*(flow.fresh_tokens() for _ in range(5)))
        assert results == [flow.tokens, old, old, old, old]
        assert flow.tokens != old
        assert [step.number for step in flow.history] == [1, 2, 3]

        clock.advance(3600)
        first, *others = await asyncio.gather(*(flow.fresh_tokens() for _ in range(3)), return_exceptions=True)
        assert first == flow.tokens
        assert [getattr(each, "action", None) for each in others] == [RecoveryAction.WAIT] * 2

    asyncio.run(converse())


# ---- signing out ----------------------------------------------------------------------------------------


def test_signing_out_here_leaves_other_sessions(pool_of: PoolOf, sign_in: SignsIn) -> None:
    """RevokeToken ends this session only; the flow is in START and has no tokens."""
    pool = pool_of(client_secret=True)
    here, there = sign_in(pool), sign_in(pool)
    token = tokens_of(here).refresh_token
    requests = record_requests(here)

    here.sign_out()

    assert [each["operation"] for each in requests] == ["RevokeToken"]
    assert (here.state, here.tokens, here.done) == (State.START, None, False)
    with pytest.raises(RefusedForNow):
        pool.cognito().refresh(token or "")
    assert there.refresh() == there.tokens
    with pytest.raises(WrongResponse) as caught:
        here.sign_out()
    assert caught.value.state is State.START


def test_signing_out_everywhere(pool_of: PoolOf, sign_in: SignsIn) -> None:
    """GlobalSignOut ends every session of the user, and their access tokens are refused."""
    pool = pool_of()
    here, there = sign_in(pool), sign_in(pool)
    requests = record_requests(here)

    here.sign_out(everywhere=True)

    assert [each["operation"] for each in requests] == ["GlobalSignOut"]
    assert (here.state, here.tokens) == (State.START, None)
    for late in (there.refresh, lambda: there.sign_out(everywhere=True)):
        with pytest.raises(Refused):
            late()
    assert there.state is State.AUTHENTICATED


def test_the_same_flow_can_sign_in_again(pool_of: PoolOf, sign_in: SignsIn) -> None:
    """After signing out the flow accepts START's responses, and its history continues."""
    flow = sign_in(pool_of())
    flow.sign_out()

    flow.answer(r.UserPasswordAuth("ada", PASSWORD))

    assert [str(step.dest) for step in flow.history] == [
        "PASSWORD_VERIFIER", "AUTHENTICATED", "START", "AUTHENTICATED",
    ]  # fmt: skip


# ---- lost replies to ConfirmDevice ----------------------------------------------------------------------


@pytest.mark.parametrize("received", [True, False])
def test_a_lost_confirmation_can_be_repeated(
    pool_of: PoolOf,
    sign_in: SignsIn,
    received: bool,  # noqa: FBT001 - a test's case
) -> None:
    """If the reply to ConfirmDevice is lost, repeating it confirms the same device, also after it was throttled."""
    pool = pool_of(device=DeviceConfiguration(device_only_remembered_on_user_prompt=True))
    flow = sign_in(pool)
    events: Any = flow.cognito.client.meta.events
    event = f"{'needs-retry' if received else 'before-call'}.cognito-identity-provider.ConfirmDevice"

    def lost(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://nowhere.example")

    events.register_first(event, lost)
    with pytest.raises(ConnectionLost):
        flow.confirm_device("laptop")
    events.unregister(event, lost)
    error = {"Code": "TooManyRequestsException", "Message": "Rate exceeded"}
    throttled = AWSResponse("https://nowhere.example", 400, HTTPHeaders(), None), {"Error": error}
    events.register_first(event.replace("needs-retry", "before-call"), refuse := lambda **_: throttled)
    with pytest.raises(RefusedForNow):
        flow.confirm_device("laptop")
    events.unregister(event.replace("needs-retry", "before-call"), refuse)
    assert flow.device is None
    device = flow.confirm_device("laptop")

    again = pool.cognito(device=device).sign_in("ada", PASSWORD)
    assert [str(step.dest) for step in again.history][1:] == [
        "DEVICE_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER", "AUTHENTICATED",
    ]  # fmt: skip


def test_a_device_that_is_confirmed_is_not_confirmed_twice(pool_of: PoolOf, sign_in: SignsIn) -> None:
    """Confirmed tokens have no new device; without a lost reply, "already exists" is an error each time.

    The other tab has the tokens from before the confirmation.
    """
    pool, key = pool_of(device=DeviceConfiguration()), new_key()
    flow = sign_in(pool)
    other = pool.cognito().resume_tokens(tokens_of(flow).seal(key), key)
    device = flow.confirm_device()

    for _ in range(2):
        with pytest.raises(InvalidOperation, match="no new device"):
            flow.confirm_device()
        with pytest.raises(RefusedCaller, match="DeviceKeyExists"):
            other.confirm_device()
        flow.refresh()
    assert (tokens_of(flow).new_device, tokens_of(flow).device_key) == (None, device.device_key)
    assert (flow.device, other.device) == (device, None)
    resumed = pool.cognito().resume_tokens(tokens_of(flow).seal(key), key)
    assert (tokens_of(resumed).new_device, resumed.refresh().device_key) == (None, device.device_key)


# ---- delays ---------------------------------------------------------------------------------------------


class Raw(BytesIO):
    """The raw response from which botocore reads a body."""

    def stream(self, **_: object) -> Iterator[bytes]:
        """Yield the body, in one piece."""
        yield self.read()


def throttle(headers: dict[str, str], status: int = 400) -> Any:
    """Return a handler of boto3's that answers like Cognito after too many requests."""
    body = json.dumps({"__type": "TooManyRequestsException", "message": "Rate exceeded"}).encode()
    fields: Any = HTTPHeaders.from_pairs(list(headers.items()))
    return lambda **_: AWSResponse("https://nowhere.example", status, fields, Raw(body))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 1.0),
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": "120"}, 120.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 1.0),
        ({"Retry-After": "-5"}, 1.0),
        ({"Retry-After": "soon"}, 1.0),
    ],
)
def test_throttling_says_how_long(pool_of: PoolOf, sign_in: SignsIn, headers: dict[str, str], seconds: float) -> None:
    """A throttled request has the delay of Retry-After, or one second without a valid one.

    Then the answer succeeds.
    """
    pool = pool_of()
    flow = sign_in(pool)
    answers, events = throttle(headers), flow.cognito.client.meta.events
    events.register_first("before-send.*", answers)
    retries = "needs-retry.cognito-identity-provider"
    events.unregister(retries, unique_id="retry-config-cognito-identity-provider")
    with pytest.raises(RefusedForNow) as caught:
        flow.refresh()
    events.unregister("before-send.*", answers)

    error = caught.value
    assert (error.action, error.retry_after, error.survives) == (RecoveryAction.WAIT, seconds, True)
    assert flow.refresh() == flow.tokens


def test_a_lockout_has_a_minimum_delay(pool_of: PoolOf) -> None:
    """After five wrong passwords the delay is at least a second and doubles.

    Afterwards the answer may succeed.
    """
    pool = pool_of()
    clock: Any = pool.clock
    for _ in range(5):
        with pytest.raises(RefusedUser) as wrong:
            pool.cognito().sign_in("ada", "Wrong-Horse-1")
        assert wrong.value.retry_after is None
    with pytest.raises(RefusedForNow) as caught:
        pool.cognito().sign_in("ada", PASSWORD)

    assert (caught.value.action, caught.value.retry_after) == (RecoveryAction.WAIT_OUT, 1.0)
    clock.advance(caught.value.retry_after)
    assert pool.cognito().sign_in("ada", PASSWORD).state is State.AUTHENTICATED


def test_a_lost_connection_has_a_delay(pool_of: PoolOf) -> None:
    """A lost connection has a delay of one second; retry_after is None if waiting does not help."""
    error: AuthfsmError = ConnectionLost("EndpointConnectionError", state=State.START)
    assert error.retry_after == 1.0

    with pytest.raises(WrongResponse) as caught:
        pool_of().cognito().start().answer(r.Code("123456"))
    assert caught.value.retry_after is None
