"""The sign-in without I/O: conversations, with the whole state checked after each step."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timezone
from typing import Any, cast

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import (
    OTHER_REPLIES,
    PARAMETERS,
    RESPONSES,
    SESSION,
    TOKENS,
    all_data,
    challenge,
    error,
    reply,
    signin_in_state,
)

from authfsm import srp
from authfsm.base.secret import Secret
from authfsm.core.device import Device
from authfsm.core.history import Step
from authfsm.core.signin import SignIn
from authfsm.protocol import responses as r
from authfsm.protocol.error_policy import Fault, RecoveryAction
from authfsm.protocol.errors import BadField, InvalidOperation, MalformedReply, ProtocolViolation, WrongResponse
from authfsm.protocol.replies import (
    CustomChallenge,
    DevicePasswordVerifier,
    EmailOtp,
    MfaSetup,
    NewDevice,
    NewPasswordRequired,
    OtherChallenge,
    PasswordVerifier,
    Refusal,
    ReplyWithoutChallenge,
    SelectChallenge,
    SelectMfaType,
    SmsMfa,
    SoftwareTokenMfa,
    Tokens,
    WebAuthn,
)
from authfsm.protocol.states import State
from authfsm.protocol.table import PROTOCOL, TRANSITIONS, LoopKind, Role

NOON = datetime(2026, 11, 5, 12, 0, 0, tzinfo=timezone.utc)


def test_srp_then_sms() -> None:
    """The requests, states and history of USER_SRP_AUTH, its proof, a wrong code and the right one."""
    signin = SignIn("client", pool_id="eu-west-1_Pool")
    pair = srp.ephemeral(bytes(range(32)))

    request = signin.send(r.UserSrpAuth("ada@example.com", pair.SRP_A))
    assert (request.operation, request.method) == ("InitiateAuth", "initiate_auth")
    assert request.reveal() == {
        "AuthFlow": "USER_SRP_AUTH",
        "ClientId": "client",
        "AuthParameters": {"USERNAME": "ada@example.com", "SRP_A": pair.SRP_A},
    }
    assert (signin.state, signin.awaiting) == (State.START, r.UserSrpAuth)

    reply = {**challenge(State.PASSWORD_VERIFIER), "Session": None}
    assert signin.receive(reply, at=NOON) is State.PASSWORD_VERIFIER
    assert isinstance(signin.challenge, PasswordVerifier)
    assert (signin.session, signin.username, signin.role) == (None, "ada", Role.FIRST_FACTOR)
    assert signin.accepts == (r.SrpClaim,)
    assert not signin.password_proved

    claim = signin.prove(pair, NOON, "a password")
    assert claim.timestamp == "Thu Nov 5 12:00:00 UTC 2026"
    parameters = signin.send(claim).reveal()
    assert parameters == {
        "ClientId": "client",
        "ChallengeName": "PASSWORD_VERIFIER",
        "ChallengeResponses": {
            "USERNAME": "ada",
            "PASSWORD_CLAIM_SIGNATURE": claim.signature.reveal(),
            "PASSWORD_CLAIM_SECRET_BLOCK": "c2VjcmV0",
            "TIMESTAMP": "Thu Nov 5 12:00:00 UTC 2026",
        },
    }

    assert signin.receive(challenge(State.SMS_MFA), at=NOON) is State.SMS_MFA
    assert isinstance(signin.challenge, SmsMfa)
    assert (signin.challenge.medium, signin.challenge.destination) == ("SMS", "+********1234")
    assert signin.password_proved
    assert signin.role is Role.SECOND_FACTOR

    assert signin.send(r.Code("000000")).reveal() == {
        "ClientId": "client",
        "ChallengeName": "SMS_MFA",
        "Session": SESSION,
        "ChallengeResponses": {"USERNAME": "ada", "SMS_MFA_CODE": "000000"},
    }
    assert signin.receive(error("CodeMismatchException", "Invalid code"), at=NOON) is State.SMS_MFA
    assert signin.refusal == Refusal(
        "CodeMismatchException", "Invalid code", action=RecoveryAction.TRY_AGAIN, fault=Fault.USER, request_id="r-1"
    )
    assert signin.session == Secret(SESSION)

    signin.send(r.Code("123456"))
    assert signin.receive(TOKENS, at=NOON) is State.AUTHENTICATED
    assert signin.tokens == Tokens(
        at=NOON,
        access_token=Secret("an access token"),
        id_token=Secret("an id token"),
        refresh_token=Secret("a refresh token"),
        expires_in=3600,
        token_type="Bearer",
    )
    assert (signin.challenge, signin.session, signin.refusal, signin.done) == (None, None, None, True)
    S = State  # noqa: N806 - one letter for a table
    assert signin.history == (
        Step(1, S.START, r.UserSrpAuth, S.PASSWORD_VERIFIER, Role.FIRST_FACTOR, at=NOON),
        Step(2, S.PASSWORD_VERIFIER, r.SrpClaim, S.SMS_MFA, Role.SECOND_FACTOR, at=NOON),
        Step(
            3, S.SMS_MFA, r.Code, S.SMS_MFA, Role.SECOND_FACTOR,
            RecoveryAction.TRY_AGAIN, "CodeMismatchException", at=NOON,
        ),
        Step(4, S.SMS_MFA, r.Code, S.AUTHENTICATED, at=NOON),
    )  # fmt: skip


def test_totp_enrolment_uses_the_newest_session() -> None:
    """AssociateSoftwareToken, VerifySoftwareToken and MFA_SETUP each use the newest session."""
    signin = signin_in_state(State.START)
    signin.send(r.UserPasswordAuth("ada", "a password"))
    signin.receive(challenge(State.MFA_SETUP))
    assert isinstance(signin.challenge, MfaSetup)
    assert signin.challenge.choices == ("SOFTWARE_TOKEN_MFA", "EMAIL_OTP")
    assert list(signin.accepts) == [r.AssociateSoftwareToken, r.SetUpEmail]

    with pytest.raises(WrongResponse, match="before AssociateSoftwareToken"):
        signin.send(r.VerifySoftwareToken("123456"))

    request = signin.send(r.AssociateSoftwareToken())
    assert (request.operation, request.reveal()) == ("AssociateSoftwareToken", {"Session": SESSION})
    signin.receive({"SecretCode": "JBSWY3DPEHPK3PXP", "Session": "second session"})
    assert signin.challenge.secret_code == Secret("JBSWY3DPEHPK3PXP")
    assert set(signin.accepts) == {r.AssociateSoftwareToken, r.VerifySoftwareToken, r.SetUpEmail}

    for refused, session in (
        (error("EnableSoftwareTokenMFAException"), "second session"),
        ({"Status": "ERROR"}, "second session"),
        ({"Status": "ERROR", "Session": "a newer session"}, "a newer session"),
    ):
        signin.send(r.VerifySoftwareToken("000000"))
        assert signin.receive(refused) is State.MFA_SETUP
        assert signin.refusal is not None
        assert signin.refusal.action is RecoveryAction.TRY_AGAIN
        assert signin.session == Secret(session)

    request = signin.send(r.VerifySoftwareToken("123456", "phone"))
    assert request.operation == "VerifySoftwareToken"
    assert request.reveal() == {"Session": "a newer session", "UserCode": "123456", "FriendlyDeviceName": "phone"}
    signin.receive({"Status": "SUCCESS", "Session": "third session"})
    assert r.CompleteMfaSetup in signin.accepts

    assert signin.send(r.CompleteMfaSetup()).reveal() == {
        "ClientId": "client",
        "ChallengeName": "MFA_SETUP",
        "Session": "third session",
        "ChallengeResponses": {"USERNAME": "ada"},
    }
    assert signin.receive(TOKENS) is State.AUTHENTICATED


def test_the_secret_hash_follows_the_username() -> None:
    """USERNAME becomes USER_ID_FOR_SRP after an alias, and SECRET_HASH is recomputed over it."""
    signin = SignIn("client", pool_id="eu-west-1_Pool", client_secret="a client secret")

    first = signin.send(r.UserSrpAuth("ada@example.com", "beef")).reveal()["AuthParameters"]
    assert first["SECRET_HASH"] == srp.secret_hash("ada@example.com", "client", "a client secret")

    signin.receive(challenge(State.PASSWORD_VERIFIER))
    second = signin.send(RESPONSES[r.SrpClaim]).reveal()["ChallengeResponses"]
    assert second["USERNAME"] == "ada"
    assert second["SECRET_HASH"] == srp.secret_hash("ada", "client", "a client secret")


@pytest.mark.parametrize("direct", [False, True])
def test_a_choice_can_be_answered_under_the_factors_own_name(direct: bool) -> None:  # noqa: FBT001 - a test's case
    """SELECT_CHALLENGE can be answered by its own name, or as PASSWORD and PASSWORD_SRP."""
    requests = []
    for response in (r.Password("a password", direct=direct), r.SrpA("beef", direct=direct)):
        request = signin_in_state(State.SELECT_CHALLENGE).send(response).reveal()
        requests.append((request["ChallengeName"], request["ChallengeResponses"]))

    if direct:
        assert requests == [
            ("PASSWORD", {"USERNAME": "ada", "PASSWORD": "a password"}),
            ("PASSWORD_SRP", {"USERNAME": "ada", "SRP_A": "beef"}),
        ]
    else:
        assert requests == [
            ("SELECT_CHALLENGE", {"USERNAME": "ada", "ANSWER": "PASSWORD", "PASSWORD": "a password"}),
            ("SELECT_CHALLENGE", {"USERNAME": "ada", "ANSWER": "PASSWORD_SRP", "SRP_A": "beef"}),
        ]


def test_another_first_factor_can_be_chosen() -> None:
    """From WEB_AUTHN, EMAIL_OTP and SMS_OTP another first factor can be chosen on the same session."""
    for state in (State.WEB_AUTHN, State.EMAIL_OTP, State.SMS_OTP):
        signin = signin_in_state(state)
        signin.flow = "USER_AUTH"

        request = signin.send(r.Select("SMS_OTP")).reveal()

        assert (request["ChallengeName"], request["Session"]) == ("SELECT_CHALLENGE", SESSION)
        assert request["ChallengeResponses"] == {"USERNAME": "ada", "ANSWER": "SMS_OTP"}
        assert signin.receive(challenge(State.SMS_OTP)) is State.SMS_OTP


def email_otp_after(*steps: tuple[r.Response, dict[str, Any]]) -> SignIn:
    """Return a sign-in that these steps have led to EMAIL_OTP."""
    signin = SignIn("client", pool_id="eu-west-1_Pool")
    for response, raw in steps:
        signin.send(response)
        signin.receive(raw)
    assert signin.state is State.EMAIL_OTP
    return signin


EMAIL = challenge(State.EMAIL_OTP)


@pytest.mark.parametrize(
    ("role", "steps"),
    [
        (Role.FIRST_FACTOR, [(r.UserAuth("ada", "EMAIL_OTP"), EMAIL)]),
        (Role.FIRST_FACTOR, [(r.UserAuth("ada"), challenge(State.SELECT_CHALLENGE)), (r.Select("EMAIL_OTP"), EMAIL)]),
        (Role.FIRST_FACTOR, [(r.UserAuth("ada"), challenge(State.SMS_OTP)), (r.Select("EMAIL_OTP"), EMAIL)]),
        (Role.SECOND_FACTOR, [(r.UserPasswordAuth("ada", "a password"), EMAIL)]),
        (Role.SECOND_FACTOR, [(r.UserAuthWithPassword("ada", "a password"), EMAIL)]),
        (
            Role.SECOND_FACTOR,
            [(r.UserAuth("ada"), challenge(State.SELECT_CHALLENGE)), (r.Password("a password"), EMAIL)],
        ),
        (
            Role.SECOND_FACTOR,
            [
                (r.UserPasswordAuth("ada", "a password"), challenge(State.SELECT_MFA_TYPE)),
                (r.Select("EMAIL_OTP"), EMAIL),
            ],
        ),
        (
            Role.SECOND_FACTOR,
            [
                (r.UserPasswordAuth("ada", "a password"), challenge(State.MFA_SETUP)),
                (r.SetUpEmail("ada@example.com"), EMAIL),
            ],
        ),
        (Role.SECOND_FACTOR, [(r.StepUp("ada", ["loa:2"], "an access token"), EMAIL)]),
        (Role.SECOND_FACTOR, [(r.UserAuth("ada"), challenge(State.SMS_OTP)), (r.Code("12345678"), EMAIL)]),
    ],
)
def test_the_role_of_email_otp_depends_on_the_path(role: Role, steps: list[tuple[r.Response, dict[str, Any]]]) -> None:
    """EMAIL_OTP is a first factor until a password has been proved, or a second factor chosen."""
    signin = email_otp_after(*steps)

    assert signin.role is role
    assert (r.Select in signin.accepts) is (role is Role.FIRST_FACTOR)


def test_challenges_are_parsed_and_keep_unknown_keys() -> None:
    """Parameters become typed attributes; unknown keys stay."""
    more = {"ChallengeParameters": {**PARAMETERS[State.NEW_PASSWORD_REQUIRED], "TOMORROW": "yes"}}
    for state, kind, facts in (
        (
            State.NEW_PASSWORD_REQUIRED,
            NewPasswordRequired,
            {"required_attributes": ("name",), "user_attributes": {"email": "ada@example.com"}},
        ),
        (State.SELECT_MFA_TYPE, SelectMfaType, {"choices": ("SMS_MFA", "SOFTWARE_TOKEN_MFA", "EMAIL_OTP")}),
        (State.SOFTWARE_TOKEN_MFA, SoftwareTokenMfa, {"friendly_device_name": "phone"}),
        (State.WEB_AUTHN, WebAuthn, {"request_options": {"challenge": "Zm9v", "rpId": "example.com"}}),
        (State.EMAIL_OTP, EmailOtp, {"medium": "EMAIL", "destination": "a***@e***"}),
        (State.DEVICE_PASSWORD_VERIFIER, DevicePasswordVerifier, {"salt": 0xA1B, "B": 0xC0FFEE}),
    ):
        signin = signin_in_state(State.CUSTOM_CHALLENGE)
        signin.send(r.Answer("42"))
        signin.receive({**challenge(state), **(more if state is State.NEW_PASSWORD_REQUIRED else {})})
        parsed = signin.challenge

        assert isinstance(parsed, kind)
        assert {name: getattr(parsed, name) for name in facts} == facts
        if state is State.NEW_PASSWORD_REQUIRED:
            assert parsed.parameters["TOMORROW"] == "yes"


def test_mfas_can_select_is_read_too() -> None:
    """MFAS_CAN_SELECT is read like MFAS_CAN_CHOOSE; AWS's pages have both."""
    signin = signin_in_state(State.START)
    signin.send(r.UserPasswordAuth("ada", "a password"))
    signin.receive({**challenge(State.SELECT_MFA_TYPE), "ChallengeParameters": {"MFAS_CAN_SELECT": '["SMS_MFA"]'}})

    assert isinstance(signin.challenge, SelectMfaType)
    assert signin.challenge.choices == ("SMS_MFA",)


def test_available_challenges_come_with_any_challenge() -> None:
    """AvailableChallenges is kept with any challenge."""
    for state, kind in ((State.SELECT_CHALLENGE, SelectChallenge), (State.EMAIL_OTP, EmailOtp)):
        signin = signin_in_state(State.START)
        signin.send(r.UserAuth("ada"))
        signin.receive(challenge(state, AvailableChallenges=["EMAIL_OTP", "PASSWORD"]))

        assert isinstance(signin.challenge, kind)
        assert signin.challenge.available == ("EMAIL_OTP", "PASSWORD")


@pytest.mark.parametrize("name", ["SRP_A", "TOMORROWS_CHALLENGE", "START", "FAILED", "AUTHENTICATED"])
def test_a_challenge_of_another_name_is_a_state(name: str) -> None:
    """Any unknown challenge is OTHER_CHALLENGE, and is answered under its own name."""
    signin = signin_in_state(State.START)
    signin.send(r.CustomAuth("ada"))

    state = signin.receive({"ChallengeName": name, "Session": SESSION, "ChallengeParameters": {"a": "b"}})

    assert state is State.OTHER_CHALLENGE
    assert isinstance(signin.challenge, OtherChallenge)
    assert (signin.challenge.name, signin.challenge.parameters) == (name, {"a": "b"})
    request = signin.send(r.RawAnswer({"SOMETHING": "else"})).reveal()
    assert request["ChallengeName"] == name
    assert request["ChallengeResponses"] == {"SOMETHING": "else", "USERNAME": "ada"}


def test_a_custom_challenge_shows_its_public_parameters() -> None:
    """A custom challenge has CreateAuthChallenge's public parameters, and the user's real name."""
    signin = signin_in_state(State.START)
    signin.send(r.CustomAuth("ada@example.com"))
    signin.receive(
        {
            "ChallengeName": "CUSTOM_CHALLENGE",
            "Session": SESSION,
            "ChallengeParameters": {"USERNAME": "a-sub", "question": "6 x 7"},
        }
    )

    assert isinstance(signin.challenge, CustomChallenge)
    assert signin.challenge.parameters["question"] == "6 x 7"
    assert signin.username == "a-sub"


def test_client_metadata_is_sent() -> None:
    """ClientMetadata for the pool's triggers is sent if the operation accepts it."""
    signin = signin_in_state(State.START)

    request = signin.send(r.CustomAuth("ada", client_metadata={"locale": "en"})).reveal()

    assert request["ClientMetadata"] == {"locale": "en"}


def test_admin_operations_name_the_pool() -> None:
    """An administrator's sign-in uses Admin* operations with UserPoolId, to its end."""
    signin = SignIn("client", pool_id="eu-west-1_Pool")

    request = signin.send(r.AdminUserPasswordAuth("ada", "a password"))
    assert (request.operation, request.reveal()["UserPoolId"]) == ("AdminInitiateAuth", "eu-west-1_Pool")
    signin.receive(challenge(State.SMS_MFA))

    request = signin.send(r.Code("123456"))
    assert request.operation == "AdminRespondToAuthChallenge"
    assert request.reveal()["UserPoolId"] == "eu-west-1_Pool"

    with pytest.raises(BadField, match="pool_id"):
        SignIn("client", admin=True).send(r.UserSrpAuth("ada", "beef"))


def test_a_forgotten_device_is_dropped_and_the_answer_repeated() -> None:
    """ResourceNotFoundException "Device does not exist." drops the device, not the sign-in."""
    signin = SignIn("client", device=Device("a device key", "a group", "a device password"))
    opening = r.UserPasswordAuth("ada", "a password")
    assert signin.send(opening).reveal()["AuthParameters"]["DEVICE_KEY"] == "a device key"

    assert signin.receive(error("ResourceNotFoundException", "Device does not exist.")) is State.START
    assert signin.device is None
    assert "DEVICE_KEY" not in signin.send(opening).reveal()["AuthParameters"]
    assert signin.receive(TOKENS) is State.AUTHENTICATED


def test_operations_after_the_sign_in() -> None:
    """ConfirmDevice, refresh and sign-out are possible in AUTHENTICATED; a refresh keeps absent tokens."""
    signin = signin_in_state(State.START)
    signin.client_secret = Secret("a client secret")
    signin.send(r.UserPasswordAuth("ada", "a password"))
    metadata = {"DeviceKey": "device", "DeviceGroupKey": "group"}
    signin.receive({"AuthenticationResult": {**TOKENS["AuthenticationResult"], "NewDeviceMetadata": metadata}})
    assert signin.tokens is not None
    assert signin.tokens.new_device == NewDevice(device_key="device", device_group_key="group")

    device, confirm = Device.new(signin.tokens.new_device, bytes(56), "laptop")
    request = signin.send(confirm)
    assert request.operation == "ConfirmDevice"
    assert request.reveal()["DeviceKey"] == device.device_key == "device"
    assert signin.receive({"UserConfirmationNecessary": True}) is State.AUTHENTICATED

    signin.device = device
    assert signin.send(r.UpdateDeviceStatus()).reveal() == {
        "AccessToken": "an access token",
        "DeviceKey": "device",
        "DeviceRememberedStatus": "remembered",
    }
    signin.receive({})

    assert signin.send(r.GetTokensFromRefreshToken()).reveal() == {
        "RefreshToken": "a refresh token",
        "ClientId": "client",
        "ClientSecret": "a client secret",
        "DeviceKey": "device",
    }
    signin.receive({"AuthenticationResult": {"AccessToken": "a newer access token"}})
    assert signin.tokens.access_token == Secret("a newer access token")
    assert signin.tokens.refresh_token == Secret("a refresh token")

    parameters = signin.send(r.RefreshTokenAuth()).reveal()
    assert parameters["AuthParameters"] == {
        "REFRESH_TOKEN": "a refresh token",
        "SECRET_HASH": srp.secret_hash("ada", "client", "a client secret"),
        "DEVICE_KEY": "device",
    }
    assert signin.receive(error("NotAuthorizedException", "Invalid Refresh Token.")) is State.AUTHENTICATED
    assert signin.tokens is not None

    assert signin.send(r.GlobalSignOut()).reveal() == {"AccessToken": "a newer access token"}
    assert signin.receive({}) is State.START
    assert signin.tokens is None


def test_a_lost_reply_leaves_the_sign_in_unchanged() -> None:
    """After send_failed() the same or another answer can be sent."""
    signin = signin_in_state(State.SMS_MFA)
    before = all_data(signin)
    signin.send(r.Code("123456"))

    with pytest.raises(InvalidOperation, match="has not been processed"):
        signin.send(r.Code("123456"))
    signin.send_failed()

    assert all_data(signin) == before
    signin.send(r.Code("123456"))
    assert signin.receive(TOKENS) is State.AUTHENTICATED


def test_a_reply_that_is_not_awaited_is_refused() -> None:
    """receive() without send() is an error and changes nothing."""
    signin = signin_in_state(State.SMS_MFA)
    before = all_data(signin)

    with pytest.raises(InvalidOperation):
        signin.receive(TOKENS)
    assert all_data(signin) == before


@pytest.mark.parametrize("code", ["TooManyRequestsException", "InternalErrorException", "ThrottlingException"])
@pytest.mark.parametrize("state", [s for s in State if s is not State.FAILED])
def test_throttling_changes_nothing(state: State, code: str) -> None:
    """A throttled request leaves the state and its session valid, in every state."""
    for kind in PROTOCOL[state]:
        signin = signin_in_state(state)
        session = signin.session
        signin.send(RESPONSES[kind])

        assert signin.receive(error(code)) is state
        assert signin.refusal is not None
        assert (signin.refusal.action, signin.session) == (RecoveryAction.WAIT, session)


@pytest.mark.parametrize(
    "bad",
    [
        lambda: r.Code(123456),  # type: ignore[arg-type]
        lambda: r.Code(None),  # type: ignore[arg-type]
        lambda: r.UserSrpAuth("ada", "not hex"),
        lambda: r.UserSrpAuth("ada", b"beef"),  # type: ignore[arg-type]
        lambda: r.NewPassword("new", {"name": 1}),  # type: ignore[dict-item]
        lambda: r.NewPassword("new", [("name", "Ada")]),  # type: ignore[arg-type]
        lambda: r.RawAnswer({"ANSWER": None}),  # type: ignore[dict-item]
        lambda: r.StepUp("ada", ["loa"], max_age=-1),
        lambda: r.StepUp("ada", ["loa"], max_age=True),
        lambda: r.StepUp("ada", []),
        lambda: r.StepUp("ada", [""]),
        lambda: r.StepUp("ada", 5),  # type: ignore[arg-type]
        lambda: r.StepUp("ada", None),  # type: ignore[arg-type]
        lambda: r.UpdateDeviceStatus("no"),  # type: ignore[arg-type]
        lambda: r.Password("a password", direct="x"),  # type: ignore[arg-type]
        lambda: r.Select(State.SMS_MFA, client_metadata={"a": 1}),  # type: ignore[dict-item]
        lambda: r.Select(State.SMS_MFA, client_metadata=("a",)),  # type: ignore[arg-type]
        lambda: r.Select(Secret("SMS_MFA")),  # type: ignore[arg-type]
        lambda: r.UserPasswordAuth(Secret("ada"), "a password"),  # type: ignore[arg-type]
        lambda: r.UserSrpAuth("ada", Secret("beef")),  # type: ignore[arg-type]
        lambda: r.SetUpEmail(Secret("ada@example.com")),  # type: ignore[arg-type]
        lambda: r.RefreshTokenAuth("token", Secret("ada")),  # type: ignore[arg-type]
    ],
)
def test_a_bad_field_is_named(bad: Any) -> None:
    """A field of the wrong type is a BadField that names response and field, and is a ValueError."""
    with pytest.raises(BadField) as caught:
        bad()

    assert isinstance(caught.value, ValueError)
    assert caught.value.fault is Fault.CALLER
    assert caught.value.field in str(caught.value)


VERIFIER = PARAMETERS[State.PASSWORD_VERIFIER]


def broken_verifiers(**changes: str | None) -> dict[str, Any]:
    """Return PASSWORD_VERIFIER with parameters changed or removed."""
    parameters = {k: v for k, v in {**VERIFIER, **changes}.items() if v is not None}
    return {"ChallengeName": "PASSWORD_VERIFIER", "ChallengeParameters": parameters}


MALFORMED: dict[str, Any] = {
    "nothing": {},
    "no map": [],
    "none": None,
    "both": {**TOKENS, **challenge(State.SMS_MFA)},
    "no session": {"ChallengeName": "SMS_MFA", "ChallengeParameters": {}},
    "session of a wrong type": {"ChallengeName": "SMS_MFA", "Session": 5},
    "name of a wrong type": {"ChallengeName": 5, "Session": SESSION},
    "parameters of a wrong type": {"ChallengeName": "SMS_MFA", "Session": SESSION, "ChallengeParameters": "x"},
    "a parameter of a wrong type": {
        "ChallengeName": "SMS_MFA",
        "Session": SESSION,
        "ChallengeParameters": {"USER_ID_FOR_SRP": 5},
    },
    "available of a wrong type": challenge(State.SMS_MFA, AvailableChallenges="EMAIL_OTP"),
    "tokens of a wrong type": {"AuthenticationResult": "tokens"},
    "no access token": {"AuthenticationResult": {"IdToken": "x"}},
    "expiry of a wrong type": {"AuthenticationResult": {"AccessToken": "x", "ExpiresIn": "soon"}},
    "expiry that is no moment": {"AuthenticationResult": {"AccessToken": "x", "ExpiresIn": 10**13}},
    "expiry before it begins": {"AuthenticationResult": {"AccessToken": "x", "ExpiresIn": -1}},
    "expiry that is no number": {"AuthenticationResult": {"AccessToken": "x", "ExpiresIn": float("nan")}},
    "expiry in parts": {"AuthenticationResult": {"AccessToken": "x", "ExpiresIn": 3600.0}},
    "expiry that is a truth": {"AuthenticationResult": {"AccessToken": "x", "ExpiresIn": True}},
    "device of a wrong type": {"AuthenticationResult": {"AccessToken": "x", "NewDeviceMetadata": "x"}},
    "device without key": {"AuthenticationResult": {"AccessToken": "x", "NewDeviceMetadata": {"a": "b"}}},
    "error without code": {"Error": {"Message": "x"}},
    "SRP_B not hex": broken_verifiers(SRP_B="xyz"),
    "SRP_B negative": broken_verifiers(SRP_B="-5"),
    "SRP_B missing": broken_verifiers(SRP_B=None),
    "SRP_B zero": broken_verifiers(SRP_B="0"),
    "SRP_B is N": broken_verifiers(SRP_B=srp.to_hex(srp.N)),
    "SRP_B endless": broken_verifiers(SRP_B="f" * 100_000),
    "SALT missing": broken_verifiers(SALT=None),
    "SALT not hex": broken_verifiers(SALT="salt"),
    "SECRET_BLOCK not base64": broken_verifiers(SECRET_BLOCK="***"),
    "SECRET_BLOCK missing": broken_verifiers(SECRET_BLOCK=None),
    "no USER_ID_FOR_SRP": broken_verifiers(USER_ID_FOR_SRP=None),
    "MFAS_CAN_CHOOSE not JSON": {
        **challenge(State.SELECT_MFA_TYPE),
        "ChallengeParameters": {"MFAS_CAN_CHOOSE": "[SMS"},
    },
    "MFAS_CAN_CHOOSE no list": {
        **challenge(State.SELECT_MFA_TYPE),
        "ChallengeParameters": {"MFAS_CAN_CHOOSE": '{"a": 1}'},
    },
    "MFAS_CAN_CHOOSE of numbers": {
        **challenge(State.SELECT_MFA_TYPE),
        "ChallengeParameters": {"MFAS_CAN_CHOOSE": "[1]"},
    },
    "userAttributes no map": {
        **challenge(State.NEW_PASSWORD_REQUIRED),
        "ChallengeParameters": {"userAttributes": "[]"},
    },
    "JSON too deep": {**challenge(State.MFA_SETUP), "ChallengeParameters": {"MFAS_CAN_SETUP": "[" * 100_000}},
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_reply_changes_nothing(name: str) -> None:
    """A malformed reply is an error of the service without its value, and the sign-in is usable."""
    signin = SignIn("client", pool_id="eu-west-1_Pool")
    before = all_data(signin)
    signin.send(r.CustomSrpAuth("ada", "beef"))

    with pytest.raises(MalformedReply) as caught:
        signin.receive(MALFORMED[name])

    assert caught.value.fault is Fault.SERVICE
    assert caught.value.state is State.START
    assert SESSION not in str(caught.value)
    assert all_data(signin) == before
    signin.send(r.CustomSrpAuth("ada", "beef"))
    assert signin.receive(challenge(State.PASSWORD_VERIFIER)) is State.PASSWORD_VERIFIER


@pytest.mark.parametrize("raw", [{}, {"SecretCode": "x"}, {"Session": "x"}, {"SecretCode": 5, "Session": "x"}])
def test_a_malformed_association_changes_nothing(raw: dict[str, Any]) -> None:
    """A malformed reply to AssociateSoftwareToken or VerifySoftwareToken changes nothing."""
    for kind in (r.AssociateSoftwareToken, r.VerifySoftwareToken):
        signin = signin_in_state(State.MFA_SETUP)
        before = all_data(signin)
        signin.send(RESPONSES[kind])

        with pytest.raises(MalformedReply):
            signin.receive(raw)
        assert all_data(signin) == before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = ["ChallengeName", "Session", "ChallengeParameters", "AvailableChallenges", "AuthenticationResult", "Error"]
NAMES = st.sampled_from([state.value for state in State])
PARAMETER_KEYS = sorted({key for parameters in PARAMETERS.values() for key in parameters})
PARAMETER_MAPS = st.dictionaries(
    st.sampled_from(PARAMETER_KEYS), st.text(max_size=12) | JSON.map(json.dumps) | JSON, max_size=5
)


@given(
    kind=st.sampled_from(sorted(RESPONSES, key=lambda each: each.trigger)),
    raw=st.dictionaries(st.sampled_from(KEYS), JSON | NAMES | PARAMETER_MAPS, max_size=5) | JSON,
)
def test_no_reply_crashes_a_sign_in(kind: type[r.Response], raw: Any) -> None:
    """For any reply, the sign-in follows the table, or raises a typed error and is unchanged."""
    for state, answers in PROTOCOL.items():
        if kind not in answers:
            continue
        signin = signin_in_state(state)
        before = all_data(signin)
        signin.send(RESPONSES[kind])
        try:
            dest = signin.receive(raw)
        except (MalformedReply, ProtocolViolation):
            assert all_data(signin) == before
        else:
            assert dest in answers[kind] | {State.FAILED, state}
            assert len(signin.history) == 1
        assert signin.awaiting is None


@given(data=st.data())
def test_random_paths_stay_on_the_table(data: st.DataObject) -> None:
    """Random responses and replies of the table never leave it, and each state accepts a response."""
    signin = SignIn("client", pool_id="eu-west-1_Pool")
    for count in range(1, 12):
        accepts = sorted(signin.accepts, key=lambda each: each.trigger)
        if not accepts:
            break
        kind = data.draw(st.sampled_from(accepts))
        source = signin.state
        transitions = [transition for transition in TRANSITIONS if transition[:2] == (source, kind)]
        transition = data.draw(st.sampled_from(transitions))
        dest = transition.dest
        if hasattr(RESPONSES[kind], "srp_a"):  # a new one for each challenge
            signin.send(attrs.evolve(cast("r.SrpA", RESPONSES[kind]), srp_a=f"{count:x}"))
        else:
            signin.send(RESPONSES[kind])

        assert signin.receive(reply(*transition)) is dest
        assert len(signin.history) == count
        assert (signin.history[-1].dest, signin.history[-1].kind) == (dest, transition.kind)
        assert (signin.tokens is not None) or dest is not State.AUTHENTICATED
    else:
        return
    assert signin.state is State.FAILED


def test_prove_needs_a_challenge_for_a_proof() -> None:
    """prove() in another state is a WrongResponse; without password, pool or device, a ValueError."""
    pair = srp.ephemeral(bytes(range(32)))
    with pytest.raises(WrongResponse):
        signin_in_state(State.SMS_MFA).prove(pair, NOON, "a password")
    with pytest.raises(ValueError, match="the password"):
        signin_in_state(State.PASSWORD_VERIFIER).prove(pair, NOON)
    with pytest.raises(ValueError, match="the device"):
        signin_in_state(State.DEVICE_PASSWORD_VERIFIER).prove(pair, NOON)


def test_a_missing_value_is_named() -> None:
    """A refresh without a token, or without the name for SECRET_HASH, is a BadField."""
    for response, field in (
        (r.RefreshTokenAuth(), "refresh_token"),
        (r.GetTokensFromRefreshToken(), "refresh_token"),
        (r.RefreshTokenAuth("a refresh token"), "username"),
    ):
        signin = SignIn("client", client_secret="a client secret")
        with pytest.raises(BadField) as caught:
            signin.send(response)
        assert caught.value.field == field
        assert signin.awaiting is None


def test_samples_have_every_other_reply() -> None:
    """The samples have each operation whose reply is neither challenge nor tokens."""
    from authfsm.core.wire_replies import _OPERATION_READERS  # noqa: PLC0415 - what the samples must match

    assert set(OTHER_REPLIES) == set(_OPERATION_READERS)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_gateways_failure_changes_nothing(status: int) -> None:
    """A 5xx without a code of Cognito's has the action WAIT, and the same answer succeeds."""
    signin = signin_in_state(State.SMS_MFA)
    signin.send(r.Code("123456"))

    state = signin.receive({**error(str(status), "Bad Gateway"), "ResponseMetadata": {"HTTPStatusCode": status}})

    assert state is State.SMS_MFA
    assert signin.refusal is not None
    assert (signin.refusal.action, signin.refusal.fault) == (RecoveryAction.WAIT, Fault.SERVICE)
    signin.send(r.Code("123456"))
    assert signin.receive(TOKENS) is State.AUTHENTICATED


def test_a_refusal_that_ends_the_attempt_says_start_again() -> None:
    """If a state has no response that could be repeated, the action is START_AGAIN."""
    for state, response, refused in (
        (State.PASSWORD_SRP, r.SrpA("beef"), error("InvalidParameterException", "Missing required parameter SRP_A")),
        (State.DEVICE_SRP_AUTH, r.SrpA("beef"), error("ResourceNotFoundException", "Device does not exist.")),
    ):
        signin = signin_in_state(state)
        signin.send(response)

        assert signin.receive(refused) is State.FAILED
        assert signin.refusal is not None
        assert signin.refusal.action is signin.history[-1].action is RecoveryAction.START_AGAIN


def test_a_repeated_challenge_keeps_its_role() -> None:
    """EMAIL_OTP keeps its role when chosen again; a second PASSWORD_VERIFIER is a violation."""
    signin = email_otp_after((r.UserAuth("ada", "EMAIL_OTP"), EMAIL))
    signin.send(r.Select("EMAIL_OTP"))
    signin.receive(EMAIL)
    assert signin.role is Role.FIRST_FACTOR
    assert signin.history[-1].kind is LoopKind.NEW_CHALLENGE
    assert r.Select in signin.accepts

    signin = signin_in_state(State.START)
    signin.send(r.CustomSrpAuth("ada", "beef"))
    signin.receive(challenge(State.PASSWORD_VERIFIER))
    signin.send(RESPONSES[r.SrpClaim])
    with pytest.raises(ProtocolViolation):
        signin.receive(challenge(State.PASSWORD_VERIFIER))
    assert not signin.password_proved


def test_a_refresh_hashes_the_real_name() -> None:
    """After tokens without a challenge, a refresh's SECRET_HASH is over the real name."""
    payload = base64.urlsafe_b64encode(json.dumps({"username": "a-sub"}).encode()).decode().rstrip("=")
    signin = SignIn("client", client_secret="a client secret")
    signin.send(r.UserPasswordAuth("ada@example.com", "a password"))
    signin.receive({"AuthenticationResult": {"AccessToken": f"e30.{payload}.c2ln", "RefreshToken": "a refresh token"}})

    parameters = signin.send(r.RefreshTokenAuth()).reveal()["AuthParameters"]

    assert parameters["SECRET_HASH"] == srp.secret_hash("a-sub", "client", "a client secret")


@given(token=st.text() | st.binary().map(lambda raw: f"e30.{base64.urlsafe_b64encode(raw).decode()}.x"))
def test_an_unreadable_token_is_no_name(token: str) -> None:
    """Reading the user name of any access token never crashes."""
    name = Tokens(access_token=Secret(token)).username

    assert name is None or isinstance(name, str)


def test_tokens_need_an_access_token() -> None:
    """Tokens take the access token as text or as a Secret; anything else is a TypeError without the value."""
    plain: Any = "e30.e30.x"
    assert Tokens(access_token=plain) == Tokens(access_token=Secret(plain))
    wrong: Any
    for wrong in (None, 512634, b"e30", [plain]):
        with pytest.raises(TypeError, match="access_token must be text, not of type") as refused:
            Tokens(access_token=wrong)
        assert str(wrong) not in str(refused.value).replace("NoneType", "")


def test_a_refresh_names_the_device_that_came_with_the_tokens() -> None:
    """A session with NewDeviceMetadata is refreshed with its DEVICE_KEY, confirmed or not."""
    signin = signin_in_state(State.START)
    signin.send(r.UserPasswordAuth("ada", "a password"))
    metadata = {"DeviceKey": "device", "DeviceGroupKey": "group"}
    signin.receive({"AuthenticationResult": {**TOKENS["AuthenticationResult"], "NewDeviceMetadata": metadata}})

    assert signin.send(r.GetTokensFromRefreshToken()).reveal()["DeviceKey"] == "device"
    signin.send_failed()
    assert signin.send(r.RefreshTokenAuth()).reveal()["AuthParameters"]["DEVICE_KEY"] == "device"
    signin.send_failed()
    other = signin.send(r.GetTokensFromRefreshToken("another token", "another device")).reveal()
    assert other["DeviceKey"] == "another device"


def test_unaccepted_metadata_is_not_dropped_silently() -> None:
    """ClientMetadata for an operation that does not accept it is a BadField."""
    with pytest.raises(BadField, match="AssociateSoftwareToken"):
        signin_in_state(State.MFA_SETUP).send(r.AssociateSoftwareToken(client_metadata={"a": "b"}))


def test_an_acknowledgement_without_a_challenge_is_a_violation() -> None:
    """An acknowledgement instead of a challenge or tokens is refused and changes nothing."""
    signin = signin_in_state(State.SMS_MFA)
    before = all_data(signin)
    signin.send(r.Code("123456"))

    with pytest.raises(ProtocolViolation):
        signin.receive(ReplyWithoutChallenge())
    assert all_data(signin) == before


def test_an_empty_client_secret_is_none() -> None:
    """With an empty client secret there is no SECRET_HASH."""
    request = SignIn("client", client_secret="").send(r.UserPasswordAuth("ada", "a password")).reveal()

    assert "SECRET_HASH" not in request["AuthParameters"]


@pytest.mark.parametrize(
    ("state", "response"),
    [
        (State.ADMIN_NO_SRP_AUTH, r.Password("a password", direct=True)),
        (State.PASSWORD, r.Password("a password", direct=True)),
        (State.DEVICE_SRP_AUTH, r.SrpA("beef", direct=True)),
        (State.PASSWORD_SRP, r.SrpA("beef", direct=True)),
    ],
)
def test_direct_changes_only_a_choice(state: State, response: r.Response) -> None:
    """Where no first factor can be chosen, a response with `direct` has the challenge's own name."""
    assert signin_in_state(state).send(response).parameters["ChallengeName"] == str(state)


def test_an_error_without_a_code_cannot_be_read() -> None:
    """An error whose `__type` has nothing after its namespace raises MalformedReply."""
    signin = signin_in_state(State.SMS_MFA)
    signin.send(r.Code("123456"))

    with pytest.raises(MalformedReply, match="the error has no code"):
        signin.receive({"__type": "com.amazonaws.cognito#"})


def test_times_and_ids_that_cannot_be_used_are_refused() -> None:
    """A time without a zone raises ValueError, and the reply is still awaited; an app client's id must be text."""
    signin = SignIn("client")
    signin.send(r.UserPasswordAuth("ada", "a password"))

    for wrong in (NOON.replace(tzinfo=None), "now"):
        with pytest.raises(ValueError, match="at needs an aware datetime"):
            signin.receive(TOKENS, at=wrong)  # type: ignore[arg-type]
    assert signin.receive(TOKENS, at=NOON) is State.AUTHENTICATED

    with pytest.raises(TypeError, match="client_id must be text, not NoneType"):
        SignIn(None)  # type: ignore[arg-type]


def test_abandoning_a_failed_sign_in_keeps_the_reason() -> None:
    """After a refusal that ends the sign-in, `abandon` does not drop the refusal."""
    signin = SignIn("client")
    signin.send(r.UserPasswordAuth("ada", "a password"))
    assert signin.receive(error("NotAuthorizedException", "Incorrect username or password.")) is State.FAILED
    refusal = signin.refusal

    signin.abandon()
    assert (signin.state, signin.refusal) == (State.FAILED, refusal)
    assert refusal is not None
