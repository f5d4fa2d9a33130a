"""The words that anonymising keeps: those of the API, of its tokens and of the tools that record traffic.

AWS or a standard publishes all of them. Everything else is replaced. Names are compared in lower case, as
CloudTrail writes members with a small first letter and Athena in lower case.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Final

from authfsm.protocol.api_requests import REDACTED_VALUES
from authfsm.protocol.error_policy import ERROR_POLICY, RecoveryAction
from authfsm.protocol.replies import CHALLENGE_OF
from authfsm.protocol.responses import RESPONSES
from authfsm.protocol.states import CHALLENGES, State
from authfsm.protocol.table import Role


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_MODEL: Final[dict[str, dict[str, list[str]]]] = json.loads(
    files(__package__).joinpath("vocabulary.json").read_bytes()
)

OPERATIONS: Final = frozenset(_MODEL["operations"])
ERRORS: Final = frozenset(_MODEL["errors"]) | frozenset(ERROR_POLICY) | _set("""
    SerializationException UnknownOperationException SignatureDoesNotMatch InvalidSignatureException
    ConnectTimeoutError ReadTimeoutError EndpointConnectionError ConnectionClosedError ProxyConnectionError SSLError
    ClientError TimeoutError ConnectionLost
""")  # fmt: skip
STATES: Final = frozenset(each.value for each in State)

# The keys of AuthParameters, ChallengeParameters and ChallengeResponses.
PARAMETERS: Final = _set("""
    USERNAME PASSWORD NEW_PASSWORD SRP_A SRP_B SALT SECRET_BLOCK SECRET_HASH USER_ID_FOR_SRP DEVICE_KEY
    DEVICE_GROUP_KEY REFRESH_TOKEN CHALLENGE_NAME PREFERRED_CHALLENGE ANSWER SMS_MFA_CODE SMS_OTP_CODE
    EMAIL_OTP_CODE SOFTWARE_TOKEN_MFA_CODE PASSWORD_CLAIM_SECRET_BLOCK PASSWORD_CLAIM_SIGNATURE TIMESTAMP
    CREDENTIAL CREDENTIAL_REQUEST_OPTIONS CODE_DELIVERY_DELIVERY_MEDIUM CODE_DELIVERY_DESTINATION
    FRIENDLY_DEVICE_NAME MFAS_CAN_SETUP MFAS_CAN_CHOOSE MFAS_CAN_SELECT SESSION EMAIL PHONE_NUMBER
    requiredAttributes userAttributes ACCESS_TOKEN TARGET_ACR_VALUES MAX_AGE AUTH_FLOW
""")  # fmt: skip

# The standard attributes (OpenID Connect Core 1.0, 5.1), and the claims of Cognito's tokens.
ATTRIBUTES: Final = _set("""
    address birthdate email email_verified family_name gender given_name locale middle_name name nickname
    phone_number phone_number_verified picture preferred_username profile sub updated_at website zoneinfo
    identities cognito:user_status cognito:mfa_enabled cognito:username cognito:groups cognito:roles
    cognito:preferred_role cognito:phone_number_alias cognito:email_alias cognito:deviceName
""")  # fmt: skip
CLAIMS: Final = _set("""
    iss aud exp iat nbf auth_time jti origin_jti event_id token_use scope client_id username device_key version
    at_hash nonce kid alg typ cty enc zip acr amr azp kty use n e keys userId providerName providerType issuer
    primary dateCreated
""")  # fmt: skip

# CloudTrail events (AWS, "CloudTrail record contents"), and what EventBridge and lookup-events put around them.
EVENTS: Final = _set("""
    Records eventVersion userIdentity type principalId eventTime eventSource eventName awsRegion sourceIPAddress
    userAgent requestParameters responseElements additionalEventData requestID eventID readOnly eventType
    managementEvent eventCategory recipientAccountId errorCode errorMessage apiVersion tlsDetails tlsVersion
    cipherSuite clientProvidedHostHeader sessionCredentialFromConsole invokedBy accessKeyId sessionContext
    sessionIssuer webIdFederationData attributes creationDate mfaAuthenticated sharedEventID resources arn
    accountId id detail-type source account time region detail Events EventName EventTime CloudTrailEvent
    serviceEventDetails credential_id
""")  # fmt: skip

# WebAuthn Level 3, 5.4 to 5.8, in JSON.
PASSKEYS: Final = _set("""
    challenge timeout rpId rp allowCredentials excludeCredentials userVerification hints extensions transports
    pubKeyCredParams attestation authenticatorSelection residentKey requireResidentKey authenticatorAttachment
    user displayName rawId response clientDataJSON authenticatorData signature userHandle attestationObject
    clientExtensionResults origin crossOrigin publicKey publicKeyAlgorithm
""")  # fmt: skip

HEADERS: Final = _set("""
    accept accept-encoding accept-language access-control-allow-headers access-control-allow-methods
    access-control-allow-origin access-control-expose-headers access-control-max-age amz-sdk-invocation-id
    amz-sdk-request authorization cache-control connection content-encoding content-length content-type cookie
    date etag expect host location origin pragma referer retry-after sec-ch-ua sec-ch-ua-mobile
    sec-ch-ua-platform sec-fetch-dest sec-fetch-mode sec-fetch-site server set-cookie strict-transport-security
    te transfer-encoding user-agent vary via x-amz-apigw-id x-amz-cf-id x-amz-cf-pop x-amz-content-sha256
    x-amz-date x-amz-security-token x-amz-target x-amz-user-agent x-amzn-errormessage x-amzn-errortype
    x-amzn-requestid x-amzn-trace-id x-cache x-content-type-options x-frame-options x-xss-protection
    :authority :method :path :scheme :status
""")  # fmt: skip

# HAR 1.2, botocore's logs and replies, the objects of the SDKs, and this package's recorders and histories.
TOOLS: Final = _set("""
    log version creator browser pages entries comment startedDateTime time request response method url
    httpVersion cookies headers queryString postData headersSize bodySize mimeType params text status statusText
    content redirectURL size compression encoding cache timings blocked dns connect send wait receive ssl
    serverIPAddress pageref path domain expires httpOnly secure sameSite value name title id pageTimings
    onContentLoad onLoad _initiator _priority _resourceType _fromCache _transferSize
    ResponseMetadata RequestId HTTPStatusCode HTTPHeaders RetryAttempts MaxAttemptsReached Error Code Message
    __type message code url_path query_string body context client_region client_config has_streaming_input
    auth_type operation_name service $metadata httpStatusCode requestId extendedRequestId cfId attempts
    totalRetryDelay $fault $service $response statusCode stack
    sign_in step from given under to role error action lost at seconds session
    pool client users dryRun
    UserPool UserPoolClient MfaConfig payload operation kind reply
    privateChallengeParameters publicChallengeParameters challengeMetadata challengeAnswer challengeResult
    answerCorrect issueTokens failAuthentication userNotFound clientMetadata validationData triggerSource
    callerContext awsSdkVersion userName userPoolId autoConfirmUser autoVerifyEmail autoVerifyPhone
    finalUserStatus messageAction desiredDeliveryMediums forceAliasCreation claimsOverrideDetails
    grant_type redirect_uri response_type state code_challenge code_challenge_method code_verifier access_token
    id_token refresh_token expires_in token_type client_secret identity_provider idp_identifier error_description
    logout_uri secret algorithm digits period
""")  # fmt: skip

_TYPES: Final = {name.lower(): frozenset(kinds) for name, kinds in _MODEL["types"].items()}
COGNITO: Final = frozenset(_TYPES) | {each.lower() for each in PARAMETERS | OPERATIONS}
"""The names that only captured Cognito traffic has, in lower case."""

NAMES: Final = COGNITO | {each.lower() for each in ATTRIBUTES | CLAIMS | EVENTS | PASSKEYS | HEADERS | TOOLS}
"""All keys that stay, in lower case."""

PREFIXES: Final = ("custom:", "dev:custom:", "userAttributes.", "cognito:")
"""The beginnings of keys that stay before a name that is replaced."""

NAMED: Final = _set("""
    attributename name aliasattributes readattributes writeattributes userattributenames attributestoget
    requiredattributes usernameattributes autoverifiedattributes attributesrequireverificationbeforeupdate
""")  # fmt: skip
"""The keys whose values are names of attributes or headers."""

SECRET: Final = _set("""
    password new_password previouspassword proposedpassword temporarypassword clientsecret client_secret
    clientsecretvalue answer challengeanswer secret
""")  # fmt: skip
"""The keys of secrets, of which only the length stays."""

ERROR_CODES: Final = frozenset({"error", "code", "__type", "errorcode", "x-amzn-errortype"})
"""The keys of error codes."""

AGENTS: Final = frozenset({"useragent", "user-agent", "x-amz-user-agent"})
"""The keys of user agents."""

MAPS: Final = frozenset({"authparameters", "challengeparameters", "challengeresponses"})
"""The keys of maps in which only the keys in `PARAMETERS` mean something."""

FOREIGN: Final = _set("""
    clientmetadata userpooltags tags privatechallengeparameters publicchallengeparameters validationdata
    providerdetails
""")
"""The keys of maps with keys of the customer's own, in which no value stays."""

MESSAGES: Final = frozenset({"message", "errormessage", "x-amzn-errormessage", "error_description"})
"""The keys of error messages."""

TIMES: Final = frozenset(name for name, kinds in _TYPES.items() if "timestamp" in kinds) | {
    "exp", "iat", "nbf", "auth_time", "updated_at", "eventtime", "datecreated", "x-amz-date", "time",
}  # fmt: skip
"""The keys of times as numbers."""

_USER_COUNTS: Final = _set("estimatednumberofusers importedusers skippedusers failedusers")
_COUNTS: Final = {name for name, kinds in _TYPES.items() if kinds & {"integer", "long"}} - _USER_COUNTS
NUMBERS: Final = _COUNTS | _set("""
    httpstatuscode statuscode status retryattempts attempts totalretrydelay timeout alg headerssize bodysize size
    compression blocked dns connect send wait receive ssl oncontentload onload expires_in version step seconds max_age
    :status digits period publickeyalgorithm
""")  # fmt: skip
"""The keys of numbers that stay."""

NUMERALS: Final = _set("""
    minlength maxlength minvalue maxvalue content-length retry-after eventversion expiresin httpversion max_age
    access-control-max-age version apiversion :status
""")  # fmt: skip
"""The keys of texts that stay if they are a short number."""

_VALUES: Final = {name: frozenset(values) for name, values in _MODEL["values"].items()}
_CHALLENGES: Final = frozenset(CHALLENGES) | _VALUES["ChallengeName"] | {"SRP_A"}
_TARGETS: Final = (f"AWSCognitoIdentityProviderService.{each}" for each in OPERATIONS)
_MIME: Final = _set("""
    application/x-amz-json-1.1 application/x-amz-json-1.0 application/json text/plain text/html
    application/json;charset=UTF-8 application/x-www-form-urlencoded
""") | {"application/json; charset=utf-8", "application/x-amz-json-1.1; charset=utf-8"}
SCOPES: Final = _set("aws.cognito.signin.user.admin openid email phone profile offline_access")

_BY_HAND: Final[dict[str, Iterable[str]]] = {
    # keys: the values that stay
    "challengename challenge_name preferred_challenge availablechallenges answer mfas_can_setup mfas_can_choose"
    " mfas_can_select usermfasettinglist preferredmfasetting": _CHALLENGES,
    "auth_flow": _VALUES["AuthFlow"], "cognito:user_status": _VALUES["UserStatus"],
    "code_delivery_delivery_medium deliverymedium": _set("SMS EMAIL"),
    "error code __type errorcode lost name x-amzn-errortype": ERRORS,
    "eventname operation_name operation": OPERATIONS, "x-amz-target": _TARGETS,
    "eventsource": _set("cognito-idp.amazonaws.com"), "source": _set("aws.cognito-idp"),
    "detail-type": ("AWS API Call via CloudTrail", "AWS Service Event via CloudTrail"),
    "eventtype": _set("AwsApiCall AwsServiceEvent AwsConsoleSignIn"),
    "eventcategory": _set("Management Data"), "principalid": _set("Anonymous"),
    "type": _set("""
        Unknown IAMUser AssumedRole Root AWSService AWSAccount FederatedUser Role public-key webauthn.get
        webauthn.create SMS EMAIL TOTP
    """),
    "from to": STATES, "given": RESPONSES, "under": STATES | frozenset(RESPONSES),
    "role": map(str, Role), "action": map(str, RecoveryAction),
    "tokentype token_type": _set("Bearer"), "token_use": _set("access id refresh"),
    "alg": _set("RS256 RS512 ES256 HS256 RSA-OAEP RSA-OAEP-256"), "enc": _set("A256GCM A128GCM"),
    "typ": _set("JWT at+jwt"), "cty": _set("JWT"), "kty": _set("RSA EC"), "use": _set("sig enc"),
    "zip": _set("DEF"), "algorithm": _set("SHA1"), "$fault": _set("client server"),
    "method :method": _set("GET POST PUT DELETE OPTIONS HEAD PATCH CONNECT"), ":scheme": _set("https http"),
    "mimetype content-type": _MIME, "accept": _MIME | {"*/*"}, "encoding": _set("base64"),
    "httpversion": _set("HTTP/1.1 HTTP/2 HTTP/2.0 HTTP/3 h2 h3"),
    "connection": _set("keep-alive close Keep-Alive"), "transfer-encoding": _set("chunked"),
    "accept-encoding": ("identity", "gzip", "gzip, deflate", "gzip, deflate, br"),
    "content-encoding": _set("gzip br"), "transports": _set("usb nfc ble smart-card hybrid internal"),
    "userverification": _set("required preferred discouraged"), "response_type": _set("code token"),
    "grant_type": _set("authorization_code refresh_token client_credentials password"),
    "code_challenge_method": _set("S256 plain"), "allowedoauthscopes": SCOPES,
    "identityprovider": _set("COGNITO"), "service": _set("cognito-idp"), "auth_type": _set("none v4"),
    "supportedidentityproviders": _set("COGNITO Facebook Google LoginWithAmazon SignInWithApple"),
    "tlsversion": _set("TLSv1.2 TLSv1.3"), "lambdaversion": _set("V1_0 V2_0 V3_0"),
}  # fmt: skip
_LISTED: Final = {key: frozenset(words) for keys, words in _BY_HAND.items() for key in keys.split()}
_OF_MODEL: Final = {name.lower(): words for name, words in _VALUES.items()}
WORDS: Final[dict[str, frozenset[str]]] = {
    key: _OF_MODEL.get(key, frozenset()) | _LISTED.get(key, frozenset()) for key in _OF_MODEL | _LISTED
}
"""The values that stay, by key in lower case."""

CODES: Final = (
    OPERATIONS | ERRORS | frozenset(each for each in _CHALLENGES | PARAMETERS if "_" in each)
    | _VALUES["AuthFlow"] | _VALUES["ExplicitAuthFlows"]
    | frozenset(each for each in ATTRIBUTES if "_" in each)
    | frozenset(kind.__name__ for kind in CHALLENGE_OF.values())
    | _set("""
        PreSignUp PreAuthentication PreTokenGeneration UserMigration CustomMessage PostAuthentication
        PostConfirmation DefineAuthChallenge CreateAuthChallenge VerifyAuthChallengeResponse AuthParameters
        ChallengeName ChallengeResponses AccessToken Lambda Cognito
    """)
)  # fmt: skip
"""The words that stay in running text: they cannot be anybody's name."""

LOG: Final = CODES | _set("""
    DEBUG INFO WARNING WARN ERROR TRACE botocore botocore.endpoint botocore.hooks botocore.parsers
    botocore.httpsession botocore.regions botocore.auth botocore.retryhandler botocore.retries boto3 urllib3
    urllib3.connectionpool botocore.client botocore.loaders botocore.utils botocore.credentials aiobotocore
    Making Sending request Request for OperationModel with params http Response response headers body Event
    calling handler function parsed Retry needed No action of at and Calling endpoint provider parameters name
    None True False null true undefined datetime.datetime tzutc tzlocal AWSPreparedRequest AWSRequest
    stream_output method url HTTP/1.1 HTTP/2 HTTP/1.0 Host SignedHeaders Credential Signature AWS4-HMAC-SHA256
    Bearer Basic aws4_request cognito-idp cognito-identity-provider Object Promise InitiateAuthResult
    InitiateAuthResponse RespondToAuthChallengeResult RespondToAuthChallengeResponse exception exceptions
    Traceback errorfactory botocore.errorfactory botocore.exceptions.ClientError Connected to OK Bad Connection
    POST GET curl
""")  # fmt: skip
"""The words that stay in log lines."""

AGENT: Final = _set("""
    Mozilla/5.0 AppleWebKit/537.36 Safari/537.36 (KHTML like Gecko Windows NT 10.0 Win64 x64 Macintosh Intel Mac OS
    X Linux x86_64 iPhone Android Mobile KHTML CPU aws-sdk aws-cli amplify
""")  # fmt: skip
"""The words that stay in user agents: those of common browsers."""

PRODUCT: Final = re.compile(
    r"(?:Boto3|Botocore|aiobotocore|aws-cli|aws-sdk-[a-z]+|amplify-[a-z]+|Chrome|Firefox|Safari|Gecko|Version|curl)"
    r"/\d{1,3}(?:\.\d{1,4}){0,3}",
    re.ASCII,
)
"""A product with its version in a user agent."""

REASONS: Final = frozenset({
    "OK", "Bad Request", "Forbidden", "Not Found", "Too Many Requests", "Internal Server Error", "Bad Gateway",
    "Service Unavailable", "No Content",
})  # fmt: skip
"""The reason phrases of HTTP."""

REGION: Final = re.compile(
    r"(?:af|ap|ca|cn|eu|il|me|mx|sa|us|us-gov)-(?:central|north|south|east|west|northeast|northwest|southeast|southwest)-[1-9]"
)
_NUMERAL: Final = re.compile(r"(?:HTTP/)?\d{1,4}(?:\.\d{1,3}){0,2}", re.ASCII)
_MASK: Final = re.compile(r"[*.…•█]+")
_REGIONS: Final = frozenset(
    {"awsregion", "region", "regionname", "client_region", "snsregion", "secondaryregion"}
)


@cache
def is_name(name: str) -> bool:
    """Return whether a key stays."""
    return name.lower() in NAMES


def stays(key: str, value: str) -> bool:
    """Return whether a value stays under a key, which is in lower case."""
    if _MASK.fullmatch(value) or value in REDACTED_VALUES:
        return True
    if value in WORDS.get(key, ()):
        return True
    if key in SECRET:
        return False
    if value.lower() in {"true", "false"}:
        return True
    if key in NUMERALS or key in NUMBERS:
        return _NUMERAL.fullmatch(value) is not None
    return key in _REGIONS and REGION.fullmatch(value) is not None
