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
ALIAS_TAKEN = Saying("AliasExistsException", "An account with the {name} already exists.", survives=True)
NOT_IN_SETUP = Saying(_PARAMETER, "This MFA method cannot be set up in this sign-in.", survives=True)

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
ILL_TYPED = Saying("SerializationException", "{name} is not of the type that the API gives it.", survives=True)
ABSENT = Saying(_PARAMETER, "Missing required parameter {name}", survives=True)
NO_SUCH_CHALLENGE = Saying(_PARAMETER, "{name} is not a challenge that this operation answers.", survives=True)
MALFORMED = Saying(_PARAMETER, "{why}")
USER_EXISTS = Saying("UsernameExistsException", "User account already exists")
UNKNOWN_OPERATION = Saying("UnknownOperationException", "The request names no operation.", survives=True)  # text ours
NOT_SERVED = Saying("UnsupportedOperationException", "The local user pool does not serve {operation}.", survives=True)

# ---- the triggers: the attempt is over ----------------------------------------------------------
TRIGGER_FAILED = Saying("UserLambdaValidationException", "{trigger} failed with error {text}.")
TRIGGER_SHAPE = Saying("InvalidLambdaResponseException", "Unrecognizable lambda output: {trigger}: {why}")
# fmt: on
