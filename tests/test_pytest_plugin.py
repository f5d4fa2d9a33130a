"""The fixtures that pytest finds where this package is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from authfsm.local import LocalPool

THEIRS = """
import pytest

pytestmark = pytest.mark.cognito(client_id="ours")


def test_a_pool(cognito_pool, cognito_client):
    cognito_pool.add_user("ada", password="Correct-Horse-1")
    reply = cognito_client.initiate_auth(
        ClientId="ours", AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ada", "PASSWORD": "Correct-Horse-1"},
    )
    assert "AuthenticationResult" in reply


@pytest.mark.cognito(mfa="ON", mfa_methods=["SMS_MFA"])
def test_another(cognito_pool):
    assert (cognito_pool.client_id, cognito_pool.configuration.mfa) == ("ours", "ON")
    with pytest.raises(LookupError):
        cognito_pool.user("ada")
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """pytest in a project that knows nothing of this one."""  # noqa: D403 - its name
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_somebody_elses_tests(tmp_path: Path) -> None:
    """Fixtures and mark are there with no word of configuration, warnings being errors and marks strict."""
    (tmp_path / "test_theirs.py").write_text(THEIRS, encoding="utf-8")
    ran = run(tmp_path, "-W", "error", "--strict-markers", "-q")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "2 passed" in ran.stdout


def test_who_does_not_ask_does_not_wait(tmp_path: Path) -> None:
    """At pytest's start nothing of the pool's is loaded, nor boto3."""
    (tmp_path / "test_nothing.py").write_text(
        "import sys\n\n\ndef test_it():\n"
        "    assert not {'authfsm.local', 'boto3', 'joserfc', 'gmpy2', 'transitions'} & set(sys.modules)\n",
        encoding="utf-8",
    )
    ran = run(tmp_path, "-q")

    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.cognito(client_id="of the function")
class TestHere:
    """The fixtures in this very run."""

    def test_the_class_says(self, cognito_pool: LocalPool) -> None:
        """A class's mark is a test's, too."""
        assert cognito_pool.client_id == "of the function"

    @pytest.mark.cognito(client_id="mine")
    def test_the_nearest_mark_holds(self, cognito_pool: LocalPool) -> None:
        """A test's own mark holds over its class's."""
        assert cognito_pool.client_id == "mine"
