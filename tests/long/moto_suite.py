"""moto's own cognito-idp suite at `authfsm serve`: `moto_suite.py [SEED]`.

Its source distribution is downloaded, and nothing of it is kept. `tests/moto_suite/exceptions.csv` lists the tests
that expect something else than Cognito, each with the reason: all others pass, and those fail.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import moto
from moto.server import ThreadedMotoServer
from serving import serve_in_thread

HERE = Path(__file__).parent.parent / "moto_suite"
SUITE = "tests/test_cognitoidp/test_cognitoidp.py"
_OUTCOME = re.compile(rf"^{re.escape(SUITE)}::(\S+) (PASSED|FAILED|ERROR|SKIPPED)", re.MULTILINE)


def rows() -> list[dict[str, str]]:
    """Return the rows of the list: test, reason, and kind.

    The suite `differs` from Cognito; the test is about something `other`; or it is `open` whether it passes.
    """
    with (HERE / "exceptions.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def download(folder: Path) -> None:
    """Extract the suite of the installed version of moto into a folder."""
    name = f"moto-{moto.__version__}"
    options = ["-q", "--no-deps", "--no-binary", ":all:", "-d", str(folder)]
    pip = [shutil.which("python3") or "python3", "-m", "pip", "download"]
    subprocess.run([*pip, *options, f"moto=={moto.__version__}"], check=True)
    with tarfile.open(folder / f"{name}.tar.gz") as archive:
        for member in archive.getmembers():
            inside = member.name.removeprefix(f"{name}/")
            wanted = inside == "tests/__init__.py" or inside.startswith("tests/test_cognitoidp/")
            if wanted and member.isfile() and ".." not in inside:
                member.name = inside
                archive.extract(member, folder)


def run(folder: Path, url: str, iam: str) -> dict[str, str]:
    """Run the suite at an endpoint, and return the outcome of each test."""
    shutil.copy(HERE / "suite_conftest.py", folder / "conftest.py")
    environment = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-west-2",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER": url,
        "AWS_ENDPOINT_URL_IAM": iam,
        "MOTO_SUITE_SKIP": " ".join(each["test"] for each in rows() if each["kind"] == "other"),
    }
    options = [
        "-c",
        os.devnull,
        "--rootdir",
        str(folder),
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "-p",
        "no:xdist",
        "-v",
        "--tb=no",
    ]
    command = [sys.executable, "-m", "pytest", *options, SUITE]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    sys.stderr.write(done.stdout + done.stderr)
    return dict(_OUTCOME.findall(done.stdout))


def main() -> None:
    """Download, run and compare."""
    iam = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    iam.start()
    try:
        host, port = iam.get_host_and_port()
        with tempfile.TemporaryDirectory() as folder, serve_in_thread() as web:
            download(Path(folder))
            outcomes = run(Path(folder), web.url, f"http://{host}:{port}")
    finally:
        iam.stop()
    counted = {test: each for test, each in outcomes.items() if each != "SKIPPED"}
    failed = {test for test, outcome in counted.items() if outcome != "PASSED"}
    listed = {each["test"] for each in rows() if each["kind"] == "differs"}
    failed -= {each["test"] for each in rows() if each["kind"] == "open"}
    if not counted:
        raise SystemExit("the suite has no tests")
    if failed != listed:
        raise SystemExit(
            f"not listed, and failed: {sorted(failed - listed)}; listed, and passed: {sorted(listed - failed)}"
        )
    passed = sum(outcome == "PASSED" for outcome in counted.values())
    sys.stdout.write(f"{passed} of {len(counted)} pass; {len(failed)} expect something else\n")


if __name__ == "__main__":
    main()
