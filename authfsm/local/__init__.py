"""A local Cognito: each `LocalPool` signs users in inside this process, and verifies what Cognito verifies.

A pool checks SRP proofs, passwords, codes, sessions and devices, and returns Cognito's replies and errors. Its
`client()` is a real boto3 client whose requests do not leave the process.
"""

from authfsm.base.clock import Clock, ManualClock, utc_now
from authfsm.local.api.operations import GateError
from authfsm.local.api.pool import LocalPool
from authfsm.local.api.region import LocalCognito
from authfsm.local.config.contradictions import Contradictions
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.config.lambda_functions import Triggers
from authfsm.local.config.leniency import CHECKS, Accepted, RelaxedCheck
from authfsm.local.config.pool_configuration import (
    CURRENT_FLOW_VALUES,
    DEFAULT_FLOW_VALUES,
    AppClient,
    DeviceConfiguration,
    PasswordPolicy,
    PoolConfiguration,
    RefreshTokenRotation,
    WebAuthnConfiguration,
)
from authfsm.local.config.schema import SchemaAttribute
from authfsm.local.mock import mock_cognito
from authfsm.local.state.codes import Message, Outbox, Purpose
from authfsm.local.state.users import User

__all__ = [
    "CHECKS", "CURRENT_FLOW_VALUES", "DEFAULT_FLOW_VALUES", "Accepted", "AppClient", "Clock", "Contradictions",
    "DeviceConfiguration", "GateError", "LocalCognito", "LocalPool", "ManualClock", "Message", "Outbox",
    "PasswordPolicy", "PoolConfiguration", "PoolRefusal", "Purpose", "RefreshTokenRotation",
    "RelaxedCheck", "SchemaAttribute", "Triggers", "User", "WebAuthnConfiguration", "mock_cognito",
    "utc_now",
]  # fmt: skip
