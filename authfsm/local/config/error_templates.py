"""Everything the pool refuses with: one table of codes and messages, and what each does to the session.

`raise PoolRefusal(WRONG_PASSWORD)` is how the pool says no. A saying's third column says whether the
session (or secret block) that the refused request presented can be used again; it is read in one place
only, `sessions.Sessions.answering`.

Codes and messages are those seen on the wire. Where none is known, the line says so.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen


@frozen
class ErrorTemplate:
    """One way to say no.

    Args:
        code: the error's code, as `NotAuthorizedException`.
        message: its message, perhaps with `{facts}` to fill in.
        survives: can the session that was presented be used again?
    """

    code: str
    message: str
    survives: bool = False


class PoolRefusal(Exception):
    """The pool refuses a request: HTTP 400 with Cognito's error code and message.

    Args:
        saying: one of those below.
        facts: what the message's blanks are filled with; never a secret.
    """

    def __init__(self, saying: ErrorTemplate, **facts: str) -> None:
        self.code = saying.code
        self.message = saying.message.format(**facts)
        self.survives = saying.survives
        super().__init__(f"{self.code}: {self.message}")


_NOT: Final = "NotAuthorizedException"
_PARAMETER: Final = "InvalidParameterException"
_MISMATCH: Final = "CodeMismatchException"
_MISSING: Final = "ResourceNotFoundException"

# fmt: off
# ---- the password -------------------------------------------------------------------------------
# Measured: after a wrong password SRP must restart at InitiateAuth.
WRONG_PASSWORD = ErrorTemplate(_NOT, "Incorrect username or password.")
# Documented without a class ("Password attempts exceeded"); NotAuthorizedException from issues.
LOCKED_OUT = ErrorTemplate(_NOT, "Password attempts exceeded")
# Seen in issues; known here without a trace.
TEMPORARY_EXPIRED = ErrorTemplate(_NOT, "Temporary password has expired and must be reset by an administrator.")
# Measured; "no assurance" that the secret block survives, so it does not.
BAD_TIMESTAMP = ErrorTemplate(_PARAMETER, "TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english.")
# The class is inferred, the text is ours.
BAD_SRP_A = ErrorTemplate(_PARAMETER, "SRP_A is not the public value of an SRP client.")
# That the session survives a refused new password is unverified; the API lists the exception.
PASSWORD_POLICY = ErrorTemplate("InvalidPasswordException", "Password does not conform to policy: {why}", survives=True)
ATTRIBUTE_MISSING = ErrorTemplate(_PARAMETER, "Invalid attributes given, {name} is missing", survives=True)
# Seen in issues, for attributes the app client may not write.
ATTRIBUTE_NOT_WRITABLE = ErrorTemplate(_NOT, "A client attempted to write unauthorized attribute", survives=True)
ALREADY_PROVIDED = ErrorTemplate(_NOT, "Cannot modify an already provided {name}", survives=True)  # issues

# ---- the user -----------------------------------------------------------------------------------
NO_SUCH_USER = ErrorTemplate("UserNotFoundException", "User does not exist.")  # measured: LEGACY
NOT_CONFIRMED = ErrorTemplate("UserNotConfirmedException", "User is not confirmed.")  # measured: before the password
RESET_REQUIRED = ErrorTemplate("PasswordResetRequiredException", "Password reset required for the user")
DISABLED = ErrorTemplate(_NOT, "User is disabled.")  # issues
# The branch is documented, its exception is not: neither code nor text is known.
NO_MFA_POSSIBLE = ErrorTemplate(_PARAMETER, "The user has no MFA method that this user pool could ask for.")

# ---- the session --------------------------------------------------------------------------------
SESSION_SPENT = ErrorTemplate(_NOT, "Invalid session for the user, session can only be used once.")  # measured
SESSION_EXPIRED = ErrorTemplate(_NOT, "Invalid session for the user, session is expired.")  # measured
# Issues. A session of another client's, or none at all: the real owner's is left as it is.
SESSION_UNKNOWN = ErrorTemplate(_NOT, "Invalid session for the user.", survives=True)
# The owner's own client names another user: the session is taken to be stolen, and burns.
SESSION_OF_ANOTHER_USER = ErrorTemplate(_NOT, "Invalid session for the user.")
# MFA_SETUP closed before VerifySoftwareToken has accepted a code: amplify-js #6461 has the text.
MFA_SETUP_UNFINISHED = ErrorTemplate(_NOT, "Invalid session for the user.")
# Issues: a NEW_PASSWORD_REQUIRED that a Lambda named by itself.
SESSION_DEAD_END = ErrorTemplate(_NOT, "Invalid session provided for the user.")

# ---- codes --------------------------------------------------------------------------------------
# Measured for EMAIL_OTP (six wrong codes on one session), from clients elsewhere. The same text
# answers a wrong ChallengeName, a factor not chosen yet, and a challenge a Lambda named by itself.
CODE_MISMATCH = ErrorTemplate(_MISMATCH, "Invalid code or auth state for the user.", survives=True)
TOTP_MISMATCH = ErrorTemplate(_MISMATCH, "Invalid code received for user", survives=True)  # clients
TOTP_USED = ErrorTemplate("ExpiredCodeException", "Your software token has already been used once.", survives=True)
TOTP_SETUP_MISMATCH = ErrorTemplate("EnableSoftwareTokenMFAException", "Code mismatch and fail enable Software Token MFA", survives=True)
# Issues: amazon-cognito-identity-js #630 has the text.
TOTP_NOT_SET_UP = ErrorTemplate("SoftwareTokenMFANotFoundException", "Software Token MFA does not exist for the user.")
TOTP_NOT_ENABLED = ErrorTemplate("SoftwareTokenMFANotFoundException", "Software Token MFA has not been enabled by the userPool")
# Unknown whether it is this or InvalidParameterException; the API lists both.
MFA_METHOD_NOT_OFFERED = ErrorTemplate("MFAMethodNotFoundException", "{answer} is not one of the MFA methods offered.", survives=True)
CANNOT_PREFER = ErrorTemplate(_PARAMETER, "User does not have delivery config set to turn on {factor}")
# The real texts are not known.
BAD_EMAIL = ErrorTemplate(_PARAMETER, "Invalid email address format.", survives=True)
ALIAS_TAKEN = ErrorTemplate("AliasExistsException", "An account with the given {name} already exists.", survives=True)
MFA_SETUP_NOT_OFFERED = ErrorTemplate(_PARAMETER, "This MFA method cannot be set up in this sign-in.", survives=True)

# ---- first factors by choice ----------------------------------------------------------------------
# Inferred: InvalidParameterException or MFAMethodNotFoundException, no source tells.
CHALLENGE_NOT_AVAILABLE = ErrorTemplate(_PARAMETER, "{answer} is not one of the available challenges.", survives=True)
# The code is documented (InitiateAuth), the text is ours.
NOT_IN_TIER = ErrorTemplate("FeatureUnavailableInTierException", "{feature} is not available in the user pool's feature plan.")
# The API lists no WebAuthn* error for sign-in; that it is this one is inferred, the text is ours.
PASSKEY_REFUSED = ErrorTemplate(_NOT, "The passkey's answer is not valid.")
# Step-up: "Amazon Cognito returns an error" is all that is documented.
UNKNOWN_LEVEL = ErrorTemplate(_PARAMETER, "TARGET_ACR_VALUES has no level of this user pool.")
LEVEL_ALREADY_MET = ErrorTemplate(_PARAMETER, "The access token already meets the requested level.")
LEVEL_OUT_OF_REACH = ErrorTemplate(_PARAMETER, "The user has no factors for the requested levels.")
TOKEN_WITHOUT_TARGET = ErrorTemplate(_PARAMETER, "ACCESS_TOKEN needs TARGET_ACR_VALUES.")
TOKEN_OF_ANOTHER_USER = ErrorTemplate(_PARAMETER, "ACCESS_TOKEN was not issued for USERNAME.")
BAD_MAX_AGE = ErrorTemplate(_PARAMETER, "MAX_AGE is not a whole number of seconds.")

# ---- registering passkeys: codes of the API, texts ours but for BAD_CREDENTIAL's (aws-sdk-net #4386) -
BAD_CREDENTIAL = ErrorTemplate(_PARAMETER, "Credential data is not valid")
PASSKEYS_OFF = ErrorTemplate("WebAuthnNotEnabledException", "Passkeys are not enabled for this user pool.")
NO_RELYING_PARTY = ErrorTemplate("WebAuthnConfigurationMissingException", "The user pool has no relying party id.")
NO_REGISTRATION = ErrorTemplate("WebAuthnChallengeNotFoundException", "The registration was not started, or has expired.")
REGISTRATION_OF_ANOTHER_CLIENT = ErrorTemplate("WebAuthnClientMismatchException", "The registration was started by another app client.")
OTHER_RELYING_PARTY = ErrorTemplate("WebAuthnRelyingPartyMismatchException", "The passkey is for another relying party.")
ORIGIN_NOT_ALLOWED = ErrorTemplate("WebAuthnOriginNotAllowedException", "The passkey's origin does not belong to the relying party.")
UNSUPPORTED_CREDENTIAL = ErrorTemplate("WebAuthnCredentialNotSupportedException", "The passkey is neither ES256 nor RS256.")
TOO_MANY_PASSKEYS = ErrorTemplate("LimitExceededException", "The user has 20 passkeys already.")
NO_SUCH_PASSKEY = ErrorTemplate(_MISSING, "The user has no such passkey.")
PASSKEY_MFA_OFF = ErrorTemplate(_PARAMETER, "Passkeys can satisfy MFA only where the user pool is set so.")
PASSKEY_MFA_ALONE = ErrorTemplate(_PARAMETER, "Passkeys can satisfy MFA only beside another MFA method.")

# ---- the device ---------------------------------------------------------------------------------
# Clients (Amplify for the web, Swift and Android) send the same answer again without DEVICE_KEY.
NO_SUCH_DEVICE = ErrorTemplate(_MISSING, "Device does not exist.", survives=True)
BAD_DEVICE_KEY = ErrorTemplate(_PARAMETER, "Invalid device key given.")  # issues; the class is inferred
DEVICE_CONFIRMED = ErrorTemplate("DeviceKeyExistsException", "Device already exists.")  # code from the API, text ours
BAD_DEVICE_VERIFIER = ErrorTemplate(_PARAMETER, "Invalid device secret verifier config.")  # text ours

# ---- tokens -------------------------------------------------------------------------------------
INVALID_REFRESH_TOKEN = ErrorTemplate(_NOT, "Invalid Refresh Token.")  # trace
REFRESH_EXPIRED = ErrorTemplate(_NOT, "Refresh Token has expired")
REFRESH_REVOKED = ErrorTemplate(_NOT, "Refresh Token has been revoked")
REFRESH_REUSED = ErrorTemplate("RefreshTokenReuseException", "Refresh token reuse detected")  # measured
INVALID_ACCESS_TOKEN = ErrorTemplate(_NOT, "Invalid Access Token")
ACCESS_EXPIRED = ErrorTemplate(_NOT, "Access Token has expired")
ACCESS_REVOKED = ErrorTemplate(_NOT, "Access Token has been revoked")
NOT_A_REFRESH_TOKEN = ErrorTemplate("UnsupportedTokenTypeException", "Unsupported token type")
TOKEN_OF_ANOTHER_CLIENT = ErrorTemplate("UnauthorizedException", "Unauthorized")  # listed for RevokeToken; text ours

# ---- the app client and the request -------------------------------------------------------------
NO_SUCH_CLIENT = ErrorTemplate(_MISSING, "User pool client {client} does not exist.", survives=True)
NO_SUCH_POOL = ErrorTemplate(_MISSING, "User pool {pool} does not exist.", survives=True)
SECRET_HASH_MISSING = ErrorTemplate(_NOT, "Client {client} is configured with secret but SECRET_HASH was not received", survives=True)
SECRET_HASH_WRONG = ErrorTemplate(_NOT, "Unable to verify secret hash for client {client}", survives=True)
CLIENT_SECRET_WRONG = ErrorTemplate(_NOT, "Client {client} is configured with secret but ClientSecret was not received, or is wrong")  # text ours
FLOW_NOT_ENABLED = ErrorTemplate(_PARAMETER, "{flow} flow not enabled for this client")
ADMIN_FLOW_NOT_ENABLED = ErrorTemplate(_PARAMETER, "Auth flow not enabled for this client")
FLOW_NEEDS_ADMIN = ErrorTemplate(_PARAMETER, "Initiate Auth method not supported.")  # ADMIN_* by InitiateAuth; text from issues
NO_CUSTOM_AUTH_TRIGGER = ErrorTemplate(_PARAMETER, "Custom auth lambda trigger is not configured for the user pool.")
NULL_MEMBER = ErrorTemplate(_PARAMETER, "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null", survives=True)
TOO_LONG = ErrorTemplate(_PARAMETER, "1 validation error detected: Value at '{name}' failed to satisfy constraint: Member must have length less than or equal to {limit}", survives=True)
# AWS's suite (amplify-swift) has the class, and that the session stays good; the members' form is botocore's.
USER_CODE_NOT_DIGITS = ErrorTemplate(_PARAMETER, "1 validation error detected: Value at 'userCode' failed to satisfy constraint: Member must satisfy regular expression pattern: [0-9]+", survives=True)
OUT_OF_BOUNDS = ErrorTemplate(_PARAMETER, "1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: Member must have value {beyond} than or equal to {limit}", survives=True)
WRONG_TYPE = ErrorTemplate("SerializationException", "{name} is not of the type that the API gives it.", survives=True)
MISSING_PARAMETER = ErrorTemplate(_PARAMETER, "Missing required parameter {name}", survives=True)
NO_SUCH_CHALLENGE = ErrorTemplate(_PARAMETER, "{name} is not a challenge that this operation answers.", survives=True)
INVALID_PARAMETER = ErrorTemplate(_PARAMETER, "{why}")
USER_EXISTS = ErrorTemplate("UsernameExistsException", "User account already exists")
UNKNOWN_OPERATION = ErrorTemplate("UnknownOperationException", "The request names no operation.", survives=True)  # text ours
REQUEST_UNSIGNED = ErrorTemplate("MissingAuthenticationTokenException", "Missing Authentication Token", survives=True)
OPERATION_NOT_SERVED = ErrorTemplate("UnsupportedOperationException", "The local user pool does not serve {operation}.", survives=True)

# ---- accounts: no session is presented here, so that none is burnt ------------------------------
# Texts as client vocabularies have them (Amplify's dictionaries, error tables of applications).
NAME_TAKEN = ErrorTemplate("UsernameExistsException", "User already exists")
ADDRESS_TAKEN = ErrorTemplate("UsernameExistsException", "An account with the given {name} already exists.")
SIGN_UP_PASSWORD_POLICY = ErrorTemplate("InvalidPasswordException", "Password did not conform with policy: {why}", survives=True)  # so at SignUp alone
NO_SIGN_UP = ErrorTemplate(_NOT, "SignUp is not permitted for this user pool")
NO_SUCH_USERNAME = ErrorTemplate("UserNotFoundException", "Username/client id combination not found.")  # fixture
NO_PASSWORD = ErrorTemplate(_PARAMETER, "User is required to have a password")  # measured
VERIFICATION_CODE_MISMATCH = ErrorTemplate(_MISMATCH, "Invalid verification code provided, please try again.", survives=True)
VERIFICATION_CODE_EXPIRED = ErrorTemplate("ExpiredCodeException", "Invalid code provided, please request a code again.")
LIMIT_EXCEEDED = ErrorTemplate("LimitExceededException", "Attempt limit exceeded, please try after some time.")
CANNOT_CONFIRM = ErrorTemplate(_NOT, "User cannot be confirmed. Current status is {status}")
ALREADY_CONFIRMED = ErrorTemplate(_PARAMETER, "User is already confirmed.")
AUTO_VERIFICATION_OFF = ErrorTemplate(_NOT, "Cannot resend codes. Auto verification not turned on.")  # trace
RESET_NOT_POSSIBLE = ErrorTemplate(_NOT, "User password cannot be reset in the current state.")
NO_RECOVERY_ADDRESS = ErrorTemplate(_PARAMETER, "Cannot reset password for the user as there is no registered/verified email or phone_number")
ONLY_ADMINS_RESET = ErrorTemplate(_NOT, "Contact administrator to reset password.")  # code and text ours
PASSWORD_REUSED = ErrorTemplate("PasswordHistoryPolicyViolationException", "Password has been used before.", survives=True)  # text ours
PREVIOUS_PASSWORD = ErrorTemplate(_PARAMETER, "PreviousPassword is required for a user who has a password.")  # text ours
NOT_IN_SCHEMA = ErrorTemplate(_PARAMETER, "Attributes did not conform to the schema: {why}", survives=True)
NOT_MUTABLE = ErrorTemplate(_PARAMETER, "user.{name}: Attribute cannot be updated.", survives=True)
BAD_PHONE = ErrorTemplate(_PARAMETER, "Invalid phone number format.", survives=True)
NOTHING_TO_VERIFY = ErrorTemplate(_PARAMETER, "The user has no {name} to verify.")  # text ours
RESEND_NOT_POSSIBLE = ErrorTemplate("UnsupportedUserStateException", "Resend not possible. {username} status is not FORCE_CHANGE_PASSWORD")
NOT_REVOCABLE = ErrorTemplate("UnsupportedOperationException", "Token revocation is not enabled for this client.")  # text ours
BAD_FILTER = ErrorTemplate(_PARAMETER, "Error while parsing filter.")  # text ours

# ---- the triggers: the attempt is over ----------------------------------------------------------
TRIGGER_FAILED = ErrorTemplate("UserLambdaValidationException", "{trigger} failed with error {text}.")
TRIGGER_RESPONSE_INVALID = ErrorTemplate("InvalidLambdaResponseException", "Unrecognizable lambda output: {trigger}: {why}")
# fmt: on
