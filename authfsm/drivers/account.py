"""The operations of users on their own accounts: `cognito.account`, synchronous or for asyncio.

    new = cognito.account.sign_up("ada", password, attributes={"email": "ada@example.com"})
    code = input(f"code sent to {new.delivery.destination}: ")
    confirmed = cognito.account.confirm_sign_up("ada", code, session=new.session)
    flow = cognito.sign_in(confirmed, password)

The arguments of a method are the fields of its request, in `authfsm.protocol.account_requests`. If they are not valid, the
call raises InvalidInput or BadField, and nothing is sent. It may also raise Refused (its class says who is at
fault, and its `action` says what to do next), ConnectionLost, NotSent or MalformedReply. After TRY_AGAIN call the
method again; after START_AGAIN request a new code, or sign in. If a reply was lost, the request may have taken effect.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import getdoc, signature
from typing import Any, ParamSpec, Protocol, TypeVar, cast, overload

from authfsm.core.account import account_value, read_account_reply, write_account_request
from authfsm.drivers.flow_steps import Effects, client_secret_steps
from authfsm.protocol import account_requests as a
from authfsm.protocol.account_requests import AccountRequest, ReplyT
from authfsm.protocol.errors import refused
from authfsm.protocol.replies import Refusal

Fields = ParamSpec("Fields")
Value_co = TypeVar("Value_co", covariant=True)


class _TwinMethod(Protocol[Fields, Value_co]):
    """The type of a method of both classes: in `AsyncCognitoAccount` it returns an awaitable."""

    @overload
    def __get__(self, account: CognitoAccount, owner: Any) -> Callable[Fields, Value_co]: ...
    @overload
    def __get__(self, account: AsyncCognitoAccount, owner: Any) -> Callable[Fields, Awaitable[Value_co]]: ...


def _method(name: str, request_type: Callable[Fields, AccountRequest[Value_co]]) -> _TwinMethod[Fields, Value_co]:
    """Return the method of this name that sends a request; its arguments are those of the request's class."""
    kind: Any = request_type

    def call(self: _Operations, /, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = kind.wrap_arguments(args, kwargs)
        return self._send(kind(*args, **kwargs))

    documented = [each for each in kind.__mro__ if issubclass(each, AccountRequest)][:-1]
    method: Any = call
    method.__doc__, method.__name__ = "\n\n".join(map(str, map(getdoc, documented))), name
    first = next(iter(signature(call).parameters.values()))
    method.__signature__ = signature(call).replace(parameters=[first, *signature(kind).parameters.values()])
    return cast("_TwinMethod[Fields, Value_co]", method)


class _Operations:
    """The base of both classes: the operations of users on their own accounts, with a method for each."""

    def __init__(self, cognito: Any) -> None:
        self._cognito = cognito

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._cognito!r}>"

    def _send(self, request: AccountRequest[ReplyT]) -> Any:
        """Send a request, and return the value in its reply; with `AsyncCognito`, an awaitable of the value."""
        return self._cognito._run(self._steps(request), lambda: None)  # noqa: SLF001 - same package

    def _steps(self, request: AccountRequest[ReplyT]) -> Effects[ReplyT]:
        cognito = self._cognito
        client_secret = yield from client_secret_steps(cognito.client_secret, None)
        api_request = write_account_request(request, cognito.client_id, client_secret)
        reply = read_account_reply(api_request, (yield api_request))
        if isinstance(reply, Refusal):
            raise refused(reply, state=None)
        return account_value(request, reply)

    sign_up = _method("sign_up", a.SignUp)
    confirm_sign_up = _method("confirm_sign_up", a.ConfirmSignUp)
    resend_confirmation_code = _method("resend_confirmation_code", a.ResendConfirmationCode)
    forgot_password = _method("forgot_password", a.ForgotPassword)
    confirm_forgot_password = _method("confirm_forgot_password", a.ConfirmForgotPassword)
    change_password = _method("change_password", a.ChangePassword)
    get_user = _method("get_user", a.GetUser)
    update_attributes = _method("update_attributes", a.UpdateUserAttributes)
    send_attribute_code = _method("send_attribute_code", a.GetUserAttributeVerificationCode)
    verify_attribute = _method("verify_attribute", a.VerifyUserAttribute)
    list_web_authn_credentials = _method("list_web_authn_credentials", a.ListWebAuthnCredentials)
    start_web_authn_registration = _method("start_web_authn_registration", a.StartWebAuthnRegistration)
    complete_web_authn_registration = _method("complete_web_authn_registration", a.CompleteWebAuthnRegistration)
    delete_user = _method("delete_user", a.DeleteUser)


class CognitoAccount(_Operations):
    """The operations of users on their own accounts, through `Cognito`."""


class AsyncCognitoAccount(_Operations):
    """The operations of users on their own accounts, through `AsyncCognito`: await what the methods return."""
