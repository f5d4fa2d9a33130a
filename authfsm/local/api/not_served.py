"""Why operations of the API are not served, for their refusals and for `diagrams/operations.md`."""

from __future__ import annotations

import re
from typing import Final

_REASONS: Final = (
    (
        "Branding|Terms|UICustomization|CIMD|ClientMetadataURL|ClientToken|DerivedToken",
        "there are no managed login pages and no OAuth endpoints",
    ),
    ("ProviderForUser", "there is no federation"),
    ("SigningCertificate", "there is no SAML federation"),
    ("ImportJob|CSVHeader", "add users with AdminCreateUser, or in the configuration file"),
    ("Replica", "a local pool is in one region"),
    ("PointInTime", "copy the state file"),
    ("RiskConfiguration|EventFeedback", "there is no threat protection"),
    ("LogDelivery", "logs are not delivered: the server writes its own"),
    ("ProvisionedLimit", "there are no limits to provision"),
)

_NOT_BUILT: Final = "it is not built"


def reason(operation: str) -> str:
    """Return why an operation of the API is not served.

    Args:
        operation: its name.
    """
    return next((why for names, why in _REASONS if re.search(names, operation)), _NOT_BUILT)
