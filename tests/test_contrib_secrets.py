"""Secrets that a user enters into a site on FastAPI or Django are in no frame, log or error page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import pytest
from apps.in_process import ORIGIN, VISITORS, Visitor
from fastapi import Depends, FastAPI, Request
from fastapi.testclient import TestClient
from joserfc.jwk import RSAKey
from test_secrets_in_frames import frames, printed_value

import authfsm
from authfsm import Claims, Verifier, new_key
from authfsm.contrib.fastapi import CognitoAuth, CookieMiddleware, WebSignIn
from authfsm.local import LocalPool, ManualClock

PASSWORD: Final = "Pl4nted-Passw0rd!"
CODE: Final = "918273"
OURS: Final = str(authfsm.__path__[0])


class BugError(Exception):
    """An error that is not handled."""


class Broken:
    """A pool whose client can be made to fail, and its site.

    Args:
        visitor: the site's framework.
        key: signs the pool's tokens.
    """

    def __init__(self, visitor: type[Visitor], key: RSAKey) -> None:
        self.fails, self.secrets = False, [PASSWORD, CODE]
        self.clock = ManualClock()
        pool = LocalPool(mfa="OPTIONAL", key=key, clock=self.clock)
        pool.add_user("ada", PASSWORD, phone_number="+15555550143", preferred_mfa="SMS_MFA")
        pool.add_user("eve", PASSWORD, email="eve@example.com")
        self.cognito = pool.cognito()
        events: Any = self.cognito.client.meta.events
        events.register_first("before-call.cognito-identity-provider", self._fail)
        self.verifier = Verifier(pool.pool_id, pool.client_id, jwks=pool.jwks(), clock=self.clock)
        self.site = visitor(self.cognito, self.verifier)
        self.site.get(self.site.SIGN_IN)

    def _fail(self, **sent: Any) -> None:
        sent.clear()  # this frame is shown too
        if self.fails:
            raise BugError("a hook failed")

    def sign_in(self, name: str) -> str:
        """Sign in with the password."""
        return self.site.send(self.site.SIGN_IN, username=name, password=PASSWORD)


def _wrong_password(broken: Broken) -> Callable[[], Any]:
    return lambda: broken.sign_in("ada")


def _code(broken: Broken) -> Callable[[], Any]:
    broken.sign_in("ada")
    return lambda: broken.site.send(broken.site.CHALLENGE, response="code", code=CODE)


def _forgotten(broken: Broken) -> Callable[[], Any]:
    broken.site.send(broken.site.FORGOT_PASSWORD, username="eve")
    fields = {"response": "confirm_forgot_password", "code": CODE, "password": PASSWORD}
    return lambda: broken.site.send(broken.site.CHALLENGE, **fields)


def _refresh(broken: Broken) -> Callable[[], Any]:
    broken.sign_in("eve")
    broken.secrets += [token.reveal() for token in _tokens_of(broken)]
    broken.clock.advance(timedelta(hours=2).total_seconds())
    return lambda: broken.site.get("/")


def _tokens_of(broken: Broken) -> list[Any]:
    """Return the tokens in the browser's cookies."""
    cookies = {
        name: str(getattr(each, "value", each)).strip('"') for name, each in dict(broken.site.client.cookies).items()
    }
    web = WebSignIn(cognito=broken.cognito, verifier=broken.verifier, key=broken.site.key, origin=ORIGIN)
    tokens = web.browser(cookies).signed_in().signed_in()
    return [tokens.refresh_token, tokens.access_token, tokens.id_token]


CASES: Final = (_wrong_password, _code, _forgotten, _refresh)


@pytest.mark.parametrize("visitor", VISITORS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__.strip("_"))
def test_no_frame_log_or_page_shows_user_input(
    visitor: type[Visitor], case: Any, signing_key: RSAKey, caplog: pytest.LogCaptureFixture
) -> None:
    """An unhandled error, at each place where a secret is entered or sent, shows it nowhere."""
    broken = Broken(visitor, signing_key)
    act = case(broken)
    broken.site.debug(error_page=False)
    broken.fails = True
    with pytest.raises(BugError) as caught:
        act()
    own = [each for each in frames(caught.value) if each.f_code.co_filename.startswith(OURS)]
    assert len(own) > 3
    for frame in own:
        for name, value in frame.f_locals.items():
            assert [name for each in broken.secrets if each in printed_value(value)] == [], frame
    broken.site.debug(error_page=True)
    page = act()
    assert "BugError" in page
    assert [each for each in broken.secrets if each in page or each in caplog.text] == []


def test_a_refused_bearer_token(signing_key: RSAKey) -> None:
    """A token in the header Authorization is in no frame, whether it is refused or a route fails."""
    pool = LocalPool(key=signing_key)
    verifier = Verifier(pool.pool_id, pool.client_id, jwks=pool.jwks())
    auth = CognitoAuth(WebSignIn(cognito=pool.cognito(), verifier=verifier, key=new_key(), origin=ORIGIN))
    raised: list[BaseException] = []
    app = FastAPI()
    app.add_middleware(CookieMiddleware)

    def claims(request: Any) -> Claims:
        try:
            return auth.claims(request)
        except Exception as error:
            raised.append(error)
            raise BugError from error

    claims.__annotations__["request"] = Request
    app.get("/me", dependencies=[Depends(claims)])(lambda: "")
    with pytest.raises(BugError) as caught:
        TestClient(app, base_url=ORIGIN).get("/me", headers={"Authorization": f"Bearer {PASSWORD}"})
    own = [each for each in frames(caught.value) if each.f_code.co_filename.startswith(OURS)]
    assert {each.f_code.co_name for each in own} >= {"claims", "verify", "__call__"}
    assert [frame for frame in own if PASSWORD in "".join(map(printed_value, frame.f_locals.values()))] == []
