"""A picture of the life of an account: its statuses, and the operations that lead from one status to another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import ClassVar, Final

from attrs import frozen

from authfsm.diagrams.dot import FONT, framed, statement
from authfsm.diagrams.dot_labels import SENTENCES, table, title_cell, with_rows
from authfsm.diagrams.drawing import Drawing
from authfsm.diagrams.themes import LIGHT, Theme
from authfsm.diagrams.vertices import StateGroup
from authfsm.protocol import links
from authfsm.protocol.account_table import (
    ACCOUNT_TRANSITIONS,
    UNUSED_STATUSES,
    AccountOperation,
    AccountTransition,
    UserStatus,
)
from authfsm.protocol.evidence import account_evidence

_GROUPS: Final = {
    UserStatus.NO_ACCOUNT: StateGroup.BEGIN,
    UserStatus.CONFIRMED: StateGroup.END,
    UserStatus.EXTERNAL_PROVIDER: StateGroup.OTHER,
}
_CAPTION: Final = (
    "Not drawn: AdminDeleteUser and DeleteUser, which lead to NO_ACCOUNT.",
    f"Not drawn: {', '.join(sorted(UNUSED_STATUSES))}, which Cognito no longer uses.",
    "Operations listed in a status leave it as it is.",
    SENTENCES["uncertain"],
)


@frozen
class AccountDiagram(Drawing):
    """The picture of an account's life. `str(diagram)` is DOT; Jupyter displays it directly.

    `theme` has the colours, and `engine` is the layout engine; None means the first one that is installed.
    """

    title: ClassVar = "The life of an Amazon Cognito account"
    description: ClassVar = " ".join(_CAPTION)

    theme: Theme = LIGHT
    engine: str | None = None

    def dot(self) -> str:
        """Return the diagram in Graphviz's language."""
        theme = self.theme
        graph = {
            "rankdir": "TB", "bgcolor": theme.background, "pad": "0.1", "nodesep": "0.12", "ranksep": "0.35",
            "fontname": FONT, "fontsize": "12", "fontcolor": theme.muted, "labelloc": "t", "labeljust": "l",
            "tooltip": " ", "label": table([title_cell([self.title], theme, 12)], 12),
        }  # fmt: skip
        body = framed(f"<<br/>{_lines(_CAPTION)}>", self._statements())
        return "\n".join(("digraph account {", statement("graph", graph), *body, "}", ""))

    def _statements(self) -> Iterator[str]:
        theme, font = self.theme, {"fontname": FONT}
        yield statement("node", font | {"fontsize": "13", "height": "0.3", "fontcolor": theme.text})
        look = {"fontsize": "12", "fontcolor": theme.label, "color": theme.line, "arrowsize": "0.65"}
        yield statement("edge", font | look)
        edges: dict[tuple[UserStatus, UserStatus], list[AccountTransition]] = {}
        for each in ACCOUNT_TRANSITIONS:
            deletes = each.operation in {AccountOperation.DELETE_USER, AccountOperation.ADMIN_DELETE_USER}
            if not deletes and each.source not in UNUSED_STATUSES:
                edges.setdefault((each.source, each.dest), []).append(each)
        for status in UserStatus:
            if status not in UNUSED_STATUSES:
                yield self._node(status, edges.pop((status, status), []))
        for (source, dest), transitions in edges.items():
            ends, label = f"{source.name} -> {dest.name}", _lines(map(_row, transitions), "&#160;")
            dashed = {"style": "dashed"} if all(map(_is_uncertain, transitions)) else {}
            yield statement(ends, {"label": f"<{label}>", "tooltip": ends, **dashed})

    def _node(self, status: UserStatus, self_loops: list[AccountTransition]) -> str:
        group = _GROUPS.get(status, StateGroup.SET_UP)
        paint = self.theme.groups[group]
        label = with_rows(status.name, [escape(_row(each)) for each in self_loops], "12") if self_loops else status.name
        look = {
            "label": label, "tooltip": f"{status}: {status.meaning}", "target": "_blank",
            "URL": links.reference("UserType"), "shape": "box", "style": "rounded,filled", "color": paint.line,
            "fillcolor": self.theme.background if group is StateGroup.BEGIN else paint.fill,
        }  # fmt: skip
        return statement(status.name, look)


def _is_uncertain(transition: AccountTransition) -> bool:
    return account_evidence(transition)[0].confidence.is_uncertain


def _row(transition: AccountTransition) -> str:
    return transition.operation + " \u2020" * _is_uncertain(transition)


def _lines(rows: Iterable[str], indent: str = "") -> str:
    return "".join(f'{indent}{escape(row)}<br align="left"/>' for row in rows)
