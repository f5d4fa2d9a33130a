"""Anonymises captured Cognito traffic for publication: same shapes and lengths, no personal data, no secrets.

    anonymise(text)    a reply, request, error, description, event, recorded steps, HAR file or log

Words that AWS or a standard publishes stay; everything else is replaced, each value by the same placeholder
throughout the text. Times are shifted so that the first is 2020-01-01. Regions and the names of AWS services stay.

Public: `anonymise`, `AnonymisedText` and `UnreadableDocument`. All modules are private.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import field, frozen

from authfsm.traces.anonymiser.documents import UnreadableDocument as UnreadableDocument
from authfsm.traces.anonymiser.documents import rewrite, rewrite_json
from authfsm.traces.anonymiser.value_anonymiser import ValueAnonymiser

__all__ = ["AnonymisedText", "UnreadableDocument", "anonymise"]


@frozen
class AnonymisedText:
    """An anonymised text, and what was replaced in it.

    Args:
        text: the text.
        replaced: how many different values of each kind were replaced.
        unknown: by key, how many values were replaced where AWS documents values. AWS may have added some.
    """

    text: str = field(repr=False)
    replaced: Mapping[str, int]
    unknown: Mapping[str, int]


def anonymise(text: str, *, keep: Iterable[str] = ()) -> AnonymisedText:
    """Replace everything in captured traffic that is not known to be harmless.

    Args:
        text: the captured text.
        keep: words that stay, for values that AWS has added.

    Raises:
        UnreadableDocument: the text cannot be read.
    """
    words = frozenset(keep)
    # The first pass only collects the values, as a placeholder must not equal one of them by chance.
    first = ValueAnonymiser(rewrite_json, words)
    rewrite(text, first)
    avoid = frozenset(each.lower() for each in first.placeholders.originals)
    anonymiser = ValueAnonymiser(rewrite_json, words, avoid)
    result = rewrite(text, anonymiser)
    return AnonymisedText(result, dict(anonymiser.placeholders.kinds), dict(anonymiser.unknown))
