"""What is known of a name: a state, a response, a flow, an error; gathered from the tables, for readers.

Nothing is known here that another room does not know already: parameters are read off the codecs and
classes, ways off the table with their evidence, errors off the actions, limits off the settings.
"""

from authfsm.reference.about import (
    AboutError,
    AboutFlow,
    AboutResponse,
    AboutState,
    AcceptedResponse,
    Effect,
    Known,
    PossibleError,
    Target,
    about_error,
    about_flow,
    about_response,
    about_state,
    operations_of,
)
from authfsm.reference.limits import limits_of_response, limits_of_state
from authfsm.reference.lookup import About, as_dict, find, known_names, similar_names
from authfsm.reference.request_shapes import (
    Parameter,
    RequestShape,
    challenge_parameters,
    request_shape,
)

__all__ = [
    "About",
    "AboutError",
    "AboutFlow",
    "AboutResponse",
    "AboutState",
    "AcceptedResponse",
    "Effect",
    "Known",
    "Parameter",
    "PossibleError",
    "RequestShape",
    "Target",
    "about_error",
    "about_flow",
    "about_response",
    "about_state",
    "as_dict",
    "challenge_parameters",
    "find",
    "known_names",
    "limits_of_response",
    "limits_of_state",
    "operations_of",
    "request_shape",
    "similar_names",
]
