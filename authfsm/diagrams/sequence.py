"""A flow, or a recorded sign-in, as a sequence diagram between the person, the app and Cognito.

In a flow, a challenge of every sign-in is a plain message. A challenge of only some sign-ins is in an `opt` frame, and
alternative challenges are in an `alt` frame. The arrows of the flow's state diagram decide this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from attrs import field, frozen

from authfsm.diagrams import sequence_formats
from authfsm.diagrams.drawing import PICTURE_SUFFIXES, Drawing
from authfsm.diagrams.history_overlay import HistoryStep, checked_step
from authfsm.diagrams.model import DiagramModel, ResponseClass
from authfsm.diagrams.model_builder import build_model
from authfsm.diagrams.picture import ConflictingOptions, UnknownFlow, check_arguments, check_labels
from authfsm.diagrams.sequence_formats import (
    APP,
    COGNITO,
    PARTICIPANTS,
    PERSON,
    REFUSAL,
    REPLY,
    Frame,
    Item,
    Note,
    SequenceMessage,
)
from authfsm.diagrams.themes import LIGHT, Theme
from authfsm.diagrams.vertices import AUTHENTICATED, FAILED, ORDER, START, StateGroup, group_of
from authfsm.protocol import responses as r
from authfsm.protocol.auth_flows import FLOWS
from authfsm.protocol.nodes import Node
from authfsm.protocol.responses import RESPONSES
from authfsm.protocol.states import State
from authfsm.protocol.table import DEVICE_DROPPED
from authfsm.protocol.validators import frozen_texts
from authfsm.reference.request_shapes import OTHER_SPELLING, challenge_parameters, request_shape
from authfsm.settings import PoolSettings

_PERSON_SENDS: Final[Mapping[ResponseClass, str]] = {
    r.Select: "a choice", r.Password: "the password", r.Code: "the code", r.Credential: "the passkey's signature",
    r.Answer: "the answer", r.NewPassword: "a new password", r.VerifySoftwareToken: "the authenticator app's code",
    r.SetUpEmail: "an e-mail address",
}  # fmt: skip
"""What the person enters for a response; for other responses the diagram shows no input."""
_ACKNOWLEDGED_BY: Final[Mapping[ResponseClass, str]] = {
    r.AssociateSoftwareToken: "SecretCode",
    r.VerifySoftwareToken: "Status",
    r.ConfirmDevice: "UserConfirmationNecessary",
    **dict.fromkeys((r.UpdateDeviceStatus, r.RevokeToken, r.GlobalSignOut), "an empty reply"),
}
"""The member that stands for a reply without a challenge or tokens."""
_NOTES: Final[Mapping[State, str]] = {
    State.PASSWORD_VERIFIER: "The app proves the password by SRP; the password itself is not sent.",
    State.DEVICE_PASSWORD_VERIFIER: "The app proves the device's password by SRP; that password itself is not sent.",
}
"""The notes about the states whose response the app computes."""
_TOKENS: Final = ("AccessToken", "IdToken", "RefreshToken")  # a refresh need not return the last one


@frozen
class SequenceDiagram(Drawing):
    """A sequence diagram. `str(diagram)` is Mermaid; Jupyter displays it directly.

    `items` are the messages, notes and frames from top to bottom, below the `title`; `names` are those of the participants.
    `theme` has the colours, and `engine` is the layout engine; None means the first one that is installed.
    """

    items: tuple[Item, ...]
    title: str = "Amazon Cognito sign-in"
    names: tuple[str, str, str] = PARTICIPANTS
    theme: Theme = LIGHT
    engine: str | None = None

    def __str__(self) -> str:
        return sequence_formats.mermaid(self.items, self.names)

    @property
    def description(self) -> str:
        """The messages, notes and frames of the diagram, one after the other."""
        return " ".join(sequence_formats.sentences(self.items, self.names))

    def dot(self) -> str:
        """Return the diagram in Graphviz's language, with the positions of all nodes."""
        return sequence_formats.dot(self.items, self.names, self.theme, self.title)

    def plantuml(self) -> str:
        """Return the diagram in PlantUML's language."""
        return sequence_formats.plantuml(self.items, self.names, self.title)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        bundle = super()._repr_mimebundle_()
        return bundle if "image/svg+xml" in bundle else {"text/vnd.mermaid": str(self), **bundle}


SEQUENCE_SUFFIXES: Final[Mapping[str, Callable[[SequenceDiagram], bytes]]] = {
    **PICTURE_SUFFIXES,
    ".mmd": lambda drawn: str(drawn).encode(),
    ".mermaid": lambda drawn: str(drawn).encode(),
    ".md": lambda drawn: f"```mermaid\n{drawn}```\n".encode(),
    ".puml": lambda drawn: drawn.plantuml().encode(),
}
"""The formats of a sequence, by the suffix of a file."""
SequenceDiagram.suffixes = SEQUENCE_SUFFIXES
SequenceDiagram.formats = {**Drawing.formats, "mermaid": str, "plantuml": SequenceDiagram.plantuml}


def sequence(
    *,
    flow: str | None = None,
    settings: PoolSettings | None = None,
    history: Iterable[HistoryStep] | None = None,
    labels: Mapping[str, str] | None = None,
    theme: Theme = LIGHT,
    engine: str | None = None,
) -> SequenceDiagram:
    """Draw a flow, or a recorded sign-in, as a sequence diagram.

    Args:
        flow: an `AuthFlow`, such as "USER_SRP_AUTH".
        settings: the settings of a pool; the diagram of a `flow` omits the challenges that they rule out.
        history: the steps of a sign-in.
        labels: replacements for texts of the diagram, such as Person, App, Cognito, meanings of states, and triggers,
            but not for operations, parameters and the title.
        theme: the colours.
        engine: the layout engine: "graphviz-pure", which is a dependency, or "dot" of an installed Graphviz.

    Raises:
        UnknownFlow: there is no such flow.
        UnknownLabel: a key of `labels` is no text that a label can replace.
        BadField: the text of a label is no string, is blank or has a character that XML does not allow; or the theme or
            the settings have a wrong type.
        ConflictingOptions: the arguments have both a flow and a history, or neither.
        TypeError: an item of `history` is no step.
    """
    if (flow is None) == (history is None):
        raise ConflictingOptions("flow", "history")
    if flow is not None and flow not in FLOWS:
        raise UnknownFlow(flow, FLOWS)
    check_arguments(SequenceDiagram, theme, settings)
    steps = tuple(map(checked_step, history or ()))
    begun = steps[0].response.auth_flow if steps else flow
    writer = SequenceWriter(labels or {}, admin=(begun or "").startswith("ADMIN_"))
    person, app, cognito = map(writer.text, PARTICIPANTS)
    found = writer.flow(FlowOrder(build_model(flow=flow, settings=settings))) if flow else writer.history(steps)
    items, subject = tuple(found), flow or "a recorded sign-in"
    names = (*State, *RESPONSES, *StateGroup, *(each.meaning for each in State))
    check_labels(labels or {}, writer.used_keys | set(map(str, names)))
    title = f"The messages of an Amazon Cognito sign-in: {subject}"
    return SequenceDiagram(items, title, (person, app, cognito), theme, engine)


class FlowOrder:
    """The nodes of a flow: those that every sign-in visits, optional ones, and alternatives."""

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
        """Return the sort key: the group, and within a group the choice before the factors that can be chosen."""
        group = group_of(node)
        in_group = [dest for dest in self._dests.get(node, ()) if group_of(dest) is group]
        return list(StateGroup).index(group), len(in_group) <= 1, ORDER[node]

    def leads_to_tokens(self, without: Iterable[Node] = ()) -> bool:
        """Return whether a sign-in can get tokens without visiting these nodes."""
        avoided = set(without)
        found, front = set[Node](), {START}
        while front:
            found |= front
            front = {d for node in front for d in self._dests.get(node, ())} - found - avoided
        return AUTHENTICATED in found

    def _chains(self) -> Iterator[tuple[Node, ...]]:
        """Yield chains of nodes, in which each node leads only to the next one."""
        chain: tuple[Node, ...] = ()
        for node in self._nodes:
            if chain and self._dests.get(chain[-1]) != {node}:
                yield chain
                chain = ()
            chain += (node,)
        if chain:
            yield chain

    def alternatives(self) -> Iterator[list[tuple[Node, ...]]]:
        """Yield lists of alternative chains. A list has chains of one group, and no arrow leads from one to another."""
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
        """Return whether a sign-in can skip a node: an arrow from outside the chain leads to a later node."""
        outside = (each for each in (START, *self._nodes) if each not in chain)
        return self._leads(outside, chain[chain.index(node) + 1 :])


@frozen
class SequenceWriter:
    """Creates the messages, notes and frames of a sequence diagram."""

    labels: Mapping[str, str] = field(converter=frozen_texts)
    admin: bool = False
    used_keys: set[str] = field(factory=set, init=False)  #: The texts used so far, which `labels` can replace.

    def text(self, key: str) -> str:
        """Return a text, or its replacement in `labels`."""
        self.used_keys.add(str(key))
        return self.labels.get(key, key)

    def _reply(self, state: State, after: str = "", *, refreshed: bool = False) -> SequenceMessage:
        if state is State.AUTHENTICATED:
            tokens = _TOKENS[:2] if refreshed else _TOKENS
            return SequenceMessage(COGNITO, APP, self.text("AuthenticationResult") + after, tokens, REPLY)
        names = tuple(each.name for each in challenge_parameters(state) if each.when != OTHER_SPELLING)
        return SequenceMessage(COGNITO, APP, self.text(str(state)) + after, names, REPLY)

    def request(self, state: State, response: ResponseClass, before: str = "") -> Iterator[Item]:
        """Yield what the person enters, and the app's request."""
        if state is State.START and response not in r.REFRESH_RESPONSES:
            yield SequenceMessage(PERSON, APP, self.text("signs in"))
        elif response in _PERSON_SENDS:
            yield SequenceMessage(APP, PERSON, self.text(state.meaning))
            yield SequenceMessage(PERSON, APP, self.text(_PERSON_SENDS[response]))
        if state in _NOTES:
            yield Note(APP, self.text(_NOTES[state]))
        request = request_shape(state, response, admin=self.admin)
        name = request.flow_or_challenge or (str(state) if response is r.RawAnswer else "")
        operation = f"{request.operation} ({name})" if name else request.operation
        yield SequenceMessage(APP, COGNITO, before + operation, tuple(request.always_sent))

    def flow(self, order: FlowOrder) -> Iterator[Item]:
        """Yield all messages of a flow, or a note if no sign-in by it can get tokens."""
        if not order.leads_to_tokens():
            yield Note(APP, self.text("The pool's settings allow no sign-in by this flow."))
            return
        first_responses = list(order.responses[START])
        refreshed = r.REFRESH_RESPONSES.issuperset(first_responses)
        yield from self._requests(State.START, first_responses)
        for chains in order.alternatives():
            optional = order.leads_to_tokens(without=(node for each in chains for node in each))
            first = chains[0][0]
            if optional:
                yield Frame("opt", self.text(group_of(first) if len(chains) > 1 else first.state.meaning))
            yield from self._one_of((chain[0].state, self._chain(order, chain)) for chain in chains)
            if optional:
                yield Frame("end")
        yield self._reply(State.AUTHENTICATED, refreshed=refreshed)
        if not refreshed:
            yield SequenceMessage(APP, PERSON, self.text("signed in"), (), REPLY)

    def _chain(self, order: FlowOrder, chain: Sequence[Node]) -> Iterator[Item]:
        for node in chain:
            optional = order.can_skip(chain, node)
            if optional:
                yield Frame("opt", self.text(node.state.meaning))
            yield self._reply(node.state)
            responses = list(order.responses.get(node, ()))
            if node.state is State.MFA_SETUP:
                yield from self._mfa_setup(responses)
            else:
                yield from self._requests(node.state, responses)
            if optional:
                yield Frame("end")

    def _mfa_setup(self, responses: Sequence[ResponseClass]) -> Iterator[Item]:
        """Yield the requests of MFA_SETUP: those that set up an authenticator app, or the e-mail address."""
        app = [each for each in responses if each is not r.SetUpEmail]
        items: list[Item] = []
        for response in app:
            items += self.request(State.MFA_SETUP, response)
            if response is not app[-1]:
                items.append(SequenceMessage(COGNITO, APP, self.text(_ACKNOWLEDGED_BY[response]), (), REPLY))
        email = [("e-mail", self.request(State.MFA_SETUP, r.SetUpEmail))] if len(app) < len(responses) else []
        yield from self._one_of([("authenticator app", items), *email])

    def _requests(self, state: State, responses: Iterable[ResponseClass]) -> Iterator[Item]:
        return self._one_of((each.trigger, self.request(state, each)) for each in responses)

    def _one_of(self, parts: Iterable[tuple[str, Iterable[Item]]]) -> Iterator[Item]:
        """Yield the items of each named part, as alternatives if there are several."""
        found = list(parts)
        for number, (name, items) in enumerate(found):
            if len(found) > 1:
                yield Frame("else" if number else "alt", self.text(name))
            yield from items
        if len(found) > 1:
            yield Frame("end")

    def history(self, steps: Iterable[HistoryStep]) -> Iterator[Item]:
        """Yield the messages of a recorded sign-in: each step with its number, each refusal with its code."""
        first, is_repeated = None, False
        for step in steps:
            first = first or step.at
            seconds = (step.at - first).total_seconds() if step.at and first else 0
            after = f" ({seconds:.1f} s)" if seconds else ""
            refreshed = step.response in r.REFRESH_RESPONSES
            *inputs, request = self.request(step.source, step.response, f"{step.number} \u00b7 ")
            yield from (request,) if is_repeated else (*inputs, request)
            is_repeated = step.kind is DEVICE_DROPPED  # the app sends the same response again without the device key
            if step.error:
                yield SequenceMessage(COGNITO, APP, self.text(step.error) + after, (), REFUSAL)
                if action := getattr(step, "action", None):
                    yield Note(APP, self.text(action.advice))
            elif step.response in _ACKNOWLEDGED_BY:
                text = self.text(_ACKNOWLEDGED_BY[step.response])
                yield SequenceMessage(COGNITO, APP, text + after, (), REPLY)
            else:
                yield self._reply(step.dest, after, refreshed=refreshed)
            if step.dest is State.AUTHENTICATED is not step.source and not refreshed:
                yield SequenceMessage(APP, PERSON, self.text("signed in"), (), REPLY)
