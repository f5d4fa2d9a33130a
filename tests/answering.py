"""Makes answers to challenges: the right one if there is one, and answers that are wrong in one respect."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from attrs import evolve, frozen
from oracle import CHOICES, OpenChallenge, signature
from worlds import MFA, PASSWORDS, STALE_KEY, Choose, World

from authfsm import srp
from authfsm.local import AppClient
from authfsm.protocol.states import CHALLENGES

NO_SESSION: Final = "a session that nobody was ever given"


@frozen
class Sent:
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


Given = dict[str, str]
Maker = Callable[[Any, Choose[Any], OpenChallenge], Given]


class Answering(World):
    """Makes answers; sends nothing."""

    # ---- rightly ----------------------------------------------------------------------------------------

    def _right(self, choose: Choose[Any], open_challenge: OpenChallenge) -> Sent:
        """Return the right answer, if there is one."""
        parameters, name = open_challenge.parameters, open_challenge.name
        username = parameters.get("USER_ID_FOR_SRP") or parameters.get("USERNAME") or open_challenge.typed
        responses = {"USERNAME": username}
        if name == "MFA_SETUP":
            return self._sets_up(choose, open_challenge, responses)
        if name in self.MAKERS:
            responses |= self.MAKERS[name](self, choose, open_challenge)
        challenge = name
        if name in CHOICES and (name == "SELECT_CHALLENGE" or choose([False, False, False, True])):
            challenge = self._other_choice(choose, open_challenge, responses)
        admin = name == "ADMIN_NO_SRP_AUTH"
        operation = "admin_respond_to_auth_challenge" if admin else "respond_to_auth_challenge"
        return Sent(operation, challenge, open_challenge.session, open_challenge.client, responses)

    def _code(self, _: Choose[Any], open_challenge: OpenChallenge) -> Given:
        return {f"{open_challenge.name}_CODE": open_challenge.code or "000000"}

    def _app_code(self, _: Choose[Any], open_challenge: OpenChallenge) -> Given:
        person = open_challenge.person
        return {"SOFTWARE_TOKEN_MFA_CODE": self._totp(person.totp if person else None)}

    def _clear(self, _: Choose[Any], open_challenge: OpenChallenge) -> Given:
        return {"PASSWORD": self._password(open_challenge.person)}

    def _fresh(self, _: Choose[Any], open_challenge: OpenChallenge) -> Given:
        open_challenge.ephemeral = self._ephemeral()
        return {"SRP_A": open_challenge.ephemeral.SRP_A}

    def _device(self, choose: Choose[Any], open_challenge: OpenChallenge) -> Given:
        key = open_challenge.parameters.get("DEVICE_KEY", STALE_KEY)
        return {"DEVICE_KEY": key, **self._fresh(choose, open_challenge)}

    def _claim(self, _: Choose[Any], open_challenge: OpenChallenge) -> Given:
        timestamp = srp.timestamp(self.clock())
        signed = signature(open_challenge, self.realm, timestamp)
        answers = {
            "PASSWORD_CLAIM_SECRET_BLOCK": open_challenge.parameters.get("SECRET_BLOCK", "AAAA"),
            "PASSWORD_CLAIM_SIGNATURE": signed or base64.b64encode(bytes(32)).decode(),
            "TIMESTAMP": timestamp,
        }
        if open_challenge.name == "DEVICE_PASSWORD_VERIFIER":
            answers["DEVICE_KEY"] = open_challenge.parameters.get("DEVICE_KEY", STALE_KEY)
        return answers

    def _renewed(self, choose: Choose[Any], _: OpenChallenge) -> Given:
        return {"NEW_PASSWORD": choose([*PASSWORDS, "weak"])}

    def _second(self, choose: Choose[Any], open_challenge: OpenChallenge) -> Given:
        parameters = open_challenge.parameters
        offered = parameters.get("MFAS_CAN_CHOOSE") or parameters.get("MFAS_CAN_SELECT") or "[]"
        return {"ANSWER": choose([*json.loads(offered) * 2, *MFA])}

    def _riddle(self, choose: Choose[Any], _: OpenChallenge) -> Given:
        return {"ANSWER": choose(["42", "42", "41"])}

    def _passkey(self, choose: Choose[Any], open_challenge: OpenChallenge) -> Given:
        return {"CREDENTIAL": self._signed(choose, open_challenge)}

    MAKERS: ClassVar[Mapping[str, Maker]] = {
        "SMS_MFA": _code,
        "SMS_OTP": _code,
        "EMAIL_OTP": _code,
        "SOFTWARE_TOKEN_MFA": _app_code,
        "PASSWORD": _clear,
        "ADMIN_NO_SRP_AUTH": _clear,
        "PASSWORD_SRP": _fresh,
        "PASSWORD_VERIFIER": _claim,
        "DEVICE_SRP_AUTH": _device,
        "DEVICE_PASSWORD_VERIFIER": _claim,
        "NEW_PASSWORD_REQUIRED": _renewed,
        "SELECT_MFA_TYPE": _second,
        "CUSTOM_CHALLENGE": _riddle,
        "WEB_AUTHN": _passkey,
    }

    def _other_choice(
        self, choose: Choose[Any], open_challenge: OpenChallenge, responses: dict[str, str]
    ) -> str:
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
            responses["CREDENTIAL"] = self._signed(choose, open_challenge)
        return "SELECT_CHALLENGE"

    def _sets_up(self, choose: Choose[Any], open_challenge: OpenChallenge, responses: dict[str, str]) -> Sent:
        operation, responses = "respond_to_auth_challenge", dict(responses)
        if "enrolled" in open_challenge.proved:
            pass
        elif open_challenge.secret is not None:
            operation, responses["UserCode"] = ("verify_software_token", self._totp(open_challenge.secret))
        elif "EMAIL_OTP" in open_challenge.parameters.get("MFAS_CAN_SETUP", "") and choose([True, False]):
            name = open_challenge.person.name if open_challenge.person else "nobody"
            addresses = [f"{name}@elsewhere.example", "ada@example.com", "no address"]
            responses[choose(["EMAIL", "email"])] = choose(addresses)
        else:
            operation = "associate_software_token"
        return Sent(operation, "MFA_SETUP", open_challenge.session, open_challenge.client, responses)

    def _signed(self, choose: Choose[Any], open_challenge: OpenChallenge) -> str:
        """Return what the user's passkey signs for a challenge; the passkey may not verify its user."""
        options = open_challenge.parameters.get("CREDENTIAL_REQUEST_OPTIONS")
        provider = self.passkeys.get(open_challenge.person.name) if open_challenge.person else None
        if options is None or provider is None:
            return "{}"
        provider.verifies = choose([True, True, False])
        signed = json.dumps(provider.get(options))
        open_challenge.signed[signed] = provider.verifies
        return signed

    # ---- wrongly ----------------------------------------------------------------------------------------

    def _unchanged(self, _: Choose[Any], sent: Sent) -> Sent:
        return sent

    def _hasty(self, choose: Choose[Any], sent: Sent) -> Sent:
        """At MFA_SETUP, answer it or verify the app, in whatever order.

        At other challenges, answer garbage.
        """
        if sent.challenge != "MFA_SETUP":
            return self._garbage(choose, sent)
        if sent.operation == "verify_software_token" and choose([True, False]):
            return evolve(sent, responses={**sent.responses, "UserCode": "000000"})
        username = {"USERNAME": sent.responses["USERNAME"]}
        return evolve(sent, operation="respond_to_auth_challenge", responses=username)

    def _garbage(self, choose: Choose[Any], sent: Sent) -> Sent:
        field = choose(sorted(set(sent.responses) - {"USERNAME"}) or ["USERNAME"])
        old = sent.responses[field]
        off_by_one = f"{(int(old) + 1) % 10 ** len(old):0{len(old)}d}" if old.isdecimal() else PASSWORDS[-1]
        new = choose([*(off_by_one,) * 6, "", old[:-1], old + "=", "\N{SNOWMAN}", "0" * 2000])
        return evolve(sent, responses={**sent.responses, field: new})

    def _mixed(self, choose: Choose[Any], sent: Sent) -> Sent:
        """Use a value from the answer of another sign-in."""
        other = self._right(choose, choose(self.open_challenges[-10:])).responses
        shared = {key: other[key] for key in set(other) & set(sent.responses) - {"USERNAME"}}
        return evolve(sent, responses={**sent.responses, **shared})

    def _stolen(self, choose: Choose[Any], sent: Sent) -> Sent:
        """Use another sign-in's session, an invented one, or none."""
        others = [each.session for each in self.open_challenges[-10:] if each.session]
        return evolve(sent, session=choose([*others, NO_SESSION, None]))

    def _impersonated(self, choose: Choose[Any], sent: Sent) -> Sent:
        name = choose([*(each.name for each in self.people), "nobody"])
        return evolve(sent, responses={**sent.responses, "USERNAME": name})

    def _renamed(self, choose: Choose[Any], sent: Sent) -> Sent:
        """Answer another challenge than the one that was issued."""
        other = self._right(choose, choose(self.open_challenges[-10:]))
        name = choose([other.challenge, *(each.value for each in CHALLENGES)])
        responses = {**other.responses, "USERNAME": sent.responses["USERNAME"]}
        operation = "respond_to_auth_challenge"
        return evolve(sent, operation=operation, challenge=name, responses=responses)

    def _of_other_client(self, choose: Choose[Any], sent: Sent) -> Sent:
        return evolve(sent, client=choose(self.clients))

    def _on_other_device(self, choose: Choose[Any], sent: Sent) -> Sent:
        keys = [each.key for someone in self.people for each in someone.devices]
        key = choose([*keys, STALE_KEY])
        return evolve(sent, responses={**sent.responses, "DEVICE_KEY": key})
