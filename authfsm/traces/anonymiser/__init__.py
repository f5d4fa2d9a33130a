"""Anonymises captured Cognito traffic for publication: replaces personal data and secrets, but keeps their shapes.

    anonymise(text)    a reply, request, error, description, event, recorded steps, HAR file or log

Words that AWS or a standard publishes stay, among them regions and the names of AWS services. Everything else is
replaced, and equal values get equal placeholders. Times are shifted so that the first in the text is 2020-01-01.

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
        replaced: how many different values were replaced, by kind.
        unknown: for each key, how many replaced values look like values of the API but are not known. AWS may have
            added them.
    """

    text: str = field(repr=False)
    replaced: Mapping[str, int]
    unknown: Mapping[str, int]


def anonymise(text: str, *, keep: Iterable[str] = ()) -> AnonymisedText:
    """Replace everything in captured traffic that is not known to be harmless.

    Args:
        text: the captured text.
        keep: words (or one word) that are not replaced, for example values that AWS has added.

    Raises:
        UnreadableDocument: the text cannot be read.
    """
    words = frozenset([keep] if isinstance(keep, str) else keep)
    # The first pass only collects the values, because a placeholder must not equal one of them by chance.
    collector = ValueAnonymiser(rewrite_json, words)
    rewrite(text, collector)
    avoid = frozenset(each.lower() for each in collector.placeholders.originals)
    anonymiser = ValueAnonymiser(rewrite_json, words, avoid)
    result = rewrite(text, anonymiser)
    return AnonymisedText(result, dict(anonymiser.placeholders.kinds), dict(anonymiser.unknown))
