"""One value after the other: what is known to be harmless stays, everything else becomes a placeholder.

What a placeholder looks like depends on the value alone, never on where it stands: the same value becomes
the same placeholder in a parameter, a claim, a path and a message.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import quote, unquote

from authfsm.local import refusals
from authfsm.local.refusals import Saying
from authfsm.protocol.error_policy import RULINGS
from authfsm.traces.neutral import placeholders as p
from authfsm.traces.neutral import vocabulary as v
from authfsm.traces.neutral.placeholders import Placeholders

_DEEPEST: Final = 12
_LONGEST_HOST: Final = 253  # RFC 1035, 2.3.4
_WORD_OF_THE_API: Final = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|(?:[A-Z][a-z]+)+Exception")
_BETWEEN: Final = re.compile(r"([\s,;()\[\]{}<>\"'`|]+)")
_ENDING: Final = re.compile(r"(.*?)([.:!?]*)", re.DOTALL)
_PAIR: Final = re.compile(r"([\w.$:-]+)=(.*)", re.DOTALL)
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
_PATHS: Final = frozenset("""
    oauth2 authorize token login logout userInfo .well-known jwks.json openid-configuration saml2 idpresponse
    revoke totp v1 api auth signin signup
""".split())  # fmt: skip
_SESSION: Final = "AYABe"
_MODEL_NAMESPACE: Final = re.compile(r"com\.amazon(?:aws)?\.[a-z.]+")
_ERROR_PAGE: Final = re.compile(r"(\w+)(:(?:http://internal\.amazon\.com/coral/[a-z.]+/)?)?")

_CLIENT_ERROR: Final = re.compile(
    r"An error occurred \((\w+)\) when calling the (\w+) operation(?: \(reached max retries: \d+\))?: (.*)",
    re.DOTALL,
)
# What AWS says besides the messages of `authfsm.local.refusals`, with their variable parts.
_MESSAGES: Final = (
    "Exception migrating user in app client {client}: {why}",
    "1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: {why}",
    "1 validation error detected: Value at '{name}' failed to satisfy constraint: {why}",
    "{count} validation errors detected: {why}",
    "Exceeded daily email limit for the operation or the account. If a higher limit is required, please configure your user pool to use your own Amazon SES configuration for sending email.",
    "Invalid session due to a mismatched auth flow",
    "Invalid code or auth state for the user.",
    "Invalid Refresh Token",
    "User pool {pool} does not exist.",
    "Temporary password has expired and must be reset by an administrator.",
    "Group not found.",
    "{trigger} failed with error {why}",
    "{trigger} invocation failed due to error {why}",
    "Unrecognizable lambda output",
    "Rate exceeded",
    "Invalid username or missing email / phone_number / preferred_username attributes",
)  # fmt: skip
# The parts of a message that say what is wrong with a value.
_PHRASES: Final = (
    "Member must satisfy regular expression pattern: ^[0-9a-fA-F]+$", "Password not long enough", "Password must have uppercase characters",
    "Password must have lowercase characters", "Password must have numeric characters",
    "Password must have symbol characters", "Password did not conform with policy",
    "Password does not conform to policy", "Member must not be null", "Member must satisfy regular expression pattern:",
    "Member must have length less than or equal to", "Member must have length greater than or equal to",
    "Member must satisfy enum value set:", "failed to satisfy constraint:", "is missing", "required by",
    "does not exist", "is not authorized to perform", "The security token included in the request is invalid",
    "The security token included in the request is expired", "no identity-based policy allows the",
    *(message for message in _MESSAGES if "{" not in message),
    *(part for parts in RULINGS.values() for part in parts if part),
)  # fmt: skip


def _templates() -> Iterable[str]:
    known = [each.message for each in vars(refusals).values() if isinstance(each, Saying)]
    return [each for each in (*known, *_MESSAGES) if len(re.sub(r"\{\w+\}", "", each)) >= 9]  # noqa: PLR2004 - less says nothing


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{\w+\}", template.rstrip("."))
    return re.compile("(.+?)".join(map(re.escape, parts)) + r"(?:\.?)", re.DOTALL)


_TEMPLATES: Final = tuple(map(_pattern, sorted(_templates(), key=len, reverse=True)))
_PHRASE: Final = re.compile(
    "(" + "|".join(map(re.escape, sorted(_PHRASES, key=len, reverse=True))) + ")", re.IGNORECASE
)


class Neutraliser:
    """Replaces values, and counts what it did.

    Args:
        rewrite: rewrites a text of JSON with a neutraliser and the text's key (`documents.rewrite_json`).
        keep: words that stay wherever they stand, for what is newer than this vocabulary.
        avoid: texts that no placeholder may be, in lower case.
    """

    def __init__(
        self,
        rewrite: Callable[[str, Neutraliser, str], str],
        keep: frozenset[str] = frozenset(),
        avoid: frozenset[str] = frozenset(),
    ) -> None:
        self._rewrite = rewrite
        self._keep = keep
        self._depth = 0
        self.placeholders = Placeholders(avoid)
        self.kept: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.recognized = 0

    # ---- by key -------------------------------------------------------------------------------------

    def key(self, name: str) -> str:
        """A key: Cognito's members and other known names stay."""
        folded = name.lower()
        if folded in v.NAMES:
            self.recognized += folded in v.COGNITO
            return name
        for prefix in v.PREFIXES:
            if name.startswith(prefix):
                return prefix + self.key(name[len(prefix) :])
        return name if name in self._keep else self.replace(name)

    def value(self, key: str, text: str) -> str:
        """The value of a key.

        Args:
            key: the key; "" for none.
            text: its value.
        """
        folded = key.lower()
        if not text:
            return text
        if text in self._keep or v.stays(folded, text):
            self.kept[folded] += 1
            return text
        if _is_json(text) and self._depth < _DEEPEST:
            self._depth += 1
            try:
                return self._rewrite(text, self, key)
            finally:
                self._depth -= 1
        if self.placeholders.known(text) is None and folded in v.SECRET:
            return self.placeholders.make("secrets", text, [p.LOWER] * len(text))
        if folded in v.MESSAGES:
            return self.message(text)
        if folded in v.NAMED and " " not in text:
            return self.key(text)
        if folded in {"error", "code", "__type", "errorcode", "x-amzn-errortype"}:
            return self._error_code(folded, text)
        if folded in {"scope", "scopes"}:
            return " ".join(
                each if each in v.SCOPES else self.replace(each) for each in text.split(" ")
            )
        if folded in {"useragent", "user-agent", "x-amz-user-agent"}:
            return self.prose(text, v.AGENT)
        if folded in {"authorization", "set-cookie", "cookie"}:
            return self.prose(text, v.LOG)
        if folded in {"url_path", ":path", "url"} and text.startswith("/"):
            return self.path(text)
        if folded in v.TIMES and (moved := self.placeholders.epoch(text)) is not None:
            return self.placeholders.keep("times", text, moved)
        if folded in v.WORDS and _WORD_OF_THE_API.fullmatch(text):
            self.unknown[key] += 1
        return self.replace(text)

    def _error_code(self, key: str, text: str) -> str:
        namespace, hash_, code = text.rpartition("#")
        found = _ERROR_PAGE.fullmatch(code)
        if (
            found is not None
            and found.group(1) in v.ERRORS
            and (not namespace or _MODEL_NAMESPACE.fullmatch(namespace))
        ):
            return f"{namespace}{hash_}{code}"
        if _WORD_OF_THE_API.fullmatch(text):
            self.unknown[key] += 1
        return self.replace(text)

    def number(self, key: str, text: str) -> str:
        """A number: counts, lengths and lifetimes stay, times are moved, all others get other digits."""
        folded = key.lower()
        if folded in v.TIMES and (moved := self.placeholders.epoch(text)) is not None:
            return self.placeholders.keep("times", text, moved)
        if folded in v.NUMBERS and not self.placeholders.epoch(text):
            return text
        return self.placeholders.make("numbers", text, p.of_number(text))

    # ---- by shape -----------------------------------------------------------------------------------

    def replace(self, text: str) -> str:
        """The placeholder of a value, by its shape."""
        if not text or (made := self.placeholders.known(text)) is not None:
            return text if not text else made or ""
        if self._depth >= _DEEPEST:
            return self.placeholders.make("other texts", text, p.of_classes(text))
        self._depth += 1
        try:
            return self._shaped(text)
        finally:
            self._depth -= 1

    def _shaped(self, text: str) -> str:  # noqa: PLR0911 - a shape a line
        if (moved := self.placeholders.time(text)) is not None:
            return self.placeholders.keep("times", text, moved)
        for shape in (
            self._json, self._jwt, self._url, self._arn, self._email, self._uuid, self._regional, self._address,
            self._form, self._encoded, self._digits, self._date, self._phone, self._masked, self._hex_or_base,
            self._host,
        ):  # fmt: skip
            if (made := shape(text)) is not None:
                return made
        if _BETWEEN.search(text):
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
        return self._rewrite(text, self, "") if _is_json(text) else None

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
        if not _is_json(text):
            return None
        made = base64.b64encode(self._rewrite(text, self, "").encode())
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
        if not _BASE64.fullmatch(text):
            return None
        if (made := self._json_part(text)) is not None:
            return made
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

    # ---- texts --------------------------------------------------------------------------------------

    def prose(self, text: str, words: frozenset[str] = v.CODES) -> str:
        """A running text, word by word.

        Args:
            text: the text.
            words: those that stay.
        """
        return "".join(
            self.replace(part)
            if number % 2
            else "".join(
                each if n % 2 else self._word(each, words)
                for n, each in enumerate(_BETWEEN.split(part))
            )
            for number, part in enumerate(p.TIME.split(text))
        )

    def _word(self, text: str, words: frozenset[str]) -> str:
        if not text or text in words or text in self._keep:
            return text
        if "." in text and all(each in words for each in text.split(".")):
            return text
        if words is v.AGENT and v.PRODUCT.fullmatch(text):
            return text
        found = _ENDING.fullmatch(text)
        core, ending = found.groups() if found else (text, "")
        if ending and core:
            return self._word(core, words) + ending
        if not any(each.isalnum() or not each.isascii() for each in text):
            return text
        pair = _PAIR.fullmatch(text)
        if pair and not _BASE64.fullmatch(text) and not _URL.fullmatch(text) and "&" not in text:
            name, value = pair.groups()
            return f"{name if name in words else self.key(name)}={self.value(name, value)}"
        if v.is_name(text) and "_" in text:
            return text
        return self.replace(text)

    def log(self, text: str) -> str:
        """A piece of a log's line."""
        if (found := _CLIENT_ERROR.search(text)) is None:
            return self.prose(text, v.LOG)
        text, ending = text.rstrip(), text[len(text.rstrip()) :]
        return (
            self.prose(text[: found.start()], v.LOG) + self.message(text[found.start() :]) + ending
        )

    def message(self, text: str) -> str:
        """An error's text: the known ones stay but for their variable parts."""
        if _is_json(text):
            return self.replace(text)
        if found := _CLIENT_ERROR.fullmatch(text):
            start = found.start(3)
            return self.prose_of_error(text[:start]) + self.message(text[start:])
        for template in _TEMPLATES:
            if found := template.fullmatch(text):
                made, done = "", 0
                for n in range(1, template.groups + 1):
                    made += text[done : found.start(n)] + self._phrases(found.group(n))
                    done = found.end(n)
                return made + text[done:]
        return self._phrases(text)

    def prose_of_error(self, text: str) -> str:
        """The beginning of botocore's text of a ClientError."""
        return self.prose(text, v.CODES | _CLIENT_ERROR_WORDS)

    def _phrases(self, text: str) -> str:
        return "".join(
            each if n % 2 else self.prose(each) for n, each in enumerate(_PHRASE.split(text))
        )


_CLIENT_ERROR_WORDS: Final = frozenset(
    "An error occurred when calling the operation reached max retries".split()
)
_STANDARD: Final = str.maketrans("-_", "+/")
_URL_SAFE: Final = str.maketrans("+/", "-_")


def _is_json(text: str) -> bool:
    """Is a text an object, a list or a text of JSON?"""
    if text.lstrip()[:1] not in {"{", "[", '"'}:
        return False
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, (dict, list, str))
