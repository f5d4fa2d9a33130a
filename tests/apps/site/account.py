"""What there is for somebody who has signed in: a page, passkeys, and the way out.

The tokens lie sealed in cookies, so that the server keeps nothing; who it is, the access token says, if the
pool signed it and it still lasts.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from starlette.requests import Request
from starlette.responses import Response

from apps.site import words
from apps.site.pages import Pages
from authfsm import Cognito, Secret, Tokens
from authfsm.jwks import Claims, KeysUnreachable, TokenRefused, Verifier

log = logging.getLogger("site")

MONTH: Final = 30 * 86_400


class Account:
    """The pages of somebody who has signed in.

    Args:
        cognito: the user pool and its app client.
        verifier: of that pool's tokens.
        pages: the site's pages.
    """

    def __init__(self, cognito: Cognito, verifier: Verifier, pages: Pages) -> None:
        self.cognito, self.verifier = cognito, verifier
        self.pages, self.jar = pages, pages.jar

    def open(self, reply: Response, tokens: Tokens) -> None:
        """Keep the tokens. A site that needs no more than a name keeps only that."""
        access = {"access": tokens.access_token.reveal()}
        self.jar.seal(reply, "session", access, tokens.expires_in or 3_600)
        if tokens.refresh_token is not None:
            refresh = {"token": tokens.refresh_token.reveal()}
            self.jar.seal(reply, "refresh", refresh, MONTH)

    def whose(self, request: Request) -> Claims | None:
        """Who has signed in; None if nobody has."""
        try:
            return self.verifier.verify(self._access(request))
        except (TokenRefused, KeysUnreachable):
            return None

    def home(self, request: Request) -> Response:
        """The first page."""
        if (claims := self.whose(request)) is None:
            return self.pages.redirect("/sign-in")
        return self.pages.show(request, "home", claims=claims)

    def passkeys(self, request: Request) -> Response:
        """The passkeys that there are, and what a browser needs to make another."""
        token, client = self._access(request), self.cognito.client
        if self.whose(request) is None:
            return self.pages.redirect("/sign-in")
        try:
            known = client.list_web_authn_credentials(AccessToken=token)["Credentials"]
            asked = client.start_web_authn_registration(AccessToken=token)
        except (ClientError, BotoCoreError) as error:
            log.warning("%s", error)
            return self.pages.redirect("/", "There are no passkeys here, or not now.")
        options = asked["CredentialCreationOptions"]
        return self.pages.show(request, "passkeys", known=known, options=options)

    def add_passkey(self, request: Request, form: Mapping[str, str]) -> Response:
        """Have Cognito keep the passkey that the browser made."""
        token, client = self._access(request), self.cognito.client
        try:
            made = json.loads(form.get("credential", ""))
            client.complete_web_authn_registration(AccessToken=token, Credential=made)
        except (ClientError, BotoCoreError, ValueError) as error:
            log.warning("%s", type(error).__name__)
            return self.pages.redirect("/passkeys", words.NOT_ADDED)
        return self.pages.redirect("/passkeys", words.ADDED, wrong=False)

    def sign_out(self, request: Request, _: Mapping[str, str]) -> Response:
        """Have Cognito revoke the tokens, and keep them no longer. The device stays remembered."""
        token = self.jar.facts(request, "refresh").get("token")
        secret = self.cognito.client_secret
        more: Any = {"ClientSecret": secret.reveal()} if isinstance(secret, Secret) else {}
        try:
            if token is not None:
                client_id = self.cognito.client_id
                self.cognito.client.revoke_token(Token=token, ClientId=client_id, **more)
        except (ClientError, BotoCoreError) as error:  # they expire by themselves
            log.warning("%s", type(error).__name__)
        reply = self.pages.redirect("/sign-in", words.SIGNED_OUT, wrong=False)
        self.jar.drop(reply, "session", "refresh")
        return reply

    def _access(self, request: Request) -> str:
        return str(self.jar.facts(request, "session").get("access", ""))
