"""CUSTOM_AUTH: the pool asks Define, Create and Verify as Cognito asks Lambda functions."""

from __future__ import annotations

from typing import Any

import pyotp
import pytest
from joserfc.jwk import RSAKey
from local_talk import MISMATCH, UNKNOWN, USED, WRONG, Talk, refused

from authfsm.local import Contradictions, LocalPool, ManualClock, Triggers
from authfsm.protocol.responses import CompleteMfaSetup
from authfsm.protocol.states import State
from authfsm.protocol.table import TRANSITION_SET, Transition

PASSWORD = "correct horse battery staple"


class Riddles:
    """Three functions: two riddles, three tries; each event they are given is kept.

    Args:
        define: what DefineAuthChallenge answers, by what it finds in the session; two riddles, if left out.
    """

    def __init__(self, define: Any = None) -> None:
        self.seen: list[dict[str, Any]] = []
        self._define = define or self._two_riddles

    @staticmethod
    def _two_riddles(session: list[dict[str, Any]]) -> dict[str, Any]:
        asked = [each for each in session if each["challengeName"] == "CUSTOM_CHALLENGE"]
        right = sum(each["challengeResult"] for each in asked)
        if right == 2:
            return {"issueTokens": True}
        if len(asked) - right == 3:
            return {"failAuthentication": True}
        return {"challengeName": "CUSTOM_CHALLENGE"}

    def define(self, event: Any) -> Any:
        """DefineAuthChallenge; returns the event."""
        self.seen.append(event)
        event["response"].update(self._define(event["request"]["session"]))
        return event

    def create(self, event: Any) -> None:
        """CreateAuthChallenge; changes the event only."""
        self.seen.append(event)
        number = len(event["request"]["session"])
        event["response"]["publicChallengeParameters"] = {"riddle": f"number {number}"}
        event["response"]["privateChallengeParameters"] = {"answer": f"answer {number}"}
        event["response"]["challengeMetadata"] = f"RIDDLE_{number}"

    def verify(self, event: Any) -> Any:
        """VerifyAuthChallengeResponse."""
        self.seen.append(event)
        request = event["request"]
        right = request["challengeAnswer"] == request["privateChallengeParameters"]["answer"]
        event["response"]["answerCorrect"] = right
        return event

    @property
    def triggers(self) -> Triggers:
        """The three."""
        return Triggers(define=self.define, create=self.create, verify=self.verify)


def a_pool(signing_key: RSAKey, riddles: Riddles, **settings: Any) -> LocalPool:
    """A pool led by these functions, with one user."""
    pool = LocalPool(key=signing_key, triggers=riddles.triggers, **settings)
    pool.add_user("ada", PASSWORD, email="ada@example.com", phone_number="+15550001111")
    return pool


def begin(talk: Talk, username: str = "ada", **parameters: str) -> Any:
    """CUSTOM_AUTH without SRP."""
    return talk.initiate("CUSTOM_AUTH", USERNAME=username, **parameters)


def begin_by_srp(talk: Talk, username: str = "ada") -> Any:
    """CUSTOM_AUTH with SRP, PASSWORD_VERIFIER answered."""
    asked = begin(talk, username, CHALLENGE_NAME="SRP_A", SRP_A=talk.mine.SRP_A)

    assert asked["ChallengeName"] == "PASSWORD_VERIFIER"
    return talk.answer(asked, username, **talk.claim(asked, PASSWORD))


class TestWithoutSrp:
    """The functions lead from the start."""

    def test_two_riddles(self, signing_key: RSAKey) -> None:
        """Right, wrong, right: a wrong answer is no exception; every leg has a new session."""
        riddles = Riddles()
        talk = Talk(a_pool(signing_key, riddles))
        first = begin(talk)

        assert first["ChallengeName"] == "CUSTOM_CHALLENGE"
        assert first["ChallengeParameters"] == {"USERNAME": "ada", "riddle": "number 0"}

        second = talk.answer(first, "ada", ANSWER="answer 0")
        third = talk.answer(second, "ada", ANSWER="nonsense")

        assert third["ChallengeParameters"]["riddle"] == "number 2"
        assert len({each["Session"] for each in (first, second, third)}) == 3
        with refused(*USED):
            talk.answer(second, "ada", ANSWER="answer 1")
        assert "AuthenticationResult" in talk.answer(third, "ada", ANSWER="answer 2")
        assert riddles.seen[-1]["request"]["session"] == [
            {
                "challengeName": "CUSTOM_CHALLENGE",
                "challengeResult": right,
                "challengeMetadata": f"RIDDLE_{number}",
            }
            for number, right in enumerate([True, False, True])
        ]

    def test_the_events_shape(self, signing_key: RSAKey) -> None:
        """Each function sees what its Lambda twin sees."""
        riddles = Riddles()
        pool = a_pool(signing_key, riddles)
        talk = Talk(pool)
        asked = begin(talk)
        talk.boto.respond_to_auth_challenge(
            ClientId=pool.client_id,
            ChallengeName="CUSTOM_CHALLENGE",
            Session=asked["Session"],
            ChallengeResponses={"USERNAME": "ada", "ANSWER": "x"},
            ClientMetadata={"locale": "la"},
        )
        define, create, verify, again = riddles.seen[:4]

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
        """To fail the authentication is NotAuthorizedException, and the end."""
        talk = Talk(a_pool(signing_key, Riddles()))
        asked = begin(talk)
        for _ in range(2):
            asked = talk.answer(asked, "ada", ANSWER="nonsense")
        with refused(*WRONG):
            talk.answer(asked, "ada", ANSWER="nonsense")
        with refused(*USED):
            talk.answer(asked, "ada", ANSWER="answer 2")

    def test_tokens_at_once(self, signing_key: RSAKey) -> None:
        """Tokens may be issued first thing."""
        talk = Talk(a_pool(signing_key, Riddles(lambda _: {"issueTokens": True})))

        assert "AuthenticationResult" in begin(talk, CHALLENGE_NAME="CUSTOM_CHALLENGE")

    def test_no_answer(self, signing_key: RSAKey) -> None:
        """ANSWER must be there; nothing is consumed."""
        talk = Talk(a_pool(signing_key, Riddles()))
        asked = begin(talk)
        with refused("InvalidParameterException", "Missing required parameter ANSWER"):
            talk.answer(asked, "ada")

        assert talk.answer(asked, "ada", ANSWER="x")["ChallengeName"] == "CUSTOM_CHALLENGE"

    def test_another_users_session(self, signing_key: RSAKey) -> None:
        """A riddle asked of ada is not answered by eve."""
        pool = a_pool(signing_key, Riddles())
        pool.add_user("eve")
        talk = Talk(pool)
        with refused(*UNKNOWN):
            talk.answer(begin(talk), "eve", ANSWER="answer 0")


def test_a_function_may_sign_in_itself(signing_key: RSAKey) -> None:
    """A trigger that uses the pool while it runs disturbs nothing."""
    inner: list[Any] = []

    def define(event: Any) -> None:
        inner.append(Talk(pool).srp("ada", PASSWORD))
        event["response"]["issueTokens"] = True

    pool = LocalPool(key=signing_key, triggers=Triggers(define=define, create=print, verify=print))
    pool.add_user("ada", PASSWORD)

    assert "AuthenticationResult" in begin(Talk(pool))
    assert "AuthenticationResult" in inner[0]


def test_a_lock_out_is_for_passwords(signing_key: RSAKey) -> None:
    """Who is locked out for wrong passwords may still answer riddles."""
    talk = Talk(a_pool(signing_key, Riddles()))
    for _ in range(5):
        with refused(*WRONG):
            talk.password("ada", "wrong")

    assert begin(talk)["ChallengeName"] == "CUSTOM_CHALLENGE"


class TestNobody:
    """A user who is not there."""

    def test_the_functions_are_told(self, signing_key: RSAKey) -> None:
        """They see userNotFound; no answer brings tokens, whatever the functions say."""
        riddles = Riddles()
        talk = Talk(a_pool(signing_key, riddles))
        asked = begin(talk, "nobody")
        asked = talk.answer(asked, "nobody", ANSWER="answer 0")
        with refused(*WRONG):
            talk.answer(asked, "nobody", ANSWER="answer 1")

        assert {True} == {event["request"]["userNotFound"] for event in riddles.seen}
        assert riddles.seen[0]["request"]["userAttributes"] == {}

    def test_legacy(self, signing_key: RSAKey) -> None:
        """With LEGACY the functions are not asked."""
        riddles = Riddles()
        pool = a_pool(signing_key, riddles, prevent_user_existence_errors="LEGACY")
        with refused("UserNotFoundException", "User does not exist."):
            begin(Talk(pool), "nobody")

        assert riddles.seen == []


class TestWithSrp:
    """CHALLENGE_NAME=SRP_A: the password first."""

    def test_password_then_riddles(self, signing_key: RSAKey) -> None:
        """PASSWORD_VERIFIER with a Session, then what DefineAuthChallenge says."""

        def define(session: list[dict[str, Any]]) -> dict[str, Any]:
            names = [each["challengeName"] for each in session]
            after: dict[tuple[str, ...], dict[str, Any]] = {
                ("SRP_A",): {"challengeName": "PASSWORD_VERIFIER"},
                ("SRP_A", "PASSWORD_VERIFIER"): {"challengeName": "CUSTOM_CHALLENGE"},
            }
            return after.get(tuple(names), {"issueTokens": True})

        riddles = Riddles(define)
        talk = Talk(a_pool(signing_key, riddles))
        asked = begin_by_srp(talk)

        assert asked["ChallengeName"] == "CUSTOM_CHALLENGE"
        assert "AuthenticationResult" in talk.answer(asked, "ada", ANSWER="answer 2")

    @staticmethod
    def srp_first(session: list[dict[str, Any]]) -> dict[str, Any]:
        """SRP, then one riddle."""
        last = session[-1]["challengeName"]
        if last == "SRP_A":
            return {"challengeName": "PASSWORD_VERIFIER"}
        return (
            {"issueTokens": True}
            if last == "CUSTOM_CHALLENGE"
            else {"challengeName": "CUSTOM_CHALLENGE"}
        )

    def test_the_session_is_wanted(self, signing_key: RSAKey) -> None:
        """Here the secret block alone does not do."""
        talk = Talk(a_pool(signing_key, Riddles(self.srp_first)))
        asked = begin(talk, CHALLENGE_NAME="SRP_A", SRP_A=talk.mine.SRP_A)
        claim = talk.claim(asked, PASSWORD)
        with refused("InvalidParameterException", "Missing required parameter Session"):
            talk.respond("PASSWORD_VERIFIER", USERNAME="ada", **claim)

        assert talk.answer(asked, "ada", **claim)["ChallengeName"] == "CUSTOM_CHALLENGE"

    def test_the_proof_is_checked(self, signing_key: RSAKey) -> None:
        """Neither a wrong password nor the password as an ANSWER passes."""
        talk = Talk(a_pool(signing_key, Riddles(self.srp_first)))
        asked = begin(talk, CHALLENGE_NAME="SRP_A", SRP_A=talk.mine.SRP_A)
        with refused(*MISMATCH):
            talk.respond("CUSTOM_CHALLENGE", asked["Session"], USERNAME="ada", ANSWER=PASSWORD)
        with refused(*WRONG):
            talk.answer(asked, "ada", **talk.claim(asked, "wrong"))

    def test_mfa_comes_before_the_riddle(self, signing_key: RSAKey) -> None:
        """Cognito asks for the MFA itself, after the password; DefineAuthChallenge sees it passed."""
        riddles = Riddles(self.srp_first)
        pool = a_pool(signing_key, riddles, mfa="ON", mfa_methods=["SMS_MFA"])
        talk = Talk(pool)
        asked = begin_by_srp(talk)

        assert asked["ChallengeName"] == "SMS_MFA"
        asked = talk.answer(asked, "ada", SMS_MFA_CODE=pool.outbox.code_for("ada"))
        assert asked["ChallengeName"] == "CUSTOM_CHALLENGE"
        assert [each["challengeName"] for each in riddles.seen[-1]["request"]["session"]] == [
            "SRP_A",
            "PASSWORD_VERIFIER",
            "SMS_MFA",
        ]
        assert "AuthenticationResult" in talk.answer(asked, "ada", ANSWER="x")

    @pytest.mark.skipif(
        Transition(State.MFA_SETUP, CompleteMfaSetup, State.CUSTOM_CHALLENGE) not in TRANSITION_SET,
        reason="the table has no such arrow",
    )
    def test_set_up_comes_before_the_riddle(self, signing_key: RSAKey) -> None:
        """MFA_SETUP too comes "before any CUSTOM_CHALLENGE" (developer guide), and not in its place."""
        pool = a_pool(
            signing_key,
            Riddles(self.srp_first),
            mfa="ON",
            mfa_methods=["SOFTWARE_TOKEN_MFA"],
            clock=ManualClock(),
        )
        talk = Talk(pool)
        asked = begin_by_srp(talk)

        assert asked["ChallengeName"] == "MFA_SETUP"
        reply = talk.boto.associate_software_token(Session=asked["Session"])
        verified = talk.boto.verify_software_token(
            Session=reply["Session"],
            UserCode=pyotp.TOTP(reply["SecretCode"]).at(pool.clock()),
        )
        asked = talk.respond("MFA_SETUP", verified["Session"], USERNAME="ada")
        assert asked["ChallengeName"] == "CUSTOM_CHALLENGE"
        assert "AuthenticationResult" in talk.answer(asked, "ada", ANSWER="x")

    def test_or_in_its_place(self, signing_key: RSAKey) -> None:
        """Another report has tokens after the MFA: a setting does too."""
        contradictions = Contradictions(custom_challenge_after_mfa=False)
        pool = a_pool(
            signing_key,
            Riddles(self.srp_first),
            mfa="ON",
            mfa_methods=["SMS_MFA"],
            contradictions=contradictions,
        )
        talk = Talk(pool)
        asked = begin_by_srp(talk)

        assert "AuthenticationResult" in talk.answer(
            asked, "ada", SMS_MFA_CODE=pool.outbox.code_for("ada")
        )

    @pytest.mark.parametrize("goes_on", [True, False])
    def test_new_password(self, signing_key: RSAKey, goes_on: bool) -> None:  # noqa: FBT001 - a case
        """A temporary password is replaced first; whether the riddle follows is contradicted."""
        pool = a_pool(
            signing_key,
            Riddles(self.srp_first),
            contradictions=Contradictions(custom_challenge_after_new_password=goes_on),
        )
        pool.add_user("eve", PASSWORD, temporary=True)
        talk = Talk(pool)
        asked = begin_by_srp(talk, "eve")

        assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
        reply = talk.answer(asked, "eve", NEW_PASSWORD="New-Passw0rd!")
        assert goes_on == (reply.get("ChallengeName") == "CUSTOM_CHALLENGE")
        assert goes_on != ("AuthenticationResult" in reply)

    def test_nobody_is_pretended(self, signing_key: RSAKey) -> None:
        """An unknown user gets a PASSWORD_VERIFIER that no proof passes."""
        talk = Talk(a_pool(signing_key, Riddles(self.srp_first)))
        with refused(*WRONG):
            begin_by_srp(talk, "nobody")


class TestDeadEnds:
    """DefineAuthChallenge names a challenge that the pool leads: the name is echoed, no answer helps."""

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
            (
                "SRP_A",
                {},
                ("NotAuthorizedException", "Invalid session provided for the user."),
            ),
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
        """At the beginning or after a riddle, with USERNAME only and no message sent."""
        riddles = Riddles(
            lambda session: {"challengeName": "CUSTOM_CHALLENGE" if later and not session else name}
        )
        pool = a_pool(signing_key, riddles)
        talk = Talk(pool)
        asked = begin(talk)
        if later:
            asked = talk.answer(asked, "ada", ANSWER="x")

        assert (name, {"USERNAME": "ada"}) == (
            asked["ChallengeName"],
            asked["ChallengeParameters"],
        )
        assert list(pool.outbox) == []
        with refused(*expected):
            talk.answer(asked, "ada", **responses)

    def test_not_after_a_password(self, signing_key: RSAKey) -> None:
        """After PASSWORD_VERIFIER nobody has seen another name echoed: it is refused."""
        riddles = Riddles(
            lambda session: {
                "challengeName": "PASSWORD_VERIFIER" if len(session) == 1 else "WEB_AUTHN"
            }
        )
        with refused(
            "InvalidLambdaResponseException",
            "Unrecognizable lambda output: DefineAuthChallenge: "
            "challengeName is not CUSTOM_CHALLENGE",
        ):
            begin_by_srp(Talk(a_pool(signing_key, riddles)))


class TestBrokenFunctions:
    """What the functions do wrong is told in Cognito's words."""

    def test_none(self, signing_key: RSAKey) -> None:
        """A pool without functions has no CUSTOM_AUTH."""
        pool = LocalPool(key=signing_key)
        pool.add_user("ada", PASSWORD)
        with refused(
            "InvalidParameterException",
            "Custom auth lambda trigger is not configured for the user pool.",
        ):
            begin(Talk(pool))

    @pytest.mark.parametrize(
        ("which", "trigger"),
        [
            ("define", "DefineAuthChallenge"),
            ("create", "CreateAuthChallenge"),
            ("verify", "VerifyAuthChallengeResponse"),
        ],
    )
    def test_one_that_raises(
        self, signing_key: RSAKey, monkeypatch: pytest.MonkeyPatch, which: str, trigger: str
    ) -> None:
        """UserLambdaValidationException "<Trigger> failed with error <text>."; the attempt is over."""
        riddles = Riddles()

        def broken(_: Any) -> Any:
            raise KeyError("challengeMetaData")

        monkeypatch.setattr(riddles, which, broken)
        talk = Talk(a_pool(signing_key, riddles))
        expected = (
            "UserLambdaValidationException",
            f"{trigger} failed with error 'challengeMetaData'.",
        )
        if which != "verify":
            with refused(*expected):
                begin(talk)
            return
        asked = begin(talk)
        with refused(*expected):
            talk.answer(asked, "ada", ANSWER="x")
        with refused(*USED):
            talk.answer(asked, "ada", ANSWER="x")

    @pytest.mark.parametrize(
        ("answer", "why"),
        [
            ({}, "no challengeName"),
            ({"challengeName": 5}, "no challengeName"),
            ({"issueTokens": "yes"}, "issueTokens is not a boolean"),
        ],
    )
    def test_one_of_another_shape(
        self, signing_key: RSAKey, answer: dict[str, Any], why: str
    ) -> None:
        """InvalidLambdaResponseException."""
        with refused(
            "InvalidLambdaResponseException",
            f"Unrecognizable lambda output: DefineAuthChallenge: {why}",
        ):
            begin(Talk(a_pool(signing_key, Riddles(lambda _: answer))))

    @pytest.mark.parametrize(
        ("key", "value", "why"),
        [
            ("publicChallengeParameters", {"n": 1}, "does not map text to text"),
            ("privateChallengeParameters", "x", "does not map text to text"),
            ("challengeMetadata", 1, "is not text"),
        ],
    )
    def test_a_challenge_of_another_shape(
        self, signing_key: RSAKey, key: str, value: Any, why: str
    ) -> None:
        """CreateAuthChallenge must give text."""
        riddles = Riddles()
        broken = Triggers(
            define=riddles.define,
            create=lambda event: event["response"].update({key: value}),
            verify=riddles.verify,
        )
        pool = LocalPool(key=signing_key, triggers=broken)
        pool.add_user("ada")
        with refused(
            "InvalidLambdaResponseException",
            f"Unrecognizable lambda output: CreateAuthChallenge: {key} {why}",
        ):
            begin(Talk(pool))

    def test_what_is_no_event(self, signing_key: RSAKey) -> None:
        """What is returned must be an event."""
        broken = Triggers(define=lambda _: "yes", create=print, verify=print)
        pool = LocalPool(key=signing_key, triggers=broken)
        pool.add_user("ada")
        with refused(
            "InvalidLambdaResponseException",
            "Unrecognizable lambda output: DefineAuthChallenge: no response",
        ):
            begin(Talk(pool))
