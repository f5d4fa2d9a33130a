"""The pytest fixtures that this package provides."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

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


def test_a_region(cognito, cognito_client):
    pool_id = cognito_client.create_user_pool(PoolName="app")["UserPool"]["Id"]
    assert [*cognito.pools] == [pool_id]


@pytest.mark.cognito(mfa="ON", mfa_methods=["SMS_MFA"])
def test_another(cognito_pool):
    assert (cognito_pool.client_id, cognito_pool.configuration.mfa) == ("ours", "ON")
    with pytest.raises(LookupError):
        cognito_pool.user("ada")
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a project that does not configure this package."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_fixtures_without_configuration(tmp_path: Path) -> None:
    """The fixtures and the mark work without configuration, with warnings as errors and strict marks."""
    (tmp_path / "test_theirs.py").write_text(THEIRS, encoding="utf-8")
    ran = run(tmp_path, "-W", "error", "--strict-markers", "-q")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "3 passed" in ran.stdout


def test_pytest_starts_without_the_pool(tmp_path: Path) -> None:
    """When pytest starts, neither the pool nor boto3 is loaded."""
    (tmp_path / "test_nothing.py").write_text(
        "import sys\n\n\ndef test_it():\n"
        "    assert not {'authfsm.local', 'boto3', 'joserfc', 'gmpy2', 'transitions'} & set(sys.modules)\n",
        encoding="utf-8",
    )
    ran = run(tmp_path, "-q")

    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.cognito(client_id="of the function")
class TestHere:
    """The fixtures in this test run."""

    def test_a_mark_on_the_class(self, cognito_pool: LocalPool) -> None:
        """A mark on a class applies to its tests."""
        assert cognito_pool.client_id == "of the function"

    @pytest.mark.cognito(client_id="mine")
    def test_a_mark_on_the_test_overrides_the_class(self, cognito_pool: LocalPool) -> None:
        """A mark on a test overrides one on its class."""
        assert cognito_pool.client_id == "mine"


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"mfaa": "ON"}, "no setting mfaa; the settings are "), ({"triggers": {}}, "Triggers")],
)
def test_a_wrong_setting(settings: dict[str, Any], named: str) -> None:
    """A setting that does not exist, or has the wrong type, is refused by name."""
    with pytest.raises(TypeError, match=named):
        LocalPool(**settings)
