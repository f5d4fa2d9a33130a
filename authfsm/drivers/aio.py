"""Cognito from an event loop, through an aiobotocore client or a plain boto3 one; the loop is never blocked.

    from aiobotocore.session import get_session

    async with get_session().create_client("cognito-idp", region_name="eu-west-1") as client:
        cognito = AsyncCognito(client, client_id="...", pool_id="eu-west-1_AbCdEfGhI")
        flow = await cognito.sign_in("ada", "correct horse battery staple")
        while not flow.done:
            await flow.answer(Code(await asked(flow.challenge)))

A plain boto3 client serves as well: its calls run in threads, as many at once as it has connections. So
does the arithmetic of SRP with either client. What does no I/O is not awaited: `start`, `resume`, `seal`,
`cancel`. Cancelling an await (`task.cancel()`, `asyncio.timeout`) leaves the sign-in where it stood, to be
answered again. As after a lost connection, Cognito may have heard the answer all the same.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta
from typing import Any, ClassVar

from authfsm.base.secret import Secret, secret
from authfsm.core.device import Device
from authfsm.core.sealing import Key, wrapped_keys
from authfsm.core.signin import SignIn
from authfsm.core.wire_requests import Request
from authfsm.drivers.app_client import BaseCognito
from authfsm.drivers.flow_steps import A_MINUTE, Course, CpuTask, FlowSteps, T
from authfsm.drivers.transport import send_request, send_request_async
from authfsm.protocol import responses as r
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import InvalidOperation
from authfsm.protocol.replies import Tokens
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State


class AsyncCognito(BaseCognito[Any]):
    """A user pool and one of its app clients, reached from an event loop.

    Args:
        client: an aiobotocore `cognito-idp` client, within its `async with`; or any boto3 one.
        client_id: the app client's id.
        pool_id: the user pool's id (`eu-west-1_AbCdEfGhI`); SRP and `admin` need it.
        client_secret: the app client's secret, if it has one.
        device: the remembered device this runs on.
        admin: use the administrators' operations; the client's credentials must allow them.
        clock: gives the present time, with a time zone; UTC now.
        entropy: gives that many random bytes; the operating system's.
        observers: told of each step of each sign-in (`authfsm.observers`), in the loop's thread.
        session_lifetime: the app client's AuthSessionValidity: a sealed sign-in is not resumed after.

    Raises:
        ValueError: `pool_id` is no user pool's id.
        TypeError: that is not a client yet: aiobotocore's comes of `async with`.
    """

    _AWAITS: ClassVar[bool] = True
    _threads: Executor | None = None

    def start(
        self,
        password: str | Secret[str] | None = None,
        *,
        device: Device | None = None,
        client_metadata: Mapping[str, str] | None = None,
        walk: bool = True,
    ) -> AsyncFlow:
        """A sign-in that has not begun, as `Cognito.start`; not awaited.

        Args:
            password: for the proofs by SRP on the way.
            device: in place of this object's own.
            client_metadata: for the pool's Lambda triggers, with what the flow sends by itself.
            walk: go on by itself through what needs no person.
        """
        password = secret(password)
        signin = self._signin(device)
        return AsyncFlow(self, signin, password, client_metadata=client_metadata or {}, walk=walk)

    def resume(self, sealed: str | bytes | None, key: Key) -> AsyncFlow:
        """The sign-in that `seal` sealed, by this driver or the other, ready for its answer; not awaited.

        Args:
            sealed: what `seal` made; None, where a browser brought nothing.
            key: the key, or several: all open.

        Raises:
            SealError, BadKey: as `Cognito.resume`.
        """
        key = wrapped_keys(key)
        held = self._unsealed(sealed, key)
        flow = AsyncFlow(self, held.signin, None, client_metadata={}, walk=held.walk)
        flow._take_up(held)  # noqa: SLF001 - a flow of ours
        return flow

    async def sign_in(
        self,
        username: str,
        password: str | Secret[str] | None = None,
        *,
        flow: str = "USER_SRP_AUTH",
        preferred_challenge: str | None = None,
        device: Device | None = None,
        client_metadata: Mapping[str, str] | None = None,
        walk: bool = True,
    ) -> AsyncFlow:
        """Begin to sign in, and go on until a person is needed or the tokens are here.

        Who cancels this loses the flow; `start` and then `AsyncFlow.begin` keeps it.

        Args:
            username: a user name or an alias.
            password: the password, where the flow wants one.
            flow: the AuthFlow, as for `Cognito.sign_in`.
            preferred_challenge: PREFERRED_CHALLENGE, for USER_AUTH.
            device: the remembered device, in place of this object's own.
            client_metadata: for the pool's Lambda triggers.
            walk: False stops after each step; `AsyncFlow.step` takes the next.

        Raises:
            As `Cognito.sign_in`; an error that the sign-in survives has it as `error.flow`.
        """
        password = secret(password)  # a traceback's frames must not show it
        begun = self.start(password, device=device, client_metadata=client_metadata, walk=walk)
        await begun.begin(flow, username, preferred_challenge)
        return begun

    async def refresh(
        self,
        refresh_token: str | Secret[str],
        *,
        username: str | None = None,
        device_key: str | None = None,
        rotating: bool = True,
    ) -> Tokens:
        """New tokens for a refresh token.

        Args:
            refresh_token: the refresh token.
            username: the user's real name, where the app client has a secret and `rotating` is False.
            device_key: DeviceKey of that session's device, in place of this object's own device.
            rotating: by GetTokensFromRefreshToken, which knows rotation; else by REFRESH_TOKEN_AUTH.

        Raises:
            As `Cognito.refresh`.
        """
        refresh_token = secret(refresh_token)
        flow = self.start()
        return await flow.refresh(
            refresh_token, username=username, device_key=device_key, rotating=rotating
        )

    # ---- inside --------------------------------------------------------------------------------------

    async def _off_the_loop(self, work: Callable[..., T], *given: Any) -> T:
        """In a thread, which changes nothing here: if the await is cancelled, what it finds is let go."""
        if self._threads is None:
            # Threads of our own: those of the loop also look up names, and a few of them may be busy.
            calls = self.client.meta.config.max_pool_connections
            several = (os.cpu_count() or 1) if self._awaited else calls
            self._threads = ThreadPoolExecutor(several, thread_name_prefix="authfsm")
        # As asyncio.to_thread: the context goes along, for whoever traces or logs in a client's hooks.
        run = copy_context().run
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, run, work, *given)

    async def _carried(self, request: Request, state: State) -> Mapping[str, Any]:
        call = getattr(self.client, request.method)
        if self._awaited:
            return await send_request_async(call, request, state)
        return await self._off_the_loop(send_request, call, request, state)


class AsyncFlow(FlowSteps):
    """One sign-in on its way: as `Flow`, awaited.

    Args:
        cognito: the pool and its client.
        signin: the sign-in.
        password: for the proofs by SRP on the way.
        client_metadata: for the pool's Lambda triggers, with what the flow sends by itself.
        walk: go on by itself through what needs no person.
    """

    def __init__(
        self,
        cognito: AsyncCognito,
        signin: SignIn,
        password: str | Secret[str] | None,
        *,
        client_metadata: Mapping[str, str],
        walk: bool,
    ) -> None:
        password = secret(password)
        super().__init__(cognito, signin, password, client_metadata=client_metadata, walk=walk)
        self.cognito = cognito

    async def answer(self, response: Response) -> State:
        """Give a response, hear its reply, and walk on until a person is needed again; as `Flow.answer`.

        Raises:
            As `Flow.answer`; InvalidOperation, with the action WAIT: another answer is under way.
        """
        return await self._take(self._answering(response))

    async def begin(
        self, flow: str, username: str, preferred_challenge: str | None = None
    ) -> State:
        """Give the response that begins a flow; as `Flow.begin`.

        Args:
            flow: the AuthFlow.
            username: a user name or an alias.
            preferred_challenge: PREFERRED_CHALLENGE, for USER_AUTH.

        Raises:
            As `Cognito.sign_in`.
        """
        return await self._take(self._beginning(flow, username, preferred_challenge))

    async def restart(self, password: str | Secret[str] | None = None) -> AsyncFlow:
        """The same sign-in from its beginning, this one being given up; as `Flow.restart`.

        Args:
            password: the password, where the flow wants one: this one's is gone once it is proved.

        Raises:
            As `Flow.restart`.
        """
        password = secret(password)
        name, flow, password = self._given_up(password)
        begun = self.cognito.start(
            password, device=self.device, client_metadata=self._client_metadata, walk=self.walk
        )
        begun.signin.device = self.device  # None too: Cognito has forgotten it
        await begun.begin(flow, name, self.preferred_challenge)
        return begun

    async def step(self) -> State:
        """Take the one step that needs no person; as `Flow.step`.

        Raises:
            As `Flow.step`.
        """
        return await self._take(self._stepping())

    async def carry(self, response: type[Response], *args: Any, **kwargs: Any) -> State:
        """Make a response and give it, one step; as `Flow.carry`.

        This is what stands behind `authfsm.core.machine.build(driver=flow.carry, machine_cls=AsyncMachine)`.

        Args:
            response: its class.
            *args: its fields, or the response itself.
            **kwargs: the same.

        Raises:
            As `Flow.answer`.
        """
        args, kwargs = r.wrap_call(response, args, kwargs)
        return await self._take(self._carrying(response, *args, **kwargs))

    async def next_response(self) -> Response | None:
        """What needs no person in the present state, made ready to be given; None where one is needed."""
        return await self._take(self._following())

    async def initial_response(
        self, flow: str, username: str, preferred_challenge: str | None = None
    ) -> Response:
        """The response that begins a flow, filled in with what this sign-in holds; as `Flow.initial_response`.

        Args:
            flow: the AuthFlow.
            username: a user name or an alias.
            preferred_challenge: for USER_AUTH.

        Raises:
            As `Flow.initial_response`.
        """
        return await self._take(self._opening(flow, username, preferred_challenge))

    async def make_response(self, response: type[Response], *args: Any, **kwargs: Any) -> Response:
        """A response of this class; what it needs from the flow is filled in; as `Flow.make_response`.

        Args:
            response: its class.
            *args: its fields, or the response itself.
            **kwargs: the same.

        Raises:
            As `Flow.make_response`.
        """
        args, kwargs = r.wrap_call(response, args, kwargs)
        return await self._take(self._filled(response, *args, **kwargs))

    async def confirm_device(self, name: str | None = None) -> Device:
        """Make this device known to Cognito; as `Flow.confirm_device`.

        Args:
            name: a name for people to recognise it by.

        Raises:
            As `Flow.confirm_device`.
        """
        return await self._take(self._confirming(name))

    async def refresh(
        self,
        refresh_token: str | Secret[str] | None = None,
        *,
        username: str | None = None,
        device_key: str | None = None,
        rotating: bool = True,
    ) -> Tokens:
        """New tokens in place of those this flow has; as `Flow.refresh`.

        Args:
            refresh_token: another refresh token, in a flow that has just started.
            username: the user's real name, where the app client has a secret and `rotating` is False.
            device_key: DeviceKey of that session's device.
            rotating: by GetTokensFromRefreshToken, which knows rotation; else by REFRESH_TOKEN_AUTH.

        Raises:
            As `Flow.refresh`.
        """
        refresh_token = secret(refresh_token)
        return await self._take(
            self._refreshing(
                rotating=rotating,
                refresh_token=refresh_token,
                username=username,
                device_key=device_key,
            )
        )

    async def fresh_tokens(self, within: timedelta = A_MINUTE) -> Tokens:
        """The tokens, refreshed first if the access token would expire so soon; as `Flow.fresh_tokens`.

        While another refresh is under way, the present ones serve as long as they last.

        Args:
            within: how long they must last.

        Raises:
            As `Flow.fresh_tokens`.
        """
        tokens = self._held()
        if self.lasts(within):
            return tokens
        try:
            return await self.refresh()
        except InvalidOperation as error:
            if error.action is RecoveryAction.WAIT and self.lasts(timedelta(0)):
                return tokens
            raise

    async def sign_out(self, *, everywhere: bool = False) -> None:
        """End this session at Cognito, or all of the user's; as `Flow.sign_out`.

        Args:
            everywhere: end all of the user's sessions, on every device.

        Raises:
            As `Flow.sign_out`.
        """
        await self._take(self._answering(r.GlobalSignOut() if everywhere else r.RevokeToken()))

    # ---- inside --------------------------------------------------------------------------------------

    async def _take(self, course: Course[T]) -> T:
        """Go a course to its end, nobody else meanwhile; broken off, it leaves all as it stood."""
        with self._alone():
            try:
                task = next(course)
                while True:
                    try:
                        came = await self._done(task)
                    except BaseException as error:  # noqa: BLE001, PERF203 - cancellation too: the course knows what to do
                        task = course.throw(error)
                    else:
                        task = course.send(came)
            except StopIteration as end:
                result: T = end.value
                return result

    async def _done(self, task: Request | CpuTask[Any]) -> Any:
        if isinstance(task, CpuTask):
            return await self.cognito._off_the_loop(task)  # noqa: SLF001 - of this module
        return await self.cognito._carried(task, self.state)  # noqa: SLF001 - the same
