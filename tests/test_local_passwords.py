"""The embedded pool verifies passwords, and asks who may try before it looks at them."""

from __future__ import annotations

import pytest
from joserfc.jwk import RSAKey
from local_talk import MISMATCH, WRONG, Talk, refused

from authfsm.local import EVERY_FLOW, LocalPool, ManualClock, PasswordPolicy, PoolRefusal

PASSWORD = "correct horse battery staple"
NEW = "New-Passw0rd!"
FLOWS = ["USER_PASSWORD_AUTH", "ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH", "USER_SRP_AUTH"]


def sign_in(talk: Talk, flow: str, username: str, password: str) -> object:
    """The first reply that tells something of the password."""
    if flow == "USER_SRP_AUTH":
        return talk.srp(username, password)
    initiate = talk.initiate if flow == "USER_PASSWORD_AUTH" else talk.initiate_as_admin
    return initiate(flow, USERNAME=username, PASSWORD=password)


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still."""
    return ManualClock()


@pytest.fixture
def pool(signing_key: RSAKey, clock: ManualClock) -> LocalPool:
    """A pool with one user."""
    pool = LocalPool(key=signing_key, clock=clock)
    pool.add_user("ada", PASSWORD)
    return pool


@pytest.mark.parametrize("flow", FLOWS)
class TestEveryFlow:
    """What holds on every path by which a password is proved."""

    def test_right_password(self, pool: LocalPool, flow: str) -> None:
        """The right password brings tokens."""
        assert "AuthenticationResult" in sign_in(Talk(pool), flow, "ada", PASSWORD)  # type: ignore[operator]

    @pytest.mark.parametrize("wrong", [PASSWORD + " ", PASSWORD.upper(), "x" * 5000, "\N{SNOWMAN}"])
    def test_wrong_password(self, pool: LocalPool, flow: str, wrong: str) -> None:
        """A wrong one does not."""
        with refused(*WRONG):
            sign_in(Talk(pool), flow, "ada", wrong)

    def test_nobody(self, pool: LocalPool, flow: str) -> None:
        """A user who is not there is told what one with a wrong password is told (ENABLED)."""
        with refused(*WRONG):
            sign_in(Talk(pool), flow, "nobody", PASSWORD)

    def test_nobody_with_legacy(self, signing_key: RSAKey, flow: str) -> None:
        """Or that there is no such user (LEGACY)."""
        talk = Talk(LocalPool(key=signing_key, prevent_user_existence_errors="LEGACY"))
        with refused("UserNotFoundException", "User does not exist."):
            sign_in(talk, flow, "nobody", PASSWORD)

    def test_temporary_password_must_be_replaced(self, pool: LocalPool, flow: str) -> None:
        """FORCE_CHANGE_PASSWORD leads to NEW_PASSWORD_REQUIRED, after the password was proved."""
        pool.add_user("eve", PASSWORD, temporary=True)
        asked = sign_in(Talk(pool), flow, "eve", PASSWORD)

        assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED"  # type: ignore[index]

    def test_wrong_temporary_password(self, pool: LocalPool, flow: str) -> None:
        """A wrong temporary password leads nowhere."""
        pool.add_user("eve", PASSWORD, temporary=True)
        with refused(*WRONG):
            sign_in(Talk(pool), flow, "eve", "wrong")

    def test_temporary_password_expires(
        self, pool: LocalPool, clock: ManualClock, flow: str
    ) -> None:
        """After TemporaryPasswordValidityDays only an administrator helps."""
        pool.add_user("eve", PASSWORD, temporary=True)
        clock.advance(7 * 24 * 3600)
        with refused(
            "NotAuthorizedException",
            "Temporary password has expired and must be reset by an administrator.",
        ):
            sign_in(Talk(pool), flow, "eve", PASSWORD)

    @pytest.mark.parametrize(
        ("facts", "expected"),
        [
            (
                {"status": "UNCONFIRMED"},
                ("UserNotConfirmedException", "User is not confirmed."),
            ),
            (
                {"status": "RESET_REQUIRED"},
                ("PasswordResetRequiredException", "Password reset required for the user"),
            ),
            ({"enabled": False}, ("NotAuthorizedException", "User is disabled.")),
        ],
    )
    def test_who_may_not_sign_in(
        self, pool: LocalPool, flow: str, facts: dict[str, bool], expected: tuple[str, str]
    ) -> None:
        """Unconfirmed, to be reset, disabled: told before the password is looked at."""
        pool.add_user("eve", PASSWORD, **facts)  # type: ignore[arg-type]
        with refused(*expected):
            sign_in(Talk(pool), flow, "eve", "wrong")

    def test_an_imported_user_is_not_told(self, pool: LocalPool, flow: str) -> None:
        """RESET_REQUIRED by a CSV import reads as a wrong password (ENABLED; documented)."""
        pool.add_user("eve", status="RESET_REQUIRED")
        with refused(*WRONG):
            sign_in(Talk(pool), flow, "eve", PASSWORD)

    def test_a_user_without_a_password(self, pool: LocalPool, flow: str) -> None:
        """Who has no password has none that is right."""
        pool.add_user("eve")
        with refused(*WRONG):
            sign_in(Talk(pool), flow, "eve", PASSWORD)

    def test_a_flow_that_is_not_enabled(self, signing_key: RSAKey, flow: str) -> None:
        """ExplicitAuthFlows is enforced, with each operation's own words."""
        talk = Talk(LocalPool(key=signing_key, explicit_auth_flows=["ALLOW_REFRESH_TOKEN_AUTH"]))
        admin = flow.startswith("ADMIN")
        expected = "Auth flow" if admin else f"{flow} flow"
        with refused("InvalidParameterException", f"{expected} not enabled for this client"):
            sign_in(talk, flow, "ada", PASSWORD)

    def test_lock_out(self, pool: LocalPool, clock: ManualClock, flow: str) -> None:
        """Five failures lock the user out for 1 s, the next for 2 s; the right password waits too."""
        talk = Talk(pool)
        locked = ("NotAuthorizedException", "Password attempts exceeded")
        for _ in range(5):
            with refused(*WRONG):
                sign_in(talk, flow, "ada", "wrong")
        with refused(*locked):
            sign_in(talk, flow, "ada", PASSWORD)
        clock.advance(1)
        with refused(*WRONG):
            sign_in(talk, flow, "ada", "wrong")
        clock.advance(1)
        with refused(*locked):
            sign_in(talk, flow, "ada", PASSWORD)
        clock.advance(1)

        assert "AuthenticationResult" in sign_in(talk, flow, "ada", PASSWORD)  # type: ignore[operator]

    def test_secret_hash(self, signing_key: RSAKey, flow: str) -> None:
        """A client with a secret must send a SECRET_HASH, and the right one."""
        pool = LocalPool(key=signing_key, client_secret=True)
        pool.add_user("ada", PASSWORD)
        initiate = Talk(pool).initiate_as_admin if flow.startswith("ADMIN") else Talk(pool).initiate
        given = {"USERNAME": "ada", "PASSWORD": PASSWORD, "SRP_A": "2"}
        with refused(
            "NotAuthorizedException",
            f"Unable to verify secret hash for client {pool.client_id}",
        ):
            initiate(flow, **given, SECRET_HASH="AAAA")
        with refused(
            "NotAuthorizedException",
            f"Client {pool.client_id} is configured with secret but SECRET_HASH was not received",
        ):
            initiate(flow, **given, SECRET_HASH="")


class TestLockOut:
    """The schedule: 2^(n-5) seconds, at most 15 minutes."""

    def test_it_doubles_up_to_fifteen_minutes(self, pool: LocalPool, clock: ManualClock) -> None:
        """1, 2, 4, ... 512, 900, 900 seconds."""
        talk, waits = Talk(pool), []
        for failure in range(17):
            with refused(*WRONG):
                talk.password("ada", "wrong")
            until = pool.user("ada").lock_out.until
            if until is not None:
                waits.append((until - clock()).total_seconds())
                # One second early there is a lock still, and it changes nothing.
                clock.advance(waits[-1] - 1)
                with refused("NotAuthorizedException", "Password attempts exceeded"):
                    talk.password("ada", "wrong")
                clock.advance(1)

            assert failure < 4 or waits

        assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]

    def test_a_quarter_of_an_hour_resets_it(self, pool: LocalPool, clock: ManualClock) -> None:
        """Fifteen minutes without an attempt, and the count begins anew."""
        talk = Talk(pool)
        for _ in range(5):
            with refused(*WRONG):
                talk.password("ada", "wrong")
        clock.advance(15 * 60)
        with refused(*WRONG):
            talk.password("ada", "wrong")

        assert pool.user("ada").lock_out.failures == 1

    def test_the_count_is_cumulative(self, pool: LocalPool) -> None:
        """Before a lock-out a success in between resets nothing."""
        talk = Talk(pool)
        for _ in range(4):
            with refused(*WRONG):
                talk.password("ada", "wrong")
        talk.password("ada", PASSWORD)
        with refused(*WRONG):
            talk.password("ada", "wrong")
        with refused("NotAuthorizedException", "Password attempts exceeded"):
            talk.password("ada", PASSWORD)


class TestNewPassword:
    """NEW_PASSWORD_REQUIRED."""

    @pytest.fixture
    def pool(self, signing_key: RSAKey, clock: ManualClock) -> LocalPool:
        """A pool that requires a name; its user has a temporary password."""
        pool = LocalPool(key=signing_key, clock=clock, required_attributes=["name", "email"])
        pool.add_user("ada", PASSWORD, email="ada@example.com", temporary=True)
        return pool

    def test_it_lists_what_is_missing(self, pool: LocalPool) -> None:
        """Its parameters requiredAttributes and userAttributes are JSON in a string."""
        asked = Talk(pool).password("ada", PASSWORD)

        assert asked["ChallengeParameters"] == {
            "requiredAttributes": '["userAttributes.name"]',
            "userAttributes": '{"email": "ada@example.com", "email_verified": "true"}',
            "USER_ID_FOR_SRP": "ada",
        }

    def test_refusals_leave_the_session_usable(self, pool: LocalPool) -> None:
        """A password against the policy, a missing attribute: try again, then sign in with it."""
        talk = Talk(pool)
        asked = talk.password("ada", PASSWORD)
        with refused(
            "InvalidPasswordException",
            "Password does not conform to policy: Password not long enough",
        ):
            talk.answer(asked, "ada", NEW_PASSWORD="Ab1!")
        with refused("InvalidParameterException", "Invalid attributes given, name is missing"):
            talk.answer(asked, "ada", NEW_PASSWORD=NEW)
        with refused(
            "NotAuthorizedException", "A client attempted to write unauthorized attribute"
        ):
            talk.answer(
                asked,
                "ada",
                NEW_PASSWORD=NEW,
                **{"userAttributes.name": "Ada", "userAttributes.email_verified": "true"},
            )
        done = talk.answer(asked, "ada", NEW_PASSWORD=NEW, **{"userAttributes.name": "Ada"})

        assert "AuthenticationResult" in done
        assert pool.user("ada").attributes["name"] == "Ada"
        assert "AuthenticationResult" in talk.password("ada", NEW)
        with refused(*WRONG):
            talk.password("ada", PASSWORD)

    def test_no_password_no_tokens(self, pool: LocalPool) -> None:
        """NEW_PASSWORD must be there."""
        talk = Talk(pool)
        asked = talk.password("ada", PASSWORD)
        with refused("InvalidParameterException", "Missing required parameter NEW_PASSWORD"):
            talk.answer(asked, "ada")

    def test_made_up_session_sets_nobodys_password(self, pool: LocalPool) -> None:
        """The session is what proves that the temporary password was known."""
        with refused("NotAuthorizedException", "Invalid session for the user."):
            Talk(pool).respond("NEW_PASSWORD_REQUIRED", "x" * 64, USERNAME="ada", NEW_PASSWORD=NEW)

    def test_an_alias_that_is_taken(self, signing_key: RSAKey) -> None:
        """A new address that signs in somebody else is refused."""
        pool = LocalPool(key=signing_key, aliases=["email"])
        pool.add_user("eve", PASSWORD, email="eve@example.com")
        pool.add_user("ada", PASSWORD, temporary=True)
        talk = Talk(pool)
        asked = talk.password("ada", PASSWORD)
        with refused("AliasExistsException", "An account with the given email already exists."):
            talk.answer(
                asked, "ada", NEW_PASSWORD=NEW, **{"userAttributes.email": "eve@example.com"}
            )

    @pytest.mark.parametrize(
        ("password", "lacks"),
        [
            ("Aa1!", "Password not long enough"),
            ("aaaaaa1!", "Password must have uppercase characters"),
            ("AAAAAA1!", "Password must have lowercase characters"),
            ("AAAAaaa!", "Password must have numeric characters"),
            ("AAAAaaa1", "Password must have symbol characters"),
            ("AAAaaa1!", None),
        ],
    )
    def test_the_policy(self, password: str, lacks: str | None) -> None:
        """Cognito's default policy, in its words."""
        assert lacks == PasswordPolicy().violation(password)


class TestTheNames:
    """How users are found."""

    def test_aliases_sign_in_once_verified(self, signing_key: RSAKey) -> None:
        """A verified address is an alias, an unverified one is not."""
        pool = LocalPool(key=signing_key, aliases=["email", "phone_number"])
        pool.add_user("ada", PASSWORD, email="ada@example.com", phone_number="+15550001111")
        pool.add_user("eve", PASSWORD, email="eve@example.com", verified=False)
        talk = Talk(pool)

        for name in ("ada", "ada@example.com", "+15550001111"):
            assert "AuthenticationResult" in talk.password(name, PASSWORD)
        with refused(*WRONG):
            talk.password("eve@example.com", PASSWORD)

    def test_an_alias_is_one_users(self, signing_key: RSAKey) -> None:
        """A name or alias cannot be given twice, and a refused user is not half there."""
        pool = LocalPool(key=signing_key, aliases=["email"])
        pool.add_user("ada", PASSWORD, email="ada@example.com")
        with pytest.raises(PoolRefusal, match="UsernameExistsException"):
            pool.add_user("eve", PASSWORD, email="ada@example.com")
        with pytest.raises(LookupError):
            pool.user("eve")

    @pytest.mark.parametrize("sensitive", [True, False])
    def test_case(self, signing_key: RSAKey, sensitive: bool) -> None:  # noqa: FBT001 - a case
        """CaseSensitive: absent means sensitive (measured)."""
        pool = LocalPool(key=signing_key, case_sensitive=sensitive)
        pool.add_user("Ada", PASSWORD)

        if sensitive:
            with refused(*WRONG):
                Talk(pool).password("ada", PASSWORD)
        else:
            assert "AuthenticationResult" in Talk(pool).password("ada", PASSWORD)


class TestWhatIsNotServed:
    """Flows that this client or operation does not take."""

    def test_user_auth(self, pool: LocalPool) -> None:
        """USER_AUTH is not enabled."""
        with refused("InvalidParameterException", "USER_AUTH flow not enabled for this client"):
            app = pool.add_client(explicit_auth_flows=["ALLOW_USER_SRP_AUTH"])
            Talk(pool, app).initiate("USER_AUTH", USERNAME="ada")

    @pytest.mark.parametrize("flow", ["ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH", "NONSENSE"])
    def test_admin_flows_belong_to_administrators(self, pool: LocalPool, flow: str) -> None:
        """InitiateAuth takes no ADMIN_* flow, and none that nobody knows."""
        with refused("InvalidParameterException", "Initiate Auth method not supported."):
            Talk(pool).initiate(flow, USERNAME="ada", PASSWORD=PASSWORD)

    def test_the_public_twin(self, pool: LocalPool) -> None:
        """AdminInitiateAuth takes no USER_PASSWORD_AUTH."""
        with refused("InvalidParameterException", "Initiate Auth method not supported."):
            Talk(pool).initiate_as_admin("USER_PASSWORD_AUTH", USERNAME="ada", PASSWORD=PASSWORD)

    def test_unknown_client_and_pool(self, pool: LocalPool) -> None:
        """Names that are not ours are ResourceNotFoundException."""
        talk = Talk(pool)
        with refused("ResourceNotFoundException", "User pool client nope does not exist."):
            talk.boto.initiate_auth(AuthFlow="USER_SRP_AUTH", ClientId="nope")
        with refused("ResourceNotFoundException", "User pool eu-west-1_nope does not exist."):
            talk.boto.admin_initiate_auth(
                UserPoolId="eu-west-1_nope", AuthFlow="USER_SRP_AUTH", ClientId=pool.client_id
            )

    @pytest.mark.parametrize("missing", ["USERNAME", "PASSWORD"])
    def test_missing_parameters(self, pool: LocalPool, missing: str) -> None:
        """What is missing is named."""
        given = {"USERNAME": "ada", "PASSWORD": PASSWORD}
        del given[missing]
        with refused("InvalidParameterException", f"Missing required parameter {missing}"):
            Talk(pool).initiate("USER_PASSWORD_AUTH", **given)

    def test_older_values_do_not_mix(self) -> None:
        """ExplicitAuthFlows takes ALLOW_* or the legacy values, not both, and nothing unknown."""
        with pytest.raises(ValueError, match="legacy values ADMIN_NO_SRP_AUTH next to"):
            LocalPool(explicit_auth_flows=[*EVERY_FLOW, "ADMIN_NO_SRP_AUTH"])
        with pytest.raises(ValueError, match="not among"):
            LocalPool(explicit_auth_flows=["ALLOW_EVERYTHING"])


class TestAdminNoSrpAuthAsks:
    """The older reference's ADMIN_NO_SRP_AUTH challenge, where a setting wants it."""

    def test_it_does_not_by_default(self, pool: LocalPool) -> None:
        """Without a password the flow is refused."""
        with refused("InvalidParameterException", "Missing required parameter PASSWORD"):
            Talk(pool).initiate_as_admin("ADMIN_NO_SRP_AUTH", USERNAME="ada")

    def test_it_does_if_told_to(self, signing_key: RSAKey) -> None:
        """The password comes in a second step, by the administrators' operation only."""
        from authfsm.local import Contradictions  # noqa: PLC0415 - here alone

        pool = LocalPool(
            key=signing_key, contradictions=Contradictions(admin_no_srp_auth_challenges=True)
        )
        pool.add_user("ada", PASSWORD)
        talk = Talk(pool)
        asked = talk.initiate_as_admin("ADMIN_NO_SRP_AUTH", USERNAME="ada")

        assert asked["ChallengeName"] == "ADMIN_NO_SRP_AUTH"
        with refused(
            "InvalidParameterException",
            "ADMIN_NO_SRP_AUTH is not a challenge that this operation answers.",
        ):
            talk.answer(asked, "ada", PASSWORD=PASSWORD)
        done = talk.boto.admin_respond_to_auth_challenge(
            UserPoolId=pool.pool_id,
            ClientId=pool.client_id,
            ChallengeName="ADMIN_NO_SRP_AUTH",
            Session=asked["Session"],
            ChallengeResponses={"USERNAME": "ada", "PASSWORD": PASSWORD},
        )

        assert "AuthenticationResult" in done


def test_wrong_challenge_name_is_a_mismatch(pool: LocalPool) -> None:
    """Another ChallengeName than the one asked is told as a code mismatch; the session survives."""
    pool.add_user("eve", PASSWORD, temporary=True)
    talk = Talk(pool)
    asked = talk.password("eve", PASSWORD)
    with refused(*MISMATCH):
        talk.respond("SMS_MFA", asked["Session"], USERNAME="eve", SMS_MFA_CODE="123456")

    assert "AuthenticationResult" in talk.answer(asked, "eve", NEW_PASSWORD=NEW)
