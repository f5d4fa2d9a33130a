"""Addresses of the pages of AWS's documentation to which findings, diagrams and rules refer."""

from __future__ import annotations

from typing import Final

GUIDE: Final = "https://docs.aws.amazon.com/cognito/latest/developerguide/"
"""The Amazon Cognito developer guide."""

REFERENCE: Final = "https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/"
"""The API reference of Cognito user pools."""


def guide(page: str) -> str:
    """Return the address of a page of the developer guide by its name, without ".html"."""
    return f"{GUIDE}{page}.html"


def reference(name: str) -> str:
    """Return the address of the API reference's page about an operation or a data type, for example `InitiateAuth`."""
    return f"{REFERENCE}API_{name}.html"


COMMON_ERRORS: Final = f"{REFERENCE}CommonErrors.html"
CLI_ADMIN_INITIATE_AUTH: Final = "https://docs.aws.amazon.com/cli/latest/reference/cognito-idp/admin-initiate-auth.html"
AUTHENTICATION: Final = guide("authentication")
AUTHENTICATION_FLOWS: Final = guide("amazon-cognito-user-pools-authentication-flow-methods")
MFA: Final = guide("user-pool-settings-mfa")
TOTP: Final = guide("user-pool-settings-mfa-totp")
DEVICES: Final = guide("amazon-cognito-user-pools-device-tracking")
TOKENS: Final = guide("amazon-cognito-user-pools-using-tokens-with-identity-providers")
REFRESH_TOKENS: Final = guide("amazon-cognito-user-pools-using-the-refresh-token")
TOKEN_REVOCATION: Final = guide("token-revocation")
USER_EXISTENCE_ERRORS: Final = guide("cognito-user-pool-managing-errors")
ADAPTIVE_AUTHENTICATION: Final = guide("cognito-user-pool-settings-adaptive-authentication")
CUSTOM_CHALLENGES: Final = guide("user-pool-lambda-challenge")
DEFINE_AUTH_CHALLENGE: Final = guide("user-pool-lambda-define-auth-challenge")
