"""The embedded user pool: Amazon Cognito's sign-in inside this process, really verified.

`LocalPool` is the pool. It checks what Cognito checks (SRP proofs, passwords, codes, sessions, devices)
and says what Cognito says; its `client()` is a real boto3 client whose requests never leave.
"""

from authfsm.local.clock import Clock, ManualClock, utc_now
from authfsm.local.codes import Message, Outbox, Purpose
from authfsm.local.gate import GateError
from authfsm.local.pool import LocalPool
from authfsm.local.refusals import PoolRefusal
from authfsm.local.settings import (
    COGNITO_DEFAULT_FLOWS,
    EVERY_FLOW,
    AppClient,
    Contradictions,
    DeviceConfiguration,
    PasswordPolicy,
    PoolConfiguration,
    RefreshTokenRotation,
    SchemaAttribute,
    Triggers,
    WebAuthnConfiguration,
)
from authfsm.local.users import User

__all__ = [
    "COGNITO_DEFAULT_FLOWS",
    "EVERY_FLOW",
    "AppClient",
    "Clock",
    "Contradictions",
    "DeviceConfiguration",
    "LocalPool",
    "ManualClock",
    "Message",
    "GateError",
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
