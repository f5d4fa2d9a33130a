"""What is to be known of some endpoints before their column is read: how they are started, and what they leave out.

What they leave out is what their own authors say, with the place where they say it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from attrs import frozen


@frozen
class Note:
    """What is to be known of an endpoint.

    Args:
        name: whose name begins so.
        started: how it is started.
        words: what its authors say that it does not mean to do, as Markdown.
    """

    name: str
    started: str
    words: str


NOTES: Final = (
    Note(
        "authfsm",
        "authfsm conform",
        "Without an endpoint, this package's own pools are served over HTTP, one for each setting that a rule"
        " wants. They were written beside the rules: their column shows that the rules can be kept, and no more.",
    ),
    Note(
        "moto_server",
        "MOTO_COGNITO_IDP_USER_POOL_ENABLE_TOTP=true moto_server -H 127.0.0.1 -p 5000",
        "A mock of a great many AWS services. TOTP codes are verified with that variable only, so it is set."
        ' Of verifying proofs by SRP its maintainer wrote: "without any official documentation, I\'m hesitant"'
        " ([moto #7562](https://github.com/getmoto/moto/issues/7562)). It sends no codes; a code of ForgotPassword"
        " is verified where the client opts in with the one from its"
        " `x-moto-forgot-password-confirmation-code` header, and any other is taken, as"
        " [its code](https://github.com/getmoto/moto/blob/5.2.5/moto/cognitoidp/models.py) says.",
    ),
    Note(
        "cognito-local",
        "PORT=9229 HOST=127.0.0.1 CODE=123456 npx cognito-local",
        "An offline emulator for development. [Its README](https://github.com/jagregory/cognito-local#known-limitations)"
        ' says: "Many features are missing", "Users can\'t be disabled", "Only `USER_PASSWORD_AUTH` flow is'
        ' supported", and that its support for MFA is limited. It writes codes on its console; with that variable, they are always the same.',
    ),
)
"""Of those that are known here."""


def notes_of(names: Iterable[str]) -> tuple[Note, ...]:
    """The notes of these endpoints."""
    return tuple(note for name in names for note in NOTES if name.startswith(note.name))
