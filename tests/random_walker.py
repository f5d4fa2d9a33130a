"""A client that sends any answers to a local pool: right and wrong ones, old ones, and those of other sign-ins.

It compares every reply with the oracle in `tests/oracle.py`: accepted answers in `_check_accepted`, tokens in
`_check_issued_tokens`. It uses only the public API: a real boto3 client, and the codes that users receive.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from attrs import evolve
from challenge_answers import AnswerRequest
from oracle import CHOICES, NO_PROOF, KnownUser, OpenChallenge, Proofs, Reply, proofs_of
from random_pools import PASSWORDS, STALE_KEY, Choose
from token_checks import TokenChecks

from authfsm.protocol import responses as r
from authfsm.protocol.api_requests import classify
from authfsm.protocol.auth_flows import SIGN_IN_FLOWS
from authfsm.protocol.responses import Response
from authfsm.protocol.states import State, state_of_challenge_name

LEVELS: Final = {"urn:cognito:loa:1": 1, "urn:cognito:loa:2": 2, "urn:cognito:loa:3": 3, "urn:cognito:loa:4": 4}  # fmt: skip
_LONGEST: Final = 9


class Walker(TokenChecks):
    """A client that takes a random walk through a pool, and knows the oracle's facts."""

    # ---- first requests --------------------------------------------------------------------------------

    def begin_sign_in(self, choose: Choose[Any]) -> None:
        """Begin a sign-in of any user in any flow, with a password that may be right."""
        username = choose(
            [*(name for each in self.people[:4] for name in each.sign_in_names), *self._newest_user_names(), "nobody"]
        )
        person, client, flow = self._user_named(username), choose(self.clients), choose(SIGN_IN_FLOWS)
        admin = flow.startswith("ADMIN") or (flow != "USER_PASSWORD_AUTH" and choose([False, True]))
        ephemeral = self._ephemeral()
        start = OpenChallenge(person, client, flow, username, "START", {}, self.clock(), ephemeral=ephemeral)
        parameters, more = self._first_request(choose, start)
        request = {"AuthFlow": flow, "AuthParameters": parameters, **more}
        kind = classify("InitiateAuth", request) or Response
        if key := self._device_key(choose, person):
            parameters["DEVICE_KEY"], start.device_key_sent = key, True
        outbox = len(self.pool.outbox)
        reply = self._call(
            "admin_initiate_auth" if admin else "initiate_auth",
            AuthFlow=flow,
            ClientId=client.client_id,
            AuthParameters=self._with_secret_hash(client, {"USERNAME": username, **parameters}),
            **more,
            **({"UserPoolId": self.pool.pool_id} if admin else {}),
        )
        if reply is None:
            return
        chosen = reply.get("ChallengeName") == "SELECT_CHALLENGE"
        if kind is r.SignedUp and chosen:
            start.proofs = NO_PROOF  # the session was not accepted, and a factor is still required
        if "PASSWORD" in parameters and not chosen:
            if person is None or parameters["PASSWORD"] != person.password:
                raise self._violation("a wrong password was accepted")
            start.proofs |= {"pwd"}
        self._process_reply(start, kind, reply, outbox)

    def _newest_user_names(self) -> tuple[str, ...]:
        return self.people[-1].sign_in_names

    def _first_request(self, choose: Choose[Any], start: OpenChallenge) -> tuple[dict[str, str], dict[str, Any]]:
        """Return the AuthParameters of a flow's first request, and its other members."""
        flow = start.flow
        right = self._password(start.person)
        password = {"PASSWORD": choose([right, right, right, choose(PASSWORDS)])}
        srp_a = {"SRP_A": start.ephemeral.SRP_A} if start.ephemeral else {}
        if flow == "USER_AUTH":
            return self._user_auth(choose, start, password, srp_a)
        if flow == "USER_SRP_AUTH":
            return srp_a, {}
        if flow == "CUSTOM_AUTH":
            return {"CHALLENGE_NAME": "SRP_A", **srp_a} if choose([True, False]) else {}, {}
        left_out = flow == "ADMIN_NO_SRP_AUTH" and choose([True, False])
        return {} if left_out else password, {}

    def _user_auth(
        self, choose: Choose[Any], start: OpenChallenge, password: dict[str, str], srp_a: dict[str, str]
    ) -> tuple[dict[str, str], dict[str, Any]]:
        """Return the parameters of USER_AUTH: a preference, a session of ConfirmSignUp, a step-up."""
        person = start.person
        if person is not None and person.sign_up is not None and choose([True, False]):
            client, session, issued_at = person.sign_up
            life = timedelta(minutes=client.auth_session_validity)
            if client is start.client and self.clock() < issued_at + life:
                start.proofs = frozenset({"first", "email_otp"})
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
            return {**parameters, **self._step_up(choose, start)}, {}
        return parameters, {}

    def _step_up(self, choose: Choose[Any], start: OpenChallenge) -> dict[str, str]:
        levels = choose([[level] for level in LEVELS] + [["nowhere", *reversed(LEVELS)]])
        parameters = {"TARGET_ACR_VALUES": " ".join(levels)}
        start.target = min(LEVELS.get(level, 4) for level in levels)
        tokens = choose([None, *self.tokens[-3:]])
        if tokens is None:
            return parameters
        parameters["ACCESS_TOKEN"] = tokens.access
        age = choose([None, 0, 10**6])
        if age is not None:
            parameters["MAX_AGE"] = str(age)
        old = age is not None and self.clock() - tokens.family.started > timedelta(seconds=age)
        if tokens.family.person is start.person and not tokens.family.revoked and not old:
            start.proofs = tokens.family.proofs
        return parameters

    def _device_key(self, choose: Choose[Any], person: KnownUser | None) -> str | None:
        if self.pool.configuration.device is None:
            return None
        own = [each.key for each in person.devices] if person else []
        all_keys = [each.key for someone in self.people for each in someone.devices]
        key: str | None = choose([None, None, *own * 4, *all_keys[-2:], STALE_KEY])
        return key

    def sign_in(self, choose: Choose[Any]) -> None:
        """Begin a sign-in and answer as far as possible, with mistakes; confirm a device with the tokens."""
        challenge_count, token_count = len(self.open_challenges), len(self.tokens)
        self.begin_sign_in(choose)
        for _ in range(_LONGEST):
            if len(self.open_challenges) == challenge_count or len(self.tokens) > token_count:
                break
            open_challenge, challenge_count = self.open_challenges[-1], len(self.open_challenges)
            if choose([True, False]):
                self._wrong_answer(choose, open_challenge)
            if open_challenge.person is not None and choose([True, *[False] * 9]):
                self._change_user(choose, open_challenge.person)
            if not open_challenge.answered:
                self._send(self._right_answer(choose, open_challenge))
        if len(self.tokens) > token_count:
            choose([self._confirm_device, self._confirm_device, self._register_passkey])(choose, self.tokens[-1])

    # ---- answers ----------------------------------------------------------------------------------------

    def answer_correctly(self, choose: Choose[Any]) -> None:
        """Send the right answer to an open challenge, if there is one."""
        open_ones = [each for each in self.open_challenges[-6:] if not each.answered]
        if open_ones:
            open_challenge = choose(open_ones[::-1])
            self._send(self._right_answer(choose, open_challenge))

    def answer_wrongly(self, choose: Choose[Any]) -> None:
        """Send a wrong answer to a challenge that may have ended long ago."""
        if self.open_challenges:
            self._wrong_answer(choose, choose(self.open_challenges[-10:]))

    def _wrong_answer(self, choose: Choose[Any], open_challenge: OpenChallenge) -> None:
        """Send a wrong answer: an old one, one with values of another sign-in, or garbage."""
        mistakes = [self._garbage, self._garbage, self._out_of_order, self._out_of_order, self._other_answer, self._other_session,
                  self._other_username, self._other_challenge, self._other_client,
                  self._other_device, self._unchanged]  # fmt: skip
        mistake = choose(mistakes)
        self._send(mistake(choose, self._right_answer(choose, open_challenge)))

    def _send(self, request: AnswerRequest) -> None:
        outbox, now = len(self.pool.outbox), self.clock()
        session = {} if request.session is None else {"Session": request.session}
        if request.operation == "associate_software_token":
            reply = self._call(request.operation, **session)
        elif request.operation == "verify_software_token":
            code = request.responses.get("UserCode", "")
            reply = self._call(request.operation, UserCode=code, **session)
        else:
            pool = {"UserPoolId": self.pool.pool_id} if request.operation.startswith("admin") else {}
            reply = self._call(
                request.operation,
                ClientId=request.client.client_id,
                ChallengeName=request.challenge,
                ChallengeResponses=self._with_secret_hash(request.client, request.responses),
                **session,
                **pool,
            )
        target = self._challenge_of(request)
        if reply is None:
            if target is not None and target.person is not None and self._only_later_step_failed(target, request, now):
                self._record_changes(
                    target, target.person, request, self._proofs_of_request(target, request, now) or NO_PROOF, now
                )
        elif target is None:
            raise self._violation("an unknown session was accepted")
        else:
            self._check_accepted(target, request, reply, now, outbox)

    def _challenge_of(self, request: AnswerRequest) -> OpenChallenge | None:
        """Return the challenge that an answer is for: by its session, secret block or device."""
        if request.session is not None:
            return next((each for each in self.open_challenges if each.session == request.session), None)
        block = request.responses.get("PASSWORD_CLAIM_SECRET_BLOCK")
        if request.challenge in {"PASSWORD_VERIFIER", "DEVICE_PASSWORD_VERIFIER"}:
            blocks = (each for each in self.open_challenges if each.parameters.get("SECRET_BLOCK") == block)
            return next(blocks, None)
        if request.challenge != "DEVICE_SRP_AUTH":
            return None
        person, key = self._user_named(request.responses["USERNAME"]), request.responses.get("DEVICE_KEY")
        legs = (
            each
            for each in reversed(self.open_challenges)
            if each.name == "DEVICE_SRP_AUTH" and each.person is person
            and each.parameters.get("DEVICE_KEY") == key and each.client is request.client
        )  # fmt: skip
        return next(legs, None)

    # ---- checks of replies ------------------------------------------------------------------------------

    def _check_accepted(
        self, target: OpenChallenge, request: AnswerRequest, reply: Reply, now: datetime, outbox: int
    ) -> None:
        """Check that an answer which the pool accepted is right."""
        kind = self._check(target, request, now)
        proofs = self._proofs_of_request(target, request, now)
        if proofs is None:
            raise self._violation(f"an answer to {target.name} that is wrong was accepted")
        target.answered = True
        person = target.person
        if person is not None:
            self._record_changes(target, person, request, proofs, now)
        device_key_sent = target.device_key_sent or "DEVICE_KEY" in request.responses
        after = evolve(target, proofs=target.proofs | proofs, device_key_sent=device_key_sent)
        if kind in {r.AssociateSoftwareToken, r.VerifySoftwareToken}:
            self._check_transition(target, kind, State.MFA_SETUP)
            secret = reply.get("SecretCode", target.secret)
            session = {**target.reply, "Session": reply["Session"]}
            self.open_challenges.append(evolve(after, secret=secret, reply=session, answered=False))
            return
        chosen = request.responses.get("ANSWER")
        if target.name == "SELECT_MFA_TYPE" and reply.get("ChallengeName") != chosen:
            raise self._violation(f"{chosen} was chosen, but another challenge was issued")
        self._process_reply(after, kind, reply, outbox)

    def _check(self, target: OpenChallenge, request: AnswerRequest, now: datetime) -> type[Response]:
        """Check that this client may answer a challenge under this name now."""
        by_session = request.operation.endswith("software_token")
        life = timedelta(minutes=target.client.auth_session_validity)
        changes_factor = target.chooses_first and target.name in CHOICES and request.challenge in CHOICES
        violations = {
            "a session was used twice": target.answered,
            "an expired session was accepted": now >= target.issued_at + life,
            "another app client continued a sign-in": not by_session and request.client is not target.client,
            "another user continued a sign-in": not by_session
            and not self._is_user(target, request.responses["USERNAME"]),
            "a challenge was answered under another's name": request.challenge != target.name and not changes_factor,
            "a challenge without a right answer was answered": target.unanswerable,
        }
        for violation, violated in violations.items():
            if violated:
                raise self._violation(violation)
        return self._response_class(request)

    def _is_user(self, target: OpenChallenge, username: str) -> bool:
        if target.person is None:
            return self._user_named(username) is None
        return self._user_named(username) is target.person

    def _response_class(self, request: AnswerRequest) -> type[Response]:
        operation = "".join(word.title() for word in request.operation.split("_"))
        answer = {"ChallengeName": request.challenge, "ChallengeResponses": request.responses}
        return classify(operation, {**answer, "Session": request.session}) or Response

    def _proofs_of_request(self, target: OpenChallenge, request: AnswerRequest, now: datetime) -> Proofs | None:
        """Return what an answer proves; None if it is wrong."""
        if request.operation == "associate_software_token":
            return NO_PROOF
        if request.operation == "verify_software_token":
            return self._enrolment_proofs(target, request.responses.get("UserCode", ""), now)
        return proofs_of(target, request.challenge, request.responses, self.realm, now)

    def _enrolment_proofs(self, target: OpenChallenge, code: str, now: datetime) -> Proofs | None:
        person = target.person
        if person is None or target.secret is None:
            return None
        right = bool(person.steps_of(target.secret, code, now))
        return frozenset({"enrolled", "otp", "second"}) if right else None

    def _only_later_step_failed(self, target: OpenChallenge, request: AnswerRequest, now: datetime) -> bool:
        """Return whether the answer was right and only a later step failed: a Lambda function, or MFA."""
        code, message = self.refused
        afterwards = "Lambda" in code or message.startswith(("Incorrect", "The user has no MFA"))
        fresh = (
            not target.answered
            and target.name == request.challenge
            and target.client is request.client
            and self._is_user(target, request.responses["USERNAME"])
        )
        if not afterwards or not fresh or self._proofs_of_request(target, request, now) is None:
            return False
        target.answered = True
        return True

    def _record_changes(
        self, target: OpenChallenge, person: KnownUser, request: AnswerRequest, proofs: Proofs, now: datetime
    ) -> None:
        """Update the known facts after an answer was accepted."""
        code = request.responses.get("UserCode") or request.responses.get("SOFTWARE_TOKEN_MFA_CODE")
        secret = target.secret if "enrolled" in proofs else person.totp
        if "otp" in proofs and code and secret:
            steps = person.steps_of(secret, code, now)
            person.used_totp_steps.add((secret, min(steps)))
        if "enrolled" in proofs:
            person.totp = target.secret
            person.factor_attributes.add("totp")
            person.active_factors.add("SOFTWARE_TOKEN_MFA")
        if "email_otp" in proofs and "email" not in person.factor_attributes:
            person.factor_attributes.add("email")
            person.active_factors.add("EMAIL_OTP")
        if "first" in proofs and person.status in {"UNCONFIRMED", "RESET_REQUIRED"}:
            person.status = "CONFIRMED"
        if "new password" in proofs:
            person.password, person.temporary = request.responses["NEW_PASSWORD"], False

    def _process_reply(self, before: OpenChallenge, kind: type[Response], reply: Reply, outbox: int) -> None:
        """Process a reply to an answer: remember a challenge, check tokens."""
        proofs = before.proofs | ({"issued"} if self.decision == "TOKENS" else set())
        if "AuthenticationResult" in reply:
            self._check_transition(before, kind, State.AUTHENTICATED)
            self._check_issued_tokens(evolve(before, proofs=proofs), reply["AuthenticationResult"])
            return
        name = reply["ChallengeName"]
        self._check_transition(before, kind, state_of_challenge_name(name))
        parameters, person = reply.get("ChallengeParameters", {}), before.person
        real = name == "CUSTOM_CHALLENGE" or (name == "PASSWORD_VERIFIER" and "SALT" in parameters)
        code = self.pool.outbox[-1].code.reveal() if len(self.pool.outbox) > outbox else None
        keys = {each.key: each for each in person.devices} if person else {}
        self.open_challenges.append(
            evolve(
                before,
                name=name,
                reply=reply,
                issued_at=self.clock(),
                proofs=proofs,
                password=person.password if person else None,
                device=keys.get(parameters.get("DEVICE_KEY", "")),
                code=code,
                secret=None,
                credentials={},
                unanswerable=self.decision == name and not real,
                answered=False,
            )
        )

    # ---- the administrator, and time ----------------------------------------------------------------------

    def administer(self, choose: Choose[Any]) -> None:
        """Change a user as an administrator: password, preference, enabled or disabled."""
        self._change_user(choose, choose(self.people))

    def _change_user(self, choose: Choose[Any], person: KnownUser) -> None:
        who = {"UserPoolId": self.pool.pool_id, "Username": person.name}
        match choose(["password", "password", "preference", "preference", "disable", "enable", "enable", "reset"]):
            case "password":
                password, permanent = choose(PASSWORDS), choose([True, False])
                final_reply = self._call("admin_set_user_password", **who, Password=password, Permanent=permanent)
                if final_reply is not None:
                    person.password, person.temporary = password, not permanent
                    person.status = "CONFIRMED"
            case "preference":
                settings = self._random_preference(choose)
                if self._call("admin_set_user_mfa_preference", **who, **settings) is not None:
                    self._record_preference(person, settings)
            case "reset":
                if self._call("admin_reset_user_password", **who) is not None:
                    person.status, person.temporary = "RESET_REQUIRED", False
            case switch:
                if self._call(f"admin_{switch}_user", **who) is not None:
                    person.enabled = switch == "enable"

    def sign_up(self, choose: Choose[Any]) -> None:
        """Sign up a user, and confirm the address."""
        name, client = f"new{len(self.people)}", choose(self.clients)
        app: dict[str, Any] = {"ClientId": client.client_id, "Username": name}
        if client.client_secret is not None:
            hashed = self._with_secret_hash(client, {"USERNAME": name})
            app["SecretHash"] = hashed["SECRET_HASH"]
        email = f"{name}@example.com"
        sign_up_reply = self._call(
            "sign_up", **app, Password=PASSWORDS[0], UserAttributes=[{"Name": "email", "Value": email}]
        )
        if sign_up_reply is None:
            return
        person = KnownUser(
            name, (name,), PASSWORDS[0], status="UNCONFIRMED", factor_attributes={"email"}, never_signed_in=True
        )
        self.people.append(person)
        session = {"Session": sign_up_reply["Session"]} if "Session" in sign_up_reply else {}
        code = self.pool.outbox[-1].code.reveal()
        final_reply = self._call("confirm_sign_up", **app, ConfirmationCode=code, **session)
        if final_reply is not None:
            person.status = "CONFIRMED"
            if "email" in self.pool.configuration.aliases:
                person.sign_in_names = (name, email)
            if "Session" in final_reply:
                person.sign_up = client, final_reply["Session"], self.clock()

    def wait(self, choose: Choose[Any]) -> None:
        """Let time pass."""
        seconds = choose([1, 31, 31, 61, 61, 150, 150, 400, 1000, 4000, 31 * 24 * 3600])
        self.log.append(f"{seconds} seconds later")
        self.clock.advance(seconds)
