"""Step through a sign-in in Jupyter: the diagram with the path lit, each request and reply, a form for each challenge.

    from authfsm.notebook import Stepper

It needs `pip install "authfsm[notebook]"`, and says so where that is missing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from authfsm.protocol.errors import OperatorError

if TYPE_CHECKING:
    from authfsm.notebook.moment import Moment as Moment
    from authfsm.notebook.stepper import Stepper as Stepper

__all__ = ["Moment", "NoWidgets", "Stepper"]

_WHERE = {"Moment": "authfsm.notebook.moment", "Stepper": "authfsm.notebook.stepper"}


class NoWidgets(OperatorError, ImportError):
    """A stepper is wanted, and what draws it in a notebook is not installed.

    Args:
        missing: the package that is missing.
    """

    def __init__(self, missing: str) -> None:
        super().__init__(
            f'the stepper needs {missing}, which is not installed: pip install "authfsm[notebook]"'
        )
        self.missing = missing


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'authfsm.notebook' has no attribute {name!r}")
    try:
        value = getattr(import_module(_WHERE[name]), name)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in {"anywidget", "ipywidgets", "traitlets", "IPython"}:
            raise
        raise NoWidgets(missing) from None
    globals()[name] = value
    return value
