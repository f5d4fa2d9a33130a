"""Observers are called after each step of each sign-in; pass them to `Cognito(..., observers=[...])`.

An observation contains no secret and never changes, so it can be logged, counted, traced or stored. An exception that
an observer raises is logged, and does not stop the sign-in. `observers.otel` makes OpenTelemetry spans.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from attrs import frozen

from authfsm.core.history import Step

__all__ = ["LOGGER", "Observation", "Observer", "logging_observer", "notify"]

LOGGER: Final = logging.getLogger("authfsm")


@frozen
class Observation:
    """One step of one sign-in, as observers see it.

    Args:
        sign_in: an id of the sign-in, not of the user; the same in every process that continues the sign-in.
        step: the response, the state to which its reply led, and the recovery action after an error.
        seconds: from sending the request to its reply; in a thread pool, including the wait for a free thread.
        flow: the AuthFlow that began the sign-in; None if Cognito refused the first request, or if the sign-in began
            with GetTokensFromRefreshToken or with stored tokens.
        lost: the name of the error's class if no reply came or the reply is not valid, otherwise None. Such a step is
            not in the history, so the next step has the same number.
    """

    sign_in: str
    step: Step
    seconds: float
    flow: str | None = None
    lost: str | None = None


Observer: TypeAlias = Callable[[Observation], None]
"""A synchronous function, called after each step in the step's thread or event loop; so it must return quickly."""


def notify(observers: Iterable[Observer], observation: Observation) -> None:
    """Call each observer in turn; if one raises an exception, log it and call the others."""
    for observer in observers:
        try:
            observer(observation)
        except Exception:  # noqa: PERF203 - an observer that fails must not stop the others
            LOGGER.exception("an observer of a sign-in failed")


def logging_observer(logger: logging.Logger = LOGGER, level: int = logging.INFO) -> Observer:
    """Return an observer that logs one line for each step, with the observation as `record.authfsm`.

    Args:
        logger: the logger; by default `authfsm`.
        level: the level of a step that succeeds, such as `logging.DEBUG`; refusals and lost replies are warnings.
    """

    def observer(observation: Observation) -> None:
        step = observation.step
        problem = observation.lost or step.error
        why = f" ({problem}{f': {step.action}' if step.action else ''})" if problem else ""
        logger.log(
            logging.WARNING if problem else level,
            "sign-in %s: %s, %s -> %s%s in %.0f ms",
            *(observation.sign_in, step.source, step.response.trigger, step.dest),
            *(why, observation.seconds * 1e3),
            extra={"authfsm": observation},
        )

    return observer
