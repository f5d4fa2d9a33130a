"""Every state, response and reply: those of the table make a transition, all others raise and change nothing."""

from __future__ import annotations

import pytest
from samples import OTHER_REPLIES, RESPONSES, all_data, reply, signin_in_state, transition_id

from authfsm.protocol.errors import ProtocolViolation, WrongResponse
from authfsm.protocol.responses import RESPONSES as KINDS
from authfsm.protocol.states import State
from authfsm.protocol.table import PROTOCOL, TRANSITION_SET, TRANSITIONS, Transition, transition_between


@pytest.mark.parametrize("transition", TRANSITIONS, ids=transition_id)
def test_a_transition_of_the_table_is_made(transition: Transition) -> None:
    """The reply of each transition leads to its destination, and adds one step to the history."""
    signin = signin_in_state(transition.source)
    signin.send(RESPONSES[transition.response])

    state = signin.receive(reply(*transition))

    assert state == signin.state == transition.dest
    assert [(s.number, s.source, s.response, s.dest, s.kind) for s in signin.history] == [(1, *transition)]
    assert signin.awaiting is None


@pytest.mark.parametrize("source", State)
def test_a_response_that_is_not_accepted_changes_nothing(source: State) -> None:
    """A response that the state does not accept is refused unsent, by an error with the facts."""
    for kind in set(KINDS.values()) - set(PROTOCOL[source]):
        signin = signin_in_state(source)
        before = all_data(signin)

        with pytest.raises(WrongResponse) as caught:
            signin.send(RESPONSES[kind])

        assert (caught.value.state, caught.value.response) == (source, kind)
        assert caught.value.accepts == signin.accepts == tuple(PROTOCOL[source])
        assert all_data(signin) == before


def test_a_reply_that_the_table_does_not_have_changes_nothing() -> None:
    """A reply that the table lacks is the service's fault, and the sign-in stays usable."""
    count = 0
    for source, answers in PROTOCOL.items():
        for kind in answers:
            if kind in OTHER_REPLIES:
                continue  # their replies carry no destination
            for dest in set(State) - {State.START, State.FAILED}:
                if transition_between(source, kind, dest) in TRANSITION_SET:
                    continue
                signin = signin_in_state(source)
                before = all_data(signin)
                signin.send(RESPONSES[kind])

                with pytest.raises(ProtocolViolation) as caught:
                    signin.receive(reply(source, kind, dest))

                assert (caught.value.state, caught.value.response, caught.value.leads_to) == (source, kind, dest)
                assert all_data(signin) == before
                signin.send(RESPONSES[kind])
                count += 1

    assert count > 200
