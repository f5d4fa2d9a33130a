"""Step through a sign-in in Jupyter: its path on the diagram, each request and reply, a form for each challenge.

    from authfsm.notebook import Stepper

It needs `pip install "authfsm[notebook]"`. The names in `__all__` are public; the modules are private. `value_repr`
displays values in a notebook. The other modules are the stepper's: its recorder, the content of its page, its widget.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from authfsm.protocol.errors import OperatorError

if TYPE_CHECKING:
    from authfsm.notebook.stepper import Stepper as Stepper
    from authfsm.notebook.view_model import Moment as Moment

__all__ = ["Moment", "NoWidgets", "Stepper", "exercise"]


class NoWidgets(OperatorError, ImportError):
    """A package that the stepper needs (`missing`) is not installed."""

    def __init__(self, missing: str) -> None:
        super().__init__(f'the stepper needs {missing}, which is not installed: pip install "authfsm[notebook]"')
        self.missing = missing


def exercise(answer: object, why_wrong: Callable[[Any], str], form: str) -> None:
    """Print whether the answer to an exercise of a notebook is right, and if it is not, why.

    Args:
        answer: the answer; `...` if the reader has not written one yet.
        why_wrong: returns why an answer is wrong, or "" if it is right.
        form: the form of an answer, for example "a set of names".
    """
    try:
        why = f"replace the dots by {form}." if answer is ... else why_wrong(answer)
    except Exception as error:  # noqa: BLE001 - the reader may type anything
        why = f"the answer must be {form}; checking yours raised {type(error).__name__}: {error}."
    head = "No answer yet" if answer is ... else "Not right yet"
    print(f"{head}: {why}" if why else "Right.")  # noqa: T201 - in a notebook


def __getattr__(name: str) -> Any:
    module = {"Moment": "view_model", "Stepper": "stepper"}.get(name)
    if module is None:
        raise AttributeError(f"module 'authfsm.notebook' has no attribute {name!r}")
    try:
        value = getattr(import_module(f"authfsm.notebook.{module}"), name)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in {"anywidget", "ipywidgets", "traitlets", "IPython"}:
            raise
        raise NoWidgets(missing) from None
    globals()[name] = value
    return value
