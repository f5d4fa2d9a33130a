"""Generates the members of requests and descriptions from botocore's model of the API.

`python tests/generate_members.py` writes authfsm/local/config/members.json and authfsm/settings/descriptions.json
again. What the files have and this botocore has not is kept, so that an older botocore takes nothing away.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import botocore.loaders
import botocore.model

import authfsm.local
import authfsm.settings

FILE = Path(authfsm.local.__file__).parent / "config/members.json"
DESCRIPTIONS = Path(authfsm.settings.__file__).parent / "descriptions.json"


def fold_model() -> dict[str, Any]:
    """Return the operations and their shapes: the members that a request may have, and their types."""
    service_model = botocore.loaders.Loader().load_service_model("cognito-idp", "service-2")
    model = botocore.model.ServiceModel(service_model)
    shapes: dict[str, Any] = {}
    operations = {}
    for name in model.operation_names:
        shape = model.operation_model(name).input_shape
        assert shape is not None
        operations[name] = shape.name
        _fold(shape, shapes)
    return {"operations": operations, "shapes": dict(sorted(shapes.items()))}


def known_members() -> dict[str, Any]:
    """Return the committed members: the operations and shapes of this botocore and of newer ones."""
    members: dict[str, Any] = json.loads(FILE.read_bytes())
    return members


def _fold(shape: Any, shapes: dict[str, Any]) -> None:
    if shape.name in shapes:
        return
    folded_shape: dict[str, Any] = {"type": shape.type_name}
    shapes[shape.name] = folded_shape
    if shape.type_name == "structure":
        if getattr(shape, "is_document_type", False):
            folded_shape["type"] = "document"
        folded_shape["required"] = shape.required_members
        folded_shape["members"] = {name: member.name for name, member in shape.members.items()}
        inner = list(shape.members.values())
    elif shape.type_name == "list":
        folded_shape["member"], inner = shape.member.name, [shape.member]
    elif shape.type_name == "map":
        folded_shape["key"], folded_shape["value"] = shape.key.name, shape.value.name
        inner = [shape.key, shape.value]
    else:
        inner = []
    for constraint in ("min", "max", "pattern", "enum", "sensitive"):
        if constraint in shape.metadata:
            folded_shape[constraint] = shape.metadata[constraint]
    for each in inner:
        _fold(each, shapes)


def description_members() -> dict[str, Any]:
    """Return the members that a pool's descriptions may have, and their types."""
    service_model = botocore.loaders.Loader().load_service_model("cognito-idp", "service-2")
    model = botocore.model.ServiceModel(service_model)
    shapes = {
        "UserPool": ("UserPoolType", "CreateUserPoolRequest"),
        "UserPoolClient": ("UserPoolClientType", "CreateUserPoolClientRequest"),
        "MfaConfig": ("GetUserPoolMfaConfigResponse",),
    }
    return {
        name: {n: each for of in every for n, each in _nest(model.shape_for(of)).items()}
        for name, every in shapes.items()
    }


def merge(old: Any, new: Any) -> Any:
    """Return both; an older botocore removes nothing that a newer one has added."""
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new) == 1:
        return [merge(old[0], new[0])]
    if isinstance(old, str) and isinstance(new, str) and new.startswith("string: "):
        values = (each for text in (old, new) for each in text.partition(": ")[2].split(", ") if each)
        return f"string: {', '.join(dict.fromkeys(values))}"
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    names = dict.fromkeys((*old, *new))
    return {n: merge(old.get(n, new.get(n)), new.get(n, old.get(n))) for n in names}


def _nest(shape: Any) -> Any:
    match shape.type_name:
        case "structure":
            return {name: _nest(each) for name, each in shape.members.items()}
        case "list":
            return [_nest(shape.member)]
        case "map":
            return {"*": _nest(shape.value)}
        case "string" if shape.enum:
            return f"string: {', '.join(shape.enum)}"
        case "integer" if {"min", "max"} <= shape.metadata.keys():
            return f"integer: {shape.metadata['min']}..{shape.metadata['max']}"
        case kind:
            return {"long": "integer"}.get(kind, kind)


if __name__ == "__main__":
    old = json.loads(DESCRIPTIONS.read_text(encoding="utf-8"))
    DESCRIPTIONS.write_text(json.dumps(merge(old, description_members()), indent=1) + "\n", encoding="utf-8")
    every = merge(known_members(), fold_model())
    requests = {part: dict(sorted(content.items())) for part, content in every.items()}
    text = json.dumps(requests, separators=(",", ":"))
    FILE.write_text(text.replace('},"', '},\n"') + "\n", encoding="utf-8")
