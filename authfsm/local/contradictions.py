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
    """

    software_token_asked_after_setup: bool = False
    email_set_up_in_session: bool = True
    custom_challenge_after_mfa: bool = True
    custom_challenge_after_new_password: bool = True
    device_stands_for_email: bool = True
    devices_in_admin_flows: bool = True
    admin_no_srp_auth_asks: bool = False
    aliases_in_answers: bool = True
    mfas_parameter: Literal["MFAS_CAN_CHOOSE", "MFAS_CAN_SELECT"] = "MFAS_CAN_CHOOSE"
