"""A real JupyterLab for tests, with directories, a port and a token of its own."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from attrs import frozen
from playwright.sync_api import ConsoleMessage, Page

TIMEOUT_SECONDS: Final = 60.0
"""The seconds within which JupyterLab must answer on a slow machine."""

QUIET_SETTINGS: Final = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
    "@jupyter-widgets/jupyterlab-manager:plugin": {"saveState": True},
}
"""Settings: nothing is fetched from the network, and the state of widgets is saved with a notebook."""


@frozen
class Lab:
    """A running JupyterLab.

    Args:
        folder: the folder of its notebooks.
        port: its port on 127.0.0.1.
        token: the access token.
    """

    folder: Path
    port: int
    token: str

    def page(self, notebook: str) -> str:
        """Return the URL of a notebook's page.

        Args:
            notebook: its name.
        """
        return f"http://127.0.0.1:{self.port}/doc/tree/{notebook}?token={self.token}"

    def write(self, notebook: str, cells: Sequence[str]) -> Path:
        """Write a notebook.

        Args:
            notebook: its name.
            cells: the source of each cell.
        """
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        document = {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {"kernelspec": kernel},
            "cells": [
                {
                    "cell_type": "code",
                    "id": f"cell-{number}",
                    "metadata": {},
                    "execution_count": None,
                    "outputs": [],
                    "source": source,
                }
                for number, source in enumerate(cells)
            ],
        }
        file = self.folder / notebook
        file.write_text(json.dumps(document), encoding="utf-8")
        return file


@contextmanager
def jupyterlab(folder: Path, theme: str = "JupyterLab Light") -> Iterator[Lab]:
    """Run JupyterLab until the end of the block.

    Args:
        folder: the folder for all its files.
        theme: the theme's name.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    lab = Lab(folder / "notebooks", port, secrets.token_hex(16))
    lab.folder.mkdir(parents=True)
    settings = folder / "settings"
    themed = {"@jupyterlab/apputils-extension:themes": {"theme": theme}}
    for name, values in {**QUIET_SETTINGS, **themed}.items():
        file = settings / f"{name.replace(':', '/')}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values), encoding="utf-8")
    own = {
        "HOME": "home",
        "IPYTHONDIR": "ipython",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    }
    environment = {**os.environ, **{name: str(folder / each) for name, each in own.items()}}
    environment["JUPYTER_TOKEN"] = lab.token
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--ServerApp.root_dir={lab.folder}", f"--ServerApp.port={port}"]
    command += ["--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1", "--expose-app-in-browser"]
    with (folder / "lab.log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
        try:
            _answers(lab, process)
            yield lab
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(lab: Lab, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{lab.port}/api?token={lab.token}"):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)  # between two looks
    raise RuntimeError(f"JupyterLab did not come: {(lab.folder.parent / 'lab.log').read_text()[-2000:]}")


@contextmanager
def notebook(lab: Lab, page: Page, name: str, cells: Sequence[str]) -> Iterator[list[str]]:
    """Open a notebook in a browser, with its kernel started and no cell run.

    Args:
        lab: the JupyterLab.
        page: the browser's page.
        name: the notebook's name.
        cells: the source of each cell.

    Yields:
        The errors and warnings that the page has on its console.
    """
    console: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        slow = "to activate." in message.text  # a plugin of JupyterLab, on a busy machine
        if message.type in {"error", "warning"} and not slow:
            console.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: console.append(str(error)))
    lab.write(name, cells)
    page.goto(lab.page(name))
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=TIMEOUT_SECONDS * 1000)
    yield console


def run_cell(page: Page, number: int) -> None:
    """Run a cell.

    Args:
        page: the page with the notebook.
        number: the cell's, from 0 on.
    """
    page.locator(".jp-CodeCell .cm-content").nth(number).click()
    page.keyboard.press("Control+Enter")
