"""Everything that has a name, found by it: states, responses, flows, errors, and what an error says."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from functools import partial

from authfsm.protocol.error_policy import ERROR_POLICY, rule
from authfsm.protocol.responses import RESPONSES
from authfsm.protocol.states import State
from authfsm.protocol.vocabulary import FLOWS
from authfsm.reference.errors import AboutError, about_error
from authfsm.reference.flows import AboutFlow, about_flow
from authfsm.reference.responses import AboutResponse, about_response
from authfsm.reference.states import AboutState, about_state

About = AboutState | AboutResponse | AboutFlow | AboutError


def _named() -> Iterator[tuple[str, Callable[[], About]]]:
    for state in State:
        yield str(state), partial(about_state, state)
    for trigger, response in RESPONSES.items():
        yield trigger, partial(about_response, response)
        yield response.__name__, partial(about_response, response)
    for flow in FLOWS:
        yield flow, partial(about_flow, flow)
    for code in ERROR_POLICY:
        yield code, partial(about_error, code)


def names() -> tuple[str, ...]:
    """Every name that something is known of."""
    return tuple(dict.fromkeys(name for name, _ in _named()))


def find(text: str) -> tuple[About, ...]:
    """What is known of a name, or of an error's message; nothing, if nothing is.

    A name may mean several things: `ADMIN_NO_SRP_AUTH` is a flow and a challenge. Written as it is
    spelt it means that alone; written otherwise, whatever is spelt so but for case.

    Args:
        text: the name, or the message as it came.
    """
    text = text.strip()
    every = tuple(_named())
    spellings: tuple[Callable[[str], str], ...] = (str, str.casefold, _bare)
    for same in spellings:
        found = [about for name, about in every if same(name) == same(text)]
        if found:
            return tuple(dict.fromkeys(about() for about in found))
    return _errors(text)


def _bare(text: str) -> str:
    """A name without what people leave out or write otherwise."""
    return re.sub("[^a-z0-9]|exception$", "", text.casefold())


def _errors(text: str) -> tuple[AboutError, ...]:
    """The errors that a message may be of."""
    named = [code for code in ERROR_POLICY if re.search(rf"\b{code}\b", text)]
    if named:
        return tuple(about_error(code, text) for code in named)
    said = [
        code
        for code, rows in ERROR_POLICY.items()
        if any(rule(code, text, row.operation or "") is row for part, row in rows.items() if part)
    ]
    return tuple(about_error(code, text) for code in said)


def nearest(text: str, count: int = 5) -> tuple[str, ...]:
    """The names that come nearest to one that nothing is known of."""
    wanted = _bare(text)
    spelt: dict[str, str] = {}
    for name in names():
        spelt.setdefault(_bare(name), name)
    holding = [bare for bare in spelt if wanted and wanted in bare]
    close = difflib.get_close_matches(wanted, spelt, n=count, cutoff=0.5)
    return tuple(spelt[bare] for bare in dict.fromkeys((*close, *holding)))[:count]
