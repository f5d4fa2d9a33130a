"""`accept`: the requests that a local Cognito accepts although Cognito refuses them, and the limits."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from joserfc.jwk import RSAKey
from local_servers import serve_in_thread

from authfsm.local import CHECKS, LocalCognito, PoolRefusal
from authfsm.local.server.config import ConfigError, parse_config
from authfsm.local.server.page import page_data
from authfsm.local.server.service import Log, open_service

PASSWORD = "Correct-Horse-1"
WEAK = "weak"
EMAIL = {"Name": "email", "Value": "ada@example.com"}


class Region:
    """A region with a pool, an app client that has a secret, and ada, whom an administrator has invited."""

    def __init__(self, key: RSAKey, *accept: str, **settings: Any) -> None:
        self.cognito = LocalCognito(accept=accept, key=key)
        self.pool_id = self.ask("CreateUserPool", PoolName="app", **settings)["UserPool"]["Id"]
        app = self.ask("CreateUserPoolClient", UserPoolId=self.pool_id, ClientName="web", GenerateSecret=True)
        self.client_id = app["UserPoolClient"]["ClientId"]
        self.app = {"UserPoolId": self.pool_id, "ClientId": self.client_id}
        self.ada = {"UserPoolId": self.pool_id, "Username": "ada"}
        self.ask("AdminCreateUser", **self.ada, TemporaryPassword=PASSWORD, UserAttributes=[EMAIL])
        self.public = self.new_client("ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH")

    def ask(self, operation: str, **members: Any) -> Any:
        """Send a request."""
        return self.cognito.answer(operation, members)

    def new_client(self, *flows: str) -> str:
        """Add an app client without a secret."""
        members = {"UserPoolId": self.pool_id, "ClientName": "public", "ExplicitAuthFlows": list(flows)}
        client_id: str = self.ask("CreateUserPoolClient", **members)["UserPoolClient"]["ClientId"]
        return client_id

    def set_password(self) -> Any:
        """Give ada a permanent password."""
        return self.ask("AdminSetUserPassword", **self.ada, Password=PASSWORD, Permanent=True)

    def sign_in(self, client_id: str = "", **parameters: str) -> Any:
        """Sign ada in with her password, or other parameters."""
        flow, parameters_sent = "USER_PASSWORD_AUTH", {"USERNAME": "ada", "PASSWORD": PASSWORD, **parameters}
        return self.ask(
            "InitiateAuth", ClientId=client_id or self.public, AuthFlow=flow, AuthParameters=parameters_sent
        )

    def access_token(self) -> str:
        """Sign ada in, and return an access token."""
        self.set_password()
        token: str = self.sign_in()["AuthenticationResult"]["AccessToken"]
        return token


def confirm_with_fixed_code(region: Region) -> None:
    """Confirm a user who was sent no code."""
    user = {"ClientId": region.public, "Username": "bob"}
    region.ask("SignUp", **user, Password=PASSWORD)
    region.ask("ConfirmSignUp", **user, ConfirmationCode="123456")


CASES: dict[str, Callable[[Region], Any]] = {
    "unknown-attributes": lambda r: r.ask(
        "AdminUpdateUserAttributes", **r.ada, UserAttributes=[{"Name": "thing", "Value": "1"}]
    ),
    "invalid-attribute-values": lambda r: r.ask(
        "AdminUpdateUserAttributes", **r.ada, UserAttributes=[{"Name": "phone_number", "Value": "555"}]
    ),
    "invalid-names": lambda r: r.ask("CreateResourceServer", UserPoolId=r.pool_id, Identifier="api", Name="{api}"),
    "weak-passwords": lambda r: r.ask(
        "AdminCreateUser", UserPoolId=r.pool_id, Username="bob", TemporaryPassword="weakweak"
    ),
    "missing-secret-hash": lambda r: r.ask("SignUp", ClientId=r.client_id, Username="bob", Password=PASSWORD),
    "disabled-flows": lambda r: r.sign_in(r.new_client("ALLOW_USER_SRP_AUTH")),
    "disabled-mfa": lambda r: r.ask("AssociateSoftwareToken", AccessToken=r.access_token()),
    "mfa-without-address": lambda r: (
        r.ask(
            "SetUserPoolMfaConfig",
            UserPoolId=r.pool_id,
            MfaConfiguration="OPTIONAL",
            SmsMfaConfiguration={"SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::123456789012:role/sms"}},
        ),
        r.ask("AdminSetUserMFAPreference", **r.ada, SMSMfaSettings={"Enabled": True}),
    ),
    "invited-users": lambda r: r.ask("AdminConfirmSignUp", **r.ada),
    "unverified-recovery": lambda r: (r.set_password(), r.ask("ForgotPassword", ClientId=r.public, Username="ada")),
    "code-123456": confirm_with_fixed_code,
    "contradictory-settings": lambda r: r.ask(
        "CreateUserPool", PoolName="x", AliasAttributes=["email"], UsernameAttributes=["email"]
    ),
    "moto-messages": lambda r: r.ask("GetUser", AccessToken="none"),
}


@pytest.mark.parametrize("check", CHECKS)
def test_each_check(check: str, signing_key: RSAKey) -> None:
    """Strict, Cognito's error is raised; relaxed, the request is accepted, and the error is recorded."""
    strict, lenient = Region(signing_key), Region(signing_key, check)
    with pytest.raises(PoolRefusal) as caught:
        CASES[check](strict)
    if check == "moto-messages":
        with pytest.raises(PoolRefusal, match="Invalid Access Token"):
            CASES[check](lenient)
    else:
        CASES[check](lenient)
    acceptance = lenient.cognito.accepted[-1]

    assert strict.cognito.accepted == ()
    assert acceptance.check == check
    assert acceptance.refusal.split(":")[0] == caught.value.code or check == "code-123456"
    assert not CHECKS[check].errors or acceptance.refusal.split(":")[0] in {e.code for e in CHECKS[check].errors}


MORE_CASES: list[tuple[str, dict[str, Any], Callable[[Region], Any]]] = [
    *(
        ("invalid-attribute-values", {"AliasAttributes": [kind]}, lambda r, name=name: r.ask(
            "AdminCreateUser", UserPoolId=r.pool_id, Username=name, TemporaryPassword=PASSWORD))
        for kind, name in (("phone_number", "+15555550100"), ("email", "bob@example.com"))
    ),
    *(
        ("invalid-attribute-values", {"AliasAttributes": [kind]}, lambda r, name=name: r.ask(
            "SignUp", ClientId=r.public, Username=name, Password=PASSWORD))
        for kind, name in (("phone_number", "+15555550100"), ("email", "bob@example.com"))
    ),
    *(
        ("invalid-names", {}, lambda r, member=member: r.ask(
            "AdminCreateUser", UserPoolId=r.pool_id, Username="bob", TemporaryPassword=PASSWORD, **member))
        for member in ({"MessageAction": ""}, {"MessageAction": "suppress"}, {"DesiredDeliveryMediums": ["email"]})
    ),
    *(
        ("unverified-recovery", {"AccountRecoverySetting": {"RecoveryMechanisms": [{"Name": f"verified_{kind}", "Priority": 1}]}},
            lambda r, kind=kind, factor=factor: reset_with_factor(r, kind, factor))
        for kind, factor in (("phone_number", "SMSMfaSettings"), ("email", "EmailMfaSettings"))
    ),
]  # fmt: skip


def reset_with_factor(region: Region, kind: str, factor: str) -> None:
    """Reset the password of ada, whose only verified address is that of her second factor."""
    value = {"phone_number": "+15555550100", "email": "ada@example.com"}[kind]
    address = [{"Name": kind, "Value": value}, {"Name": f"{kind}_verified", "Value": "true"}]
    region.ask("AdminUpdateUserAttributes", **region.ada, UserAttributes=address)
    region.ask(
        "SetUserPoolMfaConfig", UserPoolId=region.pool_id, MfaConfiguration="OPTIONAL", EmailMfaConfiguration={},
        SmsMfaConfiguration={"SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::123456789012:role/sms"}},
    )  # fmt: skip
    region.set_password()
    region.ask("AdminSetUserMFAPreference", **region.ada, **{factor: {"Enabled": True}})
    delivery = region.ask("ForgotPassword", ClientId=region.public, Username="ada")["CodeDeliveryDetails"]
    assert delivery["AttributeName"] == kind
    region.ask("AdminResetUserPassword", **region.ada)


@pytest.mark.parametrize(("check", "settings", "case"), MORE_CASES)
def test_more_requests(
    check: str, settings: dict[str, Any], case: Callable[[Region], Any], signing_key: RSAKey
) -> None:
    """What Cognito refuses with an error of a check is refused without it, and with it accepted and recorded."""
    strict, lenient = Region(signing_key, **settings), Region(signing_key, check, **settings)
    with pytest.raises(PoolRefusal) as caught:
        case(strict)
    case(lenient)

    assert strict.cognito.accepted == ()
    assert {each.check for each in lenient.cognito.accepted} == {check}
    assert {each.refusal for each in lenient.cognito.accepted} == {str(caught.value)}
    assert caught.value.code in {each.code for each in CHECKS[check].errors}


def test_the_address_of_a_second_factor_comes_last(signing_key: RSAKey) -> None:
    """With "unverified-recovery", a code is sent to an unverified address rather than to that of a second factor."""
    mechanisms = [
        {"Name": name, "Priority": n} for n, name in enumerate(("verified_phone_number", "verified_email"), 1)
    ]
    region = Region(signing_key, "unverified-recovery", AccountRecoverySetting={"RecoveryMechanisms": mechanisms})
    user = region.cognito.pools[region.pool_id].add_user(
        "eve", PASSWORD, email="eve@example.com", phone_number="+15555550100", mfa=["SMS_MFA"],
        attributes={"email_verified": "false"},
    )  # fmt: skip
    delivery = region.ask("ForgotPassword", ClientId=region.public, Username=user.username)["CodeDeliveryDetails"]

    assert delivery["AttributeName"] == "email"


def test_the_second_factor_follows(signing_key: RSAKey) -> None:
    """A second factor that the pool lacked is asked for; SMS without a number has the fixed code."""
    region = Region(signing_key, "all")
    region.set_password()
    settings = {"SMSMfaSettings": {"Enabled": True, "PreferredMfa": True}}
    region.ask("AdminSetUserMFAPreference", **region.ada, **settings)
    challenge = region.sign_in()
    answer = {"USERNAME": "ada", "SMS_MFA_CODE": "123456"}
    reply = region.ask(
        "RespondToAuthChallenge", ClientId=region.public, ChallengeName=challenge["ChallengeName"],
        Session=challenge["Session"], ChallengeResponses=answer,
    )  # fmt: skip

    assert reply["AuthenticationResult"]["AccessToken"]
    checks = [each.check for each in region.cognito.accepted]
    assert checks == ["disabled-mfa", "mfa-without-address", "code-123456"]


ALWAYS_REFUSED: dict[str, Callable[[Region], Any]] = {
    "a wrong password": lambda r: (r.set_password(), r.sign_in(PASSWORD="Wrong-Horse-1")),
    "a wrong code": lambda r: (
        r.ask("SignUp", ClientId=r.public, Username="bob", Password=PASSWORD),
        r.ask("ConfirmSignUp", ClientId=r.public, Username="bob", ConfirmationCode="123457"),
    ),
    "a wrong SECRET_HASH": lambda r: r.sign_in(r.client_id, SECRET_HASH="wrong"),
    "a wrong proof": lambda r: r.ask(
        "RespondToAuthChallenge", ClientId=r.public, ChallengeName="PASSWORD_VERIFIER",
        ChallengeResponses={"USERNAME": "ada", "PASSWORD_CLAIM_SIGNATURE": "AAAA", "TIMESTAMP": "now",
                            "PASSWORD_CLAIM_SECRET_BLOCK": "AAAA"},
    ),
    "a wrong TOTP": lambda r: (
        token := r.access_token(),
        r.ask("AssociateSoftwareToken", AccessToken=token),
        r.ask("VerifySoftwareToken", AccessToken=token, UserCode="123456"),
    ),
    "a revoked token": lambda r: (
        token := r.access_token(),
        r.ask("AdminUserGlobalSignOut", **r.ada),
        r.ask("GetUser", AccessToken=token),
    ),
    "a weak permanent password": lambda r: r.ask("AdminSetUserPassword", **r.ada, Password=WEAK),
}  # fmt: skip


@pytest.mark.parametrize("what", ALWAYS_REFUSED)
def test_never_accepted(what: str, signing_key: RSAKey) -> None:
    """Passwords, proofs, codes and tokens are verified whatever `accept` says."""
    with pytest.raises(PoolRefusal) as caught:
        ALWAYS_REFUSED[what](Region(signing_key, "all"))

    assert caught.value.code in {
        "NotAuthorizedException", "CodeMismatchException", "EnableSoftwareTokenMFAException",
        "InvalidPasswordException",
    }  # fmt: skip


def test_names() -> None:
    """`accept` takes one name or several; an unknown name is a ValueError with the known ones."""
    assert LocalCognito(accept="weak-passwords").pool().configuration.accept == {"weak-passwords"}
    assert LocalCognito(accept=["all"]).pool().configuration.accept == set(CHECKS)
    assert LocalCognito().pool().configuration.accept == frozenset()
    with pytest.raises(ValueError, match=r"accept cannot have weak; it can have all, unknown-attributes, "):
        LocalCognito(accept=["weak"])
    with pytest.raises(ConfigError, match="accept cannot have weak"):
        open_service(parse_config({"accept": ["weak"]}), "http://127.0.0.1:1", Log(StringIO()))


def test_the_log_and_the_page_of_the_server() -> None:
    """The line of a request names the checks that were relaxed for it, and only for it; the page has Cognito's errors."""
    with serve_in_thread(accept=["invalid-names"]) as server:
        status, _, reply = server.call("CreateUserPool", PoolName="a" * 129)
        server.call("DescribeUserPool", UserPoolId=reply["UserPool"]["Id"])
        lines = [json.loads(line) for line in server.log.getvalue().splitlines()]
        data = page_data(server.service)

    assert status == 200
    assert data["checks"] == ["invalid-names"]
    (accepted,) = data["accepted"]
    assert (accepted["operation"], accepted["accepts"]) == ("CreateUserPool", CHECKS["invalid-names"].accepts)
    assert "length less than or equal to 128" in accepted["refusal"]
    assert [each.get("accepted") for each in lines if each["event"] == "request"] == [["invalid-names"], None]
