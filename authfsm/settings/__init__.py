"""Public: which transitions are impossible with the settings of a user pool and its app client, and why.

Settings only remove transitions, and only those that are impossible for every user. Each removed transition has a
reason, usually a member of AWS's description and its value. Only the names in `__all__` are public, not the modules.
"""

from authfsm.base.lazy_names import lazy_names

__getattr__, __dir__, _module_of = lazy_names(__name__, __file__)
__all__ = sorted(_module_of)  # noqa: PLE0605 - from the stub
