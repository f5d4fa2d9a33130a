"""Every name of botocore's model that concerns sign-in is known here.

The suite compares with the botocore that it runs with. `.ci/run` runs this file again with the newest botocore, and
there a name that is not known is a failure; elsewhere it is no more than a skip that names it, so that a suite which
passed yesterday does not fail because AWS has published something since.
"""

from __future__ import annotations

import os

import botocore
import pytest
from sign_in_model import Model, committed_copy, missing_names, model

from authfsm.protocol import states
from authfsm.protocol.auth_flows import FLOWS

NEWEST_BOTOCORE = os.environ.get("AUTHFSM_NEWEST_BOTOCORE") == "1"


def version(text: str) -> tuple[int, ...]:
    """Return a version as numbers."""
    return tuple(int(part) for part in text.split(".")[:3])


def test_the_copy_has_every_name_of_botocore() -> None:
    """Every operation's members and errors, and every value, are in the committed copy."""
    names = missing_names(model(), committed_copy()["model"])
    if names and not NEWEST_BOTOCORE and version(botocore.__version__) > version(committed_copy()["botocore"]):
        pytest.skip("; ".join(names))

    assert names == []


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("ChallengeNameType values", "SMS_MFA"),
        ("AuthFlowType values", "USER_AUTH"),
        ("InitiateAuthRequest members", "Session"),
        ("RespondToAuthChallenge errors", "CodeMismatchException"),
        ("UserPoolClientType members", "ExplicitAuthFlows"),
    ],
)
def test_names_missing_in_the_copy_are_reported(key: str, name: str) -> None:
    """A name that is missing in the copy is reported with its shape or operation."""
    copy: Model = committed_copy()["model"]
    without = {**copy, key: [each for each in copy[key] if each != name]}

    assert name in copy[key]
    assert f"{key}: {name} is new at AWS" in missing_names(model(), without)


def test_every_challenge_and_flow_has_a_place_in_the_protocol() -> None:
    """The table has each challenge of the API, and the package each AuthFlow."""
    copy: Model = committed_copy()["model"]

    assert {state.value for state in states.State} >= set(copy["ChallengeNameType values"])
    assert {*FLOWS, "REFRESH_TOKEN"} >= set(copy["AuthFlowType values"])
