"""The checks that `accept` disables, so that suites written for moto can run against a local pool.

A check is named after the requests that succeed when it is disabled, and lists the errors that Cognito raises for them.
`Core.refuse_or_record` raises the error or, if the check is disabled, records it in `LocalPool.accepted`, so that
a suite can be corrected step by step. Passwords, SRP proofs, TOTP codes and tokens are verified in any case.
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
MAX_RECORDED: Final = 1_000


@frozen
class RelaxedCheck:
    """A check that can be disabled: Cognito refuses the requests of `accepts` with one of `errors`, according to `source`."""

    accepts: str
    errors: tuple[ErrorTemplate, ...]
    source: str


_SCHEMA: Final = "AWS API reference, SchemaAttributeType"

# fmt: off
CHECKS: Final[Mapping[str, RelaxedCheck]] = {
    "unknown-attributes": RelaxedCheck("attributes that the pool's schema does not have",
        (errors.NOT_IN_SCHEMA, errors.UNKNOWN_ATTRIBUTES), _SCHEMA),
    "invalid-attribute-values": RelaxedCheck("email addresses, phone numbers and other attributes that are missing or have an invalid format; user names in the format of an alias",
        (errors.BAD_EMAIL, errors.BAD_PHONE, errors.NOT_IN_SCHEMA, errors.ATTRIBUTE_REQUIRED, errors.INVALID_PARAMETER), _SCHEMA),
    "invalid-names": RelaxedCheck("names and ids whose length or characters violate the API's model; unknown values of MessageAction, DesiredDeliveryMediums and DeviceRememberedStatus",
        (errors.CONSTRAINTS_VIOLATED,), "botocore's model of the API"),
    "weak-passwords": RelaxedCheck("passwords that violate the pool's policy, in AdminCreateUser and ConfirmForgotPassword",
        (errors.PASSWORD_POLICY,), "AWS API reference, AdminCreateUser: InvalidPasswordException"),
    "missing-secret-hash": RelaxedCheck("requests without SECRET_HASH at an app client with a secret (a wrong SECRET_HASH is refused)",
        (errors.SECRET_HASH_MISSING,), "developer guide, Computing secret hash values"),
    "disabled-flows": RelaxedCheck("an AuthFlow that is not among the app client's ExplicitAuthFlows",
        (errors.FLOW_NOT_ENABLED, errors.ADMIN_FLOW_NOT_ENABLED), "AWS API reference, CreateUserPoolClient"),
    "disabled-mfa": RelaxedCheck("enrolling a second factor that the pool has not enabled; the pool then enables it",
        (errors.TOTP_NOT_ENABLED, errors.CANNOT_PREFER), "AWS API reference, AssociateSoftwareToken"),
    "mfa-without-address": RelaxedCheck("SMS or email MFA for users without a phone number or address",
        (errors.CANNOT_PREFER,), "reports of users: User does not have delivery config set"),
    "invited-users": RelaxedCheck("ConfirmSignUp, AdminConfirmSignUp and ForgotPassword of users who have not signed in since AdminCreateUser",
        (errors.CANNOT_CONFIRM, errors.RESET_NOT_POSSIBLE), "reports of users: User cannot be confirmed"),
    "unverified-recovery": RelaxedCheck("ForgotPassword and AdminResetUserPassword of users whose addresses are unverified or second factors; ForgotPassword of unknown users",
        (errors.NO_RECOVERY_ADDRESS, errors.NO_SUCH_USERNAME), "AWS API reference, ForgotPassword"),
    "code-123456": RelaxedCheck("123456 as verification code: every code sent is 123456 (a code of eight digits is 12345678), and ConfirmSignUp accepts it even if none was sent",
        (errors.VERIFICATION_CODE_MISMATCH,), "AWS API reference, ConfirmSignUp: CodeMismatchException"),
    "contradictory-settings": RelaxedCheck("settings of a pool or an app client that contradict each other",
        (errors.INVALID_PARAMETER,), "the rules of cdk-preflight and cdkd, which are tried on AWS"),
    "moto-messages": RelaxedCheck("tests that expect moto's error messages; the pool then uses them",
        (), "reports of users, and botocore's model of the API"),
}
"""The checks that `accept` can name."""

MOTO_MESSAGES: Final = tuple((re.compile(pattern), message) for pattern, message in (
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
"""Pairs of a pattern (of "Operation: Cognito's message") and the message that moto's tests expect instead."""
# fmt: on


@frozen
class Accepted:
    """A request that succeeded because `check` was disabled: its operation, and the refusal that Cognito would return."""

    check: str
    operation: str
    refusal: str


def accepted_checks(names: str | Iterable[str]) -> frozenset[str]:
    """Return the checks that `accept` names; raise ValueError for an unknown name."""
    found = frozenset({names} if isinstance(names, str) else names)
    check_names("accept", found, (ALL, *CHECKS))
    return frozenset(CHECKS) if ALL in found else found


def moto_message(operation: str, refusal: PoolRefusal) -> str | None:
    """Return moto's message for an error; None if moto has Cognito's message."""
    for pattern, message in MOTO_MESSAGES:
        if found := pattern.fullmatch(f"{operation}: {refusal.message}"):
            return found.expand(message).replace("{name}", refusal.facts.get("name", ""))
    return None
