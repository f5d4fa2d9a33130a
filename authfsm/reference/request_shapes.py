"""The parameters of each challenge and of each request, read from the code that parses and writes them.

The parser of a challenge runs with a mapping that records the names that the parser reads. The writer of a request runs
several times with placeholders: with and without a client secret, a device and optional fields. The differences between
the requests show when each parameter is sent.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import Any, Final, NamedTuple

from attrs import NOTHING, Attribute, define, evolve, fields, frozen

from authfsm.base.secret import Secret
from authfsm.core.device import Device
from authfsm.core.wire_replies import READERS, SESSION_OPTIONAL
from authfsm.core.wire_requests import WRITERS, Request, RequestContext
from authfsm.protocol import links
from authfsm.protocol.errors import BadField, MalformedReply
from authfsm.protocol.replies import CHALLENGE_OF, Tokens
from authfsm.protocol.responses import Response
from authfsm.protocol.states import DEVICE_STATES, State

_NAMING: Final = ("AuthFlow", "ChallengeName")
_HEX_AND_BASE64: Final = "abcd"

OTHER_SPELLING: Final = "if the reply has this spelling"
"""`Parameter.when` of a name that the parser reads only if the usual name is missing."""


@frozen
class Parameter:
    """One parameter of a challenge or of a request."""

    name: str  # in the API
    within: str = ""  # the map that has it, for example `AuthParameters`; "" for the request itself
    when: str = ""  # when the parameter is present; "" for always
    value: str = ""  # its value, if that is always the same
    about: str = ""  # a description


@frozen
class RequestShape:
    """The operation and parameters of a request."""

    operation: str
    parameters: tuple[Parameter, ...]

    @property
    def page(self) -> str:
        """The address of AWS's page about the operation."""
        return links.reference(self.operation)

    @property
    def flow_or_challenge(self) -> str:
        """The AuthFlow or ChallengeName of the request, if that is always the same; otherwise ""."""
        return next((each.value for each in self.parameters if each.name in _NAMING), "")

    @property
    def always_sent(self) -> tuple[str, ...]:
        """The parameters that are always present, except ids and the flow or challenge. Members of maps come first."""
        others = {*_NAMING, "ClientId", "UserPoolId"}
        present = [each for each in self.parameters if not each.when and each.name not in others]
        return tuple(each.name for each in sorted(present, key=lambda each: not each.within))


class Docstring(NamedTuple):
    """The parts of a class's docstring."""

    summary: str
    fields: dict[str, str]


def parse_docstring(kind: type) -> Docstring:
    """Return the parts of a class's docstring; the fields include those that its base classes describe."""
    summary, _, rest = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")
    _, _, block = rest.partition("Args:\n")
    found: dict[str, str] = {}
    name = ""
    for line in block.split("\n\n")[0].splitlines():
        start = re.match(r" {4}(\w+): (.*)", line)
        if start:
            name = start[1]
        if name:
            found[name] = f"{found.get(name, '')} {start[2] if start else line.strip()}".strip()
    return Docstring(" ".join(summary.split()), found)


def _description_of(name: str, descriptions: Mapping[str, str]) -> str:
    """Return the description that starts with a parameter's name, without the name, or else one that contains it."""
    texts = descriptions.values()
    own = [text for text in texts if text.startswith(name)] or [t for t in texts if name in t]
    return re.sub(rf"^`?{re.escape(name.strip('`'))}`?[:,.]? *", "", own[0]) if own else ""


class _RecordingParameters(dict[str, str]):
    """Challenge parameters that record which names the parser reads."""

    def __init__(self) -> None:
        super().__init__()
        self.read: dict[str, None] = {}

    def get(self, key: str, default: Any = None) -> Any:
        self.read[key] = None
        return super().get(key, default)


@cache
def challenge_parameters(state: State) -> tuple[Parameter, ...]:
    """Return the parameters of a state's challenge, the required ones first."""
    if state not in READERS:
        return ()
    required = _RecordingParameters()
    while True:
        try:
            READERS[state](required)
            break
        except MalformedReply as error:
            name = error.why.removesuffix(" is missing").rpartition(" ")[2]
            if name not in required.read or name in required:
                raise
            required[name] = _HEX_AND_BASE64
    descriptions = parse_docstring(CHALLENGE_OF[state]).fields
    usual = dict.fromkeys(_usual_spellings(state, tuple(required.read)), "not always")
    when = dict.fromkeys(required.read, OTHER_SPELLING) | usual | dict.fromkeys(required, "")
    return tuple(
        Parameter(name, "ChallengeParameters", when[name], about=_description_of(name, descriptions))
        for name in sorted(required.read, key=lambda name: name not in required)
    )


def _usual_spellings(state: State, names: Iterable[str]) -> set[str]:
    """Return the usual spellings of names. If all names are present, the parser reads only these."""
    found: set[str] = set()
    # A parser stops at a value that it cannot parse, so several values are tried.
    for value in (_HEX_AND_BASE64, '["x"]', '{"x": "y"}'):
        parameters = _RecordingParameters()
        parameters.update(dict.fromkeys(names, value))
        with suppress(MalformedReply):
            READERS[state](parameters)
        found |= parameters.read.keys()
    return found


_MAPS: Final = ("AuthParameters", "ChallengeResponses", "DeviceSecretVerifierConfig")
_SESSION: Final = Secret("<session>")
_DEVICE: Final = Device("<device key>", "<device group key>", Secret("<device password>"))
_TOKENS: Final = Tokens(access_token=Secret("<access token>"), refresh_token=Secret("<refresh token>"))
_VALUES: Final = {"code": "000000", "email": "<e-mail@address>", "preferred_challenge": "SMS_OTP"}
"""Valid values of the fields that accept only certain texts."""


@define(slots=False)
class _PlaceholderContext(RequestContext):
    """A sign-in with placeholders; it has no client secret, device or tokens unless they are passed."""

    client_secret: Secret[str] | None = None
    device: Device | None = None
    tokens: Tokens | None = None
    client_id: str = "<client id>"
    pool_id: str | None = "<pool id>"
    admin: bool = False
    username: str | None = "<username>"
    session: Secret[str] | None = _SESSION
    challenge_name: str | None = "<challenge name>"


# Parameters that are not fields of a response, or are fields with another name.
_DESCRIPTIONS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("EMAIL_OTP_CODE", "SMS_OTP_CODE", "SMS_MFA_CODE", "SOFTWARE_TOKEN_MFA_CODE"), "the code."),
    "ClientId": "the app client.",
    "UserPoolId": "the user pool.",
    "Session": "the newest session, unchanged.",
    "USERNAME": "the user's name; USER_ID_FOR_SRP if the challenge had that parameter.",
    "SECRET_HASH": "HMAC-SHA256 of the user's name and the client id, with the client's secret as key.",
    "ClientSecret": "the app client's secret.",
    "DEVICE_KEY": "the device's key.",
    "NEW_PASSWORD": "the new password.",
    "userAttributes.<name>": "a required attribute.",
    "UserCode": "the app's six digits.",
    "AccessToken": "the access token.",
    "Token": "the refresh token.",
    "DeviceRememberedStatus": "remembered, or not_remembered.",
    "CHALLENGE_NAME": "the proof with which CUSTOM_AUTH starts.",
}


def request_shape(state: State, response: type[Response], *, admin: bool = False) -> RequestShape:
    """Return the request that carries a response in a state; raise KeyError if the state never accepts it."""
    context = _PlaceholderContext(
        admin=admin or state is State.ADMIN_NO_SRP_AUTH,  # only administrators' flows lead there
        tokens=_TOKENS if state is State.AUTHENTICATED else None,
        session=None if state in SESSION_OPTIONAL else _SESSION,
        # Cognito issues the device challenges to a remembered device only.
        device=_DEVICE if state in DEVICE_STATES else None,
    )
    shortest = _write(state, response, context, complete=False)
    found = dict(_parameters(shortest, response))
    for when, other, complete in (
        ("if the challenge had one", evolve(context, session=_SESSION), False),
        ("if the app client has a secret", evolve(context, client_secret=Secret("<client secret>")), False),
        ("on a remembered device", evolve(context, device=_DEVICE), False),
        ("optional", context, True),
    ):
        request = _write(state, response, other, complete=complete)
        for key, each in _parameters(request, response):
            found.setdefault(key, evolve(each, when=when))
    order = sorted(found, key=lambda key: ("", *_MAPS).index(key[0]))
    return RequestShape(shortest.operation, tuple(found[key] for key in order))


def _write(state: State, response: type[Response], context: RequestContext, *, complete: bool) -> Request:
    """Return the request with all optional fields or, if not `complete`, with as few as its writer accepts."""
    optional = [each.name for each in fields(response) if each.default is not NOTHING]
    if complete:
        return WRITERS[state, response](_with_placeholders(response, optional), context)
    for names in ([], *([name] for name in optional)):
        with suppress(BadField):
            return WRITERS[state, response](_with_placeholders(response, names), context)
    raise KeyError((state, response))  # pragma: no cover -- no writer needs two optional fields


def _with_placeholders(response: type[Response], optional: list[str]) -> Response:
    values = {
        each.name: _placeholder(each) for each in fields(response) if each.default is NOTHING or each.name in optional
    }
    try:
        return response(**values)
    except BadField as error:  # the field accepts only digits, an address or hexadecimal text
        return response(**{**values, error.field: _VALUES.get(error.field, _HEX_AND_BASE64)})


def _placeholder(attribute: Attribute[Any]) -> Any:
    kind, name = str(attribute.type), attribute.name.replace("_", " ")
    if "Mapping" in kind:
        return {f"<{name}>": f"<{name}>"}
    if "tuple" in kind:
        return (f"<{name}>",)
    if "bool" in kind:
        return attribute.default if attribute.default is not NOTHING else True
    return 0 if "int" in kind else f"<{name}>"


def _parameters(request: Request, response: type[Response]) -> Iterator[tuple[tuple[str, str], Parameter]]:
    descriptions = parse_docstring(response).fields
    for name, value in request.reveal().items():
        within, members = (name, value) if name in _MAPS else ("", {name: value})
        for inner, each in members.items():
            yield (within, inner), _parameter(inner, within, each, descriptions)


def _parameter(name: str, within: str, value: Any, descriptions: Mapping[str, str]) -> Parameter:
    varies = (
        not isinstance(value, str)
        or "<" in value
        or value in {_HEX_AND_BASE64, _VALUES["code"], _VALUES["email"]}
        or name in {"SECRET_HASH", "MAX_AGE", "DeviceRememberedStatus", *map(str.upper, descriptions)}
    )
    fixed = "" if varies else value
    name = "userAttributes.<name>" if name.startswith("userAttributes.") else name
    by_name = {key.replace("_", "").lower(): text for key, text in descriptions.items()}
    own = by_name.get(name.replace("_", "").lower(), "") or _description_of(f"`{name}`", descriptions)
    return Parameter(name, within, "", fixed, own or ("" if fixed else _DESCRIPTIONS.get(name, "")))
