"""Decides the next challenge of a sign-in, for all flows, and issues challenges and tokens.

`next_challenge` depends only on what the attempt has proved, not on the requests that led there. So a sign-in with a
password cannot avoid the change of a temporary password or a required second factor. The order is: the new password,
the second factor (unless a remembered device replaces it), the custom challenges, the device, the tokens.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attrs import evolve, frozen

from authfsm.base.secret import Secret
from authfsm.local.config import error_templates
from authfsm.local.signin import devices, messages, required_factors, triggers
from authfsm.local.signin.messages import Delivery
from authfsm.local.signin.required_factors import RequiredMfa
from authfsm.local.signin.triggers import Metadata, run_token_triggers
from authfsm.local.state import token_claims
from authfsm.local.state.codes import ADDRESSES, delivery_address, delivery_parameters
from authfsm.local.state.core import Core, Reply
from authfsm.local.state.sessions import Attempt, PendingChallenge
from authfsm.local.state.srp_proofs import SrpProof
from authfsm.local.state.users import SoftwareToken, Status, User
from authfsm.protocol.states import MFA_METHODS, State


@frozen
class SecondFactorCode:
    """A code that was sent for a second factor; if `enrols`, the correct code also sets up the factor."""

    code: Secret[str]
    attribute: str
    address: str
    enrols: bool = False


@frozen
class MfaSetupProgress:
    """The factors of MFA_SETUP, the token of AssociateSoftwareToken, and whether VerifySoftwareToken accepted it."""

    factors: tuple[State, ...]
    token: SoftwareToken | None = None
    verified: bool = False


@frozen
class ChallengeAnswer:
    """An answer whose session is valid; ChallengeResponses that the challenge does not use are ignored."""

    pending: PendingChallenge
    attempt: Attempt
    responses: Mapping[str, str]
    metadata: Metadata

    @property
    def user(self) -> User:
        """The user whose sign-in this is; an unknown user is refused with the error for a wrong password."""
        return self.attempt.existing_user


def issue_challenge(
    pool: Core, attempt: Attempt, challenge: str, parameters: Mapping[str, str], expected_answer: Any = None, *,
    other_key: str | None = None, session_required: bool = False,
) -> Reply:  # fmt: skip
    """Return a challenge's reply, and store the challenge with the expected answer by its session and `other_key`."""
    pending = pool.sessions.open(
        attempt, str(challenge), expected_answer, other_key=other_key, session_required=session_required
    )
    return {"ChallengeName": pending.challenge, "ChallengeParameters": dict(parameters), "Session": pending.session}


def next_challenge(pool: Core, attempt: Attempt, metadata: Metadata = None, proof: SrpProof | None = None) -> Reply:
    """Return the next challenge or the tokens; `proof` is for PASSWORD_VERIFIER, if DefineAuthChallenge names it."""
    user, device = attempt.user, devices.device_to_prove(pool, attempt)
    if attempt.awaits_first_factor:
        raise error_templates.WRONG_PASSWORD.refusal()
    if attempt.password_proved and user is not None:
        if user.status is Status.FORCE_CHANGE_PASSWORD:
            if attempt.second_factor_passed or attempt.device_proved:
                # The password became temporary after it was proved. Cognito requires the new password
                # before the second factor, never after it.
                raise error_templates.WRONG_PASSWORD.refusal()
            return _issue_new_password(pool, attempt, user)
        # CUSTOM_AUTH without a password skips this: "MFA is not supported in passwordless custom flows" (amplify-js
        # #12887). No source says that a temporary password has an effect in such a flow.
        mfa = required_factors.next_second_factor(pool.configuration, attempt, user)
        # A device is not a method of `amr`, so it does not count towards a target level.
        may_replace = (device is not None or attempt.device_proved) and not attempt.target_level
        if mfa and not (may_replace and devices.replaces_second_factor(pool, attempt, mfa.challenge)):
            return _issue_second_factor(pool, attempt, user, mfa)
    elif user is not None and (mfa := _mfa_after_code(pool, attempt, user)):
        return _issue_second_factor(pool, attempt, user, mfa)
    if triggers.runs_define_challenge(pool, attempt) and not attempt.custom_passed:
        name = triggers.define_challenge(pool, attempt, metadata)
        if name is not None:
            return _issue_custom(pool, attempt, name, metadata, proof)
        attempt = evolve(attempt, custom_passed=True)
    if device is not None:
        # A client's tests read USERNAME from this challenge. Inferred: it also has DEVICE_KEY.
        parameters = {"USERNAME": attempt.username, "DEVICE_KEY": device.key}
        key = devices.device_srp_key(attempt.client.client_id, attempt.username, device.key)
        return issue_challenge(pool, attempt, State.DEVICE_SRP_AUTH, parameters, other_key=key)
    return _issue_tokens(pool, attempt, metadata)


def _mfa_after_code(pool: Core, attempt: Attempt, user: User) -> RequiredMfa | None:
    is_enabled = pool.configuration.contradictions.mfa_after_one_time_password
    factor = {"email_otp": State.EMAIL_OTP, "sms": State.SMS_OTP}.get("".join(attempt.methods))
    if not is_enabled or factor is None or attempt.second_factor_passed:
        return None
    return required_factors.mfa_after_code(pool.configuration, user, factor)


def issue_password_verifier(pool: Core, attempt: Attempt, proof: SrpProof) -> Reply:
    """Return PASSWORD_VERIFIER; in USER_SRP_AUTH it has no Session, and the secret block identifies the challenge."""
    parameters = {**proof.parameters(), "USERNAME": attempt.username, "USER_ID_FOR_SRP": attempt.username}
    challenge, with_session = State.PASSWORD_VERIFIER, attempt.flow != "USER_SRP_AUTH"
    keys: dict[str, Any] = {"other_key": proof.key, "session_required": with_session}
    reply = issue_challenge(pool, attempt, challenge, parameters, proof, **keys)
    return {name: each for name, each in reply.items() if with_session or name != "Session"}


def issue_second_factor_challenge(
    pool: Core, attempt: Attempt, user: User, factor: State, new_address: str | None = None
) -> Reply:
    """Return a second factor's challenge; send its code, if it has one, to `new_address` or to the user's address."""
    if factor is State.SOFTWARE_TOKEN_MFA:
        token = user.software_token
        parameters = {"USER_ID_FOR_SRP": attempt.username}
        if token is not None and token.friendly_name:
            parameters["FRIENDLY_DEVICE_NAME"] = token.friendly_name
        return issue_challenge(pool, attempt, factor, parameters)
    medium, address = ("EMAIL", new_address) if new_address else delivery_address(user, factor)
    code = pool.new_code()
    messages.send(pool, Delivery(user, address, medium, factor, code, attempt.client))
    parameters = {**delivery_parameters(medium, address), "USER_ID_FOR_SRP": attempt.username}
    expected = SecondFactorCode(code, ADDRESSES[factor], address, enrols=new_address is not None)
    return issue_challenge(pool, attempt, factor, parameters, expected)


def _issue_second_factor(pool: Core, attempt: Attempt, user: User, mfa: RequiredMfa) -> Reply:
    factors = json.dumps([factor.value for factor in mfa.factors])
    parameters = {"USER_ID_FOR_SRP": attempt.username}
    if mfa.challenge is State.SELECT_MFA_TYPE:
        parameters[pool.configuration.contradictions.mfas_parameter] = factors
        return issue_challenge(pool, attempt, mfa.challenge, parameters, mfa)
    if mfa.challenge is State.MFA_SETUP:
        parameters["MFAS_CAN_SETUP"] = factors
        return issue_challenge(pool, attempt, mfa.challenge, parameters, MfaSetupProgress(mfa.factors))
    return issue_second_factor_challenge(pool, attempt, user, mfa.challenge)


def _issue_new_password(pool: Core, attempt: Attempt, user: User) -> Reply:
    missing = [n for n in pool.configuration.attributes.required if n not in user.attributes]
    parameters = {
        "requiredAttributes": json.dumps([f"userAttributes.{name}" for name in missing]),
        "userAttributes": json.dumps(user.attributes),
        "USER_ID_FOR_SRP": attempt.username,
    }
    return issue_challenge(pool, attempt, State.NEW_PASSWORD_REQUIRED, parameters)


def _issue_custom(pool: Core, attempt: Attempt, name: str, metadata: Metadata, proof: SrpProof | None) -> Reply:
    if name == State.PASSWORD_VERIFIER and proof is not None:
        return issue_password_verifier(pool, attempt, proof)
    last = attempt.challenge_results[-1]["challengeName"] if attempt.challenge_results else None
    if name == State.PASSWORD_VERIFIER and last == "SRP_A":
        raise error_templates.MISSING_PARAMETER.refusal(name="SRP_A")
    if name in MFA_METHODS and last == State.PASSWORD_VERIFIER:
        if not required_factors.has_factor(attempt.existing_user, State[name]):
            raise error_templates.NO_MFA_POSSIBLE.refusal()
        return issue_second_factor_challenge(pool, attempt, attempt.existing_user, State[name])
    parameters = {"USERNAME": attempt.username}
    if name == State.CUSTOM_CHALLENGE:
        public, expected = triggers.create_challenge(pool, attempt, metadata)
        # Only a first CUSTOM_CHALLENGE has USERNAME (amplify-js #12887); a later one does not (#4888).
        public = {**parameters, **public} if last in {None, "SRP_A"} else public
        return issue_challenge(pool, attempt, name, public, expected)
    # "ChallengeParameters {USERNAME} only and no message sent" (a trace in amplify-js PR #566).
    return issue_challenge(pool, attempt, name, parameters, triggers.UnanswerableChallenge())


def _issue_tokens(pool: Core, attempt: Attempt, metadata: Metadata) -> Reply:
    user, adds_device = attempt.existing_user, devices.adds_device(pool, attempt)
    # Called first, because the functions may refuse the sign-in.
    overrides = run_token_triggers(pool, attempt, metadata, new_device=adds_device)
    user.lock_out.record_success()
    user.account.never_signed_in = False
    new_device = devices.add_or_update_device(pool, attempt, user)
    device_key = new_device["DeviceKey"] if new_device else attempt.device_key
    configuration = pool.configuration
    has_mfa = configuration.mfa == "ON" or required_factors.active_factors(configuration, user)
    device = user.devices.get(device_key or "")
    if device is not None and (attempt.second_factor_passed or (new_device and has_mfa)):
        device.second_factor_passed = True
    has_acr = attempt.target_level or not pool.configuration.contradictions.acr_only_with_target
    amr = token_claims.amr_claim(attempt.amr) if has_acr else ()
    sign_in = user, attempt.client, attempt.started_at, device_key
    result = pool.token_issuer.issue(*sign_in, amr=amr, overrides=overrides, max_sessions=pool.max_sessions_per_user)
    if new_device:
        result["NewDeviceMetadata"] = new_device
    return {"AuthenticationResult": result, "ChallengeParameters": {}}
