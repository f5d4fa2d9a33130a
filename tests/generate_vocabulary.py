"""Generates the words of botocore's model of the API for `authfsm capture`.

`python tests/generate_vocabulary.py` writes authfsm/traces/anonymiser/vocabulary.json again. What the file
has and this botocore has not is kept, so that an older botocore takes nothing away.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import botocore.loaders
import botocore.model

import authfsm.local
import authfsm.traces

FILE = Path(authfsm.traces.__file__).parent / "anonymiser" / "vocabulary.json"
MEMBERS = Path(authfsm.local.__file__).parent / "config/members.json"


def fold_model() -> dict[str, Any]:
    """Return the operations, errors, members of all structures by type, and the values of enumerations."""
    service_model = botocore.loaders.Loader().load_service_model("cognito-idp", "service-2")
    model = botocore.model.ServiceModel(service_model)
    types: dict[str, set[str]] = {}
    values: dict[str, set[str]] = {}
    errors = set()
    for name in model.shape_names:
        shape: Any = model.shape_for(name)
        if shape.type_name != "structure":
            continue
        if shape.metadata.get("exception"):
            errors.add(name)
        for member, inner in shape.members.items():
            types.setdefault(member, set()).add(inner.type_name)
            item = inner.member if inner.type_name == "list" else inner
            if getattr(item, "enum", None):
                values.setdefault(member, set()).update(item.enum)
    return {
        "operations": sorted(model.operation_names),
        "errors": sorted(errors),
        "types": {name: sorted(kinds) for name, kinds in sorted(types.items())},
        "values": {name: sorted(words) for name, words in sorted(values.items())},
    }


def merge() -> dict[str, Any]:
    """Return the names of botocore, and those that the two files have besides."""
    new = fold_model()
    requests = json.loads(MEMBERS.read_bytes())
    old = json.loads(FILE.read_bytes()) if FILE.exists() else {}
    new["operations"] = sorted({*new["operations"], *requests["operations"], *old.get("operations", ())})
    new["errors"] = sorted({*new["errors"], *old.get("errors", ())})
    for shape in requests["shapes"].values():
        for member, inner in shape.get("members", {}).items():
            kinds = new["types"].setdefault(member, [])
            kind = requests["shapes"][inner]["type"]
            new["types"][member] = sorted({*kinds, kind})
    for part in ("types", "values"):
        for name, words in old.get(part, {}).items():
            new[part][name] = sorted({*new[part].get(name, ()), *words})
        new[part] = dict(sorted(new[part].items()))
    return new


if __name__ == "__main__":
    text = json.dumps(merge(), separators=(",", ":"))
    FILE.write_text(text.replace("],", "],\n") + "\n", encoding="utf-8")
