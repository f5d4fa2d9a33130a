"""What comes next: the one place that decides which challenge follows, whatever flow it is and however far.

`next_challenge` reads nothing but the facts of the attempt, so that no path can go round a temporary password or a
second factor. The order: the new password, the second factor (unless a remembered device will stand for
it), the pool's own functions, the device, the tokens.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attrs import evolve, frozen

from authfsm.base.secret import Secret
from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.signin import custom, devices, required_factors
from authfsm.local.signin.triggers import Metadata, run_token_triggers
from authfsm.local.state import token_claims
from authfsm.local.state.codes import Message, delivery_address, masked_address, new_code
from authfsm.local.state.core import Core, Reply
from authfsm.local.state.sessions import Attempt, PendingChallenge
from authfsm.local.state.srp_proofs import SrpProof, secret_block_key
from authfsm.local.state.users import DeviceRecord, SoftwareToken, Status, User
from authfsm.protocol.states import State


@frozen
class SecondFactorCode:
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
class MfaChoice:
    """A choice of a second factor.

    Args:
        factors: what there is to choose from.
    """

    factors: tuple[State, ...]


@frozen
class MfaSetupProgress:
    """The set-up of a second factor, and how far it has come.

    Args:
        factors: what can be set up.
        token: the software token, once associated.
        verified: has VerifySoftwareToken accepted a code of it?
    """

    factors: tuple[State, ...]
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

    pending: PendingChallenge
    attempt: Attempt
    responses: Mapping[str, str]
    metadata: Metadata

    @property
    def user(self) -> User:
        """Whose answer it is."""
        return self.attempt.existing_user


def issue_challenge(
    pool: Core,
    attempt: Attempt,
    challenge: str,
    parameters: Mapping[str, str],
    expected_answer: Any = None,
    *,
    other_key: str | None = None,
    session_required: bool = True,
    include_session: bool = True,
) -> Reply:
    """Ask a challenge.

    Args:
        pool: the pool.
        attempt: the attempt so far.
        challenge: its name on the wire.
        parameters: ChallengeParameters.
        expected_answer: what the answer is checked against.
        other_key: another way than the session to find this leg by.
        session_required: must the answer have the session all the same?
        include_session: has the reply one?
    """
    pending = pool.sessions.open(
        attempt,
        str(challenge),
        expected_answer,
        other_key=other_key,
        session_required=session_required,
    )
    reply: Reply = {"ChallengeName": pending.challenge, "ChallengeParameters": dict(parameters)}
    if include_session:
        reply["Session"] = pending.session
    return reply


def next_challenge(
    pool: Core, attempt: Attempt, metadata: Metadata = None, proof: SrpProof | None = None
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
    user, device = attempt.user, devices.device_to_prove(pool, attempt)
    if (
        attempt.awaits_first_factor
    ):  # Choosing is `choice`'s business; nothing follows before a proof.
        raise PoolRefusal(error_templates.WRONG_PASSWORD)
    if attempt.password_proved and user is not None:
        if user.status is Status.FORCE_CHANGE_PASSWORD:
            if attempt.second_factor_passed or attempt.device_proved:
                # It became temporary meanwhile; "the new password is asked before the MFA", never after.
                raise PoolRefusal(error_templates.WRONG_PASSWORD)
            return _ask_new_password(pool, attempt, user)
        # MFA goes with the password: "MFA is not supported in passwordless custom flows"
        # (amplify-js #12887). Nor is a temporary password known to matter there.
        due = required_factors.second_factor(pool.configuration, attempt, user)
        # A device is no method of `amr`: toward a level it stands for nothing.
        vouched = (device is not None or attempt.device_proved) and not attempt.target_level
        if due is not None and not (
            vouched and devices.replaces_second_factor(pool, due.challenge)
        ):
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


def _after_code(pool: Core, attempt: Attempt, user: User) -> required_factors.RequiredMfa | None:
    """The second factor after a code as first one: none, unless the other document is followed."""
    follows = pool.configuration.contradictions.mfa_after_one_time_password
    channel = {"email_otp": State.EMAIL_OTP, "sms": State.SMS_OTP}.get("".join(attempt.methods))
    if not follows or channel is None or attempt.second_factor_passed:
        return None
    return required_factors.mfa_after_code(pool.configuration, user, channel)


def issue_password_verifier(pool: Core, attempt: Attempt, proof: SrpProof) -> Reply:
    """PASSWORD_VERIFIER: the secret block identifies it in USER_SRP_AUTH, whose reply has no Session."""
    parameters = {
        **proof.parameters(),
        "USERNAME": attempt.username,
        "USER_ID_FOR_SRP": attempt.username,
    }
    alone = attempt.flow == "USER_SRP_AUTH"
    return issue_challenge(
        pool,
        attempt,
        State.PASSWORD_VERIFIER,
        parameters,
        proof,
        other_key=secret_block_key(proof.secret_block.reveal()),
        session_required=not alone,
        include_session=not alone,
    )


def issue_factor_challenge(
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
        parameters = {"USER_ID_FOR_SRP": attempt.username}
        if token is not None and token.friendly_name:
            parameters["FRIENDLY_DEVICE_NAME"] = token.friendly_name
        return issue_challenge(pool, attempt, factor, parameters)
    medium, address = ("EMAIL", new_address) if new_address else delivery_address(user, factor)
    code = new_code(pool.entropy)
    pool.outbox.put(Message(user.username, address, medium, factor, code, pool.clock()))
    attribute = "phone_number" if medium == "SMS" else "email"
    parameters = {
        "CODE_DELIVERY_DELIVERY_MEDIUM": medium,
        "CODE_DELIVERY_DESTINATION": masked_address(medium, address),
        "USER_ID_FOR_SRP": attempt.username,
    }
    sent = SecondFactorCode(code, attribute, address, enrols=new_address is not None)
    return issue_challenge(pool, attempt, factor, parameters, sent)


def _ask_second_factor(
    pool: Core, attempt: Attempt, user: User, due: required_factors.RequiredMfa
) -> Reply:
    if due.challenge is State.SELECT_MFA_TYPE:
        key = pool.configuration.contradictions.mfas_parameter
        parameters = {key: _listed(due.factors), "USER_ID_FOR_SRP": attempt.username}
        return issue_challenge(pool, attempt, due.challenge, parameters, MfaChoice(due.factors))
    if due.challenge is State.MFA_SETUP:
        parameters = {"MFAS_CAN_SETUP": _listed(due.factors), "USER_ID_FOR_SRP": attempt.username}
        return issue_challenge(
            pool, attempt, due.challenge, parameters, MfaSetupProgress(due.factors)
        )
    return issue_factor_challenge(pool, attempt, user, due.challenge)


def _ask_new_password(pool: Core, attempt: Attempt, user: User) -> Reply:
    missing = [n for n in pool.configuration.attributes.required if n not in user.attributes]
    parameters = {
        "requiredAttributes": json.dumps([f"userAttributes.{name}" for name in missing]),
        "userAttributes": json.dumps(user.attributes),
        "USER_ID_FOR_SRP": attempt.username,
    }
    return issue_challenge(pool, attempt, State.NEW_PASSWORD_REQUIRED, parameters)


def _ask_named(
    pool: Core, attempt: Attempt, named: str, metadata: Metadata, proof: SrpProof | None
) -> Reply:
    if named == State.PASSWORD_VERIFIER and proof is not None:
        return issue_password_verifier(pool, attempt, proof)
    if named == State.CUSTOM_CHALLENGE:
        public, challenge = custom.create(pool, attempt, metadata)
        # In a trace USERNAME is there (amplify-js #12887), in another it is not (#4888).
        return issue_challenge(
            pool, attempt, named, {"USERNAME": attempt.username, **public}, challenge
        )
    # "ChallengeParameters {USERNAME} only and no message sent": amplify-js PR #566, a trace.
    return issue_challenge(
        pool, attempt, named, {"USERNAME": attempt.username}, custom.UnanswerableChallenge()
    )


def _ask_device(pool: Core, attempt: Attempt, device: DeviceRecord) -> Reply:
    # A client's tests read USERNAME here; DEVICE_KEY is a guess.
    parameters = {"USERNAME": attempt.username, "DEVICE_KEY": device.key}
    key = devices.attempt_key(attempt.client.client_id, attempt.username, device.key)
    return issue_challenge(
        pool, attempt, State.DEVICE_SRP_AUTH, parameters, other_key=key, session_required=False
    )


def _grant(pool: Core, attempt: Attempt, metadata: Metadata) -> Reply:
    user = attempt.existing_user
    user.lock_out.record_success()
    user.account.never_signed_in = False
    new = devices.new_device_metadata(pool, attempt, user)
    device_key = new["DeviceKey"] if new else attempt.device_key
    told = attempt.target_level or not pool.configuration.contradictions.acr_only_with_target
    amr = token_claims.amr_claim(attempt.amr) if told else ()
    overrides = run_token_triggers(pool, attempt, metadata, new_device=new is not None)
    result = pool.token_issuer.issue(
        user, attempt.client, attempt.started_at, device_key, amr=amr, overrides=overrides
    )
    if new:
        result["NewDeviceMetadata"] = new
    return {"AuthenticationResult": result, "ChallengeParameters": {}}


def _listed(factors: tuple[State, ...]) -> str:
    return json.dumps([factor.value for factor in factors])
