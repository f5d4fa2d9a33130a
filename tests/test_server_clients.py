"""Widely used clients sign in over HTTP: boto3, pycognito, warrant-lite, amazon-cognito-identity-js."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pycognito
import pyotp
import pytest
import warrant_lite
from api_client import ApiClient
from botocore.exceptions import ClientError
from conftest import lacking
from local_servers import CLIENT_ID, PASSWORD, POOL_ID, ServerProcess, serve_in_process
from pycognito.aws_srp import AWSSRP
from pycognito.exceptions import (
    ForceChangePasswordException,
    SMSMFAChallengeException,
    SoftwareTokenMFAChallengeException,
)

from authfsm import Code, Cognito, NewPassword, State, srp
from authfsm.local import AppClient

JS = Path(__file__).parent / "js"
TOTP = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NEW = "Another-Horse-2"

# Each client has its own users, so that no two tests use the same TOTP.
CLIENT_NAMES = ("boto3", "driver", "pycognito", "warrant", "js")
USERS = [
    user
    for who in CLIENT_NAMES
    for user in (
        {"username": f"{who}-plain", "password": PASSWORD, "email": f"{who}@example.com"},
        {"username": f"{who}-sms", "password": PASSWORD, "phone_number": f"+1555555{ord(who[0]):04}", "preferred_mfa": "SMS_MFA"},
        {"username": f"{who}-totp", "password": PASSWORD, "totp_secret": TOTP},
        {"username": f"{who}-new", "password": PASSWORD, "temporary": True},
    )
]  # fmt: skip


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server in its own process, shared by all tests here."""
    config = {"mfa": "OPTIONAL", "device": {}, "users": USERS}
    with serve_in_process(tmp_path_factory.mktemp("server"), config) as served:
        yield served


def signed_in(reply: Any) -> Any:
    """Return the tokens of a reply."""
    assert "AuthenticationResult" in reply, reply
    return reply["AuthenticationResult"]


def confirm_device(boto: Any, result: Any) -> tuple[str, str, str]:
    """Confirm the device of a sign-in by boto3, and return its key, group and password."""
    device = result["NewDeviceMetadata"]
    key, group = device["DeviceKey"], device["DeviceGroupKey"]
    password = b64encode(secrets.token_bytes(40)).decode()
    verifier = srp.device_verifier(group, key, password, secrets.token_bytes(16))
    config = {"PasswordVerifier": verifier.password_verifier, "Salt": verifier.salt}
    boto.confirm_device(AccessToken=result["AccessToken"], DeviceKey=key, DeviceSecretVerifierConfig=config)
    return key, group, password


class RemotePool:
    """A pool behind a URL, with the interface that `ApiClient` needs."""

    def __init__(self, web: ServerProcess) -> None:
        self.boto = web.boto()
        self.pool_id = POOL_ID
        self.app_client = AppClient(CLIENT_ID)

    def client(self) -> Any:
        """Return a boto3 client with `endpoint_url`."""
        return self.boto

    def clock(self) -> datetime:
        """Return the current time."""
        return datetime.now(timezone.utc)


class TestBoto3:
    @pytest.fixture
    def client(self, web: ServerProcess) -> ApiClient:
        """A client that sends requests with boto3."""
        remote: Any = RemotePool(web)
        return ApiClient(remote)

    def test_srp(self, client: ApiClient) -> None:
        """The user signs in by SRP."""
        signed_in(client.srp("boto3-plain", PASSWORD))

    def test_sms(self, client: ApiClient, web: ServerProcess) -> None:
        """The user signs in with a code by SMS, from the outbox."""
        reply = client.srp("boto3-sms", PASSWORD)
        assert reply["ChallengeName"] == "SMS_MFA"
        code = web.code_for("boto3-sms")

        signed_in(client.answer(reply, "boto3-sms", SMS_MFA_CODE=code))

    def test_totp(self, client: ApiClient) -> None:
        """The user signs in with a code of an authenticator app."""
        reply = client.srp("boto3-totp", PASSWORD)
        code = pyotp.TOTP(TOTP).now()

        signed_in(client.answer(reply, "boto3-totp", SOFTWARE_TOKEN_MFA_CODE=code))

    def test_new_password(self, client: ApiClient) -> None:
        """A temporary password is replaced."""
        reply = client.password("boto3-new", PASSWORD)
        assert reply["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
        signed_in(client.answer(reply, "boto3-new", NEW_PASSWORD=NEW))

        signed_in(client.srp("boto3-new", NEW))

    def test_a_remembered_device(self, client: ApiClient) -> None:
        """A device is confirmed, then proved."""
        key, group, password = confirm_device(client.boto, signed_in(client.srp("boto3-plain", PASSWORD)))
        reply = client.srp("boto3-plain", PASSWORD, DEVICE_KEY=key)
        assert reply["ChallengeName"] == "DEVICE_SRP_AUTH"
        more = client.answer(reply, "boto3-plain", SRP_A=client.ephemeral.SRP_A, DEVICE_KEY=key)

        signed_in(client.answer(more, "boto3-plain", **client.device_claim(more, group, password)))

    def test_errors_are_modelled_exceptions(self, web: ServerProcess) -> None:
        """Botocore raises the exception that its model names."""
        boto = web.boto()
        with pytest.raises(boto.exceptions.NotAuthorizedException):
            boto.initiate_auth(
                ClientId=CLIENT_ID,
                AuthFlow="USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": "boto3-plain", "PASSWORD": "wrong"},
            )


class TestThisPackagesDriver:
    @pytest.fixture
    def cognito(self, web: ServerProcess) -> Cognito:
        """This package's own driver."""
        return Cognito(web.boto(), client_id=CLIENT_ID, pool_id=POOL_ID)

    def test_srp_and_sms(self, cognito: Cognito, web: ServerProcess) -> None:
        """The user signs in by SRP and a code by SMS."""
        flow = cognito.sign_in("driver-sms", PASSWORD)
        assert not flow.done
        flow.answer(Code(web.code_for("driver-sms")))

        assert flow.state is State.AUTHENTICATED

    def test_new_password(self, cognito: Cognito) -> None:
        """A temporary password is replaced."""
        flow = cognito.sign_in("driver-new", PASSWORD)
        flow.answer(NewPassword(NEW))

        assert flow.state is State.AUTHENTICATED


class TestPycognito:
    """pycognito verifies the tokens of every sign-in with the keys below the issuer's URL."""

    def user(self, web: ServerProcess, name: str) -> pycognito.Cognito:
        """A pycognito user whose client talks to the server."""
        kwargs = {"endpoint_url": web.url, "aws_access_key_id": "local", "aws_secret_access_key": "local"}
        return pycognito.Cognito(POOL_ID, CLIENT_ID, username=f"pycognito-{name}", boto3_client_kwargs=kwargs)

    def test_srp(self, web: ServerProcess) -> None:
        """The user signs in by SRP, the tokens verify, and a refresh returns new ones."""
        user = self.user(web, "plain")
        user.authenticate(PASSWORD)

        assert user.id_claims["cognito:username"] == "pycognito-plain"
        assert user.access_claims["iss"] == f"{web.url}/{POOL_ID}"
        assert user.get_user().sub == user.id_claims["sub"]

    def test_sms(self, web: ServerProcess) -> None:
        """The user signs in with a code by SMS."""
        user = self.user(web, "sms")
        with pytest.raises(SMSMFAChallengeException):
            user.authenticate(PASSWORD)
        user.respond_to_sms_mfa_challenge(web.code_for("pycognito-sms"))

        assert user.access_claims["username"] == "pycognito-sms"

    def test_totp(self, web: ServerProcess) -> None:
        """The user signs in with a code of an authenticator app."""
        user = self.user(web, "totp")
        with pytest.raises(SoftwareTokenMFAChallengeException):
            user.authenticate(PASSWORD)
        user.respond_to_software_token_mfa_challenge(pyotp.TOTP(TOTP).now())

        assert user.access_claims["username"] == "pycognito-totp"

    def test_new_password(self, web: ServerProcess) -> None:
        """A temporary password is replaced."""
        user = self.user(web, "new")
        with pytest.raises(ForceChangePasswordException):
            user.authenticate(PASSWORD)
        user.new_password_challenge(PASSWORD, NEW)

        assert user.access_claims["username"] == "pycognito-new"

    def test_remembered_device(self, web: ServerProcess) -> None:
        """Pycognito proves a device. It confirms one only at amazonaws.com; boto3 does that here."""
        boto = web.boto()
        person = {
            "username": "pycognito-plain",
            "password": PASSWORD,
            "pool_id": POOL_ID,
            "client_id": CLIENT_ID,
            "client": boto,
        }
        result = signed_in(AWSSRP(**person).authenticate_user())
        key, group, password = confirm_device(boto, result)
        with_device = AWSSRP(**person, device_key=key, device_group_key=group, device_password=password)

        assert "NewDeviceMetadata" not in signed_in(with_device.authenticate_user())


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
class TestWarrantLite:
    @pytest.fixture(autouse=True)
    def no_locale(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Avoid warrant-lite's locale en_US.UTF-8, which may be missing; tests use English names of days anyway."""
        monkeypatch.setattr(warrant_lite, "temp_locale", lambda _: nullcontext())

    def user(self, web: ServerProcess, name: str) -> Any:
        """A warrant-lite user whose client talks to the server."""
        return warrant_lite.WarrantLite(f"warrant-{name}", PASSWORD, POOL_ID, CLIENT_ID, client=web.boto())

    def test_srp(self, web: ServerProcess) -> None:
        """The user signs in by SRP; warrant-lite ignores the additional members."""
        signed_in(self.user(web, "plain").authenticate_user())
        assert self.user(web, "sms").authenticate_user()["ChallengeName"] == "SMS_MFA"

    def test_new_password(self, web: ServerProcess) -> None:
        """A temporary password is replaced."""
        signed_in(self.user(web, "new").set_new_password_challenge(NEW))


def in_node(web: ServerProcess, package: str, script: str, data: dict[str, Any]) -> dict[str, Any]:
    """Run a script of `tests/js` with the server's address, and return its result."""
    node = shutil.which("node") or lacking("node")
    if not (JS / "node_modules" / package).is_dir():
        lacking(f"{package} (npm ci in tests/js)")
    pool = {"url": web.url, "pool": POOL_ID, "client": CLIENT_ID}
    ran = subprocess.run(
        [node, str(JS / script)],
        input=json.dumps({**pool, **data}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    result: dict[str, Any] = json.loads(ran.stdout)
    return result


class TestAmazonCognitoIdentityJs:
    """The library's own HTTP client, in node."""

    def sign_in(self, web: ServerProcess, name: str, **more: Any) -> dict[str, Any]:
        """Run the script and return its result."""
        data = {"username": f"js-{name}", "password": PASSWORD, **more}
        return in_node(web, "amazon-cognito-identity-js", "sign_in.mjs", data)

    def test_srp(self, web: ServerProcess) -> None:
        """The user signs in by SRP; the library confirms a device and refreshes the tokens."""
        result = self.sign_in(web, "plain")

        assert result["username"] == "js-plain"
        assert result["requests"][:3] == [
            ["InitiateAuth", None],
            ["RespondToAuthChallenge", "PASSWORD_VERIFIER"],
            ["ConfirmDevice", None],
        ]
        assert web.boto().get_user(AccessToken=result["access"])["Username"] == "js-plain"

    def test_sms(self, web: ServerProcess) -> None:
        """The user signs in with a code by SMS."""
        assert self.sign_in(web, "sms")["asked"] == [["SMS_MFA"]]

    def test_totp(self, web: ServerProcess) -> None:
        """The user signs in with a code of an authenticator app."""
        result = self.sign_in(web, "totp", totp=pyotp.TOTP(TOTP).now())

        assert result["asked"] == [["SOFTWARE_TOKEN_MFA"]]
        assert result["username"] == "js-totp"

    def test_new_password(self, web: ServerProcess) -> None:
        """A temporary password is replaced."""
        assert self.sign_in(web, "new", newPassword=NEW)["asked"] == [["NEW_PASSWORD_REQUIRED"]]

    def test_remembered_device(self, web: ServerProcess) -> None:
        """The second sign-in proves the device that the first one confirmed."""
        result = self.sign_in(web, "plain", times=2)

        assert ["RespondToAuthChallenge", "DEVICE_SRP_AUTH"] in result["requests"]
        assert ["RespondToAuthChallenge", "DEVICE_PASSWORD_VERIFIER"] in result["requests"]
        assert result["username"] == "js-plain"

    def test_forgotten_device(self, web: ServerProcess) -> None:
        """If the server has forgotten the device, the library sends a null device key and signs in."""
        result = self.sign_in(web, "plain", times=2, forget=True)

        assert result.get("error") is None
        assert ["RespondToAuthChallenge", "DEVICE_KEY"] in result["nulls"]
        assert result["username"] == "js-plain"

    def test_refresh_without_a_device(self, tmp_path: Path) -> None:
        """Without a stored device, the library refreshes with a null device key."""
        with serve_in_process(tmp_path, {"users": USERS}) as served:
            result = self.sign_in(served, "plain")

        assert result.get("error") is None
        assert result["nulls"] == [["InitiateAuth", "DEVICE_KEY"]]
        assert result["username"] == "js-plain"

    def test_delete_attributes(self, web: ServerProcess) -> None:
        """The library's deleteAttributes deletes an attribute of the user who is signed in."""
        nickname = [{"Name": "nickname", "Value": "Countess"}]
        user = {"UserPoolId": POOL_ID, "Username": "js-plain"}
        web.boto().admin_update_user_attributes(**user, UserAttributes=nickname)
        result = self.sign_in(web, "plain", deleteAttributes=["nickname"])
        attributes = web.boto().admin_get_user(**user)["UserAttributes"]

        assert result.get("error") is None
        assert nickname[0] not in attributes

    def test_wrong_password(self, web: ServerProcess) -> None:
        """The error has Cognito's code and message."""
        result = self.sign_in(web, "plain", password="wrong")

        assert result["error"] == ["NotAuthorizedException", "Incorrect username or password."]


def test_amplify_signs_in_after_one_code(tmp_path: Path) -> None:
    """aws-amplify signs up with one code, signs in automatically, refreshes tokens and deletes attributes."""
    config = {"allowed_first_auth_factors": ["PASSWORD", "EMAIL_OTP"]}
    who = {"username": "cleo", "email": "cleo@example.com"}
    with serve_in_process(tmp_path, config) as served:
        result = in_node(served, "@aws-amplify/auth", "amplify.mjs", who)

    assert result == {
        "steps": ["CONFIRM_SIGN_UP", "COMPLETE_AUTO_SIGN_IN"],
        "isSignedIn": True,
        "groups": [["admins"], ["admins"]],
        "codes": 1,
        "attributes": ["email", "email_verified", "sub"],
    }


def test_unknown_user_gets_the_reply_to_a_wrong_password(web: ServerProcess) -> None:
    """Over HTTP too, an unknown user gets the reply to a wrong password."""
    with pytest.raises(ClientError, match="Incorrect username or password"):
        web.boto().initiate_auth(
            ClientId=CLIENT_ID,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "nobody", "PASSWORD": PASSWORD},
        )
