"""DOT to SVG or PNG, by the first engine at hand: `graphviz-pure`, whose output is the same everywhere, or `dot`."""

from __future__ import annotations

import re
import shutil
import sysconfig
from typing import Final

from authfsm.errors import OperatorError

ENGINES: Final = ("graphviz-pure", "dot")
"""The programs that can draw, the preferred one first."""

FONTS: Final = "Helvetica,Arial,sans-serif"


class NoEngine(OperatorError):
    """There is no program that lays a graph out."""

    def __init__(self) -> None:
        super().__init__(
            "no program lays the graph out: `pip install graphviz-pure`, or install Graphviz so that `dot` is on the PATH"
        )


def engine() -> str:
    """The path of the program that will draw.

    Raises:
        NoEngine: there is none.
    """
    scripts = sysconfig.get_path("scripts")
    for name in ENGINES:
        found = shutil.which(name, path=scripts) or shutil.which(name)
        if found:
            return found
    raise NoEngine


def svg(source: str) -> str:
    """A drawing as SVG; its text is text.

    Args:
        source: DOT.

    Raises:
        NoEngine: there is no program that draws.
        graphviz.CalledProcessError: the program failed.
    """
    drawn = _run(source, "svg").decode()
    return re.sub(r'font-family="Helvetica[^"]*"', f'font-family="{FONTS}"', drawn)


def png(source: str, dpi: int = 144) -> bytes:
    """A drawing as PNG.

    Args:
        source: DOT.
        dpi: pixels an inch.

    Raises:
        NoEngine: there is no program that draws.
        graphviz.CalledProcessError: the program failed.
    """
    return _run(source, "png", f"-Gdpi={dpi}")


def _run(source: str, form: str, *options: str) -> bytes:
    from graphviz.backend import dot_command, execute  # noqa: PLC0415 -- who draws nothing does not pay for it

    program = engine()
    _, *arguments = dot_command.command("dot", form)
    done = execute.run_check(
        [program, *arguments, *options], input=source.encode(), capture_output=True, quiet=True
    )
    return bytes(done.stdout)
