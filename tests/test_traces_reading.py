"""Log files of any content: they are read as far as possible, the rest is counted, and nothing crashes."""

from __future__ import annotations

import csv
import errno
import gzip
import io
import json
import os
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authfsm.diagrams.model_builder import build_model
from authfsm.traces import (
    InputSummary,
    InvalidMemoryLimit,
    OutOfResources,
    TraceFiles,
    UnreadableTraceFile,
    duckdb_loader,
    funnel_from_rows,
    sql,
)
from authfsm.traces.funnels import with_traffic
from authfsm.traces.sources import MAX_EVENT_LENGTH, find_files
from authfsm.traces.step_log import COLUMNS
from authfsm.traces.text_scanner import ScanCounts, scan

EVENTS: list[dict[str, Any]] = [
    {
        "eventID": f"event-{number}",
        "eventTime": f"2026-03-01T10:00:{number:02d}Z",
        "eventSource": "cognito-idp.amazonaws.com",
        "eventName": "InitiateAuth",
        "sourceIPAddress": "198.18.0.1",
        "userAgent": 'a "quoted", agent',
        "requestParameters": {"authFlow": "USER_PASSWORD_AUTH", "clientId": "app"},
        "responseElements": {"authenticationResult": {"tokenType": "Bearer"}},
        "additionalEventData": {"sub": f"sub-{number}"},
    }
    for number in range(5)
]
LINES = "".join(f"{json.dumps(each)}\n" for each in EVENTS)
ALL = [f"event-{number}" for number in range(5)]


def read(*paths: Path) -> tuple[InputSummary, list[str]]:
    """Return the summary of what was read, and the ids of the steps, all of which must be legal."""
    with TraceFiles(paths) as files:
        summary = files.load()
        steps = list(files.replay())
    assert {str(each.verdict) for each in steps} <= {"legal"}
    return summary, sorted(each.id for each in steps)


def as_athena() -> str:
    """Return the events as the result of an Athena query: CSV, names in lower case, JSON as text."""
    out = io.StringIO()
    rows = csv.DictWriter(out, [name.lower() for name in EVENTS[0]], quoting=csv.QUOTE_ALL)
    rows.writeheader()
    for each in EVENTS:
        rows.writerow({k.lower(): json.dumps(v) if isinstance(v, dict) else v for k, v in each.items()})
    return out.getvalue()


def as_unload() -> str:
    """Return the events as Athena's UNLOAD writes them: names in lower case, JSON as text."""
    return "".join(
        json.dumps({k.lower(): json.dumps(v) if isinstance(v, dict) else v for k, v in each.items()}) + "\n"
        for each in EVENTS
    )


FORMS = {
    "lines": LINES,
    "lines with no end": LINES.rstrip(),
    "lines with empty ones": LINES.replace("\n", "\r\n\r\n"),
    "S3": json.dumps({"Records": EVENTS}),
    "S3, for people": json.dumps({"Records": EVENTS}, indent=4),
    "a list": json.dumps(EVENTS),
    "lookup-events": json.dumps(
        {"Events": [{"EventId": each["eventID"], "CloudTrailEvent": json.dumps(each)} for each in EVENTS]}, indent=4
    ),
    "Athena's CSV": as_athena(),
    "Athena's UNLOAD": as_unload(),
    "with a byte order mark": "\ufeff" + json.dumps({"Records": EVENTS}),
}  # fmt: skip


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read(form: str, zipped: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a row's field
    """Every layout has the same events, compressed or not."""
    path = tmp_path / ("log.json.gz" if zipped else "log.json")
    data = FORMS[form].encode()
    path.write_bytes(gzip.compress(data) if zipped else data)

    assert read(path) == (InputSummary(files=1, events=5), ALL)


def test_the_file_name_does_not_decide_the_format(tmp_path: Path) -> None:
    """Compression and layout are recognised by the content; a file name that looks like a pattern is a file name."""
    path = tmp_path / "odd [1] {name} it's *.log"
    path.write_bytes(gzip.compress(LINES.encode()))

    assert read(path) == (InputSummary(files=1, events=5), ALL)


def test_files_folders_and_patterns(tmp_path: Path) -> None:
    """Logs can be named by files, folders and patterns; a file that is named twice is read once."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    for number, each in enumerate(EVENTS):
        (tmp_path / "a" / "b" / f"{number}.json").write_text(json.dumps({"Records": [each]}), encoding="utf-8")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("not a log", encoding="utf-8")
    pattern = Path(f"{tmp_path}/**/*.json")

    assert read(tmp_path) == read(pattern) == read(pattern, tmp_path / "a" / "b" / "0.json")
    assert read(tmp_path)[1] == ALL
    (tmp_path / "a" / "b" / "0.json").rename(tmp_path / "a" / "events")
    (tmp_path / "a" / "b" / "1.json").rename(tmp_path / "a" / "tail.txt")
    assert read(tmp_path) == (InputSummary(files=5, events=5), ALL)
    with pytest.raises(UnreadableTraceFile, match="there is no such file"):
        TraceFiles(tmp_path / "nowhere")
    with pytest.raises(UnreadableTraceFile, match="there is no such file"):
        TraceFiles(f"{tmp_path}/*.nothing")


def test_a_file_is_read_once_by_whatever_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative, an absolute and a linked path of one file have its steps once; a pattern also matches folders."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "log").write_text(LINES, encoding="utf-8")
    (tmp_path / "a" / "link").symlink_to(tmp_path / "a" / "b" / "log")
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a")
    monkeypatch.chdir(tmp_path)

    assert find_files(["a/b/log", tmp_path / "a" / "b" / "log", "a"]) == (Path("a/b/log"),)
    assert find_files("a/b*") == find_files("*/[b]") == (Path("a/b/log"),)


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder inside a folder, which the system does not list, is not left out silently."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "log").write_text(LINES, encoding="utf-8")
    listed, scanned = Path.iterdir, os.scandir

    def denied(path: Any = ".") -> Any:
        if Path(path).name == "secret":
            raise PermissionError(errno.EACCES, "Permission denied")
        return listed(path) if isinstance(path, Path) else scanned(path)

    monkeypatch.setattr(Path, "iterdir", denied)
    monkeypatch.setattr(os, "scandir", denied)

    with pytest.raises(UnreadableTraceFile, match="cannot be read: Permission denied"):
        find_files(tmp_path)


def test_broken_lines_are_counted(tmp_path: Path) -> None:
    """A line that is not JSON, or not an object, is skipped and counted; the others are read."""
    path = tmp_path / "log.jsonl"
    damaged = [
        b"{",
        b'not json, "quoted',
        b"[1, 2]",
        b'"text"',
        b"17",
        b'{"a": "\x01"}',
        b'{"a": "\xff\xfe"}',
        b"\x00\x00",
    ]
    path.write_bytes(b"\n".join([*damaged, LINES.encode()]))
    summary, ids = read(path)

    assert ids == ALL
    # `{` and what follows it are one broken piece; four are JSON that is no event.
    assert (summary.events, summary.broken, summary.unrecognised, summary.complete) == (5, 3, 4, False)


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_a_line_that_is_too_long_is_counted(zipped: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a row's field
    """An event longer than any of CloudTrail's is skipped and counted."""
    path = tmp_path / "log.jsonl"
    data = b'{"eventName": "' + b"x" * (MAX_EVENT_LENGTH + 10) + b'"}\n' + LINES.encode()
    path.write_bytes(gzip.compress(data, 1) if zipped else data)
    summary, ids = read(path)

    assert ids == ALL
    assert (summary.too_long, summary.broken) == (1, 0)


def test_a_member_of_an_archive_that_duckdb_cannot_read_is_scanned_alone(tmp_path: Path) -> None:
    """The other members of the archive are not read again."""
    path = tmp_path / "log.zip"
    huge = '{"eventName": "' + "x" * (MAX_EVENT_LENGTH + 10) + '"}\n'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("list.json", json.dumps({"Records": EVENTS[:2]}))
        archive.writestr("lines.jsonl", LINES.partition("\n")[2].partition("\n")[2] + huge)
    summary, ids = read(path)

    assert ids == ALL
    assert (summary.events, summary.too_long) == (5, 1)


def test_an_event_that_is_too_long_in_a_list(tmp_path: Path) -> None:
    """In CloudTrail's own layout, reading goes on at the next event."""
    huge = {"eventVersion": "1.10", "eventName": "x" * (MAX_EVENT_LENGTH + 10)}
    path = tmp_path / "log.json"
    path.write_text(
        json.dumps({"Records": [huge, *({"eventVersion": "1.10", **each} for each in EVENTS)]}), encoding="utf-8"
    )
    summary, ids = read(path)

    assert ids == ALL
    assert summary.too_long == 1


@pytest.mark.parametrize("form", ["lines", "S3"])
def test_a_gzip_that_ends_in_the_middle(form: str, tmp_path: Path) -> None:
    """Complete events before the end are read, the file is named, and other files are read completely."""
    complete_file, truncated_file = tmp_path / "a.json.gz", tmp_path / "b.json.gz"
    more = [{**EVENTS[n % 5], "eventID": f"more-{n}", "userAgent": f"{n * 2654435761 % 2**32:x}"} for n in range(3000)]
    text = json.dumps({"Records": more}) if form == "S3" else "".join(f"{json.dumps(e)}\n" for e in more)
    packed = gzip.compress(text.encode())
    truncated_file.write_bytes(packed[: len(packed) // 2])
    complete_file.write_bytes(gzip.compress(FORMS[form].encode()))
    summary, ids = read(complete_file, truncated_file)

    assert summary.cut_short == (truncated_file,)
    assert set(ALL) < set(ids)
    assert 100 < len(ids) - len(ALL) < 3000


def test_a_list_that_ends_in_the_middle(tmp_path: Path) -> None:
    """Complete events before the end are read, and the file is named, also without compression."""
    path = tmp_path / "log.json"
    path.write_text(FORMS["S3"][:-60], encoding="utf-8")
    summary, ids = read(path)

    assert ids == ALL[:-1]
    assert summary.cut_short == (path,)


def test_a_broken_event_in_a_list(tmp_path: Path) -> None:
    """The broken event is counted, and reading goes on at the next."""
    path = tmp_path / "log.json"
    texts = [json.dumps({"eventVersion": "1.10", **each}) for each in EVENTS]
    texts[2] = texts[2].replace(":", "", 3)
    path.write_text(f'{{"Records": [{", ".join(texts)}]}}', encoding="utf-8")
    summary, ids = read(path)

    assert ids == [*ALL[:2], *ALL[3:]]
    assert summary.broken == 1


def test_other_services_are_counted(tmp_path: Path) -> None:
    """Events of other services, other operations of Cognito and managed login are not steps."""
    others = [
        {"eventSource": "s3.amazonaws.com", "eventName": "GetObject"},
        {"eventSource": "cognito-idp.amazonaws.com", "eventName": "AdminCreateUser"},
        {"eventSource": "cognito-idp.amazonaws.com", "eventName": "Login_GET", "eventType": "AwsServiceEvent"},
        {"eventSource": "evil.example.com", "eventName": "InitiateAuth"},
    ]
    path = tmp_path / "log.jsonl"
    path.write_text(LINES + "".join(f"{json.dumps(each)}\n" for each in others), encoding="utf-8")

    assert read(path) == (InputSummary(files=1, events=5, others=4), ALL)


def test_parameters_that_are_not_json(tmp_path: Path) -> None:
    """CloudTrail Lake writes maps in a format of its own: they are ignored."""
    path = tmp_path / "log.jsonl"
    event = {
        **EVENTS[0],
        "requestParameters": "{authFlow=USER_AUTH}",
        "responseElements": "HIDDEN_DUE_TO_SECURITY_REASONS",
    }
    path.write_text(json.dumps(event), encoding="utf-8")
    with TraceFiles(path) as files:
        (step,) = files.replay()

    assert (step.source, step.symbol, step.dest, str(step.verdict)) == ("START", "UNKNOWN", "UNKNOWN", "unknown")


def test_an_empty_file_and_an_empty_folder(tmp_path: Path) -> None:
    """An empty file has no steps and is not legal; a folder without files is an error."""
    path = tmp_path / "empty.jsonl"
    path.write_bytes(b"")
    with TraceFiles(path) as files:
        funnel = files.funnel()

    assert (funnel.steps, funnel.sign_ins, dict(funnel.ends), funnel.legal) == (0, 0, {}, False)
    assert funnel.to_dict()["since"] is None
    path.unlink()
    with pytest.raises(UnreadableTraceFile):
        TraceFiles(tmp_path)


def test_an_example_is_not_attributed_to_another_file(tmp_path: Path) -> None:
    """If DuckDB read several files at once, the file that an example is from is not known, and none is named for it."""
    for name in "abc":
        (tmp_path / name).write_text(LINES)
    with (tmp_path / "b").open("a") as file:
        file.write('{"foo": 1}\n' + json.dumps({"message": '{"eventVersion": oops}'}) + "\n")
    summary, _ = read(tmp_path)

    files = f"one of the 3 files from {tmp_path / 'a'} to {tmp_path / 'c'}"
    assert summary.broken_example == files
    assert summary.unrecognised_example == f"an object with 'foo' in {files}"


@pytest.mark.parametrize("table", ["my-table", "", "events; SELECT 1", '"a'])
def test_the_table_of_the_query_must_be_a_name(table: str) -> None:
    """The error names the argument, instead of a position in the query."""
    with pytest.raises(ValueError, match="table must be a name such as trail or"):
        sql("athena", table)
    assert 'FROM "my-table"' in sql("athena", '"my-table"')


def test_more_events_than_are_inserted_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No event is lost where the events that were found in a file are inserted in several parts."""
    monkeypatch.setattr(duckdb_loader, "_MAX_BATCH", 300)
    path = tmp_path / "log.json"
    path.write_text(json.dumps({"Records": EVENTS}))

    assert read(path)[1] == ALL


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    """A broken line in a pipe, which cannot be opened again, loses none of the events; a ZIP archive is refused."""
    with pytest.raises(UnreadableTraceFile, match="cannot be read from a pipe"):
        read(through_pipe(tmp_path / "archive", b"PK\x03\x04"))
    summary, ids = read(through_pipe(tmp_path / "lines", LINES.encode() + b"{oops}\n" + LINES.encode()))

    assert ids == ALL
    assert (summary.broken, summary.empty) == (1, ())


def through_pipe(path: Path, data: bytes) -> Path:
    """Return a named pipe, to which the data are written when it is opened."""
    os.mkfifo(path)
    threading.Thread(target=path.write_bytes, args=[data], daemon=True).start()
    return path


def test_a_full_disk_is_not_an_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a temporary file cannot be written, the error is about disk space, not about the file that is read."""
    path = tmp_path / "log.jsonl.gz"
    path.write_bytes(gzip.compress(LINES.encode()))
    opened = Path.open

    def full(self: Path, mode: str = "r", *args: Any, **more: Any) -> Any:
        if mode == "ab":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return opened(self, mode, *args, **more)

    monkeypatch.setattr(Path, "open", full)
    with TraceFiles(path) as files, pytest.raises(OutOfResources, match="No space left on device"):
        files.load()


def test_enrolment_after_a_sign_in_is_no_event_of_one(tmp_path: Path) -> None:
    """A log without any step of a sign-in is not legal, also if it has the enrolment of an authenticator app."""
    path = tmp_path / "log.jsonl"
    enrolment = {"eventName": "AssociateSoftwareToken", "requestParameters": {"accessToken": "***"}}
    path.write_text(json.dumps(EVENTS[0] | enrolment))
    with TraceFiles(path) as files:
        funnel = files.funnel()

    assert (funnel.steps, funnel.input.problems, funnel.legal) == (0, (), False)
    nothing = funnel_from_rows([])
    assert not nothing.legal
    assert not with_traffic(build_model(), nothing).notes
    assert with_traffic(build_model(), evolve(nothing, illegal_count=1)).notes[-1].startswith("1 step is not allowed")


def test_a_file_that_was_removed(tmp_path: Path) -> None:
    """The error names a file that was removed before it was read."""
    path = tmp_path / "log.jsonl"
    path.write_text(LINES, encoding="utf-8")
    with TraceFiles(path) as files:
        path.unlink()
        with pytest.raises(UnreadableTraceFile, match=r"log\.jsonl cannot be read: No such file"):
            files.load()


def test_a_load_that_failed_is_not_repeated(tmp_path: Path) -> None:
    """After a failed load, every later call raises the same error: the files that were read are not counted twice."""
    first, second = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    for each in (first, second):
        each.write_text(LINES, encoding="utf-8")
    with TraceFiles([first, second]) as files:
        second.rename(tmp_path / "elsewhere")
        with pytest.raises(UnreadableTraceFile):
            files.load()
        (tmp_path / "elsewhere").rename(second)
        with pytest.raises(UnreadableTraceFile):
            files.funnel()


def test_memory(tmp_path: Path) -> None:
    """An invalid memory limit, no threads and too little memory are errors, and no temporary file stays."""
    path = tmp_path / "log.jsonl"
    path.write_text(LINES, encoding="utf-8")
    room = tmp_path / "room"
    room.mkdir()
    for memory in ("lots", "-1MB", " -1", "", "none", "NULL"):
        with pytest.raises(InvalidMemoryLimit, match=f"memory must be an amount like 700MB, not '{memory}'"):
            TraceFiles(path, memory=memory, folder=room)
    number: Any = 3
    with pytest.raises(InvalidMemoryLimit, match="not 3"):
        TraceFiles(path, memory=number, folder=room)
    with pytest.raises(UnreadableTraceFile, match="the name is empty"):
        TraceFiles("")
    not_valid: tuple[Any, ...] = (0, -1, 1025, 10**30, True, 1.5, "2")
    for threads in not_valid:
        with pytest.raises(ValueError, match=f"threads must be an integer from 1 to 1024, not {threads!r}"):
            TraceFiles(path, threads=threads, folder=room)
    for wrong in (2, 16, -5, "x"):
        with pytest.raises(ValueError, match=f"validity must be from 3 to 15 minutes, not {wrong!r}"):
            TraceFiles(path, validity=wrong, folder=room)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=f"validity must be from 3 to 15 minutes, not {wrong!r}"):
            sql("athena", validity=wrong)  # type: ignore[arg-type]
    with (
        pytest.raises(OutOfResources, match="not enough memory or disk space"),
        TraceFiles(path, memory="1MB", folder=room) as files,
    ):
        files.funnel()

    assert list(room.iterdir()) == []


def test_standard_output_is_not_written_to(tmp_path: Path) -> None:
    """DuckDB counts its progress but does not print it, which it would do after two seconds."""
    path = tmp_path / "log.jsonl"
    path.write_text(LINES, encoding="utf-8")
    settings_query = "SELECT current_setting('enable_progress_bar'), current_setting('enable_progress_bar_print')"
    with TraceFiles(path) as files:
        files.funnel()
        summary = [each.execute(settings_query).fetchone() for each in (files._connection, files._cursor)]

    assert summary == [(True, False), (True, False)]


def test_reading_can_be_stopped(tmp_path: Path) -> None:
    """`stop()` raises an error in the thread that reads, which does not count as a broken file."""
    path = tmp_path / "log.jsonl"
    path.write_text(LINES * 20_000, encoding="utf-8")
    with TraceFiles(path) as files, ThreadPoolExecutor(1) as worker:
        reading = worker.submit(files.load)
        while not reading.done():
            files.stop()
        error = reading.exception()

    assert isinstance(error, duckdb.InterruptException)


# ---- arbitrary content ------------------------------------------------------------------------------------

_HEADS = st.sampled_from([b"", b"{", b"[", b'{"Records":[', b'{"Records": [{"eventVersion":"1"', b"eventname,eventtime\n",
                          b"\x1f\x8b", b'{"sign_in": "a"', LINES.encode()[:200], b"\xef\xbb\xbf["])  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(_HEADS, st.binary(max_size=400))
def test_any_bytes_can_be_scanned(head: bytes, rest: bytes) -> None:
    """Any text has lines of JSON as its result, or a count of what could not be read."""
    counts = ScanCounts()
    text = (head + rest).decode("utf-8", "replace")
    for _, line in scan(iter([text]), counts):
        json.loads(line)

    assert not text.strip() or counts != ScanCounts()


# A file's funnel takes as long for thirty events as for one: few examples, with many values each.
_FEW = settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_FEW
@given(_HEADS, st.binary(max_size=300))
def test_any_bytes_can_be_traced(tmp_path: Path, head: bytes, rest: bytes) -> None:
    """No content of a file raises an error."""
    path = tmp_path / "any"
    path.write_bytes(head + rest)
    with TraceFiles(path) as files:
        assert files.funnel().input.files == 1


_STEP = {"sign_in": "a", "step": 1, "from": "START", "response": "user_auth", "to": "SELECT_CHALLENGE"}
_MEMBERS = [*EVENTS[0], "errorCode", "errorMessage"]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@_FEW
@given(st.lists(st.tuples(st.sampled_from(_MEMBERS), _JSON), min_size=10, max_size=30))
def test_any_values_can_be_traced(tmp_path: Path, changes: list[tuple[str, Any]]) -> None:
    """Any JSON in place of a value gets a verdict, and raises no error."""
    events = [{**EVENTS[0], "eventID": str(n), key: value} for n, (key, value) in enumerate(changes)]
    path = tmp_path / "any"
    path.write_text("".join(f"{json.dumps(each)}\n" for each in [*events, *EVENTS]), encoding="utf-8")
    with TraceFiles(path) as files:
        funnel = files.funnel()

    # Without the name of an operation it is no event.
    input_counts = funnel.input
    assert input_counts.events + input_counts.others + input_counts.unrecognised == len(events) + 5
    assert funnel.steps + funnel.repeated == funnel.input.events
    assert funnel.sign_ins >= 5


@_FEW
@given(st.lists(st.tuples(st.sampled_from(COLUMNS), _JSON), min_size=10, max_size=30))
def test_any_steps_can_be_traced(tmp_path: Path, changes: list[tuple[str, Any]]) -> None:
    """Any JSON in a recorded step gets a verdict, and raises no error."""
    lines = [{**_STEP, "sign_in": str(n), key: value} for n, (key, value) in enumerate(changes)]
    path = tmp_path / "any"
    path.write_text("".join(f"{json.dumps(each)}\n" for each in [*lines, _STEP]), encoding="utf-8")
    with TraceFiles(path) as files:
        funnel = files.funnel()

    assert funnel.input.events + funnel.input.others == len(lines) + 1
    assert sum(each.times for each in funnel.transitions) == funnel.steps


@given(st.text(alphabet="\\u0\x00\ud800d8a", max_size=24))
def test_any_backslashes_and_zero_characters_leave_lines_of_json(agent: str) -> None:
    r"""The text `\u0000` stays as it is; only zero characters and lone surrogates are replaced."""
    event = {**EVENTS[0], "userAgent": agent}
    ((kind, line),) = scan(iter([json.dumps(event)]), ScanCounts())
    assert kind == "cloudtrail"
    assert json.loads(line)["userAgent"] == agent.replace("\x00", "\ufffd").replace("\ud800", "\ufffd")
