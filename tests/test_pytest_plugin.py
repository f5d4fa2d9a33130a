"""The pytest fixtures that this package provides."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest

from authfsm.local import LocalPool

TEST_FILE = """
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

TEST_FILE_WITHOUT_FIXTURES = """
import sys

LOADED = {"authfsm.local", "boto3", "joserfc", "gmpy2", "transitions"} & set(sys.modules)


def test_it():
    assert not LOADED
"""


@pytest.fixture(scope="module")
def test_run(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """Run both test files of such a project, the one that uses no fixture first."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")  # that of no folder above
    (folder / "test_nothing.py").write_text(TEST_FILE_WITHOUT_FIXTURES, encoding="utf-8")
    (folder / "test_theirs.py").write_text(TEST_FILE, encoding="utf-8")
    plain = ("-p", "no:randomly", "-p", "no:xdist", "-p", "no:cacheprovider")
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plain, "-W", "error", "--strict-markers", "-v"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_fixtures_without_configuration(test_run: subprocess.CompletedProcess[str]) -> None:
    """The fixtures and the mark work without configuration, with warnings as errors and strict marks."""
    assert test_run.returncode == 0, test_run.stdout + test_run.stderr
    assert len(re.findall(r"^test_theirs\.py::\w+ PASSED", test_run.stdout, re.MULTILINE)) == 3


def test_pytest_starts_without_the_pool(test_run: subprocess.CompletedProcess[str]) -> None:
    """When pytest starts, neither the pool nor boto3 is loaded."""
    assert "test_nothing.py::test_it PASSED" in test_run.stdout, test_run.stdout + test_run.stderr


@pytest.mark.cognito(client_id="of_the_function")
class TestFixturesOfThisRun:
    """The fixtures in this test run."""

    def test_a_mark_on_the_class(self, cognito_pool: LocalPool) -> None:
        """A mark on a class applies to its tests."""
        assert cognito_pool.client_id == "of_the_function"

    @pytest.mark.cognito(client_id="mine")
    def test_a_mark_on_the_test_overrides_the_class(self, cognito_pool: LocalPool) -> None:
        """A mark on a test overrides one on its class."""
        assert cognito_pool.client_id == "mine"


@pytest.mark.parametrize(
    ("settings", "message"), [({"mfaa": "ON"}, "no setting mfaa; the settings are "), ({"triggers": {}}, "Triggers")]
)
def test_a_wrong_setting(settings: dict[str, Any], message: str) -> None:
    """A setting that does not exist, or has the wrong type, is refused by name."""
    with pytest.raises(TypeError, match=message):
        LocalPool(**settings)


def test_positional_arguments_of_the_mark_are_refused(request: pytest.FixtureRequest) -> None:
    """The mark takes keyword arguments only, because a positional one names no setting."""
    request.node.add_marker(pytest.mark.cognito("ON"))
    with pytest.raises(pytest.UsageError, match="takes keyword arguments only, for example mfa='ON'"):
        request.getfixturevalue("cognito_pool")
