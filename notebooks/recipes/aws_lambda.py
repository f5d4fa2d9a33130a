"""AWS Lambda behind an HTTP API: each request is one step, and the function stores no sign-in between requests.

The reply contains the sealed sign-in, and the caller sends it back with the answer. The seal is encrypted with
SIGN_IN_KEY, so the caller cannot read or change it. Cognito accepts one correct answer for it. This makes a key, once:
`python -c "import authfsm; print(authfsm.new_key().reveal())"`.

    POST {"username": "ada", "password": "..."}
    -> {"sealed": "...", "form": {...}}
    POST {"sealed": "...", "response": "code", "code": "123456"}
    -> {"access_token": "...", "refresh_token": "..."}
"""

import json
import os
from functools import cache
from typing import Any

import boto3

import authfsm
from authfsm import AuthfsmError, Cognito, Flow


@cache  # one client for all invocations of a warm function
def cognito() -> Cognito:
    """Return the user pool and app client that the environment names."""
    return Cognito(
        boto3.client("cognito-idp"), client_id=os.environ["COGNITO_CLIENT_ID"], pool_id=os.environ["COGNITO_POOL_ID"]
    )


def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Begin a sign-in, or answer its challenge."""
    values = json.loads(event["body"])
    flow = None
    try:
        if "sealed" in values:
            flow = cognito().resume(values.pop("sealed"), os.environ["SIGN_IN_KEY"])
            flow.answer(authfsm.response(values.pop("response", ""), **values))
        else:
            flow = cognito().sign_in(values["username"], values["password"])
    except AuthfsmError as error:
        # A sign-in that survives a wrong code can be answered again: it is sealed with the wrong code counted.
        sealed = _sealed(flow) if flow is not None and error.survives else None
        return _reply(error.http_status, {"message": error.for_person(), "sealed": sealed})
    if flow.tokens is None:
        return _reply(200, {"sealed": _sealed(flow), "form": flow.form()})
    tokens = flow.signed_in()
    refresh_token = tokens.refresh_token and tokens.refresh_token.reveal()
    shown = {"access_token": tokens.access_token.reveal(), "refresh_token": refresh_token}
    return _reply(200, shown)


def _sealed(flow: Flow) -> str:
    return flow.seal(os.environ["SIGN_IN_KEY"])  # of authfsm.new_key()


def _reply(status: int, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json", "cache-control": "no-store"},
        "body": json.dumps(body),
    }
