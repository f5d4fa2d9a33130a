"""Runs the notebooks from top to bottom and writes their normalised outputs.

`python tests/rerun_notebooks.py`.

Outputs are committed, because GitHub shows a notebook as it lies there and a lesson without its pictures is
half a lesson. So that they stay small and change only when something did, pools and clocks in them are
fixed, and what a run adds is taken off: counts of execution, times, what only a live page can show, PNG beside SVG, DOT beside either.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
_LONGEST = 2000  # characters of text beside a picture


def read(path: Path) -> Any:
    """Return a committed notebook."""
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]  # it ships no types


def run(path: Path, more: Iterable[str] = ()) -> Any:
    """Run a notebook in its own folder, with more cells at its end; return it with normalised outputs."""
    notebook = read(path)
    for source in more:
        notebook.cells.append(nbformat.v4.new_code_cell(source))  # type: ignore[no-untyped-call]  # the same
    client = NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    )  # fmt: skip
    return normalise(client.execute())


def normalise(notebook: Any) -> Any:
    """Return a notebook without the parts that differ from run to run."""
    notebook.metadata = {"kernelspec": _KERNEL, "language_info": {"name": "python"}}
    for number, cell in enumerate(notebook.cells, start=1):
        cell["id"], cell.metadata = f"cell-{number:02d}", {}
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = [_keep_output(each) for each in _join_printed(cell.outputs)]
    return notebook


def _join_printed(outputs: list[Any]) -> list[Any]:
    """Return the outputs, with a text that was printed in pieces joined."""
    joined: list[Any] = []
    for each in outputs:
        if each.output_type == "stream" and joined and joined[-1].get("name") == each.name:
            joined[-1].text += each.text
        else:
            joined.append(each)
    return joined


def _keep_output(output: Any) -> Any:
    if "execution_count" in output:
        output.execution_count = None
    data = output.get("data", {})
    data.pop("application/vnd.jupyter.widget-view+json", None)  # a live page's own
    if "image/svg+xml" in data:
        data.pop("image/png", None)
        if len(data.get("text/plain", "")) > _LONGEST:
            del data["text/plain"]
    return output


def text(notebook: Any) -> str:
    """Return a notebook as the text that is committed."""
    lines = json.loads(nbformat.writes(notebook))  # type: ignore[no-untyped-call]  # it ships no types
    return json.dumps(lines, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> None:
    """Run all notebooks, or those that are named, and write them."""
    for path in [Path(name) for name in sys.argv[1:]] or sorted(NOTEBOOKS.glob("*.ipynb")):
        path.write_text(text(run(path)), encoding="utf-8")
        print(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB")  # noqa: T201 - a command


if __name__ == "__main__":
    main()
