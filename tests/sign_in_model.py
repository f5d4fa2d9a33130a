"""The part of botocore's model that concerns sign-in, and how it differs from the committed copy.

`python tests/sign_in_model.py` writes tests/data/sign_in_model.json again, from the botocore that runs it. What
the file has and this botocore has not stays in it, so that an older botocore takes nothing away.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import botocore
import botocore.loaders
import botocore.model

FILE = Path(__file__).parent / "data" / "sign_in_model.json"

OPERATIONS = (
    "AdminInitiateAuth",
    "AdminRespondToAuthChallenge",
    "AssociateSoftwareToken",
    "CompleteWebAuthnRegistration",
    "ConfirmDevice",
    "ConfirmForgotPassword",
    "ConfirmSignUp",
    "ForgotPassword",
    "GetTokensFromRefreshToken",
    "GetUserAuthFactors",
    "GlobalSignOut",
    "InitiateAuth",
    "RespondToAuthChallenge",
    "RevokeToken",
    "SignUp",
    "StartWebAuthnRegistration",
    "UpdateDeviceStatus",
    "VerifySoftwareToken",
)
"""The operations of a sign-in, and those directly before and after it."""

DESCRIPTIONS = ("UserPoolType", "UserPoolClientType", "GetUserPoolMfaConfigResponse")
"""The descriptions that decide which sign-ins a pool allows."""

Model = dict[str, list[str]]


def model() -> Model:
    """Return botocore's names by shape or operation: members, errors and values."""
    loader = botocore.loaders.Loader()
    service_model = loader.load_service_model("cognito-idp", "service-2")
    service = botocore.model.ServiceModel(service_model)
    names_by_source: dict[str, set[str]] = {}
    for name in OPERATIONS:
        operation = service.operation_model(name)
        names_by_source[f"{name} errors"] = {error.name for error in operation.error_shapes}
        for shape in (operation.input_shape, operation.output_shape):
            if shape is not None:
                _collect(shape, names_by_source)
    for name in DESCRIPTIONS:
        _collect(service.shape_for(name), names_by_source)
    return {key: sorted(names) for key, names in sorted(names_by_source.items())}


def _collect(shape: Any, names_by_source: dict[str, set[str]]) -> None:
    """Add the members of a structure, or the values of an enumeration, and everything inside them."""
    if shape.type_name == "list":
        _collect(shape.member, names_by_source)
    elif shape.type_name == "structure" and f"{shape.name} members" not in names_by_source:
        names_by_source[f"{shape.name} members"] = set(shape.members)
        for member in shape.members.values():
            _collect(member, names_by_source)
    elif getattr(shape, "enum", None):
        names_by_source[f"{shape.name} values"] = set(shape.enum)


def committed_copy() -> dict[str, Any]:
    """Return the committed copy: the version of botocore that wrote it, and its model."""
    copy: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return copy


def missing_names(current: Model, copy: Model) -> list[str]:
    """Return a sentence for each name that botocore knows and the copy does not."""
    return [
        f"{key}: {name} is new at AWS"
        for key, names in current.items()
        for name in names
        if name not in copy.get(key, [])
    ]


if __name__ == "__main__":
    old = committed_copy()["model"] if FILE.exists() else {}
    new = model()
    merged = {k: sorted({*old.get(k, []), *new.get(k, [])}) for k in sorted({*old, *new})}
    content = {"botocore": botocore.__version__, "model": merged}
    FILE.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
