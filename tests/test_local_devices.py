"""Devices: issued, confirmed, remembered, and proved by their own SRP before or after the second factor."""

from __future__ import annotations

import base64
import secrets
from typing import Any

import pytest
from api_client import NO_DEVICE, USED, WRONG, ApiClient, refused
from joserfc.jwk import RSAKey
from pycognito.aws_srp import AWSSRP

from authfsm import srp
from authfsm.local import Contradictions, DeviceConfiguration, LocalPool, ManualClock, Triggers

PASSWORD = "correct horse battery staple"
INSTEAD_OF_MFA = DeviceConfiguration(challenge_required_on_new_device=True)
AFTER_MFA = DeviceConfiguration()


class UserDevice:
    """A device that is confirmed with the tokens of a sign-in.

    Args:
        api: the client of the pool.
        final_reply: the reply with the tokens.
    """

    def __init__(self, api: ApiClient, done: Any) -> None:
        self.api = api
        self.tokens = done["AuthenticationResult"]
        self.key = self.tokens["NewDeviceMetadata"]["DeviceKey"]
        self.group_key = self.tokens["NewDeviceMetadata"]["DeviceGroupKey"]
        self.password = base64.b64encode(secrets.token_bytes(40)).decode()

    def confirm(self) -> Any:
        """Send ConfirmDevice."""
        verifier = srp.device_verifier(self.group_key, self.key, self.password, secrets.token_bytes(16))
        return self.api.boto.confirm_device(
            AccessToken=self.tokens["AccessToken"],
            DeviceKey=self.key,
            DeviceSecretVerifierConfig={"PasswordVerifier": verifier.password_verifier, "Salt": verifier.salt},
            DeviceName="laptop",
        )

    def begin(self, challenge_reply: Any, username: str = "ada") -> Any:
        """Answer DEVICE_SRP_AUTH."""
        assert challenge_reply["ChallengeName"] == "DEVICE_SRP_AUTH"
        return self.api.answer(challenge_reply, username, DEVICE_KEY=self.key, SRP_A=self.api.ephemeral.SRP_A)

    def prove(self, challenge_reply: Any, username: str = "ada") -> Any:
        """Answer DEVICE_SRP_AUTH and DEVICE_PASSWORD_VERIFIER."""
        reply = self.begin(challenge_reply, username)

        assert reply["ChallengeName"] == "DEVICE_PASSWORD_VERIFIER"
        claim = self.api.device_claim(reply, self.group_key, self.password)
        return self.api.answer(reply, username, **claim)


def make_pool(signing_key: RSAKey, device: DeviceConfiguration | None, **settings: Any) -> LocalPool:
    """Return a pool that remembers devices, with one user."""
    pool = LocalPool(key=signing_key, clock=ManualClock(), device=device, **settings)
    pool.add_user("ada", PASSWORD, phone_number="+15550001111")
    return pool


def sign_in(api: ApiClient, challenge_reply: Any) -> Any:
    """Sign in, with the code of an SMS if it is required, and return the tokens."""
    if challenge_reply.get("ChallengeName") == "SMS_MFA":
        return api.answer(challenge_reply, "ada", SMS_MFA_CODE=api.pool.outbox.code_for("ada"))
    return challenge_reply


def confirmed_device(api: ApiClient) -> UserDevice:
    """Return a confirmed device."""
    device = UserDevice(api, sign_in(api, api.srp("ada", PASSWORD)))
    device.confirm()
    return device


@pytest.mark.parametrize("by", ["srp", "password"])
class TestOrder:
    """Where in a sign-in the device is proved."""

    def test_without_mfa(self, signing_key: RSAKey, by: str) -> None:
        """With MFA off a remembered device is proved at every sign-in (asserted)."""
        api = ApiClient(make_pool(signing_key, AFTER_MFA))
        device = confirmed_device(api)
        challenge_reply = getattr(api, by)("ada", PASSWORD, DEVICE_KEY=device.key)
        final_reply = device.prove(challenge_reply)

        assert "NewDeviceMetadata" not in final_reply["AuthenticationResult"]

    def test_instead_of_mfa(self, signing_key: RSAKey, by: str) -> None:
        """With ChallengeRequiredOnNewDevice the device replaces the second factor, and no code is sent."""
        pool = make_pool(signing_key, INSTEAD_OF_MFA, mfa="ON", mfa_methods=["SMS_MFA"])
        api = ApiClient(pool)
        device = confirmed_device(api)
        message_count = len(pool.outbox)
        challenge_reply = getattr(api, by)("ada", PASSWORD, DEVICE_KEY=device.key)

        assert "AuthenticationResult" in device.prove(challenge_reply)
        assert message_count == len(pool.outbox)

    def test_after_mfa(self, signing_key: RSAKey, by: str) -> None:
        """Without ChallengeRequiredOnNewDevice the device is proved after the second factor."""
        api = ApiClient(make_pool(signing_key, AFTER_MFA, mfa="ON", mfa_methods=["SMS_MFA"]))
        device = confirmed_device(api)
        challenge_reply = getattr(api, by)("ada", PASSWORD, DEVICE_KEY=device.key)

        assert challenge_reply["ChallengeName"] == "SMS_MFA"
        assert "AuthenticationResult" in device.prove(sign_in(api, challenge_reply))

    def test_a_new_device_needs_mfa(self, signing_key: RSAKey, by: str) -> None:
        """A sign-in without a device needs the second factor, and returns NewDeviceMetadata."""
        api = ApiClient(make_pool(signing_key, INSTEAD_OF_MFA, mfa="ON", mfa_methods=["SMS_MFA"]))
        confirmed_device(api)
        challenge_reply = getattr(api, by)("ada", PASSWORD)

        assert challenge_reply["ChallengeName"] == "SMS_MFA"
        assert "NewDeviceMetadata" in sign_in(api, challenge_reply)["AuthenticationResult"]

    def test_an_unknown_key_keeps_the_session(self, signing_key: RSAKey, by: str) -> None:
        """An unknown device is refused; the same answer without its key continues."""
        api = ApiClient(make_pool(signing_key, AFTER_MFA))
        if by == "password":
            with refused(*NO_DEVICE):
                api.password("ada", PASSWORD, DEVICE_KEY="eu-west-1_stale")
            return
        challenge_reply = api.srp_a("ada", DEVICE_KEY="eu-west-1_stale")
        claim = api.claim(challenge_reply, PASSWORD)
        with refused(*NO_DEVICE):
            api.answer(challenge_reply, "ada", DEVICE_KEY="eu-west-1_stale", **claim)

        assert "AuthenticationResult" in api.answer(challenge_reply, "ada", **claim)

    def test_a_wrong_password_comes_first(self, signing_key: RSAKey, by: str) -> None:
        """Without the password, replies do not reveal which devices exist."""
        api = ApiClient(make_pool(signing_key, AFTER_MFA))
        with refused(*WRONG):
            getattr(api, by)("ada", "wrong", DEVICE_KEY="eu-west-1_stale")


class TestProof:
    """The device's own SRP is checked."""

    @pytest.fixture
    def api(self, signing_key: RSAKey) -> ApiClient:
        """A client of a pool that remembers devices."""
        return ApiClient(make_pool(signing_key, AFTER_MFA))

    def test_sessions_may_be_left_out(self, api: ApiClient) -> None:
        """Without Session, device and secret block identify the attempt."""
        device = confirmed_device(api)
        api.srp("ada", PASSWORD, DEVICE_KEY=device.key)
        reply = api.respond("DEVICE_SRP_AUTH", USERNAME="ada", DEVICE_KEY=device.key, SRP_A=api.ephemeral.SRP_A)
        claim = api.device_claim(reply, device.group_key, device.password)

        assert "AuthenticationResult" in api.respond("DEVICE_PASSWORD_VERIFIER", USERNAME="ada", **claim)
        with refused(*USED):
            api.respond("DEVICE_PASSWORD_VERIFIER", USERNAME="ada", **claim)

    def test_device_srp_auth_needs_an_attempt(self, api: ApiClient) -> None:
        """DEVICE_SRP_AUTH without a sign-in before it is refused."""
        device = confirmed_device(api)
        with refused(*WRONG):
            api.respond("DEVICE_SRP_AUTH", USERNAME="ada", DEVICE_KEY=device.key, SRP_A="2")

    def test_a_wrong_device_password(self, api: ApiClient) -> None:
        """A wrong proof has the error of a wrong password, and ends the attempt."""
        device = confirmed_device(api)
        device.password = "wrong"
        with refused(*WRONG):
            device.prove(api.srp("ada", PASSWORD, DEVICE_KEY=device.key))

    def test_another_device(self, api: ApiClient) -> None:
        """Only the device of DEVICE_KEY is proved."""
        device, other = confirmed_device(api), confirmed_device(api)
        challenge_reply = api.srp("ada", PASSWORD, DEVICE_KEY=device.key)
        with refused(*NO_DEVICE):
            api.answer(challenge_reply, "ada", DEVICE_KEY=other.key, SRP_A=api.ephemeral.SRP_A)

    def test_a_missing_device_key(self, api: ApiClient) -> None:
        """DEVICE_SRP_AUTH without the key names it as missing."""
        challenge_reply = api.srp("ada", PASSWORD, DEVICE_KEY=confirmed_device(api).key)
        with refused("InvalidParameterException", "Missing required parameter DEVICE_KEY"):
            api.answer(challenge_reply, "ada", SRP_A=api.ephemeral.SRP_A)

    @pytest.mark.parametrize("srp_a", ["00", srp.to_hex(srp.N), "1" * 100_000])
    def test_dangerous_srp_a(self, api: ApiClient, srp_a: str) -> None:
        """SRP_A has the same bounds as in USER_SRP_AUTH."""
        device = confirmed_device(api)
        challenge_reply = api.srp("ada", PASSWORD, DEVICE_KEY=device.key)
        with refused("InvalidParameterException", "SRP_A is not the public value of an SRP client."):
            api.answer(challenge_reply, "ada", DEVICE_KEY=device.key, SRP_A=srp_a)

    def test_a_secret_block_of_the_password(self, api: ApiClient) -> None:
        """The proof of the password does not prove the device."""
        device = confirmed_device(api)
        challenge_reply = api.srp_a("ada", DEVICE_KEY=device.key)
        claim = api.claim(challenge_reply, PASSWORD)
        reply = device.begin(api.answer(challenge_reply, "ada", **claim))
        with refused(*WRONG):
            api.answer(reply, "ada", DEVICE_KEY=device.key, **claim)


class TestDeviceStatus:
    """ConfirmDevice, UpdateDeviceStatus, ForgetDevice."""

    def test_at_once(self, signing_key: RSAKey) -> None:
        """A confirmed device is remembered, and UserConfirmationNecessary is false (asserted)."""
        api = ApiClient(make_pool(signing_key, AFTER_MFA))
        device = UserDevice(api, api.srp("ada", PASSWORD))

        assert device.confirm()["UserConfirmationNecessary"] is False

    def test_on_user_prompt(self, signing_key: RSAKey) -> None:
        """With DeviceOnlyRememberedOnUserPrompt, UpdateDeviceStatus remembers and forgets it."""
        prompt = DeviceConfiguration(device_only_remembered_on_user_prompt=True)
        api = ApiClient(make_pool(signing_key, prompt))
        device = UserDevice(api, api.srp("ada", PASSWORD))
        token = device.tokens["AccessToken"]

        assert device.confirm()["UserConfirmationNecessary"] is True
        assert "AuthenticationResult" in api.srp("ada", PASSWORD, DEVICE_KEY=device.key)

        api.boto.update_device_status(AccessToken=token, DeviceKey=device.key, DeviceRememberedStatus="remembered")

        assert "AuthenticationResult" in device.prove(api.srp("ada", PASSWORD, DEVICE_KEY=device.key))

        api.boto.update_device_status(AccessToken=token, DeviceKey=device.key, DeviceRememberedStatus="not_remembered")

        assert "AuthenticationResult" in api.srp("ada", PASSWORD, DEVICE_KEY=device.key)

    def test_forget_device(self, signing_key: RSAKey) -> None:
        """A device does not exist after ForgetDevice."""
        api = ApiClient(make_pool(signing_key, AFTER_MFA))
        device = confirmed_device(api)
        api.boto.forget_device(AccessToken=device.tokens["AccessToken"], DeviceKey=device.key)
        with refused(*NO_DEVICE):
            api.password("ada", PASSWORD, DEVICE_KEY=device.key)

    def test_get_and_list(self, signing_key: RSAKey) -> None:
        """GetDevice and ListDevices return the confirmed devices, one page at a time."""
        api = ApiClient(make_pool(signing_key, AFTER_MFA))
        keys = [confirmed_device(api).key for _ in range(3)]
        token = api.srp("ada", PASSWORD)["AuthenticationResult"]["AccessToken"]
        device_type = api.boto.get_device(AccessToken=token, DeviceKey=keys[0])["Device"]
        page = api.boto.list_devices(AccessToken=token, Limit=2)
        rest = api.boto.list_devices(AccessToken=token, Limit=2, PaginationToken=page["PaginationToken"])

        assert {each["Name"]: each["Value"] for each in device_type["DeviceAttributes"]} == {
            "device_status": "valid",
            "device_name": "laptop",
            "dev:device_remembered_status": "remembered",
        }
        assert device_type["DeviceCreateDate"].timestamp() == pytest.approx(api.pool.clock().timestamp(), abs=1)
        assert keys == [each["DeviceKey"] for each in page["Devices"] + rest["Devices"]]
        assert "PaginationToken" not in rest

    def test_invalid_confirmations(self, signing_key: RSAKey) -> None:
        """An unknown or confirmed key and an invalid verifier are refused."""
        api = ApiClient(make_pool(signing_key, AFTER_MFA))
        device = UserDevice(api, api.srp("ada", PASSWORD))
        verifier_config = {"PasswordVerifier": "AA==", "Salt": "AA=="}
        token = device.tokens["AccessToken"]
        with refused("InvalidParameterException", "Invalid device key given."):
            api.boto.confirm_device(
                AccessToken=token, DeviceKey="eu-west-1_other", DeviceSecretVerifierConfig=verifier_config
            )
        with refused("InvalidParameterException", "Invalid device secret verifier config."):
            api.boto.confirm_device(AccessToken=token, DeviceKey=device.key, DeviceSecretVerifierConfig=verifier_config)
        device.confirm()
        with refused("DeviceKeyExistsException", "Device already exists."):
            device.confirm()

    def test_an_unpadded_verifier_is_refused(self, signing_key: RSAKey) -> None:
        """Without the zero byte in front a verifier is negative (amplify-js #7618)."""
        api = ApiClient(make_pool(signing_key, AFTER_MFA))
        device = UserDevice(api, api.srp("ada", PASSWORD))
        unpadded = base64.b64encode(b"\xff" * 384).decode()
        with refused("InvalidParameterException", "Invalid device secret verifier config."):
            api.boto.confirm_device(
                AccessToken=device.tokens["AccessToken"],
                DeviceKey=device.key,
                DeviceSecretVerifierConfig={"PasswordVerifier": unpadded, "Salt": "AQ=="},
            )

    def test_unconfirmed_devices_are_removed(self, signing_key: RSAKey) -> None:
        """The oldest devices that were never confirmed are removed."""
        pool = make_pool(signing_key, AFTER_MFA)
        api = ApiClient(pool)
        first_device = confirmed_device(api)
        for _ in range(40):
            api.password("ada", PASSWORD)

        assert len(pool.user("ada").devices) == 33
        assert first_device.key in pool.user("ada").devices


def test_a_pool_without_devices_ignores_them(signing_key: RSAKey) -> None:
    """Without DeviceConfiguration there is no NewDeviceMetadata, and DEVICE_KEY is ignored."""
    final_reply = ApiClient(make_pool(signing_key, None)).srp("ada", PASSWORD, DEVICE_KEY="eu-west-1_x")

    assert "NewDeviceMetadata" not in final_reply["AuthenticationResult"]


def test_refresh_needs_the_device(signing_key: RSAKey) -> None:
    """A sign-in that has a device is refreshed with its DEVICE_KEY only."""
    api = ApiClient(make_pool(signing_key, AFTER_MFA))
    device = confirmed_device(api)
    token = device.tokens["RefreshToken"]
    with refused("NotAuthorizedException", "Invalid Refresh Token."):
        api.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=token)
    with refused("NotAuthorizedException", "Invalid Refresh Token."):
        api.boto.get_tokens_from_refresh_token(RefreshToken=token, ClientId=api.app.client_id)

    assert "AuthenticationResult" in api.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=token, DEVICE_KEY=device.key)
    assert "AuthenticationResult" in api.boto.get_tokens_from_refresh_token(
        RefreshToken=token, ClientId=api.app.client_id, DeviceKey=device.key
    )


def test_custom_auth(signing_key: RSAKey) -> None:
    """After issueTokens the device is proved, although there was no password."""
    triggers = Triggers(define=lambda event: {**event, "response": {"issueTokens": True}}, create=print, verify=print)
    api = ApiClient(make_pool(signing_key, AFTER_MFA, triggers=triggers))
    device = confirmed_device(api)
    with refused(*NO_DEVICE):
        api.initiate("CUSTOM_AUTH", USERNAME="ada", DEVICE_KEY="eu-west-1_stale")
    challenge_reply = api.initiate("CUSTOM_AUTH", USERNAME="ada", DEVICE_KEY=device.key)

    assert "AuthenticationResult" in device.prove(challenge_reply)


def test_an_unknown_key_uses_up_no_code(signing_key: RSAKey) -> None:
    """The key is checked before the code, which stays valid."""
    pool = make_pool(signing_key, INSTEAD_OF_MFA, mfa="ON", mfa_methods=["SMS_MFA"])
    api = ApiClient(pool)
    challenge_reply = api.password("ada", PASSWORD)
    code = pool.outbox.code_for("ada")
    with refused(*NO_DEVICE):
        api.answer(challenge_reply, "ada", SMS_MFA_CODE=code, DEVICE_KEY="eu-west-1_stale")

    assert "AuthenticationResult" in api.answer(challenge_reply, "ada", SMS_MFA_CODE=code)


def test_a_temporary_password_with_a_known_device(signing_key: RSAKey) -> None:
    """A known device does not replace the new password."""
    pool = make_pool(signing_key, INSTEAD_OF_MFA, mfa="ON", mfa_methods=["SMS_MFA"])
    api = ApiClient(pool)
    device = confirmed_device(api)
    api.boto.admin_set_user_password(UserPoolId=pool.pool_id, Username="ada", Password="Temp-Passw0rd!")
    challenge_reply = api.srp("ada", "Temp-Passw0rd!", DEVICE_KEY=device.key)

    assert challenge_reply["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    challenge_reply = api.answer(challenge_reply, "ada", NEW_PASSWORD="New-Passw0rd!")
    assert "AuthenticationResult" in device.prove(challenge_reply)


class TestContradictions:
    """Settings for points on which sources contradict each other."""

    def test_email_mfa_is_not_replaced(self, signing_key: RSAKey) -> None:
        """In the AWS API reference a device replaces SMS and TOTP only."""
        pool = LocalPool(
            key=signing_key,
            mfa="ON",
            mfa_methods=["EMAIL_OTP"],
            device=INSTEAD_OF_MFA,
            contradictions=Contradictions(device_replaces_email_mfa=False),
        )
        pool.add_user("ada", PASSWORD, email="ada@example.com")
        api = ApiClient(pool)

        def coded(challenge_reply: Any) -> Any:
            return api.answer(challenge_reply, "ada", EMAIL_OTP_CODE=pool.outbox.code_for("ada"))

        device = UserDevice(api, coded(api.srp("ada", PASSWORD)))
        device.confirm()
        challenge_reply = api.srp("ada", PASSWORD, DEVICE_KEY=device.key)

        assert challenge_reply["ChallengeName"] == "EMAIL_OTP"
        assert "AuthenticationResult" in device.prove(coded(challenge_reply))

    @pytest.mark.parametrize("tracked", [True, False])
    def test_admin_flows(self, signing_key: RSAKey, tracked: bool) -> None:  # noqa: FBT001 - a case
        """In an older developer guide the administrators' password flows have no devices."""
        pool = make_pool(signing_key, AFTER_MFA, contradictions=Contradictions(devices_tracked_in_admin_flows=tracked))
        final_reply = ApiClient(pool).initiate_as_admin("ADMIN_USER_PASSWORD_AUTH", USERNAME="ada", PASSWORD=PASSWORD)

        assert tracked == ("NewDeviceMetadata" in final_reply["AuthenticationResult"])


@pytest.mark.parametrize("device_configuration", [AFTER_MFA, INSTEAD_OF_MFA])
def test_pycognito(signing_key: RSAKey, device_configuration: DeviceConfiguration) -> None:
    """pycognito, which sends no Session in any of the three proofs, signs in with its device."""
    pool = LocalPool(key=signing_key, device=device_configuration)
    pool.add_user("ada", PASSWORD)
    device = confirmed_device(ApiClient(pool))
    final_reply = AWSSRP(
        "ada",
        PASSWORD,
        pool.pool_id,
        pool.client_id,
        client=pool.client(),
        device_key=device.key,
        device_group_key=device.group_key,
        device_password=device.password,
    ).authenticate_user()

    assert "AuthenticationResult" in final_reply
