"""Many clients at once over HTTP: nobody is refused, and nobody gets another user's tokens."""

from __future__ import annotations

import http.client
import json
import threading
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any

from local_servers import CLIENT_ID, TARGET, TIMEOUT, serve_in_process

CLIENTS = 200
ROUNDS = 3


def claims(token: str) -> dict[str, Any]:
    """Return a token's claims without verifying it."""
    body = token.split(".")[1]
    token_claims: dict[str, Any] = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return token_claims


def test_two_hundred_concurrent_clients(tmp_path: Path) -> None:
    """Each client signs in three times by password and SMS on its own connection; all start together."""
    users = [
        {"username": f"u{n}", "password": f"Correct-Horse-{n}", "phone_number": f"+1555{n:07}",
         "preferred_mfa": "SMS_MFA"}
        for n in range(CLIENTS)
    ]  # fmt: skip
    together = threading.Barrier(CLIENTS)
    errors: list[Any] = []
    signed_in: list[tuple[str, dict[str, Any], dict[str, Any], str]] = []

    def client(address: str, name: str, password: str) -> None:
        connection = http.client.HTTPConnection(address, timeout=TIMEOUT * 4)

        def call(operation: str, **request: Any) -> Any:
            connection.request("POST", "/", json.dumps(request), {"X-Amz-Target": TARGET + operation})
            reply = connection.getresponse()
            body = json.loads(reply.read())
            if reply.status != 200:
                raise AssertionError(body)
            return body

        try:
            together.wait(TIMEOUT)
            for _ in range(ROUNDS):
                challenge = call(
                    "InitiateAuth",
                    ClientId=CLIENT_ID,
                    AuthFlow="USER_PASSWORD_AUTH",
                    AuthParameters={"USERNAME": name, "PASSWORD": password},
                )
                connection.request("GET", f"/outbox?username={name}")
                code = json.loads(connection.getresponse().read())["messages"][-1]["code"]
                result = call(
                    "RespondToAuthChallenge",
                    ClientId=CLIENT_ID,
                    ChallengeName=challenge["ChallengeName"],
                    Session=challenge["Session"],
                    ChallengeResponses={"USERNAME": name, "SMS_MFA_CODE": code},
                )["AuthenticationResult"]
                owner = call("GetUser", AccessToken=result["AccessToken"])["Username"]
                signed_in.append((name, claims(result["AccessToken"]), claims(result["IdToken"]), owner))
        except Exception as error:  # noqa: BLE001 - the main thread reports it
            errors.append((name, error))
        finally:
            connection.close()

    config = {"mfa": "OPTIONAL", "users": users}
    with serve_in_process(tmp_path, config, "--state", str(tmp_path / "pool.db")) as web:
        threads = [
            threading.Thread(target=client, args=(web.address, user["username"], user["password"])) for user in users
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert web.end() == 0

    assert errors == []
    assert len(signed_in) == CLIENTS * ROUNDS
    assert {
        (name, access["username"], identity["cognito:username"], owner) for name, access, identity, owner in signed_in
    } == {(user["username"],) * 4 for user in users}
    assert len({access["jti"] for _, access, _, _ in signed_in}) == CLIENTS * ROUNDS
