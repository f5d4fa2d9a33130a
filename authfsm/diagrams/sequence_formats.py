"""The messages of a sequence diagram, and the diagram as Mermaid, as PlantUML and as DOT with positions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from itertools import chain, count
from typing import Final

from attrs import frozen

from authfsm.diagrams.dot import FONT, statement
from authfsm.diagrams.dot_labels import table, title_cell
from authfsm.diagrams.exports import mermaid_text, plantuml_text
from authfsm.diagrams.render import text_width
from authfsm.diagrams.themes import Theme
from authfsm.diagrams.vertices import StateGroup

PERSON, APP, COGNITO = PARTICIPANTS = ("Person", "App", "Cognito")
_KINDS: Final = (f"actor {PERSON}", f"participant {APP}", f"participant {COGNITO}")
REQUEST, REPLY, REFUSAL = "request", "reply", "refusal"


@frozen
class SequenceMessage:
    """A message from one participant to another; `kind` is REQUEST, REPLY or REFUSAL."""

    source: str
    dest: str
    text: str
    parameters: tuple[str, ...] = ()
    kind: str = REQUEST


@frozen
class Note:
    """A note beside a participant."""

    beside: str
    text: str


@frozen
class Frame:
    """The "end" of a part or its beginning: `kind` is "opt" if it is optional; alternatives are "alt", then "else"."""

    kind: str
    text: str = ""


Item = SequenceMessage | Note | Frame


def sentences(items: Iterable[Item], names: Sequence[str]) -> Iterator[str]:
    """Yield the items in words, for readers who cannot see the diagram."""
    shown = dict(zip(PARTICIPANTS, names, strict=True))
    for item in items:
        if isinstance(item, SequenceMessage):
            text = f"{shown[item.source]} to {shown[item.dest]}: {item.text}"
        else:
            text = item.text if isinstance(item, Note) else f"{_FRAME_WORDS[item.kind]}: {item.text}"
        yield f"{text[:1].upper()}{text[1:].rstrip('.: ')}."


def mermaid(items: Iterable[Item], names: Sequence[str]) -> str:
    """Return a sequence diagram in Mermaid's language."""
    people = (f"    {kind} as {mermaid_text(name)}" for kind, name in zip(_KINDS, names, strict=True))
    arrows = {REQUEST: "->>", REPLY: "-->>", REFUSAL: "--x"}
    lines = _lines(items, arrows, mermaid_text, "<br/>")
    return "\n".join(("sequenceDiagram", *people, *(f"    {line}" for line in lines), ""))


def plantuml(items: Iterable[Item], names: Sequence[str], title: str) -> str:
    """Return a sequence diagram in PlantUML's language (https://plantuml.com/sequence-diagram)."""
    people = (
        '{} "{text}" as {}'.format(*kind.split(), text=plantuml_text(name))
        for kind, name in zip(_KINDS, names, strict=True)
    )
    arrows = {REQUEST: " -> ", REPLY: " --> ", REFUSAL: " -->x "}
    lines = _lines(items, arrows, plantuml_text, "\\n")
    return "\n".join(("@startuml", f"title {plantuml_text(title)}", *people, *lines, "@enduml", ""))


def _lines(
    items: Iterable[Item], arrows: dict[str, str], escaped: Callable[[str], str], line_break: str
) -> Iterator[str]:
    for item in items:
        if isinstance(item, SequenceMessage):
            text = line_break.join(map(escaped, filter(None, (item.text, ", ".join(item.parameters)))))
            yield f"{item.source}{arrows[item.kind]}{item.dest}: {text}"
        elif isinstance(item, Note):
            yield f"note over {item.beside}: {escaped(item.text)}"
        else:
            yield f"{item.kind} {escaped(item.text)}".rstrip()


_SIZE: Final = 12  # points
_ROW: Final = 15  # points from one row of text to the next
_GAP: Final = 12  # points between two items
_INSET: Final = 10  # points from a frame to the frame inside it
_LIFELINES: Final = {PERSON: 0, APP: 250, COGNITO: 650}  # x in points
_MARGIN: Final = 90  # points from the outer lifelines to the outermost frame
_REFUSED: Final = "\u00d7 "  # the sign of a refusal, for readers who cannot distinguish the colours
_FRAME_WORDS: Final = {"opt": "only if Cognito asks", "alt": "one of these", "else": "or", "end": "end of this part"}
_POINT: Final = {"shape": "point", "width": "0.01", "style": "invis", "label": ""}


def dot(items: Iterable[Item], names: Sequence[str], theme: Theme, title: str) -> str:
    """Return a sequence diagram in Graphviz's language, for the layout `nop`, which keeps all positions."""
    layout = _Layout(theme)
    for item in items:
        layout.add(item)
    common = {"fontname": FONT, "fontsize": str(_SIZE), "tooltip": " "}
    graph = {
        "layout": "nop", "splines": "line", "bgcolor": theme.background, "pad": "0.1", "fontcolor": theme.muted,
        "labelloc": "t", "labeljust": "l", "label": table([title_cell([title], theme, _SIZE)], _SIZE), **common,
    }  # fmt: skip
    node = {"fontcolor": theme.text, "shape": "plain", **common}
    edge = {"color": theme.line, "arrowsize": "0.7", "tooltip": " "}
    head = ("digraph sequence {", statement("graph", graph), statement("node", node), statement("edge", edge))
    lifelines = (layout.lifeline(*each) for each in zip(PARTICIPANTS, names, strict=True))
    return "\n".join((*head, *layout.frames, *chain(*lifelines), *layout.lines, "}", ""))


class _Layout:
    """Places items from top to bottom; `_y` is the position of the next item, and grows downwards."""

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self.lines: list[str] = []
        self.frames: list[str] = []  # they are drawn first
        self._tops: list[float] = []  # the positions of open frames
        self._y = 30.0
        self._numbers = count(1)

    def add(self, item: Item) -> None:
        """Place an item below the others."""
        if isinstance(item, SequenceMessage):
            self._message(item)
        elif isinstance(item, Note):
            self._note(item)
        else:
            self._frame(item)

    def lifeline(self, participant: str, name: str) -> Iterator[str]:
        """Yield the head of a participant and the line below it."""
        paint = self.theme.groups[StateGroup.END if participant == COGNITO else StateGroup.FIRST_FACTOR]
        head = {
            "label": escape(name), "shape": "box", "style": "rounded,filled", "fillcolor": paint.fill,
            "color": paint.line, "fontsize": str(_SIZE + 1), "height": "0.35", "tooltip": name,
        }  # fmt: skip
        yield self._node(participant, _LIFELINES[participant], 0, head)
        yield self._node(f"{participant} end", _LIFELINES[participant], self._y, _POINT)
        style = {"arrowhead": "none", "color": self.theme.faded}
        yield statement(f'{participant} -> "{participant} end"', style)

    def _down(self, points: float) -> float:
        self._y += points
        return self._y

    def _node(self, name: str, x: float, y: float, attributes: dict[str, str]) -> str:
        return statement(f'"{name}"', {"pos": f"{x:g},{-y:g}", **attributes})

    def _text(self, rows: Sequence[str], x: float, colour: str, **attributes: str) -> None:
        """Place rows of text with their middle at `x`."""
        number, height = next(self._numbers), len(rows) * _ROW
        middle = self._down(height) - height / 2
        font = {"label": f"<{'<br/>'.join(rows)}>", "fontcolor": colour, **attributes}
        self.lines.append(self._node(f"text {number}", x, middle, font))

    def _message(self, item: SequenceMessage) -> None:
        theme, (left, right) = self.theme, sorted((_LIFELINES[item.source], _LIFELINES[item.dest]))
        colour = {REQUEST: theme.text, REPLY: theme.highlight, REFUSAL: theme.warning}[item.kind]
        sign = _REFUSED if item.kind == REFUSAL else ""
        rows = [escape(row) for row in _wrapped(sign + item.text, right - left - 20)]
        parameters = _wrapped(", ".join(item.parameters), right - left - 20)
        rows += [f'<font color="{theme.muted}">{escape(row)}</font>' for row in parameters]
        self._text(rows, (left + right) / 2, colour)
        number, y = next(self._numbers), self._down(4)
        ends = [f"{number} {each}" for each in (item.source, item.dest)]
        places = _LIFELINES[item.source], _LIFELINES[item.dest]
        self.lines += [self._node(each, x, y, _POINT) for each, x in zip(ends, places, strict=True)]
        style = {"color": colour, "tooltip": f"{item.source} to {item.dest}: {item.text}"}
        if item.kind != REQUEST:
            style |= {"style": "dashed"}
        self.lines.append(statement(f'"{ends[0]}" -> "{ends[1]}"', style))
        self._down(_GAP)

    def _note(self, item: Note) -> None:
        rows = [escape(row) for row in _wrapped(item.text, 200)]
        paint = self.theme.groups[StateGroup.SET_UP]
        look = {"shape": "note", "style": "filled", "fillcolor": paint.fill, "color": paint.line}
        self._down(4)
        self._text(rows, _LIFELINES[item.beside], self.theme.text, margin="0.1,0.04", **look)
        self._down(_GAP + 4)

    def _frame(self, item: Frame) -> None:
        if item.kind == "end":
            self._box(self._tops.pop(), self._y)
            self._down(_GAP)
            return
        if item.kind == "else":
            number, y = next(self._numbers), self._y
            ends = [f"{number} left", f"{number} right"]
            sides = zip(ends, self._sides(len(self._tops) - 1), strict=True)
            self.frames += [self._node(each, x, y, _POINT) for each, x in sides]
            look = {"arrowhead": "none", "style": "dashed", "color": self.theme.muted}
            self.frames.append(statement(f'"{ends[0]}" -> "{ends[1]}"', look))
        else:
            self._tops.append(self._y)
        row = f"{_FRAME_WORDS[item.kind]}: {item.text}"
        left, _ = self._sides(len(self._tops) - 1)
        background = {"style": "filled", "fillcolor": self.theme.background}
        self._down(3)
        self._text([escape(row)], left + 8 + text_width(row, _SIZE) / 2, self.theme.muted, **background)
        self._down(_GAP / 2)

    def _sides(self, depth: int) -> tuple[float, float]:
        inset = _MARGIN - depth * _INSET
        return _LIFELINES[PERSON] - inset, _LIFELINES[COGNITO] + inset

    def _box(self, top: float, bottom: float) -> None:
        left, right = self._sides(len(self._tops))
        look = {
            "label": "", "shape": "box", "fixedsize": "true", "color": self.theme.muted,
            "width": f"{(right - left) / 72:.3f}", "height": f"{(bottom - top) / 72:.3f}",
        }  # fmt: skip
        middle = (top + bottom) / 2
        self.frames.append(self._node(f"frame {next(self._numbers)}", (left + right) / 2, middle, look))


def _wrapped(text: str, width: float) -> list[str]:
    """Return a text in rows of at most `width` points; a longer word has a row of its own."""
    rows: list[str] = []
    for word in text.split():
        if rows and text_width(f"{rows[-1]} {word}", _SIZE) <= width:
            rows[-1] += f" {word}"
        else:
            rows.append(word)
    return rows
