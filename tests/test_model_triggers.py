"""`authfsm.ModelTriggers`: the signatures of a model's triggers, generated from the response classes."""

from __future__ import annotations

from pathlib import Path

from authfsm.core import model_triggers
from authfsm.core.machine import build
from authfsm.protocol.responses import RESPONSES, SRP_START_RESPONSES, SrpA, SrpClaim

MODULE = Path(model_triggers.__file__).with_suffix(".pyi")
_BEGIN, _END = "    # fmt: off\n", "    # fmt: on\n"


def generated_stub(text: str) -> str:
    """Return the stub with the triggers of today's response classes."""
    lines = []
    for name, kind in RESPONSES.items():
        signature = f"r.{kind.__name__}"
        if kind in SRP_START_RESPONSES:
            signature = "_ByPassword.start"
        elif kind in {SrpA, SrpClaim}:
            signature = "_ByPassword.proof"
        lines.append(f"    {name}, may_{name} = _pair({signature})\n")
    before, rest = text.split(_BEGIN)
    return before + _BEGIN + "".join(lines) + _END + rest.split(_END)[1]


def test_the_triggers_are_those_of_the_table() -> None:
    """The committed list is the one that `python tests/test_model_triggers.py` writes, and a machine has these triggers."""
    text = MODULE.read_text(encoding="utf-8")

    assert text == generated_stub(text)
    assert set(RESPONSES) == set(build().events)


if __name__ == "__main__":
    MODULE.write_text(generated_stub(MODULE.read_text(encoding="utf-8")), encoding="utf-8")
