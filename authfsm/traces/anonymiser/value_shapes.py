"""Replaces a value according to its shape: UUIDs, addresses, tokens, URLs, ARNs, base64 and others.

A value keeps its first placeholder, so it has the same placeholder in a parameter, a claim, a path and a message. The
words of `_PATH_SEGMENTS` stay in a path, but not elsewhere.
"""

from __future__ import annotations

import base64
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote, unquote

from authfsm.traces.anonymiser import placeholders as p
from authfsm.traces.anonymiser import vocabulary as v
from authfsm.traces.anonymiser.placeholders import Placeholders

MAX_DEPTH: Final = 12
"""How many values may be nested in each other; a value that is nested more deeply is replaced as a whole."""

SEPARATORS: Final = re.compile(r"([\s,;()\[\]{}<>\"'`|]+)")
"""What separates the words of running text."""

_FORM: Final = re.compile(r"[\w.%+~:-]+=[^&\s=]*(?:&[\w.%+~:-]+=[^&\s]*)*")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_REGIONAL: Final = re.compile(rf"({v.REGION.pattern})([_:])([\w-]+)", re.ASCII)
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_PHONE: Final = re.compile(r"\+\d{7,15}", re.ASCII)
_MASKED: Final = re.compile(r"[+\w@.-]*\*[+\w@.*-]*")
_ARN: Final = re.compile(r"arn:(aws|aws-cn|aws-us-gov):([a-z0-9-]+):([a-z0-9-]*):(\d*):(.+)", re.DOTALL)
_IPV4: Final = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}", re.ASCII)
_IPV6: Final = re.compile(
    r"(?:(?=.*::)[0-9a-fA-F:]{3,39}|[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){7})(?:\.\d{1,3}){0,3}(?:%\w+)?"
)
_ENCODED: Final = re.compile(r"[^=]*%[0-9A-Fa-f]{2}[^=]*", re.DOTALL)
_DIGITS: Final = re.compile(r"\d+", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_HEX: Final = re.compile(r"(?:[0-9a-f]{16,}|[0-9A-F]{16,})")
_BASE32: Final = re.compile(r"(?=.*\d)[A-Z2-7]{16,}=*")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_URL: Final = re.compile(r"([a-z][a-z0-9+.-]*)://([^/?#\s]*)([^?#\s]*)(\?[^#\s]*)?(#\S*)?", re.IGNORECASE)
_HOST: Final = re.compile(r"(?:[a-zA-Z0-9-]+\.)+[a-zA-Z]{2,}")
_AWS_HOST: Final = re.compile(
    rf"(?:cognito-idp|cognito-identity|cognito-idp-fips|auth)\.{v.REGION.pattern}\.(?:amazonaws\.com|amazoncognito\.com)"
)
# Signed and encrypted tokens (RFC 7515, RFC 7516); a token that was cut has fewer parts.
_JWT: Final = re.compile(r"[\w-]{10,}(?:\.[\w-]*){1,4}", re.ASCII)
_SCHEMES: Final = frozenset({"http", "https", "otpauth"})
_AWS_SERVICES: Final = frozenset({"cognito-idp", "cognito-identity", "iam", "sts", "lambda", "ses", "sns", "kms", "logs", "wafv2"})  # fmt: skip
_ARN_WORDS: Final = frozenset({"userpool", "role", "function", "user", "key", "assumed-role", "identity", "log-group"})  # fmt: skip
_PATH_SEGMENTS: Final = frozenset({"oauth2", "authorize", "token", "login", "logout", "userInfo", ".well-known", "jwks.json", "openid-configuration", "saml2", "idpresponse", "revoke", "totp", "v1", "api", "auth", "signin", "signup"})  # fmt: skip
_MAX_HOST: Final = 253  # RFC 1035, 2.3.4
_SESSION_START: Final = "AYABe"
_TO_STANDARD: Final = str.maketrans("-_", "+/")
_TO_URL_SAFE: Final = str.maketrans("+/", "-_")


def is_json(text: str) -> bool:
    """Return whether a text is an object, a list or a string of JSON."""
    if text.lstrip()[:1] not in {"{", "[", '"'}:
        return False
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, (dict, list, str))


def is_name_and_value(text: str) -> bool:
    """Return whether a text with a `=` is `name=value`, not a form, base64 or a URL."""
    return "&" not in text and not (_BASE64.fullmatch(text) or _URL.fullmatch(text))


class ShapeAnonymiser(ABC):
    """Replaces values according to their shape; the subclass has the rules about keys."""

    def __init__(self, avoid: frozenset[str]) -> None:
        self.placeholders = Placeholders(avoid)
        self._depth = 0

    @abstractmethod
    def key(self, name: str) -> str:
        """Return a key, replaced if it is not known."""

    @abstractmethod
    def value(self, key: str, text: str) -> str:
        """Return the value of a key, replaced if it is not known to be harmless."""

    @abstractmethod
    def prose(self, text: str) -> str:
        """Return running text, with each unknown word replaced."""

    @abstractmethod
    def rewrite(self, text: str, key: str = "") -> str:
        """Return JSON, which is the value of `key`, with its keys and values replaced."""

    def replace(self, text: str) -> str:
        """Return the placeholder of a value."""
        if not text:
            return text
        if (known := self.placeholders.get(text)) is not None:
            return known
        if self._depth >= MAX_DEPTH:
            return self.placeholders.make("other texts", text, p.text_template(text))
        self._depth += 1
        try:
            return self._replace_by_shape(text)
        finally:
            self._depth -= 1

    def _replace_by_shape(self, text: str) -> str:
        if (shifted := self.placeholders.shift_time(text)) is not None:
            return self.placeholders.remember("times", text, shifted)
        if is_json(text):
            return self.rewrite(text)
        shapes: tuple[tuple[re.Pattern[str], Callable[..., str | None]], ...] = (
            (_JWT, self._jwt), (_URL, self._url), (_ARN, self._arn), (_EMAIL, self._email),
            (_UUID, self._uuid), (_REGIONAL, self._regional), (_IPV4, self._ipv4), (_IPV6, self._ipv6),
            (_FORM, self._form), (_ENCODED, self._encoded), (_DIGITS, self._digits), (_DATE, self._date),
            (_PHONE, self._phone), (_MASKED, self._masked), (_HEX, self._hex), (_BASE32, self._base32),
            (_BASE64, self._base64), (_HOST, self._host),
        )  # fmt: skip
        for pattern, shape in shapes:
            match = pattern.fullmatch(text)
            if match is not None and (replaced := shape(text, *match.groups())) is not None:
                return replaced
        if SEPARATORS.search(text):
            return self.prose(text)
        if text.startswith("/"):
            return self.path(text)
        template = p.text_template(text)
        if not any(len(each) > 1 for each in template):
            template = [p.LOWER] * len(text)
        return self.placeholders.make("names and other texts", text, template)

    def _jwt(self, text: str) -> str | None:
        head, *rest = text.split(".")
        header = self._json_part(head)
        if header is None:
            return None
        parts = [header]
        if len(rest) == 2 and (payload := self._json_part(rest[0])) is not None:  # noqa: PLR2004 - header, payload, signature
            parts.append(payload)
            rest = rest[1:]
        parts += [each and self._from_alphabet("tokens' parts", each, p.BASE64) for each in rest]
        return self.placeholders.remember("tokens", text, ".".join(parts))

    def _json_part(self, part: str) -> str | None:
        """Return JSON in base64, rewritten, with the same padding and alphabet; None for anything else."""
        body = part.rstrip("=")
        padded = body.translate(_TO_STANDARD) + "=" * (-len(body) % 4)
        try:
            text = base64.b64decode(padded, validate=True).decode("utf-8")
        except ValueError:
            return None
        if not is_json(text):
            return None
        encoded = base64.b64encode(self.rewrite(text).encode()).decode("ascii").rstrip("=")
        if "+" not in part and "/" not in part:
            encoded = encoded.translate(_TO_URL_SAFE)
        return encoded + "=" * (-len(encoded) % 4 if part.endswith("=") else 0)

    def _hex(self, text: str) -> str:
        return self._from_alphabet("hexadecimal values", text, p.HEX if text.lower() == text else p.HEX.upper())

    def _base32(self, text: str) -> str:
        return self._from_alphabet("authenticator secrets", text, p.BASE32)

    def _base64(self, text: str) -> str | None:
        """Return JSON, a session or another value in base64, replaced; None for a text that may be a name."""
        if (rewritten := self._json_part(text)) is not None:
            return rewritten
        if text.startswith(_SESSION_START):
            rest = p.alphabet_template(text[len(_SESSION_START) :], p.BASE64)
            return self.placeholders.make("sessions", text, [*_SESSION_START, *rest])
        mixed = all(re.search(each, text) for each in (r"\d", "[A-Z]", "[a-z]"))
        return self._from_alphabet("base64 values", text, p.BASE64) if text.endswith("=") or mixed else None

    def _from_alphabet(self, kind: str, text: str, alphabet: str) -> str:
        return self.placeholders.make(kind, text, p.alphabet_template(text, alphabet))

    def _url(self, _: str, scheme: str, host: str, path: str, query: str | None, fragment: str | None) -> str:
        scheme = scheme if scheme.lower() in _SCHEMES else self.replace(scheme)
        url = f"{scheme}://{self._authority(host)}{self._segments(path)}"
        if query:
            url += "?" + self._pairs(query[1:])
        if fragment:
            inner = fragment[1:]
            url += "#" + (self._pairs(inner) if "=" in inner else self._quoted(inner))
        return url

    def _authority(self, host: str) -> str:
        if not host or _AWS_HOST.fullmatch(host):
            return host
        user, at, host = host.rpartition("@")
        name, colon, port = host.partition(":")
        user = ":".join(self._quoted(each) for each in user.split(":")) if user else user
        name = self.replace(unquote(name)) if name else name
        port = port if port in {"80", "443", "8080", ""} else self.replace(port)
        return f"{user}{at}{name}{colon}{port}"

    def path(self, text: str) -> str:
        """Return a path with its query, replaced segment by segment."""
        path, mark, query = text.partition("?")
        return self._segments(path) + mark + (self._pairs(query) if query else "")

    def _segments(self, path: str) -> str:
        return "/".join(each if each in _PATH_SEGMENTS else self._quoted(each) for each in path.split("/"))

    def _quoted(self, text: str) -> str:
        clear = unquote(text)
        replaced = self.replace(clear)
        return replaced if clear == text else quote(replaced, safe="")

    def _pairs(self, text: str) -> str:
        pairs = []
        for each in text.split("&"):
            name, equals, value = each.partition("=")
            clear = unquote(value.replace("+", " ")) if "%" in value or "+" in value else value
            replaced = self.value(unquote(name), clear)
            replaced = replaced if clear == value else quote(replaced, safe="")
            pairs.append(f"{quote(self.key(unquote(name)), safe=':')}{equals}{replaced}")
        return "&".join(pairs)

    def _form(self, text: str) -> str | None:
        is_pair = "&" in text or v.is_name(unquote(text.partition("=")[0]))
        return self._pairs(text) if is_pair and not _BASE64.fullmatch(text) else None

    def _encoded(self, text: str) -> str | None:
        clear = unquote(text)
        return None if clear == text else quote(self.replace(clear), safe="")

    def _host(self, text: str) -> str | None:
        if _AWS_HOST.fullmatch(text):
            return text
        if len(text) > _MAX_HOST:
            return None
        pool, dot, rest = text.partition(".")
        if _AWS_HOST.fullmatch(rest):
            return f"{self.replace(pool)}{dot}{rest}"
        suffix = ".example.com"
        letters = len(text) - len(suffix)
        if letters < 2:  # noqa: PLR2004 - too short for an unused placeholder
            return None
        return self.placeholders.make("host names", text, [*[p.LOWER] * letters, *suffix])

    def _arn(self, _: str, partition: str, service: str, region: str, account: str, resource: str) -> str:
        service = service if service in _AWS_SERVICES else self.replace(service)
        region = region if not region or v.REGION.fullmatch(region) else self.replace(region)
        parts = (
            each if each in _ARN_WORDS or each in "/:" else self.replace(each) for each in re.split(r"([/:])", resource)
        )
        return f"arn:{partition}:{service}:{region}:{self.replace(account)}:{''.join(parts)}"

    def _email(self, text: str) -> str:
        domain = "@example.com"
        letters = max(len(text) - len(domain), 2) - 1
        return self.placeholders.make("e-mail addresses", text, ["u", *[p.LOWER] * letters, *domain])

    def _uuid(self, text: str) -> str:
        template = [*"aaaaaaaa-bbbb-4ccc-8ddd-", *["e0123456789abcdf"] * 12]
        template = [each.upper() for each in template] if text.upper() == text else template
        return self.placeholders.make("UUIDs", text, template)

    def _regional(self, text: str, region: str, mark: str, name: str) -> str:
        """Return the id of a pool, a device or an identity, replaced except for its region."""
        if _UUID.fullmatch(name):
            return f"{region}{mark}{self.replace(name)}"
        template = [*region, mark, *[p.UPPER] * len(name)]
        return self.placeholders.make("pool ids", text, template)

    def _ipv4(self, text: str) -> str | None:
        if any(int(each) > 255 for each in text.split(".")):  # noqa: PLR2004 - a byte
            return None
        networks = ("192.0.2", "198.51.100", "203.0.113")  # RFC 5737
        return self.placeholders.numbered("IP addresses", text, lambda n: f"{networks[n // 254 % 3]}.{n % 254 + 1}")

    def _ipv6(self, text: str) -> str:
        return self.placeholders.numbered("IP addresses", text, lambda n: f"2001:db8::{n + 1:x}")

    def _date(self, text: str) -> str:
        return self.placeholders.numbered("dates", text, lambda n: f"2000-{n // 28 % 12 + 1:02d}-{n % 28 + 1:02d}")

    def _digits(self, text: str) -> str:
        first = p.DIGITS if text[0] == "0" or len(text) == 1 else p.NOT_ZERO
        return self.placeholders.make("numbers", text, [first, *[p.DIGITS] * (len(text) - 1)])

    def _phone(self, text: str) -> str:
        return self.placeholders.make("phone numbers", text, [*"+1555", *[p.DIGITS] * (len(text) - 5)])

    def _masked(self, text: str) -> str:
        template = [each if each in "*+@.-" else p.DIGITS if each.isdigit() else p.LOWER for each in text]
        return self.placeholders.make("masked destinations", text, template)
