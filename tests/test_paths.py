"""The paths to sign in: counted exactly, listed in order, compared between two pools."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
from attrs.exceptions import FrozenInstanceError
from hypothesis import given, settings
from hypothesis import strategies as st

from authfsm import PoolSettings
from authfsm.checks import Change, Path, SignInPaths
from authfsm.checks.sign_in_paths import place
from authfsm.diagrams.example_pools import EXAMPLE_POOLS
from authfsm.protocol import responses as r
from authfsm.protocol.states import State

S = State
OFF, OPTIONAL, REQUIRED, PASSWORDLESS, CUSTOM = (pool for pool, _ in EXAMPLE_POOLS.values())


def test_a_small_pool_is_listed_whole() -> None:
    """If MFA with an authenticator app is required, there are four paths."""
    paths = SignInPaths(REQUIRED)

    enrols = (
        "MFA_SETUP -associate_software_token-> MFA_SETUP -verify_software_token-> MFA_SETUP"
        " -complete_mfa_setup-> AUTHENTICATED"
    )
    assert [str(path) for path in paths] == [
        "START -user_srp_auth-> PASSWORD_VERIFIER -srp_claim-> SOFTWARE_TOKEN_MFA -code-> AUTHENTICATED",
        (
            "START -user_srp_auth-> PASSWORD_VERIFIER -srp_claim-> NEW_PASSWORD_REQUIRED"
            " -new_password-> SOFTWARE_TOKEN_MFA -code-> AUTHENTICATED"
        ),
        f"START -user_srp_auth-> PASSWORD_VERIFIER -srp_claim-> {enrols}",
        (f"START -user_srp_auth-> PASSWORD_VERIFIER -srp_claim-> NEW_PASSWORD_REQUIRED -new_password-> {enrols}"),
    ]
    assert (paths.count(), paths.by_length) == (4, {3: 1, 4: 1, 5: 1, 6: 1})


def test_contradictory_paths_are_counted_on_request() -> None:
    """A first sign-in without MFA is contradictory, and so are codes after a set-up."""
    sure, all_ = SignInPaths(REQUIRED), SignInPaths(REQUIRED, contradictory=True)

    more = [str(way) for way in all_ if way not in sure]
    assert more == [
        "START -user_srp_auth-> PASSWORD_VERIFIER -srp_claim-> AUTHENTICATED",
        "START -user_srp_auth-> PASSWORD_VERIFIER -srp_claim-> NEW_PASSWORD_REQUIRED -new_password-> AUTHENTICATED",
        (
            "START -user_srp_auth-> PASSWORD_VERIFIER -srp_claim-> MFA_SETUP -associate_software_token-> MFA_SETUP"
            " -verify_software_token-> MFA_SETUP -complete_mfa_setup-> SOFTWARE_TOKEN_MFA -code-> AUTHENTICATED"
        ),
        (
            "START -user_srp_auth-> PASSWORD_VERIFIER -srp_claim-> NEW_PASSWORD_REQUIRED -new_password-> MFA_SETUP"
            " -associate_software_token-> MFA_SETUP -verify_software_token-> MFA_SETUP"
            " -complete_mfa_setup-> SOFTWARE_TOKEN_MFA -code-> AUTHENTICATED"
        ),
    ]
    assert all_.count() == 8


def test_the_whole_protocol_is_counted_without_listing_it() -> None:
    """There are tens of thousands of paths; the shortest and the longest are found exactly."""
    paths = SignInPaths()
    shortest, longest = paths.shortest(), paths.longest()

    assert shortest is not None
    assert str(shortest) == "START -user_password_auth-> AUTHENTICATED"
    assert longest is not None
    assert len(longest) == max(paths.by_length) == 16
    assert paths.count() == sum(paths.by_length.values()) > 50_000
    assert paths._known_moves.keys() <= paths._reachable.keys()


@pytest.mark.parametrize("name", EXAMPLE_POOLS)
def test_the_count_equals_the_list(name: str) -> None:
    """The counts by length equal the list, which has each path once and no repeated position."""
    paths = SignInPaths(EXAMPLE_POOLS[name][0])
    path_list = list(paths)

    assert len(path_list) == len(set(path_list)) == paths.count()
    assert [len(path) for path in path_list] == [
        steps for steps, count in paths.by_length.items() for _ in range(count)
    ]
    for path in path_list:
        places = [place(move.to) for move in path]
        assert len(places) == len(set(places)), path
        assert path.end.state is S.AUTHENTICATED
        assert path in paths
        assert all(EXAMPLE_POOLS[name][0].ruled_out(transition) is None for transition in path.transitions)


@pytest.mark.parametrize("state", [S.START, S.DEVICE_SRP_AUTH, S.SELECT_MFA_TYPE, S.WEB_AUTHN, S.MFA_SETUP])
def test_through_a_state(state: State) -> None:
    """The paths through a state are those that visit it, and their count equals their list."""
    paths = SignInPaths(OPTIONAL)
    through = list(paths.through(state))

    assert through == [path for path in paths if state in path.states]
    assert paths.count_through(state) == len(through)
    assert SignInPaths().count_through(state) > len(through)


def test_a_state_or_length_that_does_not_exist() -> None:
    """The misspelled name of a state is an error, not the answer that no path leads through it; no path has -1 steps."""
    paths = SignInPaths(REQUIRED)

    wrong: Any = "SMS_MAF"
    for listed in (paths.through, paths.count_through):
        with pytest.raises(ValueError, match="SMS_MAF"):
            listed(wrong)
    assert list(paths.of_length(-1)) == []
    assert list(paths.of_length(99)) == []


def test_without_a_device_there_are_fewer() -> None:
    """Without a remembered device, no path visits a device state."""
    here, elsewhere = SignInPaths(OPTIONAL), SignInPaths(OPTIONAL, device=False)

    assert elsewhere.count_through(S.DEVICE_SRP_AUTH) == 0
    assert [way for way in here if S.DEVICE_SRP_AUTH not in way.states] == list(elsewhere)


def test_a_difference_is_two_lists_of_paths() -> None:
    """Between two pools some paths are added and some removed; between a pool and itself none."""
    change = Change(SignInPaths(OFF), SignInPaths(REQUIRED))

    assert [str(way) for way in change.removed()] == [
        "START -user_srp_auth-> PASSWORD_VERIFIER -srp_claim-> AUTHENTICATED",
        "START -user_srp_auth-> PASSWORD_VERIFIER -srp_claim-> NEW_PASSWORD_REQUIRED -new_password-> AUTHENTICATED",
    ]
    assert list(change.added()) == list(SignInPaths(REQUIRED))
    same = Change(SignInPaths(OPTIONAL), SignInPaths(OPTIONAL))
    assert (list(same.added()), list(same.removed())) == ([], [])


def test_only_whole_paths_of_the_pool_are_contained() -> None:
    """A path that stops before the tokens, a path of another pool and other objects are not contained."""
    path = next(iter(SignInPaths(REQUIRED)))

    assert path in SignInPaths(REQUIRED)
    assert Path(path.moves[:-1]) not in SignInPaths(REQUIRED)
    assert Path() not in SignInPaths(REQUIRED)
    assert path not in SignInPaths(OFF)
    assert "START" not in SignInPaths(REQUIRED)


def test_a_pool_without_sign_in_has_no_paths() -> None:
    """A pool that only allows refreshing has no paths, no shortest and no longest one."""
    none = SignInPaths(PoolSettings(explicit_auth_flows={"ALLOW_REFRESH_TOKEN_AUTH"}, lambda_config=()))

    assert (none.count(), none.shortest(), none.longest(), list(none)) == (0, None, None, [])


FLOWS = ["USER_SRP_AUTH", "USER_PASSWORD_AUTH", "CUSTOM_AUTH", "USER_AUTH"]


@settings(max_examples=25, deadline=None)
@given(
    mfa=st.sampled_from(["OFF", "OPTIONAL", "ON"]),
    flows=st.sets(st.sampled_from(FLOWS)),
    device=st.booleans(),
    email=st.booleans(),
)
def test_counts_and_differences_agree_for_any_settings(*, mfa: str, flows: set[str], device: bool, email: bool) -> None:
    """For any settings the count equals the list, no path uses a forbidden flow, and gains and losses add up."""
    settings = PoolSettings(
        mfa_configuration=mfa,
        explicit_auth_flows={f"ALLOW_{flow}" for flow in {*flows, "REFRESH_TOKEN_AUTH"}},
        device_configuration=device,
        sms_mfa=False,
        email_mfa=email,
        allowed_first_auth_factors={"PASSWORD", "EMAIL_OTP"},
        lambda_config={"DefineAuthChallenge"},
    )
    paths, before = SignInPaths(settings), SignInPaths(OPTIONAL)
    path_list, old = list(paths), list(before)

    assert len(path_list) == paths.count()
    assert {path.transitions[0].response.auth_flow for path in path_list} <= {*flows}
    change = Change(before, paths)
    added, removed = list(change.added()), list(change.removed())
    assert len(old) + len(added) - len(removed) == len(path_list)


def test_the_options_of_counted_paths_do_not_change() -> None:
    """The paths are counted once, so an option cannot be assigned: that would be ignored."""
    paths = SignInPaths(REQUIRED)
    paths.count()

    with pytest.raises(FrozenInstanceError):
        paths.device = False  # type: ignore[misc]


def test_listing_is_lazy() -> None:
    """The first of very many paths are listed at once."""
    assert len(list(islice(SignInPaths(contradictory=True), 5))) == 5
    assert r.RefreshTokenAuth not in {way.transitions[0].response for way in islice(SignInPaths(), 60)}
