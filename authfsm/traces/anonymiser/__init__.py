"""Captures made fit to be published: the same shape and lengths, and nobody's data.

    neutralise(text)    a reply, a request, an error, a description, an event, a recorder's file, a HAR, a log

The rule is an allow-list: words that AWS or a standard publishes stay, everything else is replaced. The same
value becomes the same placeholder throughout one text. Times are moved: the first becomes 2020-01-01, all
others keep their distance to it. Regions and the names of AWS's services stay.
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
    """A neutral text, and what was replaced in it.

    Args:
        text: the text.
        replaced: how many different values of each kind were replaced.
        unknown: how many values were replaced whose keys have published values, by key: perhaps AWS has
            published more since.
    """

    text: str = field(repr=False)
    replaced: Mapping[str, int]
    unknown: Mapping[str, int]


def anonymise(text: str, *, keep: Iterable[str] = ()) -> AnonymisedText:
    """Replace everything in a capture that is not known to be harmless.

    Args:
        text: what was captured.
        keep: words that stay, for what AWS has published since.

    Raises:
        Unreadable: it cannot be read.
    """
    words = frozenset(keep)
    # First only to learn the values: a placeholder must not be one of them by chance.
    first = ValueAnonymiser(rewrite_json, words)
    rewrite(text, first)
    avoid = frozenset(each.lower() for each in first.placeholders.originals)
    neutral = ValueAnonymiser(rewrite_json, words, avoid)
    made = rewrite(text, neutral)
    return AnonymisedText(made, dict(neutral.placeholders.kinds), dict(neutral.unknown))
