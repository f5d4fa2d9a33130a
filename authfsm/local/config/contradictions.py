"""The points on which sources about Cognito contradict each other, with a setting of the local pool for each.

Rows of `authfsm/protocol/evidence.csv` with the confidence `contradictory` or `refuted` are about such points.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final, Literal

from attrs import field, frozen

from authfsm.local.config.request_members import typed

_MOST_SECONDS: Final = timedelta.max.total_seconds()


def _to_timedelta(value: Any) -> timedelta | None:
    """Convert a number of seconds, as in a configuration file, to a timedelta."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _MOST_SECONDS
    found: Any = timedelta(seconds=value) if is_number else value
    if found is not None and (not isinstance(found, timedelta) or found < timedelta(0)):
        raise ValueError("timestamp_tolerance must be a timedelta or a number of seconds, and not negative")
    return found


@frozen(field_transformer=typed)
class Contradictions:
    """What the pool does where sources about Cognito contradict each other.

    Each default follows the more reliable sources; the other value follows the remaining sources. Where no
    source exists, the description of the setting says so.

    Args:
        totp_required_after_setup: after MFA_SETUP with TOTP. False: the reply has tokens (AWS API
            reference; clients). True: SOFTWARE_TOKEN_MFA follows (developer guide, MFA decision tree).
        email_mfa_setup_in_session: True: MFA_SETUP can be answered with an e-mail address (developer guide;
            clients). False: the address must be set outside of the sign-in (AWS API reference).
        custom_challenge_after_mfa: in CUSTOM_AUTH with SRP, after the second factor. True: DefineAuthChallenge runs
            again (amplify-js #4888, a trace; #9592). False: the reply has tokens (amplify-js #3876).
        custom_challenge_after_new_password: in CUSTOM_AUTH with SRP, after NEW_PASSWORD_REQUIRED. True: DefineAuthChallenge
            runs again (no source; the default, because no challenge is then skipped). False: it does not run
            (amazon-cognito-identity-js #341).
        device_replaces_email_mfa: True: a remembered device replaces any second factor (developer guide).
            False: it replaces SMS and TOTP codes only (AWS API reference).
        devices_tracked_in_admin_flows: True: ADMIN_USER_PASSWORD_AUTH and ADMIN_NO_SRP_AUTH track devices
            (AWS API reference; a sample of the AWS CLI). False: they do not (an older version of the developer guide).
        admin_no_srp_auth_challenges: for ADMIN_NO_SRP_AUTH without a password. False: it is refused (AWS API
            reference). True: the challenge ADMIN_NO_SRP_AUTH asks for it (an older version of the API reference).
        aliases_accepted_in_answers: True: answers to challenges may name the user by an alias (tests that
            run against Cognito). False: they may use the internal name only (AWS API reference).
        mfas_parameter: the parameter of SELECT_MFA_TYPE: MFAS_CAN_CHOOSE (every client) or MFAS_CAN_SELECT
            (one page of the developer guide).
        first_sign_in_without_mfa: if MFA is required, at the first sign-in of a user who signed up. False: the
            second factor is asked for (tests of aws-sdk-net-extensions-cognito, with a user whom an
            administrator confirmed). True: the reply has tokens (developer guide, MFA decision tree).
        user_auth_needs_essentials: False: USER_AUTH works on every tier, and only its passwordless factors
            need ESSENTIALS (developer guide). True: the whole flow needs it (AWS API reference).
        user_auth_always_simulates_users: USER_AUTH of an unknown user, with PreventUserExistenceErrors=LEGACY. False:
            the reply is UserNotFoundException. True: the user is simulated, "unaffected by your configuration"
            (both on one page of the developer guide, "Managing user existence error responses").
        devices_tracked_in_user_auth: True: USER_AUTH tracks devices (AWS API reference). False: it does not
            (the developer guide's list of flows leaves it out).
        first_factor_digits: the number of digits of a one-time password as first factor: 8 (measured; an example of
            the API reference) or 6 (a page of the developer guide).
        mfa_after_one_time_password: False: users with MFA cannot begin with a one-time password, so that
            password is always the only factor (developer guide, "Authentication"). True: they can, and then get a code
            by the other channel (developer guide, "Adding MFA": a factor is not used twice).
        passkeys_with_mfa_required: True: a passkey with user verification satisfies MFA, if FactorConfiguration
            and the user's MFA preference allow it (AWS API reference). False: it never does (an older table of the
            developer guide).
        select_challenge_has_request_options: False: SELECT_CHALLENGE has no parameters. True: it has
            CREDENTIAL_REQUEST_OPTIONS, which the client needs to answer with ANSWER=WEB_AUTHN and CREDENTIAL (AWS
            API reference).
        acr_only_with_target: False: the tokens of every sign-in have `acr` and `amr` ("apply to any
            sign-in"). True: only those of a sign-in with a target level ("in response to these inputs";
            both on one page of the developer guide).
        sessions_survive_password_change: pending sign-ins of a user whose password is changed, or who is disabled and
            enabled again. No source says what happens. False: they end, which is safer. True: they continue.
        device_replaces_mfa_enabled_later: a device that was remembered before the user had MFA. False: the
            second factor is required once, and after that the device replaces it (amplify-js #4174, #8977).
            True: the device replaces it at once (developer guide, which makes no exception).
        software_token_works_until_replaced: a user's authenticator app after AssociateSoftwareToken. True: it
            works until VerifySoftwareToken accepts the new one ("disassociates an existing software token
            when you verify the new token"). False: it is removed at once ("If you don't verify ..., the user
            can then authenticate with user name and password credentials alone"; both on one page of the AWS
            API reference, AssociateSoftwareToken).
        confirm_sign_up_always_has_session: in a pool with one-time passwords as first factor. True: ConfirmSignUp
            always replies with a Session for USER_AUTH (amplify-js relies on it for autoSignIn and sends no Session;
            amplify-js #13666). False: it does so only if the request has the Session of SignUp (AWS API reference).
        timestamp_tolerance: by how much the TIMESTAMP of an SRP proof may differ from the pool's time; a number
            means seconds. None: any TIMESTAMP is accepted, because no AWS page sets a limit. A user reports that a
            sign-in fails if the times differ by five minutes or more (amazon-cognito-auth-js #199).
        custom_challenge_in_admin_flows: after the password of ADMIN_USER_PASSWORD_AUTH and
            ADMIN_NO_SRP_AUTH. False: DefineAuthChallenge does not run (developer guide, "Custom
            authentication challenge Lambda triggers"). True: it runs, and request.session has ADMIN_NO_SRP_AUTH (developer
            guide, "Define auth challenge Lambda trigger").
        custom_challenge_after_device: in CUSTOM_AUTH, after the proof of a device. False: the reply has
            tokens (tests of amplify-flutter). True: DefineAuthChallenge runs again, and
            request.session has DEVICE_PASSWORD_VERIFIER (developer guide, "Define auth challenge Lambda trigger").
        custom_auth_may_name_mfa: in CUSTOM_AUTH, if DefineAuthChallenge names SMS_MFA, EMAIL_OTP or SOFTWARE_TOKEN_MFA after
            PASSWORD_VERIFIER. No source shows the outcome (amplify-js #4157 asks for it). False: the output is
            refused, like every name other than CUSTOM_CHALLENGE. True: the second factor is asked for.
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
    device_replaces_mfa_enabled_later: bool = False
    software_token_works_until_replaced: bool = True
    confirm_sign_up_always_has_session: bool = True
    timestamp_tolerance: timedelta | None = field(default=None, converter=_to_timedelta)
    custom_challenge_in_admin_flows: bool = False
    custom_challenge_after_device: bool = False
    custom_auth_may_name_mfa: bool = False
