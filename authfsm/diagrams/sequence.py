"""A flow, or a sign-in that was walked, as a Mermaid sequence diagram: the person, the app, Cognito.

What an app always meets stands in line; what it may meet stands in an `opt`; of what excludes each
other it meets one, in an `alt`. All three are computed from the arrows of the flow's own picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from authfsm.diagrams.edge_merging import START
from authfsm.diagrams.mermaid import plain
from authfsm.diagrams.model_builder import draft
from authfsm.diagrams.option_errors import ConflictingOptions, UnknownFlow, UnknownSuffix
from authfsm.diagrams.places import group
from authfsm.diagrams.script import Script
from authfsm.diagrams.walking import Walked
from authfsm.protocol import responses as r
from authfsm.protocol.auth_flows import FLOWS
from authfsm.protocol.nodes import Node
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.validators import frozen_str_mapping
from authfsm.reference.request_shapes import OTHER_SPELLING, challenge_parameters, request_shape
from authfsm.settings import PoolSettings

GIVES: Final[Mapping[type[Response], str]] = {
    r.Select: "a choice",
    r.Password: "the password",
    r.Code: "the code",
    r.Credential: "the passkey's signature",
    r.Answer: "the answer",
    r.NewPassword: "a new password",
    r.VerifySoftwareToken: "the authenticator app's code",
    r.SetUpEmail: "an e-mail address",
}
"""What a person gives; the app gives the rest by itself."""
_TOKENS: Final = ("AccessToken", "IdToken", "RefreshToken")
SUFFIXES: Final = (".mmd", ".mermaid", ".md")


@frozen
class SequenceDiagram:
    """A sequence diagram. `str(diagram)` is Mermaid; JupyterLab shows it as it is.

    Args:
        lines: Mermaid, line by line.
    """

    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join((*self.lines, ""))

    def save(self, path: str | Path) -> Path:
        """Write it to a file: Mermaid (.mmd, .mermaid), or Markdown that holds it (.md).

        Args:
            path: the file.

        Returns:
            The file's path.

        Raises:
            UnknownSuffix: none of these.
        """
        file = Path(path)
        if file.suffix.lower() not in SUFFIXES:
            raise UnknownSuffix(file.suffix, SUFFIXES)
        fenced = f"```mermaid\n{self}```\n" if file.suffix.lower() == ".md" else str(self)
        file.write_bytes(fenced.encode())
        return file

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """What a notebook may choose from."""
        return {"text/vnd.mermaid": str(self), "text/plain": str(self)}


def sequence(
    *,
    flow: str | None = None,
    settings: PoolSettings | None = None,
    history: Iterable[Walked] | None = None,
    labels: Mapping[str, str] | None = None,
) -> SequenceDiagram:
    """A flow, or a sign-in that was walked, as a sequence diagram.

    Args:
        flow: an `AuthFlow`, as "USER_SRP_AUTH".
        settings: with `flow`: a pool's, which leave away what they rule out.
        history: the steps of a sign-in.
        labels: other texts, by those they replace: Person, App, Cognito, meanings of states, triggers.

    Raises:
        UnknownFlow: there is no such flow.
        Together: a flow and a history exclude each other.
    """
    writer = SequenceWriter(labels or {}, admin=bool(flow and flow.startswith("ADMIN_")))
    if history is not None:
        if flow is not None:
            raise ConflictingOptions("flow", "history")
        return SequenceDiagram((*writer.begin(), *writer.walked(history)))
    if flow not in FLOWS:
        raise UnknownFlow(str(flow), FLOWS)
    model = draft(flow=flow, settings=settings)
    return SequenceDiagram((*writer.begin(), *writer.flow(Script(model))))


@frozen
class SequenceWriter:
    """Writes messages.

    Args:
        labels: other texts.
        admin: is an administrator signing somebody in?
    """

    labels: Mapping[str, str] = field(converter=frozen_str_mapping)
    admin: bool = False

    def text(self, key: str) -> str:
        """A text as it is to be read."""
        return plain(self.labels.get(key, key))

    def begin(self) -> Iterator[str]:
        """Who takes part."""
        yield "sequenceDiagram"
        yield f"    actor Person as {self.text('Person')}"
        yield f"    participant App as {self.text('App')}"
        yield f"    participant Cognito as {self.text('Cognito')}"

    # ---- the messages ----------------------------------------------------------------------------------

    def asked(self, state: State) -> str:
        """Cognito's reply that leads to a state."""
        if state is State.AUTHENTICATED:
            return f"    Cognito-->>App: {_with(self.text('AuthenticationResult'), _TOKENS)}"
        names = [each.name for each in challenge_parameters(state) if each.when != OTHER_SPELLING]
        return f"    Cognito-->>App: {_with(self.text(str(state)), names)}"

    def given(self, state: State, response: type[Response], before: str = "") -> Iterator[str]:
        """What a person gives, and the request that carries it."""
        if state is State.START:
            yield f"    Person->>App: {self.text('signs in')}"
        elif response in GIVES:
            yield f"    App->>Person: {self.text(state.meaning)}"
            yield f"    Person->>App: {self.text(GIVES[response])}"
        told = request_shape(state, response, admin=self.admin)
        under = told.under or (str(state) if response is r.RawAnswer else "")
        what = f"{told.operation} ({under})" if under else told.operation
        yield f"    App->>Cognito: {before}{_with(what, told.always)}"

    # ---- a flow ------------------------------------------------------------------------------------------

    def flow(self, script: Script) -> Iterator[str]:
        """All of a flow."""
        begun = list(script.takes.get(START, ()))
        yield from self.either(begun, lambda each: self.given(State.START, each))
        for strands in script.choices():
            everyone = script.needed(place for strand in strands for place in strand)
            several = len(strands) > 1
            first = strands[0][0]
            if not everyone:
                told = group(first) if several else first.state.meaning
                yield f"    opt {self.text(told)}"
            for number, strand in enumerate(strands):
                if several:
                    word = "else" if number else "alt"
                    yield f"    {word} {self.text(strand[0].state)}"
                yield from self.strand(script, strand)
            yield from ["    end"] * (several + (not everyone))
        if not script.needed(()):
            yield self.asked(State.AUTHENTICATED)
            yield f"    App-->>Person: {self.text('signed in')}"

    def strand(self, script: Script, strand: Sequence[Node]) -> Iterator[str]:
        """Places that follow on each other."""
        for place in strand:
            skipped = script.skipped(strand, place)
            if skipped:
                yield f"    opt {self.text(place.state.meaning)}"
            yield self.asked(place.state)
            yield from self.answers(script, place)
            if skipped:
                yield "    end"

    def answers(self, script: Script, place: Node) -> Iterator[str]:
        """What may be answered; steps within the place come one after the other."""
        every = list(script.takes.get(place, ()))
        if place.state is State.MFA_SETUP:
            steps = [each for each in every if each is not r.SetUpEmail]
            if len(steps) == len(every):
                yield from self.steps(place.state, steps)
                return
            yield f"    alt {self.text('authenticator app')}"
            yield from self.steps(place.state, steps)
            yield f"    else {self.text('e-mail')}"
            yield from self.given(place.state, r.SetUpEmail)
            yield "    end"
            return
        yield from self.either(every, lambda each: self.given(place.state, each))

    def steps(self, state: State, responses: Iterable[type[Response]]) -> Iterator[str]:
        """Requests one after the other."""
        every = list(responses)
        for response in every:
            yield from self.given(state, response)
            if response is not every[-1]:
                yield f"    Cognito-->>App: {self.text(PLAIN[response])}"

    def either(
        self, responses: Sequence[type[Response]], write: Callable[[type[Response]], Iterator[str]]
    ) -> Iterator[str]:
        """One of several responses."""
        if len(responses) == 1:
            yield from write(responses[0])
            return
        for number, response in enumerate(responses):
            yield f"    {'else' if number else 'alt'} {self.text(response.trigger)}"
            yield from write(response)
        if responses:
            yield "    end"

    # ---- a walk ----------------------------------------------------------------------------------------------

    def walked(self, steps: Iterable[Walked]) -> Iterator[str]:
        """All that was walked: each step with its number, refusals with their codes."""
        began = None
        for step in steps:
            began = began or step.at
            spent = (step.at - began).total_seconds() if step.at and began else 0
            after = f" ({spent:.1f} s)" if spent else ""
            yield from self.given(step.source, step.response, f"{step.number} \u00b7 ")
            if step.error:
                yield f"    Cognito--xApp: {self.text(step.error)}{after}"
            elif step.dest is step.source and step.response in PLAIN:
                yield f"    Cognito-->>App: {self.text(PLAIN[step.response])}{after}"
            else:
                yield f"{self.asked(step.dest)}{after}"
            if step.dest is State.AUTHENTICATED and step.source is not State.AUTHENTICATED:
                yield f"    App-->>Person: {self.text('signed in')}"


PLAIN: Final[Mapping[type[Response], str]] = {
    r.AssociateSoftwareToken: "SecretCode",
    r.VerifySoftwareToken: "Status",
}
"""What comes back where no challenge does."""


def _with(what: str, names: Sequence[str]) -> str:
    """A message, its parameters below it."""
    return f"{what}<br/>{', '.join(names)}" if names else what
