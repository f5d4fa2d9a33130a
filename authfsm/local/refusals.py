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
class Saying:
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

    def __init__(self, saying: Saying, **facts: str) -> None:
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
WRONG_PASSWORD = Saying(_NOT, "Incorrect username or password.")
# Documented without a class ("Password attempts exceeded"); NotAuthorizedException from issues.
LOCKED_OUT = Saying(_NOT, "Password attempts exceeded")
# Seen in issues; known here without a trace.
TEMPORARY_EXPIRED = Saying(_NOT, "Temporary password has expired and must be reset by an administrator.")
# Measured; "no assurance" that the secret block survives, so it does not.
BAD_TIMESTAMP = Saying(_PARAMETER, "TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english.")
# The class is inferred, the text is ours.
BAD_SRP_A = Saying(_PARAMETER, "SRP_A is not the public value of an SRP client.")
# That the session survives a refused new password is unverified; the API lists the exception.
POLICY = Saying("InvalidPasswordException", "Password does not conform to policy: {why}", survives=True)
ATTRIBUTE_MISSING = Saying(_PARAMETER, "Invalid attributes given, {name} is missing", survives=True)
# Seen in issues, for attributes the app client may not write.
UNWRITABLE = Saying(_NOT, "A client attempted to write unauthorized attribute", survives=True)
ALREADY_PROVIDED = Saying(_NOT, "Cannot modify an already provided {name}", survives=True)  # issues

# ---- the user -----------------------------------------------------------------------------------
NO_SUCH_USER = Saying("UserNotFoundException", "User does not exist.")  # measured: LEGACY
NOT_CONFIRMED = Saying("UserNotConfirmedException", "User is not confirmed.")  # measured: before the password
RESET_REQUIRED = Saying("PasswordResetRequiredException", "Password reset required for the user")
DISABLED = Saying(_NOT, "User is disabled.")  # issues
# The branch is documented, its exception is not: neither code nor text is known.
NO_MFA_POSSIBLE = Saying(_PARAMETER, "The user has no MFA method that this user pool could ask for.")

# ---- the session --------------------------------------------------------------------------------
SESSION_SPENT = Saying(_NOT, "Invalid session for the user, session can only be used once.")  # measured
SESSION_EXPIRED = Saying(_NOT, "Invalid session for the user, session is expired.")  # measured
# Issues. A session of another client's, or none at all: the real owner's is left as it is.
SESSION_UNKNOWN = Saying(_NOT, "Invalid session for the user.", survives=True)
# The owner's own client names another user: the session is taken to be stolen, and burns.
SESSION_OF_ANOTHER = Saying(_NOT, "Invalid session for the user.")
# MFA_SETUP closed before VerifySoftwareToken has accepted a code: amplify-js #6461 has the text.
SETUP_UNFINISHED = Saying(_NOT, "Invalid session for the user.")
# Issues: a NEW_PASSWORD_REQUIRED that a Lambda named by itself.
SESSION_DEAD_END = Saying(_NOT, "Invalid session provided for the user.")

# ---- codes --------------------------------------------------------------------------------------
# Measured for EMAIL_OTP (six wrong codes on one session), from clients elsewhere. The same text
# answers a wrong ChallengeName, a factor not chosen yet, and a challenge a Lambda named by itself.
CODE_MISMATCH = Saying(_MISMATCH, "Invalid code or auth state for the user.", survives=True)
TOTP_MISMATCH = Saying(_MISMATCH, "Invalid code received for user", survives=True)  # clients
TOTP_USED = Saying("ExpiredCodeException", "Your software token has already been used once.", survives=True)
TOTP_SETUP_MISMATCH = Saying("EnableSoftwareTokenMFAException", "Code mismatch and fail enable Software Token MFA", survives=True)
# Issues: amazon-cognito-identity-js #630 has the text.
NO_TOTP = Saying("SoftwareTokenMFANotFoundException", "Software Token MFA does not exist for the user.")
TOTP_OFF = Saying("SoftwareTokenMFANotFoundException", "Software Token MFA has not been enabled by the userPool")
# Unknown whether it is this or InvalidParameterException; the API lists both.
NOT_OFFERED = Saying("MFAMethodNotFoundException", "{answer} is not one of the MFA methods offered.", survives=True)
CANNOT_PREFER = Saying(_PARAMETER, "User does not have delivery config set to turn on {factor}")
# The real texts are not known.
BAD_EMAIL = Saying(_PARAMETER, "Invalid email address format.", survives=True)
ALIAS_TAKEN = Saying("AliasExistsException", "An account with the given {name} already exists.", survives=True)
NOT_IN_SETUP = Saying(_PARAMETER, "This MFA method cannot be set up in this sign-in.", survives=True)

# ---- first factors by choice ----------------------------------------------------------------------
# Inferred: InvalidParameterException or MFAMethodNotFoundException, no source tells.
NOT_A_CHOICE = Saying(_PARAMETER, "{answer} is not one of the available challenges.", survives=True)
# The code is documented (InitiateAuth), the text is ours.
NOT_IN_TIER = Saying("FeatureUnavailableInTierException", "{feature} is not available in the user pool's feature plan.")
# The API lists no WebAuthn* error for sign-in; that it is this one is inferred, the text is ours.
PASSKEY_REFUSED = Saying(_NOT, "The passkey's answer is not valid.")
# Step-up: "Amazon Cognito returns an error" is all that is documented.
NO_LEVEL = Saying(_PARAMETER, "TARGET_ACR_VALUES has no level of this user pool.")
LEVEL_MET = Saying(_PARAMETER, "The access token already meets the requested level.")
LEVEL_OUT_OF_REACH = Saying(_PARAMETER, "The user has no factors for the requested levels.")
TOKEN_WITHOUT_TARGET = Saying(_PARAMETER, "ACCESS_TOKEN needs TARGET_ACR_VALUES.")
TOKEN_OF_ANOTHER = Saying(_PARAMETER, "ACCESS_TOKEN was not issued for USERNAME.")
BAD_MAX_AGE = Saying(_PARAMETER, "MAX_AGE is not a whole number of seconds.")

# ---- registering passkeys: codes of the API, texts ours but for BAD_CREDENTIAL's (aws-sdk-net #4386) -
BAD_CREDENTIAL = Saying(_PARAMETER, "Credential data is not valid")
PASSKEYS_OFF = Saying("WebAuthnNotEnabledException", "Passkeys are not enabled for this user pool.")
NO_RELYING_PARTY = Saying("WebAuthnConfigurationMissingException", "The user pool has no relying party id.")
NO_REGISTRATION = Saying("WebAuthnChallengeNotFoundException", "The registration was not started, or has expired.")
OTHER_CLIENT = Saying("WebAuthnClientMismatchException", "The registration was started by another app client.")
OTHER_RELYING_PARTY = Saying("WebAuthnRelyingPartyMismatchException", "The passkey is for another relying party.")
ORIGIN_NOT_ALLOWED = Saying("WebAuthnOriginNotAllowedException", "The passkey's origin does not belong to the relying party.")
UNSUPPORTED_CREDENTIAL = Saying("WebAuthnCredentialNotSupportedException", "The passkey is neither ES256 nor RS256.")
TOO_MANY_PASSKEYS = Saying("LimitExceededException", "The user has 20 passkeys already.")
NO_SUCH_PASSKEY = Saying(_MISSING, "The user has no such passkey.")
PASSKEY_MFA_OFF = Saying(_PARAMETER, "Passkeys can satisfy MFA only where the user pool is set so.")
PASSKEY_MFA_ALONE = Saying(_PARAMETER, "Passkeys can satisfy MFA only beside another MFA method.")

# ---- the device ---------------------------------------------------------------------------------
# Clients (Amplify for the web, Swift and Android) send the same answer again without DEVICE_KEY.
NO_SUCH_DEVICE = Saying(_MISSING, "Device does not exist.", survives=True)
BAD_DEVICE_KEY = Saying(_PARAMETER, "Invalid device key given.")  # issues; the class is inferred
DEVICE_CONFIRMED = Saying("DeviceKeyExistsException", "Device already exists.")  # code from the API, text ours
BAD_DEVICE_VERIFIER = Saying(_PARAMETER, "Invalid device secret verifier config.")  # text ours

# ---- tokens -------------------------------------------------------------------------------------
BAD_REFRESH = Saying(_NOT, "Invalid Refresh Token.")  # trace
REFRESH_EXPIRED = Saying(_NOT, "Refresh Token has expired")
REFRESH_REVOKED = Saying(_NOT, "Refresh Token has been revoked")
REFRESH_REUSED = Saying("RefreshTokenReuseException", "Refresh token reuse detected")  # measured
BAD_ACCESS = Saying(_NOT, "Invalid Access Token")
ACCESS_EXPIRED = Saying(_NOT, "Access Token has expired")
ACCESS_REVOKED = Saying(_NOT, "Access Token has been revoked")
NOT_A_REFRESH_TOKEN = Saying("UnsupportedTokenTypeException", "Unsupported token type")
NOT_YOUR_TOKEN = Saying("UnauthorizedException", "Unauthorized")  # listed for RevokeToken; text ours

# ---- the app client and the request -------------------------------------------------------------
NO_SUCH_CLIENT = Saying(_MISSING, "User pool client {client} does not exist.", survives=True)
NO_SUCH_POOL = Saying(_MISSING, "User pool {pool} does not exist.", survives=True)
HASH_ABSENT = Saying(_NOT, "Client {client} is configured with secret but SECRET_HASH was not received", survives=True)
HASH_WRONG = Saying(_NOT, "Unable to verify secret hash for client {client}", survives=True)
SECRET_WRONG = Saying(_NOT, "Client {client} is configured with secret but ClientSecret was not received, or is wrong")  # text ours
FLOW_OFF = Saying(_PARAMETER, "{flow} flow not enabled for this client")
ADMIN_FLOW_OFF = Saying(_PARAMETER, "Auth flow not enabled for this client")
FLOW_ELSEWHERE = Saying(_PARAMETER, "Initiate Auth method not supported.")  # ADMIN_* by InitiateAuth; text from issues
NO_TRIGGERS = Saying(_PARAMETER, "Custom auth lambda trigger is not configured for the user pool.")
NULL = Saying(_PARAMETER, "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null", survives=True)
TOO_LONG = Saying(_PARAMETER, "1 validation error detected: Value at '{name}' failed to satisfy constraint: Member must have length less than or equal to {limit}", survives=True)
# AWS's suite (amplify-swift) has the class, and that the session stays good; the members' form is botocore's.
NO_USER_CODE = Saying(_PARAMETER, "1 validation error detected: Value at 'userCode' failed to satisfy constraint: Member must satisfy regular expression pattern: [0-9]+", survives=True)
OUT_OF_BOUNDS = Saying(_PARAMETER, "1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: Member must have value {beyond} than or equal to {limit}", survives=True)
ILL_TYPED = Saying("SerializationException", "{name} is not of the type that the API gives it.", survives=True)
ABSENT = Saying(_PARAMETER, "Missing required parameter {name}", survives=True)
NO_SUCH_CHALLENGE = Saying(_PARAMETER, "{name} is not a challenge that this operation answers.", survives=True)
MALFORMED = Saying(_PARAMETER, "{why}")
USER_EXISTS = Saying("UsernameExistsException", "User account already exists")
UNKNOWN_OPERATION = Saying("UnknownOperationException", "The request names no operation.", survives=True)  # text ours
UNSIGNED = Saying("MissingAuthenticationTokenException", "Missing Authentication Token", survives=True)
NOT_SERVED = Saying("UnsupportedOperationException", "The local user pool does not serve {operation}.", survives=True)

# ---- accounts: no session is presented here, so that none is burnt ------------------------------
# Texts as client vocabularies have them (Amplify's dictionaries, error tables of applications).
NAME_TAKEN = Saying("UsernameExistsException", "User already exists")
ADDRESS_TAKEN = Saying("UsernameExistsException", "An account with the given {name} already exists.")
SIGN_UP_POLICY = Saying("InvalidPasswordException", "Password did not conform with policy: {why}", survives=True)  # so at SignUp alone
NO_SIGN_UP = Saying(_NOT, "SignUp is not permitted for this user pool")
NO_SUCH_NAME = Saying("UserNotFoundException", "Username/client id combination not found.")  # fixture
NO_PASSWORD = Saying(_PARAMETER, "User is required to have a password")  # measured
CODE_WRONG = Saying(_MISMATCH, "Invalid verification code provided, please try again.", survives=True)
CODE_EXPIRED = Saying("ExpiredCodeException", "Invalid code provided, please request a code again.")
TOO_OFTEN = Saying("LimitExceededException", "Attempt limit exceeded, please try after some time.")
NOT_TO_CONFIRM = Saying(_NOT, "User cannot be confirmed. Current status is {status}")
ALREADY_CONFIRMED = Saying(_PARAMETER, "User is already confirmed.")
NO_RESEND = Saying(_NOT, "Cannot resend codes. Auto verification not turned on.")  # trace
NO_RESET = Saying(_NOT, "User password cannot be reset in the current state.")
NO_WAY_BACK = Saying(_PARAMETER, "Cannot reset password for the user as there is no registered/verified email or phone_number")
ONLY_ADMINS_RESET = Saying(_NOT, "Contact administrator to reset password.")  # code and text ours
PASSWORD_USED = Saying("PasswordHistoryPolicyViolationException", "Password has been used before.", survives=True)  # text ours
PREVIOUS_PASSWORD = Saying(_PARAMETER, "PreviousPassword is required for a user who has a password.")  # text ours
NOT_IN_SCHEMA = Saying(_PARAMETER, "Attributes did not conform to the schema: {why}", survives=True)
NOT_MUTABLE = Saying(_PARAMETER, "user.{name}: Attribute cannot be updated.", survives=True)
BAD_PHONE = Saying(_PARAMETER, "Invalid phone number format.", survives=True)
NOTHING_TO_VERIFY = Saying(_PARAMETER, "The user has no {name} to verify.")  # text ours
NO_INVITATION = Saying("UnsupportedUserStateException", "Resend not possible. {username} status is not FORCE_CHANGE_PASSWORD")
NOT_REVOCABLE = Saying("UnsupportedOperationException", "Token revocation is not enabled for this client.")  # text ours
BAD_FILTER = Saying(_PARAMETER, "Error while parsing filter.")  # text ours

# ---- the triggers: the attempt is over ----------------------------------------------------------
TRIGGER_FAILED = Saying("UserLambdaValidationException", "{trigger} failed with error {text}.")
TRIGGER_SHAPE = Saying("InvalidLambdaResponseException", "Unrecognizable lambda output: {trigger}: {why}")
# fmt: on
