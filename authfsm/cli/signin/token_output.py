"""Report the tokens, print them as JSON, write them to a file or keep them in the keyring.

An output that would fail is reported before the user types a password. Tokens are never printed to a terminal unless
`--show-tokens` asks for it.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from attrs import frozen

from authfsm.base.secret import Secret
from authfsm.cli.signin.exits import ExitStatus, SignInEnded
from authfsm.cli.signin.screen import Screen
from authfsm.cli.signin.secret_storage import SecretStorage, unwritable, write
from authfsm.drivers.boto import Flow
from authfsm.protocol.replies import Tokens, unverified_claims


@frozen
class TokenOutput:
    """Where the tokens go; `in_the_open` prints them even to a terminal."""

    printed: bool = False
    in_the_open: bool = False
    file: Path | None = None
    keyring: SecretStorage | None = None

    def check(self) -> None:
        """Raise SignInEnded if the output would fail, before the user types a password."""
        if self.printed and sys.stdout.isatty() and not self.in_the_open:
            raise SignInEnded(
                ExitStatus.MISUSED,
                "--json would print the tokens to this terminal: use a pipe, or add --show-tokens.",
            )
        if self.file is not None:
            folder = self.file.parent
            if not folder.is_dir() or self.file.is_dir():
                why = "it is a folder" if self.file.is_dir() else f"there is no folder {folder}"
                raise SignInEnded(ExitStatus.MISUSED, f"{self.file} cannot be written: {why}")
            if not os.access(folder, os.W_OK):
                raise unwritable(self.file, PermissionError(13, "Permission denied"))

    def keep(self, flow: Flow, service: str) -> list[str]:
        """Print and store the tokens of a sign-in, and return what was done, for people."""
        assert flow.tokens is not None  # noqa: S101 - for the type checker: AUTHENTICATED has them
        text = Secret(json.dumps(as_json(flow.tokens), indent=2) + "\n")
        done = []
        if self.keyring is not None:
            account = flow.signin.username or ""
            done.append(f"stored in {self.keyring.put(service, account, text)}")
        if self.file is not None:
            write(self.file, text)
            done.append(f"written to {self.file} (0600)")
        if self.printed:
            try:
                sys.stdout.write(text.reveal())
                sys.stdout.flush()
            except BrokenPipeError:
                # What is left in the buffer must not be tried again when Python ends (Python docs, signal).
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                raise SignInEnded(
                    ExitStatus.MISUSED, "The tokens could not be written: the pipe is closed."
                ) from None
            done.append("printed as JSON")
        return done


def as_json(tokens: Tokens) -> dict[str, Any]:
    """Return tokens with the names of AuthenticationResult, and when the access token expires."""
    text = {
        "AccessToken": tokens.access_token.reveal(),
        "IdToken": tokens.id_token and tokens.id_token.reveal(),
        "RefreshToken": tokens.refresh_token and tokens.refresh_token.reveal(),
        "TokenType": tokens.token_type,
        "ExpiresIn": tokens.expires_in,
        "ExpiresAt": tokens.expires_at and tokens.expires_at.isoformat(timespec="seconds"),
    }
    return {name: value for name, value in text.items() if value is not None}


def summary(flow: Flow) -> dict[str, str]:
    """Return who signed in, until when, and what they may do. The claims are not verified."""
    tokens = flow.tokens
    assert tokens is not None  # noqa: S101 - for the type checker: AUTHENTICATED has them
    access = unverified_claims(tokens.access_token)
    identity = unverified_claims(tokens.id_token) if tokens.id_token else {}
    groups = access.get("cognito:groups") or identity.get("cognito:groups") or ()
    there = [
        ("access", tokens.access_token),
        ("id", tokens.id_token),
        ("refresh", tokens.refresh_token),
    ]
    text = {
        "e-mail": identity.get("email"),
        "user id": access.get("sub"),
        "groups": ", ".join(map(str, groups)) if isinstance(groups, list) else None,
        "scopes": access.get("scope"),
        "expires": _expiry(tokens),
        "tokens": ", ".join(name for name, token in there if token is not None),
        "device": flow.device and f"{flow.device.device_key}, remembered",
    }
    return {name: str(value) for name, value in text.items() if value}


def _expiry(tokens: Tokens) -> str | None:
    at, seconds = tokens.expires_at, tokens.expires_in
    if at is None or seconds is None:
        return None
    minutes = max(round(seconds / 60), 1)
    hours, minutes = divmod(minutes, 60)
    span = " ".join(f"{n} {unit}" for n, unit in ((hours, "h"), (minutes, "min")) if n)
    return f"in {span}, at {_local(at)}"


def _local(at: datetime) -> str:
    here = at.astimezone()
    day = "" if here.date() == datetime.now(timezone.utc).astimezone().date() else "%Y-%m-%d "
    return here.strftime(f"{day}%H:%M:%S")


def print_tokens(screen: Screen, flow: Flow, done: list[str]) -> None:
    """Print the summary, and where the tokens went."""
    who = (flow.tokens.username if flow.tokens else None) or flow.signin.username or ""
    screen.stands(flow.history)
    screen.good(f"Signed in as {who}")
    screen.facts(summary(flow))
    if done:
        screen.plain(f"The tokens were {'; '.join(done)}.")
    else:
        screen.plain(
            "The tokens were discarded: use --json to pipe them, or --output FILE or --keyring to store them."
        )
