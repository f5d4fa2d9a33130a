"""What `authfsm paths` does: lists and counts the ways to sign in, and what changes between two pools."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from attrs import frozen
from rich.console import Console
from rich.text import Text

from authfsm import checks
from authfsm.checks import Change, SignInPaths
from authfsm.checks.findings import steps_of
from authfsm.cli import describing
from authfsm.cli.check_output import walked
from authfsm.cli.failing import MISUSED, Failed
from authfsm.protocol.states import State

LIMIT: Final = 20
"""How many paths are listed, if nothing else is said."""


@frozen(kw_only=True)
class PathsOptions(describing.PoolOptions):
    """What is wanted: the options of the command, by their names."""

    diff: tuple[Path, Path] | None
    through: str | None
    shortest: bool
    longest: bool
    doubted: bool
    device: bool
    limit: int
    as_json: bool


def tell(wanted: PathsOptions) -> None:
    """Tell what is wanted.

    Raises:
        Failed: it could not be done.
    """
    if wrong := next(_wrong(wanted), None):
        raise Failed(wrong, MISUSED)
    (_change if wanted.diff else _ways)(wanted)


def _wrong(wanted: PathsOptions) -> Iterator[str]:
    for one, other in (
        ("pool", "diff"),
        ("settings", "diff"),
        ("shortest", "longest"),
        ("shortest", "diff"),
        ("longest", "diff"),
    ):
        if getattr(wanted, one) and getattr(wanted, other):
            yield f"--{one} and --{other} exclude each other"
    yield from wanted.conflicts()
    if wanted.limit != LIMIT:
        if wanted.shortest or wanted.longest:
            yield f"--limit has no effect with --{'shortest' if wanted.shortest else 'longest'}, which lists one path"
        if wanted.diff and wanted.as_json and wanted.limit:
            yield "--limit has no effect with --diff and --json, which have every path"
    if wanted.through and wanted.through.upper() not in State.__members__:
        yield f"unknown state {wanted.through}: choose one of {', '.join(State.__members__)}"


def _of(wanted: PathsOptions, told: describing.Descriptions | None) -> SignInPaths:
    settings = describing.settings(told) if told else None
    return SignInPaths(settings, device=wanted.device, doubted=wanted.doubted)


def _ways(wanted: PathsOptions) -> None:
    ways = _of(wanted, wanted.described())
    through = State[wanted.through.upper()] if wanted.through else None
    count = ways.count() if through is None else ways.count_through(through)
    every: Iterable[checks.Path] = ways if through is None else ways.through(through)
    if wanted.shortest:
        every = islice(every, 1)
    if wanted.longest:
        every = filter(
            None, [ways.longest() if through is None else max(every, key=len, default=None)]
        )
    listed = list(islice(every, wanted.limit or None))
    if wanted.as_json:
        _print_json(
            {"count": count, "by_length": ways.by_length, "paths": list(map(_plain, listed))}
        )
        return
    console = Console(highlight=False, soft_wrap=True)
    for way in listed:
        console.print(walked(way))
    named = f" through {through}" if through else ""
    told = f"\n{count} path{'s' * (count != 1)} to sign in{named}"
    rest = count - len(listed)
    one = wanted.shortest or wanted.longest
    console.print(Text(told + (f"; --limit 0 lists {rest} more." if rest and not one else ".")))


def _change(wanted: PathsOptions) -> None:
    before, after = (_of(wanted, describing.read(path)) for path in wanted.diff or ())
    change, through = Change(before, after), wanted.through and State[wanted.through.upper()]
    gained, lost = (
        [way for way in ways if not through or through in way.states]
        for ways in (change.gained(), change.lost())
    )
    if wanted.as_json:
        _print_json({"gained": list(map(_plain, gained)), "lost": list(map(_plain, lost))})
        return
    console = Console(highlight=False, soft_wrap=True)
    for mark, style, ways in (("+ ", "green", gained), ("- ", "red", lost)):
        for way in islice(ways, wanted.limit or None):
            console.print(Text.assemble((mark, style), walked(way)))
    console.print(Text(f"\n{len(gained)} gained, {len(lost)} lost."))


def _plain(way: checks.Path) -> Any:
    return steps_of(way)


def _print_json(told: dict[str, Any]) -> None:
    Console().out(json.dumps(told, indent=2), highlight=False)
