"""SQL that turns CloudTrail events into the steps of sign-ins.

    authFlow -> responseElements.challengeName -> requestParameters.challengeName -> ...

Each event shows one step. It does not show which sign-in the step belongs to: the Session is redacted, and no
other value connects the requests. So events are grouped by sub, app client, IP address and user agent, and ordered
by time. Times are whole seconds; events of the same second are put into the order of the protocol. AWS publishes
no example of these events, so any member may be missing. A refresh may come at any time from any of a user's sign-ins.
So refreshes are grouped apart, as steps from AUTHENTICATED, except those whose reply is a challenge.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files
from typing import Final

from authfsm.protocol import responses as r
from authfsm.protocol.api_requests import REDACTED_VALUES
from authfsm.protocol.auth_flows import ANSWER_OPERATIONS, BEGIN_OPERATIONS, REFRESH_FLOWS
from authfsm.protocol.error_policy import ERROR_POLICY, ErrorRule
from authfsm.protocol.states import CHALLENGES, State
from authfsm.protocol.table import PROTOCOL, destinations
from authfsm.traces import log_symbols as s

_PARTS: Final = re.split(
    r"(?m)^-- name: (\w+)\n(?:--.*\n)*", files(__package__).joinpath("query.sql").read_text("utf-8")
)
SQL: Final = {name: text.strip() for name, text in zip(_PARTS[1::2], _PARTS[2::2], strict=True)}
"""The parts of `query.sql`, by name."""

SOURCE: Final = "cognito-idp.amazonaws.com"
"""The `eventSource` of Cognito user pools."""

COLUMNS: Final = (
    "eventID", "eventTime", "eventSource", "eventName", "errorCode", "errorMessage", "sourceIPAddress",
    "userAgent", "requestParameters", "responseElements", "additionalEventData",
)  # fmt: skip
"""The members of an event that are read. Athena's table for CloudTrail has them as columns in lower case."""

# The operations with one response class each; InitiateAuth and RespondToAuthChallenge have many.
_ASSOCIATE: Final = r.AssociateSoftwareToken.__name__
_VERIFY: Final = r.VerifySoftwareToken.__name__
_RENEW: Final = r.GetTokensFromRefreshToken.__name__
_AFTER_SIGN_IN: Final = (r.ConfirmDevice, r.UpdateDeviceStatus, r.RevokeToken, r.GlobalSignOut)
_AFTER_OPERATIONS: Final = tuple(each.__name__ for each in _AFTER_SIGN_IN)
_BEGIN: Final = tuple(sorted(BEGIN_OPERATIONS))
_ANSWER: Final = tuple(sorted(ANSWER_OPERATIONS))
OPERATIONS: Final = (*_BEGIN, *_ANSWER, _ASSOCIATE, _VERIFY, _RENEW, *_AFTER_OPERATIONS)
"""The operations of a sign-in, and those that use its tokens."""

FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    # the column of the table `events_read`: the path of the event's member
    "id": ("eventID",),
    "moment": ("eventTime",),
    "operation": ("eventName",),
    "error": ("errorCode",),
    "message": ("errorMessage",),
    "address": ("sourceIPAddress",),
    "agent": ("userAgent",),
    "flow": ("requestParameters", "authFlow"),
    "challenge": ("requestParameters", "challengeName"),
    "client": ("requestParameters", "clientId"),
    "in_session": ("requestParameters", "session"),
    "with_token": ("requestParameters", "accessToken"),
    "next_challenge": ("responseElements", "challengeName"),
    "tokens": ("responseElements", "authenticationResult"),
    "status": ("responseElements", "status"),
    "sub": ("additionalEventData", "sub"),
}
"""The values that the query uses, and where they stand in an event."""

COLUMN_TYPES: Final[Mapping[str, str]] = dict.fromkeys(FIELDS, "VARCHAR") | {
    "moment": "TIMESTAMP", "in_session": "BOOLEAN", "with_token": "BOOLEAN", "tokens": "BOOLEAN",
}  # fmt: skip
"""The SQL type of each value."""

_NEVER_REDACTED: Final = frozenset({"id", "operation", "error"})
_EMPTY_IF_MISSING: Final = frozenset({"message", "address", "agent"})


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _literals(values: Iterable[str]) -> str:
    return ", ".join(_literal(str(each)) for each in values)


_TIME: Final = "^[12][0-9]{3}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9:.,]+"


def time_of(text: str) -> str:
    """Return the SQL that converts a text (given as SQL) to a TIMESTAMP in UTC; NULL if the text is not a time.

    It reads `2025-10-09T07:57:29`, with T or a space, and optionally with a fraction, Z or an offset (+02:00, +0200,
    +02); a time without an offset is in UTC. It also reads `2025-10-09 07:57:29.000 UTC`, as Athena prints it, and
    seconds or milliseconds since 1970 (9 to 13 digits).
    """
    # Nearly every time has the first of these forms, so this form has a branch of its own, which is faster.
    cloudtrail = f"TRY_CAST(SUBSTRING({text}, 1, 10) || ' ' || SUBSTRING({text}, 12, 8) AS TIMESTAMP)"
    in_utc = (
        f"TRY_CAST(REPLACE(REPLACE(REPLACE(REPLACE({text}, ',', '.'), ' UTC', ''), 'T', ' '), 'Z', '') AS TIMESTAMP)"
    )
    zoned = f"TRY_CAST(REPLACE(REPLACE({text}, ',', '.'), 'T', ' ') AS TIMESTAMPTZ)"
    number = f"TRY_CAST({text} AS DOUBLE)"
    milliseconds = f"CAST({number} * CASE WHEN {number} < 1e11 THEN 1000 ELSE 1 END AS BIGINT)"
    return (
        f"CASE WHEN {text} LIKE '____-__-__T__:__:__Z' THEN {cloudtrail}"
        f" WHEN REGEXP_MATCHES({text}, '{_TIME}(Z| UTC)?$') THEN {in_utc}"
        f" WHEN REGEXP_MATCHES({text}, '{_TIME}[+-][0-9]{{2}}(:?[0-9]{{2}})?$')"
        f" THEN TRY_CAST({zoned} AT TIME ZONE 'UTC' AS TIMESTAMP)"
        f" WHEN REGEXP_MATCHES({text}, '^[0-9]{{9,13}}([.][0-9]+)?$')"
        f" THEN TRY_CAST(EPOCH_MS({milliseconds}) AS TIMESTAMP) END"
    )


def field_values(member: Callable[[tuple[str, ...]], str]) -> Mapping[str, str]:
    """Return the SQL of each value in `FIELDS`; `member` returns the SQL of an event's member by its path.

    An empty string counts as missing (some exports have an empty errorCode); in most members, so do `REDACTED_VALUES`.
    """
    values: dict[str, str] = {}
    for name, path in FIELDS.items():
        value = member(path)
        if name == "moment":
            value = time_of(value)
        elif name in {"in_session", "with_token"}:
            value = f"NULLIF({value}, '') IS NOT NULL"
        elif name in _EMPTY_IF_MISSING:
            value = f"COALESCE({value}, '')"
        else:
            for missing in ("", *(() if name in _NEVER_REDACTED else REDACTED_VALUES)):
                value = f"NULLIF({value}, {_literal(missing)})"
            value += " IS NOT NULL" if name == "tokens" else ""
        values[name] = value
    return values


def is_sign_in_event(source: str, operation: str) -> str:
    """Return the SQL condition that an event is one of `OPERATIONS`; its `eventSource` may be missing."""
    return f"COALESCE(NULLIF({source}, ''), '{SOURCE}') = '{SOURCE}' AND {operation} IN ({_literals(OPERATIONS)})"


def extraction(table: str) -> str:
    """Return the common table expression `events_read`: the values of the events in a table with Athena's columns for CloudTrail."""

    def member(path: tuple[str, ...]) -> str:
        column, *rest = path
        extracted = f"JSON_EXTRACT_STRING({column.lower()}, '$.{'.'.join(rest)}')"
        return extracted if rest else column.lower()

    columns = ", ".join(f"{value} AS {name}" for name, value in field_values(member).items())
    return f"events_read AS (SELECT {columns} FROM {table} WHERE {is_sign_in_event('eventsource', 'eventname')})"  # noqa: S608 - our own words


def exchanges(*, stored: bool = False) -> str:
    """Return the common table expressions that convert `events_read` to exchanges (requests with their replies).

    With `stored`, `events_read` is a table, so the expressions read it several times, in order to sort only a part of
    it. Otherwise they read it once.
    """
    flows = sorted({kind.auth_flow for kind in PROTOCOL[State.START] if kind.auth_flow})
    names = ", ".join(name for name in FIELDS if name != "with_token")
    refresh = (
        f"COALESCE(flow, operation) IN ({_literals(sorted(REFRESH_FLOWS))}, '{_RENEW}') AND next_challenge IS NULL"
    )
    with_token = f"operation IN ('{_ASSOCIATE}', '{_VERIFY}') AND with_token AND NOT in_session"
    stored_or_not = "_stored" if stored else ""
    deduplicated = SQL[f"deduplicated{stored_or_not}"].format(names=names, with_token=with_token)
    return f"""{deduplicated}, with_symbol AS {"MATERIALIZED " if stored else ""}(
    SELECT id, moment, message, address, agent, client, in_session, sub, operation, copies, tokens, next_challenge, flow,
        CASE WHEN operation = '{_VERIFY}' AND status = 'ERROR' THEN 'EnableSoftwareTokenMFAException' ELSE error END AS error,
        operation IN ({_literals(_BEGIN)}, '{_RENEW}') AND NOT ({refresh}) AS opens,
        operation IN ({_literals(_AFTER_OPERATIONS)}) OR {refresh} AS after_sign_in, {refresh} AS refresh,
        operation IN ('{_ASSOCIATE}', '{_VERIFY}') AND (sub IS NULL OR NOT in_session) AS orphan,
        CASE
            WHEN operation IN ({_literals(_BEGIN)}) THEN CASE WHEN flow IN ({_literals(flows)}) THEN flow ELSE '{s.NOT_LOGGED}' END
            WHEN operation IN ({_literals(_ANSWER)}) THEN CASE WHEN challenge IS NULL THEN '{s.NOT_LOGGED}' ELSE {_challenge_state("challenge")} END
            ELSE operation END AS symbol
    FROM deduplicated
), {SQL[f"with_app{stored_or_not}"]}, ranked_events AS (
    SELECT *, sub IS NULL OR moment IS NULL OR orphan AS alone, {_rank()} AS ranked, {_session_survives()} AS survives
    FROM with_app
), from_cloudtrail AS (
    SELECT id, moment, ranked, symbol, error, opens, after_sign_in, alone, unattributed, copies, FALSE AS recorded,
        CASE WHEN alone THEN 'alone ' || COALESCE(id, '') ELSE sub || ' ' || app || ' ' || address || ' ' || agent || CASE WHEN refresh THEN ' (refreshes)' ELSE '' END END AS sign_in,
        CASE WHEN refresh THEN '{State.AUTHENTICATED}' END AS known_source,
        CASE
            WHEN after_sign_in THEN NULL
            WHEN error IS NOT NULL THEN CASE WHEN NOT survives THEN 'FAILED' WHEN opens THEN 'START' END
            ELSE {_reply_node()} END AS next_node,
        CASE
            WHEN error IS NOT NULL THEN CASE WHEN NOT survives AND NOT after_sign_in THEN 'FAILED' END
            ELSE {_reply_node()} END AS reply_node
    FROM ranked_events
)"""  # noqa: S608 - our own words


def _challenge_state(name: str) -> str:
    """Return the SQL of the state of a ChallengeName."""
    return f"CASE WHEN {name} IN ({_literals(CHALLENGES)}) THEN {name} ELSE '{State.OTHER_CHALLENGE}' END"


def _reply_node() -> str:
    """Return the SQL of the node to which a reply leads if it is not a refusal."""
    after = (
        f" WHEN operation = '{each.__name__}' THEN '{next(iter(destinations(State.AUTHENTICATED, each)))}'"
        for each in _AFTER_SIGN_IN
    )
    return (
        f"CASE WHEN operation = '{_ASSOCIATE}' THEN '{s.APP_ASSOCIATED}'"
        f" WHEN operation = '{_VERIFY}' THEN '{s.APP_VERIFIED}'{''.join(after)}"
        f" WHEN next_challenge = '{State.EMAIL_OTP}' THEN {_email_node()}"
        f" WHEN next_challenge IS NOT NULL THEN {_challenge_state('next_challenge')}"
        f" WHEN tokens THEN '{State.AUTHENTICATED}' ELSE '{s.NOT_LOGGED}' END"
    )


def _email_node() -> str:
    """Return the SQL of the node of EMAIL_OTP, with its role if the symbol leads to only one of the two roles."""
    nodes: dict[str, set[str]] = {}
    for each in s.cloudtrail_transitions():
        if each.dest in {s.EMAIL_FIRST_FACTOR, s.EMAIL_SECOND_FACTOR}:
            nodes.setdefault(each.symbol, set()).add(each.dest)
    cases = ""
    for node in (s.EMAIL_FIRST_FACTOR, s.EMAIL_SECOND_FACTOR):
        if symbols := sorted(symbol for symbol, found in nodes.items() if found == {node}):
            cases += f" WHEN symbol IN ({_literals(symbols)}) THEN '{node}'"
    return f"CASE{cases} ELSE '{State.EMAIL_OTP}' END"


def _session_survives() -> str:
    """Return the SQL of whether a refusal keeps the session, by `authfsm.protocol.error_policy`."""
    cases = [
        f"WHEN error = {_literal(code)} THEN {_survives_by_message(rules)}"
        for code, rules in ERROR_POLICY.items()
        if any(rule.action.survives for rule in rules.values())
    ]
    return f"CASE {' '.join(cases)} ELSE FALSE END"


def _survives_by_message(rules: Mapping[str, ErrorRule]) -> str:
    if len(rules) == 1:
        return "TRUE"
    cases = ""
    for part in sorted(filter(None, rules), key=len, reverse=True):
        operation = rules[part].operation
        only = f" AND operation = '{operation}'" if operation else ""
        survives = str(rules[part].action.survives).upper()
        cases += f" WHEN LOWER(message) LIKE {_literal(f'%{part.lower()}%')}{only} THEN {survives}"
    return f"CASE{cases} ELSE {str(rules[''].action.survives).upper()} END"


def _rank() -> str:
    """Return the SQL of a number by which events of the same second are sorted into the order of the protocol.

    Requests that begin a sign-in come first, and among them those whose reply ended it. A wrong answer comes before
    the right one.
    """
    # An authenticator app is associated and verified before MFA_SETUP is answered.
    setup = 10 * list(State).index(State.MFA_SETUP)
    ranks = {_ASSOCIATE: setup, _VERIFY: setup + 2}
    ranks |= {state.value: 10 * n + 4 for n, state in enumerate(State) if state in CHALLENGES}
    ranks[State.OTHER_CHALLENGE.value] = ranks[State.CUSTOM_CHALLENGE.value]
    cases = " ".join(f"WHEN symbol = '{symbol}' THEN {rank}" for symbol, rank in ranks.items())
    return (
        f"CASE WHEN opens AND (error IS NOT NULL OR next_challenge IS NULL) THEN 0 WHEN opens THEN 2 {cases}"
        f" ELSE {10 * len(State)} END + CASE WHEN error IS NULL THEN 1 ELSE 0 END"
    )
