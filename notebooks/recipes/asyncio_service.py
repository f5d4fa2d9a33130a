"""asyncio: a service signs in once, and its tasks share tokens that are refreshed when needed.

    async with signed_in(cognito, "bot", password, code_of_the_bot) as session:
        await asyncio.gather(serve(session), poll(session))

Every task asks the session for a token when it needs one; the first that finds it about to expire refreshes it, and the
others wait for that one request.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from authfsm import AsyncCognito, AsyncFlow, Code, ServiceError, SmsMfa, SoftwareTokenMfa


class Session:
    """The tokens of a service, shared by its tasks.

    Args:
        flow: the finished sign-in.
    """

    def __init__(self, flow: AsyncFlow) -> None:
        self._flow, self._refreshing = flow, asyncio.Lock()

    async def access_token(self) -> str:
        """Return an access token that is valid for a minute at least."""
        async with self._refreshing:
            tokens = await self._flow.fresh_tokens(timedelta(minutes=1))
        return tokens.access_token.reveal()


@asynccontextmanager
async def signed_in(
    cognito: AsyncCognito, username: str, password: str, code: Callable[[], Awaitable[str]]
) -> AsyncIterator[Session]:
    """Sign in, and sign out at the end of the block; the event loop is never blocked."""
    flow = await cognito.sign_in(username, password)
    while not flow.done:
        match flow.challenge:
            case SmsMfa() | SoftwareTokenMfa():
                await flow.answer(Code(await code()))
            case challenge:
                raise RuntimeError(f"the service cannot answer {challenge}")
    try:
        yield Session(flow)
    finally:
        with suppress(ServiceError):  # the tokens expire by themselves
            await flow.sign_out()
