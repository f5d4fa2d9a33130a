"""Fixtures and functions for several test files."""

from __future__ import annotations

import os
from typing import NoReturn

import botocore
import pytest
from faster_libraries import make_libraries_faster
from hypothesis import settings
from joserfc.jwk import RSAKey

# How long an example takes depends on what else the machine does; no test claims a time.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")
make_libraries_faster()

# tests/newest needs operations that an older botocore does not know; `.ci/run` runs it with the newest.
if tuple(int(part) for part in botocore.__version__.split(".")[:3]) < (1, 44, 8):
    collect_ignore = ["newest"]


# So that no worker is left with one of these at the end.
LONGEST_FIRST = [
    "test_stepper_jupyterlab", "test_traces", "test_conformance", "test_cli_signin", "test_server_state",
    "test_notebooks", "test_typed_usage", "test_traces_wrappers", "test_traces_reading", "test_explorer",
    "test_app_site", "test_apps_in_chromium", "test_app_faults", "test_app_security",
    "test_app_accessibility", "test_journeys", "test_transitions", "test_sealing_scenarios",
    "test_aio_scenarios", "test_server_logs", "test_conformance_nonsense", "test_cli_options",
    "test_no_hangs", "test_random_walks", "test_impossible_transitions", "test_checks", "test_stepper",
]  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest files first, and the others in random order."""
    place = {name: number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


@pytest.fixture(scope="session")
def signing_key() -> RSAKey:
    """One RSA key for all local pools of a run, because creating one takes longer than most tests."""
    return RSAKey.generate_key(2048, private=True)


def lacking(what: str) -> NoReturn:
    """Skip a test whose requirements this machine lacks, or fail it if skips are not allowed.

    Args:
        what: what is lacking.
    """
    if os.environ.get("AUTHFSM_NO_SKIPS"):
        pytest.fail(f"this machine lacks {what}, and AUTHFSM_NO_SKIPS is set")
    pytest.skip(f"this machine lacks {what}")
