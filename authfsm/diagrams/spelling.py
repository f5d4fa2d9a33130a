"""How requests and replies are spelled: operations and names of parameters, read off the wire's own codecs.

Each writer is given a sample that no one ever sends, each reader a mapping that remembers what it was
asked for. So no name stands here that is not in `authfsm.wire`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from attrs import NOTHING, fields, frozen

from authfsm.device import Device
from authfsm.errors import MalformedReply
from authfsm.protocol.replies import NewDevice, Tokens
from authfsm.protocol.responses import (
    Code,
    RawAnswer,
    Response,
    SetUpEmail,
    StepUp,
    VerifySoftwareToken,
)
from authfsm.protocol.states import State
from authfsm.secret import Secret
from authfsm.wire.replies import READERS
from authfsm.wire.requests import Sender, write

TEXT: Final = "0abc"  # text, hexadecimal and base64 at once
_OTHERS: Final[Mapping[type[Response], Mapping[str, Any]]] = {
    StepUp: {"target_acr_values": (TEXT,)},
    RawAnswer: {"fields": {}},
    Code: {"code": "000000"},
    VerifySoftwareToken: {"code": "000000"},
    SetUpEmail: {"email": "0@abc"},
}
_DEVICES: Final = frozenset({State.DEVICE_SRP_AUTH, State.DEVICE_PASSWORD_VERIFIER})


@frozen
class Spelled:
    """A request or a reply by its names.

    Args:
        what: the operation; of a reply, the challenge.
        under: the flow or the challenge that a request names, if it names one.
        names: its parameters.
    """

    what: str
    under: str | None
    names: tuple[str, ...]


class _Anyone(Sender):
    """A sign-in of nobody's."""

    def __init__(self, state: State, *, admin: bool) -> None:
        self.client_id = TEXT
        self.client_secret = None
        self.pool_id = TEXT
        self.admin = admin
        self.username = TEXT
        self.session = Secret(TEXT)
        self.device = Device(TEXT, TEXT, TEXT) if state in _DEVICES else None
        self.tokens = Tokens(
            access_token=Secret(TEXT),
            id_token=Secret(TEXT),
            refresh_token=Secret(TEXT),
            expires_in=None,
            token_type=None,
            new_device=NewDevice(device_key=TEXT, device_group_key=TEXT),
        )
        self.challenge_name = str(state)


def sample(response: type[Response]) -> Response:
    """A response that nobody gives: every field that it must have, and no other."""
    others = _OTHERS.get(response, {})
    needed = [each for each in fields(response) if each.init and each.default is NOTHING]
    return response(**{each.name: others.get(each.name, TEXT) for each in needed})


def request(state: State, response: type[Response], *, admin: bool = False) -> Spelled:
    """The request that carries a response.

    Args:
        state: where the sign-in stands.
        response: the response's class.
        admin: is an administrator signing somebody in?

    Raises:
        KeyError: the state does not take this response.
    """
    made = write(state, sample(response), _Anyone(state, admin=admin))
    under, names = None, []
    for name, value in made.parameters.items():
        if name in {"AuthFlow", "ChallengeName"}:
            under = str(value)
        elif isinstance(value, Mapping):
            names += [each for each in value if each not in names]
        elif name not in {"ClientId", "UserPoolId"}:
            names.append(name)
    return Spelled(made.operation, under, tuple(names))


class _Asked(Mapping[str, str]):
    """A mapping that remembers what it was asked for."""

    def __init__(self, value: str) -> None:
        self.value = value
        self.names: list[str] = []

    def __getitem__(self, name: str) -> str:
        self.names.append(name)
        return self.value

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def reply(state: State) -> Spelled:
    """The reply that leads to a state: its challenge, and what is read of it."""
    if state is State.AUTHENTICATED:
        names = [each.name for each in fields(Tokens) if each.name.endswith("_token")]
        names = [name.title().replace("_", "") for name in names]
        return Spelled("AuthenticationResult", None, tuple(names))
    found: dict[str, None] = {}
    if state in READERS:
        for value in (TEXT, '["x"]', '{"x": "y"}'):  # each is read as far as it makes sense
            asked = _Asked(value)
            with suppress(MalformedReply):
                READERS[state](asked)
            found |= dict.fromkeys(asked.names)
    return Spelled(str(state), None, tuple(found))
