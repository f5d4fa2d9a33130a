"""The local pool checks passwords, and first whether the user may sign in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from api_client import MISMATCH, WRONG, ApiClient, refused
from botocore.exceptions import ClientError
from joserfc.jwk import RSAKey

from authfsm.local import CURRENT_FLOW_VALUES, LocalPool, ManualClock, PasswordPolicy, PoolRefusal
from authfsm.local.state.srp_proofs import PasswordRecord, SrpProof

PASSWORD = "correct horse battery staple"
NEW = "New-Passw0rd!"
FLOWS = ["USER_PASSWORD_AUTH", "ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH", "USER_SRP_AUTH"]


def sign_in(api: ApiClient, flow: str, username: str, password: str) -> object:
    """Sign in, and return the first reply that depends on the password."""
    if flow == "USER_SRP_AUTH":
        return api.srp(username, password)
    initiate = api.initiate if flow == "USER_PASSWORD_AUTH" else api.initiate_as_admin
    return initiate(flow, USERNAME=username, PASSWORD=password)


def record_calls(function: Callable[..., Any], calls: list[Any]) -> Callable[..., Any]:
    """Return the function, which also adds its first argument to `calls`."""

    def recorded(*args: Any) -> Any:
        calls.append(args[0])
        return function(*args)

    return recorded


@pytest.fixture
def clock() -> ManualClock:
    """A clock that the test moves."""
    return ManualClock()


@pytest.fixture
def pool(signing_key: RSAKey, clock: ManualClock) -> LocalPool:
    """A pool with one user."""
    pool = LocalPool(key=signing_key, clock=clock)
    pool.add_user("ada", PASSWORD)
    return pool


@pytest.mark.parametrize("flow", FLOWS)
class TestEveryFlow:
    """Rules of every flow that proves a password."""

    def test_right_password(self, pool: LocalPool, flow: str) -> None:
        """The right password returns tokens."""
        assert "AuthenticationResult" in sign_in(ApiClient(pool), flow, "ada", PASSWORD)  # type: ignore[operator]

    @pytest.mark.parametrize("wrong", [PASSWORD + " ", PASSWORD.upper(), "x" * 5000, "\N{SNOWMAN}"])
    def test_wrong_password(self, pool: LocalPool, flow: str, wrong: str) -> None:
        """A wrong password is refused."""
        with refused(*WRONG):
            sign_in(ApiClient(pool), flow, "ada", wrong)

    def test_unknown_user(self, pool: LocalPool, flow: str) -> None:
        """An unknown user gets the error of a wrong password (ENABLED)."""
        with refused(*WRONG):
            sign_in(ApiClient(pool), flow, "nobody", PASSWORD)

    def test_unknown_user_with_legacy(self, signing_key: RSAKey, flow: str) -> None:
        """An unknown user gets UserNotFoundException (LEGACY)."""
        api = ApiClient(LocalPool(key=signing_key, prevent_user_existence_errors="LEGACY"))
        with refused("UserNotFoundException", "User does not exist."):
            sign_in(api, flow, "nobody", PASSWORD)

    def test_a_temporary_password_must_be_replaced(self, pool: LocalPool, flow: str) -> None:
        """FORCE_CHANGE_PASSWORD leads to NEW_PASSWORD_REQUIRED, after the password was proved."""
        pool.add_user("eve", PASSWORD, temporary=True)
        challenge_reply = sign_in(ApiClient(pool), flow, "eve", PASSWORD)

        assert challenge_reply["ChallengeName"] == "NEW_PASSWORD_REQUIRED"  # type: ignore[index]

    def test_a_wrong_temporary_password(self, pool: LocalPool, flow: str) -> None:
        """A wrong temporary password is refused."""
        pool.add_user("eve", PASSWORD, temporary=True)
        with refused(*WRONG):
            sign_in(ApiClient(pool), flow, "eve", "wrong")

    def test_a_temporary_password_expires(self, pool: LocalPool, clock: ManualClock, flow: str) -> None:
        """After TemporaryPasswordValidityDays only an administrator can help."""
        pool.add_user("eve", PASSWORD, temporary=True)
        clock.advance(7 * 24 * 3600)
        with refused("NotAuthorizedException", "Temporary password has expired and must be reset by an administrator."):
            sign_in(ApiClient(pool), flow, "eve", PASSWORD)

    @pytest.mark.parametrize(
        ("facts", "expected"),
        [
            ({"status": "UNCONFIRMED"}, ("UserNotConfirmedException", "User is not confirmed.")),
            ({"status": "RESET_REQUIRED"}, ("PasswordResetRequiredException", "Password reset required for the user")),
            ({"enabled": False}, ("NotAuthorizedException", "User is disabled.")),
        ],
    )
    def test_users_who_may_not_sign_in(
        self, pool: LocalPool, flow: str, facts: dict[str, bool], expected: tuple[str, str]
    ) -> None:
        """Unconfirmed, disabled and to be reset: each user gets the error before the password is checked."""
        pool.add_user("eve", PASSWORD, **facts)  # type: ignore[arg-type]
        with refused(*expected):
            sign_in(ApiClient(pool), flow, "eve", "wrong")

    def test_an_imported_user_is_hidden(self, pool: LocalPool, flow: str) -> None:
        """RESET_REQUIRED by a CSV import gets the error of a wrong password (ENABLED; documented)."""
        pool.add_user("eve", status="RESET_REQUIRED")
        with refused(*WRONG):
            sign_in(ApiClient(pool), flow, "eve", PASSWORD)

    @pytest.mark.parametrize("name", ["eve", "imported", "ada"])
    def test_each_refusal_takes_the_same_work(
        self, pool: LocalPool, flow: str, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The proof is computed once, for an unknown, an imported and an existing user: time tells none apart."""
        pool.add_user("imported", status="RESET_REQUIRED")
        api, proofs = ApiClient(pool), list[Any]()
        for owner, function in ((PasswordRecord, "matches"), (SrpProof, "is_proved_by")):
            monkeypatch.setattr(owner, function, record_calls(getattr(owner, function), proofs))
        with refused(*WRONG):
            sign_in(api, flow, name, "wrong")
        assert len(proofs) == 1

    def test_a_user_without_a_password(self, pool: LocalPool, flow: str) -> None:
        """A user without a password cannot sign in with any."""
        pool.add_user("eve")
        with refused(*WRONG):
            sign_in(ApiClient(pool), flow, "eve", PASSWORD)

    def test_a_flow_that_is_not_enabled(self, signing_key: RSAKey, flow: str) -> None:
        """ExplicitAuthFlows is enforced, with each operation's own message."""
        api = ApiClient(LocalPool(key=signing_key, explicit_auth_flows=["ALLOW_REFRESH_TOKEN_AUTH"]))
        admin = flow.startswith("ADMIN")
        expected = "Auth flow" if admin else f"{flow} flow"
        with refused("InvalidParameterException", f"{expected} not enabled for this client"):
            sign_in(api, flow, "ada", PASSWORD)

    def test_lock_out(self, pool: LocalPool, clock: ManualClock, flow: str) -> None:
        """Five failures lock the user out for 1 s, the next for 2 s; the right password is refused too."""
        api = ApiClient(pool)
        locked = ("NotAuthorizedException", "Password attempts exceeded")
        for _ in range(5):
            with refused(*WRONG):
                sign_in(api, flow, "ada", "wrong")
        with refused(*locked):
            sign_in(api, flow, "ada", PASSWORD)
        clock.advance(1)
        with refused(*WRONG):
            sign_in(api, flow, "ada", "wrong")
        clock.advance(1)
        with refused(*locked):
            sign_in(api, flow, "ada", PASSWORD)
        clock.advance(1)

        assert "AuthenticationResult" in sign_in(api, flow, "ada", PASSWORD)  # type: ignore[operator]

    def test_secret_hash(self, signing_key: RSAKey, flow: str) -> None:
        """A client with a secret must send the right SECRET_HASH."""
        pool = LocalPool(key=signing_key, client_secret=True)
        pool.add_user("ada", PASSWORD)
        initiate = ApiClient(pool).initiate_as_admin if flow.startswith("ADMIN") else ApiClient(pool).initiate
        sent_parameters = {"USERNAME": "ada", "PASSWORD": PASSWORD, "SRP_A": "2"}
        with refused("NotAuthorizedException", f"Unable to verify secret hash for client {pool.client_id}"):
            initiate(flow, **sent_parameters, SECRET_HASH="AAAA")
        with refused(
            "NotAuthorizedException",
            f"Client {pool.client_id} is configured with secret but SECRET_HASH was not received",
        ):
            initiate(flow, **sent_parameters, SECRET_HASH="")


class TestLockOut:
    """The lock-out schedule: 2^(n-5) seconds, at most 15 minutes."""

    def test_the_time_doubles_up_to_fifteen_minutes(self, pool: LocalPool, clock: ManualClock) -> None:
        """Lock-outs last 1, 2, 4, ... 512, 900, 900 seconds."""
        api, waits = ApiClient(pool), []
        for failure in range(17):
            with refused(*WRONG):
                api.password("ada", "wrong")
            until = pool.user("ada").lock_out.locked_until
            if until is not None:
                waits.append((until - clock()).total_seconds())
                # One second early there is a lock still, and it changes nothing.
                clock.advance(waits[-1] - 1)
                with refused("NotAuthorizedException", "Password attempts exceeded"):
                    api.password("ada", "wrong")
                clock.advance(1)

            assert failure < 4 or waits

        assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]

    def test_fifteen_minutes_reset_the_count(self, pool: LocalPool, clock: ManualClock) -> None:
        """Fifteen minutes without an attempt reset the count."""
        api = ApiClient(pool)
        for _ in range(5):
            with refused(*WRONG):
                api.password("ada", "wrong")
        clock.advance(15 * 60)
        with refused(*WRONG):
            api.password("ada", "wrong")

        assert pool.user("ada").lock_out.failures == 1

    def test_the_count_is_cumulative(self, pool: LocalPool) -> None:
        """Before a lock-out, a success does not reset the count."""
        api = ApiClient(pool)
        for _ in range(4):
            with refused(*WRONG):
                api.password("ada", "wrong")
        api.password("ada", PASSWORD)
        with refused(*WRONG):
            api.password("ada", "wrong")
        with refused("NotAuthorizedException", "Password attempts exceeded"):
            api.password("ada", PASSWORD)


class TestNewPassword:
    """NEW_PASSWORD_REQUIRED."""

    @pytest.fixture
    def pool(self, signing_key: RSAKey, clock: ManualClock) -> LocalPool:
        """A pool that requires a name; its user has a temporary password."""
        pool = LocalPool(key=signing_key, clock=clock, required_attributes=["name", "email"])
        pool.add_user("ada", PASSWORD, email="ada@example.com", temporary=True)
        return pool

    def test_the_challenge_lists_what_is_missing(self, pool: LocalPool) -> None:
        """The parameters requiredAttributes and userAttributes are JSON in a string."""
        challenge_reply = ApiClient(pool).password("ada", PASSWORD)

        assert challenge_reply["ChallengeParameters"] == {
            "requiredAttributes": '["userAttributes.name"]',
            "userAttributes": '{"email": "ada@example.com", "email_verified": "true"}',
            "USER_ID_FOR_SRP": "ada",
        }

    def test_refusals_keep_the_session(self, pool: LocalPool) -> None:
        """After a weak password or a missing attribute, the user tries again with the session."""
        api = ApiClient(pool)
        challenge_reply = api.password("ada", PASSWORD)
        with refused("InvalidPasswordException", "Password does not conform to policy: Password not long enough"):
            api.answer(challenge_reply, "ada", NEW_PASSWORD="Ab1!")
        with refused("InvalidParameterException", "Invalid attributes given, name is missing"):
            api.answer(challenge_reply, "ada", NEW_PASSWORD=NEW)
        with refused("NotAuthorizedException", "A client attempted to write unauthorized attribute"):
            api.answer(
                challenge_reply,
                "ada",
                NEW_PASSWORD=NEW,
                **{"userAttributes.name": "Ada", "userAttributes.email_verified": "true"},
            )
        final_reply = api.answer(challenge_reply, "ada", NEW_PASSWORD=NEW, **{"userAttributes.name": "Ada"})

        assert "AuthenticationResult" in final_reply
        assert pool.user("ada").attributes["name"] == "Ada"
        assert "AuthenticationResult" in api.password("ada", NEW)
        with refused(*WRONG):
            api.password("ada", PASSWORD)

    def test_the_new_password_is_required(self, pool: LocalPool) -> None:
        """An answer without NEW_PASSWORD is refused."""
        api = ApiClient(pool)
        challenge_reply = api.password("ada", PASSWORD)
        with refused("InvalidParameterException", "Missing required parameter NEW_PASSWORD"):
            api.answer(challenge_reply, "ada")

    def test_an_invented_session_sets_no_password(self, pool: LocalPool) -> None:
        """Only a session proves that the temporary password was known."""
        with refused("NotAuthorizedException", "Invalid session for the user."):
            ApiClient(pool).respond("NEW_PASSWORD_REQUIRED", "x" * 64, USERNAME="ada", NEW_PASSWORD=NEW)

    def test_an_alias_of_another_user(self, signing_key: RSAKey) -> None:
        """A new address that signs in another user is refused."""
        pool = LocalPool(key=signing_key, aliases=["email"])
        pool.add_user("eve", PASSWORD, email="eve@example.com")
        pool.add_user("ada", PASSWORD, temporary=True)
        api = ApiClient(pool)
        challenge_reply = api.password("ada", PASSWORD)
        with refused("AliasExistsException", "An account with the given email already exists."):
            api.answer(challenge_reply, "ada", NEW_PASSWORD=NEW, **{"userAttributes.email": "eve@example.com"})

    @pytest.mark.parametrize(
        ("password", "lacks"),
        [
            ("Aa1!", "Password not long enough"),
            ("aaaaaa1!", "Password must have uppercase characters"),
            ("AAAAAA1!", "Password must have lowercase characters"),
            ("AAAAaaa!", "Password must have numeric characters"),
            ("AAAAaaa1", "Password must have symbol characters"),
            ("AAAAaaa1€", "Password must have symbol characters"),
            ("AAAAaaa1 ", "Password must have symbol characters"),
            ("ÀÀÀÀaaa1-", "Password must have uppercase characters"),
            ("AAAAééé1-", "Password must have lowercase characters"),
            ("AAAAaaa٣-", "Password must have numeric characters"),
            ("AAAaaa1!", None),
        ],
    )
    def test_the_policy(self, password: str, lacks: str | None) -> None:
        """The pool applies Cognito's default policy, with its messages."""
        assert lacks == PasswordPolicy().violation(password)


class TestNames:
    """How users are found."""

    def test_verified_aliases_sign_in(self, signing_key: RSAKey) -> None:
        """A verified address is an alias, an unverified one is not."""
        pool = LocalPool(key=signing_key, aliases=["email", "phone_number"])
        pool.add_user("ada", PASSWORD, email="ada@example.com", phone_number="+15550001111")
        pool.add_user("eve", PASSWORD, email="eve@example.com", verified=False)
        api = ApiClient(pool)

        for name in ("ada", "ada@example.com", "+15550001111"):
            assert "AuthenticationResult" in api.password(name, PASSWORD)
        with refused(*WRONG):
            api.password("eve@example.com", PASSWORD)

    def test_an_alias_belongs_to_one_user(self, signing_key: RSAKey) -> None:
        """A name or alias cannot be used twice, and nothing of a refused user stays."""
        pool = LocalPool(key=signing_key, aliases=["email"])
        pool.add_user("ada", PASSWORD, email="ada@example.com")
        with pytest.raises(PoolRefusal, match="UsernameExistsException"):
            pool.add_user("eve", PASSWORD, email="ada@example.com")
        with pytest.raises(LookupError):
            pool.user("eve")

    @pytest.mark.parametrize("sensitive", [True, False])
    def test_case_sensitivity(self, signing_key: RSAKey, sensitive: bool) -> None:  # noqa: FBT001 - a case
        """User names are case-sensitive unless CaseSensitive is false (measured)."""
        pool = LocalPool(key=signing_key, case_sensitive=sensitive)
        pool.add_user("Ada", PASSWORD)

        if sensitive:
            with refused(*WRONG):
                ApiClient(pool).password("ada", PASSWORD)
        else:
            assert "AuthenticationResult" in ApiClient(pool).password("ada", PASSWORD)


class TestUnsupportedFlows:
    """Flows that this client or operation does not accept."""

    def test_user_auth_is_not_enabled(self, pool: LocalPool) -> None:
        """USER_AUTH is refused if it is not enabled."""
        with refused("InvalidParameterException", "USER_AUTH flow not enabled for this client"):
            app = pool.add_client(explicit_auth_flows=["ALLOW_USER_SRP_AUTH"])
            ApiClient(pool, app).initiate("USER_AUTH", USERNAME="ada")

    @pytest.mark.parametrize("flow", ["ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"])
    def test_initiate_auth_refuses_admin_flows(self, pool: LocalPool, flow: str) -> None:
        """InitiateAuth refuses ADMIN_* flows."""
        with refused("InvalidParameterException", "Initiate Auth method not supported."):
            ApiClient(pool).initiate(flow, USERNAME="ada", PASSWORD=PASSWORD)

    def test_unknown_flow(self, pool: LocalPool) -> None:
        """A flow that the API does not have is a validation error."""
        with pytest.raises(ClientError, match="Value 'NONSENSE' at 'authFlow' failed to satisfy constraint"):
            ApiClient(pool).initiate("NONSENSE", USERNAME="ada", PASSWORD=PASSWORD)

    def test_admin_initiate_auth_refuses_the_public_flow(self, pool: LocalPool) -> None:
        """AdminInitiateAuth refuses USER_PASSWORD_AUTH."""
        with refused("InvalidParameterException", "Initiate Auth method not supported."):
            ApiClient(pool).initiate_as_admin("USER_PASSWORD_AUTH", USERNAME="ada", PASSWORD=PASSWORD)

    def test_unknown_client_and_pool(self, pool: LocalPool) -> None:
        """Unknown client and pool ids are ResourceNotFoundException."""
        api = ApiClient(pool)
        with refused("ResourceNotFoundException", "User pool client nope does not exist."):
            api.boto.initiate_auth(AuthFlow="USER_SRP_AUTH", ClientId="nope")
        with refused("ResourceNotFoundException", "User pool eu-west-1_nope does not exist."):
            api.boto.admin_initiate_auth(UserPoolId="eu-west-1_nope", AuthFlow="USER_SRP_AUTH", ClientId=pool.client_id)

    @pytest.mark.parametrize("missing", ["USERNAME", "PASSWORD"])
    def test_missing_parameters(self, pool: LocalPool, missing: str) -> None:
        """A missing parameter is named."""
        sent_parameters = {"USERNAME": "ada", "PASSWORD": PASSWORD}
        del sent_parameters[missing]
        with refused("InvalidParameterException", f"Missing required parameter {missing}"):
            ApiClient(pool).initiate("USER_PASSWORD_AUTH", **sent_parameters)

    def test_older_values_do_not_mix(self) -> None:
        """ExplicitAuthFlows accepts ALLOW_* or the older values, not both, and no unknown one."""
        with pytest.raises(ValueError, match="legacy values ADMIN_NO_SRP_AUTH next to"):
            LocalPool(explicit_auth_flows=[*CURRENT_FLOW_VALUES, "ADMIN_NO_SRP_AUTH"])
        with pytest.raises(ValueError, match="cannot have ALLOW_EVERYTHING"):
            LocalPool(explicit_auth_flows=["ALLOW_EVERYTHING"])


class TestAdminNoSrpAuthChallenges:
    """The older reference's ADMIN_NO_SRP_AUTH challenge, with the setting for it."""

    def test_it_is_refused_by_default(self, pool: LocalPool) -> None:
        """Without a password the flow is refused."""
        with refused("InvalidParameterException", "Missing required parameter PASSWORD"):
            ApiClient(pool).initiate_as_admin("ADMIN_NO_SRP_AUTH", USERNAME="ada")

    def test_it_challenges_with_the_setting(self, signing_key: RSAKey) -> None:
        """With the setting the password comes in a second step, by the administrators' operation only."""
        from authfsm.local import Contradictions  # noqa: PLC0415 - here alone

        pool = LocalPool(key=signing_key, contradictions=Contradictions(admin_no_srp_auth_challenges=True))
        pool.add_user("ada", PASSWORD)
        api = ApiClient(pool)
        challenge_reply = api.initiate_as_admin("ADMIN_NO_SRP_AUTH", USERNAME="ada")

        assert challenge_reply["ChallengeName"] == "ADMIN_NO_SRP_AUTH"
        with refused("InvalidParameterException", "ADMIN_NO_SRP_AUTH is not a challenge that this operation answers."):
            api.answer(challenge_reply, "ada", PASSWORD=PASSWORD)
        final_reply = api.boto.admin_respond_to_auth_challenge(
            UserPoolId=pool.pool_id,
            ClientId=pool.client_id,
            ChallengeName="ADMIN_NO_SRP_AUTH",
            Session=challenge_reply["Session"],
            ChallengeResponses={"USERNAME": "ada", "PASSWORD": PASSWORD},
        )

        assert "AuthenticationResult" in final_reply


def test_a_wrong_challenge_name_is_a_mismatch(pool: LocalPool) -> None:
    """An answer with another ChallengeName is a code mismatch; the session survives."""
    pool.add_user("eve", PASSWORD, temporary=True)
    api = ApiClient(pool)
    challenge_reply = api.password("eve", PASSWORD)
    with refused(*MISMATCH):
        api.respond("SMS_MFA", challenge_reply["Session"], USERNAME="eve", SMS_MFA_CODE="123456")

    assert "AuthenticationResult" in api.answer(challenge_reply, "eve", NEW_PASSWORD=NEW)
