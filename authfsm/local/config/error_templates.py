"""The errors of a local pool: their codes, their messages, and whether the session survives them.

`raise WRONG_PASSWORD.refusal()` refuses a request. `survives` says whether the session (or the secret
block) of the refused request can be used again.

Codes and messages are those that Cognito returns; comments name the sources of some. "The text is ours" means that
no source has Cognito's text.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen


@frozen
class ErrorTemplate:
    """An error: its code, its message with `{placeholders}`, and whether the session of a challenge survives it."""

    code: str
    message: str
    survives: bool = False

    def refusal(self, **facts: str) -> PoolRefusal:
        """Return the exception with this error; `facts` are the values of the message's placeholders."""
        return PoolRefusal(self, **facts)


class PoolRefusal(Exception):
    """The pool refuses a request: HTTP 400 with Cognito's error code and message.

    Args:
        template: one of the templates of this module.
        facts: the values of the message's placeholders, and `name` if moto's message needs it; they are never secret.
    """

    def __init__(self, template: ErrorTemplate, **facts: str) -> None:
        self.code = template.code
        self.message = template.message.format(**facts)
        self.survives, self.facts = template.survives, facts
        super().__init__(f"{self.code}: {self.message}")


_NOT_AUTHORIZED: Final = "NotAuthorizedException"
_INVALID_PARAMETER: Final = "InvalidParameterException"
_CODE_MISMATCH: Final = "CodeMismatchException"
_NOT_FOUND: Final = "ResourceNotFoundException"

# fmt: off
# ---- the password -------------------------------------------------------------------------------
# Measured: after a wrong password SRP has to restart with InitiateAuth.
WRONG_PASSWORD = ErrorTemplate(_NOT_AUTHORIZED, "Incorrect username or password.")
# The message is documented; the code is from reports of users.
LOCKED_OUT = ErrorTemplate(_NOT_AUTHORIZED, "Password attempts exceeded")
# Reports of users.
TEMPORARY_EXPIRED = ErrorTemplate(_NOT_AUTHORIZED, "Temporary password has expired and must be reset by an administrator.")
# Measured. No source says whether the secret block survives; here it does not.
BAD_TIMESTAMP = ErrorTemplate(_INVALID_PARAMETER, "TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english.")
SRP_A_NOT_HEX = ErrorTemplate(_INVALID_PARAMETER, "1 validation error detected: Value at 'a' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[0-9a-fA-F]+$")  # recorded; Cognito shows the value too
# The code is inferred, the text is ours.
BAD_SRP_A = ErrorTemplate(_INVALID_PARAMETER, "SRP_A is not the public value of an SRP client.")
# The API lists the exception; that the session survives is inferred.
PASSWORD_POLICY = ErrorTemplate("InvalidPasswordException", "Password does not conform to policy: {why}", survives=True)
ATTRIBUTE_MISSING = ErrorTemplate(_INVALID_PARAMETER, "Invalid attributes given, {name} is missing", survives=True)
# Reports of users, for attributes that the app client may not write.
ATTRIBUTE_NOT_WRITABLE = ErrorTemplate(_NOT_AUTHORIZED, "A client attempted to write unauthorized attribute", survives=True)
ALREADY_PROVIDED = ErrorTemplate(_NOT_AUTHORIZED, "Cannot modify an already provided {name}", survives=True)  # reports of users

# ---- the user -----------------------------------------------------------------------------------
NO_SUCH_USER = ErrorTemplate("UserNotFoundException", "User does not exist.")  # measured, with LEGACY
NOT_CONFIRMED = ErrorTemplate("UserNotConfirmedException", "User is not confirmed.")  # measured: before the password
RESET_REQUIRED = ErrorTemplate("PasswordResetRequiredException", "Password reset required for the user")
DISABLED = ErrorTemplate(_NOT_AUTHORIZED, "User is disabled.")  # reports of users
# The MFA decision tree has this case; its code and text are not known.
NO_MFA_POSSIBLE = ErrorTemplate(_INVALID_PARAMETER, "The user has no MFA method that this user pool could ask for.")

# ---- the session --------------------------------------------------------------------------------
SESSION_USED = ErrorTemplate(_NOT_AUTHORIZED, "Invalid session for the user, session can only be used once.")  # measured
SESSION_EXPIRED = ErrorTemplate(_NOT_AUTHORIZED, "Invalid session for the user, session is expired.")  # measured
# Reports of users. The session does not exist, or it is of another app client, which can still use it.
SESSION_UNKNOWN = ErrorTemplate(_NOT_AUTHORIZED, "Invalid session for the user.", survives=True)
# A request of the session's own app client named another user: the session may be stolen, so it ends.
SESSION_OF_ANOTHER_USER = ErrorTemplate(_NOT_AUTHORIZED, "Invalid session for the user.")
# MFA_SETUP was answered before VerifySoftwareToken had accepted a code (amplify-js #6461).
MFA_SETUP_UNFINISHED = ErrorTemplate(_NOT_AUTHORIZED, "Invalid session for the user.")
# Reports of users, after DefineAuthChallenge had named NEW_PASSWORD_REQUIRED.
CHALLENGE_UNANSWERABLE = ErrorTemplate(_NOT_AUTHORIZED, "Invalid session provided for the user.")

# ---- codes --------------------------------------------------------------------------------------
# Measured for EMAIL_OTP: the session survives six wrong codes. Clients rely on this for other challenges, too. The
# error is also returned for a wrong ChallengeName, and for the code of a factor that was not chosen yet.
CODE_MISMATCH = ErrorTemplate(_CODE_MISMATCH, "Invalid code or auth state for the user.", survives=True)
TOTP_MISMATCH = ErrorTemplate(_CODE_MISMATCH, "Invalid code received for user", survives=True)  # clients
TOTP_USED = ErrorTemplate("ExpiredCodeException", "Your software token has already been used once.", survives=True)
TOTP_SETUP_MISMATCH = ErrorTemplate("EnableSoftwareTokenMFAException", "Code mismatch and fail enable Software Token MFA", survives=True)
# amazon-cognito-identity-js #630.
TOTP_NOT_SET_UP = ErrorTemplate("SoftwareTokenMFANotFoundException", "Software Token MFA does not exist for the user.")
TOTP_NOT_ENABLED = ErrorTemplate("SoftwareTokenMFANotFoundException", "Software Token MFA has not been enabled by the userPool")
# The API lists this code and InvalidParameterException; no source says which of them Cognito returns.
MFA_METHOD_NOT_OFFERED = ErrorTemplate("MFAMethodNotFoundException", "{answer} is not one of the MFA methods offered.", survives=True)
CANNOT_PREFER = ErrorTemplate(_INVALID_PARAMETER, "User does not have delivery config set to turn on {factor}")
# Cognito's messages for these three errors are unknown.
BAD_EMAIL = ErrorTemplate(_INVALID_PARAMETER, "Invalid email address format.", survives=True)
ALIAS_TAKEN = ErrorTemplate("AliasExistsException", "An account with the given {name} already exists.", survives=True)
MFA_SETUP_NOT_OFFERED = ErrorTemplate(_INVALID_PARAMETER, "This MFA method cannot be set up in this sign-in.", survives=True)

# ---- first factors by choice ----------------------------------------------------------------------
# The code is inferred: no source says whether it is this or MFAMethodNotFoundException.
CHALLENGE_NOT_AVAILABLE = ErrorTemplate(_INVALID_PARAMETER, "{answer} is not one of the available challenges.", survives=True)
# The code is documented (InitiateAuth), the text is ours.
NOT_IN_TIER = ErrorTemplate("FeatureUnavailableInTierException", "{feature} is not available in the user pool's feature plan.")
# The API lists no WebAuthn* error for sign-in: the code is inferred, the text is ours.
PASSKEY_REFUSED = ErrorTemplate(_NOT_AUTHORIZED, "The passkey's answer is not valid.")
# Step-up: only "Amazon Cognito returns an error" is documented; codes and messages are ours.
UNKNOWN_LEVEL = ErrorTemplate(_INVALID_PARAMETER, "TARGET_ACR_VALUES has no level of this user pool.")
LEVEL_ALREADY_MET = ErrorTemplate(_INVALID_PARAMETER, "The access token already meets the requested level.")
LEVEL_OUT_OF_REACH = ErrorTemplate(_INVALID_PARAMETER, "The user has no factors for the requested levels.")
TOKEN_WITHOUT_TARGET = ErrorTemplate(_INVALID_PARAMETER, "ACCESS_TOKEN needs TARGET_ACR_VALUES.")
TOKEN_OF_ANOTHER_USER = ErrorTemplate(_INVALID_PARAMETER, "ACCESS_TOKEN was not issued for USERNAME.")
BAD_MAX_AGE = ErrorTemplate(_INVALID_PARAMETER, "MAX_AGE is not a whole number of seconds.")

# ---- registering passkeys: the codes are the API's, the messages ours, except BAD_CREDENTIAL's (aws-sdk-net #4386)
BAD_CREDENTIAL = ErrorTemplate(_INVALID_PARAMETER, "Credential data is not valid")
PASSKEYS_OFF = ErrorTemplate("WebAuthnNotEnabledException", "Passkeys are not enabled for this user pool.")
NO_RELYING_PARTY = ErrorTemplate("WebAuthnConfigurationMissingException", "The user pool has no relying party id.")
NO_REGISTRATION = ErrorTemplate("WebAuthnChallengeNotFoundException", "The registration was not started, or has expired.")
REGISTRATION_OF_ANOTHER_CLIENT = ErrorTemplate("WebAuthnClientMismatchException", "The registration was started by another app client.")
OTHER_RELYING_PARTY = ErrorTemplate("WebAuthnRelyingPartyMismatchException", "The passkey is for another relying party.")
ORIGIN_NOT_ALLOWED = ErrorTemplate("WebAuthnOriginNotAllowedException", "The passkey's origin does not belong to the relying party.")
UNSUPPORTED_CREDENTIAL = ErrorTemplate("WebAuthnCredentialNotSupportedException", "The passkey is neither ES256 nor RS256.")
TOO_MANY_PASSKEYS = ErrorTemplate("LimitExceededException", "The user has 20 passkeys already.")
NO_SUCH_PASSKEY = ErrorTemplate(_NOT_FOUND, "The user has no such passkey.")
PASSKEY_MFA_OFF = ErrorTemplate(_INVALID_PARAMETER, "Passkeys can satisfy MFA only if the user pool's FactorConfiguration allows it.")
PASSKEY_MFA_ALONE = ErrorTemplate(_INVALID_PARAMETER, "Passkeys can satisfy MFA only in addition to another MFA method.")

# ---- the device ---------------------------------------------------------------------------------
# The session survives, because Amplify (web, Swift, Android) sends the same answer again without DEVICE_KEY.
NO_SUCH_DEVICE = ErrorTemplate(_NOT_FOUND, "Device does not exist.", survives=True)
BAD_DEVICE_KEY = ErrorTemplate(_INVALID_PARAMETER, "Invalid device key given.")  # reports of users; the code is inferred
DEVICE_CONFIRMED = ErrorTemplate("DeviceKeyExistsException", "Device already exists.")  # the API's code; the text is ours
BAD_DEVICE_VERIFIER = ErrorTemplate(_INVALID_PARAMETER, "Invalid device secret verifier config.")  # the text is ours

# ---- tokens -------------------------------------------------------------------------------------
INVALID_REFRESH_TOKEN = ErrorTemplate(_NOT_AUTHORIZED, "Invalid Refresh Token.")  # a trace
REFRESH_EXPIRED = ErrorTemplate(_NOT_AUTHORIZED, "Refresh Token has expired")
REFRESH_REVOKED = ErrorTemplate(_NOT_AUTHORIZED, "Refresh Token has been revoked")
REFRESH_REUSED = ErrorTemplate("RefreshTokenReuseException", "Refresh token reuse detected")  # measured
INVALID_ACCESS_TOKEN = ErrorTemplate(_NOT_AUTHORIZED, "Invalid Access Token")
ACCESS_EXPIRED = ErrorTemplate(_NOT_AUTHORIZED, "Access Token has expired")
ACCESS_REVOKED = ErrorTemplate(_NOT_AUTHORIZED, "Access Token has been revoked")
NOT_A_REFRESH_TOKEN = ErrorTemplate("UnsupportedTokenTypeException", "Unsupported token type")
TOKEN_OF_ANOTHER_CLIENT = ErrorTemplate("UnauthorizedException", "Unauthorized")  # the API lists it for RevokeToken; the text is ours
# Session tracking: the API lists the codes. Which code belongs to which case is inferred, and the messages are ours.
NO_SESSION_TRACKING = ErrorTemplate("OperationNotEnabledException", "Session tracking is not enabled for the user pool.")
NO_SUCH_SESSION = ErrorTemplate(_NOT_FOUND, "The user has no such session.")
SESSION_IS_CURRENT = ErrorTemplate(_INVALID_PARAMETER, "The session that the access token belongs to cannot be revoked.")

# ---- the app client and the request -------------------------------------------------------------
NO_SUCH_CLIENT = ErrorTemplate(_NOT_FOUND, "User pool client {client} does not exist.", survives=True)
NO_SUCH_POOL = ErrorTemplate(_NOT_FOUND, "User pool {pool} does not exist.", survives=True)
SECRET_HASH_MISSING = ErrorTemplate(_NOT_AUTHORIZED, "Client {client} is configured with secret but SECRET_HASH was not received", survives=True)
SECRET_HASH_WRONG = ErrorTemplate(_NOT_AUTHORIZED, "Unable to verify secret hash for client {client}", survives=True)
CLIENT_SECRET_WRONG = ErrorTemplate(_NOT_AUTHORIZED, "Client {client} is configured with secret but ClientSecret was not received, or is wrong")  # the text is ours
TOO_MANY_SECRETS = ErrorTemplate("LimitExceededException", "The app client has two secrets already.")  # the text is ours
FLOW_NOT_ENABLED = ErrorTemplate(_INVALID_PARAMETER, "{flow} flow not enabled for this client")
ADMIN_FLOW_NOT_ENABLED = ErrorTemplate(_INVALID_PARAMETER, "Auth flow not enabled for this client")
FLOW_NEEDS_ADMIN = ErrorTemplate(_INVALID_PARAMETER, "Initiate Auth method not supported.")  # ADMIN_* in InitiateAuth; reports of users
NO_CUSTOM_AUTH_TRIGGER = ErrorTemplate(_INVALID_PARAMETER, "Custom auth lambda trigger is not configured for the user pool.")
NULL_MEMBER = ErrorTemplate(_INVALID_PARAMETER, "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null", survives=True)
# amplify-swift's tests against AWS show the code, and that the session survives. The pattern is botocore's.
USER_CODE_NOT_DIGITS = ErrorTemplate(_INVALID_PARAMETER, "1 validation error detected: Value at 'userCode' failed to satisfy constraint: Member must satisfy regular expression pattern: [0-9]+", survives=True)
NOT_IN_ENUM = ErrorTemplate(_INVALID_PARAMETER, "1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: Member must satisfy enum value set: [{values}]", survives=True)
CONSTRAINTS_VIOLATED = ErrorTemplate(_INVALID_PARAMETER, "{number} detected: {violations}", survives=True)
OUT_OF_BOUNDS = ErrorTemplate(_INVALID_PARAMETER, "1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: Member must have value {beyond} than or equal to {limit}", survives=True)
WRONG_TYPE = ErrorTemplate("SerializationException", "{name} is not of the type that the API defines for it.", survives=True)
MISSING_PARAMETER = ErrorTemplate(_INVALID_PARAMETER, "Missing required parameter {name}", survives=True)
NO_SUCH_CHALLENGE = ErrorTemplate(_INVALID_PARAMETER, "{name} is not a challenge that this operation answers.", survives=True)
INVALID_PARAMETER = ErrorTemplate(_INVALID_PARAMETER, "{why}")
USER_EXISTS = ErrorTemplate("UsernameExistsException", "User account already exists")
UNKNOWN_OPERATION = ErrorTemplate("UnknownOperationException", "The API has no such operation.", survives=True)  # the text is ours
REQUEST_UNSIGNED = ErrorTemplate("MissingAuthenticationTokenException", "Missing Authentication Token", survives=True)
OPERATION_NOT_SERVED = ErrorTemplate("UnsupportedOperationException", "The local Cognito does not serve {operation}: {why}.", survives=True)

# ---- accounts: errors of requests without a session; answers to NEW_PASSWORD_REQUIRED get some of them, too
# The messages are those that clients translate (Amplify's dictionaries, error tables of applications).
NAME_TAKEN = ErrorTemplate("UsernameExistsException", "User already exists")
ADDRESS_TAKEN = ErrorTemplate("UsernameExistsException", "An account with the given {name} already exists.")
SIGN_UP_PASSWORD_POLICY = ErrorTemplate("InvalidPasswordException", "Password did not conform with policy: {why}", survives=True)  # in SignUp only
NO_SIGN_UP = ErrorTemplate(_NOT_AUTHORIZED, "SignUp is not permitted for this user pool")
NO_SUCH_USERNAME = ErrorTemplate("UserNotFoundException", "Username/client id combination not found.")  # a client's test fixture
NO_PASSWORD = ErrorTemplate(_INVALID_PARAMETER, "User is required to have a password")  # measured
VERIFICATION_CODE_MISMATCH = ErrorTemplate(_CODE_MISMATCH, "Invalid verification code provided, please try again.", survives=True)
VERIFICATION_CODE_EXPIRED = ErrorTemplate("ExpiredCodeException", "Invalid code provided, please request a code again.")
LIMIT_EXCEEDED = ErrorTemplate("LimitExceededException", "Attempt limit exceeded, please try after some time.")
CANNOT_CONFIRM = ErrorTemplate(_NOT_AUTHORIZED, "User cannot be confirmed. Current status is {status}")
ALREADY_CONFIRMED = ErrorTemplate(_INVALID_PARAMETER, "User is already confirmed.")
AUTO_VERIFICATION_OFF = ErrorTemplate(_NOT_AUTHORIZED, "Cannot resend codes. Auto verification not turned on.")  # a trace
RESET_NOT_POSSIBLE = ErrorTemplate(_NOT_AUTHORIZED, "User password cannot be reset in the current state.")
NO_RECOVERY_ADDRESS = ErrorTemplate(_INVALID_PARAMETER, "Cannot reset password for the user as there is no registered/verified email or phone_number")
ONLY_ADMINS_RESET = ErrorTemplate(_NOT_AUTHORIZED, "Contact administrator to reset password.")  # code and text are ours
PASSWORD_REUSED = ErrorTemplate("PasswordHistoryPolicyViolationException", "Password has been used before.", survives=True)  # the text is ours
PREVIOUS_PASSWORD = ErrorTemplate(_INVALID_PARAMETER, "PreviousPassword is required for a user who has a password.")  # the text is ours
NOT_IN_SCHEMA = ErrorTemplate(_INVALID_PARAMETER, "Attributes did not conform to the schema: {why}", survives=True)
NO_SUCH_ATTRIBUTES = ErrorTemplate(_INVALID_PARAMETER, "Invalid user attributes: {why}\n")  # moto's text
ATTRIBUTE_REQUIRED = ErrorTemplate(_INVALID_PARAMETER, "user.{name}: A required attribute cannot be deleted.", survives=True)  # the text is ours
UNKNOWN_ATTRIBUTES = ErrorTemplate(_INVALID_PARAMETER, "One or more requested attributes do not exist.")
NOT_MUTABLE = ErrorTemplate(_INVALID_PARAMETER, "user.{name}: Attribute cannot be updated.", survives=True)
BAD_PHONE = ErrorTemplate(_INVALID_PARAMETER, "Invalid phone number format.", survives=True)
NOTHING_TO_VERIFY = ErrorTemplate(_INVALID_PARAMETER, "The user has no {name} to verify.")  # the text is ours
RESEND_NOT_POSSIBLE = ErrorTemplate("UnsupportedUserStateException", "Resend not possible. {username} status is not FORCE_CHANGE_PASSWORD")
NO_THREAT_PROTECTION = ErrorTemplate("UserPoolAddOnNotEnabledException", "Threat protection is not enabled for the user pool.")  # the text is ours
NOT_REVOCABLE = ErrorTemplate("UnsupportedOperationException", "Token revocation is not enabled for this client.")  # the text is ours
BAD_FILTER = ErrorTemplate(_INVALID_PARAMETER, "Error while parsing filter.")  # aws-sdk-php #1088
NOT_SEARCHABLE = ErrorTemplate(_INVALID_PARAMETER, "Invalid search attribute: {name}")  # moto's text

# ---- records: the codes are the API's --------------------------------------------------------------
GROUP_EXISTS = ErrorTemplate("GroupExistsException", "A group with the name already exists.")  # reports of users
NO_SUCH_GROUP = ErrorTemplate(_NOT_FOUND, "Group not found.")  # reports of users
PROVIDER_EXISTS = ErrorTemplate("DuplicateProviderException", "A provider with the name {name} already exists in this user pool.")  # the text is ours
NO_SUCH_PROVIDER = ErrorTemplate(_NOT_FOUND, "Identity provider {name} does not exist.")  # reports of users
RESOURCE_SERVER_EXISTS = ErrorTemplate(_INVALID_PARAMETER, "{name} already exists in user pool {pool}.")  # moto's tests
NO_SUCH_RESOURCE_SERVER = ErrorTemplate(_NOT_FOUND, "Resource server {name} does not exist.")  # the text is ours
DOMAIN_EXISTS = ErrorTemplate(_INVALID_PARAMETER, "Domain already associated with another user pool.")  # reports of users
NO_SUCH_DOMAIN = ErrorTemplate(_INVALID_PARAMETER, "No such domain or user pool exists.")  # reports of users
NO_SUCH_RESOURCE = ErrorTemplate(_NOT_FOUND, "Requested resource not found.")  # the text is ours

# ---- Lambda triggers: the sign-in ends -------------------------------------------------------------
TRIGGER_FAILED = ErrorTemplate("UserLambdaValidationException", "{trigger} failed with error {text}.")
TRIGGER_RETURNED_NOTHING = ErrorTemplate("InvalidLambdaResponseException", "Invalid lambda function output : Invalid JSON: {trigger} returned None. Return the event.")  # amplify-cli #2735, #4341
MIGRATION_FAILED = ErrorTemplate("UserNotFoundException", "Exception migrating user in app client {client}: UserMigration did not return the event.")  # re:Post has the text up to the id, for null, "" and {}; the rest is ours
TRIGGER_RESPONSE_INVALID = ErrorTemplate("InvalidLambdaResponseException", "Unrecognizable lambda output: {trigger}: {why}")
# fmt: on
