"""The embedded pool calls its Lambda functions where Cognito calls them, in the shape of their events."""

from __future__ import annotations

from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from local_talk import WRONG, Talk, refused

from authfsm.local import LocalPool, Triggers

PASSWORD = "Correct-h0rse"
NEW = "New-Passw0rd!"
NOTE = {"note": "from the app"}
Event = dict[str, Any]


class Recorder:
    """A function that keeps the events it is given, and may do more.

    Args:
        then: what it does with an event.
    """

    def __init__(self, then: Any = None) -> None:
        self.events: list[Event] = []
        self.then = then

    def __call__(self, event: Event) -> Event:
        """Be called, as a Lambda function is."""
        self.events.append(event)
        if self.then is not None:
            self.then(event)
        return event

    @property
    def sources(self) -> list[str]:
        """By what it was triggered."""
        return [event["triggerSource"] for event in self.events]


def fail(text: str) -> Any:
    """What a function does that fails."""

    def failing(_: Event) -> None:
        raise RuntimeError(text)

    return failing


def respond(**response: Any) -> Any:
    """What a function does that answers."""

    def responding(event: Event) -> None:
        event["response"].update(response)

    return responding


def claims(pool: LocalPool, tokens: Any, kind: str) -> dict[str, Any]:
    """The claims of a token, verified."""
    keys = KeySet.import_key_set(pool.jwks())  # type: ignore[arg-type]
    return jwt.decode(tokens["AuthenticationResult"][kind], keys).claims


@pytest.fixture
def make(signing_key: RSAKey) -> Any:
    """Makes a pool with one user and these functions, and talks to it."""

    def made(**functions: Any) -> Talk:
        settings = functions.pop("settings", {})
        pool = LocalPool(key=signing_key, triggers=Triggers(**functions), **settings)
        pool.add_user("ada", PASSWORD, email="ada@example.com", groups=["engines"])
        return Talk(pool)

    return made


def sign_up(talk: Talk, name: str = "bea", **more: Any) -> Any:
    """SignUp."""
    return talk.boto.sign_up(
        ClientId=talk.app.client_id,
        Username=name,
        Password=PASSWORD,
        UserAttributes=[{"Name": "email", "Value": f"{name}@example.com"}],
        **more,
    )


class TestTheEvent:
    """What every function is given."""

    def test_its_shape(self, make: Any) -> None:
        """The members that AWS documents, and ClientMetadata as validationData."""
        before = Recorder()
        talk = make(pre_authentication=before)
        talk.boto.initiate_auth(
            ClientId=talk.app.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "ada", "PASSWORD": PASSWORD},
            ClientMetadata=NOTE,
        )
        user = talk.pool.user("ada")

        assert before.events == [
            {
                "version": "1",
                "region": "eu-west-1",
                "userPoolId": talk.pool.pool_id,
                "userName": "ada",
                "callerContext": {
                    "awsSdkVersion": "authfsm-local",
                    "clientId": talk.app.client_id,
                },
                "triggerSource": "PreAuthentication_Authentication",
                "request": {
                    "userAttributes": {
                        "sub": user.sub,
                        "email": "ada@example.com",
                        "email_verified": "true",
                        "cognito:user_status": "CONFIRMED",
                    },
                    "validationData": NOTE,
                    "userNotFound": False,
                },
                "response": {},
            }
        ]

    @pytest.mark.parametrize("answer", ["nothing", 7, [], {"response": 7}, {"request": {}}])
    def test_another_shape(self, make: Any, answer: object) -> None:
        """What is no event is InvalidLambdaResponseException; returning nothing leaves the event."""
        talk = make(pre_authentication=lambda event: answer)
        with pytest.raises(talk.boto.exceptions.InvalidLambdaResponseException):
            talk.password("ada", PASSWORD)

    def test_the_pool_does_not_share(self, make: Any) -> None:
        """What a function does to its event changes nothing in the pool."""

        def vandal(event: Event) -> None:
            event["request"]["userAttributes"].clear()
            event["callerContext"].clear()

        talk = make(pre_authentication=vandal, post_authentication=vandal)
        talk.password("ada", PASSWORD)

        assert talk.pool.user("ada").attributes["email"] == "ada@example.com"


class TestPreAuthentication:
    """PreAuthentication."""

    def test_it_refuses(self, make: Any) -> None:
        """What it raises is told, and nobody signs in; nor is the password told right or wrong."""
        talk = make(pre_authentication=fail("not today"))
        for password in (PASSWORD, "wrong"):
            with refused(
                "UserLambdaValidationException",
                "PreAuthentication failed with error not today.",
            ):
                talk.password("ada", password)

    @pytest.mark.parametrize("flow", ["USER_PASSWORD_AUTH", "USER_SRP_AUTH", "USER_AUTH"])
    def test_where(self, make: Any, flow: str) -> None:
        """At InitiateAuth, once."""
        before = Recorder()
        talk = make(pre_authentication=before)
        if flow == "USER_PASSWORD_AUTH":
            talk.password("ada", PASSWORD)
        elif flow == "USER_SRP_AUTH":
            talk.srp("ada", PASSWORD)
        else:
            talk.initiate(flow, USERNAME="ada")

        assert before.sources == ["PreAuthentication_Authentication"]

    def test_nobody(self, make: Any) -> None:
        """A user who is not there is told by userNotFound (ENABLED), or not at all (LEGACY)."""
        before = Recorder()
        talk = make(pre_authentication=before)
        with refused(*WRONG):
            talk.password("nobody", PASSWORD)
        legacy = Talk(talk.pool, talk.pool.add_client(prevent_user_existence_errors="LEGACY"))
        with refused("UserNotFoundException", "User does not exist."):
            legacy.password("nobody", PASSWORD)

        assert [event["request"]["userNotFound"] for event in before.events] == [True]


class TestPostAuthentication:
    """PostAuthentication."""

    def test_when_all_is_proved(self, make: Any) -> None:
        """Only a sign-in that succeeds is told, and no refresh; ClientMetadata is the answer's."""
        after = Recorder()
        talk = make(post_authentication=after)
        with refused(*WRONG):
            talk.password("ada", "wrong")
        asked = talk.srp_a("ada")
        reply = talk.boto.respond_to_auth_challenge(
            ClientId=talk.app.client_id,
            ChallengeName="PASSWORD_VERIFIER",
            ChallengeResponses={"USERNAME": "ada", **talk.claim(asked, PASSWORD)},
            ClientMetadata=NOTE,
        )
        talk.initiate(
            "REFRESH_TOKEN_AUTH", REFRESH_TOKEN=reply["AuthenticationResult"]["RefreshToken"]
        )

        assert after.sources == ["PostAuthentication_Authentication"]
        assert after.events[0]["request"]["clientMetadata"] == NOTE
        assert after.events[0]["request"]["newDeviceUsed"] is False

    def test_it_refuses(self, make: Any) -> None:
        """What it raises keeps the tokens back."""
        talk = make(post_authentication=fail("late"))
        with refused("UserLambdaValidationException", "PostAuthentication failed with error late."):
            talk.password("ada", PASSWORD)


class TestPreTokenGeneration:
    """PreTokenGeneration."""

    DETAILS: Event = {  # noqa: RUF012 - nobody changes it
        "claimsToAddOrOverride": {"plan": "gold", "sub": "somebody else", "aud": "theirs"},
        "claimsToSuppress": ["email", "iss"],
        "groupOverrideDetails": {"groupsToOverride": ["poets"], "preferredRole": "arn:role"},
    }

    def test_version_1(self, make: Any) -> None:
        """The id token is changed, but for what must stay; groups change in both."""
        talk = make(pre_token_generation=respond(claimsOverrideDetails=self.DETAILS))
        tokens = talk.password("ada", PASSWORD)
        identity, access = (claims(talk.pool, tokens, k) for k in ("IdToken", "AccessToken"))

        assert identity["plan"] == "gold"
        assert "email" not in identity
        assert identity["sub"] == talk.pool.user("ada").sub
        assert (identity["aud"], identity["iss"]) == (talk.app.client_id, talk.pool.issuer)
        assert identity["cognito:preferred_role"] == "arn:role"
        assert identity["cognito:groups"] == access["cognito:groups"] == ["poets"]
        assert "plan" not in access

    def test_version_1_is_text(self, make: Any) -> None:
        """Its claims are text: anything else is an unrecognizable output."""
        details = {"claimsToAddOrOverride": {"plans": ["gold"]}}
        talk = make(pre_token_generation=respond(claimsOverrideDetails=details))
        with pytest.raises(talk.boto.exceptions.InvalidLambdaResponseException):
            talk.password("ada", PASSWORD)

    def test_version_2(self, make: Any) -> None:
        """Both tokens are changed, the scopes too; claims are what JSON has."""
        details = {
            "idTokenGeneration": {"claimsToAddOrOverride": {"plans": ["gold"]}},
            "accessTokenGeneration": {
                "claimsToAddOrOverride": {"tenant": {"id": 7}, "client_id": "theirs"},
                "scopesToAdd": ["engines:run"],
                "scopesToSuppress": ["aws.cognito.signin.user.admin"],
            },
        }
        seen = Recorder(respond(claimsAndScopeOverrideDetails=details))
        talk = make(pre_token_generation=seen, pre_token_generation_version="V2_0")
        tokens = talk.password("ada", PASSWORD)
        access = claims(talk.pool, tokens, "AccessToken")

        assert seen.events[0]["version"] == "2"
        assert claims(talk.pool, tokens, "IdToken")["plans"] == ["gold"]
        assert (access["tenant"], access["scope"]) == ({"id": 7}, "engines:run")
        assert access["client_id"] == talk.app.client_id

    def test_its_sources(self, make: Any) -> None:
        """It is told which sign-in it was, and is asked again at every refresh."""
        seen = Recorder()
        talk = make(pre_token_generation=seen)
        tokens = talk.password("ada", PASSWORD)["AuthenticationResult"]
        talk.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=tokens["RefreshToken"])
        talk.boto.get_tokens_from_refresh_token(
            RefreshToken=tokens["RefreshToken"],
            ClientId=talk.app.client_id,
            ClientMetadata=NOTE,
        )
        talk.pool.add_user("bea", PASSWORD, temporary=True)
        talk.answer(talk.password("bea", PASSWORD), "bea", NEW_PASSWORD=NEW)

        assert seen.sources == [
            "TokenGeneration_Authentication",
            "TokenGeneration_RefreshTokens",
            "TokenGeneration_RefreshTokens",
            "TokenGeneration_NewPasswordChallenge",
        ]
        assert [event["request"].get("clientMetadata") for event in seen.events] == [
            None,
            None,
            NOTE,
            None,
        ]
        groups = seen.events[0]["request"]["groupConfiguration"]
        assert groups["groupsToOverride"] == ["engines"]

    def test_a_refused_refresh(self, make: Any) -> None:
        """A refresh token that is no good asks it nothing."""
        seen = Recorder()
        talk = make(pre_token_generation=seen)
        with refused("NotAuthorizedException", "Invalid Refresh Token."):
            talk.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN="no such token")

        assert seen.events == []

    def test_a_token_it_made_still_opens_the_door(self, make: Any) -> None:
        """What it changes never locks the user out of their own account."""
        details = {"claimsToSuppress": ["jti", "origin_jti", "token_use", "event_id", "sub"]}
        version_2 = {"accessTokenGeneration": details, "idTokenGeneration": details}
        talk = make(
            pre_token_generation=respond(claimsAndScopeOverrideDetails=version_2),
            pre_token_generation_version="V2_0",
        )
        token = talk.password("ada", PASSWORD)["AuthenticationResult"]["AccessToken"]

        assert talk.boto.get_user(AccessToken=token)["Username"] == "ada"


class TestSigningUp:
    """PreSignUp and PostConfirmation."""

    def test_confirmed_at_once(self, make: Any) -> None:
        """With autoConfirmUser and autoVerifyEmail no code is sent, PostConfirmation is told."""
        after = Recorder()
        before = Recorder(respond(autoConfirmUser=True, autoVerifyEmail=True))
        talk = make(pre_sign_up=before, post_confirmation=after)
        made = sign_up(
            talk, ValidationData=[{"Name": "captcha", "Value": "x"}], ClientMetadata=NOTE
        )

        assert made["UserConfirmed"]
        assert len(talk.pool.outbox) == 0
        assert talk.pool.user("bea").attributes["email_verified"] == "true"
        assert before.sources == ["PreSignUp_SignUp"]
        assert before.events[0]["request"] == {
            "userAttributes": {"email": "bea@example.com"},
            "validationData": {"captcha": "x"},
            "clientMetadata": NOTE,
        }
        assert after.sources == ["PostConfirmation_ConfirmSignUp"]
        assert after.events[0]["request"]["userAttributes"]["cognito:user_status"] == "CONFIRMED"

    def test_refused(self, make: Any) -> None:
        """What PreSignUp raises is told; nobody is made."""
        talk = make(pre_sign_up=fail("no robots"))
        with refused("UserLambdaValidationException", "PreSignUp failed with error no robots."):
            sign_up(talk)
        with pytest.raises(LookupError):
            talk.pool.user("bea")

    def test_nothing_to_verify(self, make: Any) -> None:
        """Verifying what the user has not is an unrecognizable output."""
        talk = make(pre_sign_up=respond(autoVerifyPhone=True))
        with pytest.raises(talk.boto.exceptions.InvalidLambdaResponseException):
            sign_up(talk)

    def test_by_an_administrator(self, make: Any) -> None:
        """AdminCreateUser is announced too, by nobody's app client; it is not confirmed by that."""
        before = Recorder(respond(autoConfirmUser=True))
        talk = make(pre_sign_up=before)
        made = talk.boto.admin_create_user(UserPoolId=talk.pool.pool_id, Username="bea")

        assert made["User"]["UserStatus"] == "FORCE_CHANGE_PASSWORD"
        assert before.sources == ["PreSignUp_AdminCreateUser"]
        assert before.events[0]["callerContext"]["clientId"] == "CLIENT_ID_NOT_APPLICABLE"

    def test_confirmations(self, make: Any) -> None:
        """PostConfirmation is told of codes, of administrators, and of passwords reset."""
        after = Recorder()
        talk = make(post_confirmation=after)
        sign_up(talk)
        talk.boto.confirm_sign_up(
            ClientId=talk.app.client_id,
            Username="bea",
            ConfirmationCode=talk.pool.outbox.code_for("bea"),
        )
        sign_up(talk, "cleo")
        talk.boto.admin_confirm_sign_up(UserPoolId=talk.pool.pool_id, Username="cleo")
        talk.boto.forgot_password(ClientId=talk.app.client_id, Username="ada")
        talk.boto.confirm_forgot_password(
            ClientId=talk.app.client_id,
            Username="ada",
            ConfirmationCode=talk.pool.outbox.code_for("ada"),
            Password=NEW,
            ClientMetadata=NOTE,
        )

        assert after.sources == [
            "PostConfirmation_ConfirmSignUp",
            "PostConfirmation_ConfirmSignUp",
            "PostConfirmation_ConfirmForgotPassword",
        ]
        assert after.events[2]["request"]["clientMetadata"] == NOTE


class TestUserMigration:
    """UserMigration: users who come from elsewhere."""

    @staticmethod
    def elsewhere(event: Event) -> None:
        """A directory that knows one user, by one password."""
        known = event["userName"] == "bea"
        if event["triggerSource"] == "UserMigration_Authentication":
            known = known and event["request"]["password"] == "old"
        if known:
            event["response"]["userAttributes"] = {
                "email": "bea@example.com",
                "email_verified": "true",
            }

    @pytest.mark.parametrize("as_admin", [False, True])
    def test_at_sign_in(self, make: Any, *, as_admin: bool) -> None:
        """Who comes with the right password is fetched and signed in; from then on the pool knows them."""
        fetch = Recorder(self.elsewhere)
        talk = make(user_migration=fetch)
        parameters = {"USERNAME": "bea", "PASSWORD": "old"}
        if as_admin:
            reply = talk.initiate_as_admin("ADMIN_USER_PASSWORD_AUTH", **parameters)
        else:
            reply = talk.initiate("USER_PASSWORD_AUTH", **parameters)
        again = talk.srp("bea", "old")

        assert "AuthenticationResult" in reply
        assert "AuthenticationResult" in again
        assert fetch.sources == ["UserMigration_Authentication"]
        assert talk.pool.user("bea").status == "CONFIRMED"

    def test_the_wrong_password(self, make: Any) -> None:
        """Whom the directory does not know is as unknown as before."""
        talk = make(user_migration=self.elsewhere)
        for name in ("bea", "nobody"):
            with refused(*WRONG):
                talk.password(name, "wrong")
        with pytest.raises(LookupError):
            talk.pool.user("bea")

    def test_srp_has_no_password_to_hand_over(self, make: Any) -> None:
        """By SRP nobody is fetched."""
        fetch = Recorder(self.elsewhere)
        talk = make(user_migration=fetch)
        with refused(*WRONG):
            talk.srp("bea", "old")

        assert fetch.events == []

    def test_what_it_raises(self, make: Any) -> None:
        """What it raises is told."""
        talk = make(user_migration=fail("Bad password"))
        with refused(
            "UserLambdaValidationException", "UserMigration failed with error Bad password."
        ):
            talk.password("bea", "old")

    def test_to_be_reset(self, make: Any) -> None:
        """With finalUserStatus RESET_REQUIRED the password must be set anew before they sign in."""

        def reset(event: Event) -> None:
            self.elsewhere(event)
            event["response"]["finalUserStatus"] = "RESET_REQUIRED"

        talk = make(user_migration=reset)
        for _ in range(2):
            with refused("PasswordResetRequiredException", "Password reset required for the user"):
                talk.password("bea", "old")

    def test_a_forgotten_password(self, make: Any) -> None:
        """Who has forgotten theirs is fetched by ForgotPassword, and sets a new one."""
        fetch = Recorder(self.elsewhere)
        talk = make(user_migration=fetch)
        asked = {"ClientId": talk.app.client_id, "Username": "bea"}
        talk.boto.forgot_password(**asked, ClientMetadata=NOTE)
        code = talk.pool.outbox.code_for("bea@example.com")
        talk.boto.confirm_forgot_password(**asked, ConfirmationCode=code, Password=NEW)

        assert "AuthenticationResult" in talk.password("bea", NEW)
        assert fetch.sources == ["UserMigration_ForgotPassword"]
        assert "password" not in fetch.events[0]["request"]
        assert fetch.events[0]["request"]["clientMetadata"] == NOTE

    def test_another_status(self, make: Any) -> None:
        """A status that is none of the two is an unrecognizable output."""
        given = {"userAttributes": {"email": "bea@example.com"}, "finalUserStatus": "LOST"}
        talk = make(user_migration=respond(**given))
        with pytest.raises(talk.boto.exceptions.InvalidLambdaResponseException):
            talk.password("bea", "old")


class TestCustomFunctions:
    """Define, create and verify beside the others: each may be left out."""

    def test_without_define(self, make: Any) -> None:
        """A pool without DefineAuthChallenge has no CUSTOM_AUTH."""
        talk = make(pre_sign_up=Recorder())
        with refused(
            "InvalidParameterException",
            "Custom auth lambda trigger is not configured for the user pool.",
        ):
            talk.initiate("CUSTOM_AUTH", USERNAME="ada")

    def test_define_alone(self, make: Any) -> None:
        """One that issues tokens at once needs no other."""
        talk = make(define=respond(issueTokens=True))

        assert "AuthenticationResult" in talk.initiate("CUSTOM_AUTH", USERNAME="ada")

    def test_no_pre_authentication(self, make: Any) -> None:
        """CUSTOM_AUTH without SRP does not call PreAuthentication (reports of users)."""
        before = Recorder()
        talk = make(define=respond(issueTokens=True), pre_authentication=before)
        talk.initiate("CUSTOM_AUTH", USERNAME="ada")

        assert before.events == []


class TestRevocation:
    """EnableTokenRevocation."""

    def test_switched_off(self, make: Any) -> None:
        """Without it tokens have no origin_jti, cannot be revoked one by one, and are good all the same."""
        talk = make(settings={"enable_token_revocation": False})
        reply = talk.password("ada", PASSWORD)
        tokens = reply["AuthenticationResult"]

        assert "origin_jti" not in claims(talk.pool, reply, "AccessToken")
        assert talk.boto.get_user(AccessToken=tokens["AccessToken"])["Username"] == "ada"
        with pytest.raises(talk.boto.exceptions.UnsupportedOperationException):
            talk.boto.revoke_token(Token=tokens["RefreshToken"], ClientId=talk.app.client_id)
        talk.boto.global_sign_out(AccessToken=tokens["AccessToken"])
        with refused("NotAuthorizedException", "Access Token has been revoked"):
            talk.boto.get_user(AccessToken=tokens["AccessToken"])
