"""The embedded user pool: Amazon Cognito's sign-in inside this process, really verified.

`LocalPool` is the pool. It checks what Cognito checks (SRP proofs, passwords, codes, sessions, devices)
and says what Cognito says; its `client()` is a real boto3 client whose requests never leave.
"""

from authfsm.local.api.operations import GateError
from authfsm.local.api.pool import LocalPool
from authfsm.local.config.clock import Clock, ManualClock, utc_now
from authfsm.local.config.contradictions import Contradictions
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.pool_configuration import (
    COGNITO_DEFAULT_FLOWS,
    EVERY_FLOW,
    AppClient,
    DeviceConfiguration,
    PasswordPolicy,
    PoolConfiguration,
    RefreshTokenRotation,
    Triggers,
    WebAuthnConfiguration,
)
from authfsm.local.config.schema import SchemaAttribute
from authfsm.local.state.codes import Message, Outbox, Purpose
from authfsm.local.state.users import User

__all__ = [
    "COGNITO_DEFAULT_FLOWS",
    "EVERY_FLOW",
    "AppClient",
    "Clock",
    "Contradictions",
    "DeviceConfiguration",
    "GateError",
    "LocalPool",
    "ManualClock",
    "Message",
    "Outbox",
    "PasswordPolicy",
    "PoolConfiguration",
    "PoolRefusal",
    "Purpose",
    "RefreshTokenRotation",
    "SchemaAttribute",
    "Triggers",
    "User",
    "WebAuthnConfiguration",
    "utc_now",
]
