"""`authfsm trace` finds an illegal step in every wrapper, and reports unreadable input."""

from __future__ import annotations

import base64
import bz2
import csv
import gzip
import io
import json
import lzma
import os
import zipfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner

from authfsm.cli import app
from authfsm.cli import trace as trace_command
from authfsm.traces import TraceFiles
from authfsm.traces.sources import MAX_EVENT_LENGTH
from authfsm.traces.text_scanner import ScanCounts, scan

Event = dict[str, Any]

SMS_CHALLENGE: Final = {"challengeName": "SMS_MFA", "session": "HIDDEN_DUE_TO_SECURITY_REASONS"}
TOKENS: Final = {"authenticationResult": {"accessToken": "HIDDEN_DUE_TO_SECURITY_REASONS", "expiresIn": 3600}}


def event(number: int, name: str, parameters: Any, reply: Any, **more: Any) -> Event:
    """An event of CloudTrail's."""
    return {
        "eventVersion": "1.10",
        "userIdentity": {"type": "Unknown", "principalId": "Anonymous"},
        "eventTime": f"2026-03-01T10:00:{number * 10:02d}Z",
        "eventSource": "cognito-idp.amazonaws.com",
        "eventName": name,
        "sourceIPAddress": "198.18.0.1",
        "userAgent": 'Boto3/1.43.12 md/Botocore#1.43.12 ua/2.1 os/linux, it\'s a "quoted" agent',
        "requestParameters": {**parameters, "clientId": "app"},
        "responseElements": reply,
        "eventID": f"event-{number}",
        "additionalEventData": {"sub": "5a1f0c9e"},
        **more,
    }


ILLEGAL: Final = (
    event(0, "InitiateAuth", {"authFlow": "USER_PASSWORD_AUTH"}, SMS_CHALLENGE),
    event(1, "RespondToAuthChallenge", {"challengeName": "SOFTWARE_TOKEN_MFA"}, TOKENS),
)
"""SMS_MFA is answered with SOFTWARE_TOKEN_MFA: event-1 is illegal."""


def run(*args: str) -> Any:
    """Run the command in a wide terminal."""
    return CliRunner().invoke(app, ["trace", *args], env={"COLUMNS": "300", "NO_COLOR": "1"})


# ---- wrappers -------------------------------------------------------------------------------------------


def as_eventbridge(each: Event) -> Event:
    """Return events as EventBridge delivers them."""
    return {"version": "0", "id": each["eventID"], "detail-type": "AWS API Call via CloudTrail",
            "source": "aws.cognito-idp", "resources": [], "detail": each}  # fmt: skip


def as_cloudwatch_logs(events: tuple[Event, ...]) -> dict[str, Any]:
    """Return events as CloudWatch Logs delivers them to a subscription."""
    return {"messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "trail", "logStream": "1",
            "logEvents": [{"id": str(n), "timestamp": n, "message": json.dumps(each)} for n, each in enumerate(events)]}  # fmt: skip


def pack(value: Any) -> str:
    """Return base64 of gzip."""
    return base64.b64encode(gzip.compress(json.dumps(value).encode())).decode()


def as_lookup_events(each: Event) -> dict[str, Any]:
    """Return events as `lookup-events` prints them."""
    return {"EventId": each["eventID"], "EventName": each["eventName"], "ReadOnly": "false",
            "EventTime": "2026-03-01T10:00:00+00:00", "EventSource": each["eventSource"],
            "Resources": [{"ResourceType": "AWS::Cognito::UserPool", "ResourceName": "p"}],
            "CloudTrailEvent": json.dumps(each, separators=(",", ":"))}  # fmt: skip


def as_text(events: tuple[Event, ...]) -> str:
    """Return events as `lookup-events --output text` prints them."""
    return "".join(
        f"EVENTS\tAKIA\t{as_lookup_events(each)['CloudTrailEvent']}\t{each['eventID']}\t{each['eventName']}\n"
        "RESOURCES\tp\tAWS::Cognito::UserPool\n"
        for each in events
    )


def as_table(events: tuple[Event, ...]) -> str:
    """Return events as `lookup-events --output table` prints rows that are too wide for columns."""
    frame = "-" * 60
    body = "".join(
        f"||  CloudTrailEvent |  {as_lookup_events(each)['CloudTrailEvent']}  ||\n||  EventName       |  {each['eventName']}  ||\n|+-----+----+|\n"
        for each in events
    )
    return f"{frame}\n|  LookupEvents  |\n+-----+\n||  Events  ||\n{body}"


def as_yaml(events: tuple[Event, ...]) -> str:
    """Return events as `lookup-events --output yaml` prints them: a single-quoted, folded string."""
    rows = []
    for each in events:
        text = as_lookup_events(each)["CloudTrailEvent"].replace("'", "''").replace(" md/", "\n      md/")
        rows.append(
            f"- AccessKeyId: AKIA\n  CloudTrailEvent: '{text}'\n  EventId: {each['eventID']}\n  Resources:\n  - ResourceName: p\n"
        )
    return "Events:\n" + "".join(rows)


def as_yaml_double(events: tuple[Event, ...]) -> str:
    """Return events as a double-quoted YAML string, folded with backslashes."""
    folded = [json.dumps(json.dumps(each)).replace(" os/", " \\\n      os/", 1) for each in events]
    return "- Events:\n" + "".join(f"  - CloudTrailEvent: {text}\n    EventId: x\n" for text in folded)


def as_insights(events: tuple[Event, ...]) -> dict[str, Any]:
    """Return events as Logs Insights' `get-query-results` prints them."""
    return {"results": [[{"field": "@timestamp", "value": "2026-03-01 10:00:00.000"},
                         {"field": "@message", "value": json.dumps(each)}, {"field": "@ptr", "value": "Cm"}] for each in events],
            "statistics": {"recordsMatched": 2.0}, "status": "Complete"}  # fmt: skip


def flatten(each: Event) -> dict[str, str]:
    """Return the fields of an event by their paths, as Logs Insights names them."""
    row: dict[str, str] = {}
    for name, value in each.items():
        if isinstance(value, dict):
            row |= {f"{name}.{key}": inner for key, inner in flatten(value).items()}
        else:
            row[name] = str(value)
    return row


def insights_fields(events: tuple[Event, ...]) -> dict[str, Any]:
    """Return events as Logs Insights prints selected fields."""
    return {"results": [[{"field": k, "value": v} for k, v in flatten(each).items()] for each in events]}


def as_csv(rows: list[dict[str, str]], delimiter: str = ",") -> str:
    """Return a CSV."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(dict.fromkeys(name for row in rows for name in row)), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def lines(values: Any) -> str:
    """Return one JSON text on each line."""
    return "".join(f"{json.dumps(each)}\n" for each in values)


def as_athena_json(each: Event) -> dict[str, str]:
    """Return an event as Athena has it: names in lower case, JSON as text."""
    return {k.lower(): json.dumps(v) if isinstance(v, dict) else v for k, v in each.items()}


WRAPPERS: Final[dict[str, Callable[[tuple[Event, ...]], str]]] = {
    "lines": lines,
    "lines with blank ones and CRLF": lambda events: "\r\n \t\r\n".join(json.dumps(each) for each in events),
    "on one line": lambda events: "".join(json.dumps(each) for each in events),
    "pretty-printed": lambda events: "\n".join(json.dumps(each, indent=4) for each in events),
    "pretty-printed, a list": lambda events: json.dumps(events, indent=2),
    "S3": lambda events: json.dumps({"Records": events}),
    "S3, pretty-printed": lambda events: json.dumps({"Records": events}, indent=2),
    "S3 files, one after the other": lambda events: "".join(json.dumps({"Records": [each]}) for each in events),
    "EventBridge": lambda events: lines(map(as_eventbridge, events)),
    "EventBridge, a list": lambda events: json.dumps([as_eventbridge(each) for each in events], indent=1),
    "EventBridge as JSON in strings": lambda events: lines(json.dumps(as_eventbridge(each)) for each in events),
    "SQS": lambda events: json.dumps({"Records": [{"messageId": "1", "body": json.dumps(as_eventbridge(e)), "eventSource": "aws:sqs"} for e in events]}),
    "SNS": lambda events: json.dumps({"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": {"Message": json.dumps(as_eventbridge(e))}} for e in events]}),
    "Kinesis": lambda events: json.dumps({"Records": [{"eventSource": "aws:kinesis", "eventName": "aws:kinesis:record", "eventID": "1", "kinesis": {"data": pack(as_cloudwatch_logs((e,)))}} for e in events]}),
    "Kinesis, not compressed": lambda events: json.dumps({"Records": [{"eventSource": "aws:kinesis", "eventName": "aws:kinesis:record", "eventID": "1", "kinesis": {"data": base64.b64encode(json.dumps(e).encode()).decode()}} for e in events]}),
    "Kinesis, indented": lambda events: json.dumps({"Records": [{"kinesis": {"data": base64.b64encode(json.dumps(e, indent=2).encode()).decode()}} for e in events]}),
    "Kinesis, a list": lambda events: json.dumps({"Records": [{"kinesis": {"data": base64.b64encode(json.dumps([e]).encode()).decode().rstrip("=")}} for e in events]}),
    "a subscription, gzip of several members": lambda events: json.dumps({"data": base64.b64encode(b"".join(gzip.compress(json.dumps(e).encode()) for e in events)).decode()}),
    "a subscription": lambda events: json.dumps({"awslogs": {"data": pack(as_cloudwatch_logs(events))}}),
    "a subscription, unpacked": lambda events: lines([as_cloudwatch_logs(events)]),
    "CloudWatch Logs, filter-log-events": lambda events: json.dumps({"events": as_cloudwatch_logs(events)["logEvents"], "searchedLogStreams": []}, indent=4),
    "CloudWatch Logs, exported to S3": lambda events: "".join(f"2026-03-01T10:00:00.000Z {json.dumps(each)}\n" for each in events),
    "CloudWatch Logs, the console's CSV": lambda events: as_csv([{"timestamp": "1", "message": json.dumps(each)} for each in events]),
    "Logs Insights": lambda events: json.dumps(as_insights(events), indent=4),
    "Logs Insights, fields": lambda events: json.dumps(insights_fields(events)),
    "Logs Insights, fields and message": lambda events: json.dumps({"results": [a + b for a, b in zip(as_insights(events)["results"], insights_fields(events)["results"], strict=True)]}),
    "Logs Insights, CSV": lambda events: as_csv([{"@timestamp": "2026-03-01 10:00:00.000", "@message": json.dumps(each)} for each in events]),
    "Logs Insights, CSV of fields": lambda events: as_csv([flatten(each) for each in events]),
    "Athena's CSV": lambda events: as_csv([as_athena_json(each) for each in events]),
    "CSV with a comma at the end of each row": lambda events: as_csv([as_athena_json(each) for each in events]).replace("\r\n", ",\r\n").replace(",\r\n", "\r\n", 1),
    "CSV without the empty cells at the end of a row": lambda events: as_csv([{"a": "1", "event": json.dumps(each), "b": "", "c": ""} for each in events]).replace(",,\r\n", "\r\n"),
    "CSV of fields without the empty ones at the end": lambda events: as_csv([{**flatten(each), "errorCode": "", "errorMessage": ""} for each in events]).replace(",,\r\n", "\r\n"),
    "CSV with a surplus cell": lambda events: as_csv([{"a": "1", "event": json.dumps(each)} for each in events]).replace('"\r\n', '",note\r\n'),
    "CSV with the event in a surplus cell": lambda events: as_csv([{"event": "", "a": "1", "": json.dumps(each)} for each in events]).replace("a,\r\n", "a\r\n", 1),
    "CSV with the event in a column without a name": lambda events: as_csv([{"event": "", "": json.dumps(each)} for each in events]),
    "CSV with a footer": lambda events: as_csv([{"a": "1", "event": json.dumps(each)} for each in events]) + "(2 rows)\n \n",
    "CSV with semicolons": lambda events: as_csv([as_athena_json(each) for each in events], ";"),
    "CSV with tabs": lambda events: as_csv([as_athena_json(each) for each in events], "\t"),
    "Athena's UNLOAD": lambda events: lines(map(as_athena_json, events)),
    "lookup-events": lambda events: json.dumps({"Events": [as_lookup_events(each) for each in events], "NextToken": "x"}, indent=4),
    "lookup-events, lines": lambda events: lines(map(as_lookup_events, events)),
    "lookup-events --output text": as_text,
    "lookup-events --output table": as_table,
    "lookup-events --output yaml": as_yaml,
    "lookup-events --output yaml-stream": as_yaml_double,
    "a custom wrapper": lambda events: json.dumps({"a": [{"b": {"c": list(events)}}]}),
}  # fmt: skip

PACKAGES: Final[dict[str, Callable[[str], bytes]]] = {
    "as it is": str.encode,
    "gzip": lambda text: gzip.compress(text.encode()),
    "gzip, several members": lambda text: b"".join(gzip.compress(text.encode()[n : n + 500]) for n in range(0, len(text.encode()), 500)),
    "gzip of gzip": lambda text: gzip.compress(gzip.compress(text.encode())),
    "bzip2": lambda text: bz2.compress(text.encode()),
    "xz": lambda text: lzma.compress(text.encode()),
    "ZIP": lambda text: zip_archive({"a/one.json": text.encode(), "a/": b""}),
    "ZIP of gzip": lambda text: zip_archive({"one.gz": gzip.compress(text.encode())}),
    "UTF-8 with a mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16 without a mark": lambda text: text.encode("utf-16-le"),
    "UTF-16, big end first": lambda text: text.encode("utf-16-be"),
    "UTF-32": lambda text: text.encode("utf-32"),
    "gzip of UTF-16": lambda text: gzip.compress(text.encode("utf-16")),
}  # fmt: skip


def zip_archive(members: dict[str, bytes]) -> bytes:
    """Return a ZIP archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def findings_of(path: Path) -> tuple[list[str], tuple[str, ...], int]:
    """Return the ids of the illegal events, the problems, and the number of events."""
    with TraceFiles(path) as files:
        funnel = files.funnel()
    return [each.id for each in funnel.illegal], funnel.input.problems, funnel.input.events


def write_wrapped(folder: Path, wrappers: Iterable[str], package: Callable[[str], bytes] = str.encode) -> None:
    """Write a file for each wrapper, with the two events of a sign-in of its own, named after the wrapper."""
    for number, wrapper in enumerate(wrappers):
        events = json.loads(json.dumps(ILLEGAL).replace("event-", f"{wrapper}-").replace("5a1f0c9e", str(number)))
        (folder / f"{number}.log").write_bytes(package(WRAPPERS[wrapper](tuple(events))))


@pytest.fixture(scope="module")
def found_in_wrappers(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], tuple[str, ...], int]:
    """Return what is found in a folder with a file of each wrapper, which is counted once for all of them."""
    folder = tmp_path_factory.mktemp("wrappers")
    write_wrapped(folder, WRAPPERS)
    return findings_of(folder)


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_an_illegal_step_is_found_in_every_wrapper(
    wrapper: str, found_in_wrappers: tuple[list[str], tuple[str, ...], int]
) -> None:
    """In each wrapper the illegal step is found, both events are counted once, and nothing is unreadable."""
    illegal, problems, events = found_in_wrappers

    assert illegal.count(f"{wrapper}-1") == 1
    assert (len(illegal), problems, events) == (len(WRAPPERS), (), 2 * len(WRAPPERS))


@pytest.mark.parametrize("wrapper", ["lines", "S3", "Athena's CSV", "lookup-events --output yaml"])
def test_a_single_file_is_read_like_a_folder(wrapper: str, tmp_path: Path) -> None:
    """A file that is named itself, of a kind that DuckDB reads and of others, gives the same as in a folder."""
    path = tmp_path / "log"
    path.write_text(WRAPPERS[wrapper](ILLEGAL), encoding="utf-8", newline="")

    assert findings_of(path) == (["event-1"], (), 2)


@pytest.mark.parametrize("package", PACKAGES)
def test_an_illegal_step_is_found_in_every_compression(package: str, tmp_path: Path) -> None:
    """Encoding and compression are recognised by content, and the illegal step is found."""
    wrappers = ["lines", "EventBridge", "S3, pretty-printed", "Athena's CSV", "lookup-events --output yaml"]
    write_wrapped(tmp_path, wrappers, PACKAGES[package])
    illegal, problems, events = findings_of(tmp_path)

    assert (sorted(illegal), problems, events) == (sorted(f"{each}-1" for each in wrappers), (), 10)


def test_files_with_different_wrappers_can_be_read_together(tmp_path: Path) -> None:
    """A folder with the same two events in a file of each wrapper has two steps, one of them illegal."""
    for number, wrapper in enumerate(WRAPPERS.values()):
        (tmp_path / f"{number}.json").write_text(wrapper(ILLEGAL), encoding="utf-8", newline="")
    result = run(str(tmp_path), "--json")
    printed = json.loads(result.stdout)

    assert result.exit_code == 1
    assert (printed["problems"], printed["steps"], [each["id"] for each in printed["illegal"]]) == ([], 2, ["event-1"])
    assert printed["repeated"] == 2 * len(WRAPPERS) - 2


def test_a_wrapper_larger_than_an_event_is_read_event_by_event(tmp_path: Path) -> None:
    """Lists much longer than the longest event, on one line or many, with the illegal step at the end."""
    many = [event(0, "InitiateAuth", {"authFlow": "USER_PASSWORD_AUTH"}, TOKENS, eventID=f"legal-{n}",
                  additionalEventData={"sub": f"sub-{n}"}) for n in range(2 * MAX_EVENT_LENGTH // 800)]  # fmt: skip
    for name, indent in (("one line", None), ("many lines", 1)):
        path = tmp_path / name
        path.write_text(
            json.dumps({"Records": [as_eventbridge(each) for each in (*many, *ILLEGAL)]}, indent=indent),
            encoding="utf-8",
        )

        assert findings_of(path) == (["event-1"], (), len(many) + 2), name


# ---- empty members --------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrapper", ["lines", "EventBridge", "Athena's CSV"])
def test_an_empty_error_code_is_not_an_error(wrapper: str, tmp_path: Path) -> None:
    """An errorCode of "" is not a refusal: the sign-in goes on to the second factor legally."""
    events = (
        event(0, "InitiateAuth", {"authFlow": "USER_PASSWORD_AUTH"}, SMS_CHALLENGE, errorCode="", errorMessage=""),
        event(1, "RespondToAuthChallenge", {"challengeName": "SMS_MFA"}, TOKENS, errorCode=""),
    )
    path = tmp_path / "log"
    path.write_text(WRAPPERS[wrapper](events), encoding="utf-8", newline="")
    with TraceFiles(path) as files:
        steps = [(each.source, each.dest, each.error, str(each.verdict)) for each in files.replay()]

    assert steps == [("START", "SMS_MFA", None, "legal"), ("SMS_MFA", "AUTHENTICATED", None, "legal")]


@pytest.mark.parametrize("member", ["authFlow", "challengeName", "clientId", "sub", "session"])
def test_an_empty_member_counts_as_missing(member: str, tmp_path: Path) -> None:
    """An empty string anywhere in an event has the same result as the event without it."""
    steps = []
    for value in ({member: ""}, {}):
        events = json.loads(json.dumps(ILLEGAL))
        for each in events:
            for part in ("requestParameters", "responseElements", "additionalEventData"):
                if each[part].pop(member, None) is not None:
                    each[part] |= value
        path = tmp_path / "log"
        path.write_text(lines(events), encoding="utf-8")
        with TraceFiles(path) as files:
            steps.append([(s.source, s.symbol, s.dest, str(s.verdict)) for s in files.replay()])

    assert steps[0] == steps[1]


# ---- unreadable input -----------------------------------------------------------------------------------

LINES: Final = lines([ILLEGAL[0], event(1, "RespondToAuthChallenge", {"challengeName": "SMS_MFA"}, TOKENS)])
MANY: Final = lines(
    event(0, "InitiateAuth", {"authFlow": "USER_PASSWORD_AUTH"}, TOKENS, eventID=f"{n * 2654435761 % 2**32:x}")
    for n in range(2000)
)
OTHER: Final = {
    "eventSource": "s3.amazonaws.com",
    "eventName": "GetObject",
    "eventID": "1",
    "eventTime": "2026-03-01T10:00:00Z",
}


def damage(data: bytes) -> bytes:
    """Return data with zeros in the middle."""
    middle = len(data) // 2
    return data[:middle] + bytes(100) + data[middle + 100 :]


def in_base64(data: bytes, **more: Any) -> bytes:
    """Return events, and a record with data in base64."""
    return LINES.encode() + json.dumps({"data": base64.b64encode(data).decode(), **more}).encode()


UNREADABLE: Final[dict[str, tuple[bytes, str]]] = {
    "an empty file": (b"", "is empty"),
    "white space": (b" \n\t\n", "is empty"),
    "an empty gzip": (gzip.compress(b""), "is empty"),
    "a text file": (b"Dear Sir,\n\nplease find enclosed\n", "2 pieces are not JSON and could not be read, the first at "),
    "a binary file": (bytes(range(256)) * 20, "not JSON and could not be read"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + os.urandom(2000), "not JSON and could not be read"),
    "a truncated gzip": (gzip.compress(MANY.encode())[:-2000], "ends in the middle"),
    "a gzip that ends within its header": (gzip.compress(LINES.encode())[:8], "ends in the middle"),
    "a damaged gzip": (b"\x1f\x8b\x08\x00" + b"\x00" * 40, "ends in the middle"),
    "a truncated bzip2": (bz2.compress(MANY.encode())[:-200], "ends in the middle"),
    "a damaged bzip2": (damage(bz2.compress(MANY.encode())), "ends in the middle"),
    "damaged gzip in base64": (in_base64(damage(gzip.compress(MANY.encode()))), "1 piece is not JSON and could not be read"),
    "truncated gzip in base64": (in_base64(gzip.compress(LINES.encode())[:-100]), "2 pieces are not JSON and could not be read"),
    "truncated gzip in base64, from a stream": (in_base64(gzip.compress(LINES.encode())[:-100], eventSource="aws:kinesis", eventName="aws:kinesis:record"), "2 pieces are not JSON and could not be read"),
    "a broken event beside another one in a message": (json.dumps({"@message": json.dumps(ILLEGAL[0]) + '{"eventVersion": oops}'}).encode(), "1 piece is not JSON and could not be read"),
    "a truncated list in a string": (LINES.encode() + json.dumps({"message": json.dumps({"Records": ILLEGAL})[:-40]}).encode(), "1 piece is not JSON and could not be read"),
    "a CSV with a row of too many cells": (b'eventname,requestparameters\nInitiateAuth,{"authFlow":"USER_SRP_AUTH","clientId":"a"}\n', "1 piece is not CSV with as many cells as the header and may have been read in part only, the first at "),
    "a CSV with a row of too few cells": (b"eventid,eventname,eventtime\n1,InitiateAuth,2026-03-01T10:00:00Z\n2,Initia", "1 piece is not CSV with as many cells as the header and may have been read in part only, the first at "),
    "YAML with an event that is not in quotes": ((as_yaml(ILLEGAL) + "- CloudTrailEvent: |-\n    " + json.dumps(ILLEGAL[0]) + "\n").encode(), "1 piece is not JSON and could not be read"),
    "an archive with an empty file": (zip_archive({"a.json": LINES.encode(), "b.json": b""}), "log!b.json is empty"),
    "an archive of folders": (zip_archive({"a/": b""}), "log is empty"),
    "an empty archive": (zip_archive({}), "log is empty"),
    "an archive with a damaged name": (zip_archive({"é.json": LINES.encode()}).replace("é.json".encode(), b"\xff\xff.json"), "ends in the middle"),
    "a gzip within a truncated gzip": (gzip.compress(gzip.compress(LINES.encode()))[:-8], "ends in the middle"),
    "a truncated xz": (lzma.compress(MANY.encode())[:-200], "ends in the middle"),
    "a truncated ZIP": (zip_archive({"a.json": LINES.encode()})[:-30], "ends in the middle"),
    "a gzip with garbage after it": (gzip.compress(LINES.encode()) + b"garbage", "ends in the middle"),
    "a truncated list": (json.dumps({"Records": ILLEGAL})[:-40].encode(), "ends in the middle"),
    "a truncated line": (LINES.encode() + b'{"eventVersion": "1.10", "eventNa', "ends in the middle"),
    "a truncated CSV": (WRAPPERS["Logs Insights, CSV"](ILLEGAL)[:-40].encode(), "ends in the middle"),
    "a truncated YAML": (as_yaml(ILLEGAL)[:-90].encode(), "ends in the middle"),
    "a broken line": (LINES.encode() + b'{"eventVersion": "1.10", oops}\n' + LINES.encode(), "1 piece is not JSON and could not be read, the first at "),
    "a line of text among events": (LINES.encode() + b"Killed\n" + LINES.encode(), "1 piece is not JSON and could not be read, the first at "),
    "a broken event in a string": (LINES.encode() + json.dumps({"CloudTrailEvent": '{"eventVersion": "1.1'}).encode(), "1 piece is not JSON"),
    "a line that is too long": (LINES.encode() + b'{"eventName": "' + b"x" * (MAX_EVENT_LENGTH + 10) + b'"}\n', "longer than 2,097,152 characters"),
    "a cell that is too long": (as_csv([{"eventname": "InitiateAuth", "more": "x" * (MAX_EVENT_LENGTH + 10)}]).encode(), "longer than 2,097,152 characters"),
    "text that is too long": (LINES.encode() + b"x" * (MAX_EVENT_LENGTH + 10) + b"\n", "longer than 2,097,152 characters"),
    "a bomb in base64": (json.dumps({"data": base64.b64encode(gzip.compress(b" " * (MAX_EVENT_LENGTH + 10))).decode()}).encode(), "longer than 2,097,152 characters"),
    "deep JSON": (b"[" * 100_000 + b"]" * 100_000, "1 piece is not JSON and could not be read"),
    "deep objects": (b'{"a":' * 100_000, "not JSON and could not be read"),
    "an absurd number": (LINES.encode() + b'{"eventVersion": ' + b"9" * 10_000 + b"}\n", "not JSON and could not be read"),
    "JSON of something else": (b'{"digestS3Object": "x", "logFiles": [1]}', "1 JSON value is not an event, for example an object with 'digestS3Object', 'logFiles'"),
    "YAML of something else": (b"Parameters:\n  a: 'b'\n", "no event of a Cognito sign-in was found"),
    "a list of no events": (b'{"Records": []}', "no event of a Cognito sign-in was found"),
    "events of other services alone": (lines([OTHER, OTHER]).encode(), "no event of a Cognito sign-in was found; there are 2 of other services"),
}  # fmt: skip


@pytest.mark.parametrize("what", UNREADABLE)
def test_unreadable_input_is_reported_first_and_fails(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first line of the output says what could not be read; the exit status is 1; the JSON says the same."""
    data, problem = UNREADABLE[what]
    path = tmp_path / "log"
    path.write_bytes(data)
    # The second command prints what the first one has counted, which takes longer than printing.
    monkeypatch.setattr(trace_command, "_funnel", cache(trace_command._funnel))
    result, as_json = run(str(path)), run(str(path), "--json")

    assert result.exit_code == 1, result.output
    assert problem in result.stdout.splitlines()[0]
    assert "every step is legal" not in result.stdout
    assert as_json.exit_code == 1
    assert any(problem in each for each in json.loads(as_json.stdout)["problems"])


@pytest.mark.parametrize(
    "what", ["a truncated gzip", "a truncated list", "a broken line", "a truncated CSV", "a truncated YAML"]
)
def test_events_before_damage_are_read(what: str, tmp_path: Path) -> None:
    """Complete events before damaged text are counted, and those after it where they can be found."""
    path = tmp_path / "log"
    path.write_bytes(UNREADABLE[what][0])

    assert findings_of(path)[2] >= 1


FLAT: Final = as_csv([flatten(each) for each in ILLEGAL]).replace("\r\n", ",\r\n").replace(",\r\n", ",errorCode\r\n", 1)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (FLAT.replace(",\r\n", ",,note\r\n"), 2),
        (FLAT.removesuffix(",\r\n"), 3),
        (f"{FLAT}Total: 2\n", 4),
        (f"{FLAT}a\rb\n", 4),
    ],
    ids=["a surplus cell beside the members of an event", "the end", "a row without an event", "a carriage return"],
)
def test_a_row_of_which_a_part_may_be_lost(text: str, line: int, tmp_path: Path) -> None:
    """Its event is read, and the problem says which row of the CSV it is, not that it should be JSON."""
    path = tmp_path / "log"
    path.write_text(text, encoding="utf-8", newline="")
    illegal, (problem,), events = findings_of(path)

    assert (illegal, events) == (["event-1"], 2)
    assert "not CSV with as many cells as the header and may have been read in part only" in problem
    assert problem.endswith(f", the first at {path}, line {line}")
    (tmp_path / "text").write_text("Dear Sir\n", encoding="utf-8")
    assert "not JSON, or not CSV with as many cells" in findings_of(tmp_path)[1][0]


DAMAGED: Final = base64.b64encode(gzip.compress(MANY.encode())[:-100]).decode()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f'\n{{"a":\n1}} {{"data": "{DAMAGED}"}}', 3),
        (f'[\n{{}},\n{{"data": "{DAMAGED}"}},\n{{', 3),
        (f'message,a\n"x\ny",1\n{DAMAGED},"z\n"\n', 4),
        (f"a: '{{}}'\nb: '\n{{\"data\":\"{DAMAGED}\"}}'\n", 2),
    ],
    ids=["JSON", "a truncated list", "CSV", "YAML"],
)
def test_the_line_of_damage_within_a_value(text: str, line: int) -> None:
    """Damaged gzip data within a value is reported with the line in which the value begins."""
    counts = ScanCounts()
    list(scan(iter([text]), counts))

    assert (counts.broken > 0, counts.broken_example) == (True, f"line {line}")


@pytest.mark.parametrize("text", ["H4sI" + "z" * 60, "H4sIAAAAAAAz" + "z" * 60, "H4sIAAAAAAAAW" + "W" * 60])
@pytest.mark.parametrize("wrapper", ["lines", "S3"])
def test_text_that_begins_like_gzip_is_no_damaged_gzip(wrapper: str, text: str, tmp_path: Path) -> None:
    """Text that could be base64 is no gzip data if a reserved flag or value of RFC 1952 is in its header."""
    path = tmp_path / "log"
    path.write_text(WRAPPERS[wrapper](ILLEGAL) + "\n" + json.dumps({"x": text}) + "\n", encoding="utf-8")

    assert findings_of(path) == (["event-1"], (), 2)


def test_events_of_other_services_are_counted_separately(tmp_path: Path) -> None:
    """Events of other services, as in a log of management events, and other JSON values are not a failure."""
    path = tmp_path / "log"
    path.write_text(
        LINES
        + lines([OTHER, {**OTHER, "eventSource": "cognito-idp.amazonaws.com", "eventName": "ListUsers"}, {"a": 1}]),
        encoding="utf-8",
    )
    result = run(str(path))

    assert result.exit_code == 0, result.output
    assert "2 of other services or operations" in result.stdout
    assert "1 JSON value is not an event, for example an object with 'a' in " in result.stdout


def test_a_file_without_read_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the file and the system's reason, and the exit status is 1."""
    path = tmp_path / "log.json"
    path.write_text(LINES, encoding="utf-8")
    ordinary = Path.open

    def denied(self: Path, *args: Any, **more: Any) -> Any:
        if self == path:
            raise PermissionError(13, "Permission denied")
        return ordinary(self, *args, **more)

    monkeypatch.setattr(Path, "open", denied)
    result = run(str(path))

    assert (result.exit_code, result.stderr.strip()) == (1, f"authfsm trace: {path} cannot be read: Permission denied")


def test_an_encrypted_archive(tmp_path: Path) -> None:
    """The error names the archive, and the exit status is 1."""
    data = bytearray(zip_archive({"a.json": LINES.encode()}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path = tmp_path / "log.zip"
    path.write_bytes(data)
    result = run(str(path))

    assert (result.exit_code, result.stderr.strip()) == (
        1,
        f"authfsm trace: {path} cannot be read: 'a.json' in the archive is encrypted",
    )


def test_a_folder_without_log_files(tmp_path: Path) -> None:
    """A folder whose only file begins with a dot has nothing to read, which is an error; another file is read, and named."""
    (tmp_path / ".hidden").write_text("x", encoding="utf-8")
    empty = run(str(tmp_path))
    (tmp_path / "notes.md").write_text("x", encoding="utf-8")
    unreadable = run(str(tmp_path))

    assert (empty.exit_code, unreadable.exit_code) == (1, 1)
    assert "the folder has no file" in empty.stderr
    assert "notes.md" in unreadable.stdout


@pytest.mark.parametrize(
    "text",
    [
        "-----\n|  LookupEvents  |\n+-----+\n",
        '|  LookupEvents  |\n|}EASONS","expiresIn":3600}},"eventID":"event-1"}  ||\n',
        "|  LookupEvent\x00--+|\n",
        "EVENTS\tRespondToAuthChallenge\n",
        "]}\n",
        "+",
    ],
)
@pytest.mark.parametrize("piece", [1, 10_000])
def test_a_frame_around_nothing_is_broken(text: str, piece: int) -> None:
    """The frame that a tool prints around events counts as broken if there is nothing else."""
    counts = ScanCounts()

    assert not list(scan(iter([text[n : n + piece] for n in range(0, len(text), piece)]), counts))
    assert counts.broken == 1


def test_a_damaged_row_of_a_table_is_broken() -> None:
    """A table row with an event that lost its beginning counts as broken; complete rows are read."""
    counts = ScanCounts()
    damaged = '||  CloudTrailEvent  |"expiresIn":3600},"eventID":"event-1"  ||\n'

    assert len(list(scan(iter([as_table(ILLEGAL) + damaged]), counts))) == len(ILLEGAL)
    assert counts.broken == 1
