"""Run `authfsm paths`: list and count the paths to sign in, and compare those of two pools."""

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
from authfsm.cli import pool_descriptions
from authfsm.cli.check_output import path_line
from authfsm.cli.exit_status import USAGE_ERROR, Failed
from authfsm.protocol.states import State

LIMIT: Final = 20
"""The number of paths that are listed by default."""


@frozen(kw_only=True)
class PathsOptions(pool_descriptions.PoolOptions):
    """The values of the command's options."""

    diff: tuple[Path, Path] | None
    through: str | None
    shortest: bool
    longest: bool
    doubted: bool
    device: bool
    limit: int
    as_json: bool


def list_paths(options: PathsOptions) -> None:
    """Print the paths, or the paths that a change of settings adds and removes.

    Raises:
        Failed: a usage error, or a description cannot be read.
    """
    if wrong := next(_wrong(options), None):
        raise Failed(wrong, USAGE_ERROR)
    (_print_change if options.diff else _print_paths)(options)


def _wrong(options: PathsOptions) -> Iterator[str]:
    for one, other in (
        ("pool", "diff"),
        ("settings", "diff"),
        ("shortest", "longest"),
        ("shortest", "diff"),
        ("longest", "diff"),
    ):
        if getattr(options, one) and getattr(options, other):
            yield f"--{one} and --{other} exclude each other"
    yield from options.conflicts()
    if options.limit != LIMIT:
        if options.shortest or options.longest:
            yield f"--limit has no effect with --{'shortest' if options.shortest else 'longest'}, which lists one path"
        if options.diff and options.as_json and options.limit:
            yield "--limit has no effect with --diff and --json, which have every path"
    if options.through and options.through.upper() not in State.__members__:
        yield f"unknown state {options.through}: choose one of {', '.join(State.__members__)}"


def _paths(
    options: PathsOptions, descriptions: pool_descriptions.Descriptions | None
) -> SignInPaths:
    settings = pool_descriptions.settings(descriptions) if descriptions else None
    return SignInPaths(settings, device=options.device, doubted=options.doubted)


def _print_paths(options: PathsOptions) -> None:
    paths = _paths(options, options.described())
    through = State[options.through.upper()] if options.through else None
    count = paths.count() if through is None else paths.count_through(through)
    every: Iterable[checks.Path] = paths if through is None else paths.through(through)
    if options.shortest:
        every = islice(every, 1)
    if options.longest:
        every = filter(
            None, [paths.longest() if through is None else max(every, key=len, default=None)]
        )
    listed = list(islice(every, options.limit or None))
    if options.as_json:
        _print_json(
            {"count": count, "by_length": paths.by_length, "paths": list(map(steps_of, listed))}
        )
        return
    console = Console(highlight=False, soft_wrap=True)
    for path in listed:
        console.print(path_line(path))
    named = f" through {through}" if through else ""
    summary = f"\n{count} path{'s' * (count != 1)} to sign in{named}"
    rest = count - len(listed)
    one = options.shortest or options.longest
    console.print(Text(summary + (f"; --limit 0 lists {rest} more." if rest and not one else ".")))


def _print_change(options: PathsOptions) -> None:
    before, after = (_paths(options, pool_descriptions.read(path)) for path in options.diff or ())
    change, through = Change(before, after), options.through and State[options.through.upper()]
    gained, lost = (
        [way for way in ways if not through or through in way.states]
        for ways in (change.gained(), change.lost())
    )
    if options.as_json:
        _print_json({"gained": list(map(steps_of, gained)), "lost": list(map(steps_of, lost))})
        return
    console = Console(highlight=False, soft_wrap=True)
    for mark, style, ways in (("+ ", "green", gained), ("- ", "red", lost)):
        for way in islice(ways, options.limit or None):
            console.print(Text.assemble((mark, style), path_line(way)))
    console.print(Text(f"\n{len(gained)} gained, {len(lost)} lost."))


def _print_json(document: dict[str, Any]) -> None:
    Console().out(json.dumps(document, indent=2), highlight=False)
