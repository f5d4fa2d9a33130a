"""The rules of codes: those that an authenticator app makes, and those that are sent."""

from __future__ import annotations

import json
from typing import Final

from authfsm.base.secret import Secret
from authfsm.conformance.api_client import ApiReply
from authfsm.conformance.pools import (
    ANOTHER,
    APP_REQUIRED,
    PASSWORD,
    PHONE_OR_APP,
    UserRequirements,
)
from authfsm.conformance.rule import (
    Entry,
    RuleGroup,
    RuleSource,
    guide,
    issue,
    reference,
    standard,
)
from authfsm.conformance.trial import AuthenticatorApp, PoolClient, PoolUser, Trial
from authfsm.conformance.verdicts import NotSupported, RuleFailed, RuleSeverity
from authfsm.protocol import links
from authfsm.protocol.evidence import Confidence

rule: Final = Entry(RuleGroup.CODES)
CODES: Final = rule.rules

_APP: Final = UserRequirements(factors=("SOFTWARE_TOKEN_MFA",), preferred="SOFTWARE_TOKEN_MFA")
_SMS: Final = UserRequirements(factors=("SMS_MFA",), preferred="SMS_MFA")
_TOTP_PAGE: Final = guide(links.TOTP, '"TOTP software token MFA"')
_RFC_6238: Final = standard("RFC 6238, 5.2", "rfc6238#section-5.2")
_RFC_4226: Final = standard("RFC 4226, 4, R6", "rfc4226#section-4")
_WRONG: Final = "000000"
_SPARE: Final = "999999"


def _asked(trial: Trial) -> tuple[PoolClient, PoolUser, AuthenticatorApp, ApiReply]:
    """Somebody who is asked for the code of their app."""
    desk = trial.desk(PHONE_OR_APP)
    person = trial.person(desk, _APP)
    asked = desk.password(person).asks("SOFTWARE_TOKEN_MFA")
    if person.app is None:
        raise NotSupported("there is no authenticator app")
    return desk, person, person.app, asked


def _totp(desk: PoolClient, person: PoolUser, session: str | None, code: str) -> ApiReply:
    return desk.respond(
        "SOFTWARE_TOKEN_MFA", session, USERNAME=person.username, SOFTWARE_TOKEN_MFA_CODE=code
    )


@rule(
    "totp.wrong",
    "A wrong code of an authenticator app is refused.",
    reference("RespondToAuthChallenge"),
    RuleSeverity.CRITICAL,
)
def _wrong(trial: Trial) -> None:
    desk, person, app, asked = _asked(trial)
    heard = _totp(desk, person, asked.session, app.wrong_code())
    heard.refused("a wrong code")


@rule(
    "totp.once",
    "A code of an authenticator app that signed in once is refused the next time.",
    standard(
        'RFC 6238, 5.2; Cognito\'s "Your software token has already been used once."',
        "rfc6238#section-5.2",
        Confidence.ISSUE,
    ),
    RuleSeverity.MAJOR,
)
def _once(trial: Trial) -> None:
    desk, person, app, asked = _asked(trial)
    code = app.code()
    _totp(desk, person, asked.session, code).authenticates()
    again = desk.password(person).asks("SOFTWARE_TOKEN_MFA")
    _totp(desk, person, again.session, code).refused("a code that signed in before")


@rule(
    "totp.adjacent-step",
    "The code of the step before is taken: clocks differ.",
    _RFC_6238,
    RuleSeverity.MINOR,
)
def _adjacent(trial: Trial) -> None:
    desk = trial.desk(PHONE_OR_APP)
    person = trial.person(desk, _APP)
    if person.app is not None and not person.app.earlier:
        raise RuleFailed("VerifySoftwareToken refused the code of the step before")


@rule(
    "totp.secret-of-their-own",
    "AssociateSoftwareToken gives each user another SecretCode.",
    _RFC_4226,
    RuleSeverity.CRITICAL,
)
def _own(trial: Trial) -> None:
    if len(set(_secrets(trial))) == 1:
        raise RuleFailed("two users got one SecretCode")


@rule(
    "totp.secret-128-bits",
    "SecretCode has 128 bits or more.",
    _RFC_4226,
    RuleSeverity.MINOR,
)
def _long(trial: Trial) -> None:
    bits = min(len(AuthenticatorApp(Secret(each)).key) * 8 for each in _secrets(trial))
    if bits < 128:  # noqa: PLR2004 - "The length of the shared secret MUST be at least 128 bits"
        raise RuleFailed(f"SecretCode has {bits} bits")


def _secrets(trial: Trial) -> list[str]:
    desk = trial.desk(PHONE_OR_APP)
    found = []
    for who in ("ada", "eve"):
        token = desk.signed_in(trial.person(desk, who=who)).get("AccessToken")
        heard = desk.call("AssociateSoftwareToken", AccessToken=token).granted()
        found.append(str(heard.body.get("SecretCode")))
    return found


@rule(
    "totp.verified-by-a-right-code",
    "VerifySoftwareToken with a wrong code is refused.",
    reference("VerifySoftwareToken"),
    RuleSeverity.CRITICAL,
)
def _verified(trial: Trial) -> None:
    desk = trial.desk(PHONE_OR_APP)
    token = desk.signed_in(trial.person(desk)).get("AccessToken")
    begun = desk.call("AssociateSoftwareToken", AccessToken=token).granted()
    app = AuthenticatorApp(Secret(str(begun.body.get("SecretCode"))))
    heard = desk.call("VerifySoftwareToken", AccessToken=token, UserCode=app.wrong_code())
    if heard.body.get("Status") != "ERROR":
        heard.refused("a wrong code")


@rule(
    "mfa-setup.needs-a-verified-app",
    "MFA_SETUP is not closed before VerifySoftwareToken has taken a code.",
    issue("aws-amplify/amplify-js", 6461),
    RuleSeverity.CRITICAL,
)
def _needs_verified(trial: Trial) -> None:
    desk, person, setup = _setting_up(trial)
    heard = desk.respond("MFA_SETUP", setup.session, USERNAME=person.username)
    heard.refused("MFA_SETUP without an app")


@rule(
    "mfa-setup.is-json",
    "MFAS_CAN_SETUP is an array written as JSON in a string, as every value of ChallengeParameters is a string.",
    reference("RespondToAuthChallenge"),
)
def _is_json(trial: Trial) -> None:
    _, _, setup = _setting_up(trial)
    given = setup.parameters.get("MFAS_CAN_SETUP")
    if not isinstance(given, str):
        raise RuleFailed("MFAS_CAN_SETUP is no string")
    try:
        names = json.loads(given)
    except (ValueError, RecursionError):
        raise RuleFailed("MFAS_CAN_SETUP is not JSON") from None
    if not isinstance(names, list):
        raise RuleFailed("MFAS_CAN_SETUP is no array")


def _setting_up(trial: Trial) -> tuple[PoolClient, PoolUser, ApiReply]:
    """Somebody who is asked MFA_SETUP.

    Raises:
        NotOffered: it is not asked; whether that is right, the walks say.
    """
    desk = trial.desk(APP_REQUIRED)
    person = trial.person(desk, UserRequirements(temporary=True))
    asked = desk.password(person).asks("NEW_PASSWORD_REQUIRED")
    given = {"USERNAME": person.username, "NEW_PASSWORD": ANOTHER}
    setup = desk.respond("NEW_PASSWORD_REQUIRED", asked.session, **given)
    if setup.challenge != "MFA_SETUP":
        raise NotSupported(f"MFA_SETUP did not come: {setup.words}")
    return desk, person, setup


# ---- codes that are sent -----------------------------------------------------------------------------


def _another(code: str) -> str:
    return _WRONG if code != _WRONG else _SPARE


@rule(
    "sms.wrong",
    "A wrong code for SMS_MFA is refused.",
    reference("RespondToAuthChallenge"),
    RuleSeverity.CRITICAL,
)
def _sms(trial: Trial) -> None:
    desk = trial.desk(PHONE_OR_APP)
    person = trial.person(desk, _SMS)
    asked = desk.password(person).asks("SMS_MFA")
    # One of a million; where what was sent can be read, another one than that.
    code = _another(desk.code_for(person).reveal()) if desk.pool.inbox else _WRONG
    heard = desk.respond("SMS_MFA", asked.session, USERNAME=person.username, SMS_MFA_CODE=code)
    heard.refused("a wrong code")


@rule(
    "sms.says-where",
    "SMS_MFA says by which medium and where the code went, the number masked.",
    RuleSource(
        "read by amplify-js, amplify-swift and amplify-android",
        "https://github.com/aws-amplify/amplify-js/blob/main/packages/auth/src/providers/cognito/utils/signInHelpers.ts",
        Confidence.CLIENT,
    ),
    RuleSeverity.MINOR,
)
def _says_where(trial: Trial) -> None:
    desk = trial.desk(PHONE_OR_APP)
    person = trial.person(desk, _SMS)
    given = desk.password(person).asks("SMS_MFA").parameters
    if given.get("CODE_DELIVERY_DELIVERY_MEDIUM") != "SMS":
        raise RuleFailed("CODE_DELIVERY_DELIVERY_MEDIUM is not SMS")
    where = given.get("CODE_DELIVERY_DESTINATION")
    if not isinstance(where, str) or "*" not in where:
        raise RuleFailed("CODE_DELIVERY_DESTINATION is no masked number")


def _signed_up(trial: Trial, desk: PoolClient) -> PoolUser:
    username = trial.username("ada")
    attributes = [{"Name": "email", "Value": username}]
    given = {"Username": username, "Password": PASSWORD, "UserAttributes": attributes}
    desk.ask("SignUp", **given).granted()
    trial.workshop.keep(desk.pool, username)
    return PoolUser(username, Secret(PASSWORD))


@rule(
    "sign-up.wrong-code",
    "ConfirmSignUp with a wrong code is refused.",
    reference("ConfirmSignUp"),
    RuleSeverity.CRITICAL,
)
def _sign_up_wrong(trial: Trial) -> None:
    desk = trial.desk()
    person = _signed_up(trial, desk)
    code = _another(desk.code_for(person).reveal()) if desk.pool.inbox else _WRONG
    given = {"Username": person.username, "ConfirmationCode": code}
    desk.ask("ConfirmSignUp", **given).refused("a wrong code")


@rule(
    "sign-up.right-code",
    "ConfirmSignUp with the code that was sent confirms, and the user signs in.",
    reference("ConfirmSignUp"),
)
def _sign_up_right(trial: Trial) -> None:
    desk = trial.desk()
    person = _signed_up(trial, desk)
    desk.password(person).refused("somebody who is not confirmed", "UserNotConfirmedException")
    code = desk.code_for(person).reveal()
    given = {"Username": person.username, "ConfirmationCode": code}
    desk.ask("ConfirmSignUp", **given).granted()
    desk.password(person).authenticates()


@rule(
    "forgot-password.wrong-code",
    "ConfirmForgotPassword with a wrong code is refused: it sets nobody's password.",
    reference("ConfirmForgotPassword"),
    RuleSeverity.CRITICAL,
)
def _forgot_wrong(trial: Trial) -> None:
    desk, person = _forgotten(trial)
    code = _another(desk.code_for(person).reveal()) if desk.pool.inbox else _WRONG
    _reset(desk, person, code).refused("a wrong code")


@rule(
    "forgot-password.right-code",
    "ConfirmForgotPassword with the code that was sent sets the new password.",
    reference("ConfirmForgotPassword"),
)
def _forgot_right(trial: Trial) -> None:
    desk, person = _forgotten(trial)
    _reset(desk, person, desk.code_for(person).reveal()).granted()
    desk.password(person).refused("the old password")
    person.password = Secret(ANOTHER)
    desk.password(person).authenticates()


def _forgotten(trial: Trial) -> tuple[PoolClient, PoolUser]:
    desk = trial.desk()
    person = trial.person(desk)
    desk.ask("ForgotPassword", Username=person.username).granted()
    return desk, person


def _reset(desk: PoolClient, person: PoolUser, code: str) -> ApiReply:
    return desk.ask(
        "ConfirmForgotPassword",
        Username=person.username,
        ConfirmationCode=code,
        Password=ANOTHER,
    )
