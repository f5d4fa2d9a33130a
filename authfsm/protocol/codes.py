"""The form of a one-time code, by its kind: how it is normalized, and which ones are not worth sending.

People read codes in groups ("123 456", "123-456") and type them on keyboards with digits of their own
script. So what separates digits is removed, and every decimal digit becomes its ASCII form; neither can
be part of a code. A code that is wrong after that is refused here, before it costs an attempt.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final

from attrs import Attribute, frozen

from authfsm.base.secret import Secret, secret
from authfsm.protocol.errors import BadField, InvalidInput
from authfsm.protocol.states import State
from authfsm.protocol.validators import not_text

_MINUS_SIGN: Final = "\N{MINUS SIGN}"  # a symbol (Sm) to Unicode, a hyphen to whoever types it


def normalized(code: str) -> str:
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


TOTP: Final = CodeFormat(
    lengths=(6,),
    exact=True,
    advice="A code of the authenticator app is six digits.",
    source="RFC 6238 with Cognito's number of digits; botocore, VerifySoftwareToken.UserCode: length 6, [0-9]+",
)
"""The code of an authenticator app."""

MESSAGE: Final = CodeFormat(
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


def wrapped_code(value: str | Secret[str]) -> Secret[str]:
    """Wrap a one-time code, normalized; what is no text is left for the check."""
    value = secret(value)
    plain: object = value.reveal() if isinstance(value, Secret) else None
    return Secret(normalized(plain)) if isinstance(plain, str) else value


def is_code(response: Any, attribute: Attribute[Any], value: Secret[str]) -> None:
    """A one-time code must be digits; how many, the challenge says."""
    check_code(type(response), attribute.name, value, MESSAGE)


def is_totp(response: Any, attribute: Attribute[Any], value: Secret[str]) -> None:
    """The code of an authenticator app must be six digits."""
    check_code(type(response), attribute.name, value, TOTP)


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
