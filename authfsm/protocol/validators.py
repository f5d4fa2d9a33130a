"""Converters and validators of the fields of responses, and the formats of one-time codes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from attrs import Attribute, frozen
from attrs.validators import optional

from authfsm.base.secret import Secret, secret
from authfsm.protocol.auth_flows import PREFERRED_CHALLENGES
from authfsm.protocol.error_sentences import DIGITS_ONLY, EMAIL_EXAMPLE, SIX_DIGITS
from authfsm.protocol.errors import BadField, InvalidInput
from authfsm.protocol.states import State

_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")

# ---- converters: a value of the wrong type is returned unchanged, for the validator to refuse ------------


def frozen_mapping(value: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """Return a read-only copy of a mapping."""
    # Any, because mypy does not solve the type variables of an attrs converter.
    return MappingProxyType(dict(value)) if isinstance(value, Mapping) else value


def frozen_texts(value: Mapping[str, str]) -> Mapping[str, str]:
    """Return a read-only copy of a mapping of text to text."""
    return frozen_mapping(value)


def frozen_secret_mapping(value: Mapping[str, str | Secret[str]]) -> Mapping[str, Secret[str]]:
    """Return a read-only copy of a mapping with its values wrapped."""
    if not isinstance(value, Mapping):
        return value
    return MappingProxyType({key: secret(each) for key, each in value.items()})


def to_tuple(value: Iterable[str]) -> tuple[str, ...]:
    """Return strings as a tuple; a single string becomes a tuple of one."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, Iterable) else value


def stripped(value: str) -> str:
    """Return a string without the whitespace around it."""
    return value.strip() if isinstance(value, str) else value


def not_text(value: object, *, may_be_secret: bool = True) -> str | None:
    """Return why a value is neither text nor a `Secret` of text; None if it is one of them.

    The caller raises the error, because a traceback through this function would show the plain value.
    """
    plain = value.reveal() if may_be_secret and isinstance(value, Secret) else value
    return None if isinstance(plain, str) else f"must be text, not {type(plain).__name__}"


def _why_unsendable(value: object) -> str | None:
    """Return why a value cannot be sent as a string; None if it can."""
    plain: Any = value.reveal() if isinstance(value, Secret) else value
    if not plain:
        return "must not be empty"
    # Checked without encoding it: a UnicodeEncodeError carries the whole text, which may be a password.
    return "must be text that UTF-8 can encode" if _LONE_SURROGATE.search(plain) else None


def is_text(response: Any, attribute: Attribute[Any], value: object) -> None:
    """Require text that is not empty and that UTF-8 can encode."""
    may_be_secret = "Secret" in str(attribute.type)
    if why := not_text(value, may_be_secret=may_be_secret) or _why_unsendable(value):
        raise BadField(type(response), attribute.name, why)


is_text_if_given: Final = optional(is_text)


def is_typed(response: Any, attribute: Attribute[Any], value: object) -> None:
    """Require text that a user has typed: if it is empty or cannot be encoded, the user is at fault."""
    check_input(type(response), attribute.name, value, may_be_secret="Secret" in str(attribute.type))


is_typed_if_given: Final = optional(is_typed)


def check_input(response: type, name: str, value: object, *, may_be_secret: bool = True) -> None:
    """Raise InvalidInput if what a user typed is empty or cannot be encoded, and BadField if it is not text."""
    if why := not_text(value, may_be_secret=may_be_secret):
        raise BadField(response, name, why)
    if why := _why_unsendable(value):
        raise InvalidInput(response, name, why)


def is_name(response: Any, attribute: Attribute[Any], value: str) -> None:
    """Require a user name: typed text that is more than spaces."""
    is_typed(response, attribute, stripped(value))


def is_email(response: Any, attribute: Attribute[Any], value: str) -> None:
    """Require an "@" with characters before and after it, and no spaces; Cognito checks the rest."""
    is_typed(response, attribute, value)
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
        raise InvalidInput(type(response), attribute.name, "must be an e-mail address", EMAIL_EXAMPLE)


def is_hex(response: Any, attribute: Attribute[Any], value: str) -> None:
    """Require hexadecimal text."""
    is_text(response, attribute, value)
    if not re.fullmatch("[0-9A-Fa-f]+", value):
        raise BadField(type(response), attribute.name, "must be hexadecimal")


def are_texts(response: Any, attribute: Attribute[Any], value: object) -> None:
    """Require a mapping of strings to strings."""
    if not isinstance(value, Mapping):
        raise BadField(type(response), attribute.name, "must be a mapping of text to text")
    if why := next(filter(None, map(not_text, (*value, *value.values()))), None):
        raise BadField(type(response), attribute.name, why.replace("must be", "must hold"))


def are_names(response: Any, attribute: Attribute[Any], value: object) -> None:
    """Require one or more strings, none of them empty."""
    if not isinstance(value, tuple) or not value:
        raise BadField(type(response), attribute.name, "must be one or more strings")
    for each in value:
        is_text(response, attribute, each)


def is_bool(response: Any, attribute: Attribute[Any], value: object) -> None:
    """Require True or False."""
    if not isinstance(value, bool):
        raise BadField(type(response), attribute.name, "must be True or False")


def is_count_if_given(response: Any, attribute: Attribute[Any], value: object) -> None:
    """Require a whole number of seconds, 0 or more, or None."""
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise BadField(type(response), attribute.name, "must be a whole number of seconds, 0 or more")


def is_preferred_if_given(response: Any, attribute: Attribute[Any], value: object) -> None:
    """Require a value of PREFERRED_CHALLENGE, or None."""
    if value is not None and value not in PREFERRED_CHALLENGES:
        # The message omits the value, which may be a password that was meant for another response.
        raise BadField(type(response), attribute.name, f"must be one of {', '.join(PREFERRED_CHALLENGES)}")


@frozen
class CodeFormat:
    """The format of one kind of one-time code, after normalization."""

    lengths: tuple[int, ...]  # the usual numbers of digits
    exact: bool  # whether a code of another length is refused
    advice: str  # a sentence for the user about a valid code
    source: str

    def fits(self, code: str) -> bool:
        """Return whether a normalized code can be right; only such a code is sent."""
        is_number = re.fullmatch("[0-9]+", code) is not None
        return is_number and (not self.exact or len(code) in self.lengths)

    @property
    def requirement(self) -> str:
        """The requirement, as the end of a sentence that starts with the field's name."""
        lengths = f"{' or '.join(map(str, self.lengths))} " if self.exact else ""
        return f"must be {lengths}digits"

    @property
    def pattern(self) -> str:
        """The regular expression for the `pattern` of an HTML input, which accepts the usual separators."""
        times = "{" + ",".join(map(str, self.lengths)) + "}" if self.exact else "+"
        return rf"(?:[\s\-]*[0-9]){times}[\s\-]*"


TOTP_CODE: Final = CodeFormat(
    lengths=(6,),
    exact=True,
    advice=SIX_DIGITS,
    source="RFC 6238 with Cognito's number of digits; botocore, VerifySoftwareToken.UserCode: length 6, [0-9]+",
)
"""The code of an authenticator app."""

MESSAGE_CODE: Final = CodeFormat(
    lengths=(6, 8),
    exact=False,
    advice=DIGITS_ONLY,
    source=(
        "measured: 8 digits for a first factor by e-mail, as in the API reference's example; the developer"
        " guide says 6. No page gives a rule, so codes of other lengths are sent too."
    ),
)
"""The code of an SMS or an e-mail. It allows any number of digits, so it also fits the codes of other formats."""

_MINUS_SIGN: Final = "\N{MINUS SIGN}"  # in Unicode a symbol (category Sm), but users type it as a hyphen


def normalize_code(code: str) -> str:
    """Return a code as it is sent: without separators, and with ASCII digits.

    Users read codes in groups ("123 456", "123-456") and type them with the digits of their script. Whitespace,
    hyphens and dashes (Unicode category Pd, and the minus sign) and invisible format characters (Cf) are removed;
    decimal digits of any script (Nd) become ASCII digits. All other characters stay.
    """
    if code.isascii() and code.isdigit():
        return code
    return "".join(str(unicodedata.decimal(each, each)) for each in code if not _is_separator(each))


def _is_separator(character: str) -> bool:
    is_dash = character == _MINUS_SIGN or unicodedata.category(character) in {"Pd", "Cf"}
    return is_dash or character.isspace()


def to_code(value: str | Secret[str]) -> Secret[str]:
    """Convert a one-time code: normalize and wrap it."""
    value = secret(value)
    plain: object = value.reveal() if isinstance(value, Secret) else None
    return Secret(normalize_code(plain)) if isinstance(plain, str) else value


def is_code(response: Any, attribute: Attribute[Any], value: Secret[str]) -> None:
    """Require digits; the number of digits depends on the challenge."""
    check_code(type(response), attribute.name, value, MESSAGE_CODE)


def is_totp(response: Any, attribute: Attribute[Any], value: Secret[str]) -> None:
    """Require the six digits of an authenticator app."""
    check_code(type(response), attribute.name, value, TOTP_CODE)


def check_code(response: type, name: str, code: Secret[str], rule: CodeFormat, state: State | None = None) -> None:
    """Raise InvalidInput if a normalized code does not fit the rule, and BadField if it is not text."""
    if why := not_text(code):
        raise BadField(response, name, why)
    if not rule.fits(code.reveal()):
        why, advice = (rule.requirement, rule.advice) if code else ("must not be empty", None)
        raise InvalidInput(response, name, why, advice, state=state)
