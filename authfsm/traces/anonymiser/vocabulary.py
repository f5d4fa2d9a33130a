"""The words that anonymising keeps: those of the API, of its tokens and of the tools that record traffic.

AWS or a standard publishes all of them. Everything else is replaced. Names are compared in lower case, because
CloudTrail begins members with a small letter and Athena uses only small letters. `vocabulary.json` has the names in
botocore's model of the API; `words.txt` has words that other sources publish, and known messages.
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


_MODEL: Final[dict[str, dict[str, list[str]]]] = json.loads(files(__package__).joinpath("vocabulary.json").read_bytes())
_SECTIONS: Final = re.split(r"(?m)^\[(.+)\]\n#.*$", files(__package__).joinpath("words.txt").read_text("utf-8"))
_TEXTS: Final = dict(zip(_SECTIONS[1::2], _SECTIONS[2::2], strict=True))
_WORDS: Final = {name: frozenset(text.split()) for name, text in _TEXTS.items()}
KNOWN_MESSAGES: Final = tuple(_TEXTS["messages"].strip().splitlines())
"""Messages of AWS that are not in `authfsm.local.config.error_templates`; their variable parts are in braces."""
PHRASES: Final = tuple(_TEXTS["phrases"].strip().splitlines())
"""Parts of messages that say what is wrong with a value."""

OPERATIONS: Final = frozenset(_MODEL["operations"])
ERRORS: Final = frozenset(_MODEL["errors"]) | frozenset(ERROR_POLICY) | _WORDS["other errors"]
STATES: Final = frozenset(each.value for each in State)

PARAMETERS: Final = _WORDS["parameters"]

_TYPES: Final = {name.lower(): frozenset(kinds) for name, kinds in _MODEL["types"].items()}
COGNITO: Final = frozenset(_TYPES) | {each.lower() for each in PARAMETERS | OPERATIONS}
"""The names of Cognito's API, in lower case: they show that a text is captured Cognito traffic."""

NAMES: Final = COGNITO | {
    each.lower() for name in ("attributes", "claims", "events", "passkeys", "headers", "tools") for each in _WORDS[name]
}
"""All keys that stay, in lower case."""

PREFIXES: Final = ("custom:", "dev:custom:", "userAttributes.", "cognito:")
"""The beginnings of keys that stay before a name that is replaced."""

KEYS_OF_NAMES: Final = _WORDS["keys of names"]
"""The keys whose values are names of attributes or headers."""

KEYS_OF_SECRETS: Final = _WORDS["keys of secrets"]
"""The keys of secrets. Only the length of a secret stays, and whether it is a number."""

ERROR_CODES: Final = frozenset({"error", "code", "__type", "errorcode", "x-amzn-errortype"})
"""The keys of error codes."""

AGENTS: Final = frozenset({"useragent", "user-agent", "x-amz-user-agent"})
"""The keys of user agents."""

MAPS: Final = frozenset({"authparameters", "challengeparameters", "challengeresponses"})
"""The keys of maps in which only the keys in `PARAMETERS` mean something."""

CUSTOMER_MAPS: Final = _WORDS["customer maps"]
"""The keys of maps whose keys the customer chooses. No value in them stays, except true, false, null and masks."""

MESSAGES: Final = frozenset({"message", "errormessage", "x-amzn-errormessage", "error_description"})
"""The keys of error messages."""

TIMES: Final = frozenset(name for name, kinds in _TYPES.items() if "timestamp" in kinds) | {
    "exp", "iat", "nbf", "auth_time", "updated_at", "eventtime", "datecreated", "x-amz-date", "time",
}  # fmt: skip
"""The keys of times as numbers."""

_USER_COUNTS: Final = _set("estimatednumberofusers importedusers skippedusers failedusers")
_COUNTS: Final = {name for name, kinds in _TYPES.items() if kinds & {"integer", "long"}} - _USER_COUNTS
NUMBERS: Final = _COUNTS | _WORDS["numbers"]
"""The keys of numbers that stay."""

NUMBERS_AS_TEXT: Final = _WORDS["numbers as text"]
"""The keys of texts that stay if they are a short number."""

_VALUES: Final = {name: frozenset(values) for name, values in _MODEL["values"].items()}
_CHALLENGES: Final = frozenset(CHALLENGES) | _VALUES["ChallengeName"] | {"SRP_A"}
_TARGETS: Final = (f"AWSCognitoIdentityProviderService.{each}" for each in OPERATIONS)
_MIME: Final = _set("""
    application/x-amz-json-1.1 application/x-amz-json-1.0 application/json text/plain text/html
    application/json;charset=UTF-8 application/x-www-form-urlencoded
""") | {"application/json; charset=utf-8", "application/x-amz-json-1.1; charset=utf-8"}
SCOPES: Final = _set("aws.cognito.signin.user.admin openid email phone profile offline_access")

_OTHER_VALUES: Final[dict[str, Iterable[str]]] = {
    # keys: the values that stay, beside those in botocore's model
    "challengename preferred_challenge availablechallenges answer mfas_can_setup mfas_can_choose"
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
    "from to": STATES, "response": RESPONSES, "challenge_name": _CHALLENGES | STATES | frozenset(RESPONSES),
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
_OTHERS: Final = {key: frozenset(words) for keys, words in _OTHER_VALUES.items() for key in keys.split()}
_BY_MODEL: Final = {name.lower(): words for name, words in _VALUES.items()}
WORDS: Final[dict[str, frozenset[str]]] = {
    key: _BY_MODEL.get(key, frozenset()) | _OTHERS.get(key, frozenset()) for key in _BY_MODEL | _OTHERS
}
"""The values that stay, by key in lower case."""

CODES: Final = (
    OPERATIONS | ERRORS | frozenset(each for each in _CHALLENGES | PARAMETERS if "_" in each)
    | _VALUES["AuthFlow"] | _VALUES["ExplicitAuthFlows"]
    | frozenset(each for each in _WORDS["attributes"] if "_" in each)
    | frozenset(kind.__name__ for kind in CHALLENGE_OF.values())
    | _WORDS["other codes"]
)  # fmt: skip
"""The words that stay in running text, because they cannot be the name of a person."""

LOG: Final = CODES | _WORDS["log"]
"""The words that stay in log lines."""

AGENT: Final = _WORDS["agent"]
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
_REGIONS: Final = frozenset({"awsregion", "region", "regionname", "client_region", "snsregion", "secondaryregion"})


@cache
def is_name(name: str) -> bool:
    """Return whether a key stays."""
    return name.lower() in NAMES


def stays(key: str, value: str) -> bool:
    """Return whether a value stays under a key, which is in lower case."""
    if _MASK.fullmatch(value) or value in REDACTED_VALUES or value in WORDS.get(key, ()):
        return True
    if key in KEYS_OF_SECRETS:
        return False
    if value.lower() in {"true", "false"}:
        return True
    if key in NUMBERS_AS_TEXT or key in NUMBERS:
        return _NUMERAL.fullmatch(value) is not None
    return key in _REGIONS and REGION.fullmatch(value) is not None
