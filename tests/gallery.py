"""Writes the pictures of the gallery and README's table: `python tests/gallery.py`.

The pictures have the same bytes on every machine; tests fail when they, or the table, are not up to date.

README's table has a row for each response that a state accepts. A set of next states that occurs in several rows is
written by a name. Marks show what is only inferred (†), contradicted by another source (‡) or refuted (✗). Two next
states are in no row: FAILED, which every refusal may lead to, and OTHER_CHALLENGE, which is possible wherever Cognito
may issue a challenge.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import evolve, frozen

from authfsm.core.history import Step
from authfsm.diagrams import picture_tag
from authfsm.diagrams.account import AccountDiagram
from authfsm.diagrams.dot_labels import account_link
from authfsm.diagrams.example_pools import EXAMPLE_POOLS
from authfsm.diagrams.picture import Diagram, diagram
from authfsm.diagrams.sequence import sequence
from authfsm.diagrams.themes import AUTO, DARK, LIGHT
from authfsm.diagrams.vertices import CONFIDENCE_MARKS
from authfsm.protocol.account_table import RECOVERIES
from authfsm.protocol.auth_flows import FLOWS
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.errors import CallerError
from authfsm.protocol.evidence import confidence
from authfsm.protocol.responses import Code, Response, SrpClaim, UserSrpAuth
from authfsm.protocol.states import State
from authfsm.protocol.table import (
    AFTER_LAST_FACTOR,
    AFTER_PASSWORD,
    ANY_CHALLENGE,
    ENROLLED_FACTOR_STEPS,
    FIRST_FACTORS,
    OTHER,
    PROTOCOL,
    LoopKind,
    Transition,
    loop_kinds,
)

_FLOW_SENTENCES: Final = {
    "USER_SRP_AUTH": "the password is proved by SRP and never sent.",
    "USER_PASSWORD_AUTH": "the password is sent in plain text.",
    "ADMIN_USER_PASSWORD_AUTH": "an administrator sends a user's password in plain text.",
    "ADMIN_NO_SRP_AUTH": "the older name of ADMIN_USER_PASSWORD_AUTH; one AWS page has a second step for the password.",
    "CUSTOM_AUTH": "the pool's Lambda functions decide; the password may be proved by SRP first.",
    "USER_AUTH": "the user chooses or prefers a first factor: password, code or passkey.",
    "REFRESH_TOKEN_AUTH": "new tokens for a refresh token.",
    "REFRESH_TOKEN": "the older name of REFRESH_TOKEN_AUTH.",
}


_SHORT_CAPTION: Final = "Not drawn: what this pool's settings rule out; see the other pictures."
_SIGN_IN: Final = (
    Step(1, State.START, UserSrpAuth, State.PASSWORD_VERIFIER),
    Step(2, State.PASSWORD_VERIFIER, SrpClaim, State.SOFTWARE_TOKEN_MFA),
    Step(
        *(3, State.SOFTWARE_TOKEN_MFA, Code, State.SOFTWARE_TOKEN_MFA),
        action=RecoveryAction.TRY_AGAIN,
        error="CodeMismatchException",
    ),
    Step(4, State.SOFTWARE_TOKEN_MFA, Code, State.AUTHENTICATED),
)
_SIGN_IN_ABOUT: Final = "One sign-in, step by step: the password by SRP, a mistyped code, the right code."
_ACCOUNT: Final = "The life of an account: sign-up, confirmation, forgotten password. Two failures of a sign-in lead into this diagram: an unconfirmed user, and a password that must be reset."


def pictures() -> Iterator[tuple[str, Diagram, str]]:
    """Yield each picture with the name of its file and a sentence about it."""
    settings = EXAMPLE_POOLS["mfa_required"][0]
    animated = diagram(settings=settings, history=_SIGN_IN, theme=AUTO, animated=True)
    model = evolve(animated.model, notes=(_SHORT_CAPTION,), omitted=())
    yield "sign_in", evolve(animated, model=model), _SIGN_IN_ABOUT
    about = "The whole protocol at a glance: every flow, from the first request to tokens."
    yield "overview", diagram(overview=True, theme=AUTO), about
    about = "The whole protocol, with the response that each line needs; open it in a tab of its own."
    yield "protocol", diagram(theme=AUTO), about
    for flow in FLOWS:
        about = f"`{flow}`: {_FLOW_SENTENCES[flow]}"
        yield flow.lower(), diagram(flow=flow, theme=AUTO), about
    for name, (settings, sentence) in EXAMPLE_POOLS.items():
        about = f"A pool's settings: {sentence}"
        yield f"pool_{name}", diagram(settings=settings, theme=AUTO), about
    off, required = (EXAMPLE_POOLS[name][0] for name in ("mfa_off", "mfa_required"))
    about = "The whole protocol; transitions that are impossible when MFA is off are faded."
    yield "pool_mfa_off_faded", diagram(settings=off, faded=True, overview=True, theme=AUTO), about
    about = "What becomes possible when MFA becomes required."
    yield "pool_mfa_off_to_required", diagram(difference=(off, required), theme=AUTO), about
    about = "Where a sign-in by SRP can fail, and what to do then."
    yield "failures", diagram(flow="USER_SRP_AUTH", actions=True, theme=AUTO), about


def files() -> dict[str, str]:
    """Return the text of every file of the gallery, by its name; raises NoEngine."""
    every = list(pictures())
    texts = {f"{name}.svg": drawn.svg() for name, drawn, _ in every if not drawn.animated}
    for name, drawn, _ in every:
        if drawn.animated:
            texts |= {f"{name}-{look}.svg": evolve(drawn, theme=theme).svg() for look, theme in _LOOKS.items()}
            texts[f"{name}-still.svg"] = evolve(drawn, animated=False).svg()
    texts["account.svg"] = AccountDiagram(AUTO).svg()
    texts["sign_in_messages.svg"] = sequence(history=_SIGN_IN, theme=AUTO).svg()
    for action in RECOVERIES:  # beside each other, the pictures link to each other
        page = f'"{account_link(action)}"'
        texts["failures.svg"] = texts["failures.svg"].replace(page, '"account.svg"')
    texts["protocol.dot"] = str(diagram())
    page_entries = [*((name, about) for name, _, about in every), ("account", _ACCOUNT)]
    page_entries.append(
        ("sign_in_messages", "The messages of the first picture's sign-in, between person, app and Cognito.")
    )
    entries = "".join(_entry(*each) for each in page_entries)
    messages = sequence(flow="USER_SRP_AUTH")
    texts["README.md"] = _README.format(pictures=entries, sequence=messages)
    return dict(sorted(texts.items()))


_LOOKS: Final = {"light": LIGHT, "dark": DARK}
_README: Final = """\
# The protocol in pictures

Computed from `authfsm/protocol/table.py` by `python tests/gallery.py`.
The caption of each picture says what it omits. Open a picture in its own tab: hover over a state
to see what it means, and click it for AWS's page. Pictures are dark if your browser prefers dark.
`protocol.dot` is the source of `protocol`.
{pictures}
## The messages of a sign-in

`USER_SRP_AUTH` as a sequence, with the names that Cognito's API uses.

```mermaid
{sequence}```
"""


def _entry(name: str, about: str) -> str:
    if name == "sign_in":
        return f"\n## {name}\n\n{about}\n\n{moving_picture()}"
    # At the width of that page, the whole protocol cannot be read.
    target = f"{name}.svg" if name == "protocol" else f"![{about.replace('`', '')}]({name}.svg)"
    return f"\n## {name}\n\n{about}\n\n[{target}]({name}.svg)\n"


def moving_picture(folder: str = "") -> str:
    """Return the HTML that shows the sign-in that moves: light or dark, or still for readers who ask for that."""
    files = {look: f"{folder}sign_in-{look}.svg" for look in (*_LOOKS, "still")}
    return picture_tag(title=_SIGN_IN_ABOUT, **files)


def published_pictures() -> Iterator[tuple[str, str]]:
    """Yield the pictures that README, the gallery and the notebooks show, each with its name, as SVG."""
    root = Path(__file__).parents[1]
    for page in ("README.md", "diagrams/README.md"):
        text = (root / page).read_text("utf-8")
        for found in re.findall(r"(?:!\[[^\]]*\]\(|srcset=\"|src=\")([^)\"]*\.svg)", text):
            yield Path(found).name, (root / "diagrams" / Path(found).name).read_text("utf-8")
    for file in sorted((root / "notebooks").glob("*.ipynb")):
        for number, cell in enumerate(json.loads(file.read_text("utf-8"))["cells"]):
            for output in cell.get("outputs", ()):
                if drawn := "".join(output.get("data", {}).get("image/svg+xml", ())):
                    yield f"{file.stem}, cell {number}", drawn


def write(folder: str | Path) -> list[Path]:
    """Write the gallery to a folder, and return the files that changed; raises NoEngine."""
    changed = []
    for name, text in files().items():
        file = Path(folder) / name
        if not file.exists() or file.read_bytes() != text.encode():
            file.write_bytes(text.encode())
            changed.append(file)
    return changed


# ---- README's table ---------------------------------------------------------------------------

BEGIN: Final = "<!-- table -->"
END: Final = "<!-- /table -->"


class NoTableMarkers(CallerError, ValueError):
    """The file `path` has no markers for the table."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} has no lines {BEGIN!r} and {END!r} to write the table between")
        self.path = path


@frozen
class NamedStates:
    """A set of next states with a name."""

    name: str
    members: frozenset[State]


_NAMED_SETS: Final = (
    NamedStates("any challenge", ANY_CHALLENGE - OTHER),
    NamedStates("what follows a password", AFTER_PASSWORD - OTHER),
    NamedStates("a first factor", FIRST_FACTORS),
    NamedStates("a second factor", ENROLLED_FACTOR_STEPS),
    NamedStates("what follows the last factor", AFTER_LAST_FACTOR - OTHER),
)
"""Larger sets before those they contain."""


@frozen
class TableRow:
    """A response that a state accepts, and its next states: named sets, other states, and kinds of self-loop."""

    source: State
    response: type[Response]
    sets: tuple[NamedStates, ...]
    dests: tuple[State, ...]
    loops: tuple[LoopKind, ...]

    def mark(self, dest: State, loop: LoopKind | None = None) -> str:
        """Return the mark for the evidence of an arrow."""
        if dest is self.source and loop is None:
            loop = LoopKind.NEW_CHALLENGE
        arrow = Transition(self.source, self.response, dest, loop)
        return CONFIDENCE_MARKS.get(confidence(arrow), "")

    def __str__(self) -> str:
        cells = [self._named(each) for each in self.sets]
        cells += [_code(each) + self.mark(each) for each in self.dests]
        cells += [f"*{each}*{self.mark(self.source, each)}" for each in self.loops]
        return f"| {_code(self.source)} | {_code(self.response.trigger)} | {', '.join(cells)} |"

    def _named(self, named: NamedStates) -> str:
        """Return a set's name with its most frequent mark, then the members with other marks."""
        marks = {dest: self.mark(dest) for dest in State if dest in named.members}
        counts = Counter(marks.values())
        usual = max(("", *CONFIDENCE_MARKS.values()), key=lambda mark: counts[mark])
        certain = [_code(dest) for dest, mark in marks.items() if mark != usual and not mark]
        others = [_code(dest) + mark for dest, mark in marks.items() if mark not in {usual, ""}]
        exceptions = [f"more certain: {', '.join(certain)}"] * bool(certain) + others
        return f"*{named.name}*{usual}" + (f" ({', '.join(exceptions)})" if exceptions else "")


def _code(name: str) -> str:
    return f"`{name}`"


def rows() -> Iterator[TableRow]:
    """Yield the rows in the table's own order."""
    for source, responses in PROTOCOL.items():
        for response, dests in responses.items():
            whole = frozenset(each for each in State if each in dests - OTHER)
            rest, sets = whole, []
            for each in _NAMED_SETS:
                if each.members <= whole and len(each.members & rest) > 1:
                    sets.append(each)
                    rest -= each.members
            in_set = any(source in each.members for each in sets)
            loops = loop_kinds(source, dests)
            loops = tuple(k for k in loops if not (in_set and k is LoopKind.NEW_CHALLENGE))
            others = tuple(d for d in State if d in rest - {source})
            yield TableRow(source, response, tuple(sets), others, loops)


def readme_table() -> str:
    """Return the protocol as a Markdown table, with the meaning of its names and marks."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield "| state | response (its trigger) | next states |"
    yield "|---|---|---|"
    yield from map(str, rows())
    yield ""
    for each in _NAMED_SETS[1:]:
        states = (_code(state) for state in State if state in each.members)
        yield f"*{each.name}*: {', '.join(states)}.  "
    yield "*any challenge*: any of Cognito's sixteen.  "
    kinds = " ".join(f"*{each}*: {each.meaning}" for each in LoopKind)
    yield f"Four kinds of transitions keep the state. {kinds}  "
    open_rows = sum(bool(OTHER & d) for row in PROTOCOL.values() for d in row.values())
    yield f"The column *next states* omits two states: `FAILED`, reached when a refusal ends the attempt, and `OTHER_CHALLENGE`, a challenge that authfsm does not know, which may follow in {open_rows} of these rows.  "
    yield "A mark after a name in italics, as in *a first factor*†, applies to all members of the set. In *a first factor* (`SMS_OTP`†), it applies only to `SMS_OTP`. In *a first factor*† (more certain: `SMS_OTP`), it applies to all members except `SMS_OTP`.  "
    yield "† only inferred; ‡ contradicted by another source; ✗ refuted by replies of real pools, and kept only so that the client tolerates it. `authfsm explain STATE` shows the sources of each transition."


def with_table(text: str) -> str | None:
    """Return a text with the present table between its markers; None if it has no markers."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        return None
    return f"{before}{BEGIN}\n{readme_table()}\n{END}{after}"


def update_readme(path: str | Path) -> bool:
    """Write the table between its markers in a file (else NoTableMarkers); return whether it changed."""
    file = Path(path)
    old = file.read_text(encoding="utf-8")
    new = with_table(old)
    if new is None:
        raise NoTableMarkers(file)
    if new != old:
        file.write_text(new, encoding="utf-8")
    return new != old


if __name__ == "__main__":
    root = Path(__file__).parents[1]
    changed = write(root / "diagrams") + [root / "README.md"] * update_readme(root / "README.md")
    sys.stdout.writelines(f"wrote {each}\n" for each in changed)
