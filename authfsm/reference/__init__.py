"""What is known of a name: a state, a response, a flow, an error; gathered from the tables, for readers.

Nothing is known here that another room does not know already: parameters are read off the codecs and
classes, ways off the table with their evidence, errors off the actions, limits off the settings.
"""

from authfsm.reference.errors import AboutError, Effect, Met, about_error, operations_of
from authfsm.reference.flows import AboutFlow, about_flow
from authfsm.reference.limits import limits_of_response, limits_of_state
from authfsm.reference.names import About, find, names, nearest
from authfsm.reference.plain import plain
from authfsm.reference.responses import AboutResponse, about_response
from authfsm.reference.shapes import Parameter, Shape, carried, shape
from authfsm.reference.states import AboutState, AcceptedResponse, Known, Target, about_state

__all__ = [
    "About",
    "AboutError",
    "AboutFlow",
    "AboutResponse",
    "AboutState",
    "AcceptedResponse",
    "Effect",
    "Known",
    "Met",
    "Parameter",
    "Shape",
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
