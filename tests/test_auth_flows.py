"""ExplicitAuthFlows: diagram, settings, pool, paths and journeys agree for every value, current or legacy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from authfsm.checks import SignInPaths
from authfsm.diagrams.model_builder import build_model
from authfsm.journeys import NoPaths, journeys
from authfsm.local import LocalPool
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.protocol.auth_flows import CURRENT_VALUES, LEGACY_VALUES, REQUIRED_VALUE, current_values
from authfsm.protocol.errors import BadField
from authfsm.protocol.states import State
from authfsm.protocol.table import PROTOCOL, TRANSITIONS
from authfsm.settings import PoolSettings

S = State
Values = tuple[str, ...]

ADMIN = {"ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"}
REFRESH = {"REFRESH_TOKEN_AUTH", "REFRESH_TOKEN"}
TRIGGERED = {"LambdaConfig": {"DefineAuthChallenge": "arn:aws:lambda:eu-west-1:000000000000:function:f"}}
_SETTINGS: Any = {"mfa_configuration": "OFF", "device_configuration": False, "allowed_first_auth_factors": {"PASSWORD"}}


def subsets(values: Iterable[str]) -> Iterator[Values]:
    """Return all subsets, with the empty one."""
    every = tuple(values)
    for length in range(len(every) + 1):
        yield from combinations(every, length)


EQUIVALENT = [*subsets(CURRENT_VALUES), *(each for each in subsets(LEGACY_VALUES) if each)]
MIXED = [
    (*older, *current) for older in subsets(LEGACY_VALUES) for current in subsets(CURRENT_VALUES) if older and current
]


def values_id(values: Values) -> str:
    """Return an id for pytest."""
    return "+".join(values) or "unset"


def drawn_flows(settings: PoolSettings) -> set[str]:
    """Return the flows that the pool's diagram draws from START to anything but a refusal."""
    every = build_model(settings=settings, unfolded=True).edges
    edges = [edge for edge in every if edge.dest.name not in {S.START, S.FAILED}]
    responses = (each for edge in edges if edge.source.name == S.START for each in edge.responses)
    return {each.auth_flow for each in responses if each.auth_flow}


def allowed_by_settings(settings: PoolSettings) -> set[str]:
    """Return the flows for which settings leave a transition out of START."""
    transitions = (a for a in TRANSITIONS if a.source is S.START and a.dest not in {S.START, S.FAILED})
    possible = (a.response.auth_flow for a in transitions if settings.ruled_out(a) is None)
    return {flow for flow in possible if flow}


def accepted_by_pool(pool: LocalPool) -> set[str]:
    """Return the flows that a pool does not refuse as not enabled."""
    flows = set()
    for flow in REQUIRED_VALUE:
        by_admin = flow in ADMIN
        operation = "AdminInitiateAuth" if by_admin else "InitiateAuth"
        request = {"ClientId": pool.client_id, "AuthFlow": flow, "AuthParameters": {}}
        more = {"UserPoolId": pool.pool_id} if by_admin else {}
        with pytest.raises(PoolRefusal) as refused:
            pool.answer(operation, {**request, **more})
        if "not enabled" not in refused.value.message:
            flows.add(flow)
    return flows


@pytest.mark.parametrize("values", EQUIVALENT, ids=values_id)
def test_every_part_allows_the_same_flows(values: Values, signing_key: RSAKey) -> None:
    """For every ExplicitAuthFlows, five parts of the package allow the same flows."""
    settings = PoolSettings.from_descriptions(TRIGGERED, {"ExplicitAuthFlows": list(values)})
    pool = LocalPool.like({}, {"ExplicitAuthFlows": list(values)}, {}, key=signing_key)
    expected = {flow for flow, value in REQUIRED_VALUE.items() if value in current_values(values)}
    plain = PoolSettings(explicit_auth_flows=values, **_SETTINGS)
    flows = {path.transitions[0].response.auth_flow for path in SignInPaths(plain)}
    if expected <= REFRESH:  # no sign-in can begin, which is an error and not an empty plan
        with pytest.raises(NoPaths):
            journeys(plain)
    planned = journeys(plain) if expected - REFRESH else ()
    journeys_by_flow = {each.path.transitions[0].response.auth_flow: each for each in planned}

    assert allowed_by_settings(settings) == expected
    assert allowed_by_settings(plain) == expected
    assert drawn_flows(settings) == expected
    assert accepted_by_pool(pool) == expected
    assert {flow for flow in REQUIRED_VALUE if pool.app_client.allows(flow)} == expected
    assert flows == expected - REFRESH
    assert set(journeys_by_flow) == expected - REFRESH
    for journey in journeys_by_flow.values():
        assert journey.run(key=signing_key).tokens is not None


@pytest.mark.parametrize(
    ("values", "amount_to"),
    [
        ((), {"ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}),
        (
            ("ADMIN_NO_SRP_AUTH",),
            {"ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"},
        ),
        (("CUSTOM_AUTH_FLOW_ONLY",), {"ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}),
        (
            ("CUSTOM_AUTH_FLOW_ONLY", "USER_PASSWORD_AUTH"),
            {"ALLOW_USER_PASSWORD_AUTH", "ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"},
        ),
        (("ALLOW_USER_AUTH",), {"ALLOW_USER_AUTH"}),
    ],
)
def test_current_values_of_legacy_values(values: Values, amount_to: set[str]) -> None:
    """A legacy value adds to SRP, CUSTOM_AUTH and refreshing; CUSTOM_AUTH_FLOW_ONLY removes SRP."""
    assert current_values(values) == amount_to


def test_every_flow_of_the_table_has_its_value() -> None:
    """Each AuthFlow of the table is allowed by a value, and no other flow is."""
    assert set(REQUIRED_VALUE) == {r.auth_flow for r in PROTOCOL[S.START] if r.auth_flow}
    assert set(REQUIRED_VALUE.values()) == set(CURRENT_VALUES)


def test_legacy_and_current_values_do_not_mix() -> None:
    """Settings, descriptions and pool refuse every mixture, and say what to do."""
    for values in MIXED:
        client = {"ExplicitAuthFlows": list(values)}
        for make in (
            lambda: PoolSettings(explicit_auth_flows=values),  # noqa: B023 - called at once
            lambda: PoolSettings.from_descriptions({}, client),  # noqa: B023 - the same
            lambda: LocalPool.like({}, client, {}),  # noqa: B023 - the same
        ):
            with pytest.raises(ValueError, match=r"explicit_auth_flows has the legacy values .* replace"):
                make()
    with pytest.raises(BadField):
        PoolSettings(explicit_auth_flows=MIXED[0])


def test_an_unknown_value_allows_nothing(signing_key: RSAKey) -> None:
    """An app client with only an unknown value does not get the default: it allows no flow."""
    client = {"ExplicitAuthFlows": ["ALLOW_TOKEN_EXCHANGE_DELEGATION"]}
    pool = LocalPool.like({}, client, {}, key=signing_key)

    assert accepted_by_pool(pool) == set()
    assert allowed_by_settings(PoolSettings.from_descriptions({}, client)) == set()
