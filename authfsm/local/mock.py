"""`mock_cognito`: boto3's cognito-idp clients reach a local Cognito instead of AWS, for a test or a block of code.

Suites that were written for moto use `from authfsm.local import mock_cognito as mock_aws`. Unlike moto, a local
Cognito verifies SRP proofs and codes: read the codes from `pool.outbox`.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable
from contextlib import ExitStack, aclosing
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

from authfsm.local.api.pool_operations import check_setting_names
from authfsm.local.api.region import LocalCognito
from authfsm.local.config.pool_configuration import PoolConfiguration

if TYPE_CHECKING:
    from joserfc.jwk import RSAKey

Target = TypeVar("Target", bound=Callable[..., Any])


@functools.cache
def _signing_key() -> RSAKey:
    """Return one key for all pools, since generating a key takes longer than most tests."""
    from joserfc.jwk import RSAKey  # noqa: PLC0415 - slow to load: only mocks need it

    return RSAKey.generate_key(2048, private=True)


class CognitoMock:
    """A mock of boto3's cognito-idp clients: each use creates a `LocalCognito`, whose pools share a signing key."""

    def __init__(self, settings: dict[str, Any]) -> None:
        check_setting_names(settings, PoolConfiguration, names=inspect.signature(LocalCognito).parameters.keys())
        self._settings = settings
        self._running: list[LocalCognito] = []

    @property
    def cognito(self) -> LocalCognito:
        """The newest `LocalCognito` that this mock has in use; raises RuntimeError if it has none."""
        if not self._running:
            raise RuntimeError("mock_cognito() is not in use here: start it, or enter it by `with`")
        return self._running[-1]

    def start(self) -> LocalCognito:
        """Begin to use the mock, and return its new `LocalCognito`; `stop` ends this use."""
        from authfsm.local.api import boto_hook  # noqa: PLC0415 - boto3 takes 0.3 s to load

        cognito = LocalCognito(**{"key": _signing_key(), **self._settings})
        if not _cognitos:
            newest = lambda *request: _cognitos[-1].exchange(*request)  # noqa: E731, PLW0108 - at the time of the request
            boto_hook.answer_all(newest, _restore)
            _serve_keys(_restore)
        _cognitos.append(cognito)
        self._running.append(cognito)
        return cognito

    def stop(self) -> None:
        """End the use that began last."""
        if not self._running:
            raise RuntimeError("mock_cognito() is not in use here: there is nothing to stop")
        _cognitos.remove(self._running.pop())
        if not _cognitos:
            _restore.close()

    def __enter__(self) -> LocalCognito:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __call__(self, target: Target) -> Target:
        """Use the mock for each call of a function, or for each test of a class, also during its setUp and tearDown."""
        own: Any = target
        if not isinstance(target, type):
            decorated: Target = self._decorated(own)
            return decorated
        if hasattr(own, "countTestCases"):  # unittest.TestCase, without importing it
            own.run = self._decorated(own.run)
            return target
        before, after = getattr(own, "setup_method", None), getattr(own, "teardown_method", None)

        def setup_method(test: Any, method: Any = None) -> None:
            self.start()
            with ExitStack() as stack:
                stack.callback(self.stop)
                _call(before, test, method)
                stack.pop_all()

        def teardown_method(test: Any, method: Any = None) -> None:
            with ExitStack() as stack:
                stack.callback(self.stop)
                _call(after, test, method)

        own.setup_method, own.teardown_method = setup_method, teardown_method
        return target

    def _decorated(self, function: Any) -> Any:
        """Return a function that uses the mock while `function` runs, even if it is a generator (such as a fixture)."""

        def call(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        async def call_async(*args: Any, **kwargs: Any) -> Any:
            with self:
                return await function(*args, **kwargs)

        def generate(*args: Any, **kwargs: Any) -> Any:
            with self:
                return (yield from function(*args, **kwargs))

        async def generate_async(*args: Any, **kwargs: Any) -> Any:
            with self:
                async with aclosing(function(*args, **kwargs)) as items:
                    async for item in items:
                        yield item

        form: Callable[..., Any] = generate if inspect.isgeneratorfunction(function) else call
        form = call_async if inspect.iscoroutinefunction(function) else form
        form = generate_async if inspect.isasyncgenfunction(function) else form
        return functools.wraps(function)(form)


def _call(function: Any, test: Any, method: Any) -> None:
    """Call a class's own setup_method or teardown_method, which need not have the argument `method`."""
    if function is not None:
        function(*(test, method)[: len(inspect.signature(function).parameters)])


@overload
def mock_cognito(target: Target, /) -> Target: ...
@overload
def mock_cognito(**settings: Any) -> CognitoMock: ...
def mock_cognito(target: Any = None, /, **settings: Any) -> Any:
    """Make all boto3 cognito-idp clients, also those that exist already, reach a new local Cognito.

    Use it as `with mock_cognito() as cognito:`, by `start()` and `stop()`, or as a decorator of a function or a test
    class (`@mock_cognito()` or `@mock_cognito`). Other services, and clients with an `endpoint_url`, are untouched. The
    mock can be nested with `moto.mock_aws` in either order. urllib, requests and httpx get JWKS from the mock.

    With `accept="all"`, most requests succeed that moto accepts and Cognito refuses; a wrong password or TOTP code is
    still refused. `cognito.accepted` lists the requests that succeeded in this way, with Cognito's errors. Use the list
    to correct the suite step by step, and name fewer checks in `accept`.

    Args:
        target: the function or class that is decorated by `@mock_cognito` without parentheses.
        settings: arguments of `LocalCognito`.

    Raises:
        TypeError: there is no such setting.
    """
    mock = CognitoMock(settings)
    return mock if target is None else mock(target)


_cognitos: Final[list[LocalCognito]] = []
"""The local Cognitos in use. They may be stopped in any order; stopping the last one restores the clients."""
_restore: Final = ExitStack()


def _key_set(url: str) -> bytes | None:
    issuer = url.removesuffix("/.well-known/jwks.json")
    if issuer == url:
        return None
    found = (each.pools.get(issuer.rpartition("/")[2]) for each in reversed(_cognitos))
    pool = next(filter(None, found), None)
    return None if pool is None else json.dumps(pool.jwks()).encode()


def _serve_keys(stack: ExitStack) -> None:
    """Answer requests for the JSON Web Key Sets of the pools in use."""
    from urllib.request import OpenerDirector  # noqa: PLC0415 - takes 30 ms to load: only mocks need it
    from urllib.response import addinfourl  # noqa: PLC0415 - the same

    def answer(owner: Any, name: str, reply: Callable[[Any, str, bytes], Any]) -> None:
        original = getattr(owner, name)

        @functools.wraps(original)
        def send(*args: Any, **kwargs: Any) -> Any:
            request = args[1] if len(args) > 1 else next(iter(kwargs.values()), None)
            url = str(getattr(request, "url", getattr(request, "full_url", request)))
            found = _key_set(url)
            return original(*args, **kwargs) if found is None else reply(request, url, found)

        setattr(owner, name, send)
        stack.callback(setattr, owner, name, original)

    answer(OpenerDirector, "open", lambda _, url, body: addinfourl(BytesIO(body), {}, url, 200))  # type: ignore[arg-type]
    if find_spec("requests"):
        import requests  # noqa: PLC0415 - only if it is installed

        def response(request: Any, url: str, body: bytes) -> Any:
            found = requests.Response()
            found.status_code, found.url, found.request = 200, url, request
            found.raw = BytesIO(body)
            return found

        answer(requests.Session, "send", response)
    if find_spec("httpx"):
        import httpx  # noqa: PLC0415 - only if it is installed

        def reply(request: Any, _: str, body: bytes) -> Any:
            return httpx.Response(200, content=body, request=request)

        async def reply_async(request: Any, url: str, body: bytes) -> Any:
            return reply(request, url, body)

        answer(httpx.HTTPTransport, "handle_request", reply)
        answer(httpx.AsyncHTTPTransport, "handle_async_request", reply_async)
