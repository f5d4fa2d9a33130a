"""What the page offers once a sign-in has ended: a button for each request that the table has for tokens, and new sign-ins.

Each button makes a real call. Those for tokens are rows of `PROTOCOL[AUTHENTICATED]`; a step-up and a sign-in by
passkey begin another sign-in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from attrs import frozen

from authfsm.local.config.pool_configuration import ACR_VALUES
from authfsm.notebook.recording import SignInRecording
from authfsm.protocol import responses as r
from authfsm.protocol.errors import InvalidOperation
from authfsm.protocol.replies import unverified_claims
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State


@frozen
class Action:
    """A button: its label, its response in the table, when it is offered besides, and what it does other than answer."""

    label: str
    response: type[Response] | None = None
    offered: Callable[[SignInRecording], object] = lambda _: True
    act: Callable[[SignInRecording], object] | None = None


def _levels(recording: SignInRecording) -> tuple[str, ...]:
    """Return the levels of authentication above that of the tokens, the best first."""
    if recording.flow.tokens is None:
        return ()
    names = ACR_VALUES if recording.pool is None else recording.pool.configuration.acr_values
    reached = unverified_claims(recording.flow.tokens.access_token).get("acr")
    return names[: names.index(reached) if reached in names else None : -1]


def _step_up(recording: SignInRecording) -> object:
    access_token = recording.flow.signed_in().access_token
    return recording.begin(r.StepUp(recording.username, _levels(recording), access_token))


# fmt: off
ACTIONS: Final[Mapping[str, Action]] = {
    "refresh":             Action("Refresh", r.GetTokensFromRefreshToken),
    "refresh_token_auth":  Action("Refresh by REFRESH_TOKEN_AUTH", r.RefreshTokenAuth),
    "refresh_token":       Action("Refresh by REFRESH_TOKEN", r.RefreshToken),
    "confirm_device":      Action("Confirm the device", r.ConfirmDevice,
                                  lambda on: on.flow.tokens and on.flow.tokens.new_device and not on.flow.device,
                                  SignInRecording.confirm_device),
    "remember_device":     Action("Remember the device", r.UpdateDeviceStatus, lambda on: on.flow.device),
    "forget_device":       Action("Forget the device", r.UpdateDeviceStatus, lambda on: on.flow.device,
                                  lambda on: on.answer(r.UpdateDeviceStatus(remembered=False))),
    "sign_out":            Action("Sign out", r.RevokeToken),
    "sign_out_everywhere": Action("Sign out everywhere", r.GlobalSignOut),
    "register_passkey":    Action("Register a passkey", None,
                                  lambda on: on.flow.tokens and on.pool and on.pool.configuration.webauthn,
                                  SignInRecording.register_passkey),
    "step_up":             Action("Step up", r.StepUp, _levels, _step_up),
    "passkey":             Action("Sign in by the passkey", r.UserAuth, lambda on: on.passkey,
                                  lambda on: on.begin(r.UserAuth(on.username, State.WEB_AUTHN))),
    "again":               Action("Sign in again", act=SignInRecording.begin),
}
# fmt: on
"""Every button by its name, in their order."""


def offered_actions(recording: SignInRecording) -> dict[str, Action]:
    """Return the buttons that are offered now; none before the sign-in has ended."""
    flow = recording.flow
    if not flow.history or not (flow.done or flow.state is State.START):
        return {}
    accepted = {None, r.StepUp, r.UserAuth, *(flow.accepts if flow.done else ())}
    return {n: each for n, each in ACTIONS.items() if each.response in accepted and each.offered(recording)}


def take_action(recording: SignInRecording, name: str) -> None:
    """Do what a button does; raise InvalidOperation if it is not offered."""
    offered = offered_actions(recording)
    if name not in offered:
        now = ", ".join(offered) or "none before a sign-in has ended: call step(), run() or answer(...)"
        why = f"{recording.flow.state} does not offer the action {name!r}; it offers {now}"
        raise InvalidOperation(why, state=recording.flow.state)
    action = offered[name]
    if action.act is not None:
        action.act(recording)
    elif action.response is not None:
        recording.answer(action.response())
