"""Signs in with asyncio, through an aiobotocore client or a plain boto3 one; never blocks the event loop.

    from aiobotocore.session import get_session

    async with get_session().create_client("cognito-idp", region_name="eu-west-1") as client:
        cognito = AsyncCognito(client, client_id="...", pool_id="eu-west-1_AbCdEfGhI")
        flow = await cognito.sign_in("ada", "correct horse battery staple")
        while not flow.done:
            await flow.answer(Code(await ask_user(flow.challenge)))

With a plain boto3 client the calls run in threads, at most as many at once as the client has connections. With
either client the SRP computations run in threads. `start`, `resume`, `seal` and `cancel` are not coroutine functions.
If an await is cancelled (`task.cancel()`, `asyncio.timeout`) during a computation or a request that may be repeated,
the result is dropped, and the sign-in stays as the previous reply left it. Any other request is completed, with the
automatic steps after it, so that for example a rotated refresh token is not lost. The cancelled call waits for them for
at most two seconds; then they continue in the background. Until they end, other calls raise InvalidOperation (WAIT).
Afterwards the sign-in has the state and tokens of the last reply.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, nullcontext
from contextvars import copy_context
from datetime import timedelta
from inspect import isawaitable
from typing import Any, ClassVar, Final

from authfsm.base.secret import Secret, secret, wrap_text
from authfsm.core.device import Device
from authfsm.core.wire_requests import Request
from authfsm.drivers.account import AsyncCognitoAccount
from authfsm.drivers.background import in_background
from authfsm.drivers.base_flow import BaseCognito
from authfsm.drivers.flow_steps import ONE_MINUTE, Effect, Effects, FlowSteps, T
from authfsm.drivers.transport import send_request, send_request_async
from authfsm.protocol import responses as r
from authfsm.protocol.account_requests import Confirmed
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import InvalidOperation
from authfsm.protocol.replies import Tokens
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State

CANCELLATION_DELAY: Final = 2.0
"""Seconds that a cancelled call waits for a request that must not be repeated, and for the steps after it."""


class AsyncCognito(BaseCognito[Any, "AsyncFlow"]):
    """A user pool and one of its app clients, used with asyncio.

    Args: as `Cognito`, but `client` is an aiobotocore `cognito-idp` client, within its `async with`, or any
    boto3 client. If `client_secret` is a function, it is called in a thread, and it may be a coroutine function.
    Observers are called in the loop's thread.

    Raises:
        ValueError: `pool_id` is not the id of a user pool, or `clock` has no time zone.
        TypeError: `client` is the result of `create_client(...)` itself; pass what `async with` yields.
    """

    _ACCEPTS_ASYNC: ClassVar[bool] = True
    _threads: Executor | None = None

    async def sign_in(
        self,
        username: str | Confirmed,
        password: str | Secret[str] | None = None,
        *,
        flow: str = "USER_SRP_AUTH",
        preferred_challenge: str | None = None,
        device: Device | None = None,
        client_metadata: Mapping[str, str] | None = None,
        walk: bool = True,
    ) -> AsyncFlow:
        """See `Cognito.sign_in`. To keep the flow if the call is cancelled, call `start` and then `AsyncFlow.begin`."""
        password = secret(password)
        new_flow = self.start(password, device=device, client_metadata=client_metadata, walk=walk)
        await new_flow.begin(flow, username, preferred_challenge)
        return new_flow

    async def refresh(
        self,
        refresh_token: str | Secret[str],
        *,
        username: str | None = None,
        device_key: str | None = None,
        by_initiate_auth: bool = False,
    ) -> Tokens:
        """See `Cognito.refresh`. If it is cancelled, the new tokens are lost: `AsyncFlow.refresh` keeps them."""
        refresh_token = secret(refresh_token)
        return await self.start().refresh(
            refresh_token, username=username, device_key=device_key, by_initiate_auth=by_initiate_auth
        )

    @property
    def account(self) -> AsyncCognitoAccount:
        """See `Cognito.account`; await what its methods return."""
        return AsyncCognitoAccount(self)

    async def sign_out(
        self,
        refresh_token: str | Secret[str],
        everywhere: bool = False,  # noqa: FBT001, FBT002 - as Cognito.sign_out
        *,
        device_key: str | None = None,
    ) -> None:
        """See `Cognito.sign_out`."""
        refresh_token = secret(refresh_token)
        flow = self.start()
        await flow._run(flow._sign_out_steps(refresh_token or Secret(""), device_key, everywhere=everywhere))  # noqa: SLF001 - same module

    async def confirm_device(self, tokens: Tokens, name: str | None = None) -> Device:
        """See `Cognito.confirm_device`. If it is cancelled, the device is lost: `AsyncFlow.confirm_device` keeps it."""
        flow = self.start()
        return await flow._run(flow._confirm_device_of(tokens, name))  # noqa: SLF001 - same module

    def _flow_class(self) -> type[AsyncFlow]:
        return AsyncFlow

    async def _in_thread(self, function: Callable[..., T], *args: Any) -> T:
        """Run a function in a thread. If the await is cancelled, the function's result is dropped."""
        if self._threads is None:
            # Not the default executor of the loop: it has few threads, and the loop needs them to resolve host names.
            connections = self.client.meta.config.max_pool_connections
            count = (os.cpu_count() or 1) if self._client_is_async else connections
            self._threads = ThreadPoolExecutor(count, thread_name_prefix="authfsm")
        # Like asyncio.to_thread: the client's event handlers that log or trace need the caller's context.
        run = copy_context().run
        return await asyncio.get_running_loop().run_in_executor(self._threads, run, function, *args)

    async def _run(
        self,
        steps: Effects[T],
        state: Callable[[], State | None],
        exclusive: AbstractContextManager[object] = nullcontext(),  # noqa: B008 - it has no state
        effect: Effect | None = None,
    ) -> T:
        """Perform the effects of a generator within `exclusive`, and return its value, without blocking the event loop.

        The first request that must not be repeated, and all effects after it, are performed in a separate task, which
        a cancellation of this call does not end. That task calls this method with the request as `effect`.
        """
        with ExitStack() as stack:
            stack.enter_context(exclusive)
            background = effect is not None
            try:
                effect = effect or next(steps)
                while background or not isinstance(effect, Request) or effect.repeatable:
                    try:
                        result = await self._perform(effect, state())
                    except BaseException as error:  # noqa: BLE001, PERF203 - cancellation too: the generator decides
                        effect = steps.throw(error)
                    else:
                        effect = steps.send(result)
            except StopIteration as end:
                value: T = end.value
                return value
            rest = in_background(self._run(steps, state, stack.pop_all(), effect))
        try:
            return await asyncio.shield(rest)
        except asyncio.CancelledError:
            await asyncio.wait([rest], timeout=CANCELLATION_DELAY)
            raise

    async def _perform(self, effect: Effect, state: State | None) -> Any:
        if isinstance(effect, Request):
            if self._client_is_async:
                return await send_request_async(self.client, effect, state)
            return await self._in_thread(send_request, self.client, effect, state)
        result = await self._in_thread(effect)
        return wrap_text(await result) if isawaitable(result) else result


class AsyncFlow(FlowSteps):
    """One sign-in with asyncio: like `Flow`, but the methods that send requests or compute are coroutine functions."""

    cognito: AsyncCognito

    async def begin(self, flow: str, username: str | Confirmed, preferred_challenge: str | None = None) -> State:
        """See `Flow.begin`."""
        return await self._run(self._begin_steps(flow, username, preferred_challenge))

    async def answer(self, response: Response) -> State:
        """See `Flow.answer`."""
        response = wrap_text(response)  # as in `Flow.answer`
        return await self._run(self._answer_steps(response))

    async def step(self) -> State:
        """See `Flow.step`."""
        return await self._run(self._single_step())

    async def carry(self, response: type[Response], *args: Any, **kwargs: Any) -> State:
        """See `Flow.carry`; for `authfsm.build(driver=flow.carry, machine_cls=AsyncMachine)`."""
        response, args, kwargs = r.wrap_call(response, args, kwargs)
        return await self._run(self._carry_steps(response, *args, **kwargs))

    async def restart(self, password: str | Secret[str] | None = None) -> AsyncFlow:
        """See `Flow.restart`."""
        password = secret(password)
        new_flow, auth_flow, username = self._abandon_and_start(password)
        await new_flow.begin(auth_flow, username, self.preferred_challenge)
        return new_flow

    async def confirm_device(self, name: str | None = None) -> Device:
        """See `Flow.confirm_device`."""
        return await self._run(self._confirm_device_steps(name))

    async def refresh(
        self,
        refresh_token: str | Secret[str] | None = None,
        *,
        username: str | None = None,
        device_key: str | None = None,
        by_initiate_auth: bool = False,
    ) -> Tokens:
        """See `Flow.refresh`."""
        refresh_token = secret(refresh_token)
        return await self._run(
            self._refresh_steps(refresh_token, username, device_key, by_initiate_auth=by_initiate_auth)
        )

    async def fresh_tokens(self, within: timedelta = ONE_MINUTE) -> Tokens:
        """See `Flow.fresh_tokens`."""
        tokens = self.signed_in()
        if self.tokens_valid_for(within):
            return tokens
        try:
            return await self.refresh()
        except InvalidOperation as error:
            if error.action is RecoveryAction.WAIT and self.tokens_valid_for(timedelta(0)):
                return tokens
            raise

    async def sign_out(self, *, everywhere: bool = False) -> None:
        """See `Flow.sign_out`."""
        await self._run(self._sign_out_steps(everywhere=everywhere))

    async def next_response(self) -> Response | None:
        """See `Flow.next_response`."""
        return await self._run(self._next_response_steps())

    async def initial_response(self, flow: str, username: str, preferred_challenge: str | None = None) -> Response:
        """See `Flow.initial_response`."""
        return await self._run(self._initial_response_steps(flow, username, preferred_challenge))

    async def make_response(self, response: type[Response], *args: Any, **kwargs: Any) -> Response:
        """See `Flow.make_response`."""
        response, args, kwargs = r.wrap_call(response, args, kwargs)
        return await self._run(self._make_response_steps(response, *args, **kwargs))

    async def _run(self, steps: Effects[T]) -> T:
        """Perform the effects of a generator, one generator at a time."""
        return await self.cognito._run(steps, lambda: self.state, self._exclusive())  # noqa: SLF001 - same module
