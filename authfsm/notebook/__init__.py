"""Step through a sign-in in Jupyter: its path on the diagram, each request and reply, a form for each challenge.

    from authfsm.notebook import Stepper

It needs `pip install "authfsm[notebook]"`. The names in `__all__` are public; the modules are private. What
belongs here: how values look in a notebook, and the stepper: a recorder, what its page shows, and the widget.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from authfsm.protocol.errors import OperatorError

if TYPE_CHECKING:
    from authfsm.notebook.moment import Moment as Moment
    from authfsm.notebook.stepper import Stepper as Stepper

__all__ = ["Moment", "NoWidgets", "Stepper", "exercise"]


class NoWidgets(OperatorError, ImportError):
    """A package that the stepper needs is not installed.

    Args:
        missing: the package.
    """

    def __init__(self, missing: str) -> None:
        super().__init__(
            f'the stepper needs {missing}, which is not installed: pip install "authfsm[notebook]"'
        )
        self.missing = missing


def exercise(answer: object, why_wrong: Callable[[Any], str], form: str) -> None:
    """Print whether the answer to an exercise of a notebook is right, and if not, why.

    Args:
        answer: the answer; `...` if there is none yet.
        why_wrong: returns why an answer is wrong, "" if it is right.
        form: what an answer looks like, as "a set of names".
    """
    try:
        why = f"replace the dots by {form}." if answer is ... else why_wrong(answer)
    except Exception as error:  # noqa: BLE001 - any answer may be typed
        why = f"the answer must be {form}; checking yours raised {type(error).__name__}: {error}."
    head = "No answer yet" if answer is ... else "Not right yet"
    print(f"{head}: {why}" if why else "Right.")  # noqa: T201 - in a notebook


def __getattr__(name: str) -> Any:
    if name not in {"Moment", "Stepper"}:
        raise AttributeError(f"module 'authfsm.notebook' has no attribute {name!r}")
    try:
        value = getattr(import_module(f"authfsm.notebook.{name.lower()}"), name)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in {"anywidget", "ipywidgets", "traitlets", "IPython"}:
            raise
        raise NoWidgets(missing) from None
    globals()[name] = value
    return value
