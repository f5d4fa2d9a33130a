# ruff: noqa: PYI017 - the signature of a trigger is computed from its response class
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeAlias, overload

from typing_extensions import ParamSpec, TypeVar

from authfsm.base.secret import Secret
from authfsm.core.machine_triggers import Outcome
from authfsm.protocol import responses as r
from authfsm.protocol.states import State

Password: TypeAlias = str | Secret[str] | None
_P = ParamSpec("_P")
_R_co = TypeVar("_R_co", covariant=True)

class _TriggerMethod(Protocol[_P, _R_co]):
    @overload
    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R_co: ...
    @overload
    def __call__(self, outcome: Outcome, /) -> _R_co: ...

class _MayMethod(Protocol[_P, _R_co]):
    @overload
    def __call__(self) -> _R_co: ...
    @overload
    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R_co: ...
    @overload
    def __call__(self, outcome: Outcome, /) -> _R_co: ...

class _Trigger(Protocol[_P]):
    @overload
    def __get__(self, model: AsyncModelTriggers, owner: Any) -> _TriggerMethod[_P, Awaitable[bool]]: ...
    @overload
    def __get__(self, model: ModelTriggers, owner: Any) -> _TriggerMethod[_P, bool]: ...

class _MayTrigger(Protocol[_P]):
    @overload
    def __get__(self, model: AsyncModelTriggers, owner: Any) -> _MayMethod[_P, Awaitable[bool]]: ...
    @overload
    def __get__(self, model: ModelTriggers, owner: Any) -> _MayMethod[_P, bool]: ...

def _pair(_: Callable[_P, Any]) -> tuple[_Trigger[_P], _MayTrigger[_P]]: ...

class _ByPassword(Protocol):
    @staticmethod
    def start(username: str, password: Password = None, *, client_metadata: Mapping[str, str] = ...) -> None: ...
    @staticmethod
    def proof(*, password: Password = None) -> None: ...

class ModelTriggers:
    state: State | str
    trigger: Callable[..., Any]
    may_trigger: Callable[..., Any]
    # fmt: off
    user_srp_auth, may_user_srp_auth = _pair(_ByPassword.start)
    user_password_auth, may_user_password_auth = _pair(r.UserPasswordAuth)
    admin_user_password_auth, may_admin_user_password_auth = _pair(r.AdminUserPasswordAuth)
    admin_no_srp_auth, may_admin_no_srp_auth = _pair(r.AdminNoSrpAuth)
    custom_auth, may_custom_auth = _pair(r.CustomAuth)
    custom_srp_auth, may_custom_srp_auth = _pair(_ByPassword.start)
    user_auth, may_user_auth = _pair(r.UserAuth)
    user_auth_with_password, may_user_auth_with_password = _pair(r.UserAuthWithPassword)
    user_auth_with_srp, may_user_auth_with_srp = _pair(_ByPassword.start)
    step_up, may_step_up = _pair(r.StepUp)
    signed_up, may_signed_up = _pair(r.SignedUp)
    refresh_token_auth, may_refresh_token_auth = _pair(r.RefreshTokenAuth)
    refresh_token, may_refresh_token = _pair(r.RefreshToken)
    get_tokens_from_refresh_token, may_get_tokens_from_refresh_token = _pair(r.GetTokensFromRefreshToken)
    select, may_select = _pair(r.Select)
    password, may_password = _pair(r.Password)
    srp_a, may_srp_a = _pair(_ByPassword.proof)
    srp_claim, may_srp_claim = _pair(_ByPassword.proof)
    code, may_code = _pair(r.Code)
    credential, may_credential = _pair(r.Credential)
    answer, may_answer = _pair(r.Answer)
    raw_answer, may_raw_answer = _pair(r.RawAnswer)
    new_password, may_new_password = _pair(r.NewPassword)
    associate_software_token, may_associate_software_token = _pair(r.AssociateSoftwareToken)
    verify_software_token, may_verify_software_token = _pair(r.VerifySoftwareToken)
    complete_mfa_setup, may_complete_mfa_setup = _pair(r.CompleteMfaSetup)
    set_up_email, may_set_up_email = _pair(r.SetUpEmail)
    confirm_device, may_confirm_device = _pair(r.ConfirmDevice)
    update_device_status, may_update_device_status = _pair(r.UpdateDeviceStatus)
    revoke_token, may_revoke_token = _pair(r.RevokeToken)
    global_sign_out, may_global_sign_out = _pair(r.GlobalSignOut)
    # fmt: on

class AsyncModelTriggers(ModelTriggers): ...
