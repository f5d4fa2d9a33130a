"""Pictures of the protocol, computed from its table: DOT, SVG, PNG, PDF, Mermaid, Markdown, SCXML, XState, JSON.

Whatever a picture shows, it shows because the table says so: there is no arrow here. Importing this
costs nothing of Graphviz's; only drawing does.
"""

from authfsm.diagrams.model import DiagramModel, Edge, EdgeKind, Mark, OmittedArrows, Shade, Tone
from authfsm.diagrams.option_errors import (
    ConflictingOptions,
    UnknownFlow,
    UnknownFormat,
    UnknownState,
    UnknownSuffix,
)
from authfsm.diagrams.picture import FORMATS, SUFFIXES, Diagram, diagram
from authfsm.diagrams.places import StateGroup
from authfsm.diagrams.render import NoEngine, NoPdf
from authfsm.diagrams.sequence import SequenceDiagram, sequence
from authfsm.diagrams.themes import AUTO, DARK, LIGHT, PRINT, THEMES, Paint, Theme
from authfsm.diagrams.walking import Walked
from authfsm.protocol.nodes import Node

__all__ = [
    "AUTO",
    "DARK",
    "FORMATS",
    "LIGHT",
    "PRINT",
    "SUFFIXES",
    "THEMES",
    "ConflictingOptions",
    "Diagram",
    "DiagramModel",
    "Edge",
    "EdgeKind",
    "Mark",
    "NoEngine",
    "NoPdf",
    "Node",
    "OmittedArrows",
    "Paint",
    "SequenceDiagram",
    "Shade",
    "StateGroup",
    "Theme",
    "Tone",
    "UnknownFlow",
    "UnknownFormat",
    "UnknownState",
    "UnknownSuffix",
    "Walked",
    "diagram",
    "sequence",
]
