"""Security holes of other local Cognito servers: each has a test, here or in another file.

They were found in moto 5.2.5, cognito-local 5.3.0, ministack, floci, fakecloud and LocalStack, or reported in the
cited issues. `TESTS_IN_OTHER_FILES` names the tests in other files.
"""

from __future__ import annotations

import ast
import hmac
from functools import cache
from pathlib import Path
from typing import Any, Final

import pyotp
import pytest
from api_client import MISMATCH, UNKNOWN, ApiClient, refused
from joserfc.jwk import RSAKey

from authfsm.local import LocalPool, ManualClock
from authfsm.protocol.states import CHALLENGES

PASSWORD = "Correct-Horse-1"
PHONE = "+15555550143"
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"

TESTS_IN_OTHER_FILES: Final = (
    # (whose, the hole, the file, the test)
    ("moto", 'SRP_A "00" is accepted', "local_srp", "test_dangerous_srp_a_is_refused"),
    ("moto", 'a signature "garbage" is accepted', "local_srp", "test_invalid_signatures"),
    ("moto", "bob's SRP challenge signs in eve", "local_srp", "test_another_users_name_is_refused"),
    ("moto", "challenges have no parameters", "local_mfa", "test_the_code_goes_to_the_address_in_the_challenge"),
    ("moto", "MFAS_CAN_SETUP is a list, not JSON in a string", "local_mfa", "test_totp"),
    ("moto", "CUSTOM_AUTH answers with nothing", "local_custom", "test_no_functions"),
    ("moto", "USER_AUTH is no AuthFlow", "local_choice", "test_without_a_preference"),
    ("moto", "sessions never expire", "local_sessions", "test_a_session_expires"),
    ("moto", "sessions are bound to no challenge", "local_sessions", "test_another_challenges_session"),
    ("moto", "sessions are bound to no user", "local_sessions", "test_another_users_session"),
    ("moto", "MFA_SETUP closes unverified: tokens, twice", "local_mfa", "test_setup_needs_verification"),
    ("moto", "a TOTP is checked on request only", "local_mfa", "test_codes_of_other_time_steps_are_refused"),
    ("moto", "ExplicitAuthFlows is not enforced", "local_passwords", "test_a_flow_that_is_not_enabled"),
    ("moto", "SECRET_HASH is enforced here and there", "local_passwords", "test_secret_hash"),
    ("moto", "UserNotFoundException tells who is there", "local_passwords", "test_unknown_user"),
    ("moto", "twelve wrong passwords lock nobody out", "local_passwords", "test_lock_out"),
    ("moto", "one signing key for all pools, in the package", "local_tokens", "test_each_pool_has_its_own_key"),
    ("moto", "JWKS of a pool that is not there", "server_http", "test_wrong_methods_and_paths"),
    ("moto", "refresh tokens never expire", "local_tokens", "test_expired"),
    ("moto", "refresh tokens do not rotate", "local_tokens", "test_a_new_token_each_time"),
    ("moto", "RevokeToken is not there", "local_tokens", "test_revoke"),
    ("moto", "no trigger is called", "local_triggers", "test_it_runs_after_all_proofs"),
    ("cognito-local", "administrators' flows skip FORCE_CHANGE_PASSWORD and MFA", "transitions", "test_a_scenario_ends_where_it_says"),
    ("cognito-local", "administrators cannot answer challenges", "local_srp", "test_as_an_administrator"),
    ("cognito-local", "a made-up Session sets anyone's password", "local_passwords", "test_an_invented_session_sets_no_password"),
    ("cognito-local", "a wrong temporary password leads to the challenge", "local_passwords", "test_a_wrong_temporary_password"),
    ("cognito-local", "no code outstanding and none given is right", "local_sessions", "test_a_missing_code"),
    ("cognito-local", "refresh tokens of a challenge's answer are useless", "local_tokens", "test_a_refresh_token_after_a_challenge"),
    ("cognito-local", "passwords lie about in clear", "local_boto_hook", "test_no_password_is_stored"),
    ("LocalStack", "PASSWORD_VERIFIER is not for administrators (#12945)", "local_srp", "test_as_an_administrator"),
    ("LocalStack", "no MFA after SRP (#13400, #13858)", "transitions", "test_a_scenario_ends_where_it_says"),
    ("LocalStack", "no GetTokensFromRefreshToken (#12828)", "local_tokens", "test_a_new_token_each_time"),
    ("ministack", "SRP_B is random, no proof is checked", "local_srp", "test_a_wrong_password_is_refused"),
    ("ministack", "NEW_PASSWORD_REQUIRED ignores the Session", "local_passwords", "test_an_invented_session_sets_no_password"),
    ("ministack", "MFA answers ignore the Session", "local_sessions", "test_an_invented_session"),
    ("ministack", "one CUSTOM_CHALLENGE session for all rounds", "local_custom", "test_two_custom_challenges"),
    ("ministack", "SOFTWARE_TOKEN_MFA takes any code (#1608)", "local_mfa", "test_codes_of_other_time_steps_are_refused"),
    ("floci", "a wrong proof may be repeated on its session", "local_srp", "test_a_wrong_password_is_refused"),
    ("floci", "sessions never expire", "local_srp", "test_the_proof_must_come_in_time"),
    ("floci", "in CUSTOM_AUTH the password in ANSWER proves it", "local_custom", "test_the_proof_is_checked"),
    ("floci", "an unknown AuthFlow brings tokens (#3923)", "local_passwords", "test_initiate_auth_refuses_admin_flows"),
    ("fakecloud", "by SRP a temporary password brings tokens (#1961)", "transitions", "test_a_scenario_ends_where_it_says"),
    ("fakecloud", "SRP_A of any length (#1961)", "local_srp", "test_dangerous_srp_a_is_refused"),
    ("fakecloud", "sessions are bound to no client (#1961)", "local_sessions", "test_another_clients_session"),
    ("amazon-cognito-identity-js", "a new password skips the custom challenge (#341)", "local_custom", "test_new_password"),
    ("amplify-js", "a lock-out looks like a wrong password (#1234)", "local_passwords", "test_the_time_doubles_up_to_fifteen_minutes"),
    ("the lesson", "each challenge has a new session", "local_sessions", "test_every_challenge_has_its_own_session"),
    ("the lesson", "which refusals burn a session is said by a table", "local_boto_hook", "test_session_survives_where_the_policy_says_so"),
    ("the lesson", "PreventUserExistenceErrors has a salt that stays", "local_srp", "test_the_simulation_is_stable_and_fails"),
)  # fmt: skip


@cache
def _tests(name: str) -> frozenset[str]:
    """Return the names of the tests in a file."""
    source = (Path(__file__).parent / f"test_{name}.py").read_text(encoding="utf-8")
    functions = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef))
    return frozenset(node.name for node in functions)


@pytest.mark.parametrize(("whose", "hole", "file", "test"), TESTS_IN_OTHER_FILES)
def test_every_security_hole_has_a_test(whose: str, hole: str, file: str, test: str) -> None:
    """Each hole listed for another file has its test there."""
    assert test in _tests(file), f"{whose}: {hole}"


@pytest.fixture
def pool(signing_key: RSAKey) -> LocalPool:
    """Return a pool that requires SMS MFA, with ada and eve, who have phone numbers."""
    pool = LocalPool(mfa="ON", key=signing_key, clock=ManualClock(), mfa_methods=["SMS_MFA"])
    for name in ("ada", "eve"):
        pool.add_user(name, PASSWORD, phone_number=PHONE)
    return pool


NAMES: Final = (*(each.value for each in CHALLENGES if each != "SMS_MFA"), "TOMORROWS_CHALLENGE")
EVERYTHING: Final = {
    "SMS_MFA_CODE": "0", "SOFTWARE_TOKEN_MFA_CODE": "0", "EMAIL_OTP_CODE": "0", "SMS_OTP_CODE": "0",
    "ANSWER": "PASSWORD", "PASSWORD": PASSWORD, "NEW_PASSWORD": "Another-Horse-2", "CREDENTIAL": "{}",
    "SRP_A": "2", "DEVICE_KEY": "device", "PASSWORD_CLAIM_SECRET_BLOCK": "AAAA",
    "PASSWORD_CLAIM_SIGNATURE": "AAAA", "TIMESTAMP": "Thu Jan 1 00:00:00 UTC 2026",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_session_answers_its_own_challenge_only(pool: LocalPool, name: str) -> None:
    """Moto 5.2.5: MFA_SETUP on a new session issues tokens, and an unknown challenge gets an empty reply."""
    api = ApiClient(pool)
    reply = api.password("ada", PASSWORD)
    code = pool.outbox.code_for("ada")

    with pytest.raises(api.boto.exceptions.ClientError) as caught:
        api.respond(name, reply["Session"], USERNAME="ada", **EVERYTHING)

    assert caught.value.response["Error"]["Code"] in {"CodeMismatchException", "InvalidParameterException"}
    assert "AuthenticationResult" in api.answer(reply, "ada", SMS_MFA_CODE=code)


def test_every_user_has_their_own_totp_secret(signing_key: RSAKey) -> None:
    """Moto 5.2.5: all users have one constant TOTP secret, so each user's code is valid for all."""
    pool = LocalPool(mfa="ON", key=signing_key, mfa_methods=["SOFTWARE_TOKEN_MFA"])
    api, secrets = ApiClient(pool), []
    for name in ("ada", "eve"):
        pool.add_user(name, PASSWORD)
        session = api.password(name, PASSWORD)["Session"]
        secrets.append(api.boto.associate_software_token(Session=session)["SecretCode"])
        session = api.password(name, PASSWORD)["Session"]
        secrets.append(api.boto.associate_software_token(Session=session)["SecretCode"])

    assert len(set(secrets)) == 4
    assert min(len(secret) for secret in secrets) >= 32


def test_a_secret_block_is_no_session(pool: LocalPool) -> None:
    """Moto 5.2.5: SECRET_BLOCK is the Session, and answers any challenge of any user."""
    api = ApiClient(pool)
    block = api.srp_a("ada")["ChallengeParameters"]["SECRET_BLOCK"]
    for name, responses in (
        ("MFA_SETUP", {}),
        ("SMS_MFA", {"SMS_MFA_CODE": "000000"}),
        ("NEW_PASSWORD_REQUIRED", {"NEW_PASSWORD": "Another-Horse-2"}),
    ):
        with refused(*UNKNOWN):
            api.respond(name, block, USERNAME="ada", **responses)


FORGED_ARGUMENTS: Final[dict[str, dict[str, Any]]] = {
    "get_user": {},
    "associate_software_token": {},
    "verify_software_token": {"UserCode": "000000"},
    "set_user_mfa_preference": {"SMSMfaSettings": {"Enabled": False}},
    "change_password": {"PreviousPassword": PASSWORD, "ProposedPassword": "Another-Horse-2"},
    "update_user_attributes": {"UserAttributes": [{"Name": "phone_number", "Value": "+15555550199"}]},
    "confirm_device": {"DeviceKey": "eu-west-1_00000000-0000-4000-8000-000000000000"},
    "global_sign_out": {},
    "delete_user": {},
}


@pytest.mark.parametrize("operation", FORGED_ARGUMENTS)
def test_a_forged_access_token_is_refused(signing_key: RSAKey, operation: str) -> None:
    """cognito-local 5.3.0: access tokens are decoded without verifying the signature."""
    pool = LocalPool(key=signing_key, mfa_methods=["SMS_MFA", "SOFTWARE_TOKEN_MFA"])
    other = LocalPool(pool_id=pool.pool_id, client_id=pool.client_id)
    for each in (pool, other):
        each.add_user("ada", PASSWORD, phone_number=PHONE)
    forged = ApiClient(other).password("ada", PASSWORD)["AuthenticationResult"]["AccessToken"]

    with refused("NotAuthorizedException", "Invalid Access Token"):
        getattr(pool.client(), operation)(AccessToken=forged, **FORGED_ARGUMENTS[operation])


@pytest.mark.parametrize("status", ["UNCONFIRMED", "RESET_REQUIRED"])
def test_a_proof_does_not_confirm_the_user(signing_key: RSAKey, status: str) -> None:
    """ministack: PASSWORD_VERIFIER sets the user CONFIRMED."""
    pool = LocalPool(key=signing_key)
    pool.add_user("ada", PASSWORD, status=status)
    for password in (PASSWORD, "Wrong-Horse-4"):
        with pytest.raises(pool.client().exceptions.ClientError):
            ApiClient(pool).srp("ada", password)

    assert pool.user("ada").status.value == status


def test_a_code_is_valid_once_in_set_up(signing_key: RSAKey) -> None:
    """Ministack #1608: VerifySoftwareToken accepts any code; here a right one is valid once, in set-up too."""
    clock = ManualClock()
    pool = LocalPool(mfa="ON", key=signing_key, clock=clock, mfa_methods=["SOFTWARE_TOKEN_MFA"])
    pool.add_user("ada", PASSWORD)
    api = ApiClient(pool)
    association = api.boto.associate_software_token(Session=api.password("ada", PASSWORD)["Session"])
    code = pyotp.TOTP(association["SecretCode"]).at(clock())
    verified = api.boto.verify_software_token(Session=association["Session"], UserCode=code)

    # The API lists no ExpiredCodeException for this operation.
    with refused("EnableSoftwareTokenMFAException", "Code mismatch and fail enable Software Token MFA"):
        api.boto.verify_software_token(Session=verified["Session"], UserCode=code)


def test_secrets_are_compared_in_constant_time(signing_key: RSAKey, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fakecloud #1961: comparing secrets by == leaks by its time how much of them is right."""
    pool = LocalPool(mfa="ON", key=signing_key, client_secret=True)
    pool.add_user("ada", PASSWORD, phone_number=PHONE, preferred_mfa="SMS_MFA")
    pool.add_user("eve", PASSWORD, totp_secret=TOTP_SECRET)
    api, compared = ApiClient(pool), []
    compare = hmac.compare_digest

    def spy(one: Any, other: Any) -> bool:
        compared.append({bytes(each, "ascii") if isinstance(each, str) else each for each in (one, other)})
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", spy)
    reply = api.password("ada", PASSWORD)
    with refused(*MISMATCH):
        api.answer(reply, "ada", SMS_MFA_CODE="a wrong code")
    reply = api.password("eve", PASSWORD)
    with refused("CodeMismatchException", "Invalid code received for user"):
        api.answer(reply, "eve", SOFTWARE_TOKEN_MFA_CODE="wrong TOTP")
    reply = api.srp_a("ada")
    claim = {**api.claim(reply, PASSWORD), "PASSWORD_CLAIM_SIGNATURE": "a wrong signature"}
    with refused("NotAuthorizedException", "Incorrect username or password."):
        api.answer(reply, "ada", **claim)
    with pytest.raises(api.boto.exceptions.NotAuthorizedException):
        api.password("ada", PASSWORD, SECRET_HASH="a wrong hash")
    with pytest.raises(api.boto.exceptions.NotAuthorizedException):
        api.boto.get_tokens_from_refresh_token(
            RefreshToken="t", ClientId=pool.client_id, ClientSecret="a wrong secret, long enough"
        )
    parameters = {b"a wrong code", b"wrong TOTP", b"a wrong signature", b"a wrong hash", b"a wrong secret, long enough"}

    assert parameters <= {each for pair in compared for each in pair}
