"""Diagrams of the protocol, computed from its table: DOT, SVG, PNG, PDF, Mermaid, Markdown, SCXML, XState, JSON.

The names in `__all__` are public; the modules are private. The modules define the model of a diagram, build it from the
table, from settings and from recorded sign-ins, and write it in each format.
"""

from authfsm.diagrams.account import AccountDiagram
from authfsm.diagrams.drawing import UnknownFormat, UnknownSuffix, picture_tag
from authfsm.diagrams.history_overlay import HistoryStep
from authfsm.diagrams.model import Availability, DiagramModel, Edge, EdgeKind, EdgeStep, OmittedArrows, SettingsEffect
from authfsm.diagrams.picture import (
    FORMATS,
    SUFFIXES,
    ConflictingOptions,
    Diagram,
    UnknownFlow,
    UnknownLabel,
    UnknownState,
    diagram,
)
from authfsm.diagrams.render import MissingFont, NoEngine, NoPdf, UnknownEngine
from authfsm.diagrams.sequence import SEQUENCE_SUFFIXES, SequenceDiagram, sequence
from authfsm.diagrams.themes import AUTO, DARK, LIGHT, PRINT, THEMES, Paint, Theme
from authfsm.diagrams.vertices import StateGroup
from authfsm.protocol.nodes import Node

__all__ = [
    "AUTO", "DARK", "FORMATS", "LIGHT", "PRINT", "SEQUENCE_SUFFIXES", "SUFFIXES", "THEMES",
    "AccountDiagram", "Availability", "ConflictingOptions", "Diagram", "DiagramModel", "Edge", "EdgeKind",
    "EdgeStep", "HistoryStep", "MissingFont", "NoEngine", "NoPdf", "Node", "OmittedArrows", "Paint",
    "SequenceDiagram", "SettingsEffect", "StateGroup", "Theme", "UnknownEngine", "UnknownFlow",
    "UnknownFormat", "UnknownLabel", "UnknownState", "UnknownSuffix", "diagram", "picture_tag", "sequence",
]  # fmt: skip
