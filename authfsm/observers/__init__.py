"""Whoever wants to know of each step as it is taken: an observer is a callable, given to a `Cognito`.

An observation holds no secret and nothing that changes, so that it can be logged, counted, traced or kept.
An observer cannot stop a sign-in: what it raises is logged and the step goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from attrs import frozen

from authfsm.core.history import Step

LOGGER: Final = logging.getLogger("authfsm")


@frozen
class Observation:
    """One step of one sign-in, seen from outside.

    Args:
        sign_in: tells one sign-in from another; the same in every process that carries it on. Not the user.
        step: what was given and where its reply led, with the action if it was a refusal.
        seconds: from the request's leaving to its reply; in a thread, with the wait for a free one.
        flow: the AuthFlow that began this.
        lost: the class of the error, where no reply came or none that could be read; `step` then says
            what was tried, is not in the history, and its number comes again.
    """

    sign_in: str
    step: Step
    seconds: float
    flow: str | None = None
    lost: str | None = None


Observer: TypeAlias = Callable[[Observation], None]
"""Is told of each step, in the thread or event loop that took it: it must not take long."""


def notify(observers: Iterable[Observer], observation: Observation) -> None:
    """Tell each observer, whatever the one before made of it.

    Args:
        observers: who is told, in this order.
        observation: what there is to tell.
    """
    for observer in observers:
        try:
            observer(observation)
        except Exception:  # noqa: PERF203 - each observer fails for itself
            LOGGER.exception("an observer of a sign-in failed")


def logging_observer(logger: logging.Logger = LOGGER, level: int = logging.INFO) -> Observer:
    """An observer that logs a line for each step, its facts as `extra` (`record.authfsm`).

    Args:
        logger: where to; `authfsm`'s own.
        level: of a step that moves on; a refusal and a lost reply are warnings.
    """

    def observer(seen: Observation) -> None:
        step = seen.step
        trouble = seen.lost or step.error
        told = f" ({trouble}: {step.action})" if trouble else ""
        logger.log(
            logging.WARNING if trouble else level,
            "sign-in %s: %s, %s -> %s%s in %.0f ms",
            seen.sign_in,
            step.source,
            step.response.trigger,
            step.dest,
            told,
            seen.seconds * 1e3,
            extra={"authfsm": seen},
        )

    return observer
