"""Amazon Cognito sign-in as one explicit state machine: embed it, draw it, prove it, run it locally.

    from authfsm import Cognito, Code, State

Everything public is here, and nothing is imported before it is asked for: `import authfsm` costs a few
milliseconds and loads neither boto3 nor graphviz.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from authfsm.device import Device as Device
    from authfsm.diagrams import diagram as diagram
    from authfsm.drivers.aio import AsyncCognito as AsyncCognito
    from authfsm.drivers.aio import AsyncFlow as AsyncFlow
    from authfsm.drivers.boto import Cognito as Cognito
    from authfsm.drivers.boto import Flow as Flow
    from authfsm.enrolment import Enrolment as Enrolment
    from authfsm.errors import AuthfsmError as AuthfsmError
    from authfsm.errors import BadField as BadField
    from authfsm.errors import CallerError as CallerError
    from authfsm.errors import ConnectionLost as ConnectionLost
    from authfsm.errors import MalformedReply as MalformedReply
    from authfsm.errors import NotSent as NotSent
    from authfsm.errors import OffTheTable as OffTheTable
    from authfsm.errors import OperatorError as OperatorError
    from authfsm.errors import OutOfTurn as OutOfTurn
    from authfsm.errors import Refused as Refused
    from authfsm.errors import SealBroken as SealBroken
    from authfsm.errors import SealError as SealError
    from authfsm.errors import SealExpired as SealExpired
    from authfsm.errors import SealForeign as SealForeign
    from authfsm.errors import SealGone as SealGone
    from authfsm.errors import SealTooNew as SealTooNew
    from authfsm.errors import ServiceError as ServiceError
    from authfsm.errors import TimeError as TimeError
    from authfsm.errors import UserError as UserError
    from authfsm.errors import WrongResponse as WrongResponse
    from authfsm.histories import histories_from_json as histories_from_json
    from authfsm.histories import history_from_json as history_from_json
    from authfsm.histories import history_to_json as history_to_json
    from authfsm.jwks import Claims as Claims
    from authfsm.jwks import KeysUnreachable as KeysUnreachable
    from authfsm.jwks import TokenRefused as TokenRefused
    from authfsm.jwks import Verifier as Verifier
    from authfsm.machine import build as build
    from authfsm.observers import Observation as Observation
    from authfsm.observers import Observer as Observer
    from authfsm.protocol import PROTOCOL as PROTOCOL
    from authfsm.protocol import TRANSITIONS as TRANSITIONS
    from authfsm.protocol import Role as Role
    from authfsm.protocol import Transition as Transition
    from authfsm.replies import AdminPasswordAsked as AdminPasswordAsked
    from authfsm.replies import AnyChallenge as AnyChallenge
    from authfsm.replies import Challenge as Challenge
    from authfsm.replies import CustomChallenge as CustomChallenge
    from authfsm.replies import DevicePasswordVerifier as DevicePasswordVerifier
    from authfsm.replies import DeviceSrpAuth as DeviceSrpAuth
    from authfsm.replies import EmailOtp as EmailOtp
    from authfsm.replies import MfaSetup as MfaSetup
    from authfsm.replies import NewPasswordRequired as NewPasswordRequired
    from authfsm.replies import OtherChallenge as OtherChallenge
    from authfsm.replies import PasswordAsked as PasswordAsked
    from authfsm.replies import PasswordSrpAsked as PasswordSrpAsked
    from authfsm.replies import PasswordVerifier as PasswordVerifier
    from authfsm.replies import Refusal as Refusal
    from authfsm.replies import SelectChallenge as SelectChallenge
    from authfsm.replies import SelectMfaType as SelectMfaType
    from authfsm.replies import SmsMfa as SmsMfa
    from authfsm.replies import SmsOtp as SmsOtp
    from authfsm.replies import SoftwareTokenMfa as SoftwareTokenMfa
    from authfsm.replies import Tokens as Tokens
    from authfsm.replies import WebAuthn as WebAuthn
    from authfsm.responses import AdminNoSrpAuth as AdminNoSrpAuth
    from authfsm.responses import AdminUserPasswordAuth as AdminUserPasswordAuth
    from authfsm.responses import Answer as Answer
    from authfsm.responses import AssociateSoftwareToken as AssociateSoftwareToken
    from authfsm.responses import Code as Code
    from authfsm.responses import CompleteMfaSetup as CompleteMfaSetup
    from authfsm.responses import ConfirmDevice as ConfirmDevice
    from authfsm.responses import Credential as Credential
    from authfsm.responses import CustomAuth as CustomAuth
    from authfsm.responses import CustomSrpAuth as CustomSrpAuth
    from authfsm.responses import GetTokensFromRefreshToken as GetTokensFromRefreshToken
    from authfsm.responses import GlobalSignOut as GlobalSignOut
    from authfsm.responses import NewPassword as NewPassword
    from authfsm.responses import Password as Password
    from authfsm.responses import RawAnswer as RawAnswer
    from authfsm.responses import RefreshToken as RefreshToken
    from authfsm.responses import RefreshTokenAuth as RefreshTokenAuth
    from authfsm.responses import Response as Response
    from authfsm.responses import RevokeToken as RevokeToken
    from authfsm.responses import Select as Select
    from authfsm.responses import SetUpEmail as SetUpEmail
    from authfsm.responses import SignedUp as SignedUp
    from authfsm.responses import SrpA as SrpA
    from authfsm.responses import SrpClaim as SrpClaim
    from authfsm.responses import StepUp as StepUp
    from authfsm.responses import UpdateDeviceStatus as UpdateDeviceStatus
    from authfsm.responses import UserAuth as UserAuth
    from authfsm.responses import UserAuthWithPassword as UserAuthWithPassword
    from authfsm.responses import UserAuthWithSrp as UserAuthWithSrp
    from authfsm.responses import UserPasswordAuth as UserPasswordAuth
    from authfsm.responses import UserSrpAuth as UserSrpAuth
    from authfsm.responses import VerifySoftwareToken as VerifySoftwareToken
    from authfsm.rulings import Fault as Fault
    from authfsm.rulings import Ruling as Ruling
    from authfsm.sealing import new_key as new_key
    from authfsm.secret import Secret as Secret
    from authfsm.settings import PoolSettings as PoolSettings
    from authfsm.signin import History as History
    from authfsm.signin import SignIn as SignIn
    from authfsm.signin import Step as Step
    from authfsm.states import State as State
    from authfsm.stores import AsyncPendingSignIns as AsyncPendingSignIns
    from authfsm.stores import MemoryStore as MemoryStore
    from authfsm.stores import PendingSignIns as PendingSignIns
    from authfsm.wire import Request as Request

_ROOMS = {
    "device": "Device",
    "diagrams": "diagram",
    "drivers.aio": "AsyncCognito AsyncFlow",
    "drivers.boto": "Cognito Flow",
    "enrolment": "Enrolment",
    "errors": (
        "AuthfsmError BadField CallerError ConnectionLost MalformedReply NotSent OffTheTable OperatorError "
        "OutOfTurn Refused SealBroken SealError SealExpired SealForeign SealGone SealTooNew ServiceError TimeError "
        "UserError WrongResponse"
    ),
    "histories": "histories_from_json history_from_json history_to_json",
    "jwks": "Claims KeysUnreachable TokenRefused Verifier",
    "machine": "build",
    "observers": "Observation Observer",
    "protocol": "PROTOCOL TRANSITIONS Role Transition",
    "replies": (
        "AdminPasswordAsked AnyChallenge Challenge CustomChallenge DevicePasswordVerifier "
        "DeviceSrpAuth EmailOtp MfaSetup NewPasswordRequired OtherChallenge PasswordAsked "
        "PasswordSrpAsked PasswordVerifier Refusal SelectChallenge SelectMfaType SmsMfa SmsOtp "
        "SoftwareTokenMfa Tokens WebAuthn"
    ),
    "responses": (
        "AdminNoSrpAuth AdminUserPasswordAuth Answer AssociateSoftwareToken Code CompleteMfaSetup ConfirmDevice "
        "Credential CustomAuth CustomSrpAuth GetTokensFromRefreshToken GlobalSignOut NewPassword Password "
        "RawAnswer RefreshToken RefreshTokenAuth Response RevokeToken Select SetUpEmail SignedUp SrpA SrpClaim "
        "StepUp UpdateDeviceStatus UserAuth UserAuthWithPassword UserAuthWithSrp UserPasswordAuth UserSrpAuth "
        "VerifySoftwareToken"
    ),
    "rulings": "Fault Ruling",
    "sealing": "new_key",
    "secret": "Secret",
    "settings": "PoolSettings",
    "signin": "History SignIn Step",
    "states": "State",
    "stores": "AsyncPendingSignIns MemoryStore PendingSignIns",
    "wire": "Request",
}
_WHERE = {name: f"authfsm.{room}" for room, names in _ROOMS.items() for name in names.split()}

__all__ = sorted(_WHERE)  # noqa: PLE0605 - the table above is the one list; a test holds it to the imports


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'authfsm' has no attribute {name!r}")
    value = getattr(import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
