"""CloudTrail's events of Cognito, as the exchanges that they tell of; what they do not tell stays unknown.

    authFlow -> responseElements.challengeName -> requestParameters.challengeName -> ...

Each step can be read off one event. Which events are of one sign-in cannot: the Session is not logged in
clear, and nothing else joins them. So they are put together by sub, app client, address and user agent,
in the order of their times, which are whole seconds: within one second, in the order of the protocol.
The shapes are pieced together from fragments of real logs, as AWS publishes no example of these two
operations; any key may be missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from authfsm.protocol.api_requests import REDACTED_VALUES
from authfsm.protocol.auth_flows import ANSWER_OPERATIONS, BEGIN_OPERATIONS
from authfsm.protocol.error_policy import ERROR_POLICY, ErrorRule
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
from authfsm.protocol.table import destinations as leads_to
from authfsm.traces.log_symbols import (
    APP_ASSOCIATED,
    APP_VERIFIED,
    EMAIL_FIRST_FACTOR,
    EMAIL_SECOND_FACTOR,
    UNKNOWN,
    cloudtrail_transitions,
    operation,
)

SOURCE: Final = "cognito-idp.amazonaws.com"
"""The `eventSource` of Cognito's user pools."""

COLUMNS: Final = (
    "eventID", "eventTime", "eventSource", "eventName", "errorCode", "errorMessage", "sourceIPAddress",
    "userAgent", "requestParameters", "responseElements", "additionalEventData",
)  # fmt: skip
"""What is read of an event. In Athena's table of CloudTrail's they have the same names, in lower case."""

_SET_UP: Final[Mapping[type[Response], str]] = {
    AssociateSoftwareToken: APP_ASSOCIATED,
    VerifySoftwareToken: APP_VERIFIED,
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


def _known(value: str) -> str:
    """Return the SQL of a value that is NULL where it is empty or redacted."""
    for literal in ("", *REDACTED_VALUES):
        value = f"NULLIF({value}, {_text(literal)})"
    return value


FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    # the column of `noted`: the event's member, by its path
    "id": ("eventID",),
    "moment": ("eventTime",),
    "operation": ("eventName",),
    "error": ("errorCode",),
    "message": ("errorMessage",),
    "address": ("sourceIPAddress",),
    "agent": ("userAgent",),
    "flow": ("requestParameters", "authFlow"),
    "answered": ("requestParameters", "challengeName"),
    "client": ("requestParameters", "clientId"),
    "in_session": ("requestParameters", "session"),
    "with_token": ("requestParameters", "accessToken"),
    "asked": ("responseElements", "challengeName"),
    "tokens": ("responseElements", "authenticationResult"),
    "status": ("responseElements", "status"),
    "sub": ("additionalEventData", "sub"),
}
"""What is used of an event, and where it stands in it."""

_NEVER_REDACTED: Final = frozenset({"id", "operation", "error"})
_EMPTY_IF_ABSENT: Final = frozenset({"message", "address", "agent"})


def noted(value: Callable[[tuple[str, ...]], str]) -> Mapping[str, str]:
    """Return the SQL of each of an event's values, by its name in `FIELDS`.

    An empty string counts as an absent value everywhere: `errorCode` above all, as some exports write ""
    where there was no error.

    Args:
        value: gives the SQL of an event's member, as text, from its path.
    """
    found = {name: value(path) for name, path in FIELDS.items()}
    moment = f"TRY_CAST(REPLACE(REPLACE({found['moment']}, 'T', ' '), 'Z', '') AS TIMESTAMP)"
    # Of a session and of an access token it matters only whether the request bore one.
    special = {
        "moment": moment,
        "in_session": f"{found['in_session']} IS NOT NULL",
        "with_token": f"{found['with_token']} IS NOT NULL",
        "tokens": f"{_known(found['tokens'])} IS NOT NULL",
    }
    return special | {
        name: f"NULLIF({text}, '')" if name in _NEVER_REDACTED
        else f"COALESCE({text}, '')" if name in _EMPTY_IF_ABSENT
        else _known(text)
        for name, text in found.items()
        if name not in special
    }  # fmt: skip


def is_ours(source: str, operation: str) -> str:
    """Return the SQL condition that an event is of an operation that a sign-in is made of.

    Args:
        source: the SQL of its `eventSource`.
        operation: the SQL of its `eventName`.
    """
    return f"COALESCE(NULLIF({source}, ''), '{SOURCE}') = '{SOURCE}' AND {operation} IN ({_among(OPERATIONS)})"


def _extracted(path: tuple[str, ...]) -> str:
    """The SQL of a member in a table with Athena's columns."""
    column, *rest = path
    if not rest:
        return column.lower()
    return f"JSON_EXTRACT_STRING({column.lower()}, '$.{'.'.join(rest)}')"


def _challenge(name: str) -> str:
    """The state that a ChallengeName is of: one more, for the names that Cognito does not document."""
    return (
        f"CASE WHEN {name} IN ({_among(CHALLENGES)}) THEN {name} ELSE '{State.OTHER_CHALLENGE}' END"
    )


def _asked() -> str:
    """Where a challenge leads: of EMAIL_OTP the word mostly tells which factor it is."""
    roles: dict[str, set[str]] = {}
    for seen in cloudtrail_transitions():
        if seen.dest in {EMAIL_FIRST_FACTOR, EMAIL_SECOND_FACTOR}:
            roles.setdefault(seen.symbol, set()).add(seen.dest)
    sure = {
        place: sorted(word for word, found in roles.items() if found == {place})
        for place in (EMAIL_FIRST_FACTOR, EMAIL_SECOND_FACTOR)
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
        for code, rows in ERROR_POLICY.items()
        if any(row.action.survives for row in rows.values())
    ]
    return f"CASE {' '.join(cases)} ELSE FALSE END"


def _by_message(rows: Mapping[str, ErrorRule]) -> str:
    if len(rows) == 1:
        return "TRUE"
    whens = [
        f"WHEN LOWER(message) LIKE {_text(f'%{part.lower()}%')}{_only(rows[part])} THEN {str(rows[part].action.survives).upper()}"
        for part in sorted(rows, key=len, reverse=True)
        if part
    ]
    return f"CASE {' '.join(whens)} ELSE {str(rows[''].action.survives).upper()} END"


def _only(row: ErrorRule) -> str:
    return f" AND operation = '{row.operation}'" if row.operation else ""


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


def extraction(table: str) -> str:
    """Return the common table expression `noted`: the values of the events in a table of Athena's.

    Args:
        table: the events, with Athena's columns (`COLUMNS` in lower case); JSON as text.
    """
    columns = ", ".join(f"{text} AS {name}" for name, text in noted(_extracted).items())
    return f"noted AS (SELECT {columns} FROM {table} WHERE {is_ours('eventsource', 'eventname')})"  # noqa: S608 - our own words


# An event that was delivered several times counts once. To enrol an app with a token is no step of a sign-in.
_ONCE: Final = """
once AS (
    SELECT {names}, COUNT(*) AS copies FROM noted WHERE NOT ({beside}) GROUP BY {names}
)"""

# The same with `noted` as a table, which can be read several times: few events are delivered twice.
_ONCE_STORED: Final = """
repeated AS (
    SELECT DISTINCT id FROM (SELECT id FROM noted WHERE id IS NOT NULL GROUP BY id HAVING COUNT(*) > 1) AS twice
), once AS (
    SELECT {names}, CAST(1 AS BIGINT) AS copies FROM noted
    WHERE NOT ({beside}) AND id IS NOT NULL AND id NOT IN (SELECT id FROM repeated)
    UNION ALL
    SELECT {names}, COUNT(*) AS copies FROM noted
    WHERE NOT ({beside}) AND (id IS NULL OR id IN (SELECT id FROM repeated)) GROUP BY {names}
)"""

# What bears no app client is of the one whose sign-in it goes on.
_FILLED: Final = """
filled AS (
    SELECT *, COALESCE(client, LAST_VALUE(client IGNORE NULLS) OVER (
            PARTITION BY sub, address, agent ORDER BY moment, CASE WHEN client IS NULL THEN 1 ELSE 0 END ROWS UNBOUNDED PRECEDING), '') AS app,
        MAX(CASE WHEN orphan THEN 1 ELSE 0 END) OVER (PARTITION BY address, agent) = 1 AS unattributed
    FROM worded
)"""

# The same with `worded` as a table: only the users of whom something bears no app client are put in order.
_FILLED_STORED: Final = """
lacking AS (SELECT DISTINCT sub, address, agent FROM worded WHERE client IS NULL AND sub IS NOT NULL),
orphans AS (SELECT DISTINCT address, agent, TRUE AS orphaned FROM worded WHERE orphan),
clients AS (
    SELECT *, COALESCE(client, '') AS app FROM worded
    WHERE sub IS NULL OR NOT EXISTS (
        SELECT 1 FROM lacking WHERE lacking.sub = worded.sub AND lacking.address = worded.address AND lacking.agent = worded.agent)
    UNION ALL
    SELECT *, COALESCE(client, LAST_VALUE(client IGNORE NULLS) OVER (
            PARTITION BY sub, address, agent ORDER BY moment, CASE WHEN client IS NULL THEN 1 ELSE 0 END ROWS UNBOUNDED PRECEDING), '') AS app
    FROM worded WHERE sub IS NOT NULL AND EXISTS (
        SELECT 1 FROM lacking WHERE lacking.sub = worded.sub AND lacking.address = worded.address AND lacking.agent = worded.agent)
), filled AS (
    SELECT clients.*, COALESCE(orphaned, FALSE) AS unattributed
    FROM clients LEFT JOIN orphans ON orphans.address = clients.address AND orphans.agent = clients.agent
)"""


def exchanges(*, stored: bool = False) -> str:
    """Return the common table expressions that make exchanges of the relation `noted`.

    Args:
        stored: is `noted` a table? An engine that reads its events from elsewhere must read them once only;
            a table is read several times in less time than it takes to put all of it in order.
    """
    begin, answer = _among(_BEGIN), _among(_ANSWER)
    associate, verify = (operation(each) for each in _SET_UP)
    renew = operation(GetTokensFromRefreshToken)
    flows = sorted({kind.auth_flow for kind in PROTOCOL[State.START] if kind.auth_flow})
    names = ", ".join(name for name in FIELDS if name != "with_token")
    beside = f"operation IN ('{associate}', '{verify}') AND with_token AND NOT in_session"
    leads = _leads(associate, verify)
    return f"""{(_ONCE_STORED if stored else _ONCE).format(names=names, beside=beside).strip()}, worded AS {"MATERIALIZED " if stored else ""}(
    SELECT id, moment, message, address, agent, client, in_session, sub, operation, copies, tokens, asked, flow,
        CASE WHEN operation = '{verify}' AND status = 'ERROR' THEN 'EnableSoftwareTokenMFAException' ELSE error END AS error,
        operation IN ({begin}, '{renew}') AS opens,
        operation IN ({_among(operation(each) for each in _BESIDE)}) AS beside,
        operation IN ('{associate}', '{verify}') AND (sub IS NULL OR NOT in_session) AS orphan,
        CASE
            WHEN operation IN ({begin}) THEN CASE WHEN flow IN ({_among(flows)}) THEN flow ELSE '{UNKNOWN}' END
            WHEN operation IN ({answer}) THEN CASE WHEN answered IS NULL THEN '{UNKNOWN}' ELSE {_challenge("answered")} END
            ELSE operation END AS word
    FROM once
), {(_FILLED_STORED if stored else _FILLED).strip()}, ranked_events AS (
    SELECT *, sub IS NULL OR moment IS NULL OR orphan AS alone, {_ranks()} AS ranked, {_survives()} AS survives
    FROM filled
), from_cloudtrail AS (
    SELECT id, moment, ranked, word, error, opens, beside, alone, unattributed, copies, FALSE AS exact,
        CASE WHEN alone THEN 'alone ' || COALESCE(id, '') ELSE sub || ' ' || app || ' ' || address || ' ' || agent END AS whose,
        CAST(NULL AS VARCHAR) AS claimed,
        CASE
            WHEN beside THEN NULL
            WHEN error IS NOT NULL THEN CASE WHEN NOT survives THEN 'FAILED' WHEN opens THEN 'START' END
            ELSE {leads} END AS moves,
        CASE
            WHEN error IS NOT NULL THEN CASE WHEN NOT survives AND NOT beside THEN 'FAILED' END
            ELSE {leads} END AS leads
    FROM ranked_events
)"""  # noqa: S608 - our own words


def _leads(associate: str, verify: str) -> str:
    """Where a reply that is no refusal leads."""
    plain = {operation(each): next(iter(leads_to(State.AUTHENTICATED, each))) for each in _BESIDE}
    return (
        f"CASE WHEN operation = '{associate}' THEN '{APP_ASSOCIATED}' WHEN operation = '{verify}' THEN '{APP_VERIFIED}'"
        + "".join(f" WHEN operation = '{name}' THEN '{dest}'" for name, dest in plain.items())
        + f" WHEN asked IS NOT NULL THEN {_asked()}"
        + f" WHEN tokens THEN '{State.AUTHENTICATED}' ELSE '{UNKNOWN}' END"
    )
