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

_EXPORTS = {"Moment": "authfsm.notebook.moment", "Stepper": "authfsm.notebook.stepper"}


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


def exercise(answer: object, is_right: Callable[[Any], object], hint: str) -> None:
    """Print whether the answer to an exercise of a notebook is right, and if not a hint; `...` is no answer yet."""
    try:
        is_correct = answer is not ... and is_right(answer)
    except Exception as error:  # noqa: BLE001 - any answer may be typed
        hint = f"{hint} ({type(error).__name__}: {error})"
        is_correct = False
    wrong = "No answer yet: replace the dots." if answer is ... else f"Not right yet. Hint: {hint}"
    print("Right." if is_correct else wrong)  # noqa: T201 - in a notebook


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'authfsm.notebook' has no attribute {name!r}")
    try:
        value = getattr(import_module(_EXPORTS[name]), name)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in {"anywidget", "ipywidgets", "traitlets", "IPython"}:
            raise
        raise NoWidgets(missing) from None
    globals()[name] = value
    return value
