"""Recorded steps: those of a driver by an observer, those of any code by hooks on its client; without secrets."""

from __future__ import annotations

import asyncio
import codecs
import io
import json
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import pyotp
import pytest
from aiobotocore.session import get_session
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError
from joserfc.jwk import RSAKey
from local_servers import serve_in_thread
from pycognito import AWSSRP
from pycognito.exceptions import SMSMFAChallengeException
from scenario_user import PASSWORD, PHONE, USER, Scenario, ScenarioUser
from scenarios import SCENARIOS

from authfsm import Code, UserError, history_from_json
from authfsm.core.history import history_to_json
from authfsm.local import LocalPool
from authfsm.local.server.config import CLIENT_ID
from authfsm.traces import Recorder, TraceFiles, Verdict, record, recorder

WITH_TOKENS = (
    "ConfirmDevice, UpdateDeviceStatus, GetTokensFromRefreshToken, REFRESH_TOKEN_AUTH, REFRESH_TOKEN, "
    "RevokeToken, GlobalSignOut"
)
SMS = {"mfa": "ON", "mfa_methods": ["SMS_MFA"]}


def sms_pool(signing_key: RSAKey) -> LocalPool:
    """Return a pool that asks ada for a code by SMS."""
    pool = LocalPool(key=signing_key, mfa="ON", mfa_methods=["SMS_MFA"])
    pool.add_user(USER, PASSWORD, phone_number=PHONE)
    return pool


def members(text: str, *names: str) -> list[tuple[Any, ...]]:
    """Return these members of each line."""
    return [tuple(json.loads(line).get(name) for name in names) for line in text.splitlines()]


STEP = ("step", "from", "response", "challenge_name", "to", "error")


def test_the_driver_is_recorded(signing_key: RSAKey, tmp_path: Path) -> None:
    """Each step is written when it is taken, and the lines of one sign-in are its history."""
    pool, path = sms_pool(signing_key), tmp_path / "steps.jsonl"
    with recorder(path) as observer:
        flow = pool.cognito(observers=[observer]).sign_in(USER, PASSWORD)
        assert len(path.read_text(encoding="utf-8").splitlines()) == 2
        with pytest.raises(UserError):
            flow.answer(Code("000000"))
        flow.answer(Code(pool.outbox.code_for(USER)))
    text = path.read_text(encoding="utf-8")

    assert members(text, *STEP) == [
        (1, "START", "user_srp_auth", None, "PASSWORD_VERIFIER", None),
        (2, "PASSWORD_VERIFIER", "srp_claim", None, "SMS_MFA", None),
        (3, "SMS_MFA", "code", None, "SMS_MFA", "CodeMismatchException"),
        (4, "SMS_MFA", "code", None, "AUTHENTICATED", None),
    ]
    assert len(set(members(text, "sign_in"))) == 1
    assert history_to_json(history_from_json(text)) == history_to_json(flow.history)
    with TraceFiles(path) as files:
        assert {each.verdict for each in files.replay()} == {Verdict.LEGAL}


@pytest.mark.parametrize("sink", [None, 5, io.BytesIO()])
def test_a_recorder_needs_a_place_to_write_to(sink: Any) -> None:
    """Otherwise nothing would be recorded, and only the log would say so."""
    with pytest.raises(TypeError, match="sink must be the path of a file or a text stream"):
        recorder(sink)


@pytest.mark.parametrize("opened", [tempfile.NamedTemporaryFile, tempfile.SpooledTemporaryFile])
@pytest.mark.parametrize("mode", ["wb", "w+b", "w", "w+"])
def test_temporary_files(opened: Any, mode: str) -> None:
    """A temporary file is a text stream or not by its mode, although it is an instance of no class of `io`."""
    with opened(mode=mode) as file:
        if "b" in mode:
            with pytest.raises(TypeError, match="sink must be the path of a file or a text stream"):
                Recorder(file)
        else:
            Recorder(file).write({"at": "now"})
            file.flush()
            assert file.tell() == len('{"at": "now"}\n')


def test_a_stream_of_codecs(tmp_path: Path) -> None:
    """A text stream of `codecs` has the mode of the binary file beneath it, and is a text stream nevertheless."""
    with codecs.open(str(tmp_path / "steps"), "w", "utf-8") as file:
        Recorder(file).write({"at": "now"})
    assert (tmp_path / "steps").read_text(encoding="utf-8") == '{"at": "now"}\n'


def test_only_a_client_of_cognito_can_be_recorded(tmp_path: Path) -> None:
    """The client of another service, of which nothing would be recorded, is refused, and so is any other object."""
    s3 = boto3.client("s3", region_name="eu-west-1")
    for wrong, kind in ((s3, "S3"), (None, "NoneType"), ("x", "str")):
        with pytest.raises(TypeError, match=f"client must be a cognito-idp client of boto3 or aiobotocore, not {kind}"):
            record(wrong, tmp_path / "steps.jsonl")
    assert not (tmp_path / "steps.jsonl").exists()


def test_pycognito_is_recorded(signing_key: RSAKey) -> None:
    """Pycognito's sign-in is followed by its SECRET_BLOCK and Session, from the first request to the tokens."""
    pool, out = sms_pool(signing_key), io.StringIO()
    client = pool.client()
    with record(client, out):
        theirs = AWSSRP(USER, PASSWORD, pool.pool_id, pool.client_id, client=client)
        with pytest.raises(SMSMFAChallengeException) as challenge:
            theirs.authenticate_user()
        session = challenge.value.get_tokens()["Session"]
        answer = {"USERNAME": USER, "SMS_MFA_CODE": pool.outbox.code_for(USER)}
        client.respond_to_auth_challenge(
            ClientId=pool.client_id, ChallengeName="SMS_MFA", Session=session, ChallengeResponses=answer
        )
    client.initiate_auth(ClientId=pool.client_id, AuthFlow="USER_AUTH", AuthParameters={"USERNAME": USER})
    text = out.getvalue()

    assert members(text, *STEP) == [
        (1, "START", "user_srp_auth", None, "PASSWORD_VERIFIER", None),
        (2, "PASSWORD_VERIFIER", "srp_claim", None, "SMS_MFA", None),
        (3, "SMS_MFA", "code", None, "AUTHENTICATED", None),
    ]
    assert len(set(members(text, "sign_in"))) == 1
    secrets = [PASSWORD, session, answer["SMS_MFA_CODE"], USER, PHONE]
    assert [each for each in secrets if each in text] == []


def test_wrong_requests_of_other_code_are_found(signing_key: RSAKey, tmp_path: Path) -> None:
    """An answer to another challenge and a session used twice are illegal, and the reason says what is allowed."""
    pool, path = sms_pool(signing_key), tmp_path / "steps.jsonl"
    client = pool.client()

    def respond(name: str, key: str, code: str, session: str) -> Any:
        responses = {"USERNAME": USER, key: code}
        return client.respond_to_auth_challenge(
            ClientId=pool.client_id, ChallengeName=name, Session=session, ChallengeResponses=responses
        )

    with record(client, path):
        challenge = client.initiate_auth(
            ClientId=pool.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": USER, "PASSWORD": PASSWORD},
        )
        session, code = challenge["Session"], pool.outbox.code_for(USER)
        with suppress(ClientError):
            respond("SOFTWARE_TOKEN_MFA", "SOFTWARE_TOKEN_MFA_CODE", code, session)
        respond("SMS_MFA", "SMS_MFA_CODE", code, session)
        with pytest.raises(ClientError, match="session can only be used once"):
            respond("SMS_MFA", "SMS_MFA_CODE", code, session)
    with TraceFiles(path) as files:
        steps = [(each.source, each.symbol, str(each.verdict), each.why) for each in files.replay()]
        funnel = files.funnel()

    assert steps == [
        ("START", "user_password_auth", "legal", ""),
        ("SMS_MFA", "SOFTWARE_TOKEN_MFA", "illegal", "SMS_MFA accepts SMS_MFA; not SOFTWARE_TOKEN_MFA"),
        ("SMS_MFA", "code", "legal", ""),
        (
            "AUTHENTICATED", "SMS_MFA", "illegal",
            f"AUTHENTICATED accepts {WITH_TOKENS}; not SMS_MFA",
        ),
    ]  # fmt: skip
    assert (funnel.illegal_count, funnel.sign_ins) == (2, 1)


def test_a_step_without_its_response_leads_to_a_wrong_state(tmp_path: Path) -> None:
    """If a line has no response, the error is the state it led to, not a response of the name UNKNOWN."""
    path = tmp_path / "steps.jsonl"
    line = {"sign_in": "a", "step": 1, "from": "SMS_MFA", "to": "PASSWORD", "at": "2026-11-23T01:02:03+00:00"}
    path.write_text(json.dumps(line))
    with TraceFiles(path) as files:
        (step,) = files.replay()

    dests = "CUSTOM_CHALLENGE, DEVICE_SRP_AUTH, OTHER_CHALLENGE, AUTHENTICATED, FAILED"
    assert (str(step.verdict), step.symbol) == ("illegal", "UNKNOWN")
    assert step.allowed_dests == tuple(dests.split(", "))
    assert step.why == f"from SMS_MFA, any response leads to {dests}; not to PASSWORD"


def test_a_sign_in_that_began_before_the_recording(signing_key: RSAKey, tmp_path: Path) -> None:
    """A session from before the recording belongs to a sign-in with an unknown state."""
    pool, path = sms_pool(signing_key), tmp_path / "steps.jsonl"
    client = pool.client()
    challenge = client.initiate_auth(
        ClientId=pool.client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": USER, "PASSWORD": PASSWORD}
    )
    responses = {"USERNAME": USER, "SMS_MFA_CODE": pool.outbox.code_for(USER)}
    with record(client, path):
        client.respond_to_auth_challenge(
            ClientId=pool.client_id, ChallengeName="SMS_MFA", Session=challenge["Session"], ChallengeResponses=responses
        )

    assert members(path.read_text(encoding="utf-8"), *STEP) == [(1, None, "code", None, "AUTHENTICATED", None)]
    with TraceFiles(path) as files:
        assert [(each.source, each.verdict) for each in files.replay()] == [("UNKNOWN", Verdict.UNKNOWN)]


@pytest.fixture(scope="module")
def recordings(signing_key: RSAKey) -> list[tuple[Scenario, ScenarioUser, str, str]]:
    """Return every scenario, recorded in two ways: the driver's history, and the lines of hooks on its client."""
    scenario_users = []
    for scenario in SCENARIOS:
        scenario_user, out = ScenarioUser(signing_key, scenario.pool, scenario.user), io.StringIO()
        with record(scenario_user.cognito.client, out, clock=scenario_user.clock):
            for move in scenario.moves:
                move(scenario_user)
        own = "".join(history_to_json(flow.history) for flow in scenario_user.flows)
        scenario_users.append((scenario, scenario_user, own, out.getvalue()))
    return scenario_users


def test_hooks_record_the_steps_of_the_driver(recordings: list[tuple[Scenario, ScenarioUser, str, str]]) -> None:
    """In every scenario, the recorded steps are those of the driver's history."""
    differ: list[tuple[Any, ...]] = []
    unread: list[str] = []
    for scenario, _, own, recorded in recordings:
        mine, theirs = (members(each, "from", "response", "to", "error") for each in (own, recorded))
        # A refresh begins a sign-in of its own for whoever sees requests alone.
        renewing = {"refresh_token", "refresh_token_auth", "get_tokens_from_refresh_token"}
        differ += [
            (scenario.name, *each)
            for each in zip(mine, theirs, strict=False)
            if each[0] != each[1] and each[0][1] not in renewing
        ]
        if len(mine) != len(theirs):
            unread.append(scenario.name)
            assert len(theirs) == len(mine) + 1

    # The driver refuses a reply that lacks what it must have; a hook takes it for what it says.
    assert [name.rpartition("named ")[2].replace("DEVICE_", "") for name in unread] == ["PASSWORD_VERIFIER"] * 5
    assert differ == []


def test_every_recorded_scenario_is_legal(
    recordings: list[tuple[Scenario, ScenarioUser, str, str]], tmp_path: Path
) -> None:
    """The recording of every scenario is legal."""
    path = tmp_path / "steps.jsonl"
    path.write_text("".join(recorded for *_, recorded in recordings), encoding="utf-8")
    with TraceFiles(path) as files:
        not_legal = [each for each in files.replay() if each.verdict is not Verdict.LEGAL]

    assert not_legal == []


def test_recorded_refreshes_are_no_sign_ins(
    recordings: list[tuple[Scenario, ScenarioUser, str, str]], tmp_path: Path
) -> None:
    """Steps of `record` and of an observer: refreshes are counted as steps, but neither as sign-ins nor as ends."""
    path = tmp_path / "steps.jsonl"
    lines = [json.loads(line) for *_, recorded in recordings for line in recorded.splitlines()]
    renewing = {"refresh_token", "refresh_token_auth", "get_tokens_from_refresh_token"}
    ends = {"AUTHENTICATED", "FAILED", "START"}
    refreshes = [each for each in lines if each["response"] in renewing and each["to"] in ends]
    sign_ins = {each["sign_in"] for each in lines if each["from"] == "START"}
    sign_ins -= {each["sign_in"] for each in refreshes if each["from"] == "START"}
    flow = [
        {**each, "sign_in": "resumed", "step": n, "from": "AUTHENTICATED"}
        for n, each in enumerate((each for each in refreshes if each["to"] == "AUTHENTICATED"), 1)
    ]
    path.write_text("".join(f"{json.dumps(each)}\n" for each in lines + flow), encoding="utf-8")
    with TraceFiles(path) as files:
        funnel = files.funnel()

    assert len(refreshes) > 10
    assert (funnel.legal, funnel.steps) == (True, len(lines) + len(flow))
    assert funnel.sign_ins == sum(funnel.ends.values()) == len(sign_ins)


def test_no_secret_is_written(recordings: list[tuple[Scenario, ScenarioUser, str, str]]) -> None:
    """No line has a password, code, session, token or user name of any scenario."""
    text = "".join(recorded for *_, recorded in recordings)
    names = {name for line in text.splitlines() for name in json.loads(line)}
    tokens = {
        each.reveal()
        for _, scenario_user, *_ in recordings
        for flow in scenario_user.flows
        if flow.tokens is not None
        for each in (flow.tokens.access_token, flow.tokens.id_token, flow.tokens.refresh_token)
        if each is not None
    }
    codes = {message.code.reveal() for _, scenario_user, *_ in recordings for message in scenario_user.pool.outbox}
    values = {str(value) for line in text.splitlines() for value in json.loads(line).values()}

    member_names = "sign_in step from response challenge_name to role error action at seconds"
    assert names | {"challenge_name"} == {*member_names.split()}
    assert [each for each in (*tokens, PASSWORD, PHONE) if each in text] == []
    assert codes & values == set()


def test_concurrent_sign_ins_are_told_apart(signing_key: RSAKey) -> None:
    """Threads that share a client and a recorder write complete lines, and each sign-in's steps in order."""
    pool, out = sms_pool(signing_key), io.StringIO()
    client = pool.client()

    def sign_in() -> None:
        theirs = AWSSRP(USER, PASSWORD, pool.pool_id, pool.client_id, client=client)
        with suppress(SMSMFAChallengeException):
            theirs.authenticate_user()

    with record(client, out):
        threads = [threading.Thread(target=sign_in) for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    steps: dict[str, list[tuple[Any, ...]]] = {}
    for sign_in_id, *step in members(out.getvalue(), "sign_in", *STEP):
        steps.setdefault(sign_in_id, []).append(tuple(step))

    assert list(steps.values()) == 8 * [
        [
            (1, "START", "user_srp_auth", None, "PASSWORD_VERIFIER", None),
            (2, "PASSWORD_VERIFIER", "srp_claim", None, "SMS_MFA", None),
        ]
    ]


def test_aiobotocore_is_recorded() -> None:
    """The hooks work on an asynchronous client."""
    out = io.StringIO()

    async def signs_in(url: str) -> None:
        async with get_session().create_client(
            "cognito-idp", endpoint_url=url, region_name="eu-west-1",
            aws_access_key_id="local", aws_secret_access_key="local",
        ) as client:  # fmt: skip
            with record(client, out):
                for password in (PASSWORD, "Wrong-Horse-1"):
                    with suppress(ClientError):
                        await client.initiate_auth(
                            ClientId=CLIENT_ID,
                            AuthFlow="USER_PASSWORD_AUTH",
                            AuthParameters={"USERNAME": USER, "PASSWORD": password},
                        )

    user = {"username": USER, "password": PASSWORD, "phone_number": PHONE}
    with serve_in_thread(**SMS, users=[user]) as served:
        asyncio.run(signs_in(served.url))

    assert members(out.getvalue(), *STEP) == [
        (1, "START", "user_password_auth", None, "SMS_MFA", None),
        (1, "START", "user_password_auth", None, "FAILED", "NotAuthorizedException"),
    ]


def test_a_reply_that_never_came(signing_key: RSAKey) -> None:
    """A lost reply is a line with `lost`, and the state stays."""
    pool, out = sms_pool(signing_key), io.StringIO()
    client = pool.client(Config(retries={"total_max_attempts": 1}))

    def fails(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://example.com")

    client.meta.events.register_first("before-send.cognito-identity-provider", fails)
    with record(client, out), pytest.raises(EndpointConnectionError):
        client.initiate_auth(ClientId=pool.client_id, AuthFlow="USER_AUTH", AuthParameters={"USERNAME": USER})

    assert members(out.getvalue(), "step", "from", "response", "to", "lost") == [
        (1, "START", "user_auth", "START", "EndpointConnectionError")
    ]


def test_a_recorder_that_cannot_write_does_not_fail_the_sign_in(
    signing_key: RSAKey, caplog: pytest.LogCaptureFixture
) -> None:
    """An error while writing is logged without the line, and the sign-in goes on."""

    class FullDiskFile(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

    pool = sms_pool(signing_key)
    client = pool.client()
    with record(client, FullDiskFile()):
        reply = client.initiate_auth(
            ClientId=pool.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": USER, "PASSWORD": PASSWORD},
        )

    assert reply["ChallengeName"] == "SMS_MFA"
    assert caplog.messages == ["a step of a sign-in could not be recorded (OSError)"]


def test_other_calls_are_not_recorded(signing_key: RSAKey) -> None:
    """Administration and setting up an app with a token are not steps, and are not written."""
    pool, out = LocalPool(key=signing_key), io.StringIO()
    pool.add_user(USER, PASSWORD)
    client = pool.client()
    flow = pool.cognito().sign_in(USER, PASSWORD)
    token = flow.tokens.access_token.reveal()  # type: ignore[union-attr]  # they are here
    with record(client, out):
        client.admin_get_user(UserPoolId=pool.pool_id, Username=USER)
        secret = client.associate_software_token(AccessToken=token)["SecretCode"]
        client.verify_software_token(AccessToken=token, UserCode=pyotp.TOTP(secret).now())

    assert out.getvalue() == ""
