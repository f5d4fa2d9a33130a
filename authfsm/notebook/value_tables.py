"""Rows of text as a table: in HTML that takes the colours of the page it stands in, or in plain text."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import zip_longest
from typing import Final, TypeAlias

Rows: TypeAlias = list[tuple[str, ...]]

_TABLE: Final = "border-collapse:collapse;color:inherit;background:none"
_CELL: Final = "text-align:left;padding:2px 12px 2px 0;border:0;vertical-align:top;background:none"


def html_table(title: str, head: Rows, rows: Rows) -> str:
    """A table in HTML; every text is escaped.

    Args:
        title: its caption.
        head: rows of headings.
        rows: the others; where there are no headings, each begins with its name.
    """
    told = [
        f'<caption style="text-align:left;font-weight:bold;color:inherit">{escape(title)}</caption>'
    ]
    told += [_row(row, "th", "th") for row in head]
    told += [_row(row, "td" if head else "th", "td") for row in rows]
    return f'<table style="{_TABLE}">{"".join(told)}</table>'


def _row(row: Sequence[str], first: str, others: str) -> str:
    kinds = [first] + [others] * (len(row) - 1)
    cells = [
        f'<{kind} style="{_CELL}"{" scope=row" if kind == "th" and others == "td" else ""}>{escape(text)}</{kind}>'
        for kind, text in zip(kinds, row, strict=True)
    ]
    return f"<tr>{''.join(cells)}</tr>"


def text_table(title: str, head: Rows, rows: Rows) -> str:
    """A table in plain text, its columns aligned.

    Args:
        title: the first line.
        head: rows of headings.
        rows: the others.
    """
    every = head + rows
    widths = [max(map(len, column)) for column in zip_longest(*every, fillvalue="")]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=False)).rstrip()
        for row in every
    ]
    return "\n".join([title, *(f"  {line}" for line in lines)])
