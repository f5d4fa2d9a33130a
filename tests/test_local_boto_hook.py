"""Real boto3 calls to a local pool: replies, the gate, the refusals, and secrets."""

from __future__ import annotations

import ast
import logging
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import boto3
import pyotp
import pytest
from api_client import WRONG, ApiClient, refused
from botocore.exceptions import ClientError, ParamValidationError
from joserfc.jwk import RSAKey

import authfsm.local
from authfsm.local import Contradictions, DeviceConfiguration, GateError, LocalPool, ManualClock, PoolRefusal
from authfsm.local.api import boto_hook, operations
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


class TestClient:
    """`pool.client()` is a real boto3 client."""

    def test_replies_are_parsed(self, pool: LocalPool) -> None:
        """Replies have botocore's metadata and parsed times."""
        reply = ApiClient(pool).password("ada", PASSWORD)

        assert reply["ResponseMetadata"]["HTTPStatusCode"] == 200
        assert len(reply["ResponseMetadata"]["RequestId"]) == 36
        assert reply["ResponseMetadata"]["RetryAttempts"] == 0

    def test_requests_are_validated(self, pool: LocalPool) -> None:
        """Botocore refuses a request that violates the API's model."""
        with pytest.raises(ParamValidationError):
            pool.client().initiate_auth(AuthFlow="USER_SRP_AUTH")

    def test_errors_are_modelled_exceptions(self, pool: LocalPool) -> None:
        """A refusal is an exception of the client's model, with HTTP 400."""
        client = pool.client()
        with pytest.raises(client.exceptions.NotAuthorizedException) as caught:
            client.initiate_auth(
                AuthFlow="USER_PASSWORD_AUTH",
                ClientId=pool.client_id,
                AuthParameters={"USERNAME": "ada", "PASSWORD": "wrong"},
            )
        response = caught.value.response

        assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert response["ResponseMetadata"]["HTTPHeaders"]["x-amzn-errortype"] == "NotAuthorizedException:"

    def test_operation_that_is_not_served(self, pool: LocalPool) -> None:
        """The error names an operation that the pool does not serve."""
        with refused(
            "UnsupportedOperationException",
            "The local Cognito does not serve ListUserImportJobs: add users with AdminCreateUser, or in the configuration file.",
        ):
            pool.client().list_user_import_jobs(UserPoolId=pool.pool_id, MaxResults=1)

    def test_nothing_global_changes(self, pool: LocalPool, monkeypatch: pytest.MonkeyPatch) -> None:
        """Other clients are not affected, and the environment has no effect."""
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

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("AWS_DEFAULTS_MODE", "none"),
            ("AWS_ENDPOINT_URL", "none"),
            ("AWS_MAX_ATTEMPTS", "none"),
            ("AWS_REQUEST_CHECKSUM_CALCULATION", "none"),
            ("AWS_RETRY_MODE", "none"),
            ("AWS_USE_FIPS_ENDPOINT", "true"),
        ],
    )
    def test_the_environment(self, pool: LocalPool, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
        """Environment variables of AWS have no effect, even if their values are invalid."""
        endpoint = pool.client().meta.endpoint_url
        monkeypatch.setenv(name, value)
        boto_hook._session.cache_clear()

        assert pool.client().meta.endpoint_url == endpoint == "https://cognito-idp.eu-west-1.amazonaws.com"

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
        """Eight threads sign in at the same time."""
        client, results = pool.client(), []

        def sign_in() -> None:
            reply = client.initiate_auth(
                AuthFlow="USER_PASSWORD_AUTH",
                ClientId=pool.client_id,
                AuthParameters={"USERNAME": "ada", "PASSWORD": PASSWORD},
            )
            results.append("AuthenticationResult" in reply)

        threads = [threading.Thread(target=sign_in) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert results == [True] * 8


class TestRawRequests:
    """HTTP requests that boto3 has not checked."""

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
            ("InitiateAuth", b'{"AuthFlow":"x","ClientId":"x","AuthParameters":[]}', "SerializationException"),
            ("GetUser", b"{}", "InvalidParameterException"),
            ("GetDevice", b'{"DeviceKey":"a_1"}', "InvalidParameterException"),
            ("AssociateSoftwareToken", b"{}", "InvalidParameterException"),
            ("Nonsense", b"{}", "UnknownOperationException"),
        ],
    )
    def test_invalid_requests(self, pool: LocalPool, operation: str, body: bytes, code: str) -> None:
        """The reply is HTTP 400 with an error in Cognito's shape."""
        target = f"AWSCognitoIdentityProviderService.{operation}"
        answered = answer_http(pool.answer, target, body, "id", signed=True)

        assert answered.status == 400
        assert f"{code}:" == answered.headers["x-amzn-ErrorType"]
        assert f'"__type": "{code}"'.encode() in answered.body


class TestGate:
    """Every reply has a transition in the protocol's table."""

    def test_reply_without_an_arrow(self) -> None:
        """Tokens in reply to SRP_A raise GateError."""
        with pytest.raises(GateError) as caught:
            operations.check_transition(UserSrpAuth, {"AuthenticationResult": {}}, None)

        assert State.AUTHENTICATED is caught.value.transition.dest
        assert caught.value.transition not in TRANSITION_SET

    def test_first_reply(self) -> None:
        """The first reply has a transition from START by the flow's response."""
        transition = operations.transition_of(UserPasswordAuth, {"ChallengeName": "SMS_MFA"}, None)

        assert Transition(State.START, UserPasswordAuth, State.SMS_MFA) == transition

    def test_every_reply_is_checked(self, pool: LocalPool, monkeypatch: pytest.MonkeyPatch) -> None:
        """Every reply of a sign-in is checked."""
        checked = []
        monkeypatch.setattr(operations, "check_transition", lambda *args: checked.append((args[0], args[2])))
        ApiClient(pool).srp("ada", PASSWORD)

        assert checked == [(UserSrpAuth, None), (SrpClaim, "PASSWORD_VERIFIER")]


class TestRefusals:
    """The pool's refusals agree with the client's error policy."""

    BESIDE: ClassVar = {
        "DuplicateProviderException",
        "GroupExistsException",
        "SerializationException",  # garbage
        "UnknownOperationException",  # no target
        "UnsupportedUserStateException",  # an administrator's invitation
        "UserPoolAddOnNotEnabledException",  # an administrator's list of events
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
        name: value for name, value in vars(error_templates).items() if isinstance(value, error_templates.ErrorTemplate)
    }

    @pytest.mark.parametrize("name", SAYINGS)
    def test_error_policy_knows_every_code(self, name: str) -> None:
        """The error policy has every code of the pool, except those of operations beside a sign-in."""
        code = self.SAYINGS[name].code

        assert code in ERROR_POLICY or code in self.BESIDE

    @pytest.mark.parametrize("name", SAYINGS)
    def test_session_survives_where_the_policy_says_so(self, name: str) -> None:
        """Where the error policy says that the session survives, the pool's session does."""
        saying = self.SAYINGS[name]
        if name == "SECRET_WRONG":  # of operations that have no session
            return
        if error_rule(saying.code, saying.message).action.survives:
            assert saying.survives


class TestSecrets:
    """No secret is shown."""

    PLANTED = "PLANTED-S3cret"
    TOTP = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"

    def test_no_secret_is_shown(self, signing_key: RSAKey, caplog: pytest.LogCaptureFixture, capsys: Any) -> None:
        """Passwords, codes, sessions and secrets are in no repr, exception, log or output."""
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
        user = pool.add_user("ada", self.PLANTED + "-password", phone_number="+15550001111", totp_secret=self.TOTP)
        api = ApiClient(pool)
        choice = api.srp("ada", self.PLANTED + "-password")
        reply = api.answer(choice, "ada", ANSWER="SMS_MFA")
        code = pool.outbox.code_for("ada")
        pending = pool._core.sessions.find(None, reply["Session"])
        texts = [repr(each) for each in (pool, pool.outbox, pool.outbox[-1], user, pending)]
        texts += [repr(pending.expected_answer), repr(pending.attempt), repr(user.software_token)]
        texts += [repr(user.credential), repr(pool.app_client), repr(pool.configuration)]
        for wrong in (self.PLANTED + "-wrong", "000000" if code != "000000" else "111111"):
            with pytest.raises(PoolRefusal) as caught:
                pool.answer(
                    "RespondToAuthChallenge",
                    {
                        "ClientId": pool.client_id,
                        "ChallengeName": "SMS_MFA",
                        "Session": reply["Session"],
                        "ChallengeResponses": api._with_hash({"USERNAME": "ada", "SMS_MFA_CODE": wrong}),
                    },
                )
            texts += [repr(caught.value), str(caught.value)]
        final_reply = api.answer(reply, "ada", SMS_MFA_CODE=code)["AuthenticationResult"]
        proof_leg = api.srp_a("ada")
        block = proof_leg["ChallengeParameters"]["SECRET_BLOCK"]
        session = pool._core.sessions.find(pool.app_client, None, f"secret-block:{block}")
        texts += [repr(session), repr(session.expected_answer)]
        texts += [repr(family) for family in pool._core.token_issuer._families.values()]
        texts += [caplog.text, *capsys.readouterr()]
        everything = "\n".join(texts)
        verifier = user.credential.verifier.reveal() if user.credential else 0

        for secret in (
            self.PLANTED,
            self.TOTP,
            code,
            reply["Session"],
            session.session,
            block,
            final_reply["RefreshToken"],
            final_reply["AccessToken"],
            str(verifier),
            pyotp.TOTP(self.TOTP).at(clock()),
        ):
            assert secret not in everything

    def test_no_password_is_stored(self, pool: LocalPool) -> None:
        """The pool stores a salt and a verifier instead of a password."""
        credential = pool.user("ada").credential

        assert credential is not None
        assert {"salt", "verifier"} == {each.name for each in type(credential).__attrs_attrs__}


class TestModules:
    """The modules of `authfsm.local`; tests/test_layers.py checks their imports."""

    FOLDER: ClassVar = Path(authfsm.local.__file__).parent
    MODULES: ClassVar = sorted(FOLDER.rglob("*.py"))

    @pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
    def test_clock_and_randomness_are_arguments(self, path: Path) -> None:
        """Only the server reads the time, and no module imports `random` or the client's machine.

        No module imports `random` or the client's machine.
        """
        names = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.split(".")[0])
            elif isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
        measures = path.parent.name == "server" or path.stem == "lambda_functions"
        allowed = {"time"} if measures else set()

        assert names & {"random", "time", "transitions"} <= allowed

    @pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
    def test_module_size(self, path: Path) -> None:
        """Every module has a docstring and at most 420 lines."""
        text = path.read_text()

        assert text.startswith('"""')
        assert len(text.splitlines()) <= 420


def test_entropy_is_the_only_source(signing_key: RSAKey) -> None:
    """With the same entropy, two pools give the same replies."""

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


def test_only_the_internal_name_in_responses(signing_key: RSAKey) -> None:
    """With the setting, responses to challenges accept no alias, as in the AWS API reference."""
    pool = LocalPool(
        key=signing_key,
        aliases=["email"],
        mfa="ON",
        mfa_methods=["EMAIL_OTP"],
        contradictions=Contradictions(aliases_accepted_in_answers=False),
    )
    pool.add_user("ada", PASSWORD, email="ada@example.com")
    api = ApiClient(pool)
    reply = api.password("ada@example.com", PASSWORD)
    with refused("NotAuthorizedException", "Invalid session for the user."):
        api.answer(reply, "ada@example.com", EMAIL_OTP_CODE=pool.outbox.code_for("ada"))
    reply = api.password("ada@example.com", PASSWORD)

    assert "AuthenticationResult" in api.answer(reply, "ada", EMAIL_OTP_CODE=pool.outbox.code_for("ada"))


def test_cognito_driver(pool: LocalPool) -> None:
    """`pool.cognito()` has the pool's ids and secret."""
    cognito = pool.cognito()

    assert (pool.client_id, pool.pool_id) == (cognito.client_id, cognito.pool_id)


def test_cognito_of_another_app_client(signing_key: RSAKey) -> None:
    """`pool.cognito(client_id=...)` has the secret and the session lifetime of that app client."""
    pool = LocalPool(key=signing_key, client_secret=True)
    pool.add_user("ada", PASSWORD)
    for secret in (True, False):
        client = pool.add_client(client_secret=secret, auth_session_validity=15)
        cognito = pool.cognito(client_id=client.client_id)

        assert cognito.sign_in("ada", PASSWORD).tokens is not None
        assert cognito.session_lifetime == timedelta(minutes=15)


def test_requests_of_warrant_lite(signing_key: RSAKey) -> None:
    """warrant-lite sends no Session, the submitted name and CHALLENGE_NAME."""
    pool = LocalPool(key=signing_key, aliases=["email"])
    pool.add_user("ada", PASSWORD, email="ada@example.com")
    api = ApiClient(pool)
    reply = api.srp_a("ada@example.com", CHALLENGE_NAME="SRP_A")
    claim = api.claim(reply, PASSWORD)

    assert "AuthenticationResult" in api.respond("PASSWORD_VERIFIER", USERNAME="ada@example.com", **claim)
    with refused(*WRONG):
        api.srp("ada@example.com", "wrong")
