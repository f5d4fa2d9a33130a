"""What the fields of a response are made of: checked as they enter, wrapped where they are secret."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from attrs import Attribute, frozen

from authfsm.base.secret import Secret, secret
from authfsm.protocol.errors import BadField, InvalidInput
from authfsm.protocol.states import State

_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def frozen_mapping(value: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """Return a read-only copy of a mapping; what is no mapping is left for the check."""
    # Any, for mypy does not solve the type variables of an attrs converter.
    return MappingProxyType(dict(value)) if isinstance(value, Mapping) else value


def frozen_str_mapping(value: Mapping[str, str]) -> Mapping[str, str]:
    """Return a read-only copy of a mapping of text to text, as `frozen_mapping` does."""
    return frozen_mapping(value)


def frozen_secret_mapping(value: Mapping[str, str | Secret[str]]) -> Mapping[str, Secret[str]]:
    """A read-only copy of a mapping, its values wrapped."""
    return (
        MappingProxyType({k: secret(v) for k, v in value.items()})
        if isinstance(value, Mapping)
        else value
    )


def to_tuple(value: Iterable[str]) -> tuple[str, ...]:
    """Several texts as a tuple; a single text is one of them. What cannot be is left for the check."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, Iterable) else value


def stripped(value: str) -> str:
    """A text without the whitespace around it; what is no text is left for the check."""
    return value.strip() if isinstance(value, str) else value


def not_text(value: object) -> str | None:
    """Why a value is no text at all; None where it is. No frame that raises holds the value in clear."""
    plain = value.reveal() if isinstance(value, Secret) else value
    return None if isinstance(plain, str) else f"must be text, not {type(plain).__name__}"


def _unsendable(value: object) -> str | None:
    """Why a text cannot be sent; None where it can."""
    plain: Any = value.reveal() if isinstance(value, Secret) else value
    if not plain:
        return "must not be empty"
    # Found without encoding it: a UnicodeEncodeError would carry the whole text, which may be a password.
    return "must be text that UTF-8 can write" if _LONE_SURROGATE.search(plain) else None


def is_text(response: Any, attribute: Attribute[Any], value: object) -> None:
    """A field must be text that is not empty and that UTF-8 can write."""
    if why := not_text(value) or _unsendable(value):
        raise BadField(type(response), attribute.name, why)


def is_typed(response: Any, attribute: Attribute[Any], value: object) -> None:
    """The same for what a person types: empty or unwritable text is the person's error, not the program's."""
    check_typed(type(response), attribute.name, value)


def is_typed_if_given(response: Any, attribute: Attribute[Any], value: object) -> None:
    """The same, unless it is left out."""
    if value is not None:
        check_typed(type(response), attribute.name, value)


def check_typed(response: type, name: str, value: object) -> None:
    """Check what a person types.

    Args:
        response: the class of the response that it is for.
        name: the field's name.
        value: what was typed.

    Raises:
        BadField: it is no text: the program's error.
        InvalidInput: it is empty, or UTF-8 cannot write it.
    """
    if why := not_text(value):
        raise BadField(response, name, why)
    if why := _unsendable(value):
        raise InvalidInput(response, name, why)


def is_name(response: Any, attribute: Attribute[Any], value: str) -> None:
    """A user name must be typed text, and more than spaces."""
    is_typed(response, attribute, stripped(value))


def is_email(response: Any, attribute: Attribute[Any], value: str) -> None:
    """An e-mail address has something on both sides of an "@", and no spaces. The rest Cognito judges."""
    is_typed(response, attribute, value)
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
        raise InvalidInput(
            type(response),
            attribute.name,
            "must be an e-mail address",
            "An e-mail address looks like name@example.com.",
        )


def is_text_if_given(response: Any, attribute: Attribute[Any], value: object) -> None:
    """A field must be text that is not empty, or be left out."""
    if value is not None:
        is_text(response, attribute, value)


def is_hex(response: Any, attribute: Attribute[Any], value: str) -> None:
    """A field must be hexadecimal text."""
    is_text(response, attribute, value)
    if not re.fullmatch("[0-9A-Fa-f]+", value):
        raise BadField(type(response), attribute.name, "must be hexadecimal")


def are_texts(response: Any, attribute: Attribute[Any], value: object) -> None:
    """A field must map text to text, or be a tuple of texts."""
    if not isinstance(value, (Mapping, tuple)):
        raise BadField(type(response), attribute.name, f"must not be {type(value).__name__}")
    for each in (*value, *value.values()) if isinstance(value, Mapping) else value:
        if why := not_text(each):
            raise BadField(type(response), attribute.name, why.replace("must be", "must hold"))


def are_names(response: Any, attribute: Attribute[Any], value: object) -> None:
    """A field must be one or more texts, none of them empty."""
    if not isinstance(value, tuple) or not value:
        raise BadField(type(response), attribute.name, "must be one or more texts")
    for each in value:
        is_text(response, attribute, each)


def is_bool(response: Any, attribute: Attribute[Any], value: object) -> None:
    """A field must be True or False, and nothing that merely counts as one of them."""
    if not isinstance(value, bool):
        raise BadField(type(response), attribute.name, "must be True or False")


def is_count_if_given(response: Any, attribute: Attribute[Any], value: object) -> None:
    """A field must be a whole number of seconds, or be left out."""
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise BadField(type(response), attribute.name, "must be a whole number of seconds")


_MINUS_SIGN: Final = "\N{MINUS SIGN}"  # a symbol (Sm) to Unicode, a hyphen to whoever types it


def normalize_code(code: str) -> str:
    """Return a code as it is sent: without separators, its digits in ASCII.

    Whitespace of any kind, hyphens and dashes (Unicode's category Pd, and the minus sign) and invisible
    format characters (Cf), which come along when a code is copied, are removed. Decimal digits of any
    script (Nd), full-width ones included, become ASCII digits. Whatever else there is stays.

    Args:
        code: what was typed or pasted.
    """
    if code.isascii() and code.isdigit():
        return code
    return "".join(str(unicodedata.decimal(each, each)) for each in code if not _is_separator(each))


def _is_separator(character: str) -> bool:
    return (
        character.isspace()
        or character == _MINUS_SIGN
        or unicodedata.category(character) in {"Pd", "Cf"}
    )


@frozen
class CodeFormat:
    """What a code of one kind looks like, once it is normalized.

    Args:
        lengths: the numbers of digits that are known.
        exact: whether a code of another length is refused before it is sent.
        advice: what is right, in a sentence for a person.
        source: where this is known from.
    """

    lengths: tuple[int, ...]
    exact: bool
    advice: str
    source: str

    def fits(self, code: str) -> bool:
        """Whether a normalized code is worth sending."""
        return re.fullmatch("[0-9]+", code) is not None and (
            not self.exact or len(code) in self.lengths
        )

    @property
    def requirement(self) -> str:
        """What is right, to follow the name of a field."""
        return (
            f"must be {' or '.join(map(str, self.lengths))} digits"
            if self.exact
            else "must be digits"
        )

    @property
    def pattern(self) -> str:
        """The same for the `pattern` of an HTML input: the usual separators are accepted."""
        times = "{" + ",".join(map(str, self.lengths)) + "}" if self.exact else "+"
        return rf"(?:[\s\-]*[0-9]){times}[\s\-]*"


TOTP_CODE: Final = CodeFormat(
    lengths=(6,),
    exact=True,
    advice="A code of the authenticator app is six digits.",
    source="RFC 6238 with Cognito's number of digits; botocore, VerifySoftwareToken.UserCode: length 6, [0-9]+",
)
"""The code of an authenticator app."""

MESSAGE_CODE: Final = CodeFormat(
    lengths=(6, 8),
    exact=False,
    advice="A code is digits alone.",
    source=(
        "measured: 8 digits for a first factor by e-mail, as in the API reference's example; the developer"
        " guide says 6. No page gives a rule, so another length is sent all the same."
    ),
)
"""The code of an SMS or an e-mail; and what holds for a code of any kind."""


# ---- the fields of responses ----------------------------------------------------------------------------


def to_code(value: str | Secret[str]) -> Secret[str]:
    """Wrap a one-time code, normalized; what is no text is left for the check."""
    value = secret(value)
    plain: object = value.reveal() if isinstance(value, Secret) else None
    return Secret(normalize_code(plain)) if isinstance(plain, str) else value


def is_code(response: Any, attribute: Attribute[Any], value: Secret[str]) -> None:
    """A one-time code must be digits; how many, the challenge says."""
    check_code(type(response), attribute.name, value, MESSAGE_CODE)


def is_totp(response: Any, attribute: Attribute[Any], value: Secret[str]) -> None:
    """The code of an authenticator app must be six digits."""
    check_code(type(response), attribute.name, value, TOTP_CODE)


def check_code(
    response: type, name: str, code: Secret[str], rule: CodeFormat, state: State | None = None
) -> None:
    """Check a normalized code.

    Args:
        response: the class of the response that it is for.
        name: the field's name.
        code: the code.
        rule: the form that codes of its kind have.
        state: where the sign-in stands, where that is known.

    Raises:
        BadField: it is no text: the program's error.
        InvalidInput: it has another form.
    """
    if why := not_text(code):
        raise BadField(response, name, why)
    if not rule.fits(code.reveal()):
        why = rule.requirement if code else "must not be empty"
        raise InvalidInput(response, name, why, rule.advice, state=state)
