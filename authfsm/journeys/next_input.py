"""The next input of a journey, and the errors of an app that does not follow it."""

from __future__ import annotations

from attrs import NOTHING, fields, frozen

from authfsm.base.secret import Secret
from authfsm.protocol.errors import CallerError
from authfsm.protocol.forms import SRP_RESPONSES
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import Transition


@frozen
class NextInput:
    """What the user enters next.

    Args:
        state: the state of the sign-in; START to begin it.
        response: the class of the response.
        value: what the user types, chooses or signs: a password, a code, the name of a choice, a credential;
            None if nothing is needed.
        wrong: is the value wrong on purpose? The right one follows.
        leads_to: the state after the reply.
    """

    state: State
    response: type[Response]
    value: Secret[str] | None
    wrong: bool
    leads_to: State

    def __str__(self) -> str:
        return f"{self.response.__name__} in {self.state}"

    @property
    def field(self) -> str | None:
        """The form field that takes the value; None if nothing is asked for."""
        if self.response in SRP_RESPONSES:
            return "password"
        return next((each.name for each in fields(self.response) if each.default is NOTHING), None)

    @property
    def automatic(self) -> bool:
        """Does the client do this step without the user, as part of an SRP proof?"""
        return self.response in SRP_RESPONSES


class UnexpectedPath(CallerError, AssertionError):
    """A sign-in did not follow the path of its journey.

    Args:
        journey: the journey's id.
        expected: the journey's transitions.
        actual: the transitions that happened.
    """

    def __init__(
        self, journey: str, expected: tuple[Transition, ...], actual: tuple[Transition, ...]
    ) -> None:
        step = next(
            (n for n, (a, b) in enumerate(zip(expected, actual, strict=False)) if a != b),
            min(len(expected), len(actual)),
        )
        due, got = _shown(expected[step : step + 1]), _shown(actual[step : step + 1])
        super().__init__(f"{journey}: step {step + 1} should be {due}, but was {got}")
        self.journey, self.expected, self.actual = journey, expected, actual


def _shown(arrows: tuple[Transition, ...]) -> str:
    named = (f"{a.source} -{a.response.trigger}-> {a.dest}" for a in arrows)
    return next(named, "no step at all")


class NothingSent(CallerError, AssertionError):
    """The app asked for the same input a third time and sent no request in between.

    Args:
        journey: the journey's id.
        next_input: the input; its value is not in the message.
    """

    def __init__(self, journey: str, next_input: NextInput) -> None:
        super().__init__(
            f"{journey}: {next_input} was returned twice, and the app has sent the pool no request"
            " since. Check that the app enters what `next_input()` returns and that its client uses this pool"
            " (`stage.client()`, or the endpoint of `stage.serve()`)."
        )
        self.journey, self.next_input = journey, next_input


class NoProgress(CallerError, AssertionError):
    """The app has sent many requests, and none was a step of the sign-in.

    Args:
        journey: the journey's id.
        next_input: the input that is due.
        requests: the number of requests.
    """

    def __init__(self, journey: str, next_input: NextInput, requests: int) -> None:
        super().__init__(
            f"{journey}: {next_input} is still due after {requests} requests that were no step of the sign-in."
            " Check which request the app repeats."
        )
        self.journey, self.next_input, self.requests = journey, next_input, requests
