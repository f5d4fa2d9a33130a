"""The review of a pool: each finding has a path, a source and remediations that fix it; a strict pool has none."""

from __future__ import annotations

import json
from datetime import timedelta
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs
import pytest
from conftest import lacking
from example_descriptions import (
    EVERYTHING_WRONG,
    GALLERY,
    SMS,
    TOTP,
    TRIGGERS,
    Descriptions,
    pool_descriptions,
    with_remediation,
)

from authfsm import PoolSettings
from authfsm.checks import RULES, PoolDescription, Severity, not_reviewed, review
from authfsm.checks.findings import Origin, sarif
from authfsm.diagrams.example_pools import EXAMPLE_POOLS
from authfsm.local import LocalCognito, LocalPool
from authfsm.protocol.errors import BadField


def finding_paths(descriptions: Descriptions) -> dict[str, str]:
    """Return the ids of the findings with their paths."""
    return {each.id: str(each.path) for each in review(descriptions)}


@pytest.mark.parametrize("name", GALLERY)
def test_the_descriptions_are_those_of_the_example_pools(name: str) -> None:
    """The descriptions match the example pools of the gallery, and add the members that a review reads."""
    settings = PoolDescription.from_descriptions(*GALLERY[name].values()).settings

    expected = EXAMPLE_POOLS[name][0]
    assert settings.possible() == expected.possible()
    assert settings.mfa_configuration == expected.mfa_configuration


def test_the_example_pools() -> None:
    """Each example pool has the expected findings; the strict one has none."""
    srp = "START -user_srp_auth-> PASSWORD_VERIFIER -srp_claim->"

    assert {name: finding_paths(descriptions) for name, descriptions in GALLERY.items()} == {
        "mfa_off": {"mfa-off": f"{srp} AUTHENTICATED"},
        "mfa_optional": {
            "mfa-unenforced": f"{srp} AUTHENTICATED",
            "text-messages": f"{srp} SMS_MFA -code-> AUTHENTICATED",
        },
        "mfa_required": {},
        "passwordless": {"mfa-off": "START -user_auth_with_password-> AUTHENTICATED"},
        "custom": {"mfa-off": "START -custom_srp_auth-> PASSWORD_VERIFIER -srp_claim-> AUTHENTICATED"},
    }


def test_an_unknown_setting_is_not_stated_as_a_fact() -> None:
    """The reason for `mfa-unenforced` says whether AdvancedSecurityMode is unknown or not ENFORCED."""
    for mode, why in ((None, "is not known to be ENFORCED"), ("AUDIT", "is not ENFORCED")):
        settings = PoolSettings(mfa_configuration="OPTIONAL", advanced_security_mode=mode)
        (found,) = (each for each in review(PoolDescription(settings=settings)) if each.id == "mfa-unenforced")
        assert found.why == f"MfaConfiguration is OPTIONAL, and AdvancedSecurityMode {why}"


def test_a_pool_with_everything_wrong() -> None:
    """The findings are sorted by severity, and each has its own shortest path."""
    password = "START -user_password_auth->"

    assert [(each.id, str(each.severity), str(each.path)) for each in review(EVERYTHING_WRONG)] == [
        ("custom-auth-without-mfa", "high", "START -custom_auth-> AUTHENTICATED"),
        ("recovery-same-as-mfa", "high", f"{password} FAILED"),
        ("nothing-to-enrol", "medium", f"{password} MFA_SETUP"),
        ("plain-password-allowed", "medium", f"{password} SMS_MFA -code-> AUTHENTICATED"),
        ("implicit-flow", "medium", "START"),
        ("short-passwords", "medium", f"{password} SMS_MFA -code-> AUTHENTICATED"),
        ("user-existence", "medium", "START -user_srp_auth-> FAILED"),
        (
            "tokens-not-revocable",
            "medium",
            "START -custom_auth-> AUTHENTICATED -get_tokens_from_refresh_token-> AUTHENTICATED",
        ),
        ("long-refresh", "medium", "START -custom_auth-> AUTHENTICATED -get_tokens_from_refresh_token-> AUTHENTICATED"),
        ("long-session", "low", f"{password} NEW_PASSWORD_REQUIRED"),
        ("text-messages", "note", f"{password} SMS_MFA -code-> AUTHENTICATED"),
    ]


WRONG = {
    **{name: descriptions for name, descriptions in GALLERY.items() if name != "mfa_required"},
    "everything": EVERYTHING_WRONG,
    "one phone for all": pool_descriptions("ON", "USER_SRP_AUTH", SMS),
    "by risk": pool_descriptions(
        "OPTIONAL", "USER_SRP_AUTH", TOTP, {"UserPoolAddOns": {"AdvancedSecurityMode": "ENFORCED"}}
    ),
    "one-time passwords by SMS": pool_descriptions(
        "OFF", "USER_AUTH", pool={"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "SMS_OTP"]}}}
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_each_remediation_fixes_its_finding(name: str) -> None:
    """A remediation fixes its finding, alone and after all others."""
    descriptions = WRONG[name]
    for each in review(descriptions):
        for remediation in each.remediations:
            assert each.id not in finding_paths(with_remediation(descriptions, remediation)), (
                each.id,
                str(remediation),
            )
    strict = descriptions
    while todo := review(strict):
        assert todo[0].remediations, todo[0]
        strict = with_remediation(strict, todo[0].remediations[0])
    assert finding_paths(strict) == {}


def test_every_rule_but_one_finds_something() -> None:
    """Each rule finds something in one of these pools, except that no pool violates an invariant."""
    met = {name for descriptions in WRONG.values() for name in finding_paths(descriptions)}

    assert {each.id for each in RULES} - met == {"invariant"}
    assert all(each.source.startswith("https://") for each in RULES)


def test_missing_descriptions_cause_no_findings() -> None:
    """Without the app client's description there are no findings about it; without any description there are none."""
    assert review(PoolDescription()) == ()
    pool_alone = {"UserPool": EVERYTHING_WRONG["UserPool"], "MfaConfig": EVERYTHING_WRONG["MfaConfig"]}
    assert set(finding_paths(pool_alone)) == {
        "recovery-same-as-mfa",
        "nothing-to-enrol",
        "short-passwords",
        "text-messages",
    }


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"AllowedOAuthFlowsUserPoolClient": True, "AllowedOAuthFlows": ["implicit"]}, {"implicit-flow"}),
        ({"AllowedOAuthFlows": ["implicit", "code"]}, {"implicit-flow"}),
        ({"AllowedOAuthFlowsUserPoolClient": True, "AllowedOAuthFlows": ["code"]}, set()),
        ({"AllowedOAuthFlowsUserPoolClient": False, "AllowedOAuthFlows": ["implicit"]}, set()),
        ({"AllowedOAuthFlowsUserPoolClient": True}, set()),
    ],
)
def test_the_implicit_flow(settings: Descriptions, expected: set[str]) -> None:
    """The implicit flow is found where the app client uses OAuth, although no path of the API shows it."""
    descriptions = pool_descriptions("ON", "USER_SRP_AUTH", TOTP, **settings)
    assert set(finding_paths(descriptions)) == expected
    if expected:
        (finding,) = review(descriptions)
        assert finding.why == "AllowedOAuthFlows has implicit"
        assert str(finding.remediations[0]) == (
            'UpdateUserPoolClient: AllowedOAuthFlows = ["code"]; repeat the other settings, because Cognito resets'
            " what is omitted"
        )
        results = sarif([finding], Origin("a pool"))["runs"][0]["results"]
        assert results[0]["codeFlows"][0]["threadFlows"][0]["locations"][0]["location"]["message"]["text"] == "START"


@pytest.mark.parametrize(("length", "short"), [(6, True), (7, True), (8, False), (99, False), (None, False)])
@pytest.mark.parametrize("flow", ["USER_SRP_AUTH", "CUSTOM_AUTH"])
def test_short_passwords(length: int | None, flow: str, *, short: bool) -> None:
    """A minimum of fewer than eight characters is found if users sign in with passwords; the default is unknown."""
    policy = {"Policies": {"PasswordPolicy": {"MinimumLength": length}}}
    descriptions = pool_descriptions("ON", flow, TOTP, policy)
    assert ("short-passwords" in finding_paths(descriptions)) is (short and flow == "USER_SRP_AUTH")


@pytest.mark.parametrize("reply", ["UserPoolClient", "MfaConfig"])
def test_findings_that_a_missing_reply_hides_are_named(reply: str) -> None:
    """Without a reply, exactly the rules that need it find nothing, and `not_reviewed` names them."""
    hidden: set[str] = set()
    for name, descriptions in WRONG.items():
        fewer = {part: each for part, each in descriptions.items() if part != reply}
        hidden |= finding_paths(descriptions).keys() - finding_paths(fewer).keys()
        (statement,) = (each for each in not_reviewed(fewer) if each.startswith(reply))
        names = set(statement.partition("not at all: ")[2].split(", "))
        # AllowedFirstAuthFactors, which may have SMS_OTP, is in UserPool.
        assert names & finding_paths(fewer).keys() <= {"text-messages"}, name
        assert not_reviewed(descriptions) == ()
    assert hidden == names == {each.id for each in RULES if each.needs == reply}


def test_adaptive_authentication_is_only_a_note() -> None:
    """If threat protection may require MFA, the review only notes that it does not read the risk configuration."""
    adaptive = {"UserPoolAddOns": {"AdvancedSecurityMode": "ENFORCED"}}

    descriptions = pool_descriptions("OPTIONAL", "USER_SRP_AUTH", TOTP, adaptive)
    assert [(each.id, str(each.severity)) for each in review(descriptions)] == [("mfa-by-risk", "note")]


def test_custom_auth_without_mfa_needs_functions_and_mfa() -> None:
    """The finding requires Lambda functions, CUSTOM_AUTH, and MFA."""
    pool = {"LambdaConfig": TRIGGERS}

    assert "custom-auth-without-mfa" in finding_paths(pool_descriptions("ON", "CUSTOM_AUTH", TOTP, pool))
    assert finding_paths(pool_descriptions("ON", "CUSTOM_AUTH", TOTP)) == {}
    assert "custom-auth-without-mfa" not in finding_paths(pool_descriptions("OFF", "CUSTOM_AUTH", TOTP, pool))


def test_unknown_functions_are_not_named_as_a_reason() -> None:
    """Without LambdaConfig nothing is known of the functions, so nothing is found of them."""
    settings = PoolSettings(mfa_configuration="ON", explicit_auth_flows=frozenset({"ALLOW_CUSTOM_AUTH"}))

    assert "custom-auth-without-mfa" not in {each.id for each in review(PoolDescription(settings=settings))}


@pytest.mark.parametrize(
    ("validity", "text"),
    [
        (timedelta(days=90), "90 days"),
        (timedelta(hours=721), "30 days, 1:00:00"),
        (timedelta(minutes=43_201), "30 days, 0:01:00"),
    ],
)
def test_a_long_validity_is_written_exactly(validity: timedelta, text: str) -> None:
    """The reason of `long-refresh` has the exact validity, in whatever unit it was set."""
    pool = attrs.evolve(
        PoolDescription.from_descriptions(*pool_descriptions("OFF", "USER_SRP_AUTH", TOTP).values()),
        refresh_token_validity=validity,
    )

    whys = [each.why for each in review(pool) if each.id == "long-refresh"]
    assert whys == [f"RefreshTokenValidity is {text}"]


@pytest.mark.parametrize(
    ("primary", "mfa", "locked_out"),
    [
        ("verified_phone_number", SMS, True),
        ("verified_email", SMS, False),
        ("verified_phone_number", {**SMS, **TOTP}, False),
        ("admin_only", SMS, False),
    ],
)
def test_a_reported_lock_out_occurs(primary: str, mfa: Descriptions, locked_out: bool) -> None:  # noqa: FBT001 - a parameter
    """Where the review reports that users are locked out, the local pool locks them out, and only there."""
    recovery = {"RecoveryMechanisms": [{"Priority": 1, "Name": primary}]}
    descriptions = pool_descriptions(
        "ON", "USER_PASSWORD_AUTH", mfa, {"AccountRecoverySetting": recovery}, AuthSessionValidity=3
    )
    pool = LocalPool.like(*descriptions.values())
    pool.add_user("ada", "Correct-Horse-1", email="ada@example.com", phone_number="+15555550143")

    def signs_in() -> Any:
        return pool.client().initiate_auth(
            ClientId=pool.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "ada", "PASSWORD": "Correct-Horse-1"},
        )

    assert ("recovery-same-as-mfa" in finding_paths(descriptions)) is locked_out
    if locked_out:
        with pytest.raises(pool.client().exceptions.ClientError):
            signs_in()
    else:
        assert signs_in()["ChallengeName"] in {"SMS_MFA", "MFA_SETUP"}


def test_a_pool_is_described_by_boto3() -> None:
    """Descriptions from a boto3 client are reviewed like saved ones."""
    pool = LocalPool.like(*EVERYTHING_WRONG.values())

    description = PoolDescription.describe(pool.client(), pool.pool_id, pool.client_id)
    assert [each.id for each in review(description)] == [each.id for each in review(EVERYTHING_WRONG)]
    assert description.auth_session_validity == timedelta(minutes=15)
    assert description.account_recovery == ("verified_phone_number", "verified_email")


def test_an_invalid_description_is_refused() -> None:
    """A mapping that is no description raises a typed error."""
    with pytest.raises(BadField):
        review({"UserPool": {"MfaConfiguration": "MAYBE"}})


def test_lifetimes_have_units() -> None:
    """The validity of a refresh token is read with its unit; the default is thirty days."""

    def lives(**client: Any) -> timedelta | None:
        return PoolDescription.from_descriptions({}, client).refresh_token_validity

    assert lives() == lives(RefreshTokenValidity=0) == timedelta(days=30)
    assert lives(RefreshTokenValidity=365) == timedelta(days=365)
    hours = {"TokenValidityUnits": {"RefreshToken": "hours"}}
    assert lives(RefreshTokenValidity=24, **hours) == timedelta(days=1)


def test_one_phone_for_recovery_and_mfa_is_found() -> None:
    """By default, one phone number resets the password and is the second factor: the review reports it."""
    descriptions = pool_descriptions("ON", "USER_SRP_AUTH", SMS)
    recovery = {"RecoveryMechanisms": [{"Priority": 1, "Name": "verified_email"}]}
    descriptions["UserPool"].pop("AccountRecoverySetting", None)

    (phone,) = (each for each in review(descriptions) if each.id == "recovery-by-mfa-phone")
    assert (str(phone.severity), str(phone.path)) == (
        "high",
        "START -user_srp_auth-> PASSWORD_VERIFIER -srp_claim-> SMS_MFA -code-> AUTHENTICATED",
    )
    assert "recovery-by-mfa-phone" not in finding_paths(with_remediation(descriptions, phone.remediations[0]))
    for otherwise in (
        pool_descriptions("ON", "USER_SRP_AUTH", SMS, {"AccountRecoverySetting": recovery}),
        pool_descriptions("ON", "USER_SRP_AUTH", {**SMS, **TOTP}),
        pool_descriptions("OFF", "USER_SRP_AUTH", SMS),
    ):
        assert "recovery-by-mfa-phone" not in finding_paths(otherwise)


# ---- SARIF ------------------------------------------------------------------------------------------------


def test_sarif_follows_its_schema() -> None:
    """The log has only what the official schema of SARIF 2.1.0 allows."""
    if find_spec("pydantic_sarif") is None:
        lacking("pydantic-sarif, the models of SARIF's schema")
    # A bare machine may lack it; it has no types.
    allowed: Any = import_module("pydantic_sarif.model").StaticAnalysisResultsFormatSarifVersion210JsonSchema

    log = sarif(review(EVERYTHING_WRONG), Origin("a pool", "pool.json", "{}"))
    assert allowed.model_validate_json(json.dumps(log)).version.value == "2.1.0"
    log["runs"][0]["results"][0]["lokations"] = []
    with pytest.raises(ValueError, match="lokations"):
        allowed.model_validate_json(json.dumps(log))


def test_sarif_contains_every_finding() -> None:
    """Each finding is a result of its rule, at its line in the file, with its path as a code flow."""
    text = json.dumps(EVERYTHING_WRONG, indent=2)
    every = review(EVERYTHING_WRONG)
    log = sarif(every, Origin("pool", "pool.json", text))

    (run,) = log["runs"]
    rules = [each["id"] for each in run["tool"]["driver"]["rules"]]
    assert rules == [each.id for each in every]
    for number, (result, finding) in enumerate(zip(run["results"], every, strict=True)):
        assert (result["ruleId"], result["ruleIndex"]) == (finding.id, number)
        (flow,) = result["codeFlows"][0]["threadFlows"]
        assert len(flow["locations"]) == len(finding.path) + 1
        assert result["properties"]["source"] == finding.source
        (place,) = result["locations"]
        line = text.splitlines()[place["physicalLocation"]["region"]["startLine"] - 1]
        field = next(iter(finding.remediations[0].settings)).partition(".")[0]
        assert f'"{field}"' in line or line == "{"
    assert {each["level"] for each in run["results"]} == {"error", "warning", "note"}
    assert len({json.dumps(each["partialFingerprints"]) for each in run["results"]}) == len(every)


@pytest.mark.parametrize(
    ("origin", "artifact"),
    [
        # GitHub refuses a result without a file, and a URI that is none.
        (Origin("eu-west-1_AbC"), {"uri": "eu-west-1_AbC", "uriBaseId": "%SRCROOT%"}),
        (Origin("p", "aws/my pool.json"), {"uri": "aws/my%20pool.json", "uriBaseId": "%SRCROOT%"}),
        (Origin("p", str(Path.cwd() / "pool.json")), {"uri": "pool.json", "uriBaseId": "%SRCROOT%"}),
        (Origin("p", "/no where/p.json"), {"uri": "file:///no%20where/p.json"}),
        (Origin("p", "../p.json"), {"uri": (Path.cwd().parent / "p.json").as_uri()}),
        (Origin("p", f"{Path.cwd()}/aws/../p.json"), {"uri": "p.json", "uriBaseId": "%SRCROOT%"}),
    ],
)
def test_sarif_locations_name_a_file(origin: Origin, artifact: dict[str, str]) -> None:
    """Every location of every result names a file, by a URI relative to the repository."""
    log = sarif(review(EVERYTHING_WRONG), origin)

    for result in log["runs"][0]["results"]:
        (flow,) = result["codeFlows"][0]["threadFlows"]
        places = [*result["locations"], *(each["location"] for each in flow["locations"])]
        assert [each["physicalLocation"]["artifactLocation"] for each in places] == [artifact for _ in places]
        assert set(result["partialFingerprints"]) == {"primaryLocationLineHash"}
    for rule in log["runs"][0]["tool"]["driver"]["rules"]:
        assert {"id", "shortDescription", "fullDescription", "help"} <= set(rule)


def test_the_line_of_a_field() -> None:
    """The line is the first one with a member of this name, as editors count lines; without a field it is 1."""
    text = '{\n"A": "",\n"B": "D\u2028\f",\n"C": "D",\n"D": 1}'
    origin = Origin("p", "p.json", text)
    assert [origin.line(each) for each in ("", "A", "C", "D", "E")] == [1, 2, 4, 5, 1]


MFA_SETTINGS: dict[str, Any] = {
    "SmsMfaConfiguration": {
        "SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::111111111111:role/x", "ExternalId": "e"}
    },
    "SoftwareTokenMfaConfiguration": {"Enabled": True},
    "WebAuthnConfiguration": {"RelyingPartyId": "example.com", "UserVerification": "preferred"},
}


def test_required_mfa_and_passkeys() -> None:
    """The change that requires MFA keeps passkeys as first factor, and lets them satisfy MFA, as Cognito demands."""
    client = LocalCognito().client()
    policies = {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}}
    pool_id = client.create_user_pool(PoolName="p", Policies=policies)["UserPool"]["Id"]
    client.set_user_pool_mfa_config(UserPoolId=pool_id, MfaConfiguration="OPTIONAL", **MFA_SETTINGS)
    mfa = client.get_user_pool_mfa_config(UserPoolId=pool_id)
    found = review({"UserPool": client.describe_user_pool(UserPoolId=pool_id)["UserPool"], "MfaConfig": mfa})
    (finding,) = (each for each in found if each.id == "mfa-unenforced")
    settings: dict[str, Any] = dict(finding.remediations[0].settings)
    settings["SoftwareTokenMfaConfiguration"] = {"Enabled": settings.pop("SoftwareTokenMfaConfiguration.Enabled")}
    client.set_user_pool_mfa_config(UserPoolId=pool_id, **settings)

    after = client.get_user_pool_mfa_config(UserPoolId=pool_id)
    assert after["MfaConfiguration"] == "ON"
    assert after["WebAuthnConfiguration"] == {
        **MFA_SETTINGS["WebAuthnConfiguration"],
        "FactorConfiguration": "MULTI_FACTOR_WITH_USER_VERIFICATION",
    }


@pytest.mark.parametrize("mode", ["OFF", "ON", "OPTIONAL"])
@pytest.mark.parametrize("app", [True, False])
def test_a_complete_remediation_can_be_sent_as_it_is(mode: str, app: bool) -> None:  # noqa: FBT001 - a parameter
    """SetUserPoolMfaConfig with exactly the printed settings fixes the finding, and resets no other setting."""
    client = LocalCognito().client()
    pool_id = client.create_user_pool(PoolName="p")["UserPool"]["Id"]

    def described_pool(**settings: Any) -> Descriptions:
        client.set_user_pool_mfa_config(UserPoolId=pool_id, **settings)
        mfa = client.get_user_pool_mfa_config(UserPoolId=pool_id)
        mfa.pop("ResponseMetadata")
        pool: Any = client.describe_user_pool(UserPoolId=pool_id)["UserPool"]
        return {"UserPool": pool, "MfaConfig": mfa}

    settings = {**MFA_SETTINGS, "SoftwareTokenMfaConfiguration": {"Enabled": app}, "MfaConfiguration": mode}
    if mode == "OFF":
        del settings["SmsMfaConfiguration"], settings["SoftwareTokenMfaConfiguration"]
    before = described_pool(**settings)
    tried = 0
    for each in review(before):
        for remediation in each.remediations:
            if remediation.operation == "SetUserPoolMfaConfig":
                assert remediation.is_complete
                request: Descriptions = {}
                for name, value in remediation.settings.items():
                    top, _, member = name.partition(".")
                    request |= {} if value is None else {top: {member: value} if member else value}
                after = described_pool(**request)
                tried += 1
                assert each.id not in finding_paths(after), str(remediation)
                assert finding_paths(after).keys() <= finding_paths(before).keys()
                assert after["MfaConfig"]["WebAuthnConfiguration"] == before["MfaConfig"]["WebAuthnConfiguration"]
                assert "repeat" not in str(remediation)
                described_pool(**settings)
    assert tried


def test_a_remediation_that_is_not_complete_says_so() -> None:
    """Without GetUserPoolMfaConfig's reply, and for other operations, the request must repeat other settings."""
    unknown = review(PoolDescription(settings=PoolSettings(mfa_configuration="OPTIONAL")))
    for remediation in [*(each for f in unknown for each in f.remediations),
                        *(each for f in review(EVERYTHING_WRONG) for each in f.remediations)]:  # fmt: skip
        if remediation.operation != "SetUserPoolMfaConfig" or "SmsMfaConfiguration" not in remediation.settings:
            assert not remediation.is_complete
            assert str(remediation).endswith("; repeat the other settings, because Cognito resets what is omitted")


def test_severities_have_an_order() -> None:
    """The worst severity has the lowest rank."""
    assert [each.rank for each in Severity] == [0, 1, 2, 3]
    assert review(PoolDescription(settings=PoolSettings(mfa_configuration="OFF")))[0].id == "mfa-off"
