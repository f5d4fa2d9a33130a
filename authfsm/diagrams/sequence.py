"""A flow, or a recorded sign-in, as a Mermaid sequence diagram between the person, the app and Cognito.

What every sign-in passes stands in line, what it may pass stands in an `opt`, and alternatives stand in an
`alt`. All three are computed from the arrows of the flow's own diagram.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from authfsm.diagrams.exports import mermaid_text
from authfsm.diagrams.history_overlay import HistoryStep
from authfsm.diagrams.model import DiagramModel, ResponseClass
from authfsm.diagrams.model_builder import build_model
from authfsm.diagrams.picture import ConflictingOptions, UnknownFlow, UnknownSuffix
from authfsm.diagrams.vertices import AUTHENTICATED, FAILED, ORDER, START, StateGroup, group_of
from authfsm.protocol import responses as r
from authfsm.protocol.auth_flows import FLOWS
from authfsm.protocol.nodes import Node
from authfsm.protocol.states import State
from authfsm.protocol.validators import frozen_texts
from authfsm.reference.request_shapes import OTHER_SPELLING, challenge_parameters, request_shape
from authfsm.settings import PoolSettings

SEQUENCE_SUFFIXES: Final = (".mmd", ".mermaid", ".md")
_PERSON_SENDS: Final[Mapping[ResponseClass, str]] = {
    r.Select: "a choice",
    r.Password: "the password",
    r.Code: "the code",
    r.Credential: "the passkey's signature",
    r.Answer: "the answer",
    r.NewPassword: "a new password",
    r.VerifySoftwareToken: "the authenticator app's code",
    r.SetUpEmail: "an e-mail address",
}
"""What the person enters for a response; the app makes all other responses by itself."""
_ACKNOWLEDGED_BY: Final[Mapping[ResponseClass, str]] = {
    r.AssociateSoftwareToken: "SecretCode",
    r.VerifySoftwareToken: "Status",
}
"""The member of a reply that is no challenge."""
_TOKENS: Final = ("AccessToken", "IdToken", "RefreshToken")


@frozen
class SequenceDiagram:
    """A sequence diagram. `str(diagram)` is Mermaid, its `lines` joined; JupyterLab displays it directly."""

    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join((*self.lines, ""))

    def save(self, path: str | Path) -> Path:
        """Write it to a file, and return its path: Mermaid (.mmd, .mermaid), or Markdown that contains it (.md).

        Raises:
            UnknownSuffix: the file has another suffix.
        """
        file = Path(path)
        suffix = file.suffix.lower()
        if suffix not in SEQUENCE_SUFFIXES:
            raise UnknownSuffix(file.suffix, SEQUENCE_SUFFIXES)
        fenced = f"```mermaid\n{self}```\n" if suffix == ".md" else str(self)
        file.write_bytes(fenced.encode())
        return file

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/vnd.mermaid": str(self), "text/plain": str(self)}


def sequence(
    *,
    flow: str | None = None,
    settings: PoolSettings | None = None,
    history: Iterable[HistoryStep] | None = None,
    labels: Mapping[str, str] | None = None,
) -> SequenceDiagram:
    """Draw a flow, or a recorded sign-in, as a sequence diagram.

    Args:
        flow: an `AuthFlow`, such as "USER_SRP_AUTH".
        settings: with `flow`: a pool's settings; what they rule out is left out.
        history: the steps of a sign-in.
        labels: other texts for Person, App, Cognito, meanings of states, and triggers.

    Raises:
        UnknownFlow: there is no such flow.
        ConflictingOptions: both a flow and a history are given.
    """
    writer = SequenceWriter(labels or {}, admin=bool(flow and flow.startswith("ADMIN_")))
    if history is not None:
        if flow is not None:
            raise ConflictingOptions("flow", "history")
        return SequenceDiagram((*writer.participants(), *writer.history(history)))
    if flow not in FLOWS:
        raise UnknownFlow(str(flow), FLOWS)
    order = FlowOrder(build_model(flow=flow, settings=settings))
    return SequenceDiagram((*writer.participants(), *writer.flow(order)))


class FlowOrder:
    """The nodes of a flow: which a sign-in always passes, may pass, or chooses from."""

    def __init__(self, model: DiagramModel) -> None:
        self._dests: dict[Node, set[Node]] = {}
        for arrow in model.arrows:
            if FAILED != arrow.dest != arrow.source:
                self._dests.setdefault(arrow.source, set()).add(arrow.dest)
        self.responses: dict[Node, dict[ResponseClass, None]] = {}
        for edge in model.edges:
            if isinstance(edge.source, Node):
                self.responses.setdefault(edge.source, {}).update(dict.fromkeys(edge.responses))
        found = self._dests.keys() | {dest for dests in self._dests.values() for dest in dests}
        self._nodes = sorted(found - {START, AUTHENTICATED}, key=self._rank)

    def _rank(self, node: Node) -> tuple[int, bool, int]:
        """Sort by group, and in a group the choice before what is chosen."""
        group = group_of(node)
        in_group = [dest for dest in self._dests.get(node, ()) if group_of(dest) is group]
        return list(StateGroup).index(group), len(in_group) <= 1, ORDER[node]

    def leads_to_tokens(self, without: Iterable[Node] = ()) -> bool:
        """Return whether a sign-in can get tokens without passing these nodes."""
        barred = set(without)
        found, front = set[Node](), {START}
        while front:
            found |= front
            front = {d for node in front for d in self._dests.get(node, ())} - found - barred
        return AUTHENTICATED in found

    def _chains(self) -> Iterator[tuple[Node, ...]]:
        """Yield chains of nodes, each of which leads to the next and nowhere else."""
        chain: tuple[Node, ...] = ()
        for node in self._nodes:
            if chain and self._dests.get(chain[-1]) != {node}:
                yield chain
                chain = ()
            chain += (node,)
        if chain:
            yield chain

    def alternatives(self) -> Iterator[list[tuple[Node, ...]]]:
        """Yield the chains of one group that exclude each other: no arrow leads from one to another."""
        for _, of_group in groupby(self._chains(), key=lambda chain: group_of(chain[0])):
            together: list[tuple[Node, ...]] = []
            for chain in of_group:
                if any(self._leads(a, b) for c in together for a, b in ((c, chain), (chain, c))):
                    yield together
                    together = []
                together.append(chain)
            yield together

    def _leads(self, sources: Iterable[Node], dests: Sequence[Node]) -> bool:
        return any(dest in dests for node in sources for dest in self._dests.get(node, ()))

    def can_skip(self, chain: Sequence[Node], node: Node) -> bool:
        """Return whether an arrow from outside a chain leads past one of its nodes."""
        outside = (each for each in (START, *self._nodes) if each not in chain)
        return self._leads(outside, chain[chain.index(node) + 1 :])


@frozen
class SequenceWriter:
    """Writes the messages of a sequence diagram."""

    labels: Mapping[str, str] = field(converter=frozen_texts)
    admin: bool = False

    def text(self, key: str) -> str:
        """Return the text for a name, as Mermaid."""
        return mermaid_text(self.labels.get(key, key))

    def participants(self) -> Iterator[str]:
        """Yield the head of the diagram."""
        yield "sequenceDiagram"
        yield f"    actor Person as {self.text('Person')}"
        yield f"    participant App as {self.text('App')}"
        yield f"    participant Cognito as {self.text('Cognito')}"

    def _reply(self, state: State) -> str:
        if state is State.AUTHENTICATED:
            return f"    Cognito-->>App: {_message(self.text('AuthenticationResult'), _TOKENS)}"
        names = [each.name for each in challenge_parameters(state) if each.when != OTHER_SPELLING]
        return f"    Cognito-->>App: {_message(self.text(str(state)), names)}"

    def _request(self, state: State, response: ResponseClass, before: str = "") -> Iterator[str]:
        """Yield what the person enters, and the request that carries it."""
        if state is State.START:
            yield f"    Person->>App: {self.text('signs in')}"
        elif response in _PERSON_SENDS:
            yield f"    App->>Person: {self.text(state.meaning)}"
            yield f"    Person->>App: {self.text(_PERSON_SENDS[response])}"
        request = request_shape(state, response, admin=self.admin)
        name = request.under or (str(state) if response is r.RawAnswer else "")
        operation = f"{request.operation} ({name})" if name else request.operation
        yield f"    App->>Cognito: {before}{_message(operation, request.always)}"

    def flow(self, order: FlowOrder) -> Iterator[str]:
        """Yield all messages of a flow."""
        yield from self._one_of(State.START, list(order.responses.get(START, ())))
        for chains in order.alternatives():
            optional = order.leads_to_tokens(without=(node for each in chains for node in each))
            several = len(chains) > 1
            first = chains[0][0]
            if optional:
                yield f"    opt {self.text(group_of(first) if several else first.state.meaning)}"
            for number, chain in enumerate(chains):
                if several:
                    yield f"    {'else' if number else 'alt'} {self.text(chain[0].state)}"
                yield from self._chain(order, chain)
            yield from ["    end"] * (several + optional)
        if order.leads_to_tokens():
            yield self._reply(State.AUTHENTICATED)
            yield f"    App-->>Person: {self.text('signed in')}"

    def _chain(self, order: FlowOrder, chain: Sequence[Node]) -> Iterator[str]:
        for node in chain:
            optional = order.can_skip(chain, node)
            if optional:
                yield f"    opt {self.text(node.state.meaning)}"
            yield self._reply(node.state)
            responses = list(order.responses.get(node, ()))
            if node.state is State.MFA_SETUP:
                yield from self._mfa_setup(responses)
            else:
                yield from self._one_of(node.state, responses)
            if optional:
                yield "    end"

    def _mfa_setup(self, responses: Sequence[ResponseClass]) -> Iterator[str]:
        """Yield the requests of MFA_SETUP: the authenticator app's one after the other, or the e-mail address."""
        app = [each for each in responses if each is not r.SetUpEmail]
        has_choice = len(app) < len(responses)
        if has_choice:
            yield f"    alt {self.text('authenticator app')}"
        for response in app:
            yield from self._request(State.MFA_SETUP, response)
            if response is not app[-1]:
                yield f"    Cognito-->>App: {self.text(_ACKNOWLEDGED_BY[response])}"
        if has_choice:
            yield f"    else {self.text('e-mail')}"
            yield from self._request(State.MFA_SETUP, r.SetUpEmail)
            yield "    end"

    def _one_of(self, state: State, responses: Sequence[ResponseClass]) -> Iterator[str]:
        if len(responses) == 1:
            yield from self._request(state, responses[0])
            return
        for number, response in enumerate(responses):
            yield f"    {'else' if number else 'alt'} {self.text(response.trigger)}"
            yield from self._request(state, response)
        if responses:
            yield "    end"

    def history(self, steps: Iterable[HistoryStep]) -> Iterator[str]:
        """Yield the messages of a recorded sign-in: each step with its number, each refusal with its code."""
        first = None
        for step in steps:
            first = first or step.at
            seconds = (step.at - first).total_seconds() if step.at and first else 0
            after = f" ({seconds:.1f} s)" if seconds else ""
            yield from self._request(step.source, step.response, f"{step.number} \u00b7 ")
            if step.error:
                yield f"    Cognito--xApp: {self.text(step.error)}{after}"
            elif step.dest is step.source and step.response in _ACKNOWLEDGED_BY:
                yield f"    Cognito-->>App: {self.text(_ACKNOWLEDGED_BY[step.response])}{after}"
            else:
                yield f"{self._reply(step.dest)}{after}"
            if step.dest is State.AUTHENTICATED and step.source is not State.AUTHENTICATED:
                yield f"    App-->>Person: {self.text('signed in')}"


def _message(name: str, parameters: Sequence[str]) -> str:
    return f"{name}<br/>{', '.join(parameters)}" if parameters else name
