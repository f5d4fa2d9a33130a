"""The rules of errors and replies: the class and the words that clients branch on, and the shape of every reply."""

from __future__ import annotations

from typing import Final

from authfsm.conformance.api_client import ApiReply
from authfsm.conformance.pools import (
    ANOTHER,
    PASSWORD,
    PHONE_OR_APP,
    WRONG,
    ClientRequirements,
    UserRequirements,
)
from authfsm.conformance.rule import (
    Entry,
    RuleGroup,
    RuleSource,
    guide,
    issue,
    reference,
)
from authfsm.conformance.trial import Trial
from authfsm.conformance.verdicts import NotSupported, RuleFailed, RuleSeverity, Skipped
from authfsm.protocol import links
from authfsm.protocol.evidence import Confidence

rule: Final = Entry(RuleGroup.ERRORS)
ERRORS: Final = rule.rules

_INITIATE: Final = reference("InitiateAuth")
_MEASURED: Final = RuleSource(
    "ministackorg/ministack #1758, measured on a real pool",
    "https://github.com/ministackorg/ministack/pull/1758",
    Confidence.MEASURED,
)
_TRACE: Final = RuleSource(
    "aws-sdk-cpp #1789, a trace",
    "https://github.com/aws/aws-sdk-cpp/issues/1789",
    Confidence.ISSUE,
)
_ONE_TIME: Final = RuleSource(
    "one-time passwords measured on a real pool; amplify-js #13123",
    "https://github.com/aws-amplify/amplify-js/issues/13123",
    Confidence.MEASURED,
)
_TEMPORARY: Final = UserRequirements(temporary=True)
_WITHOUT_PASSWORD: Final = ClientRequirements(
    flows=("ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH")
)
_BAD_REQUEST: Final = 400


def _said(heard: ApiReply, what: str, message: str) -> None:
    if heard.message != message:
        raise RuleFailed(f'{what} was refused with other words than "{message}"')


@rule(
    "error.shape",
    "An error is HTTP 400, with __type and message.",
    _TRACE,
)
def _shape(trial: Trial) -> None:
    desk = trial.desk()
    person = trial.person(desk)
    desk.signed_in(person)
    heard = desk.initiate("USER_PASSWORD_AUTH", USERNAME=person.username, PASSWORD=WRONG)
    heard.refused("a wrong password")
    if heard.status != _BAD_REQUEST:
        raise RuleFailed(f"HTTP {heard.status} came")
    if "__type" not in heard.body or not heard.message:
        raise RuleFailed("__type or message is missing")


@rule(
    "error.wrong-password",
    'A wrong password is NotAuthorizedException "Incorrect username or password.".',
    _MEASURED,
)
def _wrong_password(trial: Trial) -> None:
    desk = trial.desk()
    person = trial.person(desk)
    desk.signed_in(person)
    heard = desk.initiate("USER_PASSWORD_AUTH", USERNAME=person.username, PASSWORD=WRONG)
    heard.refused("a wrong password", "NotAuthorizedException")
    _said(heard, "a wrong password", "Incorrect username or password.")


@rule(
    "error.wrong-password-by-administrator",
    "A wrong password in ADMIN_USER_PASSWORD_AUTH is NotAuthorizedException.",
    reference("AdminInitiateAuth"),
)
def _wrong_by_admin(trial: Trial) -> None:
    desk = trial.desk()
    given = {"USERNAME": trial.person(desk).username, "PASSWORD": PASSWORD}
    desk.initiate("ADMIN_USER_PASSWORD_AUTH", admin=True, **given).authenticates()
    heard = desk.initiate("ADMIN_USER_PASSWORD_AUTH", admin=True, **{**given, "PASSWORD": WRONG})
    heard.refused("a wrong password", "NotAuthorizedException")


@rule(
    "error.wrong-code",
    "A wrong code is CodeMismatchException.",
    reference("RespondToAuthChallenge"),
)
def _wrong_code(trial: Trial) -> None:
    desk = trial.desk(PHONE_OR_APP)
    wanted = UserRequirements(factors=("SOFTWARE_TOKEN_MFA",), preferred="SOFTWARE_TOKEN_MFA")
    person = trial.person(desk, wanted)
    asked = desk.password(person).asks("SOFTWARE_TOKEN_MFA")
    if person.app is None:
        raise NotSupported("there is no authenticator app")
    given = {"USERNAME": person.username, "SOFTWARE_TOKEN_MFA_CODE": person.app.wrong_code()}
    heard = desk.respond("SOFTWARE_TOKEN_MFA", asked.session, **given)
    heard.refused("a wrong code", "CodeMismatchException")


@rule(
    "error.used-session",
    "A Session that is not good (any more) is NotAuthorizedException.",
    _ONE_TIME,
)
def _used(trial: Trial) -> None:
    desk = trial.desk()
    person = trial.person(desk, _TEMPORARY)
    asked = desk.password(person).asks("NEW_PASSWORD_REQUIRED")
    given = {"USERNAME": person.username, "NEW_PASSWORD": ANOTHER}
    desk.respond("NEW_PASSWORD_REQUIRED", asked.session, **given).granted()
    heard = desk.respond("NEW_PASSWORD_REQUIRED", asked.session, **given)
    if heard.code is None:
        raise Skipped("session.once is not kept")
    heard.refused("a Session that led to tokens already", "NotAuthorizedException")


@rule(
    "error.flow-not-enabled",
    "A flow that is not enabled is InvalidParameterException.",
    issue("floci-io/floci", 3974),
)
def _not_enabled(trial: Trial) -> None:
    desk = trial.desk(client=_WITHOUT_PASSWORD)
    heard = desk.password(trial.person(desk))
    if heard.code is None:
        raise Skipped("flows.USER_PASSWORD_AUTH is not kept")
    heard.refused("a flow that is not enabled", "InvalidParameterException")


@rule(
    "error.unknown-client",
    "An app client that does not exist is ResourceNotFoundException.",
    _INITIATE,
)
def _unknown_client(trial: Trial) -> None:
    desk = trial.desk()
    desk.signed_in(trial.person(desk))
    given = {"USERNAME": trial.username("ada"), "PASSWORD": WRONG}
    heard = desk.call(
        "InitiateAuth",
        ClientId="1234567890abcdefghijklmnop",
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters=given,
    )
    heard.refused("an app client that does not exist", "ResourceNotFoundException")


@rule(
    "error.unconfirmed",
    "Somebody who has signed up and is not confirmed is UserNotConfirmedException.",
    _MEASURED,
)
def _unconfirmed(trial: Trial) -> None:
    desk = trial.desk()
    username = trial.username("ada")
    attributes = [{"Name": "email", "Value": username}]
    given = {"Username": username, "Password": ANOTHER, "UserAttributes": attributes}
    desk.ask("SignUp", **given).granted()
    trial.workshop.keep(desk.pool, username)
    heard = desk.initiate("USER_PASSWORD_AUTH", USERNAME=username, PASSWORD=ANOTHER)
    heard.refused("somebody who is not confirmed", "UserNotConfirmedException")


@rule(
    "error.disabled",
    "Somebody who is disabled is refused with NotAuthorizedException.",
    reference("AdminDisableUser"),
    RuleSeverity.CRITICAL,
)
def _disabled(trial: Trial) -> None:
    desk = trial.desk()
    person = trial.person(desk)
    desk.signed_in(person)
    desk.administer("AdminDisableUser", Username=person.username).granted()
    desk.password(person).refused("somebody who is disabled", "NotAuthorizedException")


@rule(
    "error.reset-required",
    "After AdminResetUserPassword the password is refused with PasswordResetRequiredException.",
    reference("AdminResetUserPassword"),
    RuleSeverity.CRITICAL,
)
def _reset(trial: Trial) -> None:
    desk = trial.desk()
    person = trial.person(desk)
    desk.signed_in(person)
    desk.administer("AdminResetUserPassword", Username=person.username).granted()
    desk.password(person).refused("a password that is reset", "PasswordResetRequiredException")


@rule(
    "reply.unknown-flow",
    "An AuthFlow that is none is refused.",
    _INITIATE,
    RuleSeverity.CRITICAL,
)
def _unknown_flow(trial: Trial) -> None:
    desk = trial.desk()
    person = trial.person(desk)
    desk.signed_in(person)
    heard = desk.initiate("TOMORROWS_AUTH", USERNAME=person.username)
    if heard.code is None:
        raise RuleFailed(f"a flow that is none was answered with {heard.words}")


@rule(
    "reply.one-of-three",
    "Every reply to InitiateAuth is a challenge, tokens or an error, CUSTOM_AUTH in a pool without triggers too.",
    _INITIATE,
)
def _one_of_three(trial: Trial) -> None:
    desk = trial.desk()
    person = trial.person(desk)
    desk.signed_in(person)
    for flow in ("CUSTOM_AUTH", "USER_AUTH"):
        _whole(desk.initiate(flow, USERNAME=person.username), flow)


@rule(
    "reply.unknown-challenge",
    "Every reply to RespondToAuthChallenge is a challenge, tokens or an error, to another challenge's name too.",
    issue("aws-amplify/amplify-js", 9734),
)
def _unknown_challenge(trial: Trial) -> None:
    desk = trial.desk()
    person = trial.person(desk, _TEMPORARY)
    asked = desk.password(person).asks("NEW_PASSWORD_REQUIRED")
    given = {"USERNAME": person.username, "EMAIL_OTP_CODE": "12345678"}
    _whole(desk.respond("EMAIL_OTP", asked.session, **given), "EMAIL_OTP on another Session")


def _whole(heard: ApiReply, what: str) -> None:
    if heard.code is None and heard.challenge is None and not heard.tokens:
        raise RuleFailed(f"{what} was answered with {heard.words}")


@rule(
    "reply.tokens-alone",
    "A reply with tokens names no challenge.",
    guide(links.AUTHENTICATION_FLOWS, '"Authentication flows"'),
    RuleSeverity.MINOR,
)
def _alone(trial: Trial) -> None:
    desk = trial.desk()
    heard = desk.password(trial.person(desk)).authenticates()
    if heard.challenge is not None:
        raise RuleFailed(f"tokens came with {heard.challenge}")


@rule(
    "reply.new-password-parameters",
    "NEW_PASSWORD_REQUIRED carries userAttributes and requiredAttributes, each JSON in a string.",
    RuleSource(
        "AWS CLI, admin-initiate-auth example",
        links.CLI_ADMIN_INITIATE_AUTH,
    ),
    RuleSeverity.MINOR,
)
def _parameters(trial: Trial) -> None:
    desk = trial.desk()
    person = trial.person(desk, _TEMPORARY)
    given = desk.password(person).asks("NEW_PASSWORD_REQUIRED").parameters
    for name in ("userAttributes", "requiredAttributes"):
        if not isinstance(given.get(name), str):
            raise RuleFailed(f"there is no {name}")
