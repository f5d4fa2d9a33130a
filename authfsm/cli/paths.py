"""`authfsm paths`: list and count the paths to sign in, and compare the paths of two pools."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import ClassVar, Final

from attrs import frozen
from rich.console import Console
from rich.text import Text

from authfsm import checks
from authfsm.checks import Change, SignInPaths
from authfsm.checks.findings import steps_of
from authfsm.checks.sign_in_paths import NEVER_ENTERED, why_no_path
from authfsm.cli.check import path_line
from authfsm.cli.command import FAILED, WrongUsage, as_json, option, print_message, refuse_exclusive, refuse_unknown
from authfsm.cli.pool_descriptions import Descriptions, PoolOptions, pool_option, settings_of
from authfsm.protocol.states import State

_LIMIT: Final = 20
_ON_PATHS: Final = [each.name for each in State if each not in NEVER_ENTERED]
_selection: Final = partial(option, panel="Selection")


@frozen(kw_only=True)
class Paths(PoolOptions):
    """List and count the paths to sign in: of the whole protocol, or of one user pool.

    A path leads from START to the tokens, without a refusal. It visits no state twice, with two exceptions: EMAIL_OTP
    may come once as first and once as second factor, and MFA_SETUP once for each step of the set-up. Left out are
    refreshes, and challenges that this version does not know. In CUSTOM_AUTH, a Lambda function may choose any
    challenge. Only two of its choices are listed: CUSTOM_CHALLENGE and, if the sign-in begins with SRP_A,
    PASSWORD_VERIFIER.
    """

    epilog: ClassVar[str] = "Exit status: 0 success; 1 failure, or the pool's settings allow no path; 2 usage error."

    diff: tuple[Path, Path] | None = pool_option(
        "Compare two files in the format of --settings: list the paths that B adds and removes.", metavar="A B"
    )
    through: str | None = _selection("Only paths through this state, for example SMS_MFA.", metavar="STATE")
    shortest: bool = _selection("Only one shortest path.", default=False)
    longest: bool = _selection("Only one longest path.", default=False)
    contradictory: bool = _selection(
        "Include transitions about which the sources contradict each other.", default=False
    )
    no_device: bool = _selection("Only paths without a remembered device.", default=False)
    limit: int = option("The number of paths to list; 0 lists all.", default=_LIMIT, min=0, panel="Output")
    json: bool = option("Print JSON.", default=False)

    def run(self) -> int:
        """Print the paths, or the paths that a change of settings adds and removes."""
        with_diff = ((name, "diff") for name in ("pool_id", "settings", "shortest", "longest"))
        refuse_exclusive(self, ("shortest", "longest"), *with_diff)
        self.refuse_conflicts()
        one = "shortest" if self.shortest else "longest" if self.longest else None
        if self.limit != _LIMIT and one:
            raise WrongUsage(f"--limit has no effect with --{one}, which lists one path")
        if self.limit not in {0, _LIMIT} and self.diff and self.json:
            raise WrongUsage("--limit has no effect with --diff and --json, which print every path")
        refuse_unknown("through", self.through and self.through.upper(), _ON_PATHS)
        return self._print_change() if self.diff else self._print_paths()

    def _paths(self, found: Descriptions | Path | None, where: object = None) -> tuple[SignInPaths, int]:
        """Return the paths and the exit status; print a message if the settings allow no path."""
        settings = settings_of(found, where) if found else None
        if why := settings and why_no_path(settings):
            print_message(f"{where or found}: {why}")
        return SignInPaths(settings, device=not self.no_device, contradictory=self.contradictory), FAILED if why else 0

    def _print_paths(self) -> int:
        paths, status = self._paths(self.described(), self.settings or self.pool_id)
        through = State[self.through.upper()] if self.through else None
        count = paths.count() if through is None else paths.count_through(through)
        every: Iterable[checks.Path] = paths if through is None else paths.through(through)
        if self.shortest:
            every = islice(every, 1)
        if self.longest:
            every = filter(None, [paths.longest() if through is None else max(every, key=len, default=None)])
        listed = list(islice(every, self.limit or None))
        if self.json:
            found = {"count": count, "by_length": paths.by_length, "paths": list(map(steps_of, listed))}
            sys.stdout.write(as_json(found))
            return status
        console = Console(highlight=False, soft_wrap=True)
        for path in listed:
            console.print(path_line(path))
        suffix = f" through {through}" if through else ""
        summary = f"\n{count} path{'s' * (count != 1)} to sign in{suffix}"
        rest = count - len(listed)
        one = self.shortest or self.longest
        console.print(Text(summary + (f"; --limit 0 lists {rest} more." if rest and not one else ".")))
        return status

    def _print_change(self) -> int:
        before, after = (self._paths(path)[0] for path in self.diff or ())
        change, through = Change(before, after), self.through and State[self.through.upper()]
        added, removed = (
            [path for path in paths if not through or through in path.states]
            for paths in (change.added(), change.removed())
        )
        if self.json:
            changed = {"added": list(map(steps_of, added)), "removed": list(map(steps_of, removed))}
            sys.stdout.write(as_json(changed))
            return 0
        console = Console(highlight=False, soft_wrap=True)
        for mark, style, paths in (("+ ", "green", added), ("- ", "red", removed)):
            for path in islice(paths, self.limit or None):
                console.print(Text.assemble((mark, style), path_line(path)))
        more = "; --limit 0 lists all" if 0 < self.limit < max(len(added), len(removed)) else ""
        console.print(Text(f"\n{len(added)} added, {len(removed)} removed{more}."))
        return 0
