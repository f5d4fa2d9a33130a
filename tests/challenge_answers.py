"""Makes answers to challenges: the right one if there is one, and answers that are wrong in one respect."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from attrs import evolve, frozen
from oracle import CHOICES, OpenChallenge, signature
from random_pools import MFA, PASSWORDS, STALE_KEY, Choose, RandomPool

from authfsm import srp
from authfsm.local import AppClient
from authfsm.protocol.states import CHALLENGES

NO_SESSION: Final = "a session that was never issued"


@frozen
class AnswerRequest:
    """An answer before it is sent.

    Args:
        operation: the client's method.
        challenge: its ChallengeName.
        session: its Session.
        client: the app client it names.
        responses: ChallengeResponses, or for VerifySoftwareToken its UserCode.
    """

    operation: str
    challenge: str
    session: str | None
    client: AppClient
    responses: dict[str, str]


Responses = dict[str, str]
ResponseMaker = Callable[[Any, Choose[Any], OpenChallenge], Responses]


class ChallengeAnswers(RandomPool):
    """Makes answers, and does not send them."""

    # ---- right answers ----------------------------------------------------------------------------------------

    def _right_answer(self, choose: Choose[Any], open_challenge: OpenChallenge) -> AnswerRequest:
        """Return the right answer, if there is one."""
        parameters, name = open_challenge.parameters, open_challenge.name
        username = parameters.get("USER_ID_FOR_SRP") or parameters.get("USERNAME") or open_challenge.username
        responses = {"USERNAME": username}
        if name == "MFA_SETUP":
            return self._mfa_setup(choose, open_challenge, responses)
        if name in self.RESPONSE_MAKERS:
            responses |= self.RESPONSE_MAKERS[name](self, choose, open_challenge)
        challenge = name
        if name in CHOICES and (name == "SELECT_CHALLENGE" or choose([False, False, False, True])):
            challenge = self._other_choice(choose, open_challenge, responses)
        admin = name == "ADMIN_NO_SRP_AUTH"
        operation = "admin_respond_to_auth_challenge" if admin else "respond_to_auth_challenge"
        return AnswerRequest(operation, challenge, open_challenge.session, open_challenge.client, responses)

    def _code(self, _: Choose[Any], open_challenge: OpenChallenge) -> Responses:
        return {f"{open_challenge.name}_CODE": open_challenge.code or "000000"}

    def _app_code(self, _: Choose[Any], open_challenge: OpenChallenge) -> Responses:
        person = open_challenge.person
        return {"SOFTWARE_TOKEN_MFA_CODE": self._totp(person.totp if person else None)}

    def _plain_password(self, _: Choose[Any], open_challenge: OpenChallenge) -> Responses:
        return {"PASSWORD": self._password(open_challenge.person)}

    def _srp_a(self, _: Choose[Any], open_challenge: OpenChallenge) -> Responses:
        open_challenge.ephemeral = self._ephemeral()
        return {"SRP_A": open_challenge.ephemeral.SRP_A}

    def _device_srp_a(self, choose: Choose[Any], open_challenge: OpenChallenge) -> Responses:
        key = open_challenge.parameters.get("DEVICE_KEY", STALE_KEY)
        return {"DEVICE_KEY": key, **self._srp_a(choose, open_challenge)}

    def _password_claim(self, _: Choose[Any], open_challenge: OpenChallenge) -> Responses:
        timestamp = srp.timestamp(self.clock())
        claim_signature = signature(open_challenge, self.realm, timestamp)
        answers = {
            "PASSWORD_CLAIM_SECRET_BLOCK": open_challenge.parameters.get("SECRET_BLOCK", "AAAA"),
            "PASSWORD_CLAIM_SIGNATURE": claim_signature or base64.b64encode(bytes(32)).decode(),
            "TIMESTAMP": timestamp,
        }
        if open_challenge.name == "DEVICE_PASSWORD_VERIFIER":
            answers["DEVICE_KEY"] = open_challenge.parameters.get("DEVICE_KEY", STALE_KEY)
        return answers

    def _new_password(self, choose: Choose[Any], _: OpenChallenge) -> Responses:
        return {"NEW_PASSWORD": choose([*PASSWORDS, "weak"])}

    def _mfa_type(self, choose: Choose[Any], open_challenge: OpenChallenge) -> Responses:
        parameters = open_challenge.parameters
        offered = parameters.get("MFAS_CAN_CHOOSE") or parameters.get("MFAS_CAN_SELECT") or "[]"
        return {"ANSWER": choose([*json.loads(offered) * 2, *MFA])}

    def _custom_answer(self, choose: Choose[Any], _: OpenChallenge) -> Responses:
        return {"ANSWER": choose(["42", "42", "41"])}

    def _webauthn(self, choose: Choose[Any], open_challenge: OpenChallenge) -> Responses:
        return {"CREDENTIAL": self._passkey_credential(choose, open_challenge)}

    RESPONSE_MAKERS: ClassVar[Mapping[str, ResponseMaker]] = {
        "SMS_MFA": _code,
        "SMS_OTP": _code,
        "EMAIL_OTP": _code,
        "SOFTWARE_TOKEN_MFA": _app_code,
        "PASSWORD": _plain_password,
        "ADMIN_NO_SRP_AUTH": _plain_password,
        "PASSWORD_SRP": _srp_a,
        "PASSWORD_VERIFIER": _password_claim,
        "DEVICE_SRP_AUTH": _device_srp_a,
        "DEVICE_PASSWORD_VERIFIER": _password_claim,
        "NEW_PASSWORD_REQUIRED": _new_password,
        "SELECT_MFA_TYPE": _mfa_type,
        "CUSTOM_CHALLENGE": _custom_answer,
        "WEB_AUTHN": _webauthn,
    }

    def _other_choice(self, choose: Choose[Any], open_challenge: OpenChallenge, responses: dict[str, str]) -> str:
        offered = list(open_challenge.reply.get("AvailableChallenges", ())) or ["PASSWORD"]
        responses["ANSWER"] = chosen = choose([*offered, "PASSWORD", "EMAIL_OTP", "WEB_AUTHN"])
        if chosen == "PASSWORD" and choose([True, False]):
            responses["PASSWORD"] = self._password(open_challenge.person)
            return str(choose(["SELECT_CHALLENGE", "PASSWORD"]))
        if chosen == "PASSWORD_SRP" and choose([True, False]):
            open_challenge.ephemeral = self._ephemeral()
            responses["SRP_A"] = open_challenge.ephemeral.SRP_A
            return str(choose(["SELECT_CHALLENGE", "PASSWORD_SRP"]))
        if chosen == "WEB_AUTHN" and choose([True, False]):
            responses["CREDENTIAL"] = self._passkey_credential(choose, open_challenge)
        return "SELECT_CHALLENGE"

    def _mfa_setup(
        self, choose: Choose[Any], open_challenge: OpenChallenge, responses: dict[str, str]
    ) -> AnswerRequest:
        operation, responses = "respond_to_auth_challenge", dict(responses)
        if "enrolled" in open_challenge.proofs:
            pass
        elif open_challenge.secret is not None:
            operation, responses["UserCode"] = ("verify_software_token", self._totp(open_challenge.secret))
        elif "EMAIL_OTP" in open_challenge.parameters.get("MFAS_CAN_SETUP", "") and choose([True, False]):
            name = open_challenge.person.name if open_challenge.person else "nobody"
            addresses = [f"{name}@elsewhere.example", "ada@example.com", "no address"]
            responses[choose(["EMAIL", "email"])] = choose(addresses)
        else:
            operation = "associate_software_token"
        return AnswerRequest(operation, "MFA_SETUP", open_challenge.session, open_challenge.client, responses)

    def _passkey_credential(self, choose: Choose[Any], open_challenge: OpenChallenge) -> str:
        """Return the credential that the user's passkey signs for a challenge, with or without user verification."""
        options = open_challenge.parameters.get("CREDENTIAL_REQUEST_OPTIONS")
        provider = self.passkeys.get(open_challenge.person.name) if open_challenge.person else None
        if options is None or provider is None:
            return "{}"
        provider.verifies = choose([True, True, False])
        credential = json.dumps(provider.get(options))
        open_challenge.credentials[credential] = provider.verifies
        return credential

    # ---- wrong answers ----------------------------------------------------------------------------------------

    def _unchanged(self, _: Choose[Any], request: AnswerRequest) -> AnswerRequest:
        return request

    def _out_of_order(self, choose: Choose[Any], request: AnswerRequest) -> AnswerRequest:
        """At MFA_SETUP, send the answer and the verification of the app in any order.

        At other challenges, answer garbage.
        """
        if request.challenge != "MFA_SETUP":
            return self._garbage(choose, request)
        if request.operation == "verify_software_token" and choose([True, False]):
            return evolve(request, responses={**request.responses, "UserCode": "000000"})
        username = {"USERNAME": request.responses["USERNAME"]}
        return evolve(request, operation="respond_to_auth_challenge", responses=username)

    def _garbage(self, choose: Choose[Any], request: AnswerRequest) -> AnswerRequest:
        field = choose(sorted(set(request.responses) - {"USERNAME"}) or ["USERNAME"])
        old = request.responses[field]
        off_by_one = f"{(int(old) + 1) % 10 ** len(old):0{len(old)}d}" if old.isdecimal() else PASSWORDS[-1]
        new = choose([*(off_by_one,) * 6, "", old[:-1], old + "=", "\N{SNOWMAN}", "0" * 2000])
        return evolve(request, responses={**request.responses, field: new})

    def _other_answer(self, choose: Choose[Any], request: AnswerRequest) -> AnswerRequest:
        """Use a value from the answer of another sign-in."""
        other = self._right_answer(choose, choose(self.open_challenges[-10:])).responses
        shared = {key: other[key] for key in set(other) & set(request.responses) - {"USERNAME"}}
        return evolve(request, responses={**request.responses, **shared})

    def _other_session(self, choose: Choose[Any], request: AnswerRequest) -> AnswerRequest:
        """Use another sign-in's session, an invented one, or none."""
        others = [each.session for each in self.open_challenges[-10:] if each.session]
        return evolve(request, session=choose([*others, NO_SESSION, None]))

    def _other_username(self, choose: Choose[Any], request: AnswerRequest) -> AnswerRequest:
        name = choose([*(each.name for each in self.people), "nobody"])
        return evolve(request, responses={**request.responses, "USERNAME": name})

    def _other_challenge(self, choose: Choose[Any], request: AnswerRequest) -> AnswerRequest:
        """Answer another challenge than the one that was issued."""
        other = self._right_answer(choose, choose(self.open_challenges[-10:]))
        name = choose([other.challenge, *(each.value for each in CHALLENGES)])
        responses = {**other.responses, "USERNAME": request.responses["USERNAME"]}
        operation = "respond_to_auth_challenge"
        return evolve(request, operation=operation, challenge=name, responses=responses)

    def _other_client(self, choose: Choose[Any], request: AnswerRequest) -> AnswerRequest:
        return evolve(request, client=choose(self.clients))

    def _other_device(self, choose: Choose[Any], request: AnswerRequest) -> AnswerRequest:
        keys = [each.key for someone in self.people for each in someone.devices]
        key = choose([*keys, STALE_KEY])
        return evolve(request, responses={**request.responses, "DEVICE_KEY": key})
