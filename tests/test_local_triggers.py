"""The local pool calls its Lambda functions where Cognito calls them, with the same events."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from api_client import WRONG, ApiClient, refused
from botocore.exceptions import ClientError
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from authfsm.local import Contradictions, DeviceConfiguration, LocalPool, ManualClock, Triggers

PASSWORD = "Correct-h0rse"
NEW = "New-Passw0rd!"
NOTE = {"note": "from the app"}
Event = dict[str, Any]


class Recorder:
    """A function that records its events, and may do more.

    Args:
        then: what it does with an event.
    """

    def __init__(self, then: Any = None) -> None:
        self.events: list[Event] = []
        self.then = then

    def __call__(self, event: Event) -> Event:
        """Run as a Lambda function."""
        self.events.append(event)
        if self.then is not None:
            self.then(event)
        return event

    @property
    def sources(self) -> list[str]:
        """Return the triggerSource of each event."""
        return [event["triggerSource"] for event in self.events]


def fail(text: str) -> Any:
    """Return a function that raises."""

    def failing(_: Event) -> None:
        raise RuntimeError(text)

    return failing


def respond(**response: Any) -> Any:
    """Return a function that sets these fields of its response."""

    def responding(event: Event) -> Event:
        event["response"].update(response)
        return event

    return responding


def claims(pool: LocalPool, tokens: Any, kind: str) -> dict[str, Any]:
    """Return the claims of a token, verified."""
    keys = KeySet.import_key_set(pool.jwks())  # type: ignore[arg-type]
    return jwt.decode(tokens["AuthenticationResult"][kind], keys).claims


@pytest.fixture
def make(signing_key: RSAKey) -> Any:
    """Return a function that makes a pool with one user and these functions, and a client of it."""

    def make_client(**functions: Any) -> ApiClient:
        settings = functions.pop("settings", {})
        pool = LocalPool(key=signing_key, triggers=Triggers(**functions), **settings)
        pool.add_user("ada", PASSWORD, email="ada@example.com", groups=["engines"])
        return ApiClient(pool)

    return make_client


def sign_up(api: ApiClient, name: str = "bea", **more: Any) -> Any:
    """Send SignUp."""
    return api.boto.sign_up(
        ClientId=api.app.client_id,
        Username=name,
        Password=PASSWORD,
        UserAttributes=[{"Name": "email", "Value": f"{name}@example.com"}],
        **more,
    )


WORKING: dict[str, Any] = {
    "pre_sign_up": None,
    "custom_message": None,
    "post_confirmation": None,
    "pre_authentication": None,
    "post_authentication": None,
    "pre_token_generation": None,
    "define": lambda event: respond(issueTokens=bool(event["request"]["session"]), challengeName="CUSTOM_CHALLENGE")(
        event
    ),
    "create": respond(publicChallengeParameters={}, privateChallengeParameters={}),
    "verify": respond(answerCorrect=True),
}
"""Functions for `use_all`; None stands for one that returns the event unchanged."""

EVENT_RETURNED = {name: name.title().replace("_", "") for name in WORKING} | {
    "define": "DefineAuthChallenge",
    "create": "CreateAuthChallenge",
    "verify": "VerifyAuthChallengeResponse",
}
"""The name of the trigger of each function that must return the event, UserMigration excepted."""


def use_all(api: ApiClient) -> Any:
    """Make each function of `WORKING` run, and return the reply to the last request."""
    sign_up(api)
    code = api.pool.outbox.code_for("bea")
    api.boto.confirm_sign_up(ClientId=api.app.client_id, Username="bea", ConfirmationCode=code)
    api.password("bea", PASSWORD)
    return api.answer(api.initiate("CUSTOM_AUTH", USERNAME="bea"), "bea", ANSWER="x")


class TestEvent:
    """The event that every function gets."""

    def test_its_members(self, make: Any) -> None:
        """The members that AWS documents, and ClientMetadata as validationData."""
        before = Recorder()
        api = make(pre_authentication=before)
        api.boto.initiate_auth(
            ClientId=api.app.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "ada", "PASSWORD": PASSWORD},
            ClientMetadata=NOTE,
        )
        user = api.pool.user("ada")

        assert before.events == [
            {
                "version": "1",
                "region": "eu-west-1",
                "userPoolId": api.pool.pool_id,
                "userName": "ada",
                "callerContext": {"awsSdkVersion": "authfsm-local", "clientId": api.app.client_id},
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
    @pytest.mark.parametrize("name", EVENT_RETURNED)
    def test_an_invalid_response(self, make: Any, name: str, answer: object) -> None:
        """Every function that returns no event is InvalidLambdaResponseException; the custom senders return nothing."""
        text = f"Unrecognizable lambda output: {EVENT_RETURNED[name]}: no response"
        with refused("InvalidLambdaResponseException", text):
            use_all(make(**{**WORKING, name: lambda event: answer}))

    @pytest.mark.parametrize("name", EVENT_RETURNED)
    def test_no_response(self, make: Any, name: str) -> None:
        """Every function that changes its event and returns None is InvalidLambdaResponseException."""

        def changing(event: Event) -> None:
            (WORKING[name] or respond())(event)

        text = f"Invalid lambda function output : Invalid JSON: {EVENT_RETURNED[name]} returned None. Return the event."
        with refused("InvalidLambdaResponseException", text):
            use_all(make(**{**WORKING, name: changing}))

    def test_functions_that_return_the_event(self, make: Any) -> None:
        """Functions that return the event unchanged, or with further members, are accepted."""
        further = {name: lambda event: {**event, "x": Decimal(1)} for name in WORKING if not WORKING[name]}
        assert "AuthenticationResult" in use_all(make(**{**WORKING, **further}))

    def test_not_json(self, make: Any) -> None:
        """A result that is no JSON is the error of AWS Lambda's runtime."""
        api = make(pre_authentication=lambda event: {**event, "seen": {1}})
        why = "Unable to marshal response: Object of type set is not JSON serializable"
        with refused("UserLambdaValidationException", f"PreAuthentication failed with error {why}."):
            api.password("ada", PASSWORD)

    def test_changes_do_not_reach_the_pool(self, make: Any) -> None:
        """A function that changes its event changes nothing in the pool."""

        def vandal(event: Event) -> Event:
            event["request"]["userAttributes"].clear()
            event["callerContext"].clear()
            return event

        api = make(pre_authentication=vandal, post_authentication=vandal)
        api.password("ada", PASSWORD)

        assert api.pool.user("ada").attributes["email"] == "ada@example.com"


class TestPreAuthentication:
    """PreAuthentication."""

    def test_it_refuses(self, make: Any) -> None:
        """An exception of the function refuses the sign-in, whatever the password."""
        api = make(pre_authentication=fail("not today"))
        for password in (PASSWORD, "wrong"):
            with refused("UserLambdaValidationException", "PreAuthentication failed with error not today."):
                api.password("ada", password)

    @pytest.mark.parametrize("flow", ["USER_PASSWORD_AUTH", "USER_SRP_AUTH", "USER_AUTH"])
    def test_it_runs_once(self, make: Any, flow: str) -> None:
        """The function runs once, in InitiateAuth."""
        before = Recorder()
        api = make(pre_authentication=before)
        if flow == "USER_PASSWORD_AUTH":
            api.password("ada", PASSWORD)
        elif flow == "USER_SRP_AUTH":
            api.srp("ada", PASSWORD)
        else:
            api.initiate(flow, USERNAME="ada")

        assert before.sources == ["PreAuthentication_Authentication"]

    def test_an_unknown_user(self, make: Any) -> None:
        """For an unknown user the event has userNotFound (ENABLED), or the function does not run (LEGACY)."""
        before = Recorder()
        api = make(pre_authentication=before)
        with refused(*WRONG):
            api.password("nobody", PASSWORD)
        legacy = ApiClient(api.pool, api.pool.add_client(prevent_user_existence_errors="LEGACY"))
        with refused("UserNotFoundException", "User does not exist."):
            legacy.password("nobody", PASSWORD)

        assert [event["request"]["userNotFound"] for event in before.events] == [True]


class TestPostAuthentication:
    """PostAuthentication."""

    def test_it_runs_after_all_proofs(self, make: Any) -> None:
        """The function runs when a sign-in succeeds, and not for a refresh."""
        after = Recorder()
        api = make(post_authentication=after)
        with refused(*WRONG):
            api.password("ada", "wrong")
        challenge_reply = api.srp_a("ada")
        reply = api.boto.respond_to_auth_challenge(
            ClientId=api.app.client_id,
            ChallengeName="PASSWORD_VERIFIER",
            ChallengeResponses={"USERNAME": "ada", **api.claim(challenge_reply, PASSWORD)},
            ClientMetadata=NOTE,
        )
        api.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=reply["AuthenticationResult"]["RefreshToken"])

        assert after.sources == ["PostAuthentication_Authentication"]
        assert after.events[0]["request"]["clientMetadata"] == NOTE
        assert after.events[0]["request"]["newDeviceUsed"] is False

    def test_it_gets_the_metadata_of_every_answer(self, make: Any) -> None:
        """ClientMetadata of an answer to ADMIN_NO_SRP_AUTH arrives, as that of other answers does."""
        after = Recorder()
        settings = {"contradictions": Contradictions(admin_no_srp_auth_challenges=True)}
        api = make(post_authentication=after, settings=settings)
        ids = {"UserPoolId": api.pool.pool_id, "ClientId": api.app.client_id}
        names = {"USERNAME": "ada"}
        issued = api.boto.admin_initiate_auth(**ids, AuthFlow="ADMIN_NO_SRP_AUTH", AuthParameters=names)
        api.boto.admin_respond_to_auth_challenge(
            **ids,
            ChallengeName="ADMIN_NO_SRP_AUTH",
            Session=issued["Session"],
            ChallengeResponses={**names, "PASSWORD": PASSWORD},
            ClientMetadata=NOTE,
        )

        assert [each["request"]["clientMetadata"] for each in after.events] == [NOTE]

    def test_it_refuses(self, make: Any) -> None:
        """After an exception of the function no tokens are issued."""
        api = make(post_authentication=fail("late"))
        with refused("UserLambdaValidationException", "PostAuthentication failed with error late."):
            api.password("ada", PASSWORD)

    @pytest.mark.parametrize("name", ["post_authentication", "pre_token_generation"])
    def test_a_refused_sign_in_has_not_succeeded(self, make: Any, name: str) -> None:
        """If the function refuses the sign-in, no device is added, and the count of wrong passwords is not reset."""
        clock = ManualClock()
        api = make(settings={"clock": clock, "device": DeviceConfiguration()}, **{name: fail("late")})
        user = api.pool.user("ada")
        for _ in range(5):
            with refused(*WRONG):
                api.password("ada", "wrong")
        clock.advance(2)
        with pytest.raises(ClientError, match="failed with error late"):
            api.password("ada", PASSWORD)

        assert (user.lock_out.failures, user.devices) == (5, {})


class TestPreTokenGeneration:
    """PreTokenGeneration."""

    DETAILS: Event = {  # noqa: RUF012 - nobody changes it
        "claimsToAddOrOverride": {"plan": "gold", "sub": "somebody else", "aud": "theirs"},
        "claimsToSuppress": ["email", "iss"],
        "groupOverrideDetails": {"groupsToOverride": ["poets"], "preferredRole": "arn:role"},
    }

    def test_version_1(self, make: Any) -> None:
        """The function can change claims of the id token, and groups of both tokens."""
        api = make(pre_token_generation=respond(claimsOverrideDetails=self.DETAILS))
        tokens = api.password("ada", PASSWORD)
        identity, access = (claims(api.pool, tokens, k) for k in ("IdToken", "AccessToken"))

        assert identity["plan"] == "gold"
        assert "email" not in identity
        assert identity["sub"] == api.pool.user("ada").sub
        assert (identity["aud"], identity["iss"]) == (api.app.client_id, api.pool.issuer)
        assert identity["cognito:preferred_role"] == "arn:role"
        assert identity["cognito:groups"] == access["cognito:groups"] == ["poets"]
        assert "plan" not in access

    def test_a_claim_that_is_suppressed_and_replaced(self, make: Any) -> None:
        """A claim that the function both suppresses and replaces is suppressed, in every version."""
        changes = {"claimsToAddOrOverride": {"email": "x", "plan": "gold"}, "claimsToSuppress": ["email", "plan"]}
        both = {"idTokenGeneration": changes, "accessTokenGeneration": changes}
        for version, member, details in (
            ("V1_0", "claimsOverrideDetails", changes),
            ("V2_0", "claimsAndScopeOverrideDetails", both),
        ):
            api = make(pre_token_generation=respond(**{member: details}), pre_token_generation_version=version)
            tokens = api.password("ada", PASSWORD)
            for kind in ("IdToken", "AccessToken"):
                assert not {"email", "plan"} & claims(api.pool, tokens, kind).keys()

    @pytest.mark.parametrize("version", ["V1_0", "V2_0"])
    @pytest.mark.parametrize(
        ("details", "groups"),
        [
            ({}, ["engines"]),
            ({"groupOverrideDetails": {"preferredRole": "arn:role"}}, ["engines"]),
            ({"groupOverrideDetails": {}}, None),
            ({"groupOverrideDetails": None}, None),
            ({"groupOverrideDetails": {"groupsToOverride": []}}, None),
        ],
    )
    def test_suppressed_groups(self, make: Any, version: str, details: Event, groups: list[str] | None) -> None:
        """An empty or null groupOverrideDetails suppresses the groups; without it they do not change."""
        member = "claimsOverrideDetails" if version == "V1_0" else "claimsAndScopeOverrideDetails"
        api = make(pre_token_generation=respond(**{member: details}), pre_token_generation_version=version)
        tokens = api.password("ada", PASSWORD)

        for kind in ("IdToken", "AccessToken"):
            assert claims(api.pool, tokens, kind).get("cognito:groups") == groups

    def test_version_1_is_text(self, make: Any) -> None:
        """Claims of version 1 must be text."""
        details = {"claimsToAddOrOverride": {"plans": ["gold"]}}
        api = make(pre_token_generation=respond(claimsOverrideDetails=details))
        with pytest.raises(api.boto.exceptions.InvalidLambdaResponseException):
            api.password("ada", PASSWORD)

    def test_version_2(self, make: Any) -> None:
        """The function can change claims of both tokens, and the scopes; claims may be any JSON."""
        details = {
            "idTokenGeneration": {"claimsToAddOrOverride": {"plans": ["gold"]}},
            "accessTokenGeneration": {
                "claimsToAddOrOverride": {"tenant": {"id": 7}, "client_id": "theirs"},
                "scopesToAdd": ["engines:run"],
                "scopesToSuppress": ["aws.cognito.signin.user.admin"],
            },
        }
        recorder = Recorder(respond(claimsAndScopeOverrideDetails=details))
        api = make(pre_token_generation=recorder, pre_token_generation_version="V2_0")
        tokens = api.password("ada", PASSWORD)
        access = claims(api.pool, tokens, "AccessToken")

        assert recorder.events[0]["version"] == "2"
        assert claims(api.pool, tokens, "IdToken")["plans"] == ["gold"]
        assert (access["tenant"], access["scope"]) == ({"id": 7}, "engines:run")
        assert access["client_id"] == api.app.client_id

    def test_its_sources(self, make: Any) -> None:
        """The triggerSource names the kind of sign-in, and the function runs at each refresh."""
        recorder = Recorder()
        api = make(pre_token_generation=recorder)
        tokens = api.password("ada", PASSWORD)["AuthenticationResult"]
        api.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=tokens["RefreshToken"])
        api.boto.get_tokens_from_refresh_token(
            RefreshToken=tokens["RefreshToken"], ClientId=api.app.client_id, ClientMetadata=NOTE
        )
        api.pool.add_user("bea", PASSWORD, temporary=True)
        api.answer(api.password("bea", PASSWORD), "bea", NEW_PASSWORD=NEW)

        assert recorder.sources == [
            "TokenGeneration_Authentication",
            "TokenGeneration_RefreshTokens",
            "TokenGeneration_RefreshTokens",
            "TokenGeneration_NewPasswordChallenge",
        ]
        assert [event["request"].get("clientMetadata") for event in recorder.events] == [None, None, NOTE, None]
        groups = recorder.events[0]["request"]["groupConfiguration"]
        assert groups["groupsToOverride"] == ["engines"]

    def test_a_refused_refresh(self, make: Any) -> None:
        """The function does not run for an invalid refresh token."""
        recorder = Recorder()
        api = make(pre_token_generation=recorder)
        with refused("NotAuthorizedException", "Invalid Refresh Token."):
            api.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN="no such token")

        assert recorder.events == []

    def test_changed_tokens_are_still_accepted(self, make: Any) -> None:
        """Changes of the function never make an access token invalid."""
        details = {"claimsToSuppress": ["jti", "origin_jti", "token_use", "event_id", "sub"]}
        version_2 = {"accessTokenGeneration": details, "idTokenGeneration": details}
        api = make(
            pre_token_generation=respond(claimsAndScopeOverrideDetails=version_2), pre_token_generation_version="V2_0"
        )
        token = api.password("ada", PASSWORD)["AuthenticationResult"]["AccessToken"]

        assert api.boto.get_user(AccessToken=token)["Username"] == "ada"


class TestSigningUp:
    """PreSignUp and PostConfirmation."""

    def test_confirmed_at_once(self, make: Any) -> None:
        """With autoConfirmUser and autoVerifyEmail no code is sent, and PostConfirmation runs."""
        after = Recorder()
        before = Recorder(respond(autoConfirmUser=True, autoVerifyEmail=True))
        api = make(pre_sign_up=before, post_confirmation=after)
        sign_up_reply = sign_up(api, ValidationData=[{"Name": "captcha", "Value": "x"}], ClientMetadata=NOTE)

        assert sign_up_reply["UserConfirmed"]
        assert len(api.pool.outbox) == 0
        assert api.pool.user("bea").attributes["email_verified"] == "true"
        assert before.sources == ["PreSignUp_SignUp"]
        assert before.events[0]["request"] == {
            "userAttributes": {"email": "bea@example.com"},
            "validationData": {"captcha": "x"},
            "clientMetadata": NOTE,
        }
        assert after.sources == ["PostConfirmation_ConfirmSignUp"]
        assert after.events[0]["request"]["userAttributes"]["cognito:user_status"] == "CONFIRMED"

    def test_refused(self, make: Any) -> None:
        """An exception of PreSignUp refuses the sign-up; no user is created."""
        api = make(pre_sign_up=fail("no robots"))
        with refused("UserLambdaValidationException", "PreSignUp failed with error no robots."):
            sign_up(api)
        with pytest.raises(LookupError):
            api.pool.user("bea")

    def test_nothing_to_verify(self, make: Any) -> None:
        """Verifying an address that the user does not have is an unrecognizable output."""
        api = make(pre_sign_up=respond(autoVerifyPhone=True))
        with pytest.raises(api.boto.exceptions.InvalidLambdaResponseException):
            sign_up(api)

    def test_by_an_administrator(self, make: Any) -> None:
        """PreSignUp runs for AdminCreateUser without an app client, and does not confirm the user."""
        before = Recorder(respond(autoConfirmUser=True))
        api = make(pre_sign_up=before)
        sign_up_reply = api.boto.admin_create_user(UserPoolId=api.pool.pool_id, Username="bea")

        assert sign_up_reply["User"]["UserStatus"] == "FORCE_CHANGE_PASSWORD"
        assert before.sources == ["PreSignUp_AdminCreateUser"]
        assert before.events[0]["callerContext"]["clientId"] == "CLIENT_ID_NOT_APPLICABLE"

    def test_confirmations(self, make: Any) -> None:
        """PostConfirmation runs after codes, administrators' confirmations, and password resets."""
        after = Recorder()
        api = make(post_confirmation=after)
        sign_up(api)
        api.boto.confirm_sign_up(
            ClientId=api.app.client_id, Username="bea", ConfirmationCode=api.pool.outbox.code_for("bea")
        )
        sign_up(api, "cleo")
        api.boto.admin_confirm_sign_up(UserPoolId=api.pool.pool_id, Username="cleo")
        api.boto.forgot_password(ClientId=api.app.client_id, Username="ada")
        api.boto.confirm_forgot_password(
            ClientId=api.app.client_id,
            Username="ada",
            ConfirmationCode=api.pool.outbox.code_for("ada"),
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
    """UserMigration: users who come from another directory."""

    @staticmethod
    def other_directory(event: Event) -> Event:
        """Return a UserMigration function that knows one user, by one password."""
        accepted = event["userName"] == "bea"
        if event["triggerSource"] == "UserMigration_Authentication":
            accepted = accepted and event["request"]["password"] == "old"
        if accepted:
            event["response"]["userAttributes"] = {"email": "bea@example.com", "email_verified": "true"}
        return event

    @pytest.mark.parametrize("as_admin", [False, True])
    def test_at_sign_in(self, make: Any, *, as_admin: bool) -> None:
        """A user with the right password is migrated and signed in, and is in the pool afterwards."""
        fetch = Recorder(self.other_directory)
        api = make(user_migration=fetch)
        parameters = {"USERNAME": "bea", "PASSWORD": "old"}
        if as_admin:
            reply = api.initiate_as_admin("ADMIN_USER_PASSWORD_AUTH", **parameters)
        else:
            reply = api.initiate("USER_PASSWORD_AUTH", **parameters)
        again = api.srp("bea", "old")

        assert "AuthenticationResult" in reply
        assert "AuthenticationResult" in again
        assert fetch.sources == ["UserMigration_Authentication"]
        assert api.pool.user("bea").status == "CONFIRMED"

    def test_the_wrong_password(self, make: Any) -> None:
        """A user whom the directory does not know stays unknown."""
        api = make(user_migration=self.other_directory)
        for name in ("bea", "nobody"):
            with refused(*WRONG):
                api.password(name, "wrong")
        with pytest.raises(LookupError):
            api.pool.user("bea")

    def test_srp_does_not_migrate(self, make: Any) -> None:
        """SRP migrates nobody, because it sends no password."""
        fetch = Recorder(self.other_directory)
        api = make(user_migration=fetch)
        with refused(*WRONG):
            api.srp("bea", "old")

        assert fetch.events == []

    def test_its_exception(self, make: Any) -> None:
        """An exception of the function refuses the sign-in."""
        api = make(user_migration=fail("Bad password"))
        with refused("UserLambdaValidationException", "UserMigration failed with error Bad password."):
            api.password("bea", "old")

    def test_to_be_reset(self, make: Any) -> None:
        """With finalUserStatus RESET_REQUIRED the password must be reset before they sign in."""

        def reset(event: Event) -> Event:
            self.other_directory(event)
            event["response"]["finalUserStatus"] = "RESET_REQUIRED"
            return event

        api = make(user_migration=reset)
        for _ in range(2):
            with refused("PasswordResetRequiredException", "Password reset required for the user"):
                api.password("bea", "old")

    def test_a_forgotten_password(self, make: Any) -> None:
        """A user who forgot the password is migrated by ForgotPassword, and sets a new one."""
        fetch = Recorder(self.other_directory)
        api = make(user_migration=fetch)
        challenge_reply = {"ClientId": api.app.client_id, "Username": "bea"}
        api.boto.forgot_password(**challenge_reply, ClientMetadata=NOTE)
        code = api.pool.outbox.code_for("bea@example.com")
        api.boto.confirm_forgot_password(**challenge_reply, ConfirmationCode=code, Password=NEW)

        assert "AuthenticationResult" in api.password("bea", NEW)
        assert fetch.sources == ["UserMigration_ForgotPassword"]
        assert "password" not in fetch.events[0]["request"]
        assert fetch.events[0]["request"]["clientMetadata"] == NOTE

    def test_another_status(self, make: Any) -> None:
        """Another finalUserStatus is an unrecognizable output."""
        migration_response = {"userAttributes": {"email": "bea@example.com"}, "finalUserStatus": "LOST"}
        api = make(user_migration=respond(**migration_response))
        with pytest.raises(api.boto.exceptions.InvalidLambdaResponseException):
            api.password("bea", "old")

    @pytest.mark.parametrize(
        ("member", "value", "why"),
        [
            ("userAttributes", {"email": 7}, "does not map text to text"),
            ("finalUserStatus", ["CONFIRMED"], "is not text"),
            ("messageAction", True, "is not text"),
            ("desiredDeliveryMediums", "EMAIL", "is not a list of strings"),
            ("forceAliasCreation", "true", "is not a boolean"),
            ("enableSMSMFA", "true", "is not a boolean"),
        ],
    )
    def test_a_member_of_the_wrong_type(self, make: Any, member: str, value: object, why: str) -> None:
        """A member of the wrong type is an unrecognizable output, and no user is migrated."""
        api = make(user_migration=respond(**{"userAttributes": {"email": "bea@example.com"}, member: value}))
        text = f"Unrecognizable lambda output: UserMigration: {member} {why}"
        with refused("InvalidLambdaResponseException", text):
            api.password("bea", "old")
        with pytest.raises(LookupError):
            api.pool.user("bea")

    @pytest.mark.parametrize("answer", [None, "", {}])
    def test_no_event(self, make: Any, answer: object) -> None:
        """A function that does not return the event is UserNotFoundException, with the id of the app client."""

        def forgetting(event: Event) -> object:
            event.clear()
            return answer

        api = make(user_migration=forgetting)
        text = f"Exception migrating user in app client {api.app.client_id}: UserMigration did not return the event."
        with refused("UserNotFoundException", text):
            api.password("bea", "old")


class TestCustomAuthFunctions:
    """Each of the three functions of CUSTOM_AUTH may be missing."""

    @pytest.mark.parametrize("decided", ["failAuthentication", "issueTokens"])
    def test_a_member_of_the_wrong_type(self, make: Any, decided: str) -> None:
        """Both flags of DefineAuthChallenge must be booleans, whichever of them decides."""
        other = {"failAuthentication": "issueTokens", "issueTokens": "failAuthentication"}[decided]
        text = f"Unrecognizable lambda output: DefineAuthChallenge: {other} is not a boolean"
        with refused("InvalidLambdaResponseException", text):
            make(define=respond(**{decided: True, other: "no"})).initiate("CUSTOM_AUTH", USERNAME="ada")

    def test_without_define(self, make: Any) -> None:
        """A pool without DefineAuthChallenge has no CUSTOM_AUTH."""
        api = make(pre_sign_up=Recorder())
        with refused("InvalidParameterException", "Custom auth lambda trigger is not configured for the user pool."):
            api.initiate("CUSTOM_AUTH", USERNAME="ada")

    def test_define_alone(self, make: Any) -> None:
        """A function that issues tokens at once needs no other."""
        api = make(define=respond(issueTokens=True))

        assert "AuthenticationResult" in api.initiate("CUSTOM_AUTH", USERNAME="ada")

    def test_no_pre_authentication(self, make: Any) -> None:
        """CUSTOM_AUTH without SRP does not call PreAuthentication (reports of users)."""
        before = Recorder()
        api = make(define=respond(issueTokens=True), pre_authentication=before)
        api.initiate("CUSTOM_AUTH", USERNAME="ada")

        assert before.events == []


class TestRevocation:
    """EnableTokenRevocation."""

    def test_switched_off(self, make: Any) -> None:
        """Without token revocation, tokens have no origin_jti and cannot be revoked one by one."""
        api = make(settings={"enable_token_revocation": False})
        reply = api.password("ada", PASSWORD)
        tokens = reply["AuthenticationResult"]

        assert "origin_jti" not in claims(api.pool, reply, "AccessToken")
        assert api.boto.get_user(AccessToken=tokens["AccessToken"])["Username"] == "ada"
        with pytest.raises(api.boto.exceptions.UnsupportedOperationException):
            api.boto.revoke_token(Token=tokens["RefreshToken"], ClientId=api.app.client_id)
        api.boto.global_sign_out(AccessToken=tokens["AccessToken"])
        with refused("NotAuthorizedException", "Access Token has been revoked"):
            api.boto.get_user(AccessToken=tokens["AccessToken"])
