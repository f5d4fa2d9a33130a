"""Secrets are a type: they can be compared and revealed, never shown.

Whatever must not be seen (passwords, codes, tokens, sessions, SRP exponents, client secrets) is
wrapped where it enters and unwrapped only where it leaves for the wire. `repr`, `str`, `format`,
f-strings, logs and tracebacks show `Secret(****)`; pickling refuses.
"""

from __future__ import annotations

import functools
import hmac
from collections.abc import Callable, Mapping
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
def secret(value: None) -> None: ...
@overload
def secret(value: str | Secret[str]) -> Secret[str]: ...
@overload
def secret(value: str | Secret[str] | None) -> Secret[str] | None: ...
@overload
def secret(value: bytes | Secret[bytes]) -> Secret[bytes]: ...
@overload
def secret(value: int | Secret[int]) -> Secret[int]: ...
def secret(value: Any) -> Any:
    """Wrap a value as a `Secret`; return None, a truth value, and a wrapped value as they are.

    A public function that takes a secret calls this in its first statement and rebinds the parameter, so
    that no frame of a traceback shows the plain value. It raises nothing, whatever the value is.
    """
    return value if value is None or isinstance(value, (Secret, bool)) else Secret(value)


def secret_values(value: Any) -> Any:
    """Wrap every value of a mapping as a `Secret`; wrap anything else as `secret` does."""
    if value is None or isinstance(value, (Secret, bool)):
        return value
    if not isinstance(value, str) and isinstance(value, Mapping):
        return {key: secret(item) for key, item in value.items()}
    return Secret(value)


class WrapsSecrets:
    """A base of `attrs` classes: wraps the secret fields before the generated `__init__` binds them.

    The `__init__` that attrs generates is a frame too. Where one of its converters or validators raises,
    a traceback with locals shows the arguments of that frame, so they have to be wrapped by then. A field
    is secret if its annotation names `Secret`; arguments that no field takes are wrapped as well.
    """

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        """Wrap the generated `__init__` of a class that has secret fields."""
        super().__init_subclass__()
        fields = cls.__dict__.get("__attrs_attrs__", ())
        if any("Secret" in str(each.type) for each in fields):
            cls.__init__ = _wrapping(cls.__init__, *_arguments(fields))  # type: ignore[method-assign] # the signature stays

    @classmethod
    def wrap_arguments(
        cls, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of a call of this class, the secret ones wrapped.

        Args:
            args: the positional arguments.
            kwargs: the keyword arguments.
        """
        return _wrapped_arguments(*_arguments(getattr(cls, "__attrs_attrs__", ())), args, kwargs)


def _arguments(fields: Any) -> tuple[tuple[int, ...], int, frozenset[str]]:
    """The places of the secret arguments, how many places there are, the names of the plain arguments."""
    taken = [each for each in fields if each.init]
    plain = frozenset(each.alias for each in taken if "Secret" not in str(each.type))
    places = [each.alias for each in taken if not each.kw_only]
    return tuple(i for i, name in enumerate(places) if name not in plain), len(places), plain


def _wrapped_arguments(
    places: tuple[int, ...],
    count: int,
    plain: frozenset[str],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    wrapped = list(args)
    for index in (*places, *range(count, len(args))):
        if index < len(args):
            wrapped[index] = secret_values(wrapped[index])
    return tuple(wrapped), {
        name: each if name in plain else secret_values(each) for name, each in kwargs.items()
    }


def _wrapping(
    init: Callable[..., None], places: tuple[int, ...], count: int, plain: frozenset[str]
) -> Callable[..., None]:
    @functools.wraps(init)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - it replaces attrs' own
        args, kwargs = _wrapped_arguments(places, count, plain, args, kwargs)
        init(self, *args, **kwargs)

    return __init__


def revealed(value: Any) -> Any:
    """A plain copy of nested mappings and lists, every `Secret` in them revealed: for the wire only."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, dict):
        return {key: revealed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [revealed(item) for item in value]
    return value
