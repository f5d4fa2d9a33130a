"""This package's own driver goes on a journey, cue by cue."""

from __future__ import annotations

from authfsm.drivers.boto import Flow
from authfsm.journeys.inputs import NextInput
from authfsm.journeys.stage import Stage, UnexpectedPath
from authfsm.protocol import responses as r
from authfsm.protocol.errors import Refused
from authfsm.protocol.states import State

_NAMED_ONLY = frozenset({r.UserSrpAuth, r.CustomSrpAuth, r.CustomAuth, r.UserAuthWithSrp})


def drive(stage: Stage) -> Flow:
    """Sign in as the journey has it.

    Args:
        stage: the journey, just begun.

    Returns:
        The sign-in, its tokens in hand.

    Raises:
        Strayed: it led elsewhere.
    """
    flow = stage.cognito().start(stage.password, device=stage.device, walk=False)
    while (cue := stage.cue()) is not None:
        walked = len(stage.walked)
        try:
            _give(flow, stage.username, cue)
        except Refused:
            if len(stage.walked) == walked:
                raise
        if len(stage.walked) == walked:
            raise UnexpectedPath(stage.journey.id, stage.journey.path.arrows, stage.walked)
    stage.check()
    return flow


def _give(flow: Flow, username: str, cue: NextInput) -> None:
    value = [] if cue.value is None else [cue.value.reveal()]
    if cue.by_itself:
        flow.carry(cue.response)
    elif cue.state is not State.START:
        flow.carry(cue.response, *value)
    elif cue.response in _NAMED_ONLY:
        flow.carry(cue.response, username)
    else:
        flow.carry(cue.response, username, *value)
