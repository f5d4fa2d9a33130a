"""The README's table is the protocol's, row by row."""

from __future__ import annotations

from pathlib import Path

import pytest
from gallery import BEGIN, END, NoTableMarkers, readme_table, rows, update_readme, with_table

from authfsm.protocol.evidence import confidence
from authfsm.protocol.states import State
from authfsm.protocol.table import PROTOCOL, TRANSITIONS, Transition, transition_between

README = Path(__file__).parent.parent / "README.md"


def test_the_rows_are_the_table() -> None:
    """The rows, read back, are every arrow except those that the text says are left out."""
    transitions = {
        transition_between(row.source, row.response, dest)
        for row in rows()
        for dest in {*row.dests, *(each for named in row.sets for each in named.members)}
    } | {Transition(row.source, row.response, row.source, k) for row in rows() for k in row.loops}
    unsaid = {State.FAILED, State.OTHER_CHALLENGE}

    expected = {a for a in TRANSITIONS if a.dest not in unsaid or (a.kind and a.dest is a.source)}
    assert expected == transitions


def test_one_row_for_each_response() -> None:
    """Every response of every state has its row, in the table's order."""
    pairs = [(source, response) for source, answers in PROTOCOL.items() for response in answers]

    assert pairs == [(row.source, row.response) for row in rows()]


def test_uncertainty_is_marked() -> None:
    """An arrow has a mark if, and only if, its best evidence is an inference or a contradiction."""
    for row in rows():
        for dest in row.dests:
            arrow = Transition(row.source, row.response, dest)
            assert bool(row.mark(dest)) == confidence(arrow).is_uncertain
        for kind in row.loops:
            arrow = Transition(row.source, row.response, row.source, kind)
            assert bool(row.mark(row.source, kind)) == confidence(arrow).is_uncertain


def test_an_example_row() -> None:
    """A row has the names of sets, the marks of uncertain arrows, and the kind of a self-loop."""
    lines = readme_table().splitlines()

    assert "| `DEVICE_SRP_AUTH` | `srp_a` | `DEVICE_PASSWORD_VERIFIER` |" in lines
    assert (
        "| `SMS_MFA` | `code` | *what follows the last factor*, `CUSTOM_CHALLENGE`, *retry*, *device dropped* |"
        in lines
    )
    assert "| `PASSWORD` | `password` | *what follows a password* (`DEVICE_SRP_AUTH`‡), *device dropped*† |" in lines


def test_the_readme_has_the_table() -> None:
    """The README's table is the generated one; `python tests/gallery.py` regenerates it."""
    text = README.read_text(encoding="utf-8")
    if BEGIN not in text:
        pytest.skip("the README has no place for the table")

    assert with_table(text) == text


def test_writing_keeps_the_rest(tmp_path: Path) -> None:
    """Writing replaces the table between its marks only; writing again changes nothing."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")

    assert update_readme(page)
    assert not update_readme(page)
    assert f"before\n{BEGIN}\n{readme_table()}\n{END}\nafter\n" == page.read_text(encoding="utf-8")


def test_a_file_without_marks_is_left_alone(tmp_path: Path) -> None:
    """A file without marks for the table is an error, and is not written."""
    page = tmp_path / "page.md"
    page.write_text("nothing here\n", encoding="utf-8")

    with pytest.raises(NoTableMarkers, match="has no lines"):
        update_readme(page)
    assert page.read_text(encoding="utf-8") == "nothing here\n"
