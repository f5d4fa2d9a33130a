"""Findings of a security review, and their output as JSON and as SARIF 2.1.0 for pipelines.

SARIF is OASIS's Static Analysis Results Interchange Format. A finding becomes a `result` with the path as `codeFlow`.
Its location is the pool, the first field that the first remediation sets, and the line of that field in the saved
description. GitHub requires a file name, so for a pool that was read from AWS the pool's id is used as one.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath
from typing import Any, Final

from attrs import field, frozen

from authfsm.base.mixins import DescribedName
from authfsm.checks.model import HasPath, Path
from authfsm.protocol import links
from authfsm.protocol.validators import frozen_mapping


class Severity(DescribedName):
    """The severities of findings, the worst first."""

    rank: int
    """0 is the worst."""

    HIGH = "high", "Somebody gets in who should not, or nobody can get in."
    MEDIUM = "medium", "The pool lacks a safeguard."
    LOW = "low", "The setting helps an attacker a little."
    NOTE = "note", "For information."

    def __init__(self, _: str, meaning: str = "") -> None:
        self.rank, self.meaning = len(type(self).__members__), meaning


@frozen
class Remediation:
    """Settings that together fix a finding, under Cognito's own names.

    Args:
        operation: the operation that sets them, such as `UpdateUserPoolClient`.
        settings: the fields, such as `AccountRecoverySetting.RecoveryMechanisms`, with their new values; None for
            a field that the request must leave out.
        is_complete: whether the request needs no other field. Otherwise it must repeat the other settings of the
            pool or app client, because Cognito resets those that a request omits.
    """

    operation: str
    settings: Mapping[str, Any] = field(converter=frozen_mapping)
    is_complete: bool = False

    def __str__(self) -> str:
        texts = {n: each if isinstance(each, str) else json.dumps(each) for n, each in self.settings.items()}
        fields = (f"{name} = {'left out' if text == 'null' else text}" for name, text in texts.items())
        rest = "" if self.is_complete else "; repeat the other settings, because Cognito resets what is omitted"
        return f"{self.operation}: {', '.join(fields)}{rest}"


@frozen
class Finding(HasPath):
    """A setting that a security reviewer would change.

    Args:
        id: the id of the rule, such as `user-existence`.
        severity: how severe it is.
        title: the problem, in a sentence.
        why: which of the pool's settings cause it.
        path: a shortest path that shows it; empty if no path of the API shows it.
        source: the page that documents it.
        remediations: changes of settings, each of which fixes it; see `Remediation.is_complete`.
    """

    id: str
    severity: Severity
    title: str
    why: str
    path: Path
    source: str
    remediations: tuple[Remediation, ...]


_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# SARIF's level, and GitHub's "security-severity": from 7.0 on it is high, from 4.0 on medium, otherwise low.
_LEVELS: Final = {
    Severity.HIGH: ("error", "8.0"),
    Severity.MEDIUM: ("warning", "5.0"),
    Severity.LOW: ("note", "3.0"),
    Severity.NOTE: ("note", "1.0"),
}


@frozen
class Origin:
    """The pool that was reviewed, and the file with its description."""

    name: str  # the pool's id, or another name
    uri: str | None = None  # the file's path; None if the description is not from a file
    text: str = ""  # the file's content

    @property
    def artifact(self) -> dict[str, str]:
        """The file's location in SARIF; relative if the file is below the current folder."""
        from urllib.parse import quote  # noqa: PLC0415 - loaded only for SARIF

        here = FilePath.cwd()
        path = FilePath(os.path.normpath(here / (self.uri or self.name)))
        if not path.is_relative_to(here):
            return {"uri": path.as_uri()}
        # "uri-reference": a space, for example, must be escaped -- SARIF 2.1.0, 3.4.3
        return {"uri": quote(path.relative_to(here).as_posix()), "uriBaseId": "%SRCROOT%"}

    def line(self, field: str) -> int:
        """Return the line of a field in the file; 1 if the file does not contain it."""
        found = re.search(rf'"{re.escape(field)}"\s*:', self.text) if field else None
        return 1 + self.text.count("\n", 0, found.start()) if found else 1


def as_json(finding: Finding) -> dict[str, Any]:
    """Return a finding as plain values, for `json.dumps`."""
    return {
        "id": finding.id, "severity": str(finding.severity), "title": finding.title,
        "why": finding.why, "source": finding.source, "path": steps_of(finding.path),
        "remediations": [
            {"operation": each.operation, "settings": dict(each.settings), "complete": each.is_complete}
            for each in finding.remediations
        ],
    }  # fmt: skip


def steps_of(path: Path) -> list[dict[str, str]]:
    """Return a path as plain values, for `json.dumps`."""
    return [
        {"from": str(source), "response": response.trigger, "to": str(dest)}
        | ({"role": str(move.to.role)} if move.to.role else {})
        for move in path
        for source, response, dest, _ in (move.transition,)
    ]


def sarif(findings: Iterable[Finding], origin: Origin, gaps: Iterable[str] = ()) -> dict[str, Any]:
    """Return findings as a SARIF log, for `json.dumps`. `gaps` say what was not reviewed; they become notifications."""
    from importlib.metadata import version  # noqa: PLC0415 - loaded only for SARIF

    all_findings = tuple(findings)
    rules = {each.id: each for each in all_findings}
    driver = {
        "name": "authfsm", "semanticVersion": version("authfsm"), "informationUri": links.GUIDE,
        "rules": [_sarif_rule(each) for each in rules.values()],
    }  # fmt: skip
    results = [_result(each, list(rules).index(each.id), origin) for each in all_findings]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    if notes := [{"level": "error", "message": {"text": each}} for each in gaps]:
        run["invocations"] = [{"executionSuccessful": False, "toolExecutionNotifications": notes}]
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _sarif_rule(finding: Finding) -> dict[str, Any]:
    level, score = _LEVELS[finding.severity]
    return {
        "id": finding.id, "shortDescription": {"text": finding.title},
        "fullDescription": {"text": finding.title}, "helpUri": finding.source,
        "help": {"text": f"{finding.title} {finding.source}"},
        "defaultConfiguration": {"level": level},
        "properties": {"tags": ["security"], "security-severity": score, "precision": "high"},
    }  # fmt: skip


def _result(finding: Finding, rule_index: int, origin: Origin) -> dict[str, Any]:
    from hashlib import sha256  # noqa: PLC0415 - loaded only for SARIF

    fixes = " or ".join(str(each) for each in finding.remediations)
    message = f"{finding.title} {finding.why.removesuffix('.')}." + (f" To fix it: {fixes}." if fixes else "")
    fields = [name for each in finding.remediations for name in each.settings]
    field = next(iter(fields), "").partition(".")[0]
    steps = ["START"]
    steps += [f"{m.transition.response.trigger} leads to {m.to.name}" for m in finding.path]
    flow = [{"location": _location(origin, field, text)} for text in steps]
    fingerprint = sha256(f"{origin.name}/{finding.id}/{finding.why}".encode()).hexdigest()[:16]
    return {
        "ruleId": finding.id, "ruleIndex": rule_index, "level": _LEVELS[finding.severity][0],
        "message": {"text": message}, "locations": [_location(origin, field)],
        "codeFlows": [{"threadFlows": [{"locations": flow}]}],
        # GitHub identifies a finding by this fingerprint, even if its line changes.
        "partialFingerprints": {"primaryLocationLineHash": f"{fingerprint}:1"},
        "properties": as_json(finding),
    }  # fmt: skip


def _location(origin: Origin, field: str, text: str = "") -> dict[str, Any]:
    name = f"{origin.name}/{field}" if field else origin.name
    member = {"name": field or origin.name, "fullyQualifiedName": name, "kind": "member"}
    region = {"startLine": origin.line(field)}
    return {
        "logicalLocations": [member],
        "physicalLocation": {"artifactLocation": origin.artifact, "region": region},
        **({"message": {"text": text}} if text else {}),
    }
