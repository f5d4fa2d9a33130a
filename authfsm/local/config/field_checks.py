"""Checks of the fields of settings: their types, names and ranges; the ranges are those of AWS's model of the API."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import Attribute
from attrs.validators import and_, optional

from authfsm.base.secret import Secret
from authfsm.local.config import request_members

Validator = Callable[[Any, "Attribute[Any]", Any], None]

_TYPES: Final = {
    "int": (int, "a whole number"),
    "bool": (bool, "True or False"),
    "str": (str, "text"),
    "Secret[str]": (str, "text"),
}


def validator(is_valid: Callable[[Any], bool], rule: str) -> Validator:
    """Return a validator that raises ValueError with the rule."""

    def check(_: Any, attribute: Attribute[Any], value: Any) -> None:
        if not is_valid(value):
            raise ValueError(f"{attribute.name} must be {rule}")

    return check


def within(shape: str, unit: str, least: int | None = None) -> Validator:
    """Return a validator that requires a number in the range of a shape of the API's model; `least` replaces its minimum."""
    low, high = request_members.bounds(shape)
    low = low if least is None else least
    return validator(lambda value: low <= value <= high, f"{low} to {high} {unit}")


def fits(shape: str) -> Validator:
    """Return a validator that requires text which has the length and the characters of a shape of the API's model."""

    def check(_: Any, attribute: Attribute[Any], value: Any) -> None:
        for why in request_members.violations(shape, value, attribute.name):
            raise ValueError(why)

    return check


def check_types(annotation: str, values: Mapping[str, Any]) -> None:
    """Raise TypeError, which does not show the value, unless all values have the type of an annotation, one of `_TYPES`."""
    kind, description = _TYPES[annotation]
    for name, value in values.items():
        found = type(value.reveal() if isinstance(value, Secret) else value)
        if not issubclass(found, kind) or (kind is int and found is bool):
            raise TypeError(f"{name} must be {description}, not of type {found.__name__}")


def typed(_: type, found: list[Attribute[Any]]) -> list[Attribute[Any]]:
    """Require values of the types in `_TYPES`, or of a Literal, for fields with such annotations (attrs' `field_transformer`)."""
    return [each.evolve(validator=_typed(each)) for each in found]


def _typed(attribute: Attribute[Any]) -> Any:
    annotation, _, others = str(attribute.type).partition(" | ")
    if annotation.startswith("Literal"):
        allowed = literal_eval(annotation.removeprefix("Literal"))
        own = validator(lambda value: value in allowed, f"one of {', '.join(map(str, allowed))}")
    elif annotation in _TYPES:
        own = lambda _, each, value: check_types(annotation, {each.name: value})  # noqa: E731 - a validator like the others
    else:
        return attribute.validator
    both = and_(own, *filter(None, [attribute.validator]))
    return optional(both) if others == "None" else both
