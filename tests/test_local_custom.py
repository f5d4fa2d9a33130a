"""CUSTOM_AUTH: the pool calls Define, Create and VerifyAuthChallenge as Cognito calls Lambda functions."""

from __future__ import annotations

from typing import Any

import pyotp
import pytest
from api_client import MISMATCH, UNKNOWN, USED, WRONG, ApiClient, refused
from joserfc.jwk import RSAKey

from authfsm.local import Contradictions, LocalPool, ManualClock, Triggers

PASSWORD = "correct horse battery staple"


class CustomAuth:
    """Lambda functions for two questions and three attempts; they record each event.

    Args:
        define: what DefineAuthChallenge answers, by what it finds in the session; two questions, if left out.
    """

    def __init__(self, define: Any = None) -> None:
        self.events: list[dict[str, Any]] = []
        self._define = define or self._two_questions

    @staticmethod
    def _two_questions(session: list[dict[str, Any]]) -> dict[str, Any]:
        challenge_reply = [each for each in session if each["challengeName"] == "CUSTOM_CHALLENGE"]
        right = sum(each["challengeResult"] for each in challenge_reply)
        if right == 2:
            return {"issueTokens": True}
        if len(challenge_reply) - right == 3:
            return {"failAuthentication": True}
        return {"challengeName": "CUSTOM_CHALLENGE"}

    def define(self, event: Any) -> Any:
        """Answer DefineAuthChallenge."""
        self.events.append(event)
        event["response"].update(self._define(event["request"]["session"]))
        return event

    def create(self, event: Any) -> Any:
        """Answer CreateAuthChallenge."""
        self.events.append(event)
        number = len(event["request"]["session"])
        event["response"]["publicChallengeParameters"] = {"question": f"number {number}"}
        event["response"]["privateChallengeParameters"] = {"answer": f"answer {number}"}
        event["response"]["challengeMetadata"] = f"QUESTION_{number}"
        return event

    def verify(self, event: Any) -> Any:
        """Answer VerifyAuthChallengeResponse."""
        self.events.append(event)
        request = event["request"]
        right = request["challengeAnswer"] == request["privateChallengeParameters"]["answer"]
        event["response"]["answerCorrect"] = right
        return event

    @property
    def triggers(self) -> Triggers:
        """The three functions."""
        return Triggers(define=self.define, create=self.create, verify=self.verify)


def make_pool(signing_key: RSAKey, custom_auth: CustomAuth, **settings: Any) -> LocalPool:
    """Return a pool with these functions and one user."""
    pool = LocalPool(key=signing_key, triggers=custom_auth.triggers, **settings)
    pool.add_user("ada", PASSWORD, email="ada@example.com", phone_number="+15550001111")
    return pool


def begin(api: ApiClient, username: str = "ada", **parameters: str) -> Any:
    """Begin CUSTOM_AUTH without SRP."""
    return api.initiate("CUSTOM_AUTH", USERNAME=username, **parameters)


def begin_by_srp(api: ApiClient, username: str = "ada") -> Any:
    """Begin CUSTOM_AUTH with SRP, and answer PASSWORD_VERIFIER."""
    challenge_reply = begin(api, username, CHALLENGE_NAME="SRP_A", SRP_A=api.ephemeral.SRP_A)

    assert challenge_reply["ChallengeName"] == "PASSWORD_VERIFIER"
    return api.answer(challenge_reply, username, **api.claim(challenge_reply, PASSWORD))


class TestWithoutSrp:
    """The functions decide from the start."""

    def test_two_custom_challenges(self, signing_key: RSAKey) -> None:
        """A wrong answer is not an error, and every challenge has a new session."""
        custom_auth = CustomAuth()
        api = ApiClient(make_pool(signing_key, custom_auth))
        first = begin(api)

        assert first["ChallengeName"] == "CUSTOM_CHALLENGE"
        assert first["ChallengeParameters"] == {"USERNAME": "ada", "question": "number 0"}

        second = api.answer(first, "ada", ANSWER="answer 0")
        third = api.answer(second, "ada", ANSWER="nonsense")

        assert third["ChallengeParameters"]["question"] == "number 2"
        assert len({each["Session"] for each in (first, second, third)}) == 3
        with refused(*USED):
            api.answer(second, "ada", ANSWER="answer 1")
        assert "AuthenticationResult" in api.answer(third, "ada", ANSWER="answer 2")
        assert custom_auth.events[-1]["request"]["session"] == [
            {"challengeName": "CUSTOM_CHALLENGE", "challengeResult": right, "challengeMetadata": f"QUESTION_{number}"}
            for number, right in enumerate([True, False, True])
        ]

    def test_the_events(self, signing_key: RSAKey) -> None:
        """Each function gets the event that AWS documents."""
        custom_auth = CustomAuth()
        pool = make_pool(signing_key, custom_auth)
        api = ApiClient(pool)
        challenge_reply = begin(api)
        api.boto.respond_to_auth_challenge(
            ClientId=pool.client_id,
            ChallengeName="CUSTOM_CHALLENGE",
            Session=challenge_reply["Session"],
            ChallengeResponses={"USERNAME": "ada", "ANSWER": "x"},
            ClientMetadata={"locale": "la"},
        )
        define, create, verify, again = custom_auth.events[:4]

        assert define["triggerSource"] == "DefineAuthChallenge_Authentication"
        assert define["userPoolId"] == pool.pool_id
        assert define["callerContext"]["clientId"] == pool.client_id
        assert define["userName"] == "ada"
        assert define["request"] == {
            "session": [],
            "userNotFound": False,
            "userAttributes": {
                "sub": pool.user("ada").sub,
                "cognito:user_status": "CONFIRMED",
                "email": "ada@example.com",
                "email_verified": "true",
                "phone_number": "+15550001111",
                "phone_number_verified": "true",
            },
        }
        assert create["triggerSource"] == "CreateAuthChallenge_Authentication"
        assert create["request"]["challengeName"] == "CUSTOM_CHALLENGE"
        assert verify["triggerSource"] == "VerifyAuthChallengeResponse_Authentication"
        assert verify["request"]["challengeAnswer"] == "x"
        assert verify["request"]["privateChallengeParameters"] == {"answer": "answer 0"}
        assert verify["request"]["clientMetadata"] == {"locale": "la"}
        assert again["request"]["clientMetadata"] == {"locale": "la"}

    def test_fail_authentication(self, signing_key: RSAKey) -> None:
        """FailAuthentication is NotAuthorizedException, and ends the attempt."""
        api = ApiClient(make_pool(signing_key, CustomAuth()))
        challenge_reply = begin(api)
        for _ in range(2):
            challenge_reply = api.answer(challenge_reply, "ada", ANSWER="nonsense")
        with refused(*WRONG):
            api.answer(challenge_reply, "ada", ANSWER="nonsense")
        with refused(*USED):
            api.answer(challenge_reply, "ada", ANSWER="answer 2")

    def test_tokens_at_once(self, signing_key: RSAKey) -> None:
        """Tokens may be issued at once."""
        api = ApiClient(make_pool(signing_key, CustomAuth(lambda _: {"issueTokens": True})))

        assert "AuthenticationResult" in begin(api, CHALLENGE_NAME="CUSTOM_CHALLENGE")

    def test_a_missing_answer(self, signing_key: RSAKey) -> None:
        """Without ANSWER the request is refused, and the session stays valid."""
        api = ApiClient(make_pool(signing_key, CustomAuth()))
        challenge_reply = begin(api)
        with refused("InvalidParameterException", "Missing required parameter ANSWER"):
            api.answer(challenge_reply, "ada")

        assert api.answer(challenge_reply, "ada", ANSWER="x")["ChallengeName"] == "CUSTOM_CHALLENGE"

    def test_another_users_session(self, signing_key: RSAKey) -> None:
        """Another user cannot answer ada's custom challenge."""
        pool = make_pool(signing_key, CustomAuth())
        pool.add_user("eve")
        api = ApiClient(pool)
        with refused(*UNKNOWN):
            api.answer(begin(api), "eve", ANSWER="answer 0")


def test_a_function_may_use_the_pool(signing_key: RSAKey) -> None:
    """A function that uses the pool while it runs changes nothing in the sign-in."""
    inner: list[Any] = []

    def define(event: Any) -> Any:
        inner.append(ApiClient(pool).srp("ada", PASSWORD))
        event["response"]["issueTokens"] = True
        return event

    pool = LocalPool(key=signing_key, triggers=Triggers(define=define, create=print, verify=print))
    pool.add_user("ada", PASSWORD)

    assert "AuthenticationResult" in begin(ApiClient(pool))
    assert "AuthenticationResult" in inner[0]


def test_a_lock_out_is_for_passwords(signing_key: RSAKey) -> None:
    """A user who is locked out for wrong passwords can still answer custom challenges."""
    api = ApiClient(make_pool(signing_key, CustomAuth()))
    for _ in range(5):
        with refused(*WRONG):
            api.password("ada", "wrong")

    assert begin(api)["ChallengeName"] == "CUSTOM_CHALLENGE"


class TestUnknownUser:
    """An unknown user."""

    def test_the_functions_see_user_not_found(self, signing_key: RSAKey) -> None:
        """For an unknown user the functions see userNotFound, and no decision of theirs returns tokens."""
        custom_auth = CustomAuth()
        api = ApiClient(make_pool(signing_key, custom_auth))
        challenge_reply = begin(api, "nobody")
        challenge_reply = api.answer(challenge_reply, "nobody", ANSWER="answer 0")
        with refused(*WRONG):
            api.answer(challenge_reply, "nobody", ANSWER="answer 1")

        assert {True} == {event["request"]["userNotFound"] for event in custom_auth.events}
        assert custom_auth.events[0]["request"]["userAttributes"] == {}

    def test_legacy(self, signing_key: RSAKey) -> None:
        """With LEGACY the functions are not called."""
        custom_auth = CustomAuth()
        pool = make_pool(signing_key, custom_auth, prevent_user_existence_errors="LEGACY")
        with refused("UserNotFoundException", "User does not exist."):
            begin(ApiClient(pool), "nobody")

        assert custom_auth.events == []


class TestWithSrp:
    """CHALLENGE_NAME=SRP_A: the password comes first."""

    def test_password_then_custom_challenges(self, signing_key: RSAKey) -> None:
        """PASSWORD_VERIFIER comes with a Session, then the challenge that DefineAuthChallenge names."""

        def define(session: list[dict[str, Any]]) -> dict[str, Any]:
            names = [each["challengeName"] for each in session]
            after: dict[tuple[str, ...], dict[str, Any]] = {
                ("SRP_A",): {"challengeName": "PASSWORD_VERIFIER"},
                ("SRP_A", "PASSWORD_VERIFIER"): {"challengeName": "CUSTOM_CHALLENGE"},
            }
            return after.get(tuple(names), {"issueTokens": True})

        custom_auth = CustomAuth(define)
        api = ApiClient(make_pool(signing_key, custom_auth))
        challenge_reply = begin_by_srp(api)

        assert challenge_reply["ChallengeName"] == "CUSTOM_CHALLENGE"
        assert "AuthenticationResult" in api.answer(challenge_reply, "ada", ANSWER="answer 2")

    @staticmethod
    def srp_first(session: list[dict[str, Any]]) -> dict[str, Any]:
        """Answer SRP, then one custom challenge, and return the reply."""
        last = session[-1]["challengeName"]
        if last == "SRP_A":
            return {"challengeName": "PASSWORD_VERIFIER"}
        return {"issueTokens": True} if last == "CUSTOM_CHALLENGE" else {"challengeName": "CUSTOM_CHALLENGE"}

    def test_the_session_is_required(self, signing_key: RSAKey) -> None:
        """In CUSTOM_AUTH the secret block does not replace the Session."""
        api = ApiClient(make_pool(signing_key, CustomAuth(self.srp_first)))
        challenge_reply = begin(api, CHALLENGE_NAME="SRP_A", SRP_A=api.ephemeral.SRP_A)
        claim = api.claim(challenge_reply, PASSWORD)
        with refused("InvalidParameterException", "Missing required parameter Session"):
            api.respond("PASSWORD_VERIFIER", USERNAME="ada", **claim)

        assert api.answer(challenge_reply, "ada", **claim)["ChallengeName"] == "CUSTOM_CHALLENGE"

    def test_the_proof_is_checked(self, signing_key: RSAKey) -> None:
        """Neither a wrong password nor the password as an ANSWER is accepted."""
        api = ApiClient(make_pool(signing_key, CustomAuth(self.srp_first)))
        challenge_reply = begin(api, CHALLENGE_NAME="SRP_A", SRP_A=api.ephemeral.SRP_A)
        with refused(*MISMATCH):
            api.respond("CUSTOM_CHALLENGE", challenge_reply["Session"], USERNAME="ada", ANSWER=PASSWORD)
        with refused(*WRONG):
            api.answer(challenge_reply, "ada", **api.claim(challenge_reply, "wrong"))

    def test_mfa_comes_before_the_custom_challenge(self, signing_key: RSAKey) -> None:
        """Cognito asks for the MFA itself, after the password; DefineAuthChallenge sees it as passed."""
        custom_auth = CustomAuth(self.srp_first)
        pool = make_pool(signing_key, custom_auth, mfa="ON", mfa_methods=["SMS_MFA"])
        api = ApiClient(pool)
        challenge_reply = begin_by_srp(api)

        assert challenge_reply["ChallengeName"] == "SMS_MFA"
        challenge_reply = api.answer(challenge_reply, "ada", SMS_MFA_CODE=pool.outbox.code_for("ada"))
        assert challenge_reply["ChallengeName"] == "CUSTOM_CHALLENGE"
        assert [each["challengeName"] for each in custom_auth.events[-1]["request"]["session"]] == [
            "SRP_A",
            "PASSWORD_VERIFIER",
            "SMS_MFA",
        ]
        assert "AuthenticationResult" in api.answer(challenge_reply, "ada", ANSWER="x")

    def test_mfa_setup_comes_before_the_custom_challenge(self, signing_key: RSAKey) -> None:
        """MFA_SETUP also comes "before any CUSTOM_CHALLENGE" (developer guide), and does not replace it."""
        pool = make_pool(
            signing_key, CustomAuth(self.srp_first), mfa="ON", mfa_methods=["SOFTWARE_TOKEN_MFA"], clock=ManualClock()
        )
        api = ApiClient(pool)
        challenge_reply = begin_by_srp(api)

        assert challenge_reply["ChallengeName"] == "MFA_SETUP"
        reply = api.boto.associate_software_token(Session=challenge_reply["Session"])
        verified = api.boto.verify_software_token(
            Session=reply["Session"], UserCode=pyotp.TOTP(reply["SecretCode"]).at(pool.clock())
        )
        challenge_reply = api.respond("MFA_SETUP", verified["Session"], USERNAME="ada")
        assert challenge_reply["ChallengeName"] == "CUSTOM_CHALLENGE"
        assert "AuthenticationResult" in api.answer(challenge_reply, "ada", ANSWER="x")

    def test_no_custom_challenge_after_mfa(self, signing_key: RSAKey) -> None:
        """With a setting, tokens come directly after the MFA (reported by a user)."""
        contradictions = Contradictions(custom_challenge_after_mfa=False)
        pool = make_pool(
            signing_key, CustomAuth(self.srp_first), mfa="ON", mfa_methods=["SMS_MFA"], contradictions=contradictions
        )
        api = ApiClient(pool)
        challenge_reply = begin_by_srp(api)

        assert "AuthenticationResult" in api.answer(challenge_reply, "ada", SMS_MFA_CODE=pool.outbox.code_for("ada"))

    @pytest.mark.parametrize("goes_on", [True, False])
    def test_new_password(self, signing_key: RSAKey, goes_on: bool) -> None:  # noqa: FBT001 - a case
        """A temporary password is replaced first; whether the custom challenge follows is contradicted."""
        pool = make_pool(
            signing_key,
            CustomAuth(self.srp_first),
            contradictions=Contradictions(custom_challenge_after_new_password=goes_on),
        )
        pool.add_user("eve", PASSWORD, temporary=True)
        api = ApiClient(pool)
        challenge_reply = begin_by_srp(api, "eve")

        assert challenge_reply["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
        reply = api.answer(challenge_reply, "eve", NEW_PASSWORD="New-Passw0rd!")
        assert goes_on == (reply.get("ChallengeName") == "CUSTOM_CHALLENGE")
        assert goes_on != ("AuthenticationResult" in reply)

    def test_an_unknown_user_is_simulated(self, signing_key: RSAKey) -> None:
        """An unknown user gets a PASSWORD_VERIFIER that no proof answers."""
        api = ApiClient(make_pool(signing_key, CustomAuth(self.srp_first)))
        with refused(*WRONG):
            begin_by_srp(api, "nobody")


class TestUnanswerableChallenges:
    """DefineAuthChallenge names a built-in challenge: the name is echoed, and no answer is right."""

    @pytest.mark.parametrize(
        ("name", "responses", "expected"),
        [
            ("SMS_MFA", {"SMS_MFA_CODE": "123456"}, MISMATCH),
            ("SOFTWARE_TOKEN_MFA", {"SOFTWARE_TOKEN_MFA_CODE": "123456"}, MISMATCH),
            (
                "NEW_PASSWORD_REQUIRED",
                {"NEW_PASSWORD": "New-Passw0rd!"},
                ("NotAuthorizedException", "Invalid session provided for the user."),
            ),
            (
                "DEVICE_SRP_AUTH",
                {"DEVICE_KEY": "a_1", "SRP_A": "2"},
                ("NotAuthorizedException", "Invalid session provided for the user."),
            ),
            ("SRP_A", {}, ("NotAuthorizedException", "Invalid session provided for the user.")),
        ],
    )
    @pytest.mark.parametrize("later", [False, True])
    def test_echoed(
        self,
        signing_key: RSAKey,
        name: str,
        responses: dict[str, str],
        expected: tuple[str, str],
        later: bool,  # noqa: FBT001 - a case
    ) -> None:
        """The challenge has USERNAME only, and no message is sent."""
        custom_auth = CustomAuth(
            lambda session: {"challengeName": "CUSTOM_CHALLENGE" if later and not session else name}
        )
        pool = make_pool(signing_key, custom_auth)
        api = ApiClient(pool)
        challenge_reply = begin(api)
        if later:
            challenge_reply = api.answer(challenge_reply, "ada", ANSWER="x")

        assert (name, {"USERNAME": "ada"}) == (challenge_reply["ChallengeName"], challenge_reply["ChallengeParameters"])
        assert list(pool.outbox) == []
        with refused(*expected):
            api.answer(challenge_reply, "ada", **responses)

    def test_not_after_a_password(self, signing_key: RSAKey) -> None:
        """After PASSWORD_VERIFIER such a name is refused, because no source shows it."""
        custom_auth = CustomAuth(
            lambda session: {"challengeName": "PASSWORD_VERIFIER" if len(session) == 1 else "WEB_AUTHN"}
        )
        with refused(
            "InvalidLambdaResponseException",
            "Unrecognizable lambda output: DefineAuthChallenge: challengeName is not CUSTOM_CHALLENGE",
        ):
            begin_by_srp(ApiClient(make_pool(signing_key, custom_auth)))


class TestBrokenFunctions:
    """Errors of the functions have Cognito's messages."""

    def test_no_functions(self, signing_key: RSAKey) -> None:
        """A pool without functions refuses CUSTOM_AUTH."""
        pool = LocalPool(key=signing_key)
        pool.add_user("ada", PASSWORD)
        with refused("InvalidParameterException", "Custom auth lambda trigger is not configured for the user pool."):
            begin(ApiClient(pool))

    @pytest.mark.parametrize(
        ("which", "trigger"),
        [
            ("define", "DefineAuthChallenge"),
            ("create", "CreateAuthChallenge"),
            ("verify", "VerifyAuthChallengeResponse"),
        ],
    )
    def test_a_function_that_raises(
        self, signing_key: RSAKey, monkeypatch: pytest.MonkeyPatch, which: str, trigger: str
    ) -> None:
        """A function that raises ends the attempt: "<Trigger> failed with error <text>."."""
        custom_auth = CustomAuth()

        def broken(_: Any) -> Any:
            raise KeyError("challengeMetaData")

        monkeypatch.setattr(custom_auth, which, broken)
        api = ApiClient(make_pool(signing_key, custom_auth))
        expected = ("UserLambdaValidationException", f"{trigger} failed with error 'challengeMetaData'.")
        if which != "verify":
            with refused(*expected):
                begin(api)
            return
        challenge_reply = begin(api)
        with refused(*expected):
            api.answer(challenge_reply, "ada", ANSWER="x")
        with refused(*USED):
            api.answer(challenge_reply, "ada", ANSWER="x")

    @pytest.mark.parametrize(
        ("answer", "why"),
        [
            ({}, "no challengeName"),
            ({"challengeName": 5}, "challengeName is not text"),
            ({"issueTokens": "yes"}, "issueTokens is not a boolean"),
        ],
    )
    def test_an_invalid_response(self, signing_key: RSAKey, answer: dict[str, Any], why: str) -> None:
        """An invalid response of a function is InvalidLambdaResponseException."""
        with refused("InvalidLambdaResponseException", f"Unrecognizable lambda output: DefineAuthChallenge: {why}"):
            begin(ApiClient(make_pool(signing_key, CustomAuth(lambda _: answer))))

    @pytest.mark.parametrize(
        ("key", "value", "why"),
        [
            ("publicChallengeParameters", {"n": 1}, "does not map text to text"),
            ("privateChallengeParameters", "x", "does not map text to text"),
            ("challengeMetadata", 1, "is not text"),
        ],
    )
    def test_an_invalid_challenge(self, signing_key: RSAKey, key: str, value: Any, why: str) -> None:
        """CreateAuthChallenge must return text."""
        custom_auth = CustomAuth()
        broken = Triggers(
            define=custom_auth.define,
            create=lambda event: {**event, "response": {key: value}},
            verify=custom_auth.verify,
        )
        pool = LocalPool(key=signing_key, triggers=broken)
        pool.add_user("ada")
        with refused(
            "InvalidLambdaResponseException", f"Unrecognizable lambda output: CreateAuthChallenge: {key} {why}"
        ):
            begin(ApiClient(pool))

    def test_no_event(self, signing_key: RSAKey) -> None:
        """A function must return an event."""
        broken = Triggers(define=lambda _: "yes", create=print, verify=print)
        pool = LocalPool(key=signing_key, triggers=broken)
        pool.add_user("ada")
        with refused(
            "InvalidLambdaResponseException", "Unrecognizable lambda output: DefineAuthChallenge: no response"
        ):
            begin(ApiClient(pool))
