"""What is known about a status or an operation of an account's life: its transitions, with their evidence."""

from __future__ import annotations

from typing import Any

from attrs import asdict, frozen

from authfsm.protocol.account_table import (
    ACCOUNT_TRANSITIONS,
    AccountOperation,
    AccountTransition,
    Actor,
    UserStatus,
)
from authfsm.protocol.evidence import account_evidence
from authfsm.protocol.links import reference


@frozen
class AboutAccount:
    """What is known about a status or an operation.

    Args:
        subject: the status or the operation.
        transitions: those that leave or reach the status, or that the operation makes.
    """

    subject: UserStatus | AccountOperation
    transitions: tuple[AccountTransition, ...]

    @property
    def name(self) -> str:
        """The status, or the operation's name."""
        return str(self.subject)


def about_account(subject: UserStatus | AccountOperation) -> AboutAccount:
    """Return what is known about a status or an operation."""
    return AboutAccount(subject, tuple(each for each in ACCOUNT_TRANSITIONS if subject in each))


def account_names(subject: UserStatus | AccountOperation) -> tuple[str, ...]:
    """Return the names of a status or an operation; a step of a sign-in has none of the sign-in's."""
    if isinstance(subject, UserStatus) or subject.actor is Actor.SIGN_IN:
        return (str(subject),)
    return tuple(dict.fromkeys((str(subject), subject.page, subject.trigger)))


def account_as_dict(about: AboutAccount) -> dict[str, Any]:
    """Return the same as dicts, lists and text, for JSON."""
    is_status = isinstance(about.subject, UserStatus)
    page = "UserType" if isinstance(about.subject, UserStatus) else about.subject.page
    return {
        "kind": "account status" if is_status else "account operation",
        "name": about.name,
        "meaning": about.subject.meaning,
        "page": reference(page),
        "transitions": [
            {
                "status": str(each.source),
                "operation": str(each.operation),
                "leads_to": str(each.dest),
                "evidence": [asdict(known) for known in account_evidence(each)],
            }
            for each in about.transitions
        ],
    }
