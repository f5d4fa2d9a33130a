"""Devices: named, confirmed, remembered, proved by an SRP of their own; in both places of a sign-in."""

from __future__ import annotations

import base64
import secrets
from typing import Any

import pytest
from joserfc.jwk import RSAKey
from local_talk import NO_DEVICE, USED, WRONG, Talk, refused
from pycognito.aws_srp import AWSSRP

from authfsm import srp
from authfsm.local import Contradictions, DeviceConfiguration, LocalPool, ManualClock, Triggers

PASSWORD = "correct horse battery staple"
INSTEAD = DeviceConfiguration(challenge_required_on_new_device=True)
AFTER = DeviceConfiguration()


class Device:
    """A device of the test's: it is confirmed with the tokens of a sign-in.

    Args:
        talk: the conversation.
        done: the reply with the tokens.
    """

    def __init__(self, talk: Talk, done: Any) -> None:
        self.talk = talk
        self.tokens = done["AuthenticationResult"]
        self.key = self.tokens["NewDeviceMetadata"]["DeviceKey"]
        self.group_key = self.tokens["NewDeviceMetadata"]["DeviceGroupKey"]
        self.password = base64.b64encode(secrets.token_bytes(40)).decode()

    def confirm(self) -> Any:
        """ConfirmDevice."""
        made = srp.device_verifier(self.group_key, self.key, self.password, secrets.token_bytes(16))
        return self.talk.boto.confirm_device(
            AccessToken=self.tokens["AccessToken"],
            DeviceKey=self.key,
            DeviceSecretVerifierConfig={
                "PasswordVerifier": made.password_verifier,
                "Salt": made.salt,
            },
            DeviceName="laptop",
        )

    def begin(self, asked: Any, username: str = "ada") -> Any:
        """DEVICE_SRP_AUTH answered."""
        assert asked["ChallengeName"] == "DEVICE_SRP_AUTH"
        return self.talk.answer(asked, username, DEVICE_KEY=self.key, SRP_A=self.talk.mine.SRP_A)

    def prove(self, asked: Any, username: str = "ada") -> Any:
        """DEVICE_SRP_AUTH and DEVICE_PASSWORD_VERIFIER answered."""
        reply = self.begin(asked, username)

        assert reply["ChallengeName"] == "DEVICE_PASSWORD_VERIFIER"
        claim = self.talk.device_claim(reply, self.group_key, self.password)
        return self.talk.answer(reply, username, **claim)


def a_pool(signing_key: RSAKey, device: DeviceConfiguration | None, **settings: Any) -> LocalPool:
    """A pool that remembers devices, with one user."""
    pool = LocalPool(key=signing_key, clock=ManualClock(), device=device, **settings)
    pool.add_user("ada", PASSWORD, phone_number="+15550001111")
    return pool


def signed_in(talk: Talk, asked: Any) -> Any:
    """The tokens, after the code of an SMS if one is asked for."""
    if asked.get("ChallengeName") == "SMS_MFA":
        return talk.answer(asked, "ada", SMS_MFA_CODE=talk.pool.outbox.code_for("ada"))
    return asked


def a_device(talk: Talk) -> Device:
    """A confirmed device."""
    device = Device(talk, signed_in(talk, talk.srp("ada", PASSWORD)))
    device.confirm()
    return device


@pytest.mark.parametrize("by", ["srp", "password"])
class TestTheTwoPlaces:
    """Where in a sign-in the device is proved."""

    def test_without_mfa(self, signing_key: RSAKey, by: str) -> None:
        """With MFA off a remembered device is proved at every sign-in (asserted)."""
        talk = Talk(a_pool(signing_key, AFTER))
        device = a_device(talk)
        asked = getattr(talk, by)("ada", PASSWORD, DEVICE_KEY=device.key)
        done = device.prove(asked)

        assert "NewDeviceMetadata" not in done["AuthenticationResult"]

    def test_instead_of_mfa(self, signing_key: RSAKey, by: str) -> None:
        """With ChallengeRequiredOnNewDevice it stands for the second factor, and no code is sent."""
        pool = a_pool(signing_key, INSTEAD, mfa="ON", mfa_methods=["SMS_MFA"])
        talk = Talk(pool)
        device = a_device(talk)
        sent = len(pool.outbox)
        asked = getattr(talk, by)("ada", PASSWORD, DEVICE_KEY=device.key)

        assert "AuthenticationResult" in device.prove(asked)
        assert sent == len(pool.outbox)

    def test_after_mfa(self, signing_key: RSAKey, by: str) -> None:
        """Without, it is proved after the second factor."""
        talk = Talk(a_pool(signing_key, AFTER, mfa="ON", mfa_methods=["SMS_MFA"]))
        device = a_device(talk)
        asked = getattr(talk, by)("ada", PASSWORD, DEVICE_KEY=device.key)

        assert asked["ChallengeName"] == "SMS_MFA"
        assert "AuthenticationResult" in device.prove(signed_in(talk, asked))

    def test_a_new_device_is_asked_for_mfa(self, signing_key: RSAKey, by: str) -> None:
        """A sign-in that names no device has the second factor, and brings NewDeviceMetadata."""
        talk = Talk(a_pool(signing_key, INSTEAD, mfa="ON", mfa_methods=["SMS_MFA"]))
        a_device(talk)
        asked = getattr(talk, by)("ada", PASSWORD)

        assert asked["ChallengeName"] == "SMS_MFA"
        assert "NewDeviceMetadata" in signed_in(talk, asked)["AuthenticationResult"]

    def test_stale_key_leaves_everything_usable(self, signing_key: RSAKey, by: str) -> None:
        """It is told that the device does not exist; the same answer without the key goes on."""
        talk = Talk(a_pool(signing_key, AFTER))
        if by == "password":
            with refused(*NO_DEVICE):
                talk.password("ada", PASSWORD, DEVICE_KEY="eu-west-1_stale")
            return
        asked = talk.srp_a("ada", DEVICE_KEY="eu-west-1_stale")
        claim = talk.claim(asked, PASSWORD)
        with refused(*NO_DEVICE):
            talk.answer(asked, "ada", DEVICE_KEY="eu-west-1_stale", **claim)

        assert "AuthenticationResult" in talk.answer(asked, "ada", **claim)

    def test_a_wrong_password_is_told_first(self, signing_key: RSAKey, by: str) -> None:
        """Who does not know the password is not told which devices there are."""
        talk = Talk(a_pool(signing_key, AFTER))
        with refused(*WRONG):
            getattr(talk, by)("ada", "wrong", DEVICE_KEY="eu-west-1_stale")


class TestTheProof:
    """The device's own SRP is verified."""

    @pytest.fixture
    def talk(self, signing_key: RSAKey) -> Talk:
        """A conversation with a pool that remembers devices."""
        return Talk(a_pool(signing_key, AFTER))

    def test_sessions_may_be_left_out(self, talk: Talk) -> None:
        """The device and the secret block identify the attempt."""
        device = a_device(talk)
        talk.srp("ada", PASSWORD, DEVICE_KEY=device.key)
        reply = talk.respond(
            "DEVICE_SRP_AUTH", USERNAME="ada", DEVICE_KEY=device.key, SRP_A=talk.mine.SRP_A
        )
        claim = talk.device_claim(reply, device.group_key, device.password)

        assert "AuthenticationResult" in talk.respond(
            "DEVICE_PASSWORD_VERIFIER", USERNAME="ada", **claim
        )
        with refused(*USED):
            talk.respond("DEVICE_PASSWORD_VERIFIER", USERNAME="ada", **claim)

    def test_without_a_password_there_is_nothing_to_prove(self, talk: Talk) -> None:
        """DEVICE_SRP_AUTH out of nowhere begins no attempt."""
        device = a_device(talk)
        with refused(*WRONG):
            talk.respond("DEVICE_SRP_AUTH", USERNAME="ada", DEVICE_KEY=device.key, SRP_A="2")

    def test_wrong_device_password(self, talk: Talk) -> None:
        """A wrong proof is told in the words of a wrong password, and ends the attempt."""
        device = a_device(talk)
        device.password = "wrong"
        with refused(*WRONG):
            device.prove(talk.srp("ada", PASSWORD, DEVICE_KEY=device.key))

    def test_another_device(self, talk: Talk) -> None:
        """The device that was named is the one that is proved."""
        device, other = a_device(talk), a_device(talk)
        asked = talk.srp("ada", PASSWORD, DEVICE_KEY=device.key)
        with refused(*NO_DEVICE):
            talk.answer(asked, "ada", DEVICE_KEY=other.key, SRP_A=talk.mine.SRP_A)

    def test_no_device_key(self, talk: Talk) -> None:
        """DEVICE_SRP_AUTH without the key is told so."""
        asked = talk.srp("ada", PASSWORD, DEVICE_KEY=a_device(talk).key)
        with refused("InvalidParameterException", "Missing required parameter DEVICE_KEY"):
            talk.answer(asked, "ada", SRP_A=talk.mine.SRP_A)

    @pytest.mark.parametrize("srp_a", ["00", srp.to_hex(srp.N), "1" * 100_000])
    def test_dangerous_srp_a(self, talk: Talk, srp_a: str) -> None:
        """SRP_A is as bounded here as anywhere."""
        device = a_device(talk)
        asked = talk.srp("ada", PASSWORD, DEVICE_KEY=device.key)
        with refused(
            "InvalidParameterException", "SRP_A is not the public value of an SRP client."
        ):
            talk.answer(asked, "ada", DEVICE_KEY=device.key, SRP_A=srp_a)

    def test_a_secret_block_of_the_password(self, talk: Talk) -> None:
        """The device is not proved by the user's own proof."""
        device = a_device(talk)
        asked = talk.srp_a("ada", DEVICE_KEY=device.key)
        claim = talk.claim(asked, PASSWORD)
        reply = device.begin(talk.answer(asked, "ada", **claim))
        with refused(*WRONG):
            talk.answer(reply, "ada", DEVICE_KEY=device.key, **claim)


class TestRemembering:
    """ConfirmDevice, UpdateDeviceStatus, ForgetDevice."""

    def test_at_once(self, signing_key: RSAKey) -> None:
        """A confirmed device is remembered, and no confirmation is necessary (asserted)."""
        talk = Talk(a_pool(signing_key, AFTER))
        device = Device(talk, talk.srp("ada", PASSWORD))

        assert device.confirm()["UserConfirmationNecessary"] is False

    def test_on_user_prompt(self, signing_key: RSAKey) -> None:
        """With DeviceOnlyRememberedOnUserPrompt, UpdateDeviceStatus remembers it, or no more."""
        prompt = DeviceConfiguration(device_only_remembered_on_user_prompt=True)
        talk = Talk(a_pool(signing_key, prompt))
        device = Device(talk, talk.srp("ada", PASSWORD))
        token = device.tokens["AccessToken"]

        assert device.confirm()["UserConfirmationNecessary"] is True
        assert "AuthenticationResult" in talk.srp("ada", PASSWORD, DEVICE_KEY=device.key)

        talk.boto.update_device_status(
            AccessToken=token, DeviceKey=device.key, DeviceRememberedStatus="remembered"
        )

        assert "AuthenticationResult" in device.prove(
            talk.srp("ada", PASSWORD, DEVICE_KEY=device.key)
        )

        talk.boto.update_device_status(
            AccessToken=token, DeviceKey=device.key, DeviceRememberedStatus="not_remembered"
        )

        assert "AuthenticationResult" in talk.srp("ada", PASSWORD, DEVICE_KEY=device.key)

    def test_forgotten(self, signing_key: RSAKey) -> None:
        """A forgotten device is not one any more."""
        talk = Talk(a_pool(signing_key, AFTER))
        device = a_device(talk)
        talk.boto.forget_device(AccessToken=device.tokens["AccessToken"], DeviceKey=device.key)
        with refused(*NO_DEVICE):
            talk.password("ada", PASSWORD, DEVICE_KEY=device.key)

    def test_seen(self, signing_key: RSAKey) -> None:
        """GetDevice and ListDevices show the confirmed ones, page by page."""
        talk = Talk(a_pool(signing_key, AFTER))
        keys = [a_device(talk).key for _ in range(3)]
        token = talk.srp("ada", PASSWORD)["AuthenticationResult"]["AccessToken"]
        seen = talk.boto.get_device(AccessToken=token, DeviceKey=keys[0])["Device"]
        page = talk.boto.list_devices(AccessToken=token, Limit=2)
        rest = talk.boto.list_devices(
            AccessToken=token, Limit=2, PaginationToken=page["PaginationToken"]
        )

        assert {each["Name"]: each["Value"] for each in seen["DeviceAttributes"]} == {
            "device_status": "valid",
            "device_name": "laptop",
            "dev:device_remembered_status": "remembered",
        }
        assert seen["DeviceCreateDate"].timestamp() == pytest.approx(
            talk.pool.clock().timestamp(), abs=1
        )
        assert keys == [each["DeviceKey"] for each in page["Devices"] + rest["Devices"]]
        assert "PaginationToken" not in rest

    def test_what_cannot_be_confirmed(self, signing_key: RSAKey) -> None:
        """A key that was not issued, one confirmed already, a verifier that is none."""
        talk = Talk(a_pool(signing_key, AFTER))
        device = Device(talk, talk.srp("ada", PASSWORD))
        given = {"PasswordVerifier": "AA==", "Salt": "AA=="}
        token = device.tokens["AccessToken"]
        with refused("InvalidParameterException", "Invalid device key given."):
            talk.boto.confirm_device(
                AccessToken=token, DeviceKey="eu-west-1_other", DeviceSecretVerifierConfig=given
            )
        with refused("InvalidParameterException", "Invalid device secret verifier config."):
            talk.boto.confirm_device(
                AccessToken=token, DeviceKey=device.key, DeviceSecretVerifierConfig=given
            )
        device.confirm()
        with refused("DeviceKeyExistsException", "Device already exists."):
            device.confirm()

    def test_an_unpadded_verifier_is_refused(self, signing_key: RSAKey) -> None:
        """Without the zero byte in front a verifier reads as negative (amplify-js #7618)."""
        talk = Talk(a_pool(signing_key, AFTER))
        device = Device(talk, talk.srp("ada", PASSWORD))
        unpadded = base64.b64encode(b"\xff" * 384).decode()
        with refused("InvalidParameterException", "Invalid device secret verifier config."):
            talk.boto.confirm_device(
                AccessToken=device.tokens["AccessToken"],
                DeviceKey=device.key,
                DeviceSecretVerifierConfig={"PasswordVerifier": unpadded, "Salt": "AQ=="},
            )

    def test_unconfirmed_devices_do_not_pile_up(self, signing_key: RSAKey) -> None:
        """Those that nobody confirmed are forgotten, the oldest first."""
        pool = a_pool(signing_key, AFTER)
        talk = Talk(pool)
        kept = a_device(talk)
        for _ in range(40):
            talk.password("ada", PASSWORD)

        assert len(pool.user("ada").devices) == 33
        assert kept.key in pool.user("ada").devices


def test_a_pool_without_devices_ignores_them(signing_key: RSAKey) -> None:
    """Without DeviceConfiguration there is no NewDeviceMetadata, and DEVICE_KEY means nothing."""
    done = Talk(a_pool(signing_key, None)).srp("ada", PASSWORD, DEVICE_KEY="eu-west-1_x")

    assert "NewDeviceMetadata" not in done["AuthenticationResult"]


def test_refresh_needs_the_device(signing_key: RSAKey) -> None:
    """A session that has a device is refreshed with its DEVICE_KEY only."""
    talk = Talk(a_pool(signing_key, AFTER))
    device = a_device(talk)
    token = device.tokens["RefreshToken"]
    with refused("NotAuthorizedException", "Invalid Refresh Token."):
        talk.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=token)
    with refused("NotAuthorizedException", "Invalid Refresh Token."):
        talk.boto.get_tokens_from_refresh_token(RefreshToken=token, ClientId=talk.app.client_id)

    assert "AuthenticationResult" in talk.initiate(
        "REFRESH_TOKEN_AUTH", REFRESH_TOKEN=token, DEVICE_KEY=device.key
    )
    assert "AuthenticationResult" in talk.boto.get_tokens_from_refresh_token(
        RefreshToken=token, ClientId=talk.app.client_id, DeviceKey=device.key
    )


def test_under_custom_auth(signing_key: RSAKey) -> None:
    """After issueTokens the device is proved, the password not being needed."""
    triggers = Triggers(
        define=lambda event: event["response"].update(issueTokens=True),
        create=print,
        verify=print,
    )
    talk = Talk(a_pool(signing_key, AFTER, triggers=triggers))
    device = a_device(talk)
    with refused(*NO_DEVICE):
        talk.initiate("CUSTOM_AUTH", USERNAME="ada", DEVICE_KEY="eu-west-1_stale")
    asked = talk.initiate("CUSTOM_AUTH", USERNAME="ada", DEVICE_KEY=device.key)

    assert "AuthenticationResult" in device.prove(asked)


def test_a_stale_key_costs_no_code(signing_key: RSAKey) -> None:
    """The key is looked at before the code: the code is good for the same answer without it."""
    pool = a_pool(signing_key, INSTEAD, mfa="ON", mfa_methods=["SMS_MFA"])
    talk = Talk(pool)
    asked = talk.password("ada", PASSWORD)
    code = pool.outbox.code_for("ada")
    with refused(*NO_DEVICE):
        talk.answer(asked, "ada", SMS_MFA_CODE=code, DEVICE_KEY="eu-west-1_stale")

    assert "AuthenticationResult" in talk.answer(asked, "ada", SMS_MFA_CODE=code)


def test_a_temporary_password_on_a_known_device(signing_key: RSAKey) -> None:
    """The new password comes first; the device does not stand for it."""
    pool = a_pool(signing_key, INSTEAD, mfa="ON", mfa_methods=["SMS_MFA"])
    talk = Talk(pool)
    device = a_device(talk)
    talk.boto.admin_set_user_password(
        UserPoolId=pool.pool_id, Username="ada", Password="Temp-Passw0rd!"
    )
    asked = talk.srp("ada", "Temp-Passw0rd!", DEVICE_KEY=device.key)

    assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    asked = talk.answer(asked, "ada", NEW_PASSWORD="New-Passw0rd!")
    assert "AuthenticationResult" in device.prove(asked)


class TestContradictions:
    """Where sources disagree, a setting goes the other way."""

    def test_email_is_asked_all_the_same(self, signing_key: RSAKey) -> None:
        """The AWS API reference lets a device stand for SMS and TOTP only."""
        pool = LocalPool(
            key=signing_key,
            mfa="ON",
            mfa_methods=["EMAIL_OTP"],
            device=INSTEAD,
            contradictions=Contradictions(device_replaces_email_mfa=False),
        )
        pool.add_user("ada", PASSWORD, email="ada@example.com")
        talk = Talk(pool)

        def coded(asked: Any) -> Any:
            return talk.answer(asked, "ada", EMAIL_OTP_CODE=pool.outbox.code_for("ada"))

        device = Device(talk, coded(talk.srp("ada", PASSWORD)))
        device.confirm()
        asked = talk.srp("ada", PASSWORD, DEVICE_KEY=device.key)

        assert asked["ChallengeName"] == "EMAIL_OTP"
        assert "AuthenticationResult" in device.prove(coded(asked))

    @pytest.mark.parametrize("tracked", [True, False])
    def test_admin_flows(self, signing_key: RSAKey, tracked: bool) -> None:  # noqa: FBT001 - a case
        """An older developer guide has no devices in the administrators' password flows."""
        pool = a_pool(
            signing_key,
            AFTER,
            contradictions=Contradictions(devices_tracked_in_admin_flows=tracked),
        )
        done = Talk(pool).initiate_as_admin(
            "ADMIN_USER_PASSWORD_AUTH", USERNAME="ada", PASSWORD=PASSWORD
        )

        assert tracked == ("NewDeviceMetadata" in done["AuthenticationResult"])


@pytest.mark.parametrize("device_configuration", [AFTER, INSTEAD])
def test_pycognito(signing_key: RSAKey, device_configuration: DeviceConfiguration) -> None:
    """pycognito, which sends no Session in any of the three proofs, signs in with its device."""
    pool = LocalPool(key=signing_key, device=device_configuration)
    pool.add_user("ada", PASSWORD)
    device = a_device(Talk(pool))
    done = AWSSRP(
        "ada",
        PASSWORD,
        pool.pool_id,
        pool.client_id,
        client=pool.client(),
        device_key=device.key,
        device_group_key=device.group_key,
        device_password=device.password,
    ).authenticate_user()

    assert "AuthenticationResult" in done
