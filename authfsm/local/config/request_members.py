"""Checks the members of requests before an operation reads them, and the settings of pools that are created in Python.

This module checks types, required members, lengths and bounds, but not the patterns of ARNs. botocore checks the
requests of its callers, but over HTTP any request can arrive. `members.json` is an excerpt of botocore's model of the
API: tests/generate_members.py generates it, and a test checks that it is up to date.
"""

from __future__ import annotations

import json
import re
from ast import literal_eval
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final
from unicodedata import category

from attrs import Attribute
from attrs.validators import and_, optional

from authfsm.base.secret import Secret
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    **dict.fromkeys(("structure", "document", "map"), (dict,)),
    "list": (list, tuple),
    **dict.fromkeys(("string", "blob"), (str,)),
    **dict.fromkeys(("integer", "long"), (int,)),
    "boolean": (bool,),
    "timestamp": (int, float),
}
# The model allows 131072 characters, but a USERNAME is kept in memory while a sign-in is pending.
_MAX_LENGTHS_IN_MAPS: Final = {"USERNAME": 128}

_TOO_LONG: Final = "Member must have length less than or equal to"
_PATTERN: Final = "Member must satisfy regular expression pattern"
_ENUM: Final = "Member must satisfy enum value set"
# Python's `re` lacks Unicode categories. For each: its ASCII characters, and one that stands for all its others.
_CATEGORIES: Final = {
    each: "".join(re.escape(c) for c in map(chr, range(128)) if category(c)[0] == each) + chr(256 + ord(each))
    for each in "LMSNPZC"
}
_USER_MEMBERS: Final = frozenset({"Username", "AccessToken", "AuthFlow", "Session", "Token", "RefreshToken"})


@cache
def _model() -> Any:
    return json.loads(Path(__file__).with_name("members.json").read_bytes())


def is_known(operation: str) -> bool:
    """Return whether the API has an operation."""
    return operation in _model()["operations"]


def read(operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a request, without null and unknown ones.

    Refuse the request if a required member is missing, or a value has the wrong type or is a number out of bounds.
    """
    members: dict[str, Any] = _read(_model()["operations"][operation], request, "")
    return members


def check_constraints(operation: str, members: Mapping[str, Any], refuse: Callable[[str, PoolRefusal], None]) -> None:
    """Call `refuse(check, refusal)` if values break constraints; the operation itself refuses an unknown ChallengeName.

    In requests about users, only these constraints are checked: maximum lengths, enumerations and, in SignUp and
    AdminCreateUser, the length and the pattern of the user name. The pattern forbids spaces.
    """
    name = _model()["operations"][operation]
    about_user = not _USER_MEMBERS.isdisjoint(_model()["shapes"][name]["members"])
    found_in = (each for each in violations(name, members, "") if "at 'challengeName' " not in each)
    all_broken = ((each, each.rpartition("constraint: ")[2]) for each in found_in)
    new_name = "at 'username' " if operation in {"SignUp", "AdminCreateUser"} else _TOO_LONG
    checked = (_TOO_LONG, _ENUM) if about_user else ""
    broken = {each: why for each, why in all_broken if why.startswith(checked) or new_name in each}
    if found := list(broken):
        of_names = (_TOO_LONG, _PATTERN, *[_ENUM] * operation.endswith(("CreateUser", "DeviceStatus")))
        are_names = all(why.startswith(of_names) for why in broken.values())
        # "Value at" begins the messages about secrets, which do not show the value.
        are_names = are_names and not any(each.startswith("Value at") for each in found)
        number = "1 validation error" if len(found) == 1 else f"{len(found)} validation errors"
        refusal = error_templates.CONSTRAINTS_VIOLATED.refusal(number=number, violations="; ".join(found))
        refuse("invalid-names" if are_names else "", refusal)


def violations(shape_name: str, value: Any, path: str, *, secret: bool = False) -> Iterator[str]:
    """Yield a message for each constraint of a shape that a value of its type breaks; `path` is the value's name."""
    shape = dict(_model()["shapes"][shape_name])
    secret = shape["sensitive"] = secret or shape.get("sensitive", False)  # its contents are secret, too
    kind = shape["type"]
    prefix = f"{path}." if path else ""
    if kind == "structure":
        for name, each in value.items():
            yield from violations(shape["members"][name], each, f"{prefix}{lower_first(name)}", secret=secret)
        return
    if kind in {"string", "list", "map"}:
        yield from _length_violations(shape, value, path)
    if kind == "map":
        for key, each in value.items():
            most = {"max": _MAX_LENGTHS_IN_MAPS.get(key, len(each)), "sensitive": True}
            yield from violations(shape["value"], each, f"{path}.{key}", secret=secret)
            yield from _length_violations(most, each, f"{path}.{key}")
    if kind == "list":
        for number, each in enumerate(value, 1):
            yield from violations(shape["member"], each, f"{prefix}{number}.member", secret=secret)
    if kind == "string" and "enum" in shape and value not in shape["enum"]:
        allowed = f"[{', '.join(shape['enum'])}]"
        yield _violation(shape, value, path, f"{_ENUM}: {allowed}")
    pattern = shape.get("pattern", "")
    if kind == "string" and pattern and "arn:" not in pattern and not _matches(pattern, value):
        yield _violation(shape, value, path, f"{_PATTERN}: {pattern}")


def _length_violations(shape: Any, value: Any, path: str) -> Iterator[str]:
    if len(value) < shape.get("min", 0):
        yield _violation(shape, value, path, f"Member must have length greater than or equal to {shape['min']}")
    if len(value) > shape.get("max", len(value)):
        yield _violation(shape, value, path, f"{_TOO_LONG} {shape['max']}")


def _violation(shape: Any, value: Any, path: str, constraint: str) -> str:
    text = f"[{', '.join(map(str, value))}]" if isinstance(value, (list, tuple)) else str(value)
    subject = "Value" if shape.get("sensitive") else f"Value '{text}'"
    return f"{subject} at '{path}' failed to satisfy constraint: {constraint}"


def _matches(pattern: str, value: str) -> bool:
    """Return whether a value matches a pattern of Java, where the shorthand classes contain ASCII characters only."""
    reduced = "".join(each if each.isascii() else _CATEGORIES[category(each)[0]][-1] for each in value)
    plain = re.sub(r"\\p\{(\w)\}", lambda found: _CATEGORIES[found[1]], pattern)
    return bool(re.fullmatch(plain, reduced, re.ASCII))


def _read(shape_name: str, data: object, path: str) -> Any:
    shape = _model()["shapes"][shape_name]
    kind: str = shape["type"]
    # In Python True is an int; in the API it is not an integer.
    if not isinstance(data, _TYPES[kind]) or (isinstance(data, bool) and kind != "boolean"):
        raise error_templates.WRONG_TYPE.refusal(name=path or "The request")
    value: Any = data
    if kind == "structure":
        return _read_structure(shape, value, path)
    lowest, highest = shape.get("min", value), shape.get("max", value)
    if isinstance(value, (int, float)) and not lowest <= value <= highest:
        beyond, limit = ("greater", str(lowest)) if value < lowest else ("less", str(highest))
        raise error_templates.OUT_OF_BOUNDS.refusal(value=str(value), name=path, beyond=beyond, limit=limit)
    if kind == "list":
        item: str = shape["member"]
        return [_read(item, each, f"{path}.{n}.member") for n, each in enumerate(value, 1)]
    if kind == "map":
        # Clients that send null in AuthParameters and ChallengeResponses get tokens. amazon-cognito-identity-js,
        # for example, sends "DEVICE_KEY": null with each refresh from a browser without a device.
        value = {key: each for key, each in value.items() if each is not None}
        for key, each in value.items():
            _read(shape["key"], key, path)
            _read(shape["value"], each, path)
    return value


def _read_structure(shape: Any, value: Mapping[str, Any], path: str) -> dict[str, Any]:
    prefix = f"{path}." if path else ""
    members = {
        name: _read(shape["members"][name], each, f"{prefix}{lower_first(name)}")
        for name, each in value.items()
        if each is not None and name in shape["members"]
    }
    for name in shape["required"]:
        if name not in members:
            raise error_templates.NULL_MEMBER.refusal(name=f"{prefix}{lower_first(name)}")
    return members


def lower_first(name: str) -> str:
    """Return a member's name as Cognito's error messages spell it, for example `authFlow`."""
    return f"{name[0].lower()}{name[1:]}"


Validator = Callable[[Any, "Attribute[Any]", Any], None]

_FIELD_TYPES: Final = {
    "int": (int, "a whole number"),
    "bool": (bool, "True or False"),
    "str": (str, "text"),
    "Secret[str]": (str, "text"),
}


def validator(is_valid: Callable[[Any], bool], rule: str) -> Validator:
    """Return a validator that raises ValueError with `rule` for a value that is not valid."""

    def check(_: Any, attribute: Attribute[Any], value: Any) -> None:
        if not is_valid(value):
            raise ValueError(f"{attribute.name} must be {rule}")

    return check


def within(shape: str, unit: str, least: int | None = None) -> Validator:
    """Return a validator that requires a number in the range of a shape of the API's model; `least` replaces its minimum."""
    low, high = _model()["shapes"][shape]["min"], _model()["shapes"][shape]["max"]
    low = low if least is None else least
    return validator(lambda value: low <= value <= high, f"{low} to {high} {unit}")


def fits(shape: str) -> Validator:
    """Return a validator that requires text which has the length and the characters of a shape of the API's model."""

    def check(_: Any, attribute: Attribute[Any], value: Any) -> None:
        for why in violations(shape, value, attribute.name):
            raise ValueError(why)

    return check


def check_types(annotation: str, values: Mapping[str, Any]) -> None:
    """Raise TypeError if a value is not of the annotation's type (`_FIELD_TYPES`); the message shows no value."""
    kind, description = _FIELD_TYPES[annotation]
    for name, value in values.items():
        found = type(value.reveal() if isinstance(value, Secret) else value)
        if not issubclass(found, kind) or (kind is int and found is bool):
            raise TypeError(f"{name} must be {description}, not of type {found.__name__}")


def typed(_: type, found: list[Attribute[Any]]) -> list[Attribute[Any]]:
    """Make fields with a type of `_FIELD_TYPES` or a Literal check their values (attrs' `field_transformer`)."""
    return [each.evolve(validator=_typed(each)) for each in found]


def _typed(attribute: Attribute[Any]) -> Any:
    annotation, _, others = str(attribute.type).partition(" | ")
    if annotation.startswith("Literal"):
        allowed = literal_eval(annotation.removeprefix("Literal"))
        own = validator(lambda value: value in allowed, f"one of {', '.join(map(str, allowed))}")
    elif annotation in _FIELD_TYPES:
        own = lambda _, each, value: check_types(annotation, {each.name: value})  # noqa: E731 - a validator like the others
    else:
        return attribute.validator
    both = and_(own, *filter(None, [attribute.validator]))
    return optional(both) if others == "None" else both
