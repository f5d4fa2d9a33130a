"""pycognito's clients, proofs and token verification work in this process."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pycognito
import pyotp
import pytest
import requests
from joserfc.jwk import RSAKey
from pycognito.exceptions import (
    ForceChangePasswordException,
    SMSMFAChallengeException,
    SoftwareTokenMFAChallengeException,
    TokenVerificationException,
)

from authfsm.local import LocalPool, mock_cognito

PASSWORD = "Correct-Horse-1"
NEW = "Another-Horse-2"
SECRET = "s3cret-s3cret-s3cret"
TOTP = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def fail_on_aws_request(*_: object, **__: object) -> None:
    """Fail instead of a request to AWS."""
    pytest.fail("pycognito asked AWS for keys")


class Person:
    """A pool with a user, and pycognito objects that reach it: with README's line, or under the mock."""

    def __init__(self, pool: LocalPool, *, line: bool) -> None:
        self.pool, self.line = pool, line

    def add(self, **user: Any) -> pycognito.Cognito:
        """Add the user, and return their pycognito object."""
        self.pool.add_user("ada", PASSWORD, **user)
        ids = (self.pool.pool_id, self.pool.client_id)
        client = pycognito.Cognito(*ids, username="ada", client_secret=SECRET)
        if self.line:
            client.client, client.pool_jwk = self.pool.client(), self.pool.jwks()
        return client


@pytest.fixture(params=[True, False], ids=["readme", "mock"])
def person(request: pytest.FixtureRequest, signing_key: RSAKey, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    """Return a user in a pool with optional MFA, whose app client has a secret; no request reaches AWS."""
    settings: dict[str, Any] = {"mfa": "OPTIONAL", "client_secret": SECRET, "key": signing_key}
    if request.param:
        monkeypatch.setattr(requests, "get", fail_on_aws_request)
        yield Person(LocalPool(**settings), line=True)
        return
    with mock_cognito() as cognito:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
        yield Person(cognito.pool(**settings), line=False)


def test_authenticate_and_renew(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """SRP returns verified tokens; check_token refreshes expired tokens, and no others."""
    user = person.add()
    user.authenticate(PASSWORD)
    first = user.access_token
    assert user.id_claims["cognito:username"] == "ada"
    assert user.get_user().sub == user.access_claims["sub"]
    assert user.check_token() is False
    assert user.access_token == first
    user.renew_access_token()
    assert user.access_token != first
    user.verify_tokens()

    second = user.access_token
    in_two_hours = dt.datetime.now() + dt.timedelta(hours=2)  # noqa: DTZ005 - as pycognito's
    clock = SimpleNamespace(now=lambda: in_two_hours, fromtimestamp=dt.datetime.fromtimestamp)
    monkeypatch.setattr(pycognito, "datetime", SimpleNamespace(datetime=clock))
    assert user.check_token() is True
    assert user.access_token != second


def test_new_password_challenge(person: Person) -> None:
    """A temporary password can be changed."""
    user = person.add(temporary=True)
    with pytest.raises(ForceChangePasswordException):
        user.authenticate(PASSWORD)
    user.new_password_challenge(PASSWORD, NEW)

    assert user.access_claims["username"] == "ada"


def test_sms(person: Person) -> None:
    """A code by SMS signs in."""
    user = person.add(phone_number="+15555550143", preferred_mfa="SMS_MFA")
    with pytest.raises(SMSMFAChallengeException):
        user.authenticate(PASSWORD)
    user.respond_to_sms_mfa_challenge(person.pool.outbox.code_for("ada"))

    assert user.access_claims["username"] == "ada"


def test_totp(person: Person) -> None:
    """A code of an authenticator app signs in."""
    user = person.add(totp_secret=TOTP)
    with pytest.raises(SoftwareTokenMFAChallengeException):
        user.authenticate(PASSWORD)
    user.respond_to_software_token_mfa_challenge(pyotp.TOTP(TOTP).now())

    assert user.access_claims["username"] == "ada"


def test_admin_authenticate(person: Person) -> None:
    """ADMIN_NO_SRP_AUTH signs in."""
    user = person.add()
    user.admin_authenticate(PASSWORD)

    assert user.id_claims["aud"] == person.pool.client_id


def test_tokens_of_another_pool(person: Person) -> None:
    """Signatures are verified: the keys of another pool do not verify the tokens."""
    user = person.add()
    user.authenticate(PASSWORD)
    other = LocalPool(key=RSAKey.generate_key(2048, {"kid": person.pool.jwks()["keys"][0]["kid"]}))
    user.pool_jwk = other.jwks()
    with pytest.raises((TokenVerificationException, IndexError)):
        user.verify_tokens()
