"""A bot or cron job: a person signs in once, and the program goes on from the stored tokens.

    python cron_job.py sign-in ada   # once, by a person; stores the sealed tokens
    python cron_job.py               # by cron, as often as you like, until the refresh token expires

The file holds the tokens encrypted under BOT_KEY, and is replaced after each refresh, so that a rotated refresh token
is not lost. `authfsm signin --output` would store them in plain text. This makes a key, once:

    python -c "import authfsm; print(authfsm.new_key().reveal())"

When the refresh token has expired, the program ends with `Refused` and the action START_AGAIN: run `sign-in` again.
If runs may overlap and the app client rotates refresh tokens, use `authfsm.stores.SharedTokens` instead of the file.
"""

import os
import sys
from getpass import getpass
from pathlib import Path

import boto3

import authfsm
from authfsm import Cognito, Tokens

STORED = Path("tokens.sealed")


def cognito() -> Cognito:
    """Return the user pool and app client that the environment names."""
    return Cognito(
        boto3.client("cognito-idp"), client_id=os.environ["COGNITO_CLIENT_ID"], pool_id=os.environ["COGNITO_POOL_ID"]
    )


def sign_in(username: str) -> None:
    """Sign in at a terminal, once."""
    flow = cognito().sign_in(username, getpass())
    while (form := flow.form()) is not None:
        prompt = form["prompts"][0]
        values = {each["name"]: getpass(f"{each['question']}: ") for each in prompt["fields"]}
        flow.answer(authfsm.response(prompt["response"], **values))
    store(flow.signed_in())


def store(tokens: Tokens) -> None:
    """Replace the stored tokens in one step: a crash leaves the old file or the new one."""
    new = STORED.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(tokens.seal(os.environ["BOT_KEY"]))  # of authfsm.new_key()
    new.replace(STORED)


def run() -> str:
    """Do the work with an access token that is valid for at least one minute; return its user's name."""
    flow = cognito().resume_tokens(STORED.read_text(), os.environ["BOT_KEY"])
    before = flow.tokens
    tokens = flow.fresh_tokens()
    if tokens is not before:
        store(tokens)
    me = flow.cognito.client.get_user(AccessToken=tokens.access_token.reveal())
    return me["Username"]


if __name__ == "__main__":
    if sys.argv[1:2] == ["sign-in"]:
        sign_in(sys.argv[2])
    else:
        print(f"working for {run()}")
