"""What botocore's model of the API says of sign-in, and how it differs from the copy that is known here.

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
"""The operations that a sign-in is made of, and those straight before and after it."""

DESCRIPTIONS = ("UserPoolType", "UserPoolClientType", "GetUserPoolMfaConfigResponse")
"""The descriptions that decide which sign-ins a pool allows."""

Model = dict[str, list[str]]


def model() -> Model:
    """Return the names that botocore knows: members, errors and values, each under what they belong to."""
    loader = botocore.loaders.Loader()
    read = loader.load_service_model("cognito-idp", "service-2")
    service = botocore.model.ServiceModel(read)
    found: dict[str, set[str]] = {}

    def visit(shape: Any) -> None:
        key = f"{shape.name} members" if shape.type_name == "structure" else f"{shape.name} values"
        if key in found:
            return
        if shape.type_name == "structure":
            found[key] = set(shape.members)
            for member in shape.members.values():
                visit(member)
        elif shape.type_name == "list":
            visit(shape.member)
        elif getattr(shape, "enum", None):
            found[key] = set(shape.enum)

    for name in OPERATIONS:
        operation = service.operation_model(name)
        found[f"{name} errors"] = {error.name for error in operation.error_shapes}
        for shape in (operation.input_shape, operation.output_shape):
            if shape is not None:
                visit(shape)
    for name in DESCRIPTIONS:
        visit(service.shape_for(name))
    return {key: sorted(names) for key, names in sorted(found.items())}


def known() -> dict[str, Any]:
    """Return the committed copy: the botocore it was last written with, and its model."""
    read: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return read


def news(current: Model, copy: Model) -> list[str]:
    """Return a sentence for each name that botocore knows and the copy does not."""
    return [
        f"{key}: {name} is new at AWS"
        for key, names in current.items()
        for name in names
        if name not in copy.get(key, [])
    ]


if __name__ == "__main__":
    old = known()["model"] if FILE.exists() else {}
    new = model()
    merged = {k: sorted({*old.get(k, []), *new.get(k, [])}) for k in sorted({*old, *new})}
    content = {"botocore": botocore.__version__, "model": merged}
    FILE.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
