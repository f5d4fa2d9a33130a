"""Checks over the protocol's table: because it is a value, it can be checked.

`check` holds invariants against a table, with or without a pool's settings; `Ways` lists and counts the ways to
sign in; `findings` says what a security reviewer would want changed about a pool.
"""

from authfsm.checks.checking import Broken, check, of_paths
from authfsm.checks.invariants import INVARIANTS, Invariant
from authfsm.checks.model import Explored, Model, explore
from authfsm.checks.path import Move, Path, Position
from authfsm.checks.proofs import Factor, Proved
from authfsm.checks.table import TABLE, Table
from authfsm.checks.ways import Change, Ways

__all__ = [
    "INVARIANTS",
    "TABLE",
    "Broken",
    "Change",
    "Explored",
    "Factor",
    "Invariant",
    "Model",
    "Move",
    "Path",
    "Position",
    "Proved",
    "Table",
    "Ways",
    "check",
    "explore",
    "of_paths",
]
