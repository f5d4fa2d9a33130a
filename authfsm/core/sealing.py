"""Seals a pending sign-in, or the tokens of a finished sign-in, as an encrypted string for a cookie, a store or a file.

A `Snapshot` is first serialised to JSON, with everything that another process needs to continue, and nothing more. The
JSON has a version and a schema (`authfsm/core/snapshot.schema.json`). It contains secrets in plain text, so it is never
logged or displayed, and `authfsm.core.encryption` encrypts it under the application's key. It does not contain the app
client's secret. A challenge is stored as Cognito sent it, and parsed again when the seal is opened. Each seal is bound
to its user pool and app client.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

import attrs
from attrs import frozen

from authfsm.base.secret import Key, Secret, wrapped_keys
from authfsm.core.device import Device
from authfsm.core.encryption import decrypt, document_from_json, document_to_json, encrypt
from authfsm.core.history import Step, step_from_dict, step_to_dict
from authfsm.core.signin import SignIn
from authfsm.core.wire_replies import read_challenge
from authfsm.protocol import replies
from authfsm.protocol.auth_flows import AUTH_SESSION_VALIDITY
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import BadField, InvalidOperation, SealExpired
from authfsm.protocol.replies import Tokens
from authfsm.protocol.states import State
from authfsm.protocol.table import Role

SESSION_LIFETIME: Final = timedelta(minutes=AUTH_SESSION_VALIDITY)
"""The default lifetime of Cognito's session; `AuthSessionValidity` of the app client can set another lifetime."""

_TYPES: Final = {
    "id": str, "admin": bool, "flow": str, "username": str, "proved": bool, "at": str, "password": str,
    "exponent": str, "preferred": str, "metadata": dict, "walk": bool, "steps": list, "begun": list,
    "srp": list, "due": bool,
}  # fmt: skip
"""The types of a snapshot's members; `snapshot.schema.json` says what they mean. `_read` also checks some values."""

_TOKEN_TYPES: Final = {
    "access_token": str, "id_token": str, "refresh_token": str, "expires_in": int, "token_type": str,
    "new_device": dict, "at": str, "device_key": str,
}  # fmt: skip
"""The members of `tokens`, with the types of their JSON values; only `access_token` is required."""

_STEP: Final = ("from", "response", "to", "at", "role", "error", "action")
"""The names of the values in a step's JSON array, in order; trailing nulls are omitted."""

_EXPONENT: Final = re.compile("[0-9a-f]{1,64}")
_FINGERPRINT: Final = re.compile("[0-9a-f]{32}")


@frozen
class Snapshot:
    """A sign-in that waits for an answer, with the values that its flow needs for later steps."""

    sign_in_id: str
    signin: SignIn
    password: Secret[str] | None = None
    exponent: Secret[int] | None = None
    preferred_challenge: str | None = None
    client_metadata: Mapping[str, str] = MappingProxyType({})
    walk: bool = True
    first_request: tuple[str, str] | None = None  # in START: the user name and AuthFlow that were sent


def snapshot_to_json(snapshot: Snapshot, now: datetime) -> Secret[str]:
    """Return a snapshot as JSON of the schema `snapshot.schema.json`."""
    signin = snapshot.signin
    if signin.done:
        raise InvalidOperation(f"the sign-in has ended in {signin.state}", state=signin.state)
    if signin.awaiting is not None:
        raise InvalidOperation(
            "the reply to the last answer has not arrived yet", state=signin.state, action=RecoveryAction.WAIT
        )
    document = {
        "id": snapshot.sign_in_id,
        "pool": signin.pool_id,
        "client": signin.client_id,
        "admin": signin.admin,
        "state": str(signin.state),
        "flow": signin.flow,
        "username": signin.username,
        "role": signin.role and str(signin.role),
        "proved": signin.password_proved,
        "at": (signin.session_received_at or now).isoformat(),
        "asked": _challenge_to_dict(signin.challenge),
        "device": signin.device and attrs.asdict(signin.device),
        "password": snapshot.password,
        "exponent": None if snapshot.exponent is None else Secret(f"{snapshot.exponent.reveal():x}"),
        "srp": list(signin.srp_answered),
        "due": signin.srp_due or None,
        "preferred": snapshot.preferred_challenge,
        "metadata": dict(snapshot.client_metadata),
        "walk": snapshot.walk,
        # In START only: later, `flow` and `username` have them.
        "begun": list(snapshot.first_request or ()) if signin.state is State.START else None,
        "steps": [_step_to_row(step) for step in signin.history],
    }
    return document_to_json(document)


def snapshot_from_json(text: Secret[str], *, signin: SignIn) -> Snapshot:
    """Return the snapshot in a JSON string, and restore its state into `signin`."""
    return document_from_json(
        text,
        lambda document: _read(document, signin),
        kind="a snapshot of a sign-in",
        owner={"pool": signin.pool_id, "client": signin.client_id},
    )


def _read(document: Mapping[str, Any], signin: SignIn) -> Snapshot:
    # The whole document is read before `signin` changes.
    _check(all(type(document.get(name, kind())) is kind for name, kind in _TYPES.items()))
    _check(bool(document["id"]))
    state, pending = State[document["state"]], _challenge_from_dict(document.get("asked"))
    _check((pending.state if pending else State.START) is state)
    steps = [_step_from_row(number, row) for number, row in enumerate(document.get("steps", []), 1)]
    device = Device(**document["device"]) if "device" in document else None
    password, exponent, metadata = (document.get("password"), document.get("exponent"), document.get("metadata", {}))
    _check(all(isinstance(value, str) for value in metadata.values()))
    _check(exponent is None or bool(_EXPONENT.fullmatch(exponent) and int(exponent, 16)))
    answered, due = tuple(document.get("srp", ())), document.get("due", False)
    _check(all(isinstance(each, str) and _FINGERPRINT.fullmatch(each) for each in answered))
    _check(not due or bool(answered and isinstance(pending, replies.SrpChallenge)))
    username, flow = document.get("begun") or (None, None)
    _check(username is flow is None or (isinstance(username, str) and isinstance(flow, str)))
    received_at = datetime.fromisoformat(document["at"])
    _check(received_at.utcoffset() is not None)
    role = Role(document["role"]) if "role" in document else None
    admin, proved = document["admin"], document["proved"]
    snapshot = Snapshot(
        sign_in_id=document["id"],
        signin=signin,
        password=None if password is None else Secret(password),
        exponent=None if exponent is None else Secret(int(exponent, 16)),
        preferred_challenge=document.get("preferred"),
        client_metadata=metadata,
        walk=document["walk"],
        first_request=(username, flow) if username and flow else None,
    )
    signin.resume(state, pending, steps, admin=admin)
    signin.device, signin.role = device, role
    signin.flow, signin.username = document.get("flow"), document.get("username")
    signin.password_proved, signin.session_received_at = proved, received_at
    signin.srp_answered, signin.srp_due = answered, due
    return snapshot


def _check(valid: bool) -> None:  # noqa: FBT001 - an assertion
    if not valid:
        raise ValueError


def _challenge_to_dict(pending: replies.AnyChallenge | None) -> dict[str, Any] | None:
    if pending is None:
        return None
    fields: dict[str, Any] = {
        "ChallengeName": pending.name,
        "Session": pending.session,
        "ChallengeParameters": dict(pending.parameters) or None,
        "AvailableChallenges": list(pending.available) or None,
    }
    if isinstance(pending, replies.MfaSetup) and pending.secret_code is not None:
        fields |= {"SecretCode": pending.secret_code, "Verified": pending.verified}
    return {name: value for name, value in fields.items() if value is not None}


def _challenge_from_dict(fields: Mapping[str, Any] | None) -> replies.AnyChallenge | None:
    if not fields:
        return None
    pending = read_challenge(fields["ChallengeName"], fields)
    if isinstance(pending, replies.MfaSetup) and "SecretCode" in fields:
        code, verified = fields["SecretCode"], fields["Verified"]
        _check(isinstance(code, str) and isinstance(verified, bool))
        return attrs.evolve(pending, secret_code=Secret(code), verified=verified)
    return pending


def _step_to_row(step: Step) -> list[str | None]:
    fields = step_to_dict(step)
    row = [fields.get(name) for name in _STEP]
    while row[-1] is None:
        row.pop()
    return row


def _step_from_row(number: int, row: list[str | None]) -> Step:
    _check(isinstance(row, list) and len(row) <= len(_STEP))
    return step_from_dict(number, dict(zip(_STEP, row, strict=False)))


def seal(snapshot: Snapshot, key: Key, now: datetime) -> str:
    """Implement `Flow.seal`: encrypt a snapshot, so that only holders of the key can read or change it."""
    key = wrapped_keys(key)
    return encrypt(snapshot_to_json(snapshot, now), key, now)


def unseal(
    sealed: str | bytes | None,
    key: Key,
    now: datetime,
    *,
    signin: SignIn,
    session_lifetime: timedelta = SESSION_LIFETIME,
) -> Snapshot:
    """Implement `Cognito.resume`: decrypt a snapshot, and restore its state into `signin`."""
    key = wrapped_keys(key)
    snapshot = snapshot_from_json(decrypt(sealed, key), signin=signin)
    since = signin.session_received_at
    if since is None or now - since >= session_lifetime:
        signin.abandon()
        raise SealExpired("the time limit of this sign-in has passed")
    return snapshot


def seal_tokens(tokens: Tokens, key: Key) -> str:
    """Implement `Tokens.seal`: encrypt tokens for a browser or a database."""
    key = wrapped_keys(key)
    claims = replies.unverified_claims(tokens.access_token)
    client, issuer = claims.get("client_id"), claims.get("iss")
    if not (isinstance(client, str) and isinstance(issuer, str)):
        raise BadField(Tokens, "access_token", "must have the claims client_id and iss, to which the seal is bound")
    fields = {name: value for name, value in attrs.asdict(tokens).items() if value is not None}
    fields.pop("pool_id", None)
    if tokens.at is not None:
        fields["at"] = tokens.at.isoformat()
    pool_id = tokens.pool_id or issuer.rpartition("/")[2]  # a custom issuer may lack the pool's id
    return encrypt(document_to_json({"pool": pool_id, "client": client, "tokens": fields}), key, tokens.at)


def unseal_tokens(sealed: str | bytes | None, key: Key, *, pool_id: str | None, client_id: str) -> Tokens:
    """Implement `Cognito.resume_tokens`."""
    key = wrapped_keys(key)
    owner = {"client": client_id, **({} if pool_id is None else {"pool": pool_id})}
    return document_from_json(decrypt(sealed, key), _tokens, kind="the tokens of a sign-in", owner=owner)


def _tokens(document: Mapping[str, Any]) -> Tokens:
    fields = dict(document["tokens"])
    if not all(type(value) is _TOKEN_TYPES[name] for name, value in fields.items()):
        raise ValueError
    at, new_device = fields.pop("at", None), fields.pop("new_device", None)
    secrets = {name: Secret(value) for name, value in fields.items() if name.endswith("_token")}
    return Tokens(
        **{**fields, **secrets},
        pool_id=document["pool"],
        at=None if at is None else datetime.fromisoformat(at),
        new_device=new_device and replies.NewDevice(**new_device),
    )
