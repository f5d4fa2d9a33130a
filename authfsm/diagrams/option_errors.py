"""What a caller may ask of a picture in vain; each error names what there is instead."""

from __future__ import annotations

from collections.abc import Iterable

from authfsm.protocol.errors import CallerError
from authfsm.protocol.states import State


class UnknownFlow(CallerError, ValueError):
    """There is no flow of that name.

    Args:
        flow: the name that was given.
        flows: the names there are.
    """

    def __init__(self, flow: str, flows: Iterable[str]) -> None:
        super().__init__(f"no flow is named {flow!r}; the flows are {', '.join(flows)}")
        self.flow = flow


class UnknownState(CallerError, ValueError):
    """There is no state of that name.

    Args:
        name: the name that was given.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"no state is named {name!r}; the states are {', '.join(State)}")
        self.name = name


class UnknownFormat(CallerError, ValueError):
    """A picture has no such format.

    Args:
        name: the name that was given.
        names: the names there are.
    """

    def __init__(self, name: str, names: Iterable[str]) -> None:
        super().__init__(f"no format is named {name!r}; the formats are {', '.join(names)}")
        self.name = name


class UnknownSuffix(CallerError, ValueError):
    """No picture is saved under that suffix.

    Args:
        suffix: the suffix that was given.
        suffixes: those there are.
    """

    def __init__(self, suffix: str, suffixes: Iterable[str]) -> None:
        super().__init__(f"a picture is saved as {', '.join(suffixes)}, not as {suffix!r}")
        self.suffix = suffix


class ConflictingOptions(CallerError, ValueError):
    """Two arguments exclude each other.

    Args:
        one: the one.
        other: the other.
    """

    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"a picture is drawn with {one}, or with {other}, not with both")
        self.one = one
        self.other = other
