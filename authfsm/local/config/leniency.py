"""What `accept` makes a local pool take although Cognito refuses it: for suites that were written for moto.

Each check is named after what it accepts, and has the errors that Cognito would have raised. `Core.refuse` is the
one function that raises or accepts; what it accepts is in `LocalPool.accepted`, so that a suite can be mended step
by step. No check concerns a password, an SRP proof, a TOTP or a token.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import frozen

from authfsm.local.config import error_templates as errors
from authfsm.local.config.error_templates import ErrorTemplate, PoolRefusal
from authfsm.local.config.schema import check_names

ALL: Final = "all"
FIXED_CODE: Final = "123456"
MOST_ACCEPTED: Final = 1_000


@frozen
class RelaxedCheck:
    """A check that can be relaxed: what it then `accepts`, the `errors` that Cognito raises, and the `source` for that."""

    accepts: str
    errors: tuple[ErrorTemplate, ...]
    source: str


_SCHEMA: Final = "AWS API reference, SchemaAttributeType"

# fmt: off
CHECKS: Final[Mapping[str, RelaxedCheck]] = {
    "unknown-attributes": RelaxedCheck("attributes that the pool's schema does not have",
        (errors.NOT_IN_SCHEMA, errors.UNKNOWN_ATTRIBUTES), _SCHEMA),
    "invalid-attribute-values": RelaxedCheck("email addresses, phone numbers and other attributes of a wrong form",
        (errors.BAD_EMAIL, errors.BAD_PHONE, errors.NOT_IN_SCHEMA), _SCHEMA),
    "invalid-names": RelaxedCheck("names and ids that are longer than, or have other characters than, the API's model allows",
        (errors.CONSTRAINTS_VIOLATED,), "botocore's model of the API"),
    "weak-passwords": RelaxedCheck("passwords against the policy in AdminCreateUser and ConfirmForgotPassword, which moto does not check there",
        (errors.PASSWORD_POLICY,), "AWS API reference, AdminCreateUser: InvalidPasswordException"),
    "missing-secret-hash": RelaxedCheck("requests without SECRET_HASH at an app client with a secret (a wrong one is refused)",
        (errors.SECRET_HASH_MISSING,), "developer guide, Computing secret hash values"),
    "disabled-flows": RelaxedCheck("an AuthFlow that is not among the app client's ExplicitAuthFlows",
        (errors.FLOW_NOT_ENABLED, errors.ADMIN_FLOW_NOT_ENABLED), "AWS API reference, CreateUserPoolClient"),
    "disabled-mfa": RelaxedCheck("setting up a second factor that the pool does not have: the pool then has it",
        (errors.TOTP_NOT_ENABLED, errors.CANNOT_PREFER), "AWS API reference, AssociateSoftwareToken"),
    "mfa-without-address": RelaxedCheck("SMS or email MFA for users without a phone number or address",
        (errors.CANNOT_PREFER,), "reports of users: User does not have delivery config set"),
    "invited-users": RelaxedCheck("ConfirmSignUp, AdminConfirmSignUp and ForgotPassword of users who have not signed in since AdminCreateUser",
        (errors.CANNOT_CONFIRM, errors.RESET_NOT_POSSIBLE), "reports of users: User cannot be confirmed"),
    "unverified-recovery": RelaxedCheck("ForgotPassword and AdminResetUserPassword without a verified address; ForgotPassword of unknown users",
        (errors.NO_RECOVERY_ADDRESS, errors.NO_SUCH_USERNAME), "AWS API reference, ForgotPassword"),
    "code-123456": RelaxedCheck("123456 as the code: the pool sends no other, and ConfirmSignUp takes it from users who were sent none",
        (errors.VERIFICATION_CODE_MISMATCH,), "AWS API reference, ConfirmSignUp: CodeMismatchException"),
    "contradictory-settings": RelaxedCheck("settings of a pool or an app client that contradict each other",
        (errors.INVALID_PARAMETER,), "the rules of cdk-preflight, which are tried on AWS"),
    "moto-messages": RelaxedCheck("tests that compare the texts of errors with moto's: the pool uses those",
        (), "reports of users, and botocore's model of the API"),
}
"""The checks that `accept` can name."""

MOTO_MESSAGES: Final = tuple((re.compile(own), theirs) for own, theirs in (
    ("GetUser: Invalid Access Token", "Invalid token"),
    ("AdminCreateUser: User account already exists", "{name}"),
    ("AdminResetUserPassword: (User is disabled).", r"\1"),
    ("ListUsers: (Error while parsing filter).", r"\1"),
    ("(?:Admin)?InitiateAuth: (Initiate Auth method not supported).", r"\1"),
    ("ForgotPassword: User pool client .* does not exist.", "Username/client id combination not found."),
    (r"\w+: Username should be .*", "Username should be either an email or a phone number."),
    ("CreateUserPool: 1 (v)(alidation error detected: Value '.*') at '.*attributeDataType'(.*: ).*",
     r"V\2\3[Boolean, Number, String, DateTime]"),
    ("SetUserPoolMfaConfig: .* at 'mfaConfiguration' .*", "[MfaConfiguration] must be one of 'ON', 'OFF', or 'OPTIONAL'."),
    ("(?:Admin)?InitiateAuth: (.*) (at 'authFlow' .*: ).*",
     r"\1 \2" + str(["ADMIN_NO_SRP_AUTH", "ADMIN_USER_PASSWORD_AUTH", "USER_SRP_AUTH", "REFRESH_TOKEN_AUTH", "REFRESH_TOKEN", "CUSTOM_AUTH", "USER_PASSWORD_AUTH"])),
))
"""The operation and the text of an error of Cognito's, and moto's text, where moto's tests expect it."""
# fmt: on


@frozen
class Accepted:
    """The `operation` that was accepted by a `check` of `CHECKS`, and the `refusal` that Cognito would have raised."""

    check: str
    operation: str
    refusal: str


def accepted_checks(names: str | Iterable[str]) -> frozenset[str]:
    """Return the checks that `accept` names: one, several or all; raise ValueError for an unknown name."""
    found = frozenset({names} if isinstance(names, str) else names)
    check_names("accept", found, (ALL, *CHECKS))
    return frozenset(CHECKS) if ALL in found else found


def moto_message(operation: str, refusal: PoolRefusal) -> str | None:
    """Return moto's text of an error; None if it has none of its own."""
    for own, theirs in MOTO_MESSAGES:
        if found := own.fullmatch(f"{operation}: {refusal.message}"):
            return found.expand(theirs).replace("{name}", refusal.facts.get("name", ""))
    return None
