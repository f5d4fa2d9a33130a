"""What a challenge carries and what a request takes, asked of the codecs themselves.

The reader of a challenge is given an empty one, and says what it looks for and what it misses. The
writer of a request is given placeholders, with and without a client secret, a device and what may be
left out: what comes and goes tells when each parameter is sent.
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
from authfsm.core.wire_replies import READERS, WITHOUT_SESSION
from authfsm.core.wire_requests import WRITERS, Request, Sender
from authfsm.protocol import links
from authfsm.protocol.errors import BadField, MalformedReply
from authfsm.protocol.replies import CHALLENGE_OF, Tokens
from authfsm.protocol.responses import Response
from authfsm.protocol.states import DEVICE_STATES, State

_NAMING: Final = ("AuthFlow", "ChallengeName")
_IDS: Final = ("ClientId", "UserPoolId")
_BOTH: Final = "abcd"  # hexadecimal and base64 alike
_ODD: Final = {"code": "000000", "email": "<e-mail@address>"}


OTHER_SPELLING: Final = "where it is spelled so"
"""`Parameter.when` of a name that is read only where the usual one is missing."""


@frozen
class Parameter:
    """One parameter of a challenge or of a request.

    Args:
        name: as Cognito spells it.
        within: the map it stands in, as `AuthParameters`; "" for the request itself.
        when: when it is there; "" for always.
        value: what it says, where it always says the same.
        about: what it is.
    """

    name: str
    within: str = ""
    when: str = ""
    value: str = ""
    about: str = ""


@frozen
class RequestShape:
    """One request.

    Args:
        operation: as `InitiateAuth`.
        parameters: its parameters.
    """

    operation: str
    parameters: tuple[Parameter, ...]

    @property
    def page(self) -> str:
        """AWS's page about the operation."""
        return links.reference(self.operation)

    @property
    def under(self) -> str:
        """The flow or the challenge that it names, where it always names the same; "" otherwise."""
        named = (each.value for each in self.parameters if each.name in _NAMING)
        return next(named, "")

    @property
    def always(self) -> tuple[str, ...]:
        """What it always carries beside the ids and that name: the maps' members first."""
        challenge_parameters = [
            each for each in self.parameters if not each.when and each.name not in {*_NAMING, *_IDS}
        ]
        return tuple(
            each.name for each in sorted(challenge_parameters, key=lambda each: not each.within)
        )


# ---- challenges -----------------------------------------------------------------------------------------


class _Empty(dict[str, str]):
    """Parameters with nothing in them but what is missed, that write down what was looked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[str, None] = {}

    def get(self, key: str, default: Any = None) -> Any:
        self.asked[key] = None
        return super().get(key, default)


@cache
def challenge_parameters(state: State) -> tuple[Parameter, ...]:
    """The challenge parameters that are read in a state, those it cannot do without first."""
    if state not in READERS:
        return ()
    given = _Empty()
    while True:
        try:
            READERS[state](given)
            break
        except MalformedReply as lacking:
            name = str(lacking).removesuffix(" is missing").rpartition(" ")[2]
            if name not in given.asked or name in given:
                raise
            given[name] = _BOTH
    said, first = (
        parse_docstring(CHALLENGE_OF[state]).fields,
        _first_choices(state, tuple(given.asked)),
    )
    return tuple(
        Parameter(
            name,
            "ChallengeParameters",
            "" if name in given else "not always" if name in first else OTHER_SPELLING,
            "",
            _of(name, said),
        )
        for name in sorted(given.asked, key=lambda name: name not in given)
    )


def _first_choices(state: State, names: Iterable[str]) -> set[str]:
    """The parameters that are read where all are there: not the other spellings of one of them."""
    found: set[str] = set()
    for value in (_BOTH, '["x"]', '{"x": "y"}'):  # each is read as far as it makes sense
        given = _Empty()
        given.update(dict.fromkeys(names, value))
        with suppress(MalformedReply):
            READERS[state](given)
        found |= given.asked.keys()
    return found


def _of(name: str, said: Mapping[str, str]) -> str:
    own = [text for text in said.values() if text.startswith(name)]
    text = next(iter(own or [text for text in said.values() if name in text]), "")
    return re.sub(rf"^`?{re.escape(name.strip('`'))}`?[:,.]? *", "", text)


# ---- requests -------------------------------------------------------------------------------------------


_MAPS: Final = ("AuthParameters", "ChallengeResponses", "DeviceSecretVerifierConfig")
_SESSION: Final = Secret("<session>")


@define(slots=False)
class _Probe(Sender):
    """A sign-in that has everything it may need, but for what is said."""

    client_secret: Secret[str] | None = None
    device: Device | None = None
    tokens: Tokens | None = None
    client_id: str = "<client id>"
    pool_id: str | None = "<pool id>"
    admin: bool = False
    username: str | None = "<username>"
    session: Secret[str] | None = _SESSION
    challenge_name: str | None = "<challenge name>"


_SECRET: Final = Secret("<client secret>")
_DEVICE: Final = Device("<device key>", "<device group key>", Secret("<device password>"))
_TOKENS: Final = Tokens(
    access_token=Secret("<access token>"),
    refresh_token=Secret("<refresh token>"),
)

_GLOSSARY: Final[Mapping[str, str]] = {
    "ClientId": "the app client.",
    "UserPoolId": "the user pool.",
    "Session": "the newest, passed back as it came.",
    "USERNAME": "the user's name; of a challenge that told it, USER_ID_FOR_SRP.",
    "SECRET_HASH": "HMAC-SHA256 of that name and the client id, keyed with the client's secret.",
    "ClientSecret": "the app client's secret.",
    "DEVICE_KEY": "the device's key.",
    "NEW_PASSWORD": "the new password.",
    "userAttributes.<name>": "a required attribute.",
    "EMAIL_OTP_CODE": "the code.",
    "SMS_OTP_CODE": "the code.",
    "SMS_MFA_CODE": "the code.",
    "SOFTWARE_TOKEN_MFA_CODE": "the code.",
    "UserCode": "the app's six digits.",
    "AccessToken": "the access token.",
    "Token": "the refresh token.",
    "DeviceRememberedStatus": "remembered, or not_remembered.",
    "CHALLENGE_NAME": "the proof that goes first.",
}
"""What requests hold that is no field of a response, or is called otherwise there."""


def request_shape(state: State, response: type[Response], *, admin: bool = False) -> RequestShape:
    """Return the request that carries a response in a state.

    Args:
        state: where the sign-in stands.
        response: the response's class.
        admin: is an administrator signing somebody in?

    Raises:
        KeyError: the state does not take this response.
    """
    tokens = _TOKENS if state is State.AUTHENTICATED else None
    session = None if state in WITHOUT_SESSION else _SESSION
    # Only a remembered device is asked to prove itself.
    known = _Probe(
        admin=admin,
        tokens=tokens,
        session=session,
        device=_DEVICE if state in DEVICE_STATES else None,
    )
    plain = _written(state, response, known, whole=False)
    found = dict(_flat(plain, response))
    for when, sender, whole in (
        ("where the challenge brought one", evolve(known, session=_SESSION), False),
        ("where the app client has a secret", evolve(known, client_secret=_SECRET), False),
        ("on a remembered device", evolve(known, device=_DEVICE), False),
        ("if given", known, True),
    ):
        for key, each in _flat(_written(state, response, sender, whole=whole), response):
            found.setdefault(key, evolve(each, when=when))
    order = sorted(found, key=lambda key: ("", *_MAPS).index(key[0]))
    return RequestShape(plain.operation, tuple(found[key] for key in order))


def _written(state: State, response: type[Response], sender: Sender, *, whole: bool) -> Request:
    """What the writer makes of as little as it takes, or of as much."""
    optional = [each.name for each in fields(response) if each.default is not NOTHING]
    if whole:
        return WRITERS[state, response](_given(response, optional), sender)
    for names in ([], *([name] for name in optional)):
        with suppress(BadField):
            return WRITERS[state, response](_given(response, names), sender)
    raise KeyError((state, response))  # pragma: no cover -- no response needs two of them


def _given(response: type[Response], optional: list[str]) -> Response:
    values = {
        each.name: _placeholder(each)
        for each in fields(response)
        if each.default is NOTHING or each.name in optional
    }
    try:
        return response(**values)
    except BadField as odd:  # digits, an address or hexadecimal is asked for
        return response(**{**values, odd.field: _ODD.get(odd.field, _BOTH)})


def _placeholder(attribute: Attribute[Any]) -> Any:
    kind, name = str(attribute.type), attribute.name.replace("_", " ")
    if "Mapping" in kind:
        return {f"<{name}>": f"<{name}>"}
    if "tuple" in kind:
        return (f"<{name}>",)
    if "bool" in kind:
        return attribute.default if attribute.default is not NOTHING else True
    return 0 if "int" in kind else f"<{name}>"


def _flat(
    request: Request, response: type[Response]
) -> Iterator[tuple[tuple[str, str], Parameter]]:
    said = parse_docstring(response).fields
    for name, value in request.reveal().items():
        within, found = (name, value) if name in _MAPS else ("", {name: value})
        for inner, each in found.items():
            yield (within, inner), _parameter(inner, within, each, said)


def _parameter(name: str, within: str, value: Any, said: Mapping[str, str]) -> Parameter:
    placeholder = value in {_BOTH, *_ODD.values()} if isinstance(value, str) else True
    known = "" if placeholder or "<" in value else value
    if name in {"SECRET_HASH", "MAX_AGE", "DeviceRememberedStatus"}:
        known = ""
    name = "userAttributes.<name>" if name.startswith("userAttributes.") else name
    spelt = {key.replace("_", "").lower(): text for key, text in said.items()}
    own = spelt.get(name.replace("_", "").lower(), "") or _of(f"`{name}`", said)
    about = own or ("" if known else _GLOSSARY.get(name, ""))
    return Parameter(name, within, "", known, about)


class Doc(NamedTuple):
    """A docstring.

    Args:
        summary: its first paragraph.
        fields: what it says of each field.
    """

    summary: str
    fields: dict[str, str]


def parse_docstring(kind: type) -> Doc:
    """What a class says of itself, and what its bases say of the fields it has from them."""
    fields: dict[str, str] = {}
    for each in kind.__mro__:
        fields = {**_fields(each), **fields}
    summary = inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0]
    return Doc(" ".join(summary.split()), fields)


def _fields(kind: type) -> dict[str, str]:
    _, _, block = inspect.cleandoc(kind.__dict__.get("__doc__") or "").partition("Args:\n")
    found: dict[str, str] = {}
    name = ""
    for line in block.split("\n\n")[0].splitlines():
        begun = re.match(r" {4}(\w+): (.*)", line)
        if begun:
            name = begun[1]
        if name:
            found[name] = f"{found.get(name, '')} {begun[2] if begun else line.strip()}".strip()
    return found
