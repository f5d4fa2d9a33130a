"""Checks over the protocol's table: because it is a value, it can be checked.

`check` holds invariants against a table, with or without a pool's settings; `SignInPaths` lists and counts the ways to
sign in; `review` says what a security reviewer would want changed about a pool.
"""

from authfsm.checks.checking import Broken, check, exceptions, of_paths
from authfsm.checks.findings import Finding, Remediation, Severity
from authfsm.checks.invariants import INVARIANTS, Invariant
from authfsm.checks.model import Explored, Model, explore
from authfsm.checks.path import Move, Path, Position
from authfsm.checks.posture import PoolDescription
from authfsm.checks.proofs import Factor, ProofState
from authfsm.checks.review import RULES, Rule, review
from authfsm.checks.stand_ins import StandIn
from authfsm.checks.table import TABLE, Table
from authfsm.checks.ways import Change, SignInPaths

__all__ = [
    "INVARIANTS",
    "RULES",
    "TABLE",
    "Broken",
    "Change",
    "Explored",
    "Factor",
    "Finding",
    "Invariant",
    "Remediation",
    "Model",
    "Move",
    "Path",
    "Position",
    "PoolDescription",
    "ProofState",
    "Rule",
    "Severity",
    "StandIn",
    "Table",
    "SignInPaths",
    "check",
    "exceptions",
    "explore",
    "of_paths",
    "review",
]
