"""An error: what it says by which message, what to do then, and where it may be met.

Which operations give it is AWS's own list (API reference, "Errors"), held to botocore's model by test.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from attrs import frozen

from authfsm.protocol.error_policy import ERROR_POLICY, ErrorRule, Fault, RecoveryAction, rule
from authfsm.protocol.replies import Refusal
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State
from authfsm.protocol.table import destination

_BEGIN: Final = frozenset({"InitiateAuth", "AdminInitiateAuth"})
_RESPOND: Final = frozenset({"RespondToAuthChallenge", "AdminRespondToAuthChallenge"})
_TALK: Final = _BEGIN | _RESPOND
_APP: Final = frozenset({"AssociateSoftwareToken", "VerifySoftwareToken"})
_DEVICE: Final = frozenset({"ConfirmDevice", "UpdateDeviceStatus"})
_REFRESH: Final = frozenset({"GetTokensFromRefreshToken"})
_OUT: Final = frozenset({"RevokeToken", "GlobalSignOut"})
_ADMIN: Final = frozenset({"AdminInitiateAuth", "AdminRespondToAuthChallenge"})
_ASSOCIATE: Final = frozenset({"AssociateSoftwareToken"})
_VERIFY: Final = frozenset({"VerifySoftwareToken"})
_CONFIRM: Final = frozenset({"ConfirmDevice"})
_REVOKE: Final = frozenset({"RevokeToken"})

OPERATIONS: Final = _TALK | _APP | _DEVICE | _REFRESH | _OUT
"""The operations of a sign-in."""

# fmt: off
LISTED: Final[dict[str, frozenset[str]]] = {
    "NotAuthorizedException":                  OPERATIONS - _REVOKE,
    "CodeMismatchException":                   _RESPOND | _VERIFY,
    "ExpiredCodeException":                    _RESPOND,
    "EnableSoftwareTokenMFAException":         _VERIFY,
    "InvalidPasswordException":                _RESPOND | _CONFIRM,
    "PasswordHistoryPolicyViolationException": _RESPOND,
    "AliasExistsException":                    _RESPOND,
    "UserNotFoundException":                   OPERATIONS - _ASSOCIATE - _OUT,
    "UserNotConfirmedException":               OPERATIONS - _ASSOCIATE - _REFRESH - _REVOKE,
    "PasswordResetRequiredException":          OPERATIONS - _ASSOCIATE - _REFRESH - _REVOKE,
    "UsernameExistsException":                 _CONFIRM,
    "ResourceNotFoundException":               OPERATIONS - _REVOKE,
    "DeviceKeyExistsException":                _CONFIRM,
    "InvalidParameterException":               OPERATIONS,
    "MFAMethodNotFoundException":              _RESPOND | {"AdminInitiateAuth"},
    "SoftwareTokenMFANotFoundException":       _RESPOND | _APP,
    "UnauthorizedException":                   _REVOKE,
    "UnsupportedTokenTypeException":           _REVOKE,
    "RefreshTokenReuseException":              _REFRESH,
    "FeatureUnavailableInTierException":       _BEGIN,
    "InvalidEmailRoleAccessPolicyException":   _TALK,
    "InvalidSmsRoleAccessPolicyException":     _TALK,
    "InvalidSmsRoleTrustRelationshipException": _TALK,
    "InvalidUserPoolConfigurationException":   OPERATIONS - _ASSOCIATE - _REFRESH - _OUT,
    "OperationNotEnabledException":            OPERATIONS,
    "UnsupportedOperationException":           _BEGIN | _REVOKE,
    "ForbiddenException":                      OPERATIONS - _ADMIN,
    "InvalidLambdaResponseException":          _TALK | _REFRESH | _CONFIRM,
    "UnexpectedLambdaException":               _TALK | _REFRESH,
    "UserLambdaValidationException":           _TALK | _REFRESH,
    "TooManyRequestsException":                OPERATIONS - _ASSOCIATE,
    "InternalErrorException":                  OPERATIONS,
    "ConcurrentModificationException":         _ASSOCIATE,
}
"""The operations that AWS lists an error for; an error that is not here, any operation may give."""
# fmt: on


def operations_of(code: str) -> frozenset[str]:
    """The operations that AWS lists an error for."""
    return LISTED.get(code, OPERATIONS)


@frozen
class Met:
    """An error that may be met in a state.

    Args:
        code: its code.
        part: the part of its message that tells; "" for any other message.
        row: what to do, and whose fault it is.
        leads: where the sign-in stands then.
    """

    code: str
    part: str
    row: ErrorRule
    leads: State


def met(
    state: State, responses: Iterable[type[Response]], operations: frozenset[str]
) -> Iterator[Met]:
    """The errors that AWS lists for what a state sends, each with where it leads from there.

    Args:
        state: the state.
        responses: the responses it takes.
        operations: the operations that carry them.
    """
    given = tuple(responses)
    for code, operations_listed in LISTED.items():
        if operations & operations_listed:
            for part, row in ERROR_POLICY[code].items():
                if row.operation not in {None, *operations}:
                    continue
                refusal = Refusal(code, part, action=row.action, fault=row.fault)
                led = [destination(state, each, refusal) or state for each in given]
                yield Met(code, part, row, state if state in led else State.FAILED)


@frozen
class Effect:
    """What an error says by one of its messages.

    Args:
        part: the part of the message that tells; "" for any other message.
        action: what to do next.
        fault: whose fault it is.
        source: where this is known from.
    """

    part: str
    action: RecoveryAction
    fault: Fault
    source: str


@frozen
class AboutError:
    """What is known of an error.

    Args:
        code: its code.
        effects: what it says, message by message.
        operations: the operations that AWS lists it for.
        common: is it one that any operation of AWS's may give?
        message: the message that was asked about, if one was.
        said: which of its effects that message has.
    """

    code: str
    effects: tuple[Effect, ...]
    operations: tuple[str, ...]
    common: bool
    message: str = ""
    said: Effect | None = None

    @property
    def name(self) -> str:
        """Its code."""
        return self.code


def about_error(code: str, message: str = "") -> AboutError:
    """What is known of an error.

    Args:
        code: its code.
        message: its message.

    Raises:
        KeyError: no such error is ruled.
    """
    effects = {part: _effect(part, row) for part, row in ERROR_POLICY[code].items()}
    row = rule(code, message, operation_named(message))
    said = next(each for part, each in effects.items() if ERROR_POLICY[code][part] is row)
    return AboutError(
        code=code,
        effects=tuple(effects.values()),
        operations=tuple(sorted(operations_of(code))),
        common=code not in LISTED,
        message=message,
        said=said if message else None,
    )


def operation_named(text: str) -> str:
    """The operation that botocore's text of a ClientError names; "" where it names none."""
    named = re.search(r"when calling the (\w+) operation", text)
    return named[1] if named else ""


def _effect(part: str, row: ErrorRule) -> Effect:
    return Effect(part, row.action, row.fault, row.source)
