"""What a security reviewer would want changed about a pool: each with a path, a source, and what mends it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from authfsm.checks.path import Path
from authfsm.protocol.validators import frozen_mapping

if TYPE_CHECKING:
    from authfsm.diagrams import Diagram


class Severity(str, Enum):
    """How bad it is, the worst first."""

    rank: int
    """0 is the worst."""

    HIGH = "high"  #: Somebody gets in who should not, or nobody gets in.
    MEDIUM = "medium"  #: A safeguard that the pool could have, it has not.
    LOW = "low"  #: An attacker is helped a little.
    NOTE = "note"  #: To be known.

    def __init__(self, _: str) -> None:
        self.rank = len(type(self).__members__)

    __str__ = str.__str__


@frozen
class Remediation:
    """Settings that mend it together, in Cognito's own words.

    Args:
        operation: the operation that sets them, as `UpdateUserPoolClient`.
        settings: the fields, as `AccountRecoverySetting.RecoveryMechanisms`, each with what it is to be; None
            for a field that is to be left out.
    """

    operation: str
    settings: Mapping[str, Any] = field(converter=frozen_mapping)

    def __str__(self) -> str:
        fields = (f"{name} = {_shown(value)}" for name, value in self.settings.items())
        return f"{self.operation}: {', '.join(fields)}"


def _shown(value: Any) -> str:
    if value is None:
        return "left out"
    return value if isinstance(value, str) else json.dumps(value)


@frozen
class Finding:
    """Something that a security reviewer would want changed.

    Args:
        id: its name, as `user-existence`.
        severity: how bad it is.
        title: what it is, in a sentence.
        why: what of this pool's settings makes it so.
        path: a shortest path that shows it.
        source: the page that says so.
        remediations: what mends it: any one of these.
    """

    id: str
    severity: Severity
    title: str
    why: str
    path: Path
    source: str
    remediations: tuple[Remediation, ...]

    def diagram(self, **options: Any) -> Diagram:
        """The path on the protocol's picture.

        Args:
            options: of `authfsm.diagram`.
        """
        return self.path.diagram(**options)


def worst_first(every: Iterator[Finding]) -> tuple[Finding, ...]:
    """Findings, the worst first; those of one severity in the order they came."""
    return tuple(sorted(every, key=lambda each: each.severity.rank))
