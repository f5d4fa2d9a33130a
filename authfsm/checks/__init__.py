"""Checks over the protocol's table: because it is a value, it can be checked.

`check` holds invariants against a table, with or without a pool's settings; `SignInPaths` lists and counts the ways to
sign in; `review` says what a security reviewer would want changed about a pool.
"""

from authfsm.checks.checking import Violation, check, factor_exceptions, path_invariant
from authfsm.checks.factor_exceptions import FactorException
from authfsm.checks.findings import Finding, Remediation, Severity
from authfsm.checks.invariants import INVARIANTS, Invariant
from authfsm.checks.model import Exploration, Model, explore
from authfsm.checks.path import Move, Path, Position
from authfsm.checks.pool_description import PoolDescription
from authfsm.checks.proofs import Factor, ProofState
from authfsm.checks.review import RULES, Rule, review
from authfsm.checks.sign_in_paths import Change, SignInPaths
from authfsm.checks.table import TABLE, Table

__all__ = [
    "INVARIANTS",
    "RULES",
    "TABLE",
    "Change",
    "Exploration",
    "Factor",
    "FactorException",
    "Finding",
    "Invariant",
    "Model",
    "Move",
    "Path",
    "PoolDescription",
    "Position",
    "ProofState",
    "Remediation",
    "Rule",
    "Severity",
    "SignInPaths",
    "Table",
    "Violation",
    "check",
    "explore",
    "factor_exceptions",
    "path_invariant",
    "review",
]
