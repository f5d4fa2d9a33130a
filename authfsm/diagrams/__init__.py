"""Pictures of the protocol, computed from its table: DOT, SVG, PNG, Markdown.

Whatever a picture shows, it shows because the table says so: there is no arrow here. Importing this
costs nothing of Graphviz's; only drawing does.
"""

from authfsm.diagrams.model import Edge, Kind, LeftOut, Mark, Model
from authfsm.diagrams.picture import Diagram, UnknownFlow, UnknownSuffix, diagram
from authfsm.diagrams.places import Group, Place
from authfsm.diagrams.render import NoEngine
from authfsm.diagrams.themes import LIGHT, Paint, Theme
from authfsm.diagrams.walking import Walked

__all__ = [
    "LIGHT",
    "Diagram",
    "Edge",
    "Group",
    "Kind",
    "LeftOut",
    "Mark",
    "Model",
    "NoEngine",
    "Paint",
    "Place",
    "Theme",
    "UnknownFlow",
    "UnknownSuffix",
    "Walked",
    "diagram",
]
