"""The door, the gate and the walls: real boto3 calls, nothing off the table, no secret shown."""

from __future__ import annotations

import ast
import logging
import threading
from pathlib import Path
from typing import Any, ClassVar

import boto3
import pyotp
import pytest
from api_client import WRONG, ApiClient, refused
from botocore.exceptions import ClientError, ParamValidationError
from joserfc.jwk import RSAKey

import authfsm.local
from authfsm.local import (
    Contradictions,
    DeviceConfiguration,
    GateError,
    LocalPool,
    ManualClock,
    PoolRefusal,
)
from authfsm.local.api import operations
from authfsm.local.api.aws_json import answer_http
from authfsm.local.config import error_templates
from authfsm.protocol.error_policy import ERROR_POLICY, error_rule
from authfsm.protocol.responses import SrpClaim, UserPasswordAuth, UserSrpAuth
from authfsm.protocol.states import State
from authfsm.protocol.table import TRANSITION_SET, Transition

PASSWORD = "correct horse battery staple"


@pytest.fixture
def pool(signing_key: RSAKey) -> LocalPool:
    """A pool with one user."""
    pool = LocalPool(key=signing_key)
    pool.add_user("ada", PASSWORD)
    return pool


class TestTheClient:
    """`pool.client()` is a real boto3 client."""

    def test_it_serialises_and_parses(self, pool: LocalPool) -> None:
        """Replies have what botocore makes of HTTP: metadata, parsed moments."""
        reply = ApiClient(pool).password("ada", PASSWORD)

        assert reply["ResponseMetadata"]["HTTPStatusCode"] == 200
        assert len(reply["ResponseMetadata"]["RequestId"]) == 36
        assert reply["ResponseMetadata"]["RetryAttempts"] == 0

    def test_it_validates(self, pool: LocalPool) -> None:
        """A request that the API's model forbids does not get as far as the pool."""
        with pytest.raises(ParamValidationError):
            pool.client().initiate_auth(AuthFlow="USER_SRP_AUTH")

    def test_its_errors_are_the_services_own(self, pool: LocalPool) -> None:
        """A refusal is the client's modelled exception, by HTTP 400."""
        client = pool.client()
        with pytest.raises(client.exceptions.NotAuthorizedException) as caught:
            client.initiate_auth(
                AuthFlow="USER_PASSWORD_AUTH",
                ClientId=pool.client_id,
                AuthParameters={"USERNAME": "ada", "PASSWORD": "wrong"},
            )
        response = caught.value.response

        assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert (
            response["ResponseMetadata"]["HTTPHeaders"]["x-amzn-errortype"]
            == "NotAuthorizedException:"
        )

    def test_what_is_not_served(self, pool: LocalPool) -> None:
        """Another operation is refused clearly."""
        with refused(
            "UnsupportedOperationException", "The local user pool does not serve ListGroups."
        ):
            pool.client().list_groups(UserPoolId=pool.pool_id)

    def test_nothing_global_changes(self, pool: LocalPool, monkeypatch: pytest.MonkeyPatch) -> None:
        """No other client is answered by the pool; the environment does not reach in."""
        monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:1")
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        client = pool.client()
        monkeypatch.delenv("AWS_PROFILE")
        other = boto3.session.Session(region_name="eu-west-1").client("cognito-idp")
        silent: Any = other.meta.events
        event = "before-send.cognito-identity-provider.InitiateAuth"

        assert boto3.DEFAULT_SESSION is None
        assert not any(answer for _, answer in silent.emit(event, request=None))
        assert "AuthenticationResult" in client.initiate_auth(
            AuthFlow="USER_PASSWORD_AUTH",
            ClientId=pool.client_id,
            AuthParameters={"USERNAME": "ada", "PASSWORD": PASSWORD},
        )

    def test_several_pools_at_once(self, signing_key: RSAKey, pool: LocalPool) -> None:
        """Each client talks to its own pool."""
        other = LocalPool(key=signing_key, client_id=pool.client_id)
        client = other.client()

        assert "AuthenticationResult" in ApiClient(pool).password("ada", PASSWORD)
        with pytest.raises(ClientError):
            client.initiate_auth(
                AuthFlow="USER_PASSWORD_AUTH",
                ClientId=pool.client_id,
                AuthParameters={"USERNAME": "ada", "PASSWORD": PASSWORD},
            )

    def test_threads(self, pool: LocalPool) -> None:
        """Eight threads at once each sign in."""
        client, done = pool.client(), []

        def sign_in() -> None:
            reply = client.initiate_auth(
                AuthFlow="USER_PASSWORD_AUTH",
                ClientId=pool.client_id,
                AuthParameters={"USERNAME": "ada", "PASSWORD": PASSWORD},
            )
            done.append("AuthenticationResult" in reply)

        threads = [threading.Thread(target=sign_in) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert done == [True] * 8


class TestRawRequests:
    """Requests that no boto3 has checked."""

    @pytest.mark.parametrize(
        ("operation", "body", "code"),
        [
            ("InitiateAuth", b"", "InvalidParameterException"),
            ("InitiateAuth", b"[]", "SerializationException"),
            ("InitiateAuth", b"{", "SerializationException"),
            ("InitiateAuth", b'{"AuthFlow":1,"ClientId":"x"}', "SerializationException"),
            (
                "InitiateAuth",
                b'{"AuthFlow":"x","ClientId":"x","AuthParameters":{"USERNAME":1}}',
                "SerializationException",
            ),
            (
                "InitiateAuth",
                b'{"AuthFlow":"x","ClientId":"x","AuthParameters":[]}',
                "SerializationException",
            ),
            ("GetUser", b"{}", "InvalidParameterException"),
            ("GetDevice", b'{"DeviceKey":"a_1"}', "InvalidParameterException"),
            ("AssociateSoftwareToken", b"{}", "InvalidParameterException"),
            ("Nonsense", b"{}", "UnsupportedOperationException"),
        ],
    )
    def test_they_are_refused(
        self, pool: LocalPool, operation: str, body: bytes, code: str
    ) -> None:
        """HTTP 400 with an error of Cognito's shape, never an exception of ours."""
        target = f"AWSCognitoIdentityProviderService.{operation}"
        answered = answer_http(pool.answer, target, body, "id", signed=True)

        assert answered.status == 400
        assert f"{code}:" == answered.headers["x-amzn-ErrorType"]
        assert f'"__type": "{code}"'.encode() in answered.body


class TestTheGate:
    """No answer leaves off the table."""

    def test_an_answer_off_the_table(self) -> None:
        """Tokens for a proof that has not been given would be our fault."""
        with pytest.raises(GateError) as caught:
            operations.check_arrow(UserSrpAuth, {"AuthenticationResult": {}}, None)

        assert State.AUTHENTICATED is caught.value.arrow.dest
        assert caught.value.arrow not in TRANSITION_SET

    def test_beginnings(self) -> None:
        """A beginning goes from START by the flow's own response."""
        found = operations.arrow_of(UserPasswordAuth, {"ChallengeName": "SMS_MFA"}, None)

        assert Transition(State.START, UserPasswordAuth, State.SMS_MFA) == found

    def test_it_is_asked(self, pool: LocalPool, monkeypatch: pytest.MonkeyPatch) -> None:
        """Every answer of a sign-in goes through it."""
        seen = []
        monkeypatch.setattr(
            operations, "check_arrow", lambda *args: seen.append((args[0], args[2]))
        )
        ApiClient(pool).srp("ada", PASSWORD)

        assert seen == [(UserSrpAuth, None), (SrpClaim, "PASSWORD_VERIFIER")]


class TestTheRefusals:
    """The pool's table of refusals, beside the client's table of actions."""

    BESIDE: ClassVar = {
        "SerializationException",  # garbage
        "UnknownOperationException",  # no target
        "UnsupportedUserStateException",  # an administrator's invitation
        # Passkeys are registered beside a sign-in, not in one.
        "WebAuthnChallengeNotFoundException",
        "WebAuthnClientMismatchException",
        "WebAuthnConfigurationMissingException",
        "WebAuthnCredentialNotSupportedException",
        "WebAuthnNotEnabledException",
        "WebAuthnOriginNotAllowedException",
        "WebAuthnRelyingPartyMismatchException",
    }
    SAYINGS: ClassVar = {
        name: value
        for name, value in vars(error_templates).items()
        if isinstance(value, error_templates.ErrorTemplate)
    }

    @pytest.mark.parametrize("name", SAYINGS)
    def test_the_client_knows_every_code(self, name: str) -> None:
        """Every code that the pool uses has an action, those beside a sign-in aside."""
        code = self.SAYINGS[name].code

        assert code in ERROR_POLICY or code in self.BESIDE

    @pytest.mark.parametrize("name", SAYINGS)
    def test_what_the_client_takes_for_alive_is(self, name: str) -> None:
        """Where the client's action says that the session survives, the pool's session does."""
        saying = self.SAYINGS[name]
        if name == "SECRET_WRONG":  # of operations that have no session
            return
        if error_rule(saying.code, saying.message).action.survives:
            assert saying.survives


class TestSecrets:
    """Nothing that must not be seen is seen."""

    PLANTED = "PLANTED-S3cret"
    TOTP = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"

    def test_nowhere(
        self, signing_key: RSAKey, caplog: pytest.LogCaptureFixture, capsys: Any
    ) -> None:
        """Passwords, codes, sessions, secrets: in no repr, exception, log or output of the pool's."""
        caplog.set_level(logging.DEBUG)
        logging.getLogger("botocore").setLevel(logging.INFO)  # its debug log shows requests
        clock = ManualClock()
        pool = LocalPool(
            key=signing_key,
            clock=clock,
            mfa="ON",
            mfa_methods=["SMS_MFA", "SOFTWARE_TOKEN_MFA"],
            client_secret=self.PLANTED + "-client",
            device=DeviceConfiguration(),
        )
        user = pool.add_user(
            "ada",
            self.PLANTED + "-password",
            phone_number="+15550001111",
            totp_secret=self.TOTP,
        )
        talk = ApiClient(pool)
        choice = talk.srp("ada", self.PLANTED + "-password")
        asked = talk.answer(choice, "ada", ANSWER="SMS_MFA")
        code = pool.outbox.code_for("ada")
        pending = pool._core.sessions.find_by_session(asked["Session"])
        shown = [repr(each) for each in (pool, pool.outbox, pool.outbox[-1], user, pending)]
        shown += [repr(pending.expected_answer), repr(pending.attempt), repr(user.software_token)]
        shown += [repr(user.credential), repr(pool.app_client), repr(pool.configuration)]
        for wrong in (self.PLANTED + "-wrong", "000000" if code != "000000" else "111111"):
            with pytest.raises(PoolRefusal) as caught:
                pool.answer(
                    "RespondToAuthChallenge",
                    {
                        "ClientId": pool.client_id,
                        "ChallengeName": "SMS_MFA",
                        "Session": asked["Session"],
                        "ChallengeResponses": talk._with_hash(
                            {"USERNAME": "ada", "SMS_MFA_CODE": wrong}
                        ),
                    },
                )
            shown += [repr(caught.value), str(caught.value)]
        done = talk.answer(asked, "ada", SMS_MFA_CODE=code)["AuthenticationResult"]
        proof_leg = talk.srp_a("ada")
        block = proof_leg["ChallengeParameters"]["SECRET_BLOCK"]
        opened = pool._core.sessions.find(pool.app_client, None, f"secret-block:{block}")
        shown += [repr(opened), repr(opened.expected_answer)]
        shown += [repr(family) for family in pool._core.token_issuer._families.values()]
        shown += [caplog.text, *capsys.readouterr()]
        everything = "\n".join(shown)
        verifier = user.credential.verifier.reveal() if user.credential else 0

        for secret in (
            self.PLANTED,
            self.TOTP,
            code,
            asked["Session"],
            opened.session,
            block,
            done["RefreshToken"],
            done["AccessToken"],
            str(verifier),
            pyotp.TOTP(self.TOTP).at(clock()),
        ):
            assert secret not in everything

    def test_no_password_is_kept(self, pool: LocalPool) -> None:
        """What is kept of a password is a salt and a verifier."""
        credential = pool.user("ada").credential

        assert credential is not None
        assert {"salt", "verifier"} == {each.name for each in type(credential).__attrs_attrs__}


class TestTheWalls:
    """What imports what."""

    ALLOWED: ClassVar = {
        "concurrency", "protocol.states", "protocol.vocabulary", "secret", "shown", "srp", "local"
    }  # fmt: skip
    MODULES: ClassVar = sorted(Path(authfsm.local.__file__).parent.glob("*.py"))

    @pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
    def test_an_independent_witness(self, path: Path) -> None:
        """The pool shares with the client the table, its vocabulary, the arithmetic and the reader of descriptions."""
        allowed = self.ALLOWED | {
            "app_client": {"protocol.auth_flows"},
            "core": {"protocol.responses"},
            "describing": {"settings.descriptions"},
            "gate": {"protocol", "protocol.classification", "protocol.table", "protocol.responses"},
            "operations": {"protocol.classification"},
            "honouring": {"settings.descriptions"},
            "pool": {"drivers", "settings.descriptions"},
            "shapes": {"errors", "settings.descriptions"},
        }.get(path.stem, set())
        foreign = {"door": {"boto3", "botocore"}}.get(path.stem, set())
        found = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                found |= {
                    f"{node.module}.{alias.name}" if node.module == "authfsm" else node.module
                    for alias in node.names
                }
            elif isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}

        ours = [name.split(".")[1:] for name in found if name.startswith("authfsm.")]
        assert {
            ".".join(name[: 2 if name[0] in {"protocol", "settings"} else 1]) for name in ours
        } <= allowed
        assert {name.split(".")[0] for name in found} & {
            "boto3",
            "botocore",
            "transitions",
            "random",
        } <= foreign
        assert ("time" in found) is False

    @pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
    def test_one_idea_each(self, path: Path) -> None:
        """A module opens with its law and has 300 lines at most."""
        text = path.read_text()

        assert text.startswith('"""')
        assert len(text.splitlines()) <= 300


def test_entropy_is_what_it_is_given(signing_key: RSAKey) -> None:
    """The same entropy gives the same pool: nothing is drawn elsewhere."""

    def counting() -> Any:
        state = [0]

        def entropy(size: int) -> bytes:
            state[0] += 1
            return bytes((state[0] * 7 + each) % 256 for each in range(size))

        return entropy

    clock = ManualClock()
    replies = []
    for _ in range(2):
        pool = LocalPool(key=signing_key, clock=clock, entropy=counting())
        pool.add_user("ada", PASSWORD)
        request = {
            "AuthFlow": "USER_PASSWORD_AUTH",
            "ClientId": pool.client_id,
            "AuthParameters": {"USERNAME": "ada", "PASSWORD": PASSWORD},
        }
        replies.append(pool.answer("InitiateAuth", request))

    assert replies[0] == replies[1]


def test_only_the_internal_name_in_answers(signing_key: RSAKey) -> None:
    """The AWS API reference takes no alias in later answers: a setting does not either."""
    pool = LocalPool(
        key=signing_key,
        aliases=["email"],
        mfa="ON",
        mfa_methods=["EMAIL_OTP"],
        contradictions=Contradictions(aliases_accepted_in_answers=False),
    )
    pool.add_user("ada", PASSWORD, email="ada@example.com")
    talk = ApiClient(pool)
    asked = talk.password("ada@example.com", PASSWORD)
    with refused("NotAuthorizedException", "Invalid session for the user."):
        talk.answer(asked, "ada@example.com", EMAIL_OTP_CODE=pool.outbox.code_for("ada"))
    asked = talk.password("ada@example.com", PASSWORD)

    assert "AuthenticationResult" in talk.answer(
        asked, "ada", EMAIL_OTP_CODE=pool.outbox.code_for("ada")
    )


def test_our_own_driver(pool: LocalPool) -> None:
    """`pool.cognito()` is this package's driver on the pool, ids and secret filled in."""
    cognito = pool.cognito()

    assert (pool.client_id, pool.pool_id) == (cognito.client_id, cognito.pool_id)


def test_warrant_lites_requests(signing_key: RSAKey) -> None:
    """warrant-lite: no Session, the name that was typed, CHALLENGE_NAME and all."""
    pool = LocalPool(key=signing_key, aliases=["email"])
    pool.add_user("ada", PASSWORD, email="ada@example.com")
    talk = ApiClient(pool)
    asked = talk.srp_a("ada@example.com", CHALLENGE_NAME="SRP_A")
    claim = talk.claim(asked, PASSWORD)

    assert "AuthenticationResult" in talk.respond(
        "PASSWORD_VERIFIER", USERNAME="ada@example.com", **claim
    )
    with refused(*WRONG):
        talk.srp("ada@example.com", "wrong")
