"""The log and the output of `authfsm serve`: JSON lines without secrets."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pyotp
import pytest
from local_servers import CLIENT_ID, PASSWORD, TARGET, serve_in_process, wait_until

from authfsm.local.server.http_server import ListenError, listen

TOTP = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
USERS: list[dict[str, Any]] = [
    {"username": "ada", "password": PASSWORD},
    {"username": "sam", "password": PASSWORD, "phone_number": "+15555550143", "preferred_mfa": "SMS_MFA"},
    {"username": "tom", "password": PASSWORD, "totp_secret": TOTP},
    {"username": "new", "password": "Temporary-Planted-1", "temporary": True},
]  # fmt: skip


def possible_secrets(value: Any) -> set[str]:
    """Return every text of a reply that is long enough to be a secret."""
    if isinstance(value, str):
        return {value} if len(value) > 20 else set()
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set().union(*map(possible_secrets, parts))


def test_no_secret_is_logged(tmp_path: Path) -> None:
    """Passwords, codes, tokens, sessions, keys and text of clients are in no line."""
    secrets = {PASSWORD, TOTP, "Temporary-Planted-1", "New-Planted-Password-2"}
    with serve_in_process(
        tmp_path, {"mfa": "OPTIONAL", "device": {}, "users": USERS}, "--state", str(tmp_path / "s")
    ) as web:
        passwords = {each["username"]: each["password"] for each in USERS}
        names = (*passwords, "nobody")
        replies = [web.password(name, passwords.get(name, PASSWORD))[2] for name in names]
        ada, sam, tom, new, _nobody = replies
        replies.append(web.answer(sam, USERNAME="sam", SMS_MFA_CODE=web.code_for("sam"))[2])
        replies.append(web.answer(tom, USERNAME="tom", SOFTWARE_TOKEN_MFA_CODE=pyotp.TOTP(TOTP).now())[2])
        replies.append(web.answer(new, USERNAME="new", NEW_PASSWORD="New-Planted-Password-2")[2])
        replies.append(web.password("Planted-In-The-Username", "planted-wrong-password-9")[2])
        access = ada["AuthenticationResult"]["AccessToken"]
        replies += [web.call(name, AccessToken=access)[2] for name in ("GetUser", "AssociateSoftwareToken")]
        secrets |= {"planted-wrong-password-9", "Planted-In-The-Username", web.code_for("sam")}
        for target in ("Planted-In-The-Target", f"{TARGET}Planted-In-The-Target"):
            web.ask("POST", "/", b'{"Planted-In-The-Body": "Planted-In-The-Body"', X_Amz_Target=target)
        web.call("InitiateAuth", ClientId="Planted-In-The-Client", AuthFlow="Planted-In-The-Flow")
        web.ask("GET", "/Planted-In-The-Path?token=Planted-In-The-Query")
        web.ask("GET", "/", Authorization="Planted-In-The-Header")
        secrets |= {
            f"Planted-In-The-{part}" for part in ("Target", "Body", "Client", "Flow", "Path", "Query", "Header")
        }
        secrets |= {each for reply in replies for each in possible_secrets(reply.get("AuthenticationResult"))}
        secrets |= {reply["Session"] for reply in replies if "Session" in reply}
        secrets |= possible_secrets(replies[-1])
        assert web.end() == 0
    output = "".join(web.printed) + "".join(web.log)

    assert len(secrets) > 25
    assert {each for each in secrets if each in output and "LocalPool" not in each} == set()
    events = Counter(json.loads(line)["event"] for line in web.log)
    assert events["request"] >= 14
    assert events["server stopped"] == 1


def test_line_of_a_request(tmp_path: Path) -> None:
    """A line has the operation, the flow, the next state or the error, the duration, and the request id."""
    with serve_in_process(tmp_path, {"users": USERS[:1]}) as web:
        _, headers, _ = web.password("ada")
        web.password("ada", "wrong")
        web.end()
    first, second = (json.loads(line) for line in web.log[:2])

    assert first.items() >= {
        "level": "info", "event": "request", "operation": "InitiateAuth", "flow": "USER_PASSWORD_AUTH",
        "leads_to": "AUTHENTICATED", "status": 200, "request_id": headers["x-amzn-requestid"],
    }.items()  # fmt: skip
    assert (second["status"], second["error"]) == (400, "NotAuthorizedException")
    assert 0 < first["ms"] < 10_000


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_end_by_signal(tmp_path: Path, how: signal.Signals) -> None:
    """A signal ends the server with status 0, even with an open page and an idle connection."""
    with serve_in_process(tmp_path, {"users": USERS[:1]}) as web:
        page_open, page_closed = threading.Event(), threading.Event()

        def watch() -> None:
            import http.client  # noqa: PLC0415 - for this thread alone

            connection = http.client.HTTPConnection(web.address, timeout=30)
            connection.request("GET", "/events")
            reply = connection.getresponse()
            reply.readline()
            page_open.set()
            reply.read()
            connection.close()
            page_closed.set()

        thread = threading.Thread(target=watch)
        thread.start()
        assert page_open.wait(30)
        assert web.end(how) == 0
        thread.join(30)

    assert page_closed.is_set()
    assert [json.loads(line)["event"] for line in web.log] == ["server stopped"]


def test_banner(tmp_path: Path) -> None:
    """The ids are the same at every start, and the line for boto3 is valid code."""
    with serve_in_process(tmp_path, {"users": USERS[:1]}) as web:
        wait_until(lambda: len(web.printed) >= 6, "the banner")
        line = next(line.split("boto3", 1)[1].strip() for line in web.printed if "boto3.client" in line)
        code = (
            f"import boto3; c = {line}; print(c.initiate_auth(ClientId={CLIENT_ID!r},"
            " AuthFlow='USER_PASSWORD_AUTH', AuthParameters="
            f"{{'USERNAME': 'ada', 'PASSWORD': {PASSWORD!r}}})['AuthenticationResult']['TokenType'])"
        )
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout == "Bearer\n"


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ('{"mfa": "SOMETIMES"}', "mfa must be one of OFF, OPTIONAL, ON"),
        ('{"colour": "red"}', "no setting colour; the settings are "),
        ('{"users": {}}', "users must be a list of users"),
        ('{"users": [{}]}', "user 1 has no username"),
        ('{"device": {"colour": 1}}', "device cannot have colour; it can have challenge_required_on_new_device"),
        ('{"triggers": {"define": 7}}', "triggers: define must be a function, or the name of one"),
        ('{"triggers": {"define": "nowhere:f"}}', "triggers: define cannot be imported"),
        ('{"triggers": {"define": ".nowhere:f"}}', "triggers: define cannot be imported"),
        ("{", "is not JSON"),
        ('{"mfa": "OFF", "mfa": "ON"}', "the key 'mfa' occurs twice in one object"),
        pytest.param("[" * 100_000, "is nested too deeply", id="nested too deeply"),
        ("[]", "has no settings"),
    ],
)  # fmt: skip
def test_invalid_configuration(tmp_path: Path, config: str, why: str) -> None:
    """The error is one line, the status 1, without a traceback."""
    file = tmp_path / "config.json"
    file.write_text(config, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "authfsm", "serve", "--port", "0", "--config", str(file)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (ran.returncode, ran.stdout) == (1, "")
    assert why in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert ran.stderr.startswith("authfsm serve: ")


def test_port_in_use(tmp_path: Path) -> None:
    """The error is one line for an address that is in use, too."""
    with serve_in_process(tmp_path) as web:
        port = web.address.split(":")[1]
        ran = subprocess.run(
            [sys.executable, "-m", "authfsm", "serve", "--port", port],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    assert ran.returncode == 1
    assert f"cannot listen at 127.0.0.1:{port}" in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_invalid_host_name() -> None:
    """A host that cannot be a name in DNS is a ListenError too."""
    with pytest.raises(ListenError, match="cannot listen at aaa"):
        listen("a" * 64, 0)


def test_missing_extra() -> None:
    """If libraries are missing, one line says which, and how to install them."""
    code = (
        "import importlib.util as u, sys; real = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'cattrs' else real(name, *a)\n"
        "sys.argv = ['authfsm', 'serve']; from authfsm.cli import app; app()"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)

    assert ran.returncode == 1
    assert ran.stderr == "authfsm serve needs cattrs: pip install 'authfsm[server]'\n"


def test_toml(tmp_path: Path) -> None:
    """TOML works like JSON, triggers included."""
    (tmp_path / "riddle.py").write_text(
        "def define(event): event['response'].update(challengeName='CUSTOM_CHALLENGE')\n"
        "def create(event): event['response']['publicChallengeParameters'] = {'riddle': 'what?'}\n",
        encoding="utf-8",
    )
    (tmp_path / "pool.toml").write_text(
        'mfa = "OPTIONAL"\nclient_id = "mine"\nclient_secret = "planted"\n'
        '[triggers]\ndefine = "riddle:define"\ncreate = "riddle:create"\nverify = "riddle:define"\n'
        '[[users]]\nusername = "ada"\npassword = "Correct-Horse-1"\n',
        encoding="utf-8",
    )
    code = (
        "from pathlib import Path; from authfsm.local.server.config import read_config\n"
        "config = read_config(Path('pool.toml')); pool = config.pool(); config.add_users(pool)\n"
        "print(pool.client_id, pool.client_secret.reveal(), pool.user('ada').status)"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert ran.stdout == "mine planted CONFIRMED\n"
