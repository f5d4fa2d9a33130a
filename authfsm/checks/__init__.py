"""Checks of the protocol's table and of a pool's settings: invariants, paths to sign in, security findings.

`check` verifies invariants of a table, with or without a pool's settings; `SignInPaths` lists and counts the paths
to sign in; `review` reports what a security reviewer would change about a pool.

Public: the names in `__all__`. Private: everything else in the modules of this folder.
"""

from authfsm.checks.factors import Factor, FactorException, ProofState
from authfsm.checks.findings import Finding, Remediation, Severity
from authfsm.checks.invariants import INVARIANTS, Invariant, Violation, check, factor_exceptions, path_invariant
from authfsm.checks.model import Exploration, Model, Move, Path, Position, explore
from authfsm.checks.review import RULES, PoolDescription, ReviewRule, not_reviewed, review
from authfsm.checks.sign_in_paths import Change, SignInPaths
from authfsm.checks.table import TABLE, Table

__all__ = [
    "INVARIANTS", "RULES", "TABLE", "Change", "Exploration", "Factor", "FactorException", "Finding",
    "Invariant", "Model", "Move", "Path", "PoolDescription", "Position", "ProofState", "Remediation",
    "ReviewRule", "Severity", "SignInPaths", "Table", "Violation", "check", "explore", "factor_exceptions",
    "not_reviewed", "path_invariant", "review",
]  # fmt: skip
