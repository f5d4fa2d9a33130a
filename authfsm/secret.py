"""Secrets are a type: they can be compared and revealed, never shown.

Whatever must not be seen (passwords, codes, tokens, sessions, SRP exponents, client secrets) is
wrapped where it enters and unwrapped only where it leaves for the wire. `repr`, `str`, `format`,
f-strings, logs and tracebacks show `Secret(****)`; pickling refuses.
"""

from __future__ import annotations

import hmac
from typing import Any, Final, Generic, NoReturn, TypeVar, overload

T = TypeVar("T", str, bytes, int)

MASK: Final = "Secret(****)"


class Secret(Generic[T]):
    """A value that can be compared and revealed, never shown.

    Args:
        value: the text, bytes or integer to keep.
    """

    __slots__ = ("_value",)

    _value: T

    def __init__(self, value: T) -> None:
        object.__setattr__(self, "_value", value)

    def reveal(self) -> T:
        """The value itself, in clear: call it where the value leaves, and keep no copy."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        mine, theirs = self._value, other._value
        if type(mine) is not type(theirs):
            return False
        # In constant time: a comparison must not tell how much of a secret was right.
        return hmac.compare_digest(_as_bytes(mine), _as_bytes(theirs))

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Secret does not change")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a Secret does not change")

    def __copy__(self) -> Secret[T]:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret[T]:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is never pickled: it would be stored in clear")


def _as_bytes(value: str | bytes | int) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, int):
        return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)
    return value.encode("utf-8", "surrogatepass")


@overload
def secret(value: str | Secret[str]) -> Secret[str]: ...
@overload
def secret(value: bytes | Secret[bytes]) -> Secret[bytes]: ...
@overload
def secret(value: int | Secret[int]) -> Secret[int]: ...
def secret(value: Any) -> Secret[Any]:
    """Wrap a value as a `Secret`, or hand back one that is wrapped already."""
    return value if isinstance(value, Secret) else Secret(value)


def revealed(value: Any) -> Any:
    """A plain copy of nested mappings and lists, every `Secret` in them revealed: for the wire only."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, dict):
        return {key: revealed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [revealed(item) for item in value]
    return value
