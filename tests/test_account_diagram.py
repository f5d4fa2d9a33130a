"""The life of an account as a picture and in `explain`: both show the transitions of the table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from authfsm.diagrams import AccountDiagram
from authfsm.protocol.account_table import (
    ACCOUNT_TRANSITIONS,
    RECOVERIES,
    UNUSED_STATUSES,
    AccountOperation,
    UserStatus,
)
from authfsm.reference import find

FAILURES = Path(__file__).parent.parent / "diagrams" / "failures.svg"
DELETIONS = {AccountOperation.DELETE_USER, AccountOperation.ADMIN_DELETE_USER}


def test_the_picture_shows_every_transition() -> None:
    """The label of an edge has each transition between two statuses.

    That of a status those that stay in it.
    """
    statements = str(AccountDiagram()).splitlines()
    labels = {line.split(" [")[0].strip(): line for line in statements if " [" in line}
    edge_labels = [t for t in ACCOUNT_TRANSITIONS if t.operation not in DELETIONS and t.source not in UNUSED_STATUSES]

    for source, operation, dest in edge_labels:
        ends = source.name if source is dest else f"{source.name} -> {dest.name}"
        assert operation in labels[ends], (source, operation, dest)
    assert sum(" -> " in each for each in labels) == len(
        {(t.source, t.dest) for t in edge_labels if t.source is not t.dest}
    )
    assert "<svg" in AccountDiagram()._repr_mimebundle_()["image/svg+xml"]


def test_recovery_actions_link_to_it() -> None:
    """In the gallery, each recovery action that leads into an account's life links to the picture of it."""
    assert FAILURES.read_text(encoding="utf-8").count('href="account.svg"') == len(RECOVERIES)


@pytest.mark.parametrize("subject", [*UserStatus, *AccountOperation], ids=str)
def test_explain_shows_its_transitions(subject: UserStatus | AccountOperation) -> None:
    """Each status and operation is found by its name, with its transitions, their evidence and AWS's page."""
    (described,) = [each for each in find(str(subject)) if each["name"] == subject]

    assert described["kind"].startswith("account ")
    assert re.fullmatch(r"https://docs\.aws\.amazon\.com/.*/API_\w+\.html", described["page"])
    transitions = {(each["status"], each["operation"], each["leads_to"]) for each in described["transitions"]}
    assert transitions == {each for each in ACCOUNT_TRANSITIONS if subject in each}
    assert all(each["evidence"][0]["source"] for each in described["transitions"])


def test_an_operation_with_two_meanings_is_found_by_its_own_name() -> None:
    """AdminSetUserPassword names both of its operations, and a trigger its own."""
    names = {each["name"] for each in find("AdminSetUserPassword")}

    assert names == {AccountOperation.ADMIN_SET_PERMANENT_PASSWORD, AccountOperation.ADMIN_SET_TEMPORARY_PASSWORD}
    assert [each["name"] for each in find("forgot_password")] == ["ForgotPassword"]
