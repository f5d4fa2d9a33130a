"""What the fields of a response are made of: checked as they enter, wrapped where they are secret."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from attrs import Attribute

from authfsm.errors import BadField
from authfsm.secret import Secret

Wrapped: TypeAlias = "Secret[str]"

_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def wrapped(value: str | Wrapped) -> Wrapped:
    """A field's text, wrapped as it enters."""
    return value if isinstance(value, Secret) else Secret(value)


def wrapped_if_given(value: str | Wrapped | None) -> Wrapped | None:
    """A field's text, wrapped as it enters, where there is any."""
    return None if value is None else wrapped(value)


def frozen_mapping(value: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """Return a read-only copy of a mapping; what is no mapping is left for the check."""
    # Any, for mypy does not solve the type variables of an attrs converter.
    return MappingProxyType(dict(value)) if isinstance(value, Mapping) else value


def fixed(value: Mapping[str, str]) -> Mapping[str, str]:
    """Return a read-only copy of a mapping of text to text, as `frozen_mapping` does."""
    return frozen_mapping(value)


def fixed_and_wrapped(value: Mapping[str, str | Wrapped]) -> Mapping[str, Wrapped]:
    """A read-only copy of a mapping, its values wrapped."""
    return (
        MappingProxyType({k: wrapped(v) for k, v in value.items()})
        if isinstance(value, Mapping)
        else value
    )


def listed(value: Iterable[str]) -> tuple[str, ...]:
    """Several texts as a tuple; a single text is one of them. What cannot be is left for the check."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, Iterable) else value


def is_text(response: Any, attribute: Attribute[Any], value: object) -> None:
    """A field must be text that is not empty and that UTF-8 can write."""
    plain = value.reveal() if isinstance(value, Secret) else value
    if not isinstance(plain, str):
        raise BadField(type(response), attribute.name, f"must be text, not {type(plain).__name__}")
    if not plain:
        raise BadField(type(response), attribute.name, "must not be empty")
    # Found without encoding it: a UnicodeEncodeError would carry the whole text, which may be a password.
    if _LONE_SURROGATE.search(plain):
        raise BadField(type(response), attribute.name, "must be text that UTF-8 can write")


def is_text_if_given(response: Any, attribute: Attribute[Any], value: object) -> None:
    """A field must be text that is not empty, or be left out."""
    if value is not None:
        is_text(response, attribute, value)


def is_hex(response: Any, attribute: Attribute[Any], value: str) -> None:
    """A field must be hexadecimal text."""
    is_text(response, attribute, value)
    if not re.fullmatch("[0-9A-Fa-f]+", value):
        raise BadField(type(response), attribute.name, "must be hexadecimal")


def are_texts(response: Any, attribute: Attribute[Any], value: object) -> None:
    """A field must map text to text, or be a tuple of texts."""
    if not isinstance(value, (Mapping, tuple)):
        raise BadField(type(response), attribute.name, f"must not be {type(value).__name__}")
    for each in (*value, *value.values()) if isinstance(value, Mapping) else value:
        plain = each.reveal() if isinstance(each, Secret) else each
        if not isinstance(plain, str):
            raise BadField(
                type(response), attribute.name, f"must hold text, not {type(plain).__name__}"
            )


def are_names(response: Any, attribute: Attribute[Any], value: object) -> None:
    """A field must be one or more texts, none of them empty."""
    if not isinstance(value, tuple) or not value:
        raise BadField(type(response), attribute.name, "must be one or more texts")
    for each in value:
        is_text(response, attribute, each)


def is_yes_or_no(response: Any, attribute: Attribute[Any], value: object) -> None:
    """A field must be True or False, and nothing that merely counts as one of them."""
    if not isinstance(value, bool):
        raise BadField(type(response), attribute.name, "must be True or False")


def is_count_if_given(response: Any, attribute: Attribute[Any], value: object) -> None:
    """A field must be a whole number of seconds, or be left out."""
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise BadField(type(response), attribute.name, "must be a whole number of seconds")
