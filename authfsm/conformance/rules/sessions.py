"""The rules of sessions: what a Session is good for, for whom, and how often."""

from __future__ import annotations

from typing import Final

from authfsm.conformance.api_client import ApiReply
from authfsm.conformance.pools import (
    ANOTHER,
    APP_REQUIRED,
    PHONE_OR_APP,
    WITHOUT_CHOICE,
    ClientRequirements,
    UserRequirements,
)
from authfsm.conformance.rule import Entry, RuleGroup, RuleSource, issue, reference
from authfsm.conformance.trial import PoolClient, PoolUser, Trial, begun_srp
from authfsm.conformance.verdicts import NotSupported, RuleFailed, RuleSeverity
from authfsm.protocol.evidence import Confidence

rule: Final = Entry(RuleGroup.SESSIONS)
SESSIONS: Final = rule.rules

_RESPOND: Final = reference("RespondToAuthChallenge")
_ONE_TIME: Final = RuleSource(
    "one-time passwords measured on a real pool; amplify-js #13123, #14330",
    "https://github.com/aws-amplify/amplify-js/issues/13123",
    Confidence.MEASURED,
)
_TEMPORARY: Final = UserRequirements(temporary=True)
_APP: Final = UserRequirements(factors=("SOFTWARE_TOKEN_MFA",), preferred="SOFTWARE_TOKEN_MFA")
_MADE_UP: Final = "this-session-was-never-issued-by-anybody-0000000000000000"
ANOTHER_CLIENT: Final = ClientRequirements(flows=WITHOUT_CHOICE)


def _asked(desk: PoolClient, person: PoolUser) -> ApiReply:
    return desk.password(person).asks("NEW_PASSWORD_REQUIRED")


def _renewed(
    desk: PoolClient, session: str | None, person: PoolUser, password: str = ANOTHER
) -> ApiReply:
    return desk.respond(
        "NEW_PASSWORD_REQUIRED", session, USERNAME=person.username, NEW_PASSWORD=password
    )


@rule(
    "session.made-up",
    "A Session that was never issued sets nobody's password.",
    _RESPOND,
    RuleSeverity.CRITICAL,
)
def _made_up(trial: Trial) -> None:
    desk = trial.desk()
    person = trial.person(desk, _TEMPORARY)
    _asked(desk, person)
    _renewed(desk, _MADE_UP, person).refused("a made-up Session")


@rule(
    "session.made-up-for-a-code",
    "A Session that was never issued signs nobody in, where no code was sent and none is given.",
    _RESPOND,
    RuleSeverity.CRITICAL,
)
def _made_up_for_a_code(trial: Trial) -> None:
    desk = trial.desk()
    person = trial.person(desk)
    desk.signed_in(person)
    heard = desk.respond("SMS_MFA", _MADE_UP, USERNAME=person.username)
    heard.refused("SMS_MFA with a made-up Session and no code")


@rule(
    "session.once",
    "A Session that led to tokens is refused when it comes again.",
    _ONE_TIME,
    RuleSeverity.CRITICAL,
)
def _once(trial: Trial) -> None:
    desk = trial.desk()
    person = trial.person(desk, _TEMPORARY)
    asked = _asked(desk, person)
    _renewed(desk, asked.session, person).authenticates()
    _renewed(desk, asked.session, person, "Third-Horse-3").refused(
        "a Session that led to tokens already"
    )


@rule(
    "session.binds-user",
    "A Session that was issued to one user is refused in the name of another.",
    RuleSource(
        'amplify-js #13123: "Invalid session for the user"',
        "https://github.com/aws-amplify/amplify-js/issues/13123",
        Confidence.ISSUE,
    ),
    RuleSeverity.CRITICAL,
)
def _binds_user(trial: Trial) -> None:
    desk = trial.desk()
    ada = trial.person(desk, _TEMPORARY)
    eve = trial.person(desk, _TEMPORARY, "eve")
    _renewed(desk, _asked(desk, ada).session, eve).refused("ada's Session in eve's name")


@rule(
    "session.binds-client",
    "A Session that was issued to one app client is refused by another.",
    reference("RespondToAuthChallenge", Confidence.INFERRED),
)
def _binds_client(trial: Trial) -> None:
    desk, other = trial.desk(), trial.desk(client=ANOTHER_CLIENT)
    person = trial.person(desk, _TEMPORARY)
    _renewed(other, _asked(desk, person).session, person).refused("another app client's Session")


@rule(
    "session.binds-challenge",
    "A Session that was issued with NEW_PASSWORD_REQUIRED does not close MFA_SETUP.",
    issue("aws-amplify/amplify-js", 9734),
    RuleSeverity.CRITICAL,
)
def _binds_challenge(trial: Trial) -> None:
    desk = trial.desk()
    person = trial.person(desk, _TEMPORARY)
    heard = desk.respond("MFA_SETUP", _asked(desk, person).session, USERNAME=person.username)
    if heard.lacking:
        # Nothing was signed in; and that MFA_SETUP is not offered, its walk says.
        raise NotSupported(heard.words)
    heard.refused("MFA_SETUP on the Session of NEW_PASSWORD_REQUIRED")


@rule(
    "session.secret-block",
    "SECRET_BLOCK is no Session: it does not answer NEW_PASSWORD_REQUIRED.",
    _RESPOND,
    RuleSeverity.CRITICAL,
)
def _secret_block(trial: Trial) -> None:
    desk = trial.desk()
    person = trial.person(desk)
    _, asked = begun_srp(desk, person.username)
    block = asked.parameters.get("SECRET_BLOCK")
    if not isinstance(block, str):
        raise RuleFailed("PASSWORD_VERIFIER came without SECRET_BLOCK")
    _renewed(desk, block, person).refused("SECRET_BLOCK in place of a Session")


@rule(
    "session.rotates",
    "Each reply has a Session of its own.",
    reference("RespondToAuthChallenge"),
    RuleSeverity.MINOR,
)
def _rotates(trial: Trial) -> None:
    desk = trial.desk(APP_REQUIRED)
    person = trial.person(desk, _TEMPORARY)
    asked = _asked(desk, person)
    setup = _renewed(desk, asked.session, person)
    if setup.code is not None or setup.challenge is None:
        raise NotSupported(f"no second challenge came: {setup.words}")
    if setup.session == asked.session:
        raise RuleFailed(f"{setup.challenge} came with the Session of NEW_PASSWORD_REQUIRED")


@rule(
    "session.missing",
    "NEW_PASSWORD_REQUIRED without a Session is refused with InvalidParameterException.",
    issue("aws-amplify/amplify-js", 758),
    RuleSeverity.MINOR,
)
def _missing(trial: Trial) -> None:
    desk = trial.desk()
    person = trial.person(desk, _TEMPORARY)
    _asked(desk, person)
    _renewed(desk, None, person).refused("no Session", "InvalidParameterException")


@rule(
    "session.none-after-srp",
    "The reply to USER_SRP_AUTH has no Session.",
    RuleSource(
        "ministackorg/ministack #1758, measured on a real pool; floci-io/floci #1305, a trace",
        "https://github.com/ministackorg/ministack/pull/1758",
        Confidence.MEASURED,
    ),
    RuleSeverity.MINOR,
)
def _none_after_srp(trial: Trial) -> None:
    desk = trial.desk()
    _, asked = begun_srp(desk, trial.person(desk).username)
    if asked.session is not None:
        raise RuleFailed("PASSWORD_VERIFIER came with a Session")


@rule(
    "session.survives-wrong-code",
    "After CodeMismatchException the same Session takes the right code.",
    RuleSource(
        "one-time passwords measured on a real pool; amplify-swift keeps the challenge",
        "https://github.com/aws-amplify/amplify-swift/issues/2615",
        Confidence.MEASURED,
    ),
)
def _survives(trial: Trial) -> None:
    desk = trial.desk(PHONE_OR_APP)
    person = trial.person(desk, _APP)
    app = person.app
    asked = desk.password(person).asks("SOFTWARE_TOKEN_MFA")
    if app is None:
        raise NotSupported("there is no authenticator app")
    for code in (app.wrong_code(), app.code()):
        heard = desk.respond(
            "SOFTWARE_TOKEN_MFA",
            asked.session,
            USERNAME=person.username,
            SOFTWARE_TOKEN_MFA_CODE=code,
        )
    heard.authenticates()
