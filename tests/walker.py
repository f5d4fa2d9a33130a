"""A client that sends any answers to a local pool: right and wrong, stale, stolen and mixed up.

It compares all that the pool does with the oracle in `tests/oracle.py`: replies that lead on in `_check_accepted`, tokens in
`_granted`. It uses only the public API: a real boto3 client, and the codes that users receive.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from answering import Sent
from attrs import evolve
from holding import Holding
from oracle import CHOICES, NO_PROOF, KnownUser, OpenChallenge, Proofs, Reply, proofs_of
from worlds import PASSWORDS, STALE_KEY, Choose

from authfsm.protocol import responses as r
from authfsm.protocol.api_requests import classify
from authfsm.protocol.auth_flows import SIGN_IN_FLOWS
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State, state_named

LEVELS: Final = {"urn:cognito:loa:1": 1, "urn:cognito:loa:2": 2, "urn:cognito:loa:3": 3, "urn:cognito:loa:4": 4}  # fmt: skip
_LONGEST: Final = 9


class Walker(Holding):
    """A client that takes a random walk through a pool, and knows the facts of the oracle."""

    # ---- beginning ------------------------------------------------------------------------------------

    def begins(self, choose: Choose[Any]) -> None:
        """Begin a sign-in of any user in any flow, with a password that may be right."""
        typed = choose(
            [*(name for each in self.people[:4] for name in each.typed), *self._newest(), "nobody"]
        )
        person, client, flow = self._whose(typed), choose(self.clients), choose(SIGN_IN_FLOWS)
        admin = flow.startswith("ADMIN") or (flow != "USER_PASSWORD_AUTH" and choose([False, True]))
        mine = self._ephemeral()
        start = OpenChallenge(person, client, flow, typed, "START", {}, self.clock(), ephemeral=mine)
        parameters, more = self._opening(choose, start)
        begun = {"AuthFlow": flow, "AuthParameters": parameters, **more}
        kind = classify("InitiateAuth", begun) or Response
        if key := self._some_key(choose, person):
            parameters["DEVICE_KEY"], start.keyed = key, True
        outbox = len(self.pool.outbox)
        reply = self._call(
            "admin_initiate_auth" if admin else "initiate_auth",
            AuthFlow=flow,
            ClientId=client.client_id,
            AuthParameters=self._hashed(client, {"USERNAME": typed, **parameters}),
            **more,
            **({"UserPoolId": self.pool.pool_id} if admin else {}),
        )
        if reply is None:
            return
        chosen = reply.get("ChallengeName") == "SELECT_CHALLENGE"
        if kind is r.SignedUp and chosen:
            start.proved = NO_PROOF  # the session was not taken, and a factor is still wanted
        if "PASSWORD" in parameters and not chosen:
            if person is None or parameters["PASSWORD"] != person.password:
                raise self._never("a wrong password led on")
            start.proved |= {"pwd"}
        self._process_reply(start, kind, reply, outbox)

    def _newest(self) -> tuple[str, ...]:
        return self.people[-1].typed

    def _opening(self, choose: Choose[Any], start: OpenChallenge) -> tuple[dict[str, str], dict[str, Any]]:
        """Return the AuthParameters of a flow's first request, and its other members."""
        flow = start.flow
        right = self._password(start.person)
        password = {"PASSWORD": choose([right, right, right, choose(PASSWORDS)])}
        srp_a = {"SRP_A": start.ephemeral.SRP_A} if start.ephemeral else {}
        if flow == "USER_AUTH":
            return self._chooses(choose, start, password, srp_a)
        if flow == "USER_SRP_AUTH":
            return srp_a, {}
        if flow == "CUSTOM_AUTH":
            return {"CHALLENGE_NAME": "SRP_A", **srp_a} if choose([True, False]) else {}, {}
        left_out = flow == "ADMIN_NO_SRP_AUTH" and choose([True, False])
        return {} if left_out else password, {}

    def _chooses(
        self, choose: Choose[Any], start: OpenChallenge, password: dict[str, str], srp_a: dict[str, str]
    ) -> tuple[dict[str, str], dict[str, Any]]:
        """Return the parameters of USER_AUTH: a preference, a session of ConfirmSignUp, a step-up."""
        person = start.person
        if person is not None and person.sign_up is not None and choose([True, False]):
            of, session, began = person.sign_up
            life = timedelta(minutes=of.auth_session_validity)
            if of is start.client and self.clock() < began + life:
                start.proved = frozenset({"first", "email_otp"})
            person.sign_up = None
            return {}, {"Session": session}
        passkey = ["WEB_AUTHN"] * 3 if person and person.name in self.passkeys else []
        codes = ["EMAIL_OTP", "SMS_OTP"]
        preferred = choose([None, "PASSWORD", "PASSWORD_SRP", *codes, *codes, *passkey])
        parameters = {} if preferred is None else {"PREFERRED_CHALLENGE": preferred}
        if preferred == "PASSWORD" and choose([True, False]):
            return {**parameters, **password}, {}
        if preferred == "PASSWORD_SRP" and choose([True, False]):
            return {**parameters, **srp_a}, {}
        if choose([False, False, False, True]):
            return {**parameters, **self._steps_up(choose, start)}, {}
        return parameters, {}

    def _steps_up(self, choose: Choose[Any], start: OpenChallenge) -> dict[str, str]:
        levels = choose([[level] for level in LEVELS] + [["nowhere", *reversed(LEVELS)]])
        parameters = {"TARGET_ACR_VALUES": " ".join(levels)}
        start.target = min(LEVELS.get(level, 4) for level in levels)
        held = choose([None, *self.held[-3:]])
        if held is None:
            return parameters
        parameters["ACCESS_TOKEN"] = held.access
        age = choose([None, 0, 10**6])
        if age is not None:
            parameters["MAX_AGE"] = str(age)
        old = age is not None and self.clock() - held.family.began > timedelta(seconds=age)
        if held.family.person is start.person and not held.family.over and not old:
            start.proved = held.family.proved
        return parameters

    def _some_key(self, choose: Choose[Any], person: KnownUser | None) -> str | None:
        if self.pool.configuration.device is None:
            return None
        own = [each.key for each in person.devices] if person else []
        all_keys = [each.key for someone in self.people for each in someone.devices]
        key: str | None = choose([None, None, *own * 4, *all_keys[-2:], STALE_KEY])
        return key

    def signs_in(self, choose: Choose[Any]) -> None:
        """Begin a sign-in and answer as far as possible, with mistakes; confirm a device with the tokens."""
        known, tokens = len(self.open_challenges), len(self.held)
        self.begins(choose)
        for _ in range(_LONGEST):
            if len(self.open_challenges) == known or len(self.held) > tokens:
                break
            open_challenge, known = self.open_challenges[-1], len(self.open_challenges)
            if choose([True, False]):
                self._wrong_answer(choose, open_challenge)
            if open_challenge.person is not None and choose([True, *[False] * 9]):
                self._meddles(choose, open_challenge.person)
            if not open_challenge.spent:
                self._sends(self._right(choose, open_challenge))
        if len(self.held) > tokens:
            choose([self._confirms, self._confirms, self._registers])(choose, self.held[-1])

    # ---- answering --------------------------------------------------------------------------------------

    def answers(self, choose: Choose[Any]) -> None:
        """Send the right answer to an open challenge, if there is one."""
        open_ones = [each for each in self.open_challenges[-6:] if not each.spent]
        if open_ones:
            open_challenge = choose(open_ones[::-1])
            self._sends(self._right(choose, open_challenge))

    def answers_wrongly(self, choose: Choose[Any]) -> None:
        """Send a wrong answer to a challenge that may have ended long ago."""
        if self.open_challenges:
            self._wrong_answer(choose, choose(self.open_challenges[-10:]))

    def _wrong_answer(self, choose: Choose[Any], open_challenge: OpenChallenge) -> None:
        """Return a wrong answer: old, mixed up, stolen or garbage."""
        spoils = [self._garbage, self._garbage, self._hasty, self._hasty, self._mixed, self._stolen,
                  self._impersonated, self._renamed, self._of_other_client,
                  self._on_other_device, self._unchanged]  # fmt: skip
        spoil = choose(spoils)
        self._sends(spoil(choose, self._right(choose, open_challenge)))

    def _sends(self, sent: Sent) -> None:
        outbox, now = len(self.pool.outbox), self.clock()
        session = {} if sent.session is None else {"Session": sent.session}
        if sent.operation == "associate_software_token":
            reply = self._call(sent.operation, **session)
        elif sent.operation == "verify_software_token":
            code = sent.responses.get("UserCode", "")
            reply = self._call(sent.operation, UserCode=code, **session)
        else:
            pool = {"UserPoolId": self.pool.pool_id} if sent.operation.startswith("admin") else {}
            reply = self._call(
                sent.operation,
                ClientId=sent.client.client_id,
                ChallengeName=sent.challenge,
                ChallengeResponses=self._hashed(sent.client, sent.responses),
                **session,
                **pool,
            )
        target = self._challenge_of(sent)
        if reply is None:
            if (
                target is not None
                and target.person is not None
                and self._only_later_step_failed(target, sent, now)
            ):
                self._changes(target, target.person, sent, self._proves(target, sent, now) or NO_PROOF, now)
        elif target is None:
            raise self._never("a session that was never given led on")
        else:
            self._check_accepted(target, sent, reply, now, outbox)

    def _challenge_of(self, sent: Sent) -> OpenChallenge | None:
        """Return the challenge that an answer is for: by its session, secret block or device."""
        if sent.session is not None:
            return next((each for each in self.open_challenges if each.session == sent.session), None)
        block = sent.responses.get("PASSWORD_CLAIM_SECRET_BLOCK")
        if sent.challenge in {"PASSWORD_VERIFIER", "DEVICE_PASSWORD_VERIFIER"}:
            blocks = (each for each in self.open_challenges if each.parameters.get("SECRET_BLOCK") == block)
            return next(blocks, None)
        if sent.challenge != "DEVICE_SRP_AUTH":
            return None
        person, key = self._whose(sent.responses["USERNAME"]), sent.responses.get("DEVICE_KEY")
        legs = (
            each
            for each in reversed(self.open_challenges)
            if each.name == "DEVICE_SRP_AUTH" and each.person is person
            and each.parameters.get("DEVICE_KEY") == key and each.client is sent.client
        )  # fmt: skip
        return next(legs, None)

    # ---- what becomes of it -----------------------------------------------------------------------------

    def _check_accepted(
        self, target: OpenChallenge, sent: Sent, reply: Reply, now: datetime, outbox: int
    ) -> None:
        """Check an answer that the pool accepted: was it right?"""
        kind = self._check(target, sent, now)
        proved = self._proves(target, sent, now)
        if proved is None:
            raise self._never(f"an answer to {target.name} that is not right led on")
        target.spent = True
        person = target.person
        if person is not None:
            self._changes(target, person, sent, proved, now)
        keyed = target.keyed or "DEVICE_KEY" in sent.responses
        after = evolve(target, proved=target.proved | proved, keyed=keyed)
        if kind in {r.AssociateSoftwareToken, r.VerifySoftwareToken}:
            self._along(target, kind, State.MFA_SETUP)
            secret = reply.get("SecretCode", target.secret)
            session = {**target.reply, "Session": reply["Session"]}
            self.open_challenges.append(evolve(after, secret=secret, reply=session, spent=False))
            return
        chosen = sent.responses.get("ANSWER")
        if target.name == "SELECT_MFA_TYPE" and reply.get("ChallengeName") != chosen:
            raise self._never(f"{chosen} was chosen, and something else came")
        self._process_reply(after, kind, reply, outbox)

    def _check(self, target: OpenChallenge, sent: Sent, now: datetime) -> type[Response]:
        """Check that this client may answer a challenge under this name now."""
        by_session = sent.operation.endswith("software_token")
        life = timedelta(minutes=target.client.auth_session_validity)
        left = target.chooses_first and target.name in CHOICES and sent.challenge in CHOICES
        faults = {
            "a session was used twice": target.spent,
            "a session outlived its time": now >= target.opened + life,
            "another app client took a sign-in over": not by_session and sent.client is not target.client,
            "another user took a sign-in over": not by_session
            and not self._is(target, sent.responses["USERNAME"]),
            "a challenge was answered under another's name": sent.challenge != target.name and not left,
            "a dead end led on": target.dead,
        }
        for fault, found in faults.items():
            if found:
                raise self._never(fault)
        return self._kind(sent)

    def _is(self, target: OpenChallenge, username: str) -> bool:
        if target.person is None:
            return self._whose(username) is None
        return self._whose(username) is target.person

    def _kind(self, sent: Sent) -> type[Response]:
        operation = "".join(word.title() for word in sent.operation.split("_"))
        answer = {"ChallengeName": sent.challenge, "ChallengeResponses": sent.responses}
        return classify(operation, {**answer, "Session": sent.session}) or Response

    def _proves(self, target: OpenChallenge, sent: Sent, now: datetime) -> Proofs | None:
        """Return what an answer really proves; None if it is wrong."""
        if sent.operation == "associate_software_token":
            return NO_PROOF
        if sent.operation == "verify_software_token":
            return self._enrolled(target, sent.responses.get("UserCode", ""), now)
        return proofs_of(target, sent.challenge, sent.responses, self.realm, now)

    def _enrolled(self, target: OpenChallenge, code: str, now: datetime) -> Proofs | None:
        person = target.person
        if person is None or target.secret is None:
            return None
        right = bool(person.steps_of(target.secret, code, now))
        return frozenset({"enrolled", "otp", "second"}) if right else None

    def _only_later_step_failed(self, target: OpenChallenge, sent: Sent, now: datetime) -> bool:
        """Return whether the answer was right and only a later step failed: a Lambda function, or MFA."""
        code, message = self.refused
        afterwards = "Lambda" in code or message.startswith(("Incorrect", "The user has no MFA"))
        fresh = (
            not target.spent
            and target.name == sent.challenge
            and target.client is sent.client
            and self._is(target, sent.responses["USERNAME"])
        )
        if not afterwards or not fresh or self._proves(target, sent, now) is None:
            return False
        target.spent = True
        return True

    def _changes(
        self, target: OpenChallenge, person: KnownUser, sent: Sent, proved: Proofs, now: datetime
    ) -> None:
        """Update the known facts after an answer was accepted."""
        code = sent.responses.get("UserCode") or sent.responses.get("SOFTWARE_TOKEN_MFA_CODE")
        secret = target.secret if "enrolled" in proved else person.totp
        if "otp" in proved and code and secret:
            steps = person.steps_of(secret, code, now)
            person.totp_spent.add((secret, min(steps)))
        if "enrolled" in proved:
            person.totp = target.secret
            person.has.add("totp")
            person.switched_on.add("SOFTWARE_TOKEN_MFA")
        if "email_otp" in proved and "email" not in person.has:
            person.has.add("email")
            person.switched_on.add("EMAIL_OTP")
        if "first" in proved and person.status in {"UNCONFIRMED", "RESET_REQUIRED"}:
            person.status = "CONFIRMED"
        if "new password" in proved:
            person.password, person.temporary = sent.responses["NEW_PASSWORD"], False

    def _process_reply(self, before: OpenChallenge, kind: type[Response], reply: Reply, outbox: int) -> None:
        """Process a reply to an answer: remember a challenge, check tokens."""
        proved = before.proved | ({"issued"} if self.decision == "TOKENS" else set())
        if "AuthenticationResult" in reply:
            self._along(before, kind, State.AUTHENTICATED)
            self._granted(evolve(before, proved=proved), reply["AuthenticationResult"])
            return
        name = reply["ChallengeName"]
        self._along(before, kind, state_named(name))
        parameters, person = reply.get("ChallengeParameters", {}), before.person
        real = name == "CUSTOM_CHALLENGE" or (name == "PASSWORD_VERIFIER" and "SALT" in parameters)
        sent = self.pool.outbox[-1].code.reveal() if len(self.pool.outbox) > outbox else None
        keys = {each.key: each for each in person.devices} if person else {}
        self.open_challenges.append(
            evolve(
                before,
                name=name,
                reply=reply,
                opened=self.clock(),
                proved=proved,
                password=person.password if person else None,
                device=keys.get(parameters.get("DEVICE_KEY", "")),
                code=sent,
                secret=None,
                signed={},
                dead=self.decision == name and not real,
                spent=False,
            )
        )

    # ---- the administrator, and time ----------------------------------------------------------------------

    def administers(self, choose: Choose[Any]) -> None:
        """Change a user as an administrator: password, preference, enabled or disabled."""
        self._meddles(choose, choose(self.people))

    def _meddles(self, choose: Choose[Any], person: KnownUser) -> None:
        who = {"UserPoolId": self.pool.pool_id, "Username": person.name}
        match choose(
            ["password", "password", "preference", "preference", "disable", "enable", "enable", "reset"]
        ):
            case "password":
                password, permanent = choose(PASSWORDS), choose([True, False])
                done = self._call("admin_set_user_password", **who, Password=password, Permanent=permanent)
                if done is not None:
                    person.password, person.temporary = password, not permanent
                    person.status = "CONFIRMED"
            case "preference":
                settings = self._preference(choose)
                if self._call("admin_set_user_mfa_preference", **who, **settings) is not None:
                    self._preferred(person, settings)
            case "reset":
                if self._call("admin_reset_user_password", **who) is not None:
                    person.status, person.temporary = "RESET_REQUIRED", False
            case switch:
                if self._call(f"admin_{switch}_user", **who) is not None:
                    person.enabled = switch == "enable"

    def signs_up(self, choose: Choose[Any]) -> None:
        """Sign up a user, and confirm the address."""
        name, client = f"new{len(self.people)}", choose(self.clients)
        app: dict[str, Any] = {"ClientId": client.client_id, "Username": name}
        if client.client_secret is not None:
            hashed = self._hashed(client, {"USERNAME": name})
            app["SecretHash"] = hashed["SECRET_HASH"]
        email = f"{name}@example.com"
        begun = self._call(
            "sign_up", **app, Password=PASSWORDS[0], UserAttributes=[{"Name": "email", "Value": email}]
        )
        if begun is None:
            return
        person = KnownUser(name, (name,), PASSWORDS[0], status="UNCONFIRMED", has={"email"}, newcomer=True)
        self.people.append(person)
        session = {"Session": begun["Session"]} if "Session" in begun else {}
        code = self.pool.outbox[-1].code.reveal()
        done = self._call("confirm_sign_up", **app, ConfirmationCode=code, **session)
        if done is not None:
            person.status = "CONFIRMED"
            if "email" in self.pool.configuration.aliases:
                person.typed = (name, email)
            if "Session" in done:
                person.sign_up = client, done["Session"], self.clock()

    def waits(self, choose: Choose[Any]) -> None:
        """Let time pass."""
        seconds = choose([1, 31, 31, 61, 61, 150, 150, 400, 1000, 4000, 31 * 24 * 3600])
        self.log.append(f"{seconds} seconds later")
        self.clock.advance(seconds)
