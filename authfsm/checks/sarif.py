"""Findings as SARIF 2.1.0 and as JSON, for pipelines.

SARIF: OASIS Static Analysis Results Interchange Format, version 2.1.0. A finding is a `result`; its path is the
`codeFlow`; what mends it stands in the message, and as properties. A result lies at a logical location, the pool
and its field, and at the line of the saved description that says so. GitHub's code scanning takes no result
without a file: where there is none, it lies at one that is called like what was looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path as Folder
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import quote

from attrs import frozen

from authfsm.checks.findings import Finding, Severity
from authfsm.checks.path import Path
from authfsm.protocol import links

SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_LEVELS: Final = {
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.NOTE: "note",
}
# What GitHub's code scanning sorts by: over 9 is critical, over 7 high, over 4 medium, the rest low.
_SCORES: Final = {
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.0",
    Severity.LOW: "3.0",
    Severity.NOTE: "1.0",
}


@frozen
class Origin:
    """What was looked at.

    Args:
        name: the pool's id, or what else it is called.
        uri: the saved description's file, if there is one: its path, as it would be typed.
        text: what that file says.
    """

    name: str
    uri: str | None = None
    text: str = ""

    @property
    def artifact(self) -> dict[str, str]:
        """The file as SARIF has it: from where the repository begins, if it lies below this folder."""
        path = PurePath(self.uri or self.name)
        here = PurePath(Folder.cwd())
        if path.is_absolute() and not path.is_relative_to(here):
            return {"uri": path.as_uri()}
        inside = path.relative_to(here) if path.is_absolute() else path
        # "uri-reference": a space, say, must be escaped -- SARIF 2.1.0, 3.4.3
        return {"uri": quote(inside.as_posix()), "uriBaseId": "%SRCROOT%"}

    def line(self, field: str) -> int:
        """The line of a field in the file; its first, if the file does not name it."""
        lines = enumerate(self.text.splitlines(), start=1)
        return next((number for number, line in lines if f'"{field}"' in line), 1)


def as_json(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Findings as plain values, for `json.dumps`."""
    return [
        {
            "id": each.id,
            "severity": str(each.severity),
            "title": each.title,
            "why": each.why,
            "source": each.source,
            "path": steps_of(each.path),
            "remediations": [
                {"operation": mend.operation, "settings": dict(mend.settings)}
                for mend in each.remediations
            ],
        }
        for each in findings
    ]


def steps_of(path: Path) -> list[dict[str, str]]:
    """A path as plain values, for `json.dumps`."""
    return [
        {
            "from": str(move.arrow.source),
            "given": move.arrow.response.trigger,
            "to": str(move.arrow.dest),
            **({"role": str(move.to.role)} if move.to.role else {}),
        }
        for move in path
    ]


def sarif(findings: Iterable[Finding], origin: Origin) -> dict[str, Any]:
    """Findings as a SARIF log, for `json.dumps`.

    Args:
        findings: the findings.
        origin: what was looked at.
    """
    every = tuple(findings)
    rules = {each.id: each for each in every}
    numbers = {name: number for number, name in enumerate(rules)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "authfsm",
                        "semanticVersion": version("authfsm"),
                        "informationUri": links.GUIDE,
                        "rules": [_rule(each) for each in rules.values()],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(each, numbers[each.id], origin) for each in every],
            }
        ],
    }


def _rule(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "shortDescription": {"text": finding.title},
        "fullDescription": {"text": finding.title},
        "helpUri": finding.source,
        "help": {"text": f"{finding.title} {finding.source}"},
        "defaultConfiguration": {"level": _LEVELS[finding.severity]},
        "properties": {
            "tags": ["security"],
            "security-severity": _SCORES[finding.severity],
            "precision": "high",
        },
    }


def _result(finding: Finding, number: int, origin: Origin) -> dict[str, Any]:
    mends = " or ".join(str(each) for each in finding.remediations)
    said = f"{finding.title} {finding.why}." + (f" To mend it: {mends}." if mends else "")
    fields = [name for mend in finding.remediations for name in mend.settings]
    field = next(iter(fields), "").partition(".")[0]
    return {
        "ruleId": finding.id,
        "ruleIndex": number,
        "level": _LEVELS[finding.severity],
        "message": {"text": said},
        "locations": [_location(origin, field)],
        "codeFlows": [{"threadFlows": [{"locations": list(_flow(finding.path, origin, field))}]}],
        # The one that GitHub reads: it tells one finding from another, whatever line it moves to.
        "partialFingerprints": {"primaryLocationLineHash": _fingerprint(finding, origin)},
        "properties": as_json([finding])[0],
    }


def _fingerprint(finding: Finding, origin: Origin) -> str:
    said = f"{origin.name}/{finding.id}/{finding.why}"
    return f"{sha256(said.encode()).hexdigest()[:16]}:1"


def _location(origin: Origin, field: str, text: str = "") -> dict[str, Any]:
    named = f"{origin.name}/{field}" if field else origin.name
    found: dict[str, Any] = {
        "logicalLocations": [
            {"name": field or origin.name, "fullyQualifiedName": named, "kind": "member"}
        ]
    }
    found["physicalLocation"] = {
        "artifactLocation": origin.artifact,
        "region": {"startLine": origin.line(field)},
    }
    return {**found, "message": {"text": text}} if text else found


def _flow(path: Path, origin: Origin, field: str) -> Iterable[Mapping[str, Any]]:
    steps = ["START", *(f"{m.arrow.response.trigger} leads to {m.to.name}" for m in path)]
    return [{"location": _location(origin, field, text)} for text in steps]
