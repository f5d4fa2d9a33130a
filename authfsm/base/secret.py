"""The `Secret` type: a value that can be compared and revealed, but is never shown.

Passwords, codes, tokens, sessions, SRP exponents and client secrets are wrapped where they enter and unwrapped only
where they are sent. `repr`, `str`, `format`, f-strings, logs and tracebacks show `Secret(****)`; pickling fails.
"""

from __future__ import annotations

import functools
import hmac
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Generic, NoReturn, TypeAlias, TypeVar, overload

T = TypeVar("T", str, bytes, int)
ProviderT = TypeVar("ProviderT", bound=Callable[[], object])

MASK: Final = "Secret(****)"


class Secret(Generic[T]):
    """A value that can be compared and revealed, but is never shown.

    Args:
        value: the string, bytes or integer; or another value that must not be shown, such as a reply.
    """

    __slots__ = ("_value",)

    _value: T

    def __init__(self, value: T) -> None:
        object.__setattr__(self, "_value", value)

    def reveal(self) -> T:
        """Return the plain value: call this where the value is sent, and keep no copy."""
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
        if not isinstance(mine, (str, bytes, int)):
            return bool(mine == theirs)
        # In constant time: the duration must not reveal how much of a secret was right.
        return hmac.compare_digest(_as_bytes(mine), _as_bytes(theirs))

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __setattr__(self, *_: object) -> NoReturn:
        raise AttributeError("a Secret cannot be changed; create a new one")

    __delattr__ = __setattr__

    def __copy__(self, *_: object) -> Secret[T]:
        return self

    __deepcopy__ = __copy__

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret cannot be pickled: it would be stored in plain text")


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
@overload
def secret(value: str | Secret[str] | ProviderT | None) -> Secret[str] | ProviderT | None: ...
def secret(value: Any) -> Any:
    """Wrap a value as a `Secret`; return None, a bool, a `Secret` or a function unchanged.

    A public function with a secret parameter calls this in its first statement and rebinds the parameter, so that no
    frame of a traceback shows the plain value. It never raises.
    """
    unchanged = value is None or isinstance(value, (Secret, bool)) or callable(value)
    return value if unchanged else Secret(value)


def wrap_text(value: Any) -> Any:
    """Return text, bytes, an integer or a mapping as a `Secret`; return all else unchanged, for example a response."""
    return Secret(value) if isinstance(value, (str, bytes, int, Mapping)) else value


def type_of(value: Any) -> type:
    """Return the type of a value; of a `Secret`, the type of the value that it wraps."""
    return type(value.reveal() if isinstance(value, Secret) else value)


def secret_values(value: Any) -> Any:
    """Return a mapping with `secret` applied to each value; apply `secret` to anything else as a whole."""
    if not isinstance(value, (Secret, str)) and isinstance(value, Mapping):
        return {key: secret(item) for key, item in value.items()}
    return secret(value)


AnySecret: TypeAlias = "Secret[str] | Secret[bytes]"
AnyKey: TypeAlias = "str | bytes | Secret[str] | Secret[bytes]"
Key: TypeAlias = "AnyKey | Iterable[AnyKey]"
"""A sealing key of `authfsm.new_key`, or several: the first one seals, and each is tried to unseal."""


def wrapped_keys(key: Key) -> tuple[AnySecret, ...]:
    """Return the keys, each wrapped in `Secret`: code that holds or passes keys uses this form.

    It raises nothing: a value that is not a key raises `BadKey` when it is used.
    """
    is_many = isinstance(key, Iterable) and not isinstance(key, (str, bytes))
    keys: Any = key if is_many else (key,)
    return tuple(secret(each) for each in keys)


class WrapsSecrets:
    """A base of `attrs` classes that wraps secret arguments before the generated `__init__` receives them.

    Otherwise, if a converter or a validator raises, a traceback with local variables would show the plain arguments of
    that `__init__`. A field is secret if its annotation names `Secret`. Arguments that match no field are wrapped, too.
    """

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        """Wrap the generated `__init__` of a class that has secret fields."""
        super().__init_subclass__()
        fields = cls.__dict__.get("__attrs_attrs__", ())
        if any("Secret" in str(each.type) for each in fields):
            init, wrap = cls.__init__, _wrapper(fields)

            @functools.wraps(init)
            def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - it replaces attrs' own
                args, kwargs = wrap(args, kwargs)
                init(self, *args, **kwargs)

            cls.__init__ = __init__  # type: ignore[method-assign] # the signature stays

    @classmethod
    def wrap_arguments(cls, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of a call of this class, with the secret ones wrapped."""
        return _wrapper(getattr(cls, "__attrs_attrs__", ()))(args, kwargs)


_Wrapper = Callable[[tuple[Any, ...], Mapping[str, Any]], tuple[tuple[Any, ...], dict[str, Any]]]


def _wrapper(fields: Any) -> _Wrapper:
    """Return the function that wraps the secret arguments of a class with these attrs fields."""
    arguments = [each for each in fields if each.init]
    plain = frozenset(each.alias for each in arguments if "Secret" not in str(each.type))
    is_plain = [each.alias in plain for each in arguments if not each.kw_only]

    def wrap(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return tuple(
            each if index < len(is_plain) and is_plain[index] else secret_values(each)
            for index, each in enumerate(args)
        ), {name: each if name in plain else secret_values(each) for name, each in kwargs.items()}

    return wrap


def revealed(value: Any) -> Any:
    """Return a copy of nested mappings (as dicts) and sequences (as lists) with every `Secret` revealed, to be sent."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, str):  # most values; the test for Mapping is slow
        return value
    if isinstance(value, (dict, Mapping)):
        return {key: revealed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [revealed(item) for item in value]
    return value
