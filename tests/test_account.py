"""`cognito.account`, with both drivers, on a local pool.

From sign-up to deletion, errors, and the sign-in after it.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import botocore.session
import pytest
from joserfc.jwk import RSAKey

from authfsm import (
    AsyncCognito,
    BadField,
    Cognito,
    Confirmed,
    InvalidInput,
    MalformedReply,
    NotSent,
    OperatorError,
    RecoveryAction,
    Refused,
    Secret,
    State,
    UserError,
)
from authfsm.base.secret import MASK
from authfsm.core.account import account_value, read_account_reply, write_account_request
from authfsm.drivers.account import AsyncCognitoAccount, CognitoAccount
from authfsm.local import CURRENT_FLOW_VALUES, LocalPool, ManualClock, RefreshTokenRotation, Triggers
from authfsm.protocol import account_requests as a
from authfsm.protocol.account_requests import AccountRequest, member_of
from authfsm.protocol.error_policy import ACCOUNT_ERROR_POLICY, ERROR_POLICY, Fault
from authfsm.protocol.replies import Refusal

COGNITO: Any = botocore.session.get_session().get_service_model("cognito-idp")
PASSWORD, NEW = "Correct-h0rse", "New-Passw0rd!"
EMAIL = "ada@example.com"
METHODS = {name: getattr(CognitoAccount, name) for name in dir(CognitoAccount) if not name.startswith("_")}
KINDS = {name: inspect.getclosurevars(method).nonlocals["kind"] for name, method in METHODS.items()}


class BlockingAccount:
    """The methods of one driver's `account` and `sign_in`, called without await."""

    def __init__(self, kind: type[Any], pool: LocalPool, **settings: Any) -> None:
        arguments: dict[str, Any] = {"client_secret": pool.client_secret, **settings}
        self.pool = pool
        self.cognito = kind(pool.client(), client_id=pool.client_id, pool_id=pool.pool_id, **arguments)

    def sign_in(self, *args: Any, **kwargs: Any) -> Any:
        """Sign in with the driver."""
        return _run(lambda: self.cognito.sign_in(*args, **kwargs))

    def token(self, *args: Any) -> Any:
        """Return the access token of a sign-in."""
        return self.sign_in(*args).tokens.access_token

    def code(self) -> str:
        """Return the code of the last message."""
        return str(self.pool.outbox[-1].code.reveal())

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *args, **kwargs: _run(lambda: getattr(self.cognito.account, name)(*args, **kwargs))


def _run(call: Callable[[], Any]) -> Any:
    async def run() -> Any:
        result = call()
        return await result if inspect.isawaitable(result) else result

    return asyncio.run(run())


MakeAccount = Callable[..., BlockingAccount]


@pytest.fixture(params=[Cognito, AsyncCognito], ids=["sync", "async"])
def make_account(request: pytest.FixtureRequest, signing_key: RSAKey) -> MakeAccount:
    """Make one driver of each kind, with a pool of these settings."""

    def make_for_pool(driver: Any = None, **settings: Any) -> BlockingAccount:
        pool = LocalPool(key=signing_key, auto_verified_attributes=["email"], **settings)
        return BlockingAccount(request.param, pool, **(driver or {}))

    return make_for_pool


def refusal(call: Callable[[], Any]) -> Refused:
    """Return the refusal that a call raises."""
    with pytest.raises(Refused) as raised:
        call()
    assert raised.value.state is None
    assert not raised.value.survives
    return raised.value


def test_from_sign_up_to_deletion(make_account: MakeAccount) -> None:
    """A new account is sent another code, confirmed after a wrong code, used, changed and deleted."""
    account = make_account(client_secret=True)
    new = account.sign_up("ada", PASSWORD, attributes={"email": EMAIL})
    assert (new.confirmed, new.session) == (False, None)
    assert (new.delivery.medium, new.delivery.attribute) == ("EMAIL", "email")
    with pytest.raises(UserError) as unconfirmed:
        account.sign_in("ada", PASSWORD)
    assert unconfirmed.value.action is RecoveryAction.CONFIRM_USER

    first = account.code()
    assert account.resend_confirmation_code("ada").destination == new.delivery.destination
    if first != account.code():
        assert refusal(lambda: account.confirm_sign_up("ada", first)).action is RecoveryAction.TRY_AGAIN
    confirmed = account.confirm_sign_up("ada", f"{account.code()[:3]} {account.code()[3:]}")
    assert confirmed == Confirmed("ada")
    assert confirmed.response is None
    assert refusal(lambda: account.confirm_sign_up("ada", first)).action is RecoveryAction.START_AGAIN
    token = account.sign_in(confirmed, PASSWORD).tokens.access_token

    wrong = refusal(lambda: account.change_password(token, NEW, PASSWORD))
    assert (wrong.action, wrong.fault) == (RecoveryAction.TRY_AGAIN, Fault.USER)
    account.change_password(token, PASSWORD, NEW)
    token = account.token("ada", NEW)
    account.delete_user(token)
    with pytest.raises(UserError):
        account.sign_in("ada", NEW)


def test_confirmation_leads_to_a_sign_in_without_a_challenge(make_account: MakeAccount) -> None:
    """If codes are first factors, the Session of ConfirmSignUp leads to tokens without password or code."""
    account = make_account(allowed_first_auth_factors=["PASSWORD", "EMAIL_OTP"])
    new = account.sign_up("ada", attributes={"email": EMAIL})
    confirmed = account.confirm_sign_up(new.username, account.code(), session=new.session)

    flow = account.sign_in(confirmed)

    assert flow.state is State.AUTHENTICATED
    assert [step.source for step in flow.history] == [State.START]
    assert flow.history[0].response.__name__ == "SignedUp"
    message_count = len(account.pool.outbox)
    assert account.sign_in("ada", flow="USER_AUTH", preferred_challenge="EMAIL_OTP").state is State.EMAIL_OTP
    assert len(account.pool.outbox) == message_count + 1
    with pytest.raises(Refused) as used:  # the Session is good for one sign-in
        account.sign_in(confirmed)
    assert used.value.flow is not None


@pytest.mark.parametrize(
    ("password", "options", "first", "state"),
    [
        (None, {}, "SignedUp", State.AUTHENTICATED),
        (None, {"flow": "USER_AUTH"}, "SignedUp", State.AUTHENTICATED),
        (None, {"flow": "USER_AUTH", "preferred_challenge": "EMAIL_OTP"}, "UserAuth", State.EMAIL_OTP),
        (None, {"flow": "CUSTOM_AUTH"}, "CustomAuth", State.FAILED),
        (PASSWORD, {}, "UserSrpAuth", State.AUTHENTICATED),
        (PASSWORD, {"flow": "USER_PASSWORD_AUTH"}, "UserPasswordAuth", State.AUTHENTICATED),
        (PASSWORD, {"flow": "USER_AUTH"}, "UserAuthWithSrp", State.AUTHENTICATED),
        (NEW, {}, "UserSrpAuth", State.FAILED),
        (NEW, {"flow": "USER_AUTH"}, "UserAuthWithSrp", State.FAILED),
    ],
)
def test_the_session_of_a_confirmation_replaces_nothing_that_is_passed(
    make_account: MakeAccount, password: str | None, options: dict[str, str], first: str, state: State
) -> None:
    """A password, a flow or a preferred challenge that is passed with a `Confirmed` is used, not the Session."""
    account = make_account(
        allowed_first_auth_factors=["PASSWORD", "EMAIL_OTP"], explicit_auth_flows=CURRENT_FLOW_VALUES
    )
    new = account.sign_up("ada", PASSWORD, attributes={"email": EMAIL})
    confirmed = account.confirm_sign_up("ada", account.code(), session=new.session)

    flow: Any
    try:
        flow = account.sign_in(confirmed, password, **options)
    except Refused as error:
        flow = error.flow

    assert (flow.history[0].response.__name__, flow.state) == (first, state)


def test_a_password_signs_in_after_the_session_of_the_confirmation_has_expired(make_account: MakeAccount) -> None:
    """A right password is verified although the Session has expired; a flow that needs a password still requires it."""
    clock = ManualClock()
    account = make_account(allowed_first_auth_factors=["PASSWORD", "EMAIL_OTP"], clock=clock)
    new = account.sign_up("ada", PASSWORD, attributes={"email": EMAIL})
    confirmed = account.confirm_sign_up("ada", account.code(), session=new.session)
    clock.advance(timedelta(minutes=5))

    assert account.sign_in(confirmed, PASSWORD).state is State.AUTHENTICATED
    with pytest.raises(ValueError, match="USER_PASSWORD_AUTH needs the password"):
        account.sign_in(confirmed, flow="USER_PASSWORD_AUTH")


def test_a_forgotten_password_and_then_the_sign_in(make_account: MakeAccount) -> None:
    """A sign-in with the action RESET_PASSWORD continues with ForgotPassword, and then with a sign-in."""
    account = make_account()
    account.pool.add_user("ada", PASSWORD, email=EMAIL, status="RESET_REQUIRED")
    with pytest.raises(Refused) as required:
        account.sign_in("ada", PASSWORD)
    assert required.value.action is RecoveryAction.RESET_PASSWORD

    assert account.forgot_password("ada").attribute == "email"
    short = refusal(lambda: account.confirm_forgot_password("ada", account.code(), "short"))
    assert short.action is RecoveryAction.TRY_AGAIN
    confirmed = account.confirm_forgot_password("ada", account.code(), NEW)

    assert account.sign_in(confirmed, NEW).state is State.AUTHENTICATED
    assert account.pool.user("ada").status == "CONFIRMED"
    with pytest.raises(ValueError, match="needs the password"):
        account.sign_in(confirmed)


def test_attributes_and_their_verification(make_account: MakeAccount) -> None:
    """A new address is stored; its code comes automatically or by request, and verifies it."""
    account = make_account()
    account.pool.add_user("ada", PASSWORD, email=EMAIL, attributes={"name": "Ada"})
    token = account.token("ada", PASSWORD)

    (delivery,) = account.update_attributes(token, {"email": "new@example.com", "name": ""})
    profile = account.get_user(token)
    assert profile.attributes["email_verified"] == "false"
    assert "name" not in profile.attributes
    assert (profile.username, profile.mfa, profile.preferred_mfa) == ("ada", (), None)
    assert "new@example.com" not in repr(profile)
    assert account.send_attribute_code(token, "email") == delivery
    account.verify_attribute(token, "email", account.code())

    assert account.get_user(token).attributes["email_verified"] == "true"


def test_a_secret_that_is_a_function(make_account: MakeAccount) -> None:
    """A function that returns the client secret is called before each request.

    If it fails, nothing is sent.
    """
    secrets: list[Any] = []
    account = make_account(client_secret=True, driver={"client_secret": lambda: secrets[-1]})
    secrets += [account.pool.client_secret]
    account.sign_up("ada", PASSWORD)
    secrets += [None]

    with pytest.raises(NotSent, match="returned no secret"):
        account.sign_up("eve", PASSWORD)
    secrets += [Secret("wrong")]
    assert refusal(lambda: account.forgot_password("ada")).fault is Fault.CALLER


@pytest.mark.parametrize(
    ("trigger", "call"),
    [
        ("pre_sign_up", lambda driven: driven.sign_up("eve", PASSWORD)),
        ("pre_authentication", lambda driven: driven.sign_in("ada", PASSWORD)),
        ("pre_token_generation", lambda driven: driven.sign_in("ada", PASSWORD)),
    ],
)
def test_a_lambda_function_denies_a_user(make_account: MakeAccount, trigger: str, call: Callable[..., Any]) -> None:
    """A function that raises denies the sign-up or the sign-in: OperatorError, status 403, with the function's text."""

    def denying(_: Any) -> Any:
        raise PermissionError("only company addresses")

    functions: dict[str, Any] = {trigger: denying}
    driven = make_account(triggers=Triggers(**functions))
    driven.pool.add_user("ada", PASSWORD)
    with pytest.raises(OperatorError, match="failed with error only company addresses") as caught:
        call(driven)
    assert caught.value.http_status == 403


def test_triggers_confirm_and_get_metadata(make_account: MakeAccount) -> None:
    """A PreSignUp function can confirm an account; it receives ClientMetadata and ValidationData."""
    events: list[Any] = []

    def pre_sign_up(event: Any) -> Any:
        events.append(event["request"])
        event["response"]["autoConfirmUser"] = True
        return event

    account = make_account(triggers=Triggers(pre_sign_up=pre_sign_up))
    new = account.sign_up("ada", PASSWORD, validation_data={"a": "1"}, client_metadata={"b": "2"})

    assert (new.confirmed, new.delivery) == (True, None)
    assert events[0]["validationData"] == {"a": "1"}
    assert events[0]["clientMetadata"] == {"b": "2"}


@pytest.mark.parametrize(
    ("prepare", "call", "action", "fault"),
    [
        ({}, lambda a: a.sign_up("ada", PASSWORD), "TRY_AGAIN", Fault.USER),
        ({}, lambda a: a.sign_up("eve", "short"), "TRY_AGAIN", Fault.USER),
        ({}, lambda a: a.forgot_password("nobody"), "TRY_AGAIN", Fault.USER),
        ({"temporary": True}, lambda a: a.forgot_password("ada"), "GIVE_UP", Fault.OPERATOR),
        ({"verified": False}, lambda a: a.forgot_password("ada"), "GIVE_UP", Fault.OPERATOR),
        ({}, lambda a: a.resend_confirmation_code("ada"), "START_AGAIN", Fault.USER),
        ({}, lambda a: a.confirm_forgot_password("ada", "123456", NEW), "START_AGAIN", Fault.TIME),
        ({}, lambda a: a.get_user("nothing"), "START_AGAIN", Fault.CALLER),
        ({}, lambda a: a.sign_up("eve", PASSWORD, attributes={"custom:none": "x"}), "FIX_CONFIGURATION", Fault.OPERATOR),
    ],
)  # fmt: skip
def test_errors_say_what_to_do(
    make_account: MakeAccount, prepare: Any, call: Callable[[Any], Any], action: str, fault: Fault
) -> None:
    """Each refusal has an action that helps with an account, and says whose fault it is."""
    account = make_account(prevent_user_existence_errors="LEGACY")
    account.pool.add_user("ada", PASSWORD, email=EMAIL, **prepare)

    error = refusal(lambda: call(account))

    assert (error.action, error.fault) == (RecoveryAction[action], fault)


@pytest.mark.parametrize("rotation", [None, RefreshTokenRotation()])
def test_the_user_of_a_token_was_deleted(make_account: MakeAccount, rotation: RefreshTokenRotation | None) -> None:
    """The session of a deleted user has ended, and the error does not blame a wrong user name."""
    account = make_account(refresh_token_rotation=rotation)
    account.pool.add_user("ada", PASSWORD, email=EMAIL)
    tokens = account.sign_in("ada", PASSWORD).tokens
    account.pool.client().admin_delete_user(UserPoolId=account.pool.pool_id, Username="ada")
    calls: tuple[Callable[[], Any], ...] = (
        lambda: account.get_user(tokens.access_token),
        lambda: _run(lambda: account.cognito.refresh(tokens.refresh_token)),
    )

    for call in calls:
        with pytest.raises(Refused) as raised:
            call()
        assert (raised.value.action, raised.value.http_status) == (RecoveryAction.START_AGAIN, 401)
        assert raised.value.for_person() == "Your session has ended. Sign in again."


def test_an_hourly_quota(make_account: MakeAccount) -> None:
    """Too many requests for codes: the sentence does not promise that 15 minutes suffice, as after wrong passwords."""
    account = make_account()
    account.sign_up("ada", PASSWORD, attributes={"email": EMAIL})
    for _ in range(4):
        account.resend_confirmation_code("ada")
    error = refusal(lambda: [account.resend_confirmation_code("ada") for _ in range(2)])

    assert (error.action, error.http_status) == (RecoveryAction.WAIT_OUT, 429)
    assert error.for_person() == "There were too many attempts. Wait up to an hour, then try again."


def requests(base: type[AccountRequest[Any]]) -> Iterator[type[AccountRequest[Any]]]:
    """Yield the public classes of requests below a base class."""
    for kind in base.__subclasses__():
        yield from requests(kind) if kind.__name__.startswith("_") else [kind]


BY_NAME = {kind.__name__: kind for kind in requests(AccountRequest)}


def test_every_request_has_a_method() -> None:
    """Both twins have a method for each request, with its own name and the request's arguments and documentation."""
    assert {kind.__name__ for kind in KINDS.values()} == set(BY_NAME)
    assert METHODS.keys() == {name for name in dir(AsyncCognitoAccount) if not name.startswith("_")}
    for method_name, method in METHODS.items():
        kind = KINDS[method_name]
        assert method.__name__ == method_name
        assert list(inspect.signature(method).parameters)[1:] == list(inspect.signature(kind).parameters)
        documented = inspect.getdoc(method) or ""
        assert all(f"{name}: " in documented for name in inspect.signature(kind).parameters)


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_every_error_and_member_is_known(name: str) -> None:
    """Each error that AWS lists for the operation has a rule, and each field is one of its members."""
    operation, kind = COGNITO.operation_model(name), BY_NAME[name]
    fields = inspect.signature(kind).parameters

    assert {each.name for each in operation.error_shapes} <= {*ACCOUNT_ERROR_POLICY, *ERROR_POLICY}
    instance = object.__new__(kind)
    assert {member_of(instance, each) for each in fields} <= set(operation.input_shape.members)
    required = set(operation.input_shape.required_members) - {"ClientId"}
    assert required <= {member_of(instance, each) for each in fields}


@pytest.mark.parametrize(
    ("call", "error", "field"),
    [
        (lambda a: a.sign_up(" "), InvalidInput, "username"),
        (lambda a: a.sign_up("ada", ""), InvalidInput, "password"),
        (lambda a: a.sign_up("ada", PASSWORD, attributes={"email": 5}), BadField, "attributes"),
        (lambda a: a.sign_up("ada", PASSWORD, attributes=["email"]), BadField, "attributes"),
        (lambda a: a.confirm_sign_up("ada", "letters"), InvalidInput, "code"),
        (lambda a: a.confirm_sign_up("ada", "123456", force_alias_creation="no"), BadField, "force_alias_creation"),
        (lambda a: a.change_password("t", PASSWORD, ""), InvalidInput, "proposed_password"),
        (lambda a: a.get_user(None), BadField, "access_token"),
        (lambda a: a.verify_attribute("t", "", "123456"), BadField, "attribute"),
        (lambda a: a.complete_web_authn_registration("t", "{"), InvalidInput, "credential"),
    ],
)  # fmt: skip
def test_bad_input_is_not_sent(
    make_account: MakeAccount, call: Callable[[Any], Any], error: type[BadField], field: str
) -> None:
    """Input that cannot be valid raises a typed error that names the field, and no request is sent."""
    account = make_account()
    account.cognito.client = None

    with pytest.raises(error) as raised:
        call(account)
    assert raised.value.field == field


@pytest.mark.parametrize(
    "reply",
    [None, [], {}, {"UserSub": 5}, {"UserSub": "s", "CodeDeliveryDetails": 5}, {"Username": "x", "UserAttributes": [5]},
     {"Username": "x", "UserMFASettingList": 5}, {"CodeDeliveryDetailsList": 5}, {"CodeDeliveryDetails": {"Destination": 5}},
     {"UserSub": "s", "Session": 5}, {"Username": "x", "PreferredMfaSetting": 5},
     {"Credentials": 5, "CredentialCreationOptions": 5}],
    ids=str,
)  # fmt: skip
def test_a_reply_that_is_none_is_an_error(reply: Any) -> None:
    """For any reply of a server, each method returns a value or raises MalformedReply."""
    arguments = {
        "username": "ada", "code": "123456", "password": PASSWORD, "access_token": "t", "attribute": "email",
        "attributes": {"name": "Ada"}, "credential": "{}", "previous_password": PASSWORD, "proposed_password": NEW,
    }  # fmt: skip
    client = SimpleNamespace(initiate_auth=None, meta=None)
    cognito = Cognito(client, client_id="c")  # type: ignore[arg-type] # no client of botocore's
    for name, method in METHODS.items():
        operation = KINDS[name].__name__
        boto_name = botocore.xform_name(operation)
        setattr(client, boto_name, lambda **_: reply)
        parameters = inspect.signature(method).parameters
        present = {key: value for key, value in arguments.items() if key in parameters}
        try:
            getattr(cognito.account, name)(**present)
        except MalformedReply:
            continue
        assert isinstance(reply, dict), name


@pytest.mark.parametrize(
    ("request_type", "members"),
    [
        (a.SignUp, {"UserSub": "s", "Session": 5}),
        (a.ConfirmSignUp, {"Session": 5}),
        (a.GetUser, {"Username": "x", "PreferredMfaSetting": 5}),
        (a.ListWebAuthnCredentials, {"Credentials": 5}),
        (a.StartWebAuthnRegistration, {"CredentialCreationOptions": 5}),
    ],
)  # fmt: skip
def test_a_member_of_the_wrong_type_is_no_value(request_type: type[AccountRequest[Any]], members: Any) -> None:
    """A member that the account's method would return, but of another type than the API's, raises MalformedReply."""
    given = {"username": "ada", "code": "123456", "access_token": "t"}
    request = request_type(
        **{name: given[name] for name in inspect.signature(request_type).parameters if name in given}
    )
    sent = write_account_request(request, "client", None)

    with pytest.raises(MalformedReply):
        account_value(request, read_account_reply(sent, Secret(members)))  # type: ignore[arg-type] # no refusal


def test_secrets_of_a_request_are_wrapped_and_masked() -> None:
    """An attribute and a passkey's credential are wrapped in the request; a refusal's message masks the attribute."""
    credential = write_account_request(a.CompleteWebAuthnRegistration("t", '{"id": "planted"}'), "client", None)
    assert "planted" not in repr(credential)
    assert credential.reveal()["Credential"] == {"id": "planted"}

    sent = write_account_request(a.SignUp("ada", attributes={"phone_number": "+15551234567"}), "client", None)
    reply = read_account_reply(
        sent, Secret({"Error": {"Code": "InvalidParameterException", "Message": "no +15551234567"}})
    )
    assert isinstance(reply, Refusal)
    assert reply.message == f"no {MASK}"
