"""What comes next: the one place that decides which challenge follows, whatever flow it is and however far.

`onward` reads nothing but the facts of the attempt, so that no path can go round a temporary password or a
second factor. The order: the new password, the second factor (unless a remembered device will stand for
it), the pool's own functions, the device, the tokens.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attrs import evolve, frozen

from authfsm.base.secret import Secret
from authfsm.local.config import acr_levels, error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.signin import custom, devices, step_up
from authfsm.local.signin.sign_in_triggers import before_tokens
from authfsm.local.state import mfa
from authfsm.local.state.codes import Message, delivery, masked, new_code
from authfsm.local.state.core import Core, Reply
from authfsm.local.state.proofs import Proof, block_key
from authfsm.local.state.sessions import Attempt, PendingChallenge
from authfsm.local.state.triggers import Metadata
from authfsm.local.state.users import DeviceRecord, SoftwareToken, Status, User
from authfsm.protocol.states import State


@frozen
class SentCode:
    """A code that was sent.

    Args:
        code: the code.
        attribute: whose address it went to: `phone_number` or `email`.
        address: the address, which the right code verifies.
        enrols: the right code makes this factor the user's.
    """

    code: Secret[str]
    attribute: str
    address: str
    enrols: bool = False


@frozen
class Choice:
    """A choice of a second factor.

    Args:
        offered: what there is to choose from.
    """

    offered: tuple[State, ...]


@frozen
class Setup:
    """The set-up of a second factor, and how far it has come.

    Args:
        offered: what can be set up.
        token: the software token, once associated.
        verified: has VerifySoftwareToken accepted a code of it?
    """

    offered: tuple[State, ...]
    token: SoftwareToken | None = None
    verified: bool = False


@frozen
class ChallengeAnswer:
    """An answer to a challenge, its session found good.

    Args:
        leg: the challenge's leg.
        attempt: the leg's attempt, with the DEVICE_KEY of this answer.
        responses: ChallengeResponses; what a challenge does not use is ignored, as pycognito sends some.
        metadata: ClientMetadata.
    """

    leg: PendingChallenge
    attempt: Attempt
    responses: Mapping[str, str]
    metadata: Metadata

    @property
    def user(self) -> User:
        """Whose answer it is."""
        return self.attempt.known


def ask(
    pool: Core,
    attempt: Attempt,
    challenge: str,
    parameters: Mapping[str, str],
    matter: Any = None,
    *,
    other_key: str | None = None,
    session_wanted: bool = True,
    session_shown: bool = True,
) -> Reply:
    """Ask a challenge.

    Args:
        pool: the pool.
        attempt: the attempt so far.
        challenge: its name on the wire.
        parameters: ChallengeParameters.
        matter: what the answer is checked against.
        other_key: another way than the session to find this leg by.
        session_wanted: must the answer have the session all the same?
        session_shown: has the reply one?
    """
    leg = pool.sessions.open(
        attempt, str(challenge), matter, other_key=other_key, session_wanted=session_wanted
    )
    reply: Reply = {"ChallengeName": leg.challenge, "ChallengeParameters": dict(parameters)}
    if session_shown:
        reply["Session"] = leg.session
    return reply


def onward(
    pool: Core, attempt: Attempt, metadata: Metadata = None, proof: Proof | None = None
) -> Reply:
    """What follows now: a challenge, or the tokens.

    Args:
        pool: the pool.
        attempt: the attempt so far.
        metadata: ClientMetadata, for the triggers.
        proof: a proof of the password, begun but not asked for yet (CUSTOM_AUTH with SRP).

    Raises:
        PoolRefusal: no second factor is possible, or a trigger ended the attempt.
    """
    user, device = attempt.user, devices.to_prove(pool, attempt)
    if attempt.unproved:  # Choosing is `choice`'s business; nothing follows before a proof.
        raise PoolRefusal(error_templates.WRONG_PASSWORD)
    if attempt.password_proved and user is not None:
        if user.status is Status.FORCE_CHANGE_PASSWORD:
            if attempt.second_factor_passed or attempt.device_proved:
                # It became temporary meanwhile; "the new password is asked before the MFA", never after.
                raise PoolRefusal(error_templates.WRONG_PASSWORD)
            return _ask_new_password(pool, attempt, user)
        # MFA goes with the password: "MFA is not supported in passwordless custom flows"
        # (amplify-js #12887). Nor is a temporary password known to matter there.
        due = step_up.second_factor(pool.configuration, attempt, user)
        # A device is no method of `amr`: toward a level it stands for nothing.
        vouched = (device is not None or attempt.device_proved) and not attempt.target
        if due is not None and not (vouched and devices.stands_for(pool, due.challenge)):
            return _ask_second_factor(pool, attempt, user, due)
    elif user is not None and (due := _after_code(pool, attempt, user)) is not None:
        return _ask_second_factor(pool, attempt, user, due)
    if attempt.flow == "CUSTOM_AUTH" and not attempt.custom_passed:
        named = custom.define(pool, attempt, metadata)
        if named is not None:
            return _ask_named(pool, attempt, named, metadata, proof)
        attempt = evolve(attempt, custom_passed=True)
    if device is not None:
        return _ask_device(pool, attempt, device)
    return _grant(pool, attempt, metadata)


def _after_code(pool: Core, attempt: Attempt, user: User) -> mfa.Due | None:
    """The second factor after a code as first one: none, unless the other document is followed."""
    follows = pool.configuration.contradictions.mfa_after_one_time_password
    channel = {"email_otp": State.EMAIL_OTP, "sms": State.SMS_OTP}.get("".join(attempt.methods))
    if not follows or channel is None or attempt.second_factor_passed:
        return None
    return mfa.after_code(pool.configuration, user, channel)


def ask_password_verifier(pool: Core, attempt: Attempt, proof: Proof) -> Reply:
    """PASSWORD_VERIFIER: the secret block identifies it in USER_SRP_AUTH, whose reply has no Session."""
    parameters = {
        **proof.parameters(),
        "USERNAME": attempt.name,
        "USER_ID_FOR_SRP": attempt.name,
    }
    alone = attempt.flow == "USER_SRP_AUTH"
    return ask(
        pool,
        attempt,
        State.PASSWORD_VERIFIER,
        parameters,
        proof,
        other_key=block_key(proof.secret_block.reveal()),
        session_wanted=not alone,
        session_shown=not alone,
    )


def ask_factor(
    pool: Core, attempt: Attempt, user: User, factor: State, new_address: str | None = None
) -> Reply:
    """Ask for the code of a second factor, and send it.

    Args:
        pool: the pool.
        attempt: the attempt so far.
        user: its user.
        factor: SMS_MFA, EMAIL_OTP or SOFTWARE_TOKEN_MFA.
        new_address: an e-mail address that is being set up.
    """
    if factor is State.SOFTWARE_TOKEN_MFA:
        token = user.software_token
        parameters = {"USER_ID_FOR_SRP": attempt.name}
        if token is not None and token.friendly_name:
            parameters["FRIENDLY_DEVICE_NAME"] = token.friendly_name
        return ask(pool, attempt, factor, parameters)
    medium, address = ("EMAIL", new_address) if new_address else delivery(user, factor)
    code = new_code(pool.entropy)
    pool.outbox.put(Message(user.username, address, medium, factor, code, pool.clock()))
    attribute = "phone_number" if medium == "SMS" else "email"
    parameters = {
        "CODE_DELIVERY_DELIVERY_MEDIUM": medium,
        "CODE_DELIVERY_DESTINATION": masked(medium, address),
        "USER_ID_FOR_SRP": attempt.name,
    }
    sent = SentCode(code, attribute, address, enrols=new_address is not None)
    return ask(pool, attempt, factor, parameters, sent)


def _ask_second_factor(pool: Core, attempt: Attempt, user: User, due: mfa.Due) -> Reply:
    if due.challenge is State.SELECT_MFA_TYPE:
        key = pool.configuration.contradictions.mfas_parameter
        parameters = {key: _listed(due.offered), "USER_ID_FOR_SRP": attempt.name}
        return ask(pool, attempt, due.challenge, parameters, Choice(due.offered))
    if due.challenge is State.MFA_SETUP:
        parameters = {"MFAS_CAN_SETUP": _listed(due.offered), "USER_ID_FOR_SRP": attempt.name}
        return ask(pool, attempt, due.challenge, parameters, Setup(due.offered))
    return ask_factor(pool, attempt, user, due.challenge)


def _ask_new_password(pool: Core, attempt: Attempt, user: User) -> Reply:
    missing = [n for n in pool.configuration.attributes.required if n not in user.attributes]
    parameters = {
        "requiredAttributes": json.dumps([f"userAttributes.{name}" for name in missing]),
        "userAttributes": json.dumps(user.attributes),
        "USER_ID_FOR_SRP": attempt.name,
    }
    return ask(pool, attempt, State.NEW_PASSWORD_REQUIRED, parameters)


def _ask_named(
    pool: Core, attempt: Attempt, named: str, metadata: Metadata, proof: Proof | None
) -> Reply:
    if named == State.PASSWORD_VERIFIER and proof is not None:
        return ask_password_verifier(pool, attempt, proof)
    if named == State.CUSTOM_CHALLENGE:
        public, challenge = custom.create(pool, attempt, metadata)
        # In a trace USERNAME is there (amplify-js #12887), in another it is not (#4888).
        return ask(pool, attempt, named, {"USERNAME": attempt.name, **public}, challenge)
    # "ChallengeParameters {USERNAME} only and no message sent": amplify-js PR #566, a trace.
    return ask(pool, attempt, named, {"USERNAME": attempt.name}, custom.DeadEnd())


def _ask_device(pool: Core, attempt: Attempt, device: DeviceRecord) -> Reply:
    # A client's tests read USERNAME here; DEVICE_KEY is a guess.
    parameters = {"USERNAME": attempt.name, "DEVICE_KEY": device.key}
    key = devices.attempt_key(attempt.client.client_id, attempt.name, device.key)
    return ask(
        pool, attempt, State.DEVICE_SRP_AUTH, parameters, other_key=key, session_wanted=False
    )


def _grant(pool: Core, attempt: Attempt, metadata: Metadata) -> Reply:
    user = attempt.known
    user.lock_out.signed_in()
    user.account.never_signed_in = False
    new = devices.issue(pool, attempt, user)
    device_key = new["DeviceKey"] if new else attempt.device_key
    told = attempt.target or not pool.configuration.contradictions.acr_only_when_asked
    amr = acr_levels.amr(attempt.amr) if told else ()
    overrides = before_tokens(pool, attempt, metadata, new_device=new is not None)
    result = pool.mint.issue(
        user, attempt.client, attempt.began, device_key, amr=amr, overrides=overrides
    )
    if new:
        result["NewDeviceMetadata"] = new
    return {"AuthenticationResult": result, "ChallengeParameters": {}}


def _listed(factors: tuple[State, ...]) -> str:
    return json.dumps([factor.value for factor in factors])
