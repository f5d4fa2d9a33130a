"""moto's own cognito-idp suite at `authfsm serve`, strict and with `accept="all"`: `moto_suite.py [SEED]`.

Its source distribution is downloaded, and nothing of it is kept. `tests/moto_suite/exceptions.csv` lists each test
that does not pass: `lenient` needs `accept`, and has the checks that are relaxed; `differs` expects something else
than Cognito even then, and `other` is about moto itself or another service; both have the reason and its source.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import moto
from moto.server import ThreadedMotoServer

TESTS = Path(__file__).parent.parent
HERE = TESTS / "moto_suite"
SUITE = "tests/test_cognitoidp/test_cognitoidp.py"
LOWEST = 195
"""How many tests pass with `accept="all"`, at least; all that AWS has verified are among them."""
_MODE = re.compile(r"\[(strict|lenient)-?(.*?)\]$")

Results = dict[str, dict[str, tuple[bool, list[str], bool]]]
"""By test and mode: whether it passed, the checks that were relaxed, and whether moto's maintainers ran it at AWS."""


def rows() -> list[dict[str, str]]:
    """Return the rows of the list: test, kind, checks, reason and source."""
    with (HERE / "exceptions.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def download(folder: Path) -> None:
    """Extract the suite of the installed version of moto into a folder."""
    name = f"moto-{moto.__version__}"
    options = ["-q", "--no-deps", "--no-binary", ":all:", "-d", str(folder)]
    pip = [shutil.which("python3") or "python3", "-m", "pip", "download"]
    if subprocess.run([*pip, *options, f"moto=={moto.__version__}"], check=False).returncode:
        raise SystemExit(f"the source distribution of moto {moto.__version__} cannot be downloaded; see above")
    with tarfile.open(folder / f"{name}.tar.gz") as archive:
        for member in archive.getmembers():
            inside = member.name.removeprefix(f"{name}/")
            included = inside == "tests/__init__.py" or inside.startswith("tests/test_cognitoidp/")
            if included and member.isfile() and ".." not in inside:
                member.name = inside
                archive.extract(member, folder)


def run(folder: Path, iam: str) -> Results:
    """Run the suite, each test in both modes, and return the results."""
    shutil.copy(HERE / "suite_conftest.py", folder / "conftest.py")
    report = folder / "report.jsonl"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)]),
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-west-2",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_ENDPOINT_URL_IAM": iam,
        "MOTO_SUITE_REPORT": str(report),
        "MOTO_SUITE_SKIP": " ".join(each["test"] for each in rows() if each["kind"] == "other"),
    }
    plugins = ["-p", "no:cacheprovider", "-p", "no:randomly", "-n", "2"]
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", str(folder), *plugins, "-q"]
    process = subprocess.run(
        [*command, "--tb=short", SUITE], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    sys.stderr.write(process.stdout + process.stderr)
    results: Results = {}
    for line in report.read_text(encoding="utf-8").splitlines():
        node, when, outcome, entry = json.loads(line)
        name = node.partition("::")[2]
        mode = _MODE.search(name)
        if mode is None:
            raise SystemExit(f"{node} ran in no mode")
        test = name[: mode.start()] + (f"[{mode[2]}]" if mode[2] else "")
        passed, checks, verified = results.setdefault(test, {}).get(mode[1], (True, [], False))
        if when == "teardown" and entry is not None:
            _, checks, verified = entry
        results[test][mode[1]] = (passed and outcome == "passed", checks, verified)
    return results


def compare(results: Results) -> list[str]:
    """Return the differences between the list of exceptions and the results."""
    exceptions_by_test = {each["test"]: each for each in rows() if each["kind"] != "other"}
    problems = [
        f"{test}: listed, but the suite has no such test" for test in exceptions_by_test.keys() - results.keys()
    ]
    unexplained = [e["test"] for e in rows() if e["kind"] != "lenient" and not (e["reason"] and e["source"])]
    problems += [f"{test}: listed without a reason and its source" for test in unexplained]
    for test, modes in sorted(results.items()):
        passed = {mode: each[0] for mode, each in modes.items()}
        checks = " ".join(modes["lenient"][1])
        kind = "" if passed["strict"] else "lenient" if passed["lenient"] else "differs"
        expected = exceptions_by_test.get(test, {"kind": "", "checks": ""})
        if kind != expected["kind"] or (kind == "lenient" and checks != expected["checks"]):
            problems.append(f"{test}: {kind or 'passes'} ({checks}), listed as {expected['kind'] or 'passing'}")
        if modes["lenient"][2] and not all(passed.values()):
            problems.append(f"{test}: verified at AWS, and failed")
    return problems


def main() -> None:
    """Download, run and compare."""
    iam = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    iam.start()
    try:
        host, port = iam.get_host_and_port()
        with tempfile.TemporaryDirectory() as folder:
            download(Path(folder))
            results = run(Path(folder), f"http://{host}:{port}")
    finally:
        iam.stop()
    problems = compare(results)
    counts = {mode: sum(each[mode][0] for each in results.values()) for mode in ("strict", "lenient")}
    verified = sum(each["lenient"][2] for each in results.values())
    sys.stdout.write(f"{len(results)} tests: {counts['strict']} pass strictly, {counts['lenient']} with accept='all'\n")
    sys.stdout.write(f"all {verified} tests that moto's maintainers verify at AWS are among them\n" if verified else "")
    if counts["lenient"] < LOWEST:
        problems.append(f"{counts['lenient']} tests pass with accept='all', and {LOWEST} have to")
    if problems:
        raise SystemExit("\n".join(problems))


if __name__ == "__main__":
    main()
