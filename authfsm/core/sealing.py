"""Seals a pending sign-in, or the tokens of a finished one, into a text for a cookie, a store or a file.

`authfsm.core.encryption` encrypts under the application's key. Each seal is bound to its user pool and app client.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import attrs

from authfsm.base.secret import Key, Secret, wrapped_keys
from authfsm.core.encryption import decrypt, encrypt, form_from_json, form_to_json
from authfsm.core.signin import SignIn
from authfsm.core.snapshot import Snapshot, snapshot_from_json, snapshot_to_json
from authfsm.protocol.errors import BadField, SealExpired
from authfsm.protocol.replies import NewDevice, Tokens, unverified_claims

SESSION_LIFETIME: Final = timedelta(minutes=3)
"""The lifetime of Cognito's session, unless the app client sets another one."""
# "AuthSessionValidity ... the duration, in minutes, of the session token created by Amazon Cognito for each
# API request in an authentication flow ... Default: 3" -- AWS API reference, CreateUserPoolClient.


def seal(snapshot: Snapshot, key: Key, now: datetime) -> str:
    """Return a snapshot as a text that only a holder of the key can read or change: `Flow.seal`."""
    key = wrapped_keys(key)
    return encrypt(snapshot_to_json(snapshot, now), key, now)


def unseal(
    sealed: str | bytes | None,
    key: Key,
    now: datetime,
    *,
    into: SignIn,
    session_lifetime: timedelta = SESSION_LIFETIME,
) -> Snapshot:
    """Return the snapshot that a sealed text contains: `Cognito.resume`. It becomes the pending sign-in `into`."""
    key = wrapped_keys(key)
    snapshot = snapshot_from_json(decrypt(sealed, key), into=into)
    since = into.session_received_at
    if since is None or now - since >= session_lifetime:
        into.abandon()
        raise SealExpired("its Cognito session has expired")
    return snapshot


# ---- tokens --------------------------------------------------------------------------------------------

_TOKEN_TYPES: Final = {
    "access_token": str, "id_token": str, "refresh_token": str, "expires_in": int, "token_type": str,
    "new_device": dict, "at": str, "device_key": str,
}  # fmt: skip
"""The members of `tokens`, with the types of their JSON values; all but the first may be missing."""


def seal_tokens(tokens: Tokens, key: Key) -> str:
    """Return tokens as a sealed text: `Tokens.seal`."""
    key = wrapped_keys(key)
    claims = unverified_claims(tokens.access_token)
    client, issuer = claims.get("client_id"), claims.get("iss")
    if not (isinstance(client, str) and isinstance(issuer, str)):
        raise BadField(Tokens, "access_token", "has no client_id and iss to bind the seal to")
    fields = {name: value for name, value in attrs.asdict(tokens).items() if value is not None}
    if tokens.at is not None:
        fields["at"] = tokens.at.isoformat()
    form = {"pool": issuer.rpartition("/")[2], "client": client, "tokens": fields}
    return encrypt(form_to_json(form), key, tokens.at)


def unseal_tokens(
    sealed: str | bytes | None, key: Key, *, pool_id: str | None, client_id: str
) -> Tokens:
    """Return the tokens in a sealed text."""
    key = wrapped_keys(key)
    owner = {"client": client_id, **({} if pool_id is None else {"pool": pool_id})}
    kind = "the tokens of a sign-in"
    return form_from_json(decrypt(sealed, key), _tokens, kind=kind, owner=owner)


def _tokens(form: Mapping[str, Any]) -> Tokens:
    fields = dict(form["tokens"])
    if not all(type(value) is _TOKEN_TYPES[name] for name, value in fields.items()):
        raise ValueError
    at, new_device = fields.pop("at", None), fields.pop("new_device", None)
    secrets = {name: Secret(value) for name, value in fields.items() if name.endswith("_token")}
    return Tokens(
        **{**fields, **secrets},
        at=None if at is None else datetime.fromisoformat(at),
        new_device=new_device and NewDevice(**new_device),
    )
