"""Every challenge has a page, and every page an answer: two matches, and mypy sees that none is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import assert_never

from authfsm import (
    Answer,
    AssociateSoftwareToken,
    Code,
    CompleteMfaSetup,
    Credential,
    Flow,
    NewPassword,
    Password,
    Response,
    Select,
    SetUpEmail,
    SrpA,
    VerifySoftwareToken,
)
from authfsm.enrolment import Enrolment
from authfsm.protocol.replies import (
    AdminPasswordAsked,
    CustomChallenge,
    DevicePasswordVerifier,
    DeviceSrpAuth,
    EmailOtp,
    MfaSetup,
    NewPasswordRequired,
    OtherChallenge,
    PasswordAsked,
    PasswordSrpAsked,
    PasswordVerifier,
    SelectChallenge,
    SelectMfaType,
    SmsMfa,
    SmsOtp,
    SoftwareTokenMfa,
    WebAuthn,
)

Page = tuple[str, Mapping[str, Any]]


def page(flow: Flow, *, issuer: str, account: str) -> Page:  # noqa: C901, PLR0911, PLR0912 - one case a challenge
    """The page that asks what the sign-in asks: its template, and what that is told.

    Args:
        flow: the sign-in.
        issuer: the site's name, as an authenticator app will show it.
        account: the person's name, as they typed it.
    """
    match flow.challenge:
        case SelectChallenge(available=ways):
            others = [way for way in ways if not way.startswith("PASSWORD")]
            return "choose", {"ways": others, "password_too": others != list(ways)}
        case PasswordAsked() | PasswordSrpAsked() | AdminPasswordAsked():
            return "choose", {"ways": [], "password_too": True}
        case SmsMfa() | SmsOtp() | EmailOtp() as sent:
            return "code", {"medium": sent.medium, "destination": sent.destination}
        case SoftwareTokenMfa(friendly_device_name=app):
            return "code", {"app": app or "your authenticator app"}
        case WebAuthn(request_options=options):
            return "passkey", {"options": dict(options)}
        case CustomChallenge(parameters=asked):
            return "question", {"asked": asked}
        case NewPasswordRequired(required_attributes=wanted, user_attributes=known):
            return "new_password", {"wanted": wanted, "known": known}
        case MfaSetup(verified=True):
            return "go_on", {}
        case MfaSetup(secret_code=None, choices=ways):
            return "set_up", {"ways": ways}
        case MfaSetup() as setup:
            enrolment = Enrolment.of(setup, issuer=issuer, account=account)
            return "enrol", {"qr": enrolment.svg(), "typed": enrolment.secret_code.reveal()}
        case SelectMfaType(choices=ways):
            return "choose", {"ways": ways, "password_too": False}
        case PasswordVerifier() | DeviceSrpAuth() | DevicePasswordVerifier():
            # The flow answers these by itself. A person sees them only where the connection was lost.
            return "go_on", {}
        case OtherChallenge() | None:
            return "unknown", {}
        case never:
            assert_never(never)


def response(flow: Flow, form: Mapping[str, str]) -> Response | None:  # noqa: C901, PLR0911, PLR0912 - one case a challenge
    """What the person gave on that page; None where there is nothing to give.

    Args:
        flow: the sign-in.
        form: the page's fields.

    Raises:
        BadField: a field was left empty.
    """
    code = "".join(form.get("code", "").split())
    match flow.challenge:
        case SelectChallenge() | SelectMfaType() if "choice" in form:
            return Select(form["choice"])
        case SelectChallenge(available=ways) if "PASSWORD_SRP" in ways:
            return flow.filled(SrpA, password=form.get("password", ""))
        case PasswordSrpAsked():
            return flow.filled(SrpA, password=form.get("password", ""))
        case SelectChallenge() | PasswordAsked() | AdminPasswordAsked():
            return Password(form.get("password", ""))
        case SmsMfa() | SmsOtp() | EmailOtp() | SoftwareTokenMfa():
            return Code(code)
        case WebAuthn():
            return Credential(form.get("credential", ""))
        case CustomChallenge():
            return Answer(form.get("answer", ""))
        case NewPasswordRequired(required_attributes=wanted):
            return NewPassword(
                form.get("password", ""), {name: form.get(name, "") for name in wanted}
            )
        case MfaSetup(verified=True):
            return CompleteMfaSetup()
        case MfaSetup(secret_code=None):
            return SetUpEmail(form["email"]) if "email" in form else AssociateSoftwareToken()
        case MfaSetup():
            return VerifySoftwareToken(code)
        case PasswordVerifier() | DeviceSrpAuth() | DevicePasswordVerifier():
            return flow.next_response()
        case SelectMfaType() | OtherChallenge() | None:
            return None
        case never:
            assert_never(never)
