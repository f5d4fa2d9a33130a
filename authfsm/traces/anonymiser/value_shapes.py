"""What a value looks like, and a placeholder that looks alike: UUIDs, addresses, tokens, URLs, ARNs, base64.

What a placeholder is depends on the value alone, never on where it stands: the same value becomes the same
placeholder in a parameter, a claim, a path and a message.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote, unquote

from authfsm.traces.anonymiser import placeholders as p
from authfsm.traces.anonymiser import vocabulary as v
from authfsm.traces.anonymiser.placeholders import Placeholders

DEEPEST: Final = 12
_LONGEST_HOST: Final = 253  # RFC 1035, 2.3.4
BETWEEN: Final = re.compile(r"([\s,;()\[\]{}<>\"'`|]+)")
_FORM: Final = re.compile(r"[\w.%+~:-]+=[^&\s=]*(?:&[\w.%+~:-]+=[^&\s]*)*")
_UUID: Final = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
)
_REGIONAL: Final = re.compile(rf"({v.REGION.pattern})([_:])(.+)", re.DOTALL)
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_PHONE: Final = re.compile(r"\+\d{7,15}", re.ASCII)
_MASKED: Final = re.compile(r"[+\w@.-]*\*[+\w@.*-]*")
_ARN: Final = re.compile(
    r"arn:(aws|aws-cn|aws-us-gov):([a-z0-9-]+):([a-z0-9-]*):(\d*):(.+)", re.DOTALL
)
_IPV4: Final = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}", re.ASCII)
_IPV6: Final = re.compile(
    r"(?:(?=.*::)[0-9a-fA-F:]{3,39}|[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){7})(?:\.\d{1,3}){0,3}(?:%\w+)?"
)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_HEX: Final = re.compile(r"(?:[0-9a-f]{16,}|[0-9A-F]{16,})")
_BASE32: Final = re.compile(r"(?=.*\d)[A-Z2-7]{16,}=*")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_URL: Final = re.compile(
    r"([a-z][a-z0-9+.-]*)://([^/?#\s]*)([^?#\s]*)(\?[^#\s]*)?(#\S*)?", re.IGNORECASE
)
_HOST: Final = re.compile(r"(?:[a-zA-Z0-9-]+\.)+[a-zA-Z]{2,}")
_AWS_HOST: Final = re.compile(
    rf"(?:cognito-idp|cognito-identity|cognito-idp-fips|auth)\.{v.REGION.pattern}\.(?:amazonaws\.com|amazoncognito\.com)"
)
# Signed and encrypted tokens (RFC 7515, RFC 7516); one that was cut has fewer parts.
_JWT: Final = re.compile(r"[\w-]{10,}(?:\.[\w-]*){1,4}", re.ASCII)
_SCHEMES: Final = frozenset({"http", "https", "otpauth"})
_SERVICES: Final = frozenset({"cognito-idp", "cognito-identity", "iam", "sts", "lambda", "ses", "sns", "kms", "logs", "wafv2"})  # fmt: skip
_RESOURCES: Final = frozenset({"userpool", "role", "function", "user", "key", "assumed-role", "identity", "log-group"})  # fmt: skip
_PATHS: Final = frozenset({"oauth2", "authorize", "token", "login", "logout", "userInfo", ".well-known", "jwks.json", "openid-configuration", "saml2", "idpresponse", "revoke", "totp", "v1", "api", "auth", "signin", "signup"})  # fmt: skip
_SESSION: Final = "AYABe"
_STANDARD: Final = str.maketrans("-_", "+/")
_URL_SAFE: Final = str.maketrans("+/", "-_")


def is_json(text: str) -> bool:
    """Is a text an object, a list or a text of JSON?"""
    if text.lstrip()[:1] not in {"{", "[", '"'}:
        return False
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, (dict, list, str))


def is_opaque(text: str) -> bool:
    """Is a text with a `=` in it something else than a name and its value?"""
    return "&" in text or bool(_BASE64.fullmatch(text) or _URL.fullmatch(text))


class ShapeAnonymiser(ABC):
    """Replaces a value by its shape; what it stands under is a subclass's business.

    Args:
        avoid: texts that no placeholder may be, in lower case.
    """

    def __init__(self, avoid: frozenset[str]) -> None:
        self.placeholders = Placeholders(avoid)
        self._depth = 0

    @abstractmethod
    def key(self, name: str) -> str:
        """A key."""

    @abstractmethod
    def value(self, key: str, text: str) -> str:
        """The value of a key."""

    @abstractmethod
    def prose(self, text: str) -> str:
        """A running text."""

    @abstractmethod
    def rewrite(self, text: str, key: str = "") -> str:
        """A text of JSON, the value of a key."""

    def replace(self, text: str) -> str:
        """The placeholder of a value, by its shape."""
        if not text:
            return text
        if (made := self.placeholders.known(text)) is not None:
            return made
        if self._depth >= DEEPEST:
            return self.placeholders.make("other texts", text, p.of_classes(text))
        self._depth += 1
        try:
            return self._shaped(text)
        finally:
            self._depth -= 1

    def _shaped(self, text: str) -> str:
        if (moved := self.placeholders.time(text)) is not None:
            return self.placeholders.keep("times", text, moved)
        for shape in (
            self._json, self._jwt, self._url, self._arn, self._email, self._uuid, self._regional, self._address,
            self._form, self._encoded, self._digits, self._date, self._phone, self._masked, self._hex_or_base,
            self._host,
        ):  # fmt: skip
            if (made := shape(text)) is not None:
                return made
        if BETWEEN.search(text):
            return self.prose(text)
        if text.startswith("/"):
            return self.path(text)
        template = p.of_classes(text)
        if not any(len(each) > 1 for each in template):
            template = [p.LOWER] * len(text)
        return self.placeholders.make("names and other texts", text, template)

    def _make(self, kind: str, text: str, template: list[str]) -> str:
        return self.placeholders.make(kind, text, template)

    def _json(self, text: str) -> str | None:
        return self.rewrite(text) if is_json(text) else None

    def _jwt(self, text: str) -> str | None:
        if not _JWT.fullmatch(text):
            return None
        head, *rest = text.split(".")
        made = self._json_part(head)
        if made is None:
            return None
        if len(rest) == 2:  # noqa: PLR2004 - header, payload, signature
            payload = self._json_part(rest[0])
            rest = [
                payload if payload is not None else self._base64(rest[0]),
                self._base64(rest[1]),
            ]
        else:
            rest = [self._base64(each) for each in rest]
        return self.placeholders.keep("tokens", text, ".".join([made, *rest]))

    def _json_part(self, part: str) -> str | None:
        """A part in base64 that is JSON, its padding and alphabet kept."""
        try:
            clear = base64.b64decode(
                part.rstrip("=").translate(_STANDARD) + "=" * (-len(part.rstrip("=")) % 4),
                validate=True,
            )
            text = clear.decode("utf-8")
        except (binascii.Error, ValueError):
            return None
        if not is_json(text):
            return None
        made = base64.b64encode(self.rewrite(text).encode())
        encoded = made.decode("ascii").rstrip("=")
        if "+" not in part and "/" not in part:
            encoded = encoded.translate(_URL_SAFE)
        return encoded + "=" * (-len(encoded) % 4 if part.endswith("=") else 0)

    def _base64(self, text: str) -> str:
        return self._make("tokens' parts", text, p.of_fill(text, p.BASE64)) if text else text

    def _url(self, text: str) -> str | None:
        found = _URL.fullmatch(text)
        if found is None:
            return None
        scheme, host, path, query, fragment = found.groups()
        scheme = scheme if scheme.lower() in _SCHEMES else self.replace(scheme)
        made = f"{scheme}://{self._authority(host)}{self._segments(path)}"
        if query:
            made += "?" + self._pairs(query[1:])
        if fragment:
            inner = fragment[1:]
            made += "#" + (self._pairs(inner) if "=" in inner else self._quoted(inner))
        return made

    def _authority(self, host: str) -> str:
        if not host or _AWS_HOST.fullmatch(host):
            return host
        user, at, host = host.rpartition("@")
        name, colon, port = host.partition(":")
        user = ":".join(self._quoted(each) for each in user.split(":")) if user else user
        return f"{user}{at}{self.replace(unquote(name)) if name else name}{colon}{port if port in {'80', '443', '8080', ''} else self.replace(port)}"

    def path(self, text: str) -> str:
        """A path with its query."""
        path, mark, query = text.partition("?")
        return self._segments(path) + mark + (self._pairs(query) if query else "")

    def _segments(self, path: str) -> str:
        return "/".join(each if each in _PATHS else self._quoted(each) for each in path.split("/"))

    def _quoted(self, text: str) -> str:
        clear = unquote(text)
        made = self.replace(clear)
        return made if clear == text else quote(made, safe="")

    def _pairs(self, text: str) -> str:
        pairs = []
        for each in text.split("&"):
            name, equals, value = each.partition("=")
            clear = unquote(value.replace("+", " ")) if "%" in value or "+" in value else value
            made = self.value(unquote(name), clear)
            made = made if clear == value else quote(made, safe="")
            pairs.append(f"{quote(self.key(unquote(name)), safe=':')}{equals}{made}")
        return "&".join(pairs)

    def _form(self, text: str) -> str | None:
        if not _FORM.fullmatch(text) or _BASE64.fullmatch(text):
            return None
        if "&" not in text and not v.is_name(unquote(text.partition("=")[0])):
            return None
        return self._pairs(text)

    def _encoded(self, text: str) -> str | None:
        if (
            not re.search(r"%[0-9A-Fa-f]{2}", text)
            or (clear := unquote(text)) == text
            or "=" in text
        ):
            return None
        return quote(self.replace(clear), safe="")

    def _arn(self, text: str) -> str | None:
        found = _ARN.fullmatch(text)
        if found is None:
            return None
        partition, service, region, account, resource = found.groups()
        service = service if service in _SERVICES else self.replace(service)
        region = region if not region or v.REGION.fullmatch(region) else self.replace(region)
        parts = re.split(r"([/:])", resource)
        made = "".join(
            each if each in _RESOURCES or each in "/:" else self.replace(each) for each in parts
        )
        return f"arn:{partition}:{service}:{region}:{self.replace(account)}:{made}"

    def _email(self, text: str) -> str | None:
        if not _EMAIL.fullmatch(text):
            return None
        domain = "@example.com"
        local = max(len(text) - len(domain), 2)
        return self._make("e-mail addresses", text, ["u", *[p.LOWER] * (local - 1), *domain])

    def _uuid(self, text: str) -> str | None:
        if not _UUID.fullmatch(text):
            return None
        alphabet = "e0123456789abcdf"
        template = [*"aaaaaaaa-bbbb-4ccc-8ddd-", *[alphabet] * 12]
        if text.upper() == text:
            template = [each.upper() for each in template]
        return self._make("UUIDs", text, template)

    def _regional(self, text: str) -> str | None:
        """A pool's, a device's or an identity's id: the region stays."""
        found = _REGIONAL.fullmatch(text)
        if found is None or not re.fullmatch(r"[\w-]+", found.group(3), re.ASCII):
            return None
        region, mark, name = found.groups()
        if _UUID.fullmatch(name):
            return f"{region}{mark}{self.replace(name)}"
        return self._make("pool ids", text, [*region, mark, *[p.UPPER] * len(name)])

    def _address(self, text: str) -> str | None:
        if _IPV4.fullmatch(text) and all(int(each) < 256 for each in text.split(".")):  # noqa: PLR2004 - a byte
            networks = ("192.0.2", "198.51.100", "203.0.113")
            return self._address_of(
                "IP addresses", text, lambda n: f"{networks[n // 254 % 3]}.{n % 254 + 1}"
            )
        if _IPV6.fullmatch(text) and not _HEX.fullmatch(text):
            return self._address_of("IP addresses", text, lambda n: f"2001:db8::{n + 1:x}")
        return None

    def _date(self, text: str) -> str | None:
        if not _DATE.fullmatch(text):
            return None
        return self._address_of("dates", text, self.placeholders.date)

    def _address_of(self, kind: str, text: str, of: Callable[[int], str]) -> str:
        return self.placeholders.keep(kind, text, self.placeholders.unused(kind, text, of))

    def _digits(self, text: str) -> str | None:
        if not re.fullmatch(r"\d+", text, re.ASCII):
            return None
        return self._make("numbers", text, p.of_digits(text))

    def _phone(self, text: str) -> str | None:
        if not _PHONE.fullmatch(text):
            return None
        return self._make("phone numbers", text, [*"+1555", *[p.DIGITS] * (len(text) - 5)])

    def _masked(self, text: str) -> str | None:
        if not _MASKED.fullmatch(text):
            return None
        template = [
            each if each in "*+@.-" else p.DIGITS if each.isdigit() else p.LOWER for each in text
        ]
        return self._make("masked destinations", text, template)

    def _hex_or_base(self, text: str) -> str | None:
        if _HEX.fullmatch(text):
            alphabet = p.HEX if text.lower() == text else p.HEX.upper()
            return self._make("hexadecimal values", text, p.of_fill(text, alphabet))
        if _BASE32.fullmatch(text):
            return self._make("authenticator secrets", text, p.of_fill(text, p.BASE32))
        return self._json_part(text) or self._base(text) if _BASE64.fullmatch(text) else None

    def _base(self, text: str) -> str | None:
        """A session or another value in base64; None for what may be a name as well."""
        if text.startswith(_SESSION):
            template = [*_SESSION, *p.of_fill(text[len(_SESSION) :], p.BASE64)]
            return self._make("sessions", text, template)
        if text.endswith("=") or (
            re.search(r"\d", text) and re.search(r"[A-Z]", text) and re.search(r"[a-z]", text)
        ):
            return self._make("base64 values", text, p.of_fill(text, p.BASE64))
        return None

    def _host(self, text: str) -> str | None:
        if _AWS_HOST.fullmatch(text):
            return text
        if len(text) > _LONGEST_HOST or not _HOST.fullmatch(text):
            return None
        pool, dot, rest = text.partition(".")
        if _AWS_HOST.fullmatch(rest):
            return f"{self.replace(pool)}{dot}{rest}"
        suffix = ".example.com"
        length = len(text) - len(suffix)
        if length < 2:  # noqa: PLR2004 - too short to have one of its own
            return None
        return self._make("host names", text, [*[p.LOWER] * length, *suffix])
