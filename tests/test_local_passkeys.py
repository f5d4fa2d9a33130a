"""Passkeys: registered with an access token, used in a sign-in, and really verified."""

# A test looks at one state again and again: mypy believes that it cannot have changed.
# mypy: disable-error-code="comparison-overlap"

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from typing import Any, cast

import pytest
from api_client import EXPIRED, MISMATCH, USED, ApiClient, refused
from authenticator import Authenticator
from fido2.utils import websafe_encode
from joserfc import jwt
from joserfc.jwk import RSAKey

from authfsm.local import Contradictions, LocalPool, ManualClock, WebAuthnConfiguration
from authfsm.local.state.passkeys import MissingExtra
from authfsm.protocol import responses as r
from authfsm.protocol.errors import RefusedUser
from authfsm.protocol.replies import WebAuthn
from authfsm.protocol.states import State
from authfsm.protocol.table import Role

PASSWORD = "Correct-Horse-1"
PHONE = "+15555550143"
BAD = ("NotAuthorizedException", "The passkey's answer is not valid.")
INVALID = ("InvalidParameterException", "Credential data is not valid")
MULTI = WebAuthnConfiguration("example.com", factor_configuration="MULTI_FACTOR_WITH_USER_VERIFICATION")

PoolOf = Callable[..., LocalPool]


@pytest.fixture
def pool_of(signing_key: RSAKey) -> PoolOf:
    """Return a function that makes a pool that accepts passkeys, with a clock that the test moves, and ada."""

    def make(**settings: Any) -> LocalPool:
        factors = ["PASSWORD", "WEB_AUTHN", *(["EMAIL_OTP"] if settings.get("mfa") != "ON" else [])]
        settings.setdefault("allowed_first_auth_factors", factors)
        settings.setdefault("webauthn", WebAuthnConfiguration("example.com"))
        settings.setdefault("clock", ManualClock())
        user = settings.pop("user", {})
        pool = LocalPool(key=signing_key, **settings)
        pool.add_user("ada", **{"password": PASSWORD, "phone_number": PHONE, **user})
        return pool

    return make


def token(pool: LocalPool, name: str = "ada") -> str:
    """Return an access token of a user, by password."""
    reply = ApiClient(pool).password(name, PASSWORD)
    if reply.get("ChallengeName") == "SMS_MFA":
        reply = ApiClient(pool).answer(reply, name, SMS_MFA_CODE=pool.outbox.code_for(name))
    return str(reply["AuthenticationResult"]["AccessToken"])


def register(pool: LocalPool, key: Authenticator | None = None, **otherwise: Any) -> Authenticator:
    """Register a passkey of ada's."""
    key, client, access = key or Authenticator(), pool.client(), token(pool)
    options = client.start_web_authn_registration(AccessToken=access)["CredentialCreationOptions"]
    client.complete_web_authn_registration(AccessToken=access, Credential=key.create(options, **otherwise))
    return key


def ask(pool: LocalPool, name: str = "ada") -> tuple[Any, dict[str, Any]]:
    """Return WEB_AUTHN, and the options to sign."""
    challenge_reply = ApiClient(pool).initiate("USER_AUTH", USERNAME=name, PREFERRED_CHALLENGE="WEB_AUTHN")
    assert challenge_reply["ChallengeName"] == "WEB_AUTHN"
    return challenge_reply, json.loads(challenge_reply["ChallengeParameters"]["CREDENTIAL_REQUEST_OPTIONS"])


def claims(pool: LocalPool, reply: Any) -> dict[str, Any]:
    """Return the claims of a reply's access token."""
    token_claims: dict[str, Any] = jwt.decode(
        reply["AuthenticationResult"]["AccessToken"], pool._core.token_issuer.key.jwk
    ).claims
    return token_claims


class TestRegistration:
    """StartWebAuthnRegistration and CompleteWebAuthnRegistration."""

    def test_the_options(self, pool_of: PoolOf) -> None:
        """CredentialCreationOptions name the relying party, the user and both algorithms."""
        pool = pool_of()
        options = pool.client().start_web_authn_registration(AccessToken=token(pool))["CredentialCreationOptions"]
        challenge = options.pop("challenge")

        assert len(challenge) == 22
        assert options == {
            "rp": {"id": "example.com", "name": "example.com"},
            "user": {"id": websafe_encode(pool.user("ada").sub.encode()), "name": "ada", "displayName": "ada"},
            "pubKeyCredParams": [{"type": "public-key", "alg": -7}, {"type": "public-key", "alg": -257}],
            "timeout": 180_000,
            "excludeCredentials": [],
            "authenticatorSelection": {
                "requireResidentKey": True,
                "residentKey": "required",
                "userVerification": "preferred",
            },
            "attestation": "none",
        }

    @pytest.mark.parametrize("algorithm", [-7, -257])
    def test_list_and_delete(self, pool_of: PoolOf, algorithm: int) -> None:
        """ES256 or RS256; a registered passkey is listed, excluded next time, and deleted once."""
        pool = pool_of()
        register(pool, Authenticator(algorithm=algorithm, transports=("internal", "hybrid")))
        client, access = pool.client(), token(pool)
        (listed,) = client.list_web_authn_credentials(AccessToken=access)["Credentials"]
        options = client.start_web_authn_registration(AccessToken=access)
        excluded = options["CredentialCreationOptions"]["excludeCredentials"]

        assert listed["CreatedAt"].timestamp() == pytest.approx(pool.clock().timestamp())
        assert listed["RelyingPartyId"] == "example.com"
        assert listed["AuthenticatorAttachment"] == "platform"
        assert listed["AuthenticatorTransports"] == ["internal", "hybrid"]
        assert [each["id"] for each in excluded] == [listed["CredentialId"]]

        gone = {"AccessToken": access, "CredentialId": listed["CredentialId"]}
        client.delete_web_authn_credential(**gone)
        assert client.list_web_authn_credentials(AccessToken=access)["Credentials"] == []
        with refused("ResourceNotFoundException", "The user has no such passkey."):
            client.delete_web_authn_credential(**gone)

    def test_at_most_twenty_passkeys(self, pool_of: PoolOf) -> None:
        """The twenty-first passkey is refused; passkeys are listed one page at a time."""
        pool = pool_of()
        for _ in range(20):
            register(pool)
        client, access = pool.client(), token(pool)
        with refused("LimitExceededException", "The user has 20 passkeys already."):
            client.start_web_authn_registration(AccessToken=access)
        page = client.list_web_authn_credentials(AccessToken=access, MaxResults=15)
        rest = client.list_web_authn_credentials(AccessToken=access, NextToken=page["NextToken"])

        assert (len(page["Credentials"]), len(rest["Credentials"])) == (15, 5)
        assert "NextToken" not in rest

    @pytest.mark.parametrize(
        ("otherwise", "code"),
        [
            ({"challenge": b"another challenge"}, "WebAuthnChallengeNotFoundException"),
            ({"origin": "https://example.org"}, "WebAuthnOriginNotAllowedException"),
            ({"origin": "http://app.example.com"}, "WebAuthnOriginNotAllowedException"),
            ({"rp_id": "example.org"}, "WebAuthnRelyingPartyMismatchException"),
            ({"type": "webauthn.get"}, "InvalidParameterException"),
        ],
    )
    def test_refused_registrations(self, pool_of: PoolOf, otherwise: dict[str, Any], code: str) -> None:
        """Another challenge, origin, relying party or ceremony is refused, each with its own error."""
        pool = pool_of()
        client, access = pool.client(), token(pool)
        options = client.start_web_authn_registration(AccessToken=access)
        new_credential = Authenticator().create(options["CredentialCreationOptions"], **otherwise)
        with pytest.raises(client.exceptions.ClientError) as caught:
            client.complete_web_authn_registration(AccessToken=access, Credential=new_credential)

        assert caught.value.response["Error"]["Code"] == code
        assert pool.user("ada").passkeys.by_id == {}

    @pytest.mark.parametrize(
        "broken",
        [
            {},
            {"id": "x"},
            {"response": {}},
            {"response": {"clientDataJSON": "!", "attestationObject": "o2NmbXQ"}},
            {"rawId": 3},
            {"rawId": "AAAA"},
        ],
    )
    def test_invalid_credentials(self, pool_of: PoolOf, broken: dict[str, Any]) -> None:
        """Invalid data is refused with "Credential data is not valid" (the message of a trace)."""
        pool = pool_of()
        client, access = pool.client(), token(pool)
        options = client.start_web_authn_registration(AccessToken=access)
        new_credential = Authenticator().create(options["CredentialCreationOptions"])
        with refused(*INVALID):
            client.complete_web_authn_registration(
                AccessToken=access, Credential={**new_credential, **broken} if broken else {}
            )

    def test_an_unsupported_algorithm(self, pool_of: PoolOf) -> None:
        """An EdDSA key is refused."""
        with refused("WebAuthnCredentialNotSupportedException", "The passkey is neither ES256 nor RS256."):
            register(pool_of(), Authenticator(algorithm=-8))

    def test_user_verification_required(self, pool_of: PoolOf) -> None:
        """With "required" an authenticator that cannot verify its user is refused."""
        pool = pool_of(webauthn=WebAuthnConfiguration("example.com", user_verification="required"))
        with refused(*INVALID):
            register(pool, Authenticator(verifies=False))
        register(pool)

    def test_start_and_completion_must_match(self, pool_of: PoolOf) -> None:
        """Each start is completed once, in time, by the same app client and user."""
        clock = ManualClock()
        pool = pool_of(clock=clock)
        other = pool.add_client()
        pool.add_user("bob", PASSWORD)
        client, access = pool.client(), token(pool)
        theirs = ApiClient(pool, other).password("ada", PASSWORD)["AuthenticationResult"]["AccessToken"]
        never = ("The registration was not started, or has expired.",)

        def begin() -> dict[str, Any]:
            started = client.start_web_authn_registration(AccessToken=access)
            options: dict[str, Any] = started["CredentialCreationOptions"]
            return options

        def end(new_credential: dict[str, Any], by: str = access) -> None:
            client.complete_web_authn_registration(AccessToken=by, Credential=new_credential)

        older = Authenticator().create(begin())
        new_credential = Authenticator().create(begin())
        with refused("WebAuthnChallengeNotFoundException", *never):
            end(older)
        with refused("WebAuthnChallengeNotFoundException", *never):
            end(new_credential, token(pool, "bob"))
        with refused("WebAuthnClientMismatchException", "The registration was started by another app client."):
            end(new_credential, theirs)
        end(new_credential)
        with refused("WebAuthnChallengeNotFoundException", *never):
            end(new_credential)
        late = Authenticator().create(begin())
        clock.advance(180)
        with refused("WebAuthnChallengeNotFoundException", *never):
            end(late)

    @pytest.mark.parametrize(
        ("settings", "code"),
        [
            ({"allowed_first_auth_factors": ["PASSWORD"]}, "WebAuthnNotEnabledException"),
            ({"tier": "LITE", "accept": "contradictory-settings"}, "WebAuthnNotEnabledException"),
            ({"webauthn": None}, "WebAuthnConfigurationMissingException"),
        ],
    )
    def test_pools_without_passkeys(self, pool_of: PoolOf, settings: dict[str, Any], code: str) -> None:
        """A pool without passkeys, or without a relying party, refuses."""
        pool = pool_of(**settings)
        client = pool.client()
        with pytest.raises(client.exceptions.ClientError) as caught:
            client.start_web_authn_registration(AccessToken=token(pool))

        assert caught.value.response["Error"]["Code"] == code

    def test_without_fido2(self, pool_of: PoolOf, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without the extra, the error says what to install."""
        pool = pool_of()
        access = token(pool)
        monkeypatch.setitem(sys.modules, "fido2.server", None)
        with pytest.raises(MissingExtra, match=r"pip install 'authfsm\[passkeys\]'"):
            pool.answer("StartWebAuthnRegistration", {"AccessToken": access})


class TestSigningIn:
    """WEB_AUTHN."""

    def test_the_options(self, pool_of: PoolOf) -> None:
        """CREDENTIAL_REQUEST_OPTIONS is JSON in a string, with the user's passkeys of this relying party."""
        pool = pool_of()
        key = register(pool)
        challenge_reply, options = ask(pool)

        assert len(options.pop("challenge")) == 22
        assert options == {
            "timeout": 180_000,
            "rpId": "example.com",
            "allowCredentials": [{"type": "public-key", "id": next(iter(key.keys)), "transports": ["internal"]}],
            "userVerification": "preferred",
        }
        assert challenge_reply["AvailableChallenges"] == ["PASSWORD_SRP", "PASSWORD", "WEB_AUTHN"]

    @pytest.mark.parametrize("chosen", [False, True])
    @pytest.mark.parametrize("verifies", [False, True])
    def test_the_driver(self, pool_of: PoolOf, chosen: bool, verifies: bool) -> None:  # noqa: FBT001 - a test's case
        """With a preference or a choice, the driver reads the options and sends the passkey's answer."""
        pool = pool_of()
        key = register(pool, Authenticator(verifies=verifies))
        flow = pool.cognito().start()
        flow.answer(r.UserAuth("ada", None if chosen else "WEB_AUTHN"))
        if chosen:
            flow.answer(r.Select("WEB_AUTHN"))
        assert isinstance(flow.challenge, WebAuthn)
        assert (flow.state, flow.signin.role) == (State.WEB_AUTHN, Role.FIRST_FACTOR)
        assertion = key.get(dict(flow.challenge.request_options))

        assert flow.answer(r.Credential(json.dumps(assertion))) is State.AUTHENTICATED

    @pytest.mark.parametrize(
        ("key", "method"),
        [
            (Authenticator(), "swk"),
            (Authenticator(attachment="cross-platform", transports=("usb",)), "hwk"),
            (Authenticator(attachment=None), "swk"),
            (Authenticator(attachment=None, transports=("nfc",)), "hwk"),
            # An attachment that is no text counts as unknown.
            (Authenticator(attachment=cast("str", ["cross-platform"])), "swk"),
        ],
    )
    def test_the_claims(self, pool_of: PoolOf, key: Authenticator, method: str) -> None:
        """A platform passkey has amr swk, a roaming one hwk; each reaches level 3."""
        pool = pool_of()
        register(pool, key)
        challenge_reply, options = ask(pool)
        access_claims = claims(
            pool, ApiClient(pool).answer(challenge_reply, "ada", CREDENTIAL=json.dumps(key.get(options)))
        )

        assert (access_claims["amr"], access_claims["acr"]) == ([method], "urn:cognito:loa:3")

    @pytest.mark.parametrize(
        "otherwise",
        [
            {"challenge": b"another challenge"},
            {"origin": "https://example.org"},
            {"rp_id": "example.org"},
            {"type": "webauthn.create"},
            {"user_handle": b"somebody else"},
        ],
    )
    def test_refused_assertions(self, pool_of: PoolOf, otherwise: dict[str, Any]) -> None:
        """Another challenge, origin, relying party, ceremony or user is refused without a reason; the attempt is over."""
        pool = pool_of()
        key = register(pool)
        challenge_reply, options = ask(pool)
        api = ApiClient(pool)
        with refused(*BAD):
            api.answer(challenge_reply, "ada", CREDENTIAL=json.dumps(key.get(options, **otherwise)))
        with refused(*USED):
            api.answer(challenge_reply, "ada", CREDENTIAL=json.dumps(key.get(options)))

    @pytest.mark.parametrize(
        "credential", ["{}", "[]", "null", "x", "[" * 50_000, "9" * 70_000, '{"rawId":"AAAA","response":{}}']
    )
    def test_invalid_assertions(self, pool_of: PoolOf, credential: str) -> None:
        """Anything that is not an AuthenticationResponseJSON is refused the same way."""
        pool = pool_of()
        register(pool)
        challenge_reply, _ = ask(pool)
        with refused(*BAD):
            ApiClient(pool).answer(challenge_reply, "ada", CREDENTIAL=credential)

    def test_signatures(self, pool_of: PoolOf) -> None:
        """A changed signature is refused, and so is another user's passkey."""
        pool = pool_of()
        key, other_authenticator = register(pool), Authenticator()
        pool.add_user("bob", PASSWORD)
        client, access = pool.client(), token(pool, "bob")
        options = client.start_web_authn_registration(AccessToken=access)
        new_credential = other_authenticator.create(options["CredentialCreationOptions"])
        client.complete_web_authn_registration(AccessToken=access, Credential=new_credential)
        challenge_reply, options = ask(pool)
        assertion = key.get(options)
        assertion["response"]["signature"] = websafe_encode(b"0" * 70)
        with refused(*BAD):
            ApiClient(pool).answer(challenge_reply, "ada", CREDENTIAL=json.dumps(assertion))
        challenge_reply, options = ask(pool)
        theirs = [{"type": "public-key", "id": name} for name in other_authenticator.keys]
        assertion = other_authenticator.get({**options, "allowCredentials": theirs})
        with refused(*BAD):
            ApiClient(pool).answer(challenge_reply, "ada", CREDENTIAL=json.dumps(assertion))

    def test_a_cloned_passkey(self, pool_of: PoolOf) -> None:
        """A signature counter that does not grow is refused as a clone's, unless it is always 0."""
        pool = pool_of()
        key = register(pool)
        api = ApiClient(pool)
        for _ in range(2):
            challenge_reply, options = ask(pool)
            assert claims(pool, api.answer(challenge_reply, "ada", CREDENTIAL=json.dumps(key.get(options))))
        key.count = 0
        challenge_reply, options = ask(pool)
        with refused(*BAD):
            api.answer(challenge_reply, "ada", CREDENTIAL=json.dumps(key.get(options)))

        pool = pool_of()
        key, api = register(pool, Authenticator(counts=False)), ApiClient(pool)
        for _ in range(2):
            challenge_reply, options = ask(pool)
            assert claims(pool, api.answer(challenge_reply, "ada", CREDENTIAL=json.dumps(key.get(options))))

    def test_user_verification_required(self, pool_of: PoolOf) -> None:
        """With "required" an answer without it is refused."""
        required = WebAuthnConfiguration("example.com", user_verification="required")
        pool = pool_of(webauthn=required)
        key = register(pool)
        challenge_reply, options = ask(pool)
        assert options["userVerification"] == "required"
        key.verifies = False
        with refused(*BAD):
            ApiClient(pool).answer(challenge_reply, "ada", CREDENTIAL=json.dumps(key.get(options)))

    def test_it_expires(self, pool_of: PoolOf) -> None:
        """The challenge expires with its session."""
        clock = ManualClock()
        pool = pool_of(clock=clock)
        key = register(pool)
        challenge_reply, options = ask(pool)
        clock.advance(180)
        with refused(*EXPIRED):
            ApiClient(pool).answer(challenge_reply, "ada", CREDENTIAL=json.dumps(key.get(options)))

    def test_choosing_another_factor_instead(self, pool_of: PoolOf) -> None:
        """A user who cancels the prompt chooses another first factor with the same session, or this one again."""
        pool = pool_of(user={"email": "ada@example.com"})
        key = register(pool)
        choices: list[tuple[r.Response, State]] = [
            (r.Select("EMAIL_OTP"), State.EMAIL_OTP),
            (r.Select("PASSWORD"), State.PASSWORD),
            (r.Select("WEB_AUTHN"), State.WEB_AUTHN),
            (r.Password(PASSWORD), State.AUTHENTICATED),
            (r.Password(PASSWORD, direct=True), State.AUTHENTICATED),
        ]
        for response, dest in choices:
            flow = pool.cognito().sign_in("ada", flow="USER_AUTH", preferred_challenge="WEB_AUTHN")
            assert flow.answer(response) is dest
            if isinstance(flow.challenge, WebAuthn):
                assertion = key.get(dict(flow.challenge.request_options))
                assert flow.answer(r.Credential(json.dumps(assertion))) is State.AUTHENTICATED

    def test_in_one_step(self, pool_of: PoolOf) -> None:
        """ANSWER=WEB_AUTHN with CREDENTIAL needs options to sign: with a setting SELECT_CHALLENGE has them."""
        contradictions = Contradictions(select_challenge_has_request_options=True)
        pool = pool_of(contradictions=contradictions)
        key = register(pool)
        flow = pool.cognito().start()
        flow.answer(r.UserAuth("ada"))
        assert flow.state is State.SELECT_CHALLENGE
        assert flow.challenge is not None
        shown = flow.challenge.parameters["CREDENTIAL_REQUEST_OPTIONS"]
        assert flow.answer(r.Credential(json.dumps(key.get(shown)))) is State.AUTHENTICATED

        pool = pool_of()
        key = register(pool)
        api = ApiClient(pool)
        other, options = ask(pool)
        challenge_reply = api.initiate("USER_AUTH", USERNAME="ada")
        assertion = json.dumps(key.get(options))
        with refused(*BAD):
            api.answer(challenge_reply, "ada", ANSWER="WEB_AUTHN", CREDENTIAL=assertion)
        # From the challenge that asked for it, it is an answer by another name.
        reply = api.respond(
            "SELECT_CHALLENGE", other["Session"], USERNAME="ada", ANSWER="WEB_AUTHN", CREDENTIAL=assertion
        )
        assert "AuthenticationResult" in reply

    def test_other_challenge_names(self, pool_of: PoolOf) -> None:
        """A code does not answer WEB_AUTHN, nor a passkey a code."""
        pool = pool_of(user={"email": "ada@example.com"})
        register(pool)
        challenge_reply, _ = ask(pool)
        with refused(*MISMATCH):
            ApiClient(pool).respond("EMAIL_OTP", challenge_reply["Session"], USERNAME="ada", EMAIL_OTP_CODE="1")

    def test_another_relying_party(self, pool_of: PoolOf) -> None:
        """Passkeys of another relying party are not offered any more: users register again (documented)."""
        pool = pool_of()
        register(pool)
        for passkey in pool.user("ada").passkeys.by_id.values():
            passkey.relying_party_id = "example.org"
        reply = ApiClient(pool).initiate("USER_AUTH", USERNAME="ada", PREFERRED_CHALLENGE="WEB_AUTHN")

        assert reply["ChallengeName"] == "SELECT_CHALLENGE"

    def test_unknown_users(self, pool_of: PoolOf) -> None:
        """An unknown user has a passkey or has none, always the same; no answer is accepted."""
        pool = pool_of()
        key = register(pool)
        api = ApiClient(pool)
        names = [f"eve-{number}" for number in range(16)]
        wish = {"PREFERRED_CHALLENGE": "WEB_AUTHN"}
        first = [api.initiate("USER_AUTH", USERNAME=name, **wish) for name in names]
        again = [api.initiate("USER_AUTH", USERNAME=name, **wish) for name in names]
        assert [a["ChallengeName"] for a in first] == [b["ChallengeName"] for b in again]
        assert {a["ChallengeName"] for a in first} == {"WEB_AUTHN", "SELECT_CHALLENGE"}

        number = next(n for n, a in enumerate(first) if a["ChallengeName"] == "WEB_AUTHN")
        one, two = (ask(pool, names[number])[1] for _ in range(2))
        assert one["allowCredentials"] == two["allowCredentials"]
        assert one["challenge"] != two["challenge"]
        mine = [{"type": "public-key", "id": name} for name in key.keys]
        assertion = key.get({**one, "allowCredentials": mine})
        with refused(*BAD):
            api.answer(first[number], names[number], CREDENTIAL=json.dumps(assertion))

    def test_the_driver_after_a_wrong_answer(self, pool_of: PoolOf) -> None:
        """After a wrong answer the driver lets the user begin again."""
        pool = pool_of()
        register(pool)
        flow = pool.cognito().sign_in("ada", flow="USER_AUTH", preferred_challenge="WEB_AUTHN")
        with pytest.raises(RefusedUser):
            flow.answer(r.Credential("{}"))

        assert flow.state is State.FAILED


class TestWithMfa:
    """A passkey with user verification satisfies MFA under three conditions, and not without one of them."""

    def ready(self, pool: LocalPool, *, enabled: bool = True) -> Authenticator:
        """Register a passkey, and switch it on as MFA."""
        key = register(pool)
        pool.client().set_user_mfa_preference(
            AccessToken=token(pool), SMSMfaSettings={"Enabled": True}, WebAuthnMfaSettings={"Enabled": enabled}
        )
        return key

    @pytest.mark.parametrize("mfa", ["ON", "OPTIONAL"])
    def test_it_is_offered(self, pool_of: PoolOf, mfa: str) -> None:
        """If pool, user and another method allow it, WEB_AUTHN is offered and requires user verification."""
        pool = pool_of(mfa=mfa, webauthn=MULTI)
        key = self.ready(pool)
        challenge_reply, options = ask(pool)
        assert challenge_reply["AvailableChallenges"] == ["PASSWORD_SRP", "PASSWORD", "WEB_AUTHN"]
        assert options["userVerification"] == "required"
        assertion = json.dumps(key.get(options))
        assert claims(pool, ApiClient(pool).answer(challenge_reply, "ada", CREDENTIAL=assertion))["amr"] == ["swk"]

        key.verifies = False
        challenge_reply, options = ask(pool)
        with refused(*BAD):
            ApiClient(pool).answer(challenge_reply, "ada", CREDENTIAL=json.dumps(key.get(options)))

    @pytest.mark.parametrize("mfa", ["ON", "OPTIONAL"])
    @pytest.mark.parametrize("lacking", ["the user's wish", "another method", "the other page"])
    def test_one_condition_missing(self, pool_of: PoolOf, mfa: str, lacking: str) -> None:
        """If one condition is missing, WEB_AUTHN is not offered."""
        contradictions = Contradictions(passkeys_with_mfa_required=lacking != "the other page")
        pool = pool_of(mfa=mfa, webauthn=MULTI, contradictions=contradictions)
        self.ready(pool, enabled=lacking != "the user's wish")
        if lacking == "another method":
            pool.client().set_user_mfa_preference(AccessToken=token(pool), SMSMfaSettings={"Enabled": False})
        offered = ApiClient(pool).initiate("USER_AUTH", USERNAME="ada")["AvailableChallenges"]

        # Without any method that is switched on, optional MFA is none, and the passkey a first factor.
        assert ("WEB_AUTHN" in offered) == (lacking == "another method" and mfa == "OPTIONAL")

    def test_the_pool_must_allow_it(self, pool_of: PoolOf) -> None:
        """In a pool that does not allow it, the preference is refused, and nothing changes."""
        for settings, message in (
            ({}, "Passkeys can satisfy MFA only if the user pool's FactorConfiguration allows it."),
            (
                {"webauthn": MULTI, "tier": "LITE", "accept": "contradictory-settings"},
                "Passkeys can satisfy MFA only if the user pool's FactorConfiguration allows it.",
            ),
            ({"webauthn": MULTI}, "Passkeys can satisfy MFA only in addition to another MFA method."),
        ):
            pool = pool_of(mfa="OPTIONAL", **settings)
            with refused("InvalidParameterException", message):
                pool.client().set_user_mfa_preference(AccessToken=token(pool), WebAuthnMfaSettings={"Enabled": True})
            assert pool.user("ada").passkeys.satisfy_mfa is False

    def test_as_an_administrator(self, pool_of: PoolOf) -> None:
        """AdminSetUserMFAPreference switches it on and off."""
        pool = pool_of(mfa="OPTIONAL", webauthn=MULTI, user={"mfa": ["SMS_MFA"]})
        client, whom = pool.client(), {"UserPoolId": pool.pool_id, "Username": "ada"}
        client.admin_set_user_mfa_preference(**whom, WebAuthnMfaSettings={"Enabled": True})
        client.admin_set_user_mfa_preference(**whom, SMSMfaSettings={"PreferredMfa": True})
        assert pool.user("ada").passkeys.satisfy_mfa is True
        client.admin_set_user_mfa_preference(**whom, WebAuthnMfaSettings={"Enabled": False})

        assert pool.user("ada").passkeys.satisfy_mfa is False


def test_no_secret_is_shown(pool_of: PoolOf, caplog: pytest.LogCaptureFixture) -> None:
    """No challenge and no key is in a repr or a log of the pool."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("botocore").setLevel(logging.INFO)  # its debug log shows requests
    pool = pool_of()
    key = register(pool)
    challenge_reply, options = ask(pool)
    user = pool.user("ada")
    pending = pool._core.sessions.find(None, challenge_reply["Session"])
    ApiClient(pool).answer(challenge_reply, "ada", CREDENTIAL=json.dumps(key.get(options)))
    passkey = next(iter(user.passkeys.by_id.values()))
    text = "".join([repr(user), repr(user.passkeys), repr(pending), repr(pending.expected_answer), caplog.text])

    assert options["challenge"] not in text
    assert repr(pending.expected_answer.challenge) not in text
    assert repr(passkey.public_key) not in text
