"""Every transition on which sources contradict each other has a setting of the pool, or a reason against one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final

import attrs
import pytest
from api_client import UNKNOWN, USED, WRONG, ApiClient, refused
from joserfc.jwk import RSAKey
from test_local_accounts import AccountClient
from test_local_custom import CustomAuth
from test_local_devices import INSTEAD_OF_MFA, UserDevice
from test_local_mfa import totp

from authfsm import srp
from authfsm.local import Contradictions, DeviceConfiguration, LocalPool, ManualClock
from authfsm.local.server.config import parse_config
from authfsm.protocol.evidence import Confidence, evidence_rows

PASSWORD = "Correct-Horse-1"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
EVERY_FLOW = [
    "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_CUSTOM_AUTH", "ALLOW_USER_AUTH",
    "ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH",
]  # fmt: skip
Row = tuple[str, str, str]

# fmt: off
SETTINGS: Final[Mapping[Row, str]] = {
    ("START", "*", "AUTHENTICATED"):                                "first_sign_in_without_mfa",
    ("SELECT_CHALLENGE", "Password", "AUTHENTICATED"):              "first_sign_in_without_mfa",
    ("PASSWORD", "Password", "AUTHENTICATED"):                      "first_sign_in_without_mfa",
    ("PASSWORD_VERIFIER", "SrpClaim", "AUTHENTICATED"):             "first_sign_in_without_mfa",
    ("START", "AdminUserPasswordAuth", "DEVICE_SRP_AUTH"):          "devices_tracked_in_admin_flows",
    ("START", "AdminNoSrpAuth", "DEVICE_SRP_AUTH"):                 "devices_tracked_in_admin_flows",
    ("START", "UserAuthWithPassword", "DEVICE_SRP_AUTH"):           "devices_tracked_in_user_auth",
    ("SELECT_CHALLENGE", "Password", "DEVICE_SRP_AUTH"):            "devices_tracked_in_user_auth",
    ("PASSWORD", "Password", "DEVICE_SRP_AUTH"):                    "devices_tracked_in_user_auth",
    ("START", "AdminUserPasswordAuth", "CUSTOM_CHALLENGE"):         "custom_challenge_in_admin_flows",
    ("START", "AdminNoSrpAuth", "CUSTOM_CHALLENGE"):                "custom_challenge_in_admin_flows",
    ("START", "AdminNoSrpAuth", "ADMIN_NO_SRP_AUTH"):               "admin_no_srp_auth_challenges",
    ("ADMIN_NO_SRP_AUTH", "Password", "*"):                         "admin_no_srp_auth_challenges",
    ("EMAIL_OTP", "Code", "SMS_MFA"):                               "mfa_after_one_time_password",
    ("SMS_OTP", "Code", "EMAIL_OTP"):                               "mfa_after_one_time_password",
    ("NEW_PASSWORD_REQUIRED", "NewPassword", "CUSTOM_CHALLENGE"):   "custom_challenge_after_new_password",
    ("MFA_SETUP", "CompleteMfaSetup", "SOFTWARE_TOKEN_MFA"):        "totp_required_after_setup",
    ("MFA_SETUP", "SetUpEmail", "EMAIL_OTP"):                       "email_mfa_setup_in_session",
    ("DEVICE_PASSWORD_VERIFIER", "SrpClaim", "CUSTOM_CHALLENGE"):   "custom_challenge_after_device",
}
"""The field of `Contradictions` that has to be true for the pool to take a transition."""

_NO_FORM: Final = "No recorded reply shows a challenge after a refresh, so its parameters are not known."

UNREACHABLE: Final[Mapping[Row, str]] = {
    ("*", "RefreshTokenAuth", "*"):                 _NO_FORM,
    ("*", "RefreshToken", "*"):                     _NO_FORM,
    ("MFA_SETUP", "SetUpEmail", "SELECT_MFA_TYPE"): "No source shows an answer to MFA_SETUP that sets up several factors.",
}
"""Why no setting makes the pool take a transition."""
# fmt: on

ROWS = sorted({
    row[:3]
    for row, evidence in evidence_rows()
    if evidence.confidence in {Confidence.CONTRADICTORY, Confidence.REFUTED}
})  # fmt: skip


def matches(row: Row, key: Row) -> bool:
    """Return whether a row of evidence.csv matches a key."""
    return all(expected in {"*", part} for part, expected in zip(row, key, strict=True))


def setting_of(row: Row) -> str:
    """Return the setting that leads to a row's destination."""
    return next(setting for key, setting in SETTINGS.items() if matches(row, key))


@pytest.mark.parametrize("row", ROWS, ids="-".join)
def test_each_row_has_a_setting_or_a_reason(row: Row) -> None:
    """Each contradictory or refuted row matches one key."""
    matching_keys = [key for key in (*SETTINGS, *UNREACHABLE) if matches(row, key)]

    assert len(matching_keys) == 1


def test_each_key_has_a_row() -> None:
    """No key is left over, and each names a setting or a reason."""
    for key in (*SETTINGS, *UNREACHABLE):
        assert any(matches(row, key) for row in ROWS), key
    assert all(UNREACHABLE.values())
    fields = attrs.fields_dict(Contradictions)
    assert set(SETTINGS.values()) <= set(fields)


# ---- transitions of the pool ------------------------------------------------------------------------


def sign_in(api: ApiClient, row: Row, **more: str) -> Any:  # noqa: PLR0911 - one line a way
    """Prove the password in a row's state, by its response."""
    state, response, _ = row
    secret = {"PASSWORD": PASSWORD, **more}
    if state == "PASSWORD_VERIFIER":
        return api.srp("ada", PASSWORD)
    if response == "UserPasswordAuth":
        return api.password("ada", PASSWORD, **more)
    if response == "AdminUserPasswordAuth":
        return api.initiate_as_admin("ADMIN_USER_PASSWORD_AUTH", USERNAME="ada", **secret)
    if row[2] == "ADMIN_NO_SRP_AUTH":
        return api.initiate_as_admin("ADMIN_NO_SRP_AUTH", USERNAME="ada")
    if response == "AdminNoSrpAuth":
        return api.initiate_as_admin("ADMIN_NO_SRP_AUTH", USERNAME="ada", **secret)
    if state == "ADMIN_NO_SRP_AUTH":
        first_reply = api.initiate_as_admin("ADMIN_NO_SRP_AUTH", USERNAME="ada", **more)
        return api.boto.admin_respond_to_auth_challenge(
            UserPoolId=api.pool.pool_id,
            ClientId=api.app.client_id,
            ChallengeName="ADMIN_NO_SRP_AUTH",
            Session=first_reply["Session"],
            ChallengeResponses={"USERNAME": "ada", **secret},
        )
    if response == "UserAuthWithPassword":
        return api.initiate("USER_AUTH", USERNAME="ada", PREFERRED_CHALLENGE="PASSWORD", **secret)
    if state == "PASSWORD":
        first_reply = api.initiate("USER_AUTH", USERNAME="ada", PREFERRED_CHALLENGE="PASSWORD")
        return api.answer(first_reply, "ada", **secret)
    first_reply = api.initiate("USER_AUTH", USERNAME="ada")
    return api.answer(first_reply, "ada", ANSWER="PASSWORD", **secret)


USERS: dict[str, dict[str, Any]] = {
    "SMS_MFA": {"mfa": ["SMS_MFA"]},
    "EMAIL_OTP": {"mfa": ["EMAIL_OTP"]},
    "SOFTWARE_TOKEN_MFA": {"totp_secret": SECRET},
    "SELECT_MFA_TYPE": {"mfa": ["SMS_MFA", "SOFTWARE_TOKEN_MFA"], "totp_secret": SECRET},
    "NEW_PASSWORD_REQUIRED": {"temporary": True},
}
"""The user whose password leads to a challenge, in a pool whose MFA is optional."""


def pool_for(row: Row, contradictions: Contradictions, key: RSAKey) -> LocalPool:
    """Return a pool with the user and the settings that a row needs."""
    refuted, setup = row[2] == "AUTHENTICATED", row[2] == "MFA_SETUP"
    needs_mfa = refuted and row[0] != "ADMIN_NO_SRP_AUTH"
    triggers = CustomAuth().triggers if row[2] == "CUSTOM_CHALLENGE" else None
    pool = LocalPool(
        key=key,
        mfa="ON" if needs_mfa or setup else "OPTIONAL",
        mfa_methods=["SOFTWARE_TOKEN_MFA"] if setup else ["SMS_MFA", "SOFTWARE_TOKEN_MFA", "EMAIL_OTP"],
        allowed_first_auth_factors=["PASSWORD"],
        explicit_auth_flows=EVERY_FLOW,
        device=DeviceConfiguration(),
        contradictions=contradictions,
        triggers=triggers,
    )
    if needs_mfa:
        api = AccountClient(pool)
        api.sign_up("ada", PASSWORD, email="ada@example.com")
        api.confirm("ada", pool.outbox.code_for("ada"))
    else:
        addresses: dict[str, Any] = {"email": "ada@example.com", "phone_number": "+15550001111"}
        user: dict[str, Any] = USERS.get(row[2], {})
        pool.add_user("ada", PASSWORD, **addresses, **user)
    return pool


PASSWORD_ROWS = [
    row
    for row in ROWS
    if row[0] in {"START", "SELECT_CHALLENGE", "PASSWORD", "PASSWORD_VERIFIER", "ADMIN_NO_SRP_AUTH"}
    and row[1] not in {"RefreshTokenAuth", "RefreshToken"}
]


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("row", PASSWORD_ROWS, ids="-".join)
def test_the_pool_follows_the_setting(signing_key: RSAKey, row: Row, *, enabled: bool) -> None:
    """After the password, the setting leads to the row's destination, and without it elsewhere."""
    name = setting_of(row)
    setting: dict[str, Any] = {name: enabled}
    pool = pool_for(row, Contradictions(**setting), signing_key)
    api, more = ApiClient(pool), {}
    if row[2] == "DEVICE_SRP_AUTH":
        device = UserDevice(api, api.srp("ada", PASSWORD))
        device.confirm()
        more = {"DEVICE_KEY": device.key}
    if not enabled and name == "admin_no_srp_auth_challenges":
        with refused("InvalidParameterException", "Missing required parameter PASSWORD"):
            sign_in(api, row, **more)
        return
    reply = sign_in(api, row, **more)
    reached = reply.get("ChallengeName", "AUTHENTICATED")

    assert (reached == row[2]) is enabled


@pytest.mark.parametrize("enabled", [True, False])
def test_a_custom_challenge_after_a_device(signing_key: RSAKey, *, enabled: bool) -> None:
    """DefineAuthChallenge runs again after the device, and sees it."""

    def define(session: list[dict[str, Any]]) -> dict[str, Any]:
        names = [each["challengeName"] for each in session]
        again = names[-1:] == ["DEVICE_PASSWORD_VERIFIER"]
        return {"challengeName": "CUSTOM_CHALLENGE"} if again else {"issueTokens": True}

    pool = LocalPool(
        key=signing_key,
        device=DeviceConfiguration(),
        triggers=CustomAuth(define).triggers,
        contradictions=Contradictions(custom_challenge_after_device=enabled),
    )
    pool.add_user("ada", PASSWORD)
    api = ApiClient(pool)
    device = UserDevice(api, api.srp("ada", PASSWORD))
    device.confirm()
    reply = device.prove(api.initiate("CUSTOM_AUTH", USERNAME="ada", DEVICE_KEY=device.key))

    assert reply.get("ChallengeName") == ("CUSTOM_CHALLENGE" if enabled else None)
    if enabled:
        final_reply = api.answer(reply, "ada", ANSWER="answer 1")
        assert "NewDeviceMetadata" not in final_reply["AuthenticationResult"]


# ---- settings without a transition ------------------------------------------------------------------


@pytest.mark.parametrize("at_once", [True, False])
def test_a_device_older_than_the_users_mfa(signing_key: RSAKey, *, at_once: bool) -> None:
    """The second factor is required once; after that sign-in the device replaces it again."""
    pool = LocalPool(
        key=signing_key,
        mfa="OPTIONAL",
        mfa_methods=["SMS_MFA"],
        device=INSTEAD_OF_MFA,
        contradictions=Contradictions(device_replaces_mfa_enabled_later=at_once),
    )
    pool.add_user("ada", PASSWORD, phone_number="+15550001111", mfa=[])
    api = ApiClient(pool)
    device = UserDevice(api, api.srp("ada", PASSWORD))
    device.confirm()
    device.prove(api.srp("ada", PASSWORD, DEVICE_KEY=device.key))
    api.boto.admin_set_user_mfa_preference(
        UserPoolId=pool.pool_id, Username="ada", SMSMfaSettings={"Enabled": True, "PreferredMfa": True}
    )
    reply = api.password("ada", PASSWORD, DEVICE_KEY=device.key)
    if not at_once:
        assert reply["ChallengeName"] == "SMS_MFA"
        reply = api.answer(reply, "ada", SMS_MFA_CODE=pool.outbox.code_for("ada"))
    assert "AuthenticationResult" in device.prove(reply)

    again = api.password("ada", PASSWORD, DEVICE_KEY=device.key)
    assert "AuthenticationResult" in device.prove(again)
    assert api.password("ada", PASSWORD)["ChallengeName"] == "SMS_MFA"


@pytest.mark.parametrize("works", [True, False])
def test_the_old_authenticator_while_a_new_one_is_set_up(signing_key: RSAKey, *, works: bool) -> None:
    """The old app works until the new one is verified, or AssociateSoftwareToken removes it."""
    clock = ManualClock()
    pool = LocalPool(
        key=signing_key,
        clock=clock,
        mfa="OPTIONAL",
        contradictions=Contradictions(software_token_works_until_replaced=works),
    )
    old = SECRET
    pool.add_user("ada", PASSWORD, totp_secret=old)
    api = ApiClient(pool)

    def sign_in_with(secret: str) -> Any:
        clock.advance(60)
        reply = api.password("ada", PASSWORD)
        code = totp(clock, secret)
        return api.answer(reply, "ada", SOFTWARE_TOKEN_MFA_CODE=code)["AuthenticationResult"]

    token = sign_in_with(old)["AccessToken"]
    new = api.boto.associate_software_token(AccessToken=token)["SecretCode"]
    if works:
        sign_in_with(old)
    else:
        assert "AuthenticationResult" in api.password("ada", PASSWORD)
    api.boto.verify_software_token(AccessToken=token, UserCode=totp(clock, new))
    sign_in_with(new)
    with refused("CodeMismatchException", "Invalid code received for user"):
        sign_in_with(old)


@pytest.mark.parametrize("always", [True, False])
def test_confirm_sign_up_without_the_session_of_sign_up(signing_key: RSAKey, *, always: bool) -> None:
    """ConfirmSignUp's reply has a Session that signs in once, without a second code."""
    contradictions = Contradictions(confirm_sign_up_always_has_session=always)
    factors = ["EMAIL_OTP", "PASSWORD"]
    pool = LocalPool(key=signing_key, allowed_first_auth_factors=factors, contradictions=contradictions)
    api = AccountClient(pool)
    api.sign_up("ada", None, email="ada@example.com")
    reply = api.confirm("ada", pool.outbox.code_for("ada"))

    assert ("Session" in reply) is always
    if not always:
        return
    message_count = len(pool.outbox)
    request = {
        "AuthFlow": "USER_AUTH",
        "ClientId": api.app.client_id,
        "AuthParameters": {"USERNAME": "ada"},
        "Session": reply["Session"],
    }
    assert "AuthenticationResult" in api.boto.initiate_auth(**request)
    assert len(pool.outbox) == message_count
    with refused(*USED):
        api.boto.initiate_auth(**request)


def test_no_session_without_one_time_passwords(signing_key: RSAKey) -> None:
    """A pool without passwordless sign-in gives no Session."""
    api = AccountClient(LocalPool(key=signing_key))
    api.sign_up("ada", PASSWORD, email="ada@example.com")

    assert "Session" not in api.confirm("ada", api.pool.outbox.code_for("ada"))


@pytest.mark.parametrize("seconds", [-301, -300, 300, 301])
@pytest.mark.parametrize("tolerance", [None, timedelta(minutes=5)])
def test_the_timestamp_of_a_claim(signing_key: RSAKey, seconds: int, tolerance: timedelta | None) -> None:
    """A TIMESTAMP too far from the pool's time counts as a wrong password, unless there is no tolerance."""
    now = datetime(2026, 5, 5, tzinfo=timezone.utc)
    contradictions = Contradictions(timestamp_tolerance=tolerance)
    pool = LocalPool(
        key=signing_key, clock=ManualClock(now), contradictions=contradictions, device=DeviceConfiguration()
    )
    pool.add_user("ada", PASSWORD)
    api = ApiClient(pool)
    device = UserDevice(api, api.password("ada", PASSWORD))
    device.confirm()
    timestamp = srp.timestamp(now + timedelta(seconds=seconds))

    def prove_password() -> Any:
        reply = api.srp_a("ada")
        return api.answer(reply, "ada", **api.claim(reply, PASSWORD, timestamp))

    def prove_device() -> Any:
        reply = device.begin(api.password("ada", PASSWORD, DEVICE_KEY=device.key))
        claim = api.device_claim(reply, device.group_key, device.password, timestamp)
        return api.answer(reply, "ada", **claim)

    for prove in (prove_password, prove_device):
        if tolerance is not None and abs(seconds) > 300:
            with refused(*WRONG):
                prove()
        else:
            assert "AuthenticationResult" in prove()


def test_a_configuration_file_has_seconds() -> None:
    """`authfsm serve` reads a number as seconds."""
    settings = parse_config({"contradictions": {"timestamp_tolerance": 300}}).settings

    assert settings["contradictions"].timestamp_tolerance == timedelta(minutes=5)


# ---- other contradictions ---------------------------------------------------------------------------


def test_srp_a_may_be_missing_where_a_custom_challenge_follows(signing_key: RSAKey) -> None:
    """Without SRP_A, CHALLENGE_NAME=SRP_A leads to CUSTOM_CHALLENGE only with the setting for it."""
    names = iter(["CUSTOM_CHALLENGE", "PASSWORD_VERIFIER"])
    custom_auth = CustomAuth(lambda _: {"challengeName": next(names)})
    pool = LocalPool(key=signing_key, triggers=custom_auth.triggers)
    pool.add_user("ada", PASSWORD)
    api = ApiClient(pool)
    begin = {"USERNAME": "ada", "CHALLENGE_NAME": "SRP_A"}

    assert api.initiate("CUSTOM_AUTH", **begin)["ChallengeName"] == "CUSTOM_CHALLENGE"
    challenge_names = [each["challengeName"] for each in custom_auth.events[0]["request"]["session"]]
    assert challenge_names == ["SRP_A"]
    with refused("InvalidParameterException", "Missing required parameter SRP_A"):
        api.initiate("CUSTOM_AUTH", **begin)


def test_only_the_first_reply_of_custom_auth_has_the_username(signing_key: RSAKey) -> None:
    """CUSTOM_CHALLENGE has USERNAME in InitiateAuth's reply, and {} after PASSWORD_VERIFIER."""

    def define(session: list[dict[str, Any]]) -> dict[str, Any]:
        by_srp = [each["challengeName"] for each in session] == ["SRP_A"]
        return {"challengeName": "PASSWORD_VERIFIER" if by_srp else "CUSTOM_CHALLENGE"}

    triggers = attrs.evolve(CustomAuth(define).triggers, create=lambda event: event)
    pool = LocalPool(key=signing_key, triggers=triggers)
    pool.add_user("ada", PASSWORD)
    api = ApiClient(pool)
    first = api.initiate("CUSTOM_AUTH", USERNAME="ada")
    first_reply = api.initiate("CUSTOM_AUTH", USERNAME="ada", CHALLENGE_NAME="SRP_A", SRP_A=api.ephemeral.SRP_A)
    after_password = api.answer(first_reply, "ada", **api.claim(first_reply, PASSWORD))

    assert first["ChallengeParameters"] == {"USERNAME": "ada"}
    assert after_password["ChallengeName"] == "CUSTOM_CHALLENGE"
    assert after_password["ChallengeParameters"] == {}


@pytest.mark.parametrize("existence", ["ENABLED", "LEGACY"])
def test_user_not_found_in_events(signing_key: RSAKey, existence: str) -> None:
    """With LEGACY no event has userNotFound; with ENABLED every event has it."""
    custom_auth = CustomAuth()
    events: list[Any] = []

    def before(event: Any) -> Any:
        events.append(event)
        return event

    triggers = attrs.evolve(custom_auth.triggers, pre_authentication=before)
    settings: dict[str, Any] = {"prevent_user_existence_errors": existence}
    pool = LocalPool(key=signing_key, triggers=triggers, **settings)
    pool.add_user("ada", PASSWORD)
    api = ApiClient(pool)
    api.password("ada", PASSWORD)
    api.answer(api.initiate("CUSTOM_AUTH", USERNAME="ada"), "ada", ANSWER="x")
    flags = ["userNotFound" in event["request"] for event in (*events, *custom_auth.events)]

    assert set(flags) == {existence == "ENABLED"}
    assert len(flags) > 3


def test_a_malformed_code_keeps_the_session_of_a_set_up(signing_key: RSAKey) -> None:
    """VerifySoftwareToken refuses a code that is not six digits; the right one completes the set-up."""
    clock = ManualClock()
    pool = LocalPool(key=signing_key, clock=clock, mfa="ON")
    pool.add_user("ada", PASSWORD)
    api = ApiClient(pool)
    first_reply = api.password("ada", PASSWORD)
    with refused(*UNKNOWN):
        api.boto.associate_software_token(Session="x" * 24)
    reply = api.boto.associate_software_token(Session=first_reply["Session"])
    for code in ("12345x", "1234567"):
        with pytest.raises(api.boto.exceptions.InvalidParameterException, match="failed to satisfy"):
            api.boto.verify_software_token(Session=reply["Session"], UserCode=code)
    verified = api.boto.verify_software_token(Session=reply["Session"], UserCode=totp(clock, reply["SecretCode"]))

    assert "AuthenticationResult" in api.respond("MFA_SETUP", verified["Session"], USERNAME="ada")
