"""Runs the command line: `python -m authfsm`."""

from authfsm.cli import app

app(prog_name="python -m authfsm")
