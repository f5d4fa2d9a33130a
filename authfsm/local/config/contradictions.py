"""Where sources contradict each other about Cognito: the pool goes one way, and a setting goes the other."""

from __future__ import annotations

from typing import Literal

from attrs import frozen


@frozen
class Contradictions:
    """Where sources contradict each other about Cognito: what this pool does, and the other way.

    Args:
        software_token_asked_after_setup: once TOTP is set up in MFA_SETUP, tokens follow (AWS API
            reference, clients: the default), or SOFTWARE_TOKEN_MFA is asked for (developer guide,
            MFA decision tree).
        email_set_up_in_session: MFA_SETUP takes an e-mail address as its answer (developer guide,
            clients: the default), or the address must be set elsewhere first (AWS API reference).
        custom_challenge_after_mfa: in CUSTOM_AUTH with SRP, DefineAuthChallenge runs again after the
            second factor (amplify-js #4888, a trace; #9592: the default), or tokens follow at once
            (amplify-js #3876).
        custom_challenge_after_new_password: the same after NEW_PASSWORD_REQUIRED: DefineAuthChallenge
            runs again (the default: no challenge is skipped), or it does not (#341 of
            amazon-cognito-identity-js, 2017).
        device_stands_for_email: a remembered device stands for the second factor whichever it is
            (developer guide: the default), or for SMS and TOTP only (AWS API reference).
        devices_in_admin_flows: devices are tracked in ADMIN_USER_PASSWORD_AUTH and ADMIN_NO_SRP_AUTH
            (AWS API reference, an awscli sample: the default), or not (an older developer guide).
        admin_no_srp_auth_asks: the flow ADMIN_NO_SRP_AUTH without a password is refused (AWS API
            reference: the default), or answered with a challenge of that name (an older reference).
        aliases_in_answers: later answers may name the user by an alias (asserted by tests that run
            against Cognito: the default), or by the internal name only (AWS API reference).
        mfas_parameter: the parameter of SELECT_MFA_TYPE; MFAS_CAN_CHOOSE (every client: the default)
            or MFAS_CAN_SELECT (one page of the developer guide).
        first_sign_in_without_mfa: where MFA is required, the first sign-in after self sign-up brings tokens
            all the same (developer guide, MFA decision tree), or the second factor is asked for (asserted
            by aws-sdk-net-extensions-cognito's tests, with a user whom an administrator confirmed: the
            default).
        user_auth_needs_essentials: USER_AUTH is there on every tier, and only its passwordless factors
            need ESSENTIALS (developer guide: the default), or the whole flow does (AWS API reference).
        user_auth_always_pretends: with PreventUserExistenceErrors=LEGACY USER_AUTH tells that there is
            no such user (the default), or is "unaffected by your configuration" (the same page of the
            developer guide).
        devices_in_user_auth: devices are tracked in USER_AUTH (AWS API reference: the default), or
            not (the developer guide's list of flows leaves it out).
        first_factor_digits: the digits of a code that is a first factor; 8 (measured, and an example of
            the API reference: the default) or 6 (a page of the developer guide).
        mfa_after_one_time_password: a code by e-mail or SMS as first factor is not for users with MFA,
            and nothing follows it (developer guide, "Authentication": the default), or it is, and a code
            by the other channel follows (the same guide, "Adding MFA", on the same factor twice).
        passkeys_with_mfa_required: a passkey with user verification satisfies MFA, where pool and user
            are set so (AWS API reference: the default), or never does (an older table in the guide).
        select_challenge_has_request_options: SELECT_CHALLENGE has no parameters (the default), or has
            CREDENTIAL_REQUEST_OPTIONS, without which its answer in one step, ANSWER=WEB_AUTHN with
            CREDENTIAL (AWS API reference), has nothing to sign.
        acr_only_when_asked: every sign-in's tokens have `acr` and `amr` ("apply to any sign-in": the
            default), or those alone that asked for a level ("in response to these inputs": the same
            page of the developer guide).
        sessions_outlive_passwords: sources are silent on what a new password (of an administrator's or the
            user's own), or being disabled and enabled again, does to sign-ins that are under way: they
            end (the safer way: the default), or go on.
    """

    totp_required_after_setup: bool = False
    email_mfa_setup_in_session: bool = True
    custom_challenge_after_mfa: bool = True
    custom_challenge_after_new_password: bool = True
    device_replaces_email_mfa: bool = True
    devices_tracked_in_admin_flows: bool = True
    admin_no_srp_auth_challenges: bool = False
    aliases_accepted_in_answers: bool = True
    first_sign_in_without_mfa: bool = False
    mfas_parameter: Literal["MFAS_CAN_CHOOSE", "MFAS_CAN_SELECT"] = "MFAS_CAN_CHOOSE"
    user_auth_needs_essentials: bool = False
    user_auth_always_simulates_users: bool = False
    devices_tracked_in_user_auth: bool = True
    first_factor_digits: Literal[6, 8] = 8
    mfa_after_one_time_password: bool = False
    passkeys_with_mfa_required: bool = True
    select_challenge_has_request_options: bool = False
    acr_only_with_target: bool = False
    sessions_survive_password_change: bool = False
