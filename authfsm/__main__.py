"""`python -m authfsm` is the command line."""

from authfsm.cli import app

app(prog_name="python -m authfsm")
