"""Amazon Cognito sign-in as one explicit state machine: client, diagrams, checks, local pools.

    from authfsm import Cognito, Code, State

All public names but those of the sub-packages are here. Each is imported when it is first used: `import
authfsm` takes a few milliseconds and loads neither boto3 nor graphviz.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from authfsm.base.secret import Secret as Secret
    from authfsm.core.device import Device as Device
    from authfsm.core.encryption import new_key as new_key
    from authfsm.core.enrolment import Enrolment as Enrolment
    from authfsm.core.history import History as History
    from authfsm.core.history import Step as Step
    from authfsm.core.history import histories_from_json as histories_from_json
    from authfsm.core.history import history_from_json as history_from_json
    from authfsm.core.history import history_to_json as history_to_json
    from authfsm.core.machine import build as build
    from authfsm.core.machine import build_account as build_account
    from authfsm.core.machine import set_driver as set_driver
    from authfsm.core.signin import SignIn as SignIn
    from authfsm.core.triggers import AsyncTriggers as AsyncTriggers
    from authfsm.core.triggers import Triggers as Triggers
    from authfsm.core.triggers import UnsuitableModel as UnsuitableModel
    from authfsm.core.wire_requests import Request as Request
    from authfsm.diagrams import diagram as diagram
    from authfsm.drivers.account import AsyncCognitoAccount as AsyncCognitoAccount
    from authfsm.drivers.account import CognitoAccount as CognitoAccount
    from authfsm.drivers.aio import AsyncCognito as AsyncCognito
    from authfsm.drivers.aio import AsyncFlow as AsyncFlow
    from authfsm.drivers.boto import Cognito as Cognito
    from authfsm.drivers.boto import Flow as Flow
    from authfsm.jwks import Claims as Claims
    from authfsm.jwks import KeysUnreachable as KeysUnreachable
    from authfsm.jwks import TokenRefused as TokenRefused
    from authfsm.jwks import Verifier as Verifier
    from authfsm.notebook import Stepper as Stepper
    from authfsm.observers import Observation as Observation
    from authfsm.observers import Observer as Observer
    from authfsm.protocol.account_requests import CodeDelivery as CodeDelivery
    from authfsm.protocol.account_requests import Confirmed as Confirmed
    from authfsm.protocol.account_requests import NewAccount as NewAccount
    from authfsm.protocol.account_requests import UserProfile as UserProfile
    from authfsm.protocol.account_table import ACCOUNT_LIFE as ACCOUNT_LIFE
    from authfsm.protocol.account_table import AccountOperation as AccountOperation
    from authfsm.protocol.account_table import AccountTransition as AccountTransition
    from authfsm.protocol.account_table import UserStatus as UserStatus
    from authfsm.protocol.error_policy import Fault as Fault
    from authfsm.protocol.error_policy import RecoveryAction as RecoveryAction
    from authfsm.protocol.error_sentences import ERROR_SENTENCES as ERROR_SENTENCES
    from authfsm.protocol.errors import AuthfsmError as AuthfsmError
    from authfsm.protocol.errors import BadField as BadField
    from authfsm.protocol.errors import CallerError as CallerError
    from authfsm.protocol.errors import ConnectionLost as ConnectionLost
    from authfsm.protocol.errors import InvalidInput as InvalidInput
    from authfsm.protocol.errors import InvalidOperation as InvalidOperation
    from authfsm.protocol.errors import MalformedReply as MalformedReply
    from authfsm.protocol.errors import NotSent as NotSent
    from authfsm.protocol.errors import OperatorError as OperatorError
    from authfsm.protocol.errors import ProofRefused as ProofRefused
    from authfsm.protocol.errors import ProtocolViolation as ProtocolViolation
    from authfsm.protocol.errors import Refused as Refused
    from authfsm.protocol.errors import SealBroken as SealBroken
    from authfsm.protocol.errors import SealError as SealError
    from authfsm.protocol.errors import SealExpired as SealExpired
    from authfsm.protocol.errors import SealMissing as SealMissing
    from authfsm.protocol.errors import SealNotFound as SealNotFound
    from authfsm.protocol.errors import SealTooNew as SealTooNew
    from authfsm.protocol.errors import SealWrongClient as SealWrongClient
    from authfsm.protocol.errors import ServiceError as ServiceError
    from authfsm.protocol.errors import TimeError as TimeError
    from authfsm.protocol.errors import TooManySteps as TooManySteps
    from authfsm.protocol.errors import UserError as UserError
    from authfsm.protocol.errors import WrongResponse as WrongResponse
    from authfsm.protocol.prompts import response as response
    from authfsm.protocol.replies import AdminPasswordChallenge as AdminPasswordChallenge
    from authfsm.protocol.replies import AnyChallenge as AnyChallenge
    from authfsm.protocol.replies import Challenge as Challenge
    from authfsm.protocol.replies import CustomChallenge as CustomChallenge
    from authfsm.protocol.replies import DevicePasswordVerifier as DevicePasswordVerifier
    from authfsm.protocol.replies import DeviceSrpAuth as DeviceSrpAuth
    from authfsm.protocol.replies import EmailOtp as EmailOtp
    from authfsm.protocol.replies import MfaSetup as MfaSetup
    from authfsm.protocol.replies import NewPasswordRequired as NewPasswordRequired
    from authfsm.protocol.replies import OtherChallenge as OtherChallenge
    from authfsm.protocol.replies import PasswordChallenge as PasswordChallenge
    from authfsm.protocol.replies import PasswordSrpChallenge as PasswordSrpChallenge
    from authfsm.protocol.replies import PasswordVerifier as PasswordVerifier
    from authfsm.protocol.replies import Refusal as Refusal
    from authfsm.protocol.replies import SelectChallenge as SelectChallenge
    from authfsm.protocol.replies import SelectMfaType as SelectMfaType
    from authfsm.protocol.replies import SmsMfa as SmsMfa
    from authfsm.protocol.replies import SmsOtp as SmsOtp
    from authfsm.protocol.replies import SoftwareTokenMfa as SoftwareTokenMfa
    from authfsm.protocol.replies import Tokens as Tokens
    from authfsm.protocol.replies import WebAuthn as WebAuthn
    from authfsm.protocol.responses import AdminNoSrpAuth as AdminNoSrpAuth
    from authfsm.protocol.responses import AdminUserPasswordAuth as AdminUserPasswordAuth
    from authfsm.protocol.responses import Answer as Answer
    from authfsm.protocol.responses import AssociateSoftwareToken as AssociateSoftwareToken
    from authfsm.protocol.responses import Code as Code
    from authfsm.protocol.responses import CompleteMfaSetup as CompleteMfaSetup
    from authfsm.protocol.responses import ConfirmDevice as ConfirmDevice
    from authfsm.protocol.responses import Credential as Credential
    from authfsm.protocol.responses import CustomAuth as CustomAuth
    from authfsm.protocol.responses import CustomSrpAuth as CustomSrpAuth
    from authfsm.protocol.responses import GetTokensFromRefreshToken as GetTokensFromRefreshToken
    from authfsm.protocol.responses import GlobalSignOut as GlobalSignOut
    from authfsm.protocol.responses import NewPassword as NewPassword
    from authfsm.protocol.responses import Password as Password
    from authfsm.protocol.responses import RawAnswer as RawAnswer
    from authfsm.protocol.responses import RefreshToken as RefreshToken
    from authfsm.protocol.responses import RefreshTokenAuth as RefreshTokenAuth
    from authfsm.protocol.responses import Response as Response
    from authfsm.protocol.responses import RevokeToken as RevokeToken
    from authfsm.protocol.responses import Select as Select
    from authfsm.protocol.responses import SetUpEmail as SetUpEmail
    from authfsm.protocol.responses import SignedUp as SignedUp
    from authfsm.protocol.responses import SrpA as SrpA
    from authfsm.protocol.responses import SrpClaim as SrpClaim
    from authfsm.protocol.responses import StepUp as StepUp
    from authfsm.protocol.responses import UpdateDeviceStatus as UpdateDeviceStatus
    from authfsm.protocol.responses import UserAuth as UserAuth
    from authfsm.protocol.responses import UserAuthWithPassword as UserAuthWithPassword
    from authfsm.protocol.responses import UserAuthWithSrp as UserAuthWithSrp
    from authfsm.protocol.responses import UserPasswordAuth as UserPasswordAuth
    from authfsm.protocol.responses import UserSrpAuth as UserSrpAuth
    from authfsm.protocol.responses import VerifySoftwareToken as VerifySoftwareToken
    from authfsm.protocol.states import State as State
    from authfsm.protocol.table import PROTOCOL as PROTOCOL
    from authfsm.protocol.table import TRANSITIONS as TRANSITIONS
    from authfsm.protocol.table import LoopKind as LoopKind
    from authfsm.protocol.table import Role as Role
    from authfsm.protocol.table import Transition as Transition
    from authfsm.settings import PoolSettings as PoolSettings
    from authfsm.stores import AsyncPendingSignIns as AsyncPendingSignIns
    from authfsm.stores import MemoryStore as MemoryStore
    from authfsm.stores import PendingSignIns as PendingSignIns

__version__ = "0.1.0"

_EXPORTS = {
    "core.device": "Device",
    "diagrams": "diagram",
    "drivers.aio": "AsyncCognito AsyncFlow",
    "drivers.boto": "Cognito Flow",
    "core.enrolment": "Enrolment",
    "protocol.errors": (
        "AuthfsmError BadField CallerError ConnectionLost InvalidInput MalformedReply NotSent "
        "OperatorError InvalidOperation ProofRefused ProtocolViolation Refused SealBroken SealError SealExpired SealMissing SealNotFound "
        "SealTooNew SealWrongClient ServiceError TimeError TooManySteps UserError WrongResponse"
    ),
    "protocol.error_sentences": "ERROR_SENTENCES",
    "protocol.prompts": "response",
    "core.history": "History Step histories_from_json history_from_json history_to_json",
    "jwks": "Claims KeysUnreachable TokenRefused Verifier",
    "drivers.account": "AsyncCognitoAccount CognitoAccount",
    "protocol.account_requests": "CodeDelivery Confirmed NewAccount UserProfile",
    "core.machine": "build build_account set_driver",
    "core.triggers": "AsyncTriggers Triggers UnsuitableModel",
    "protocol.account_table": "ACCOUNT_LIFE AccountOperation AccountTransition UserStatus",
    "notebook": "Stepper",
    "observers": "Observation Observer",
    "protocol.table": "PROTOCOL TRANSITIONS LoopKind Role Transition",
    "protocol.replies": (
        "AdminPasswordChallenge AnyChallenge Challenge CustomChallenge DevicePasswordVerifier "
        "DeviceSrpAuth EmailOtp MfaSetup NewPasswordRequired OtherChallenge PasswordChallenge "
        "PasswordSrpChallenge PasswordVerifier Refusal SelectChallenge SelectMfaType SmsMfa SmsOtp "
        "SoftwareTokenMfa Tokens WebAuthn"
    ),
    "protocol.responses": (
        "AdminNoSrpAuth AdminUserPasswordAuth Answer AssociateSoftwareToken Code CompleteMfaSetup ConfirmDevice "
        "Credential CustomAuth CustomSrpAuth GetTokensFromRefreshToken GlobalSignOut NewPassword Password "
        "RawAnswer RefreshToken RefreshTokenAuth Response RevokeToken Select SetUpEmail SignedUp SrpA SrpClaim "
        "StepUp UpdateDeviceStatus UserAuth UserAuthWithPassword UserAuthWithSrp UserPasswordAuth UserSrpAuth "
        "VerifySoftwareToken"
    ),
    "protocol.error_policy": "Fault RecoveryAction",
    "core.encryption": "new_key",
    "base.secret": "Secret",
    "settings": "PoolSettings",
    "core.signin": "SignIn",
    "protocol.states": "State",
    "stores": "AsyncPendingSignIns MemoryStore PendingSignIns",
    "core.wire_requests": "Request",
}
_MODULES = {name: f"authfsm.{module}" for module, names in _EXPORTS.items() for name in names.split()}

# A star import takes no extra. A test compares the table above with the imports.
__all__ = sorted(_MODULES.keys() - {"Stepper"})  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'authfsm' has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *_MODULES]
