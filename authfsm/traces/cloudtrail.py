"""CloudTrail's events of Cognito, as the exchanges that they tell of; what they do not tell stays unknown.

    authFlow -> responseElements.challengeName -> requestParameters.challengeName -> ...

Each step can be read off one event. Which events are of one sign-in cannot: the Session is not logged in
clear, and nothing else joins them. So they are put together by sub, app client, address and user agent,
in the order of their times, which are whole seconds: within one second, in the order of the protocol.
The shapes are pieced together from fragments of real logs, as AWS publishes no example of these two
operations; any key may be missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from authfsm.protocol.classification import REDACTED
from authfsm.protocol.error_policy import RULINGS, Row
from authfsm.protocol.responses import (
    AssociateSoftwareToken,
    ConfirmDevice,
    GetTokensFromRefreshToken,
    GlobalSignOut,
    Response,
    RevokeToken,
    UpdateDeviceStatus,
    VerifySoftwareToken,
)
from authfsm.protocol.states import CHALLENGES, State
from authfsm.protocol.table import PROTOCOL
from authfsm.protocol.table import leads as leads_to
from authfsm.protocol.vocabulary import ANSWER_OPERATIONS, BEGIN_OPERATIONS
from authfsm.traces.words import ASSOCIATED, FIRST, SECOND, UNKNOWN, VERIFIED, by_names, operation

SOURCE: Final = "cognito-idp.amazonaws.com"
"""The `eventSource` of Cognito's user pools."""

COLUMNS: Final = (
    "eventID", "eventTime", "eventSource", "eventName", "errorCode", "errorMessage", "sourceIPAddress",
    "userAgent", "requestParameters", "responseElements", "additionalEventData",
)  # fmt: skip
"""What is read of an event. In Athena's table of CloudTrail's they have the same names, in lower case."""

_SET_UP: Final[Mapping[type[Response], str]] = {
    AssociateSoftwareToken: ASSOCIATED,
    VerifySoftwareToken: VERIFIED,
}
_BESIDE: Final = (ConfirmDevice, UpdateDeviceStatus, RevokeToken, GlobalSignOut)
_BEGIN: Final = tuple(sorted(BEGIN_OPERATIONS))
_ANSWER: Final = tuple(sorted(ANSWER_OPERATIONS))
OPERATIONS: Final = (
    *_BEGIN, *_ANSWER,
    *(operation(each) for each in (*_SET_UP, GetTokensFromRefreshToken, *_BESIDE)),
)  # fmt: skip
"""The operations that a sign-in is made of."""


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _among(values: object) -> str:
    return ", ".join(_text(str(each)) for each in values)  # type: ignore[attr-defined]  # any iterable


def _told(column: str, path: str) -> str:
    """A value in a column of JSON; nothing, where it is redacted."""
    value = f"JSON_EXTRACT_STRING({column}, '$.{path}')"
    for literal in REDACTED:
        value = f"NULLIF({value}, {_text(literal)})"
    return value


def _challenge(name: str) -> str:
    """The state that a ChallengeName is of: one more, for the names that Cognito does not document."""
    return (
        f"CASE WHEN {name} IN ({_among(CHALLENGES)}) THEN {name} ELSE '{State.OTHER_CHALLENGE}' END"
    )


def _asked() -> str:
    """Where a challenge leads: of EMAIL_OTP the word mostly tells which factor it is."""
    roles: dict[str, set[str]] = {}
    for seen in by_names():
        if seen.dest in {FIRST, SECOND}:
            roles.setdefault(seen.word, set()).add(seen.dest)
    sure = {
        place: sorted(word for word, found in roles.items() if found == {place})
        for place in (FIRST, SECOND)
    }
    cases = " ".join(
        f"WHEN word IN ({_among(words)}) THEN '{place}'" for place, words in sure.items() if words
    )
    email = f"CASE {cases} ELSE '{State.EMAIL_OTP}' END"
    return f"CASE WHEN asked = '{State.EMAIL_OTP}' THEN {email} ELSE {_challenge('asked')} END"


def _survives() -> str:
    """Does the session survive a refusal? By its code and its message, as `authfsm.protocol.error_policy` has it."""
    cases = [
        f"WHEN error = {_text(code)} THEN {_by_message(rows)}"
        for code, rows in RULINGS.items()
        if any(row.ruling.survives for row in rows.values())
    ]
    return f"CASE {' '.join(cases)} ELSE FALSE END"


def _by_message(rows: Mapping[str, Row]) -> str:
    if len(rows) == 1:
        return "TRUE"
    whens = [
        f"WHEN LOWER(message) LIKE {_text(f'%{part.lower()}%')} THEN {str(rows[part].ruling.survives).upper()}"
        for part in sorted(rows, key=len, reverse=True)
        if part
    ]
    return f"CASE {' '.join(whens)} ELSE {str(rows[''].ruling.survives).upper()} END"


def _ranks() -> str:
    """The order of the protocol, for what is logged in the same second.

    What begins a sign-in stands first, and of that what ended at once; a wrong answer stands before the
    one that was right.
    """
    set_up = list(State).index(State.MFA_SETUP)
    # An app is associated and verified before MFA_SETUP is answered.
    ranks = {operation(kind): 10 * set_up + n for n, kind in enumerate(_SET_UP)}
    ranks |= {state.value: 10 * n + 4 for n, state in enumerate(State) if state in CHALLENGES}
    ranks |= {State.OTHER_CHALLENGE.value: ranks[State.CUSTOM_CHALLENGE.value]}
    cases = " ".join(f"WHEN word = '{word}' THEN {rank}" for word, rank in ranks.items())
    last = 10 * len(State)
    return (
        f"CASE WHEN opens AND (error IS NOT NULL OR asked IS NULL) THEN 0 WHEN opens THEN 2 {cases} ELSE {last} END"
        " + CASE WHEN error IS NULL THEN 1 ELSE 0 END"
    )


def exchanges(table: str = "events") -> str:
    """The common table expressions that make exchanges of CloudTrail's events.

    Args:
        table: the events, with Athena's columns (`COLUMNS` in lower case); JSON as text.
    """
    begin, answer = _among(_BEGIN), _among(_ANSWER)
    associate, verify = (operation(each) for each in _SET_UP)
    renew = operation(GetTokensFromRefreshToken)
    flows = sorted({kind.auth_flow for kind in PROTOCOL[State.START] if kind.auth_flow})
    moment = "TRY_CAST(REPLACE(REPLACE(eventtime, 'T', ' '), 'Z', '') AS TIMESTAMP)"
    tokens = ", ".join(
        _told("responseelements", f"authenticationResult{part}")
        for part in (".tokenType", ".expiresIn", ".accessToken", "")
    )
    return f"""
noted AS (
    SELECT eventid AS id, {moment} AS moment, eventname AS operation,
        errorcode AS error, COALESCE(errormessage, '') AS message,
        COALESCE(sourceipaddress, '') AS address, COALESCE(useragent, '') AS agent,
        {_told("requestparameters", "authFlow")} AS flow,
        {_told("requestparameters", "challengeName")} AS answered,
        {_told("requestparameters", "clientId")} AS client,
        JSON_EXTRACT_STRING(requestparameters, '$.session') AS session,
        JSON_EXTRACT_STRING(requestparameters, '$.accessToken') AS bearer,
        {_told("responseelements", "challengeName")} AS asked,
        COALESCE({tokens}, CASE WHEN JSON_EXTRACT_STRING(responseelements, '$.authenticationResult.accessToken') IS NULL THEN NULL ELSE '' END) AS tokens,
        {_told("responseelements", "status")} AS status,
        {_told("additionaleventdata", "sub")} AS sub
    FROM {table}
    WHERE COALESCE(eventsource, '{SOURCE}') = '{SOURCE}' AND eventname IN ({_among(OPERATIONS)})
), once AS (
    -- CloudTrail delivers at least once. To enrol an app with a token is no step of a sign-in.
    SELECT id, moment, operation, error, message, address, agent, flow, answered, client, session, asked,
        tokens, status, sub, COUNT(*) AS copies
    FROM noted
    WHERE NOT (operation IN ('{associate}', '{verify}') AND bearer IS NOT NULL AND session IS NULL)
    GROUP BY id, moment, operation, error, message, address, agent, flow, answered, client, session, asked,
        tokens, status, sub
), worded AS (
    SELECT id, moment, message, address, agent, client, session, sub, operation, copies, tokens, asked, flow,
        CASE WHEN operation = '{verify}' AND status = 'ERROR' THEN 'EnableSoftwareTokenMFAException' ELSE error END AS error,
        operation IN ({begin}, '{renew}') AS opens,
        operation IN ({_among(operation(each) for each in _BESIDE)}) AS beside,
        operation IN ('{associate}', '{verify}') AND (sub IS NULL OR session IS NULL) AS orphan,
        CASE
            WHEN operation IN ({begin}) THEN CASE WHEN flow IN ({_among(flows)}) THEN flow ELSE '{UNKNOWN}' END
            WHEN operation IN ({answer}) THEN CASE WHEN answered IS NULL THEN '{UNKNOWN}' ELSE {_challenge("answered")} END
            ELSE operation END AS word
    FROM once
), filled AS (
    -- What bears no app client is of the one whose sign-in it goes on.
    SELECT *, COALESCE(client, LAST_VALUE(client IGNORE NULLS) OVER (
            PARTITION BY sub, address, agent ORDER BY moment, CASE WHEN client IS NULL THEN 1 ELSE 0 END ROWS UNBOUNDED PRECEDING), '') AS app,
        MAX(CASE WHEN orphan THEN 1 ELSE 0 END) OVER (PARTITION BY address, agent) = 1 AS unattributed,
        sub IS NULL OR moment IS NULL OR orphan AS alone,
        {_ranks()} AS ranked, {_survives()} AS survives
    FROM worded
), from_cloudtrail AS (
    SELECT id, moment, ranked, word, error, opens, beside, alone, unattributed, copies, FALSE AS exact,
        CASE WHEN alone THEN 'alone ' || COALESCE(id, '') ELSE sub || ' ' || app || ' ' || address || ' ' || agent END AS whose,
        CAST(NULL AS VARCHAR) AS claimed,
        CASE
            WHEN beside THEN NULL
            WHEN error IS NOT NULL THEN CASE WHEN NOT survives THEN 'FAILED' WHEN opens THEN 'START' END
            ELSE {(leads := _leads(associate, verify))} END AS moves,
        CASE
            WHEN error IS NOT NULL THEN CASE WHEN NOT survives AND NOT beside THEN 'FAILED' END
            ELSE {leads} END AS leads
    FROM filled
)"""  # noqa: S608 - our own words


def _leads(associate: str, verify: str) -> str:
    """Where a reply that is no refusal leads."""
    plain = {operation(each): next(iter(leads_to(State.AUTHENTICATED, each))) for each in _BESIDE}
    return (
        f"CASE WHEN operation = '{associate}' THEN '{ASSOCIATED}' WHEN operation = '{verify}' THEN '{VERIFIED}'"
        + "".join(f" WHEN operation = '{name}' THEN '{dest}'" for name, dest in plain.items())
        + f" WHEN asked IS NOT NULL THEN {_asked()}"
        + f" WHEN tokens IS NOT NULL THEN '{State.AUTHENTICATED}' ELSE '{UNKNOWN}' END"
    )
