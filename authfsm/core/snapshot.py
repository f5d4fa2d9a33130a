"""A sign-in that waits, as one JSON value: everything it needs to go on elsewhere, and nothing more.

The form has a version and a schema (`authfsm/core/snapshot.schema.json`). It holds secrets in clear, so it is
never shown and leaves the process sealed only (`authfsm.core.sealing`). What can be parsed again is not stored:
a challenge is kept as it came. The app client's secret is not in it: whoever resumes has it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

import attrs
from attrs import frozen

from authfsm.base.secret import Secret, revealed
from authfsm.core.device import Device
from authfsm.core.history import Step
from authfsm.core.signin import SignIn
from authfsm.core.wire_replies import challenge
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import (
    AuthfsmError,
    InvalidOperation,
    SealBroken,
    SealError,
    SealTooNew,
    SealWrongClient,
)
from authfsm.protocol.replies import MfaSetup, SrpChallenge
from authfsm.protocol.responses import RESPONSES
from authfsm.protocol.states import State
from authfsm.protocol.table import Role

VERSION: Final = 1
"""The form this module writes. It reads every form up to this one."""

_SHAPES: Final = {
    "id": str, "admin": bool, "flow": str, "username": str, "proved": bool, "at": str, "password": str,
    "a": str, "preferred": str, "metadata": dict, "walk": bool, "steps": list, "begun": list,
    "srp": list, "due": bool,
}  # fmt: skip
"""What the parts of a form are, where nothing that reads them would say so."""

_EXPONENT: Final = re.compile("[0-9a-f]{1,64}")
_FINGERPRINT: Final = re.compile("[0-9a-f]{32}")


@frozen
class Snapshot:
    """A sign-in that waits for an answer, with what its flow holds for the steps to come.

    Args:
        sign_in_id: tells this sign-in from others, to observers.
        signin: the sign-in.
        password: for the proofs by SRP on the way, if a step to come may need it.
        exponent: SRP's secret a, if a proof is due.
        preferred_challenge: PREFERRED_CHALLENGE, for starting again.
        client_metadata: for the pool's Lambda triggers.
        walk: does the flow go on by itself through what needs no person?
        begun: the user name and AuthFlow of a first request that has moved nothing yet.
    """

    sign_in_id: str
    signin: SignIn
    password: Secret[str] | None = None
    exponent: Secret[int] | None = None
    preferred_challenge: str | None = None
    client_metadata: Mapping[str, str] = MappingProxyType({})
    walk: bool = True
    begun: tuple[str, str] | None = None


def snapshot_to_json(snapshot: Snapshot, now: datetime) -> Secret[str]:
    """A snapshot in the form of `snapshot.schema.json`.

    Args:
        snapshot: what is to be told.
        now: the present time, for a sign-in that has not begun and so has no other.

    Raises:
        InvalidOperation: the sign-in has ended, or awaits a reply: there is nothing that could go on elsewhere.
    """
    signin = snapshot.signin
    if signin.done:
        raise InvalidOperation(
            f"a sign-in that stands in {signin.state} has ended", state=signin.state
        )
    if signin.awaiting is not None:
        raise InvalidOperation(
            "the reply to the last answer is still awaited",
            state=signin.state,
            action=RecoveryAction.WAIT,
        )
    form = {
        "authfsm": VERSION,
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
        "asked": _asked(signin),
        "device": signin.device and attrs.asdict(signin.device),
        "password": snapshot.password,
        "a": None if snapshot.exponent is None else Secret(f"{snapshot.exponent.reveal():x}"),
        "srp": list(signin.srp_answered),
        "due": signin.srp_due or None,
        "preferred": snapshot.preferred_challenge,
        "metadata": dict(snapshot.client_metadata),
        "walk": snapshot.walk,
        # Later the sign-in itself knows them.
        "begun": list(snapshot.begun or ()) if signin.state is State.START else None,
        "steps": [_row(step) for step in signin.history],
    }
    told = {name: value for name, value in form.items() if value not in (None, {}, [])}
    return Secret(json.dumps(revealed(told), separators=(",", ":"), ensure_ascii=False))


def snapshot_from_json(form: Secret[str], *, into: SignIn) -> Snapshot:
    """The snapshot that a form tells.

    Args:
        form: what `snapshot_to_json` wrote.
        into: a new sign-in of the pool and client that resume it; it becomes the one that waits.

    Raises:
        SealWrongClient: it belongs to another pool or client; nothing changed.
        SealTooNew: its form is a later one.
        SealBroken: it is not such a form.
    """
    refused: SealError | None
    try:
        told = json.loads(form.reveal())
        refused = _unfit(told, into)
        if refused is None:
            return _read(told, into)
    except (AuthfsmError, AttributeError, KeyError, TypeError, ValueError, RecursionError):
        refused = SealBroken(_NO_SNAPSHOT)
    # Outside the handler, and without the form in clear: no frame of the error shows what it holds.
    told = None
    raise refused


_NO_SNAPSHOT: Final = "it is not a snapshot of a sign-in"


def _unfit(told: Mapping[str, Any], into: SignIn) -> SealError | None:
    """Why a form is not for this sign-in; None if it may be."""
    version = told["authfsm"]
    if type(version) is not int or version < 1:
        return SealBroken(_NO_SNAPSHOT)
    if version > VERSION:
        return SealTooNew(
            f"its format version is {version}, and this version of authfsm reads versions up to {VERSION}"
        )
    if (told.get("pool"), told.get("client")) != (into.pool_id, into.client_id):
        return SealWrongClient("it belongs to another user pool or app client")
    return None


def _read(told: Mapping[str, Any], into: SignIn) -> Snapshot:
    # All is read before anything changes.
    misshapen = [name for name, kind in _SHAPES.items() if type(told.get(name, kind())) is not kind]
    if misshapen or not told["id"]:
        raise TypeError
    state, asked = State[told["state"]], told.get("asked", {})
    kept = challenge(asked["ChallengeName"], asked) if asked else None
    if isinstance(kept, MfaSetup) and "SecretCode" in asked:
        code, verified = asked["SecretCode"], asked["Verified"]
        if not isinstance(code, str) or not isinstance(verified, bool):
            raise TypeError
        kept = attrs.evolve(kept, secret_code=Secret(code), verified=verified)
    if (kept.state if kept else State.START) is not state:
        raise ValueError(state)
    steps = tuple(_step(number, row) for number, row in enumerate(told.get("steps", []), start=1))
    device = Device(**told["device"]) if "device" in told else None
    password, exponent, metadata = told.get("password"), told.get("a"), told.get("metadata", {})
    if not all(isinstance(text, str) for text in metadata.values()):
        raise TypeError
    if exponent is not None and (not _EXPONENT.fullmatch(exponent) or int(exponent, 16) == 0):
        raise ValueError
    answered, due = _answered(told), told.get("due", False)
    if due and not (answered and isinstance(kept, SrpChallenge)):
        raise ValueError
    username, flow = told.get("begun") or (None, None)
    if not (username is flow is None or (isinstance(username, str) and isinstance(flow, str))):
        raise TypeError
    at = datetime.fromisoformat(told["at"])
    if at.utcoffset() is None:
        raise ValueError
    snapshot = Snapshot(
        sign_in_id=told["id"],
        signin=into,
        password=None if password is None else Secret(password),
        exponent=None if exponent is None else Secret(int(exponent, 16)),
        preferred_challenge=told.get("preferred"),
        client_metadata=metadata,
        walk=told["walk"],
        begun=(username, flow) if username and flow else None,
    )
    into.resume(
        state,
        kept,
        steps,
        device=device,
        admin=told["admin"],
        flow=told.get("flow"),
        username=told.get("username"),
        role=Role(told["role"]) if "role" in told else None,
        password_proved=told["proved"],
        session_received_at=at,
        srp_answered=answered,
        srp_due=due,
    )
    return snapshot


def _answered(told: Mapping[str, Any]) -> tuple[str, ...]:
    """The fingerprints of the SRP_As that a challenge has answered."""
    answered = tuple(told.get("srp", ()))
    if not all(isinstance(each, str) and _FINGERPRINT.fullmatch(each) for each in answered):
        raise TypeError
    return answered


def _asked(signin: SignIn) -> dict[str, Any] | None:
    asked = signin.challenge
    if asked is None:
        return None
    kept: dict[str, Any] = {"ChallengeName": asked.name}
    if asked.session is not None:
        kept["Session"] = asked.session
    if asked.parameters:
        kept["ChallengeParameters"] = dict(asked.parameters)
    if asked.available:
        kept["AvailableChallenges"] = list(asked.available)
    if isinstance(asked, MfaSetup) and asked.secret_code is not None:
        kept |= {"SecretCode": asked.secret_code, "Verified": asked.verified}
    return kept


def _row(step: Step) -> list[str | None]:
    row = [
        str(step.source),
        step.response.trigger,
        str(step.dest),
        None if step.at is None else step.at.isoformat(),
        None if step.role is None else str(step.role),
        step.error,
        None if step.action is None else str(step.action),
    ]
    while row[-1] is None:
        row.pop()
    return row


def _step(number: int, row: list[Any]) -> Step:
    source, given, dest, at, role, error, action = row + [None] * (7 - len(row))
    if not isinstance(error, (str, type(None))):
        raise TypeError
    return Step(
        number=number,
        source=State[source],
        response=RESPONSES[given],
        dest=State[dest],
        at=datetime.fromisoformat(at) if at else None,
        role=Role(role) if role else None,
        error=error,
        action=RecoveryAction[action] if action else None,
    )
