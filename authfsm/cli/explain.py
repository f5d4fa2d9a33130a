"""`authfsm explain NAME`: what a state, a response, a flow, an account's status, an error or its message means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import ClassVar, Final

from attrs import frozen
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from authfsm.cli.command import Failed, argument, as_json, option, print_lines
from authfsm.diagrams.vertices import CONFIDENCE_MARKS, documentation_link
from authfsm.protocol import links
from authfsm.protocol.evidence import Confidence
from authfsm.protocol.nodes import NODES
from authfsm.reference import Facts, find, similar_names

_COLOURS: Final = {
    **dict.fromkeys(("documented", "measured", "asserted"), "green"),
    **dict.fromkeys(("client", "issue"), "cyan"),
    "inferred": "yellow",
    **dict.fromkeys(("contradictory", "refuted"), "red"),
}
_KINDS: Final = {
    "state": "a state",
    "response": "a response",
    "flow": "a flow (AuthFlow)",
    "error": "an error",
    "account error": "an error of a request about an account",
    "administration error": "an error of an administrator's request",
    "account status": "a status of an account (UserStatus)",
    "account operation": "an operation on an account",
}


def _page(described: Facts) -> str:
    """Return AWS's page about a name."""
    if "page" in described:
        return str(described["page"])
    if described["kind"] == "state":
        name = described["name"]
        return next(documentation_link(each) for each in NODES if name in {each.name, each.state})
    if described["kind"] == "error":
        main = ("RespondToAuthChallenge", *described["operations"])
        operation = next(each for each in main if each in described["operations"])
        own = f"{links.reference(operation)}#API_{operation}_Errors"
        return links.COMMON_ERRORS if described["common"] else own
    first = described["begins_with"][0] if described["kind"] == "flow" else described
    return str(first["accepted_by"][0]["request"]["page"])


@frozen(kw_only=True)
class Explain:
    """Explain a state, a response, a flow, an account's status or operation, an error code or an error message.

    Shows, as far as they apply: the parameters, the accepted responses, the next states with their evidence, the
    recommended action after an error, and a link to AWS's page.
    """

    epilog: ClassVar[str] = "Exit status: 0 success; 1 unknown name; 2 usage error."

    name: str = argument(
        "For example SMS_MFA, code, USER_SRP_AUTH, CodeMismatchException, or the text of an error message."
    )
    json: bool = option("Print JSON.", default=False)

    def run(self) -> int:
        """Print the facts about the name; fail if it is unknown."""
        console = Console(highlight=False)
        found = [{**each, "page": _page(each)} for each in find(self.name) or _by_message(self.name)]
        if self.json:
            console.out(as_json(found), end="", highlight=False)
        else:
            for described in found:
                print_lines(console, _rendered(described))
        if not found:
            near = similar_names(self.name)
            names = " or ".join(map(repr, near))
            hint = f"did you mean {names}?" if names else "try a state, for example SMS_MFA"
            raise Failed(f"{self.name!r} is unknown; {hint}")
        return 0


def _by_message(text: str) -> tuple[Facts, ...]:
    """Return the errors of the local pool whose message is this text; a variable in a message may have any value."""
    from authfsm.local.config import error_templates  # noqa: PLC0415 - slow to load

    templates = (t for t in vars(error_templates).values() if isinstance(t, error_templates.ErrorTemplate))
    codes = {
        t.code: None
        for t in templates
        if not t.message.startswith("{")  # such a message could be any text
        if re.fullmatch(re.sub(r"\\{\w+\\}", ".+", re.escape(t.message)), text.strip())
    }
    return tuple(facts for code in codes for facts in find(f"{code}: {text}"))


def _rendered(described: Facts) -> Iterator[RenderableType]:
    yield Text.assemble((f"\n{described['name']}", "bold"), (f"  {_KINDS[described['kind']]}", "dim"))
    if meaning := described.get("meaning"):
        yield Text(meaning)
    yield _url(described["page"])
    match described["kind"]:
        case "state":
            yield from _state(described)
        case "response":
            yield from _response(described)
        case "flow":
            yield from _flow(described)
        case "account status" | "account operation":
            yield _indented(_account(described["transitions"]))
        case _:
            yield from _error(described)
    if exclusions := described.get("ruled_out_by"):
        yield _heading("Excluded by")
        yield from (_indented(Text(f"- {each}")) for each in exclusions)
    yield Text()


def _heading(text: str, note: str = "") -> Text:
    return Text.assemble(("\n" + text, "bold"), (f"  {note}" if note else "", "dim"))


def _url(page: str, columns: int = 0) -> Text:
    return Text.assemble(" " * columns, (page, "dim underline"), no_wrap=True, overflow="ignore")


def _indented(renderable: RenderableType, columns: int = 2) -> Padding:
    return Padding(renderable, (0, 0, 0, columns))


def _grid(*styles: str) -> Table:
    table = Table.grid(padding=(0, 2))
    for style in styles:
        table.add_column(style=style, overflow="fold")
    return table


def _state(described: Facts) -> Iterator[RenderableType]:
    if described["carries"]:
        yield _heading("Carries", "ChallengeParameters")
        yield _indented(_parameters(described["carries"]))
    for each in described["accepts"]:
        yield from _accepted(each, f"Accepts {each['response']}", each["class"])
    if not described["accepts"]:
        yield _heading("Accepts nothing", "the sign-in has ended")
    if described["from"]:
        yield _heading("Comes from", ", ".join(f"{mark} {each}" for each, mark in CONFIDENCE_MARKS.items()))
        table = _grid("", "dim")
        by_state: dict[str, list[str]] = {}
        for arrow in described["from"]:
            by_state.setdefault(arrow["state"], []).append(arrow["response"] + _mark(arrow["confidence"]))
        for state, responses in by_state.items():
            table.add_row(state, ", ".join(dict.fromkeys(responses)))
        yield _indented(table)
    if described["errors"]:
        yield from _errors(described)


def _accepted(each: Facts, title: str, note: str) -> Iterator[RenderableType]:
    yield _heading(title, note)
    yield _indented(Text(each["meaning"]))
    if each["condition"]:
        yield _indented(Text(each["condition"], style="yellow"))
    request = each["request"]
    yield _indented(Text.assemble("sent by ", (request["operation"], "bold")))
    yield _url(request["page"], 2)
    yield _indented(_parameters(request["parameters"]), 4)
    yield _indented(Text("leads to"))
    yield _indented(_next_states(each["leads_to"]), 4)


def _parameters(parameters: Iterable[Facts]) -> Table:
    table = _grid("", "dim")
    for each in parameters:
        within = each.get("within", "")
        within = "" if within in {"", "ChallengeParameters"} else f"{within}."
        texts = [f"= {each['value']}" if "value" in each else "", each.get("about", "")]
        texts.append(f"({each['when']})" if each.get("when") else "")
        table.add_row(Text.assemble((within, "dim"), each["name"]), " ".join(filter(None, texts)))
    return table


def _mark(confidence: str) -> str:
    return CONFIDENCE_MARKS.get(Confidence(confidence), "")


def _certainty(each: Facts) -> tuple[Text, str]:
    """Return the confidence of a transition, and the condition and the source of its best evidence."""
    best = each["evidence"][0]
    why = " - ".join(filter(None, [best["when"], best["source"]]))
    return Text(best["confidence"], style=_COLOURS[best["confidence"]]), why


def _next_states(transitions: Iterable[Facts]) -> Table:
    table = _grid("", "", "dim")
    for each in transitions:
        certainty, why = _certainty(each)
        more = f" (further sources: {len(each['evidence']) - 1})" if len(each["evidence"]) > 1 else ""
        kind = f" ({each['kind']})" if "kind" in each else ""
        table.add_row(each["state"] + kind + _mark(each["confidence"]), certainty, why + more)
    return table


def _errors(described: Facts) -> Iterator[RenderableType]:
    yield _heading("Errors", "that AWS lists for the operations sent in this state")
    groups: dict[tuple[str, str], dict[str, list[str]]] = {}
    for each in described["errors"]:
        group = groups.setdefault((each["action"], each["leads_to"]), {})
        group.setdefault(each["code"], []).append(each["message"])
    table = _grid("", "", "dim")
    here = described["name"].partition(" ")[0]
    for (action, leads), codes in sorted(groups.items(), key=lambda group: group[0][1] != here):
        stays = leads == here
        where = Text("stays" if stays else leads, style="green" if stays else "red")
        table.add_row(action, where, ", ".join(_with_messages(*each) for each in codes.items()))
    yield _indented(table)


def _with_messages(code: str, messages: list[str]) -> str:
    quoted = [f'"{each}"' for each in messages if each]
    return f"{code} ({', '.join(quoted)})" if quoted else code


def _response(described: Facts) -> Iterator[RenderableType]:
    flow = f"begins {described['flow']}" if described["flow"] else ""
    yield _heading(f"authfsm.{described['class']}", flow)
    table = _grid("", "dim")
    for name, about in described["fields"].items():
        table.add_row(name, about)
    yield _indented(table)
    for each in described["accepted_by"]:
        yield from _accepted(each, f"In {each['state']}", "")


def _account(transitions: Iterable[Facts]) -> Table:
    table = _grid("", "bold", "", "", "dim")
    for each in transitions:
        certainty, why = _certainty(each)
        table.add_row(each["status"], each["operation"], f"to {each['leads_to']}", certainty, why)
    return table


def _flow(described: Facts) -> Iterator[RenderableType]:
    yield _heading("Begins with")
    for first in described["begins_with"]:
        yield _indented(Text.assemble((first["name"], "bold"), f"  {first['meaning']}"))
        for each in first["accepted_by"]:
            if each["state"] == "START":
                yield _indented(_parameters(each["request"]["parameters"]), 4)
                yield _indented(_next_states(each["leads_to"]), 4)
    through = "" if "CUSTOM_CHALLENGE" in described["reaches"] else "CUSTOM_CHALLENGE or "
    yield _heading("Reaches", f"without passing through {through}OTHER_CHALLENGE, which any challenge may follow")
    yield _indented(Text(", ".join(described["reaches"])))


def _error(described: Facts) -> Iterator[RenderableType]:
    if matching := described.get("matching_action"):
        yield _heading(f"{matching['action']}: {matching['advice']}", f"fault: {matching['fault']}")
        yield _indented(Text(matching["source"], style="dim"))
        if others := len(described["actions"]) - 1:
            more = f"other messages with this code: {others}; see authfsm explain {described['name']}"
            yield _indented(Text(more, style="dim"))
        return
    yield _heading("Action by message")
    table = _grid("", "bold", "", "dim")
    for each in described["actions"]:
        is_only = len(described["actions"]) == 1
        message = f'"{each["message"]}"' if each["message"] else "any message" if is_only else "anything else"
        session = "session survives" if each["session_survives"] else ""
        facts = ", ".join(filter(None, [f"fault: {each['fault']}", session]))
        about = Text.assemble(each["advice"], (f"\n{facts}", "dim"))
        table.add_row(message, each["action"], about, each["source"])
    if each["message"]:  # the last row is only for one message
        table.add_row("anything else", "", "the same as in a sign-in")
    yield _indented(table)
    yield _heading("Returned by")
    listed = ", ".join(described["operations"]) or "requests of cognito.account"
    yield _indented(Text("any operation of AWS" if described["common"] else listed))
