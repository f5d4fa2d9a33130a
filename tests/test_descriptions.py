"""Descriptions of a pool: one reader; null counts as absent; errors name the member."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from generate_members import description_members, merge
from joserfc.jwk import RSAKey
from test_local_descriptions import MFA_CONFIG, USER_POOL, USER_POOL_CLIENT

from authfsm.base.secret import Secret
from authfsm.checks import PoolDescription, SignInPaths, review
from authfsm.cli import app
from authfsm.diagrams import diagram
from authfsm.journeys import journeys
from authfsm.local import LocalPool
from authfsm.local.server import config
from authfsm.protocol.errors import BadField
from authfsm.settings import PoolSettings
from authfsm.settings.descriptions import Descriptions

MODEL = json.loads(files("authfsm.settings").joinpath("descriptions.json").read_bytes())
Shape = dict[str, Any]

# What each kind of text must look like, where a pool looks at it.
_TEXTS = {
    "MfaConfiguration": "ON",
    "UserPoolTier": "PLUS",
    "Id": "eu-west-1_AbCdEfGhI",
    "UserPoolId": "eu-west-1_AbCdEfGhI",
    "AllowedFirstAuthFactors": "PASSWORD",
    "AliasAttributes": "email",
    "UsernameAttributes": "email",
    "AutoVerifiedAttributes": "email",
    "AttributesRequireVerificationBeforeUpdate": "email",
    "ExplicitAuthFlows": "ALLOW_USER_SRP_AUTH",
    "PreventUserExistenceErrors": "ENABLED",
    "AccessToken": "minutes",
    "IdToken": "hours",
    "RefreshToken": "days",
    "AttributeDataType": "String",
    "MinLength": "1",
    "MaxLength": "9",
    "MinValue": "1",
    "MaxValue": "9",
    "FactorConfiguration": "MULTI_FACTOR_WITH_USER_VERIFICATION",
    "UserVerification": "required",
    "Feature": "ENABLED",
    "LambdaVersion": "V2_0",
    "AdvancedSecurityMode": "ENFORCED",
    "EmailSendingAccount": "DEVELOPER",
}
_NUMBERS = {"AuthSessionValidity": 7, "MinimumLength": 11, "PasswordHistorySize": 2}


def sample(model: Any, name: str = "") -> Any:  # noqa: PLR0911 - one for each kind
    """Return a value with every member of the model, none with its default."""
    match model:
        case {"*": each}:
            return {"Level2": sample(each, name)} if name == "AcrConfiguration" else {"k": sample(each)}
        case dict():
            return {n: sample(each, n) for n, each in model.items()}
        case [each]:
            return [sample(each, name)]
        case str() if model.startswith("string"):
            fallback = model.partition(": ")[2].partition(", ")[0] or "s"
            return _TEXTS.get(name, "verified_email" if name == "Name" else fallback)
        case str() if model.startswith("integer"):
            return _NUMBERS.get(name, 5)
        case "timestamp":
            return 1.5
        case _:
            return name != "EnableTokenRevocation"


EVERY_MEMBER = {name: sample(part, name) for name, part in MODEL.items()}
REAL_POOL = copy.deepcopy({"UserPool": USER_POOL, "UserPoolClient": USER_POOL_CLIENT, "MfaConfig": MFA_CONFIG})
REAL_POOL["MfaConfig"].pop("ResponseMetadata")


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Return the path of every member at every depth."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield (*path, name)
            yield from places(each, (*path, name))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from places(each, (*path, number))


def without_member(descriptions: Shape, path: tuple[Any, ...], *, absent: bool) -> Shape:
    """Return a copy in which one member is null, or absent."""
    changed = copy.deepcopy(descriptions)
    container: Any = changed
    for name in path[:-1]:
        container = container[name]
    if absent:
        del container[path[-1]]
    else:
        container[path[-1]] = None
    return changed


def outcome(descriptions: Shape, key: RSAKey) -> Any:
    """Return the results of settings, review and pool for descriptions, or their errors."""

    def result_of(make: Any) -> Any:
        try:
            return make()
        except ValueError as error:
            return type(error), str(error)

    def pool() -> Any:
        accept = "contradictory-settings"  # every member at once
        built = LocalPool.like(descriptions, key=key, pool_id="eu-west-1_A", client_id="c", accept=accept)
        secret = built.client_secret
        app_client = repr(built.app_client), secret is None or secret.reveal() == "s"
        replies = [
            built.answer(name, {"UserPoolId": built.pool_id, "ClientId": "c"})
            for name in ("DescribeUserPool", "DescribeUserPoolClient", "GetUserPoolMfaConfig")
        ]
        return built.configuration, app_client, built.unsupported_settings, replies

    built = (PoolSettings, PoolDescription)
    return [*(result_of(lambda kind=kind: kind.from_descriptions(descriptions)) for kind in built), result_of(pool)]


@pytest.mark.parametrize("descriptions", [EVERY_MEMBER, REAL_POOL], ids=["every member", "a real pool"])
def test_one_null_member_equals_its_absence(descriptions: Shape, signing_key: RSAKey) -> None:
    """A null member, at every depth, counts as absent in settings, review and pool."""
    usual = outcome(descriptions, signing_key)
    assert not any(isinstance(each, tuple) and isinstance(each[0], type) for each in usual)
    for path in places(descriptions):
        null = outcome(without_member(descriptions, path, absent=False), signing_key)
        assert null == outcome(without_member(descriptions, path, absent=True), signing_key), path


@pytest.mark.parametrize(
    ("member", "arguments"),
    [
        ("UserPool", [{"UserPoolClient": EVERY_MEMBER["UserPoolClient"]}]),
        ("UserPool", [{"UserPool": None, "MfaConfig": {}}]),
        ("UserPool", [{"Id": "eu-west-1_A", "MfaConfig": {}}]),
        ("MfaConfig", [{"UserPool": {}, "MfaConfig": {}, "MfaConfiguration": "ON"}]),
        ("MfaConfig", [{"UserPool": {}, "MfaConfig": {}, "UserPoolMfaConfig": {"MfaConfiguration": "ON"}}]),
        ("MfaConfig", [{"UserPool": {}, "MfaConfiguration": "ON"}, None, {"MfaConfiguration": "OFF"}]),
        ("UserPoolClient", [{"UserPool": {}, "UserPoolClient": {}}, {"ClientId": "c"}]),
    ],
)
def test_a_missing_or_repeated_description_is_refused(member: str, arguments: list[Any]) -> None:
    """Descriptions without UserPool, or with one of them twice, raise BadField: none is assumed or ignored."""
    with pytest.raises(BadField) as caught:
        Descriptions.parse(*arguments)
    assert caught.value.field == member


@pytest.mark.parametrize("part", list(MODEL))
def test_only_null_members_equal_no_members(part: str, signing_key: RSAKey) -> None:
    """A description whose members are all null equals one without members."""
    null = {**EVERY_MEMBER, part: dict.fromkeys(EVERY_MEMBER[part])}

    assert outcome(null, signing_key) == outcome({**EVERY_MEMBER, part: {}}, signing_key)
    every = {name: dict.fromkeys(EVERY_MEMBER[name]) for name in EVERY_MEMBER}
    assert outcome(every, signing_key) == outcome({n: {} for n in EVERY_MEMBER}, signing_key)


def test_the_model_is_that_of_botocore() -> None:
    """The model has every member of this botocore, and of a newer one."""
    assert merge(MODEL, description_members()) == MODEL


def test_each_wrong_type_names_the_member() -> None:
    """A member of another type raises a BadField with its name, and without its value."""
    for path in places(EVERY_MEMBER):
        changed_copy = copy.deepcopy(EVERY_MEMBER)
        at: Any = changed_copy
        for name in path[:-1]:
            at = at[name]
        at[path[-1]] = {1, 2}
        named = ".".join(str(each + 1) if isinstance(each, int) else each for each in path)
        for make in (PoolSettings.from_descriptions, PoolDescription.from_descriptions, LocalPool.like):
            with pytest.raises(BadField) as caught:
                make(changed_copy)
            assert named in str(caught.value)
    wrongs: Any = ([], "UserPool", 7)
    for wrong in wrongs:
        with pytest.raises(BadField):
            PoolSettings.from_descriptions(wrong)


def test_impossible_values_are_errors() -> None:
    """An unknown unit, an infinite time, or a mechanism or attribute without a name is an error."""
    cases: list[tuple[Shape, Shape, str]] = [
        ({}, {"RefreshTokenValidity": 1, "TokenValidityUnits": {"RefreshToken": "years"}}, "RefreshToken"),
        ({}, {"RefreshTokenValidity": 10**12}, "RefreshTokenValidity"),
        ({"AccountRecoverySetting": {"RecoveryMechanisms": [{"Priority": 1}]}}, {}, "RecoveryMechanisms"),
    ]  # fmt: skip
    for pool, client, named in cases:
        for make in (PoolDescription.from_descriptions, LocalPool.like):
            with pytest.raises(BadField, match=named):
                make(pool, client, {})
    schema: Shape = {"Name": "custom:a", "NumberAttributeConstraints": {"MinValue": "one"}}
    for attribute in ({"Mutable": True}, schema):
        with pytest.raises(BadField, match="SchemaAttributes"):
            LocalPool.like({"SchemaAttributes": [attribute]}, {}, {})


def run_command(command: str, file: Path) -> list[str]:
    """Return a command that reads a pool's settings, and writes files next to them."""
    output_options = ["-o", str(file.with_suffix(".dot"))] if command == "draw" else []
    return [command, "--settings", str(file), *output_options]


# ---- output of SDKs and tools -------------------------------------------------------------------------------

GO_SDK: Shape = {
    "UserPool": {**dict.fromkeys(MODEL["UserPool"]), "Id": "us-east-1_1a2b3c4d5", "MfaConfiguration": "OFF",
                 "LambdaConfig": dict.fromkeys(MODEL["UserPool"]["LambdaConfig"]), "UserPoolTier": "ESSENTIALS",
                 "Policies": {"PasswordPolicy": {"MinimumLength": 8, "PasswordHistorySize": None}, "SignInPolicy": None}},
    "ResultMetadata": {},
}  # fmt: skip
MFA_OFF: Shape = {
    "UserPool": {
        "Id": "us-east-1_1a2b3c4d5",
        "MfaConfiguration": "OFF",
        "LambdaConfig": {},
        "UserPoolTier": "ESSENTIALS",
        "Policies": {"PasswordPolicy": {"MinimumLength": 8}},
    }
}
_TOTP = {"MfaConfiguration": "ON", "SoftwareTokenMfaConfiguration": {"Enabled": True}}
_CLIENT = {"ClientId": "1example23456789", "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]}  # fmt: skip
NULL_FACTORS: Shape = {
    "UserPool": {"Id": "us-east-1_Ab1Cd2Ef3", "MfaConfiguration": "ON", "UsernameAttributes": ["email"]},
    "UserPoolClient": _CLIENT,
    "MfaConfig": {**_TOTP, "SmsMfaConfiguration": None, "EmailMfaConfiguration": None},
}  # fmt: skip
TOTP_ONLY: Shape = {**NULL_FACTORS, "MfaConfig": _TOTP}


@pytest.mark.parametrize(
    ("with_null", "without_null"), [(GO_SDK, MFA_OFF), (NULL_FACTORS, TOTP_ONLY)], ids=["MFA off", "TOTP only"]
)
def test_commands_treat_null_as_absent(
    with_null: Shape, without_null: Shape, tmp_path: Path, signing_key: RSAKey
) -> None:
    """Commands read a pool as the SDK for Go prints it, and one with null factors."""
    settings_with_null, settings_without_null = (
        PoolSettings.from_descriptions(each) for each in (with_null, without_null)
    )
    file = tmp_path / "pool.json"
    file.write_text(json.dumps(with_null))
    served = config.read_config(file).pool(key=signing_key)

    assert settings_with_null == settings_without_null
    assert str(diagram(settings=settings_with_null)) == str(diagram(settings=settings_without_null))
    assert [(f.id, f.why) for f in review(with_null)] == [(f.id, f.why) for f in review(without_null)]
    assert list(SignInPaths(settings_with_null)) == list(SignInPaths(settings_without_null))
    planned, others = journeys(with_null), journeys(without_null)
    assert [str(each) for each in planned] == [str(each) for each in others]
    for journey in planned:
        assert journey.run(key=signing_key).tokens is not None
    assert served.configuration.mfa == settings_with_null.mfa_configuration
    if settings_with_null.software_token_mfa is not None:
        assert served.configuration.mfa_methods == ("SOFTWARE_TOKEN_MFA",)
    for command in ("draw", "check", "paths"):
        ran = CliRunner().invoke(app, run_command(command, file))
        assert ran.exit_code in {0, 1}, ran.output
        assert ran.exception is None or isinstance(ran.exception, SystemExit)
        assert "cannot be read" not in ran.output


MERGED = {**{n: v for n, v in TOTP_ONLY.items() if n != "MfaConfig"}, **_TOTP}


@pytest.mark.parametrize(
    "descriptions",
    [
        MERGED,
        {**MERGED, "ResponseMetadata": {"HTTPStatusCode": 200}, "$metadata": {}},
        {**MERGED, "MfaConfiguration": None},
        {**TOTP_ONLY, "MfaConfig": None, "UserPoolMfaConfig": _TOTP},
    ],
    ids=["merged", "with metadata", "with the pool's own mode", "under its longer name"],
)
def test_all_three_in_one_mapping(descriptions: Shape, signing_key: RSAKey) -> None:
    """GetUserPoolMfaConfig's members may stand next to UserPool, in one merged file."""
    settings = PoolSettings.from_descriptions(descriptions)
    pool = LocalPool.like(descriptions, key=signing_key)

    assert settings == PoolSettings.from_descriptions(TOTP_ONLY)
    assert settings.unknown_members == ()
    assert (pool.configuration.mfa, pool.configuration.mfa_methods) == ("ON", ("SOFTWARE_TOKEN_MFA",))
    assert pool.client_id == "1example23456789"


def test_a_bare_pool_may_hold_the_mfa_configuration() -> None:
    """A UserPool merged with GetUserPoolMfaConfig's reply, without names around them."""
    bare = {**TOTP_ONLY["UserPool"], **_TOTP}

    settings = PoolSettings.from_descriptions(bare, TOTP_ONLY["UserPoolClient"])

    assert settings == PoolSettings.from_descriptions(TOTP_ONLY)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_encodings_of_files(encoding: str, tmp_path: Path) -> None:
    """Commands and the server read UTF-16, which PowerShell writes, and a byte order mark."""
    file = tmp_path / "pool.json"
    file.write_bytes(json.dumps(TOTP_ONLY).encode(encoding))

    ran = CliRunner().invoke(app, ["paths", "--settings", str(file)])

    assert ran.exit_code == 0, ran.output
    assert config.read_config(file).settings["mfa"] == "ON"


def test_unknown_members_are_named(tmp_path: Path, signing_key: RSAKey) -> None:
    """Settings, pool and commands name them at every depth; they change nothing else."""
    descriptions = copy.deepcopy(TOTP_ONLY)
    descriptions["Tomorrow"] = 1
    descriptions["UserPool"] |= {"Tomorrows": {"a": None}, "Policies": {"NextPolicy": {}}}
    descriptions["MfaConfig"]["PigeonMfaConfiguration"] = {}
    names = ("UserPool.Tomorrows", "UserPool.Policies.NextPolicy", "MfaConfig.PigeonMfaConfiguration", "Tomorrow")
    file = tmp_path / "pool.json"
    file.write_text(json.dumps(descriptions))
    settings = PoolSettings.from_descriptions(descriptions)

    assert sorted(settings.unknown_members) == sorted(names)
    assert settings == PoolSettings.from_descriptions(TOTP_ONLY)
    pool = LocalPool.like(descriptions, key=signing_key)
    for name in names:
        assert any(message.startswith(f"{name.removeprefix('UserPool.')}:") for message in pool.unsupported_settings)
    for command in ("draw", "check", "paths"):
        ran = CliRunner().invoke(app, run_command(command, file))
        for name in names:
            assert name in " ".join(ran.output.split())


def test_a_command_names_a_member_of_the_wrong_type(tmp_path: Path) -> None:
    """A command fails with one line for a member of the wrong type."""
    file = tmp_path / "pool.json"
    file.write_text(json.dumps({"UserPool": {"Policies": {"SignInPolicy": []}}}))
    for command in ("draw", "check", "paths"):
        ran = CliRunner().invoke(app, run_command(command, file))

        assert ran.exit_code == 1
        assert "UserPool.Policies.SignInPolicy must be a structure" in " ".join(ran.output.split())


def test_the_client_secret_is_wrapped() -> None:
    """The client secret is wrapped at once; neither repr nor errors show it."""
    descriptions = Descriptions.parse({}, {"ClientSecret": "s3cret-of-the-client"})
    client: Mapping[str, Any] = descriptions.user_pool_client or {}

    assert isinstance(client["ClientSecret"], Secret)
    assert "s3cret" not in repr(descriptions)
    assert Descriptions.parse(descriptions.parts()) == descriptions
    with pytest.raises(BadField) as caught:
        Descriptions.parse({}, {"ClientSecret": ["s3cret-of-the-client"]})
    assert "s3cret" not in str(caught.value)
