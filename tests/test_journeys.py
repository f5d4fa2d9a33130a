"""Journeys are followed exactly by this package's driver and by a plain boto3 app, in process and over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Final

import boto3
import pytest
from attrs import evolve
from botocore.exceptions import ClientError
from conftest import lacking
from example_descriptions import GALLERY, SMS, pool_descriptions
from joserfc.jwk import RSAKey

from authfsm import PoolSettings
from authfsm.base.secret import Secret
from authfsm.checks import SignInPaths
from authfsm.diagrams.example_pools import EXAMPLE_POOLS
from authfsm.journeys import (
    Journey,
    Journeys,
    NextInput,
    NoProgress,
    NothingSent,
    Stage,
    TooManyPaths,
    UnexpectedPath,
    journeys,
)
from authfsm.journeys.plan import PASSWORD
from authfsm.journeys.stage import drive
from authfsm.protocol import responses as r
from authfsm.protocol.errors import CallerError
from authfsm.protocol.states import State
from authfsm.protocol.table import Transition

S = State
JOURNEYS: Final = {name: journeys(pool) for name, (pool, _) in EXAMPLE_POOLS.items()}
EVERY_FLOW: Final = {
    f"ALLOW_{flow}"
    for flow in ("USER_SRP_AUTH", "USER_PASSWORD_AUTH", "ADMIN_USER_PASSWORD_AUTH", "CUSTOM_AUTH", "USER_AUTH")
}  # fmt: skip


def all_settings(mode: str) -> PoolSettings:
    """Return settings that enable everything."""
    return PoolSettings(
        mfa_configuration=mode,
        explicit_auth_flows=EVERY_FLOW,
        sms_mfa=True,
        email_mfa=True,
        software_token_mfa=True,
        user_pool_tier="ESSENTIALS",
        allowed_first_auth_factors={"PASSWORD", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"},
        lambda_config={"DefineAuthChallenge"},
        device_configuration=True,
        web_authn_factor="MULTI_FACTOR_WITH_USER_VERIFICATION",
    )


def _passkeys() -> None:
    if find_spec("fido2") is None:
        lacking("fido2, which verifies passkeys")


# ---- this package's driver ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "journey", [pytest.param(each, id=f"{n}: {each}") for n, js in JOURNEYS.items() for each in js]
)
def test_this_packages_driver_follows_every_journey(journey: Journey, signing_key: RSAKey) -> None:
    """This package's driver follows every journey of the example pools exactly."""
    _passkeys()
    flow = journey.run(key=signing_key)

    transitions = tuple(Transition(step.source, step.response, step.dest, step.kind) for step in flow.history)
    assert transitions == journey.path.transitions
    assert flow.state is S.AUTHENTICATED
    assert flow.tokens is not None


@pytest.mark.parametrize("mode", ["OFF", "ON"])
def test_a_pool_with_everything(mode: str, signing_key: RSAKey) -> None:
    """With everything enabled, the driver follows the journeys that cover all transitions, contradictory ones included."""
    _passkeys()
    every = journeys(all_settings(mode), cover="transitions", contradictory=True)

    for journey in every:
        journey.run(key=signing_key)
    assert len({journey.id for journey in every}) == len(every)
    assert len(every.transitions) >= 100


def test_a_passkey_that_may_satisfy_mfa(signing_key: RSAKey) -> None:
    """If the settings do not say whether passkeys satisfy required MFA, the driver follows the journeys with one, too."""
    _passkeys()
    settings = evolve(all_settings("ON"), web_authn_factor=None)
    found = [each for each in journeys(settings, cover="transitions") if S.WEB_AUTHN in each.path.states]

    assert found
    for journey in found:
        assert journey.run(key=signing_key).state is S.AUTHENTICATED


def test_the_number_of_journeys() -> None:
    """For every path there is a journey or a reason why not; journeys and their transitions are counted."""
    path_counts = {name: SignInPaths(pool).count() for name, (pool, _) in EXAMPLE_POOLS.items()}
    again = {
        name: sum(any(each.refused(n) or each.stale(n) for n in range(len(each.path))) for each in js)
        for name, js in JOURNEYS.items()
    }

    assert path_counts == {"mfa_off": 2, "mfa_optional": 52, "mfa_required": 4, "passwordless": 328, "custom": 7}
    assert again == {
        "mfa_off": 1,
        "mfa_optional": 8,  # a device key that is not known, at each of its DEVICE_DROPPED rows
        "mfa_required": 3,
        "passwordless": 2,
        "custom": 2,
    }
    assert {name: len(js) - again[name] for name, js in JOURNEYS.items()} == {
        "mfa_off": 2,
        "mfa_optional": 28,
        "mfa_required": 4,
        "passwordless": 102,  # choosing the passkey again is a new challenge, and no refusal
        "custom": 7,
    }
    assert {name: len(js.transitions) for name, js in JOURNEYS.items()} == {
        "mfa_off": 5,
        "mfa_optional": 31,
        "mfa_required": 13,
        "passwordless": 43,
        "custom": 12,
    }


def test_an_omitted_path_has_a_reason() -> None:
    """A path that no pool can follow is omitted, with the reason; no path is omitted silently."""
    for name, (pool, _) in EXAMPLE_POOLS.items():
        journeys_made, left_out = JOURNEYS[name], JOURNEYS[name].omitted
        gone = {each.path for each in journeys_made} | {each.path for each in left_out}
        assert {*SignInPaths(pool)} <= gone
        assert all(each.reason for each in left_out)
    assert {each.reason for each in JOURNEYS["mfa_optional"].omitted} == {
        "users set up a second factor only where MFA is required",
        "Cognito does not ask again for a second factor that was proved",
    }


def test_an_id_lists_the_steps() -> None:
    """An id lists the responses, the states they lead to, and the refusals."""
    assert [str(each) for each in JOURNEYS["mfa_required"]] == [
        "user_srp_auth-PASSWORD_VERIFIER-srp_claim-SOFTWARE_TOKEN_MFA-code",
        "user_srp_auth-PASSWORD_VERIFIER-srp_claim-NEW_PASSWORD_REQUIRED-new_password-SOFTWARE_TOKEN_MFA-code",
        ("user_srp_auth-PASSWORD_VERIFIER-srp_claim-MFA_SETUP-associate_software_token-MFA_SETUP"
        "-verify_software_token-MFA_SETUP-complete_mfa_setup"),
        ("user_srp_auth-PASSWORD_VERIFIER-srp_claim-NEW_PASSWORD_REQUIRED-new_password-MFA_SETUP"
        "-associate_software_token-MFA_SETUP-verify_software_token-MFA_SETUP-complete_mfa_setup"),
        "user_srp_auth-PASSWORD_VERIFIER-srp_claim-SOFTWARE_TOKEN_MFA-code(refused)-code",
        ("user_srp_auth-PASSWORD_VERIFIER-srp_claim-NEW_PASSWORD_REQUIRED-new_password(refused)"
        "-new_password-SOFTWARE_TOKEN_MFA-code"),
        ("user_srp_auth-PASSWORD_VERIFIER-srp_claim-MFA_SETUP-associate_software_token-MFA_SETUP"
        "-verify_software_token(refused)-verify_software_token-MFA_SETUP-complete_mfa_setup"),
    ]  # fmt: skip


# ---- apps with plain boto3 ------------------------------------------------------------------------------------


class App:
    """A sign-in written with boto3 alone: USER_PASSWORD_AUTH, codes, a new password, set-up of an app.

    Args:
        client: a boto3 client.
        client_id: the app client's id.
        skips_retry: does it give up at a wrong code?
    """

    def __init__(self, client: Any, client_id: str, *, skips_retry: bool = False) -> None:
        self.client, self.client_id, self.skips_retry = client, client_id, skips_retry
        self.username = ""
        self.reply: Any = {}

    def login(self, username: str, password: str) -> None:
        """Begin the sign-in."""
        self.username = username
        self.reply = self.client.initiate_auth(
            ClientId=self.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": username, "PASSWORD": password},
        )

    def submit(self, next_input: NextInput) -> None:
        """Send the input that a user types or clicks."""
        text = next_input.value.reveal() if next_input.value is not None else ""
        try:
            self.reply |= self._sent(text)
        except ClientError:
            if self.skips_retry or not next_input.wrong:
                raise

    def _sent(self, text: str) -> Any:
        name = self.reply["ChallengeName"]
        if name == "MFA_SETUP":
            return self._enrols(text)
        key = {"SELECT_MFA_TYPE": "ANSWER", "NEW_PASSWORD_REQUIRED": "NEW_PASSWORD"}.get(name, f"{name}_CODE")
        return self._responds(name, {key: text})

    def _enrols(self, code: str) -> Any:
        session = {"Session": self.reply["Session"]}
        if code:
            final_reply = self.client.verify_software_token(UserCode=code, **session)
            return {**final_reply, "verified": True}
        if "verified" in self.reply:
            return self._responds("MFA_SETUP", {})
        return self.client.associate_software_token(**session)

    def _responds(self, name: str, answers: Mapping[str, str]) -> Any:
        return self.client.respond_to_auth_challenge(
            ClientId=self.client_id,
            ChallengeName=name,
            Session=self.reply["Session"],
            ChallengeResponses={"USERNAME": self.username, **answers},
        )


PLAIN: Final = PoolSettings.from_descriptions(
    *pool_descriptions("OPTIONAL", "USER_PASSWORD_AUTH", {"SmsMfaConfiguration": {}, "SoftwareTokenMfaConfiguration": {"Enabled": True}}).values()
)  # fmt: skip
APPS: Final = journeys(evolve(PLAIN, mfa_configuration="ON"))


def run_app(app: App, stage: Stage) -> None:
    """Use the app as a person does, one input after the other."""
    while (next_input := stage.next_input()) is not None:
        if next_input.state is S.START:
            app.login(stage.username, stage.password.reveal())
        else:
            app.submit(next_input)
    stage.check()


@pytest.mark.parametrize("journey", APPS, ids=str)
def test_a_plain_app_in_process(journey: Journey, signing_key: RSAKey) -> None:
    """An app that does not use this package follows every sequence of challenges."""
    stage = journey.begin(key=signing_key)
    app = App(stage.client(), stage.pool.client_id)

    run_app(app, stage)
    assert "AuthenticationResult" in app.reply


@pytest.mark.parametrize("journey", [APPS[0], APPS[-1]], ids=str)
def test_a_plain_app_over_http(journey: Journey, signing_key: RSAKey) -> None:
    """Over HTTP the app needs only a URL, as an app in any language does."""
    stage = journey.begin(key=signing_key)
    with stage.serve() as url:
        client = boto3.session.Session(
            aws_access_key_id="local", aws_secret_access_key="local", region_name="eu-west-1"
        ).client("cognito-idp", endpoint_url=url)
        app = App(client, stage.pool.client_id)

        run_app(app, stage)
    assert "AuthenticationResult" in app.reply


def test_an_app_that_gives_up_is_caught(signing_key: RSAKey) -> None:
    """An app that does not let its user try again fails the journey with a refused code."""
    journey = next(each for each in APPS if "code(refused)" in each.id)
    stage = journey.begin(key=signing_key)
    app = App(stage.client(), stage.pool.client_id, skips_retry=True)

    with pytest.raises(ClientError, match="CodeMismatchException"):
        run_app(app, stage)
    with pytest.raises(UnexpectedPath, match="step 3 should be SMS_MFA -code-> AUTHENTICATED, but was no step at all"):
        stage.check()


def test_an_app_that_uses_another_flow_is_caught(signing_key: RSAKey) -> None:
    """A client that begins with another flow raises an error with the expected and the actual transitions."""
    stage = JOURNEYS["passwordless"][0].begin(key=signing_key)

    flow = stage.cognito().start(walk=False)
    flow.carry(r.UserAuth, stage.username)
    with pytest.raises(UnexpectedPath) as caught:
        stage.next_input()
    assert isinstance(caught.value, CallerError)
    assert caught.value.actual == (Transition(S.START, r.UserAuth, S.SELECT_CHALLENGE),)
    assert str(caught.value) == (
        f"{stage.journey}: step 1 should be START -user_auth_with_password-> AUTHENTICATED,"
        " but was START -user_auth-> SELECT_CHALLENGE"
    )


@pytest.mark.parametrize("name", sorted(JOURNEYS))
def test_an_app_that_does_nothing_is_caught(name: str, signing_key: RSAKey) -> None:
    """If the app does nothing, the third call for the same input raises an error without the secret."""
    stage = JOURNEYS[name][0].begin(key=signing_key)
    inputs = [stage.next_input(), stage.next_input()]
    with pytest.raises(NothingSent) as caught:
        stage.next_input()
    first = stage.path.transitions[0]
    assert (caught.value.next_input.state, caught.value.next_input.response) == (first.source, first.response)
    assert inputs == [caught.value.next_input] * 2
    assert f"{first.response.__name__} in {first.source}" in str(caught.value)
    assert isinstance(caught.value, AssertionError)
    assert PASSWORD.reveal() not in str(caught.value)


def test_an_app_that_stops_in_the_middle_is_caught(signing_key: RSAKey) -> None:
    """An app that stops at a later step is detected too; any request allows the input to be read again."""
    stage = JOURNEYS["mfa_required"][0].begin(key=signing_key)
    flow = stage.cognito().start(stage.password, walk=False)
    assert stage.next_input()
    flow.carry(r.UserSrpAuth, stage.username)
    flow.carry(r.SrpClaim)
    for _ in range(10):
        assert stage.next_input() == stage.next_input()
        with pytest.raises(ClientError):
            stage.client().get_user(AccessToken="none")
    assert stage.next_input()
    assert stage.next_input()
    with pytest.raises(NothingSent, match=r"next_input\(\) has returned Code in SOFTWARE_TOKEN_MFA twice"):
        stage.next_input()


def test_an_app_that_makes_no_progress_is_caught(signing_key: RSAKey) -> None:
    """After a hundred requests that are no step of the sign-in, an error says so."""
    stage = JOURNEYS["mfa_required"][0].begin(key=signing_key)
    client = stage.client()
    for _ in range(101):
        stage.next_input()
        with pytest.raises(ClientError):
            client.get_user(AccessToken="none")
    with pytest.raises(NoProgress, match=r"UserSrpAuth in START .* after 101 requests"):
        stage.next_input()


# ---- creation of journeys ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GALLERY)
def test_a_pool_like_its_descriptions(name: str, signing_key: RSAKey) -> None:
    """A journey that is made from descriptions runs on a pool with their settings."""
    _passkeys()
    described_ = GALLERY[name]
    every = journeys(described_)

    stage = every[0].begin(key=signing_key)
    assert stage.pool.pool_id == described_["UserPool"]["Id"]
    for journey in list(every)[:40]:
        journey.run(key=signing_key)


def test_journeys_depend_on_the_descriptions(signing_key: RSAKey) -> None:
    """Without a relying party there are no passkeys, and without e-mailed codes no sign-up."""
    _passkeys()
    description = GALLERY["passwordless"]
    descriptions = {
        **description,
        "UserPool": {**description["UserPool"], "AutoVerifiedAttributes": ["email"]},
        "MfaConfig": {**description["MfaConfig"], "WebAuthnConfiguration": {"RelyingPartyId": "auth.example.org"}},
    }  # fmt: skip

    reasons = {each.reason for each in journeys(description).omitted}
    assert {
        "WebAuthnConfiguration has no RelyingPartyId",
        "users of this pool do not sign up with a code by e-mail",
    } <= reasons
    every = journeys(descriptions, cover="transitions")
    assert {"user_auth-WEB_AUTHN-credential", "signed_up"} <= {str(each) for each in every}
    client = {**descriptions["UserPoolClient"], "WriteAttributes": ["nickname"]}
    assert "signed_up" not in {str(each) for each in journeys({**descriptions, "UserPoolClient": client})}
    for journey in every:
        journey.run(key=signing_key)


def test_a_device_replaces_the_second_factor_or_follows_it(signing_key: RSAKey) -> None:
    """If ChallengeRequiredOnNewDevice is known, only the paths that it allows become journeys."""
    description = GALLERY["mfa_optional"]
    stands_in = {str(each) for each in journeys(description)}
    comes_after = journeys({**description, "UserPool": {**description["UserPool"], "DeviceConfiguration": {}}})

    after = "user_srp_auth-PASSWORD_VERIFIER-srp_claim-SMS_MFA-code-DEVICE_SRP_AUTH-srp_a-DEVICE_PASSWORD_VERIFIER-srp_claim"
    assert after not in stands_in
    assert after in {str(each) for each in comes_after}
    for journey in comes_after:
        journey.run(key=signing_key)
    assert "ChallengeRequiredOnNewDevice is true" in {e.reason for e in journeys(description).omitted}


def test_too_many_paths_are_refused() -> None:
    """The whole protocol has too many paths: the error says what to do."""
    with pytest.raises(TooManyPaths, match="describe the pool's settings, or use cover='transitions'") as caught:
        journeys(PoolSettings())
    assert caught.value.count > 10_000


def test_few_journeys_cover_all_transitions() -> None:
    """With cover="transitions", fewer journeys cover the same transitions."""
    all_of_them = JOURNEYS["passwordless"]
    few = journeys(EXAMPLE_POOLS["passwordless"][0], cover="transitions")

    assert few.transitions == all_of_them.transitions
    assert len(few) < len(all_of_them) / 2


def test_another_cover_is_refused() -> None:
    """A misspelt `cover` is an error, not a cover of all paths."""
    misspelt: Any = "transition"
    with pytest.raises(ValueError, match="cover must be 'paths' or 'transitions', not 'transition'"):
        journeys(EXAMPLE_POOLS["passwordless"][0], cover=misspelt)


def test_journeys_after_a_sign_up_need_a_session(signing_key: RSAKey) -> None:
    """In a pool whose only first factor is the password, SignUp returns no session: paths that need it are omitted."""
    settings = PoolSettings(
        explicit_auth_flows=["ALLOW_USER_AUTH"], allowed_first_auth_factors=["PASSWORD"], mfa_configuration="OFF"
    )
    made = journeys(settings)

    assert {each.reason for each in made.omitted if each.path.responses[0] is r.SignedUp} == {
        "SignUp returns no session where no code can be the first factor"
    }
    for journey in made:
        journey.run(key=signing_key)


@pytest.mark.parametrize("name", ["passwordless", "mfa_optional", "mfa_required"])
def test_strict_pools(name: str, signing_key: RSAKey) -> None:
    """Journeys run in a pool with the strictest password policy, whose users must have addresses and other attributes."""
    _passkeys()
    required = [
        {"Name": each, "AttributeDataType": "String", "Required": True, "Mutable": True}
        for each in ("email", "phone_number", "birthdate", "given_name")
    ]
    kinds = ("Uppercase", "Lowercase", "Numbers", "Symbols")
    policy = {"MinimumLength": 99, "PasswordHistorySize": 24, **{f"Require{kind}": True for kind in kinds}}
    pool = GALLERY[name]["UserPool"]
    strict = {
        **pool,
        "AutoVerifiedAttributes": ["email"],
        "Policies": {**pool.get("Policies", {}), "PasswordPolicy": policy},
        "SchemaAttributes": required,
    }
    for journey in journeys({**GALLERY[name], "UserPool": strict}, cover="transitions"):
        journey.run(key=signing_key)


def test_an_input_names_its_field() -> None:
    """The field of an input has its value, at the beginning of a sign-in too: never the user name."""

    def field_of(response: type[r.Response], value: str | None = "x") -> str | None:
        return NextInput(S.START, response, None if value is None else Secret(value), False, S.SMS_MFA).field

    with_password = {r.UserSrpAuth, r.UserPasswordAuth, r.AdminNoSrpAuth, r.CustomSrpAuth, r.UserAuthWithSrp}
    assert {field_of(each) for each in {*with_password, r.Password, r.SrpA, r.NewPassword}} == {"password"}
    assert [field_of(each) for each in (r.UserAuth, r.SignedUp)] == ["preferred_challenge", "session"]
    assert [field_of(each) for each in (r.Select, r.Code, r.SetUpEmail)] == ["answer", "code", "email"]
    assert [field_of(each, None) for each in (r.UserAuth, r.CustomAuth, r.CompleteMfaSetup)] == [None] * 3


def test_an_input_hides_its_secret(signing_key: RSAKey) -> None:
    """The value of an input is a Secret; the same step returns the same input, and no repr shows the value."""
    stage = JOURNEYS["mfa_required"][0].begin(key=signing_key)
    first, second = stage.next_input(), stage.next_input()

    assert first == second
    assert first is not None
    assert (first.state, first.response, first.wrong) == (S.START, r.UserSrpAuth, False)
    assert isinstance(first.value, Secret)
    assert stage.password.reveal() not in repr(first) + repr(stage)
    assert repr(stage) == "<Stage of user_srp_auth-PASSWORD_VERIFIER-srp_claim-SOFTWARE_TOKEN_MFA-code, after 0 steps>"


def test_journeys_are_a_sequence() -> None:
    """Journeys can be counted, sliced and iterated over, the shortest first."""
    every = JOURNEYS["mfa_required"]

    assert isinstance(every, Journeys)
    assert list(every[:2]) == [every[0], every[1]]
    plain_journeys = [each for each in every if "(" not in each.id]
    assert [len(each.path) for each in plain_journeys] == sorted(len(each.path) for each in plain_journeys)


def test_a_client_with_a_secret_and_users_with_addresses(signing_key: RSAKey) -> None:
    """Journeys work with a client secret and with addresses as user names."""
    description = pool_descriptions(
        "ON",
        "USER_AUTH",
        {"SoftwareTokenMfaConfiguration": {"Enabled": True}},
        {"UsernameAttributes": ["email"]},
        ClientSecret="1secret0fthe2client",
    )
    every = journeys(description)

    assert len(every) > 3
    for journey in every:
        assert journey.run(key=signing_key).tokens is not None


@pytest.mark.parametrize(("names", "sets_up"), [(["email"], False), (["phone_number"], True), ([], True)])
def test_users_with_an_email_address_have_a_second_factor(names: list[str], sets_up: bool) -> None:  # noqa: FBT001 - a column
    """Only where every user has an e-mail address, EMAIL_OTP leaves no user without a second factor."""
    mfa = {"SoftwareTokenMfaConfiguration": {"Enabled": True}, "EmailMfaConfiguration": {"Message": "{####}"}}
    sender = {"EmailConfiguration": {"EmailSendingAccount": "DEVELOPER"}}
    every = journeys(pool_descriptions("ON", "USER_SRP_AUTH", mfa, {"UsernameAttributes": names, **sender}))

    assert every
    assert any(S.MFA_SETUP in journey.path.states for journey in every) == sets_up


@pytest.mark.parametrize("challenge_required_on_new_device", [True, False])
@pytest.mark.parametrize("flow", ["USER_PASSWORD_AUTH", "CUSTOM_AUTH_FLOW_ONLY"])
def test_a_device_forgotten_before_a_second_factor(
    signing_key: RSAKey, flow: str, *, challenge_required_on_new_device: bool
) -> None:
    """A device that replaces MFA cannot be forgotten at an MFA code."""
    functions = ("DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallengeResponse")
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:x"
    descriptions = {
        "UserPool": {
            "Id": "eu-west-1_Abc", "MfaConfiguration": "ON",
            "DeviceConfiguration": {"ChallengeRequiredOnNewDevice": challenge_required_on_new_device},
            "LambdaConfig": dict.fromkeys(functions, arn),
        },
        "UserPoolClient": {"ClientId": "c", "ExplicitAuthFlows": [flow]},
        "SoftwareTokenMfaConfiguration": {"Enabled": True},
        "MfaConfiguration": "ON",
    }  # fmt: skip
    stale = [each for each in journeys(descriptions) if "(stale device)" in each.id]

    assert stale
    assert challenge_required_on_new_device != any("MFA-code(stale" in each.id for each in stale)
    for each in stale:
        assert each.run(key=signing_key).tokens is not None


def test_a_pool_whose_administrators_recover_accounts(signing_key: RSAKey) -> None:
    """No channel recovers the account with admin_only: users choose between codes by SMS and e-mail."""
    factors = SMS | {"EmailMfaConfiguration": {"Message": "{####}"}}

    def choices(mechanism: str) -> list[Journey]:
        recovery = {"AccountRecoverySetting": {"RecoveryMechanisms": [{"Priority": 1, "Name": mechanism}]}}
        found = journeys(pool_descriptions("OPTIONAL", "USER_SRP_AUTH", factors, recovery))
        return [each for each in found if S.SELECT_MFA_TYPE in each.path.states]

    assert choices("verified_email") == []
    assert len(choices("admin_only")) == 4
    for journey in choices("admin_only"):
        stage = journey.begin(key=signing_key)
        drive(stage)
        stage.check()
