"""What is known of a name: a state, a response, a flow, an error; gathered from the tables, for readers.

Nothing is known here that another room does not know already: parameters are read off the codecs and
classes, ways off the table with their evidence, errors off the rulings, limits off the settings.
"""

from authfsm.facts.errors import AboutError, Effect, Met, about_error, operations_of
from authfsm.facts.flows import AboutFlow, about_flow
from authfsm.facts.limits import limits_of_response, limits_of_state
from authfsm.facts.names import About, find, names, nearest
from authfsm.facts.plain import plain
from authfsm.facts.responses import AboutResponse, about_response
from authfsm.facts.shapes import Parameter, Shape, carried, shape
from authfsm.facts.states import AboutState, Known, AcceptedResponse, Target, about_state

__all__ = [
    "About",
    "AboutError",
    "AboutFlow",
    "AboutResponse",
    "AboutState",
    "Effect",
    "Known",
    "Met",
    "Parameter",
    "Shape",
    "AcceptedResponse",
    "Target",
    "about_error",
    "about_flow",
    "about_response",
    "about_state",
    "carried",
    "find",
    "limits_of_response",
    "limits_of_state",
    "names",
    "nearest",
    "operations_of",
    "plain",
    "shape",
]
