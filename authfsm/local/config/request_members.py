"""What a request must be made of, before any operation looks at it: members, types, lengths.

botocore sees to that for its callers; over HTTP anybody may send anything. `members.json` is botocore's own
model of the API, folded (tests/members_of_botocore.py makes it, a test compares them). Only upper bounds
are held: what a value must look like is each operation's to say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "structure": (dict,),
    "document": (dict,),
    "map": (dict,),
    "list": (list, tuple),
    "string": (str,),
    "blob": (str,),
    "integer": (int,),
    "long": (int,),
    "boolean": (bool,),
    "timestamp": (int, float),
}
# What the model has no bound for, as it goes by a map: a name is kept while a sign-in runs.
_LONGEST: Final = {"USERNAME": 128}


@cache
def _model() -> Any:
    return json.loads(files(__package__).joinpath("members.json").read_bytes())


def is_known(operation: str) -> bool:
    """Has the API such an operation?"""
    return operation in _model()["operations"]


def read(operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request without the members that the API does not know, and without what is null at any depth.

    Raises:
        PoolRefusal: a member is missing or too long (InvalidParameterException), or is of another type
            (SerializationException).
    """
    shape = _model()["operations"][operation]
    read: dict[str, Any] = _read(shape, request, "")
    return read


def _read(shape: str, given: object, path: str) -> Any:
    known = _model()["shapes"][shape]
    kind: str = known["type"]
    # True is an int to Python, and no integer to the API.
    if not isinstance(given, _TYPES[kind]) or (isinstance(given, bool) and kind != "boolean"):
        raise PoolRefusal(error_templates.WRONG_TYPE, name=path or "The request")
    value: Any = given
    if kind == "structure":
        return _read_structure(known, value, path)
    _check_bounds(known, value, path)
    if kind == "list":
        item: str = known["member"]
        return [_read(item, each, f"{path}.{n}.member") for n, each in enumerate(value, 1)]
    if kind == "map":
        return _read_map(known, value, path)
    return value


def _read_map(known: Any, value: Mapping[str, Any], path: str) -> dict[str, Any]:
    # Public clients read tokens after sending null in AuthParameters and ChallengeResponses:
    # amazon-cognito-identity-js sends "DEVICE_KEY": null with each refresh from a browser without a device.
    present = {key: each for key, each in value.items() if each is not None}
    for key, each in present.items():
        _read(known["key"], key, path)
        _read(known["value"], each, path)
        _check_length(each, _LONGEST.get(key), f"{path}.{key}")
    return present


def _read_structure(known: Any, value: Mapping[str, Any], path: str) -> dict[str, Any]:
    within = f"{path}." if path else ""
    read = {
        name: _read(known["members"][name], each, f"{within}{_lower(name)}")
        for name, each in value.items()
        if each is not None and name in known["members"]
    }
    for name in known["required"]:
        if name not in read:
            raise PoolRefusal(error_templates.NULL_MEMBER, name=f"{within}{_lower(name)}")
    return read


def _check_bounds(known: Any, value: Any, path: str) -> None:
    if not isinstance(value, (int, float)):
        _check_length(value, known.get("max"), path)
        return
    for bound, beyond in (("min", "greater"), ("max", "less")):
        limit = known.get(bound, value)
        if (value < limit) if bound == "min" else (value > limit):
            raise PoolRefusal(
                error_templates.OUT_OF_BOUNDS,
                value=str(value),
                name=path,
                beyond=beyond,
                limit=str(limit),
            )


def _check_length(value: Any, most: int | None, path: str) -> None:
    if most is not None and len(value) > most:
        raise PoolRefusal(error_templates.TOO_LONG, name=path, limit=str(most))


def _lower(name: str) -> str:
    return f"{name[0].lower()}{name[1:]}"
