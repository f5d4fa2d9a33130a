"""Private: what is known about a name (a state, a response, a flow, an error), gathered from the tables for readers.

Nothing is declared here: parameters come from the code that reads and writes requests, transitions from the table and
its evidence, errors from the error policy, and limits from the rules of settings.
"""

from authfsm.reference.about import about_error, about_flow, about_response, about_state
from authfsm.reference.lookup import About, as_dict, find, known_names, similar_names
from authfsm.reference.request_shapes import challenge_parameters, request_shape

__all__ = [
    "About",
    "about_error",
    "about_flow",
    "about_response",
    "about_state",
    "as_dict",
    "challenge_parameters",
    "find",
    "known_names",
    "request_shape",
    "similar_names",
]
