"""DOT's own grammar, as much as pictures need: names, attributes, statements.

"An ID is one of: any string of alphabetic characters, underscores or digits, not beginning with a digit;
a numeral; any double-quoted string; an HTML string" -- Graphviz, "The DOT Language"
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z_0-9]*|-?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)")
_KEYWORDS: Final = frozenset({"node", "edge", "graph", "digraph", "subgraph", "strict"})


@lru_cache(maxsize=4096)
def quoted(text: str) -> str:
    """A name or a value: bare where the grammar allows, an HTML-like label as it is, else in quotes."""
    if _PLAIN.fullmatch(text) and text.lower() not in _KEYWORDS:
        return text
    if text.startswith("<") and text.endswith(">"):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def attributes(look: Mapping[str, str]) -> str:
    """A list of attributes, the label first, in alphabetical order; nothing where there is none."""
    names = sorted(look, key=lambda name: (name != "label", name))
    pairs = [f"{name}={quoted(look[name])}" for name in names]
    return f" [{' '.join(pairs)}]" if pairs else ""


def attribute_statement(what: str, look: Mapping[str, str]) -> str:
    """What a graph, all nodes or all edges are like."""
    return f"\t{what}{attributes(look)}"


def node(name: str, look: Mapping[str, str]) -> str:
    """A node."""
    return f"\t{quoted(name)}{attributes(look)}"


def edge(source: str, dest: str, look: Mapping[str, str]) -> str:
    """An edge."""
    return f"\t{quoted(source)} -> {quoted(dest)}{attributes(look)}"
