"""Anonymises value by value: a value that is known to be harmless under its key stays; others become placeholders."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Final

from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import ErrorTemplate
from authfsm.protocol.error_policy import ERROR_POLICY
from authfsm.traces.anonymiser import placeholders as p
from authfsm.traces.anonymiser import value_shapes as shapes
from authfsm.traces.anonymiser import vocabulary as v

_MAX_DIGITS: Final = 9
_API_WORD: Final = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|(?:[A-Z][a-z]+)+Exception")
_PAIR: Final = re.compile(r"([\w.$:-]+)=(.*)", re.DOTALL)
_MODEL_NAMESPACE: Final = re.compile(r"com\.amazon(?:aws)?\.[a-z.]+")
_ERROR_PAGE: Final = re.compile(r"(\w+)(:(?:http://internal\.amazon\.com/coral/[a-z.]+/)?)?")
_HEADERS: Final = frozenset({"authorization", "set-cookie", "cookie"})
_PATHS: Final = frozenset({"url_path", ":path", "url"})

# The text of botocore's ClientError: the code, the operation, the message.
_CLIENT_ERROR: Final = re.compile(
    r"An error occurred \((\w+)\) when calling the (\w+) operation(?: \(reached max retries: \d+\))?: (.*)", re.DOTALL
)
_CLIENT_ERROR_WORDS: Final = v.CODES | {
    "An", "error", "occurred", "when", "calling", "the", "operation", "reached", "max", "retries",
}  # fmt: skip

_PHRASES: Final = (
    *v.PHRASES,
    *(message for message in v.KNOWN_MESSAGES if "{" not in message),
    *(part for parts in ERROR_POLICY.values() for part in parts if part),
)  # fmt: skip
_PHRASE: Final = re.compile(
    "(" + "|".join(map(re.escape, sorted(_PHRASES, key=len, reverse=True))) + ")", re.IGNORECASE
)
_MIN_TEMPLATE: Final = 9


def _template_pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{\w+\}", template.rstrip("."))
    return re.compile("(.+?)".join(map(re.escape, parts)) + r"(?:\.?)", re.DOTALL)


_POOL_MESSAGES: Final = [each.message for each in vars(error_templates).values() if isinstance(each, ErrorTemplate)]
# Whole messages, the longest first, with a group for each variable part. Templates with too little text are left out,
# because they would match unrelated messages.
_TEMPLATES: Final = tuple(
    _template_pattern(each)
    for each in sorted((*_POOL_MESSAGES, *v.KNOWN_MESSAGES), key=len, reverse=True)
    if len(re.sub(r"\{\w+\}", "", each)) >= _MIN_TEMPLATE
)


class ValueAnonymiser(shapes.ShapeAnonymiser):
    """Replaces values by key and shape, except the words in `keep`, and counts what it replaced."""

    def __init__(
        self,
        rewrite: Callable[[str, ValueAnonymiser, str], str],
        keep: frozenset[str] = frozenset(),
        avoid: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(avoid)
        self._rewrite = rewrite
        self._keep = keep
        self.unknown: Counter[str] = Counter()
        self.cognito_names = 0

    def rewrite(self, text: str, key: str = "") -> str:
        """Return JSON, which is the value of `key`, with its keys and values replaced."""
        return self._rewrite(text, self, key)

    def key(self, name: str) -> str:
        """Return a key; a known name stays."""
        folded = name.lower()
        if folded in v.NAMES:
            self.cognito_names += folded in v.COGNITO
            return name
        for prefix in v.PREFIXES:
            if name.startswith(prefix):
                return prefix + self.key(name[len(prefix) :])
        return name if name in self._keep else self.replace(name)

    def value(self, key: str, text: str) -> str:
        """Return a value, replaced if it is not known to be harmless; `key` is "" for a value without a key."""
        folded = key.lower()
        if not text or text in self._keep or v.stays(folded, text):
            return text
        is_secret = folded in v.KEYS_OF_SECRETS
        if not is_secret and shapes.is_json(text) and self._depth < shapes.MAX_DEPTH:
            self._depth += 1
            try:
                return self.rewrite(text, key)
            finally:
                self._depth -= 1
        if is_secret and self.placeholders.get(text) is None:
            return self.placeholders.make("secrets", text, [p.LOWER] * len(text))
        if (replaced := self._replace_parts(folded, text)) is not None:
            return replaced
        if folded in v.WORDS and _API_WORD.fullmatch(text):
            self.unknown[key] += 1
        return self.replace(text)

    def _replace_parts(self, key: str, text: str) -> str | None:
        """Return a value, replaced part by part; None if the values of this key do not consist of known parts."""
        replaced = None
        if key in v.MESSAGES:
            replaced = self.message(text)
        elif key in v.KEYS_OF_NAMES and " " not in text:
            replaced = self.key(text)
        elif key in v.ERROR_CODES:
            replaced = self._error_code(key, text)
        elif key in {"scope", "scopes"}:
            words = text.split(" ")
            replaced = " ".join(each if each in v.SCOPES else self.replace(each) for each in words)
        elif key in v.AGENTS:
            replaced = self.prose(text, v.AGENT)
        elif key in _HEADERS:
            replaced = self.prose(text, v.LOG)
        elif key in _PATHS and text.startswith("/"):
            replaced = self.path(text)
        elif key in v.TIMES and (shifted := self.placeholders.shift_epoch(text)) is not None:
            replaced = self.placeholders.remember("times", text, shifted)
        return replaced

    def _error_code(self, key: str, text: str) -> str:
        namespace, _, code = text.rpartition("#")
        match = _ERROR_PAGE.fullmatch(code)
        known = match is not None and match.group(1) in v.ERRORS
        if known and (not namespace or _MODEL_NAMESPACE.fullmatch(namespace)):
            return text
        if _API_WORD.fullmatch(text):
            self.unknown[key] += 1
        return self.replace(text)

    def number(self, key: str, text: str) -> str:
        """Return a number: counts, lengths and lifetimes stay; times are shifted; all others get other digits."""
        folded = key.lower()
        if folded in v.TIMES and (shifted := self.placeholders.shift_epoch(text)) is not None:
            return self.placeholders.remember("times", text, shifted)
        if folded in v.NUMBERS and len(text) <= _MAX_DIGITS:
            return text
        return self.placeholders.make("numbers", text, p.number_template(text))

    def prose(self, text: str, words: frozenset[str] = v.CODES) -> str:
        """Return running text with each word replaced, except `words` and names of the API."""
        return "".join(
            self.replace(part)
            if number % 2
            else "".join(
                each if n % 2 else self._word(each, words) for n, each in enumerate(shapes.SEPARATORS.split(part))
            )
            for number, part in enumerate(p.TIME.split(text))
        )

    def _word(self, text: str, words: frozenset[str]) -> str:
        if not text or text in self._keep or _word_stays(text, words):
            return text
        core = text.rstrip(".:!?")
        if core and core != text:
            return self._word(core, words) + text[len(core) :]
        pair = _PAIR.fullmatch(text)
        if pair and (v.is_name(pair.group(1)) or shapes.is_name_and_value(text)):
            name, value = pair.groups()
            return f"{name if name in words else self.key(name)}={self.value(name, value)}"
        return self.replace(text)

    def log(self, text: str) -> str:
        """Return a piece of a log line, with each unknown word replaced."""
        if (match := _CLIENT_ERROR.search(text)) is None:
            return self.prose(text, v.LOG)
        start, stripped = match.start(), text.rstrip()
        return self.prose(stripped[:start], v.LOG) + self.message(stripped[start:]) + text[len(stripped) :]

    def message(self, text: str) -> str:
        """Return an error message: in a known message, only the variable parts are replaced."""
        if shapes.is_json(text):
            return self.replace(text)
        if match := _CLIENT_ERROR.fullmatch(text):
            start = match.start(3)
            return self.prose(text[:start], _CLIENT_ERROR_WORDS) + self.message(text[start:])
        for template in _TEMPLATES:
            if match := template.fullmatch(text):
                result, done = "", 0
                for n in range(1, template.groups + 1):
                    result += text[done : match.start(n)] + self._phrases(match.group(n))
                    done = match.end(n)
                return result + text[done:]
        return self._phrases(text)

    def _phrases(self, text: str) -> str:
        return "".join(each if n % 2 else self.prose(each) for n, each in enumerate(_PHRASE.split(text)))


def _word_stays(text: str, words: frozenset[str]) -> bool:
    has_letters = any(each.isalnum() or not each.isascii() for each in text)
    is_product = words is v.AGENT and v.PRODUCT.fullmatch(text) is not None
    is_known = text in words or ("." in text and all(each in words for each in text.split(".")))
    return not has_letters or is_known or is_product or ("_" in text and v.is_name(text))
