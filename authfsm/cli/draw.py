"""`authfsm draw`: the options of the command; what they do is `authfsm.cli.drawing`'s business.

Exit codes: 0, it is drawn, or what was checked is so; 1, it could not be done, or is not so; 2, the
command was called in a way it does not know.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from authfsm.cli.failing import Failed, end
from authfsm.cli.options import PANEL, Client, EndpointUrl, Pool, Profile, Region, Settings

_FILE: Final = {"dir_okay": False}
_WHAT, _HOW, _KEPT = "What is drawn", "How", "The repository's own"

EPILOG: Final = "Exit codes: 0 drawn, or as it should be; 1 could not, or not as it should be; 2 called wrongly."


def draw(
    *,
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="With --check: the gallery.", show_default=False),
    ] = None,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            allow_dash=True,
            help="A file, its suffix says how: .svg .png .pdf .dot .mmd .md .scxml .xstate.json .json; - is standard output. Can be given again.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            help="svg, png, pdf, dot, mermaid, markdown, scxml, xstate or json; what the suffix says, if left out.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    flow: Annotated[
        str | None,
        typer.Option(help="Only what a flow reaches, as USER_SRP_AUTH.", rich_help_panel=_WHAT),
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(help="Only what is around a state, as SMS_MFA.", rich_help_panel=_WHAT),
    ] = None,
    failures: Annotated[
        bool, typer.Option("--failures", help="Where an attempt ends, too.", rich_help_panel=_WHAT)
    ] = False,
    rulings: Annotated[
        bool,
        typer.Option("--rulings", help="The same, and what to do then.", rich_help_panel=_WHAT),
    ] = False,
    unfolded: Annotated[
        bool, typer.Option("--unfolded", help="Every arrow by itself.", rich_help_panel=_WHAT)
    ] = False,
    history: Annotated[
        Path | None,
        typer.Option(
            **_FILE,
            help="The way one sign-in walked: JSON lines, as history_to_json writes them.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    traffic: Annotated[
        Path | None,
        typer.Option(
            **_FILE,
            help="How often each line was taken: the same of many sign-ins, strung together.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    sequence: Annotated[
        bool,
        typer.Option(
            "--sequence",
            help="A Mermaid sequence diagram: person, app, Cognito.",
            rich_help_panel=_WHAT,
        ),
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(**_FILE, help="A page to explore, all in one file.", rich_help_panel=_WHAT),
    ] = None,
    pool: Pool = None,
    client: Client = None,
    profile: Profile = None,
    region: Region = None,
    endpoint_url: EndpointUrl = None,
    settings: Settings = None,
    save_settings: Annotated[
        Path | None,
        typer.Option(
            **_FILE, help="Save the pool's description, without secrets.", rich_help_panel=PANEL
        ),
    ] = None,
    diff: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="A B",
            help="What turns on and off from one saved description to another.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    faded: Annotated[
        bool,
        typer.Option(
            "--faded", help="Show what the pool rules out, but faded.", rich_help_panel=PANEL
        ),
    ] = False,
    theme: Annotated[
        str | None, typer.Option(help="light, dark, print or auto.", rich_help_panel=_HOW)
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(help="graphviz-pure, or the system's dot.", rich_help_panel=_HOW),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Are the gallery (./diagrams, or DIR) and the README's table beside it what the code draws?",
            rich_help_panel=_KEPT,
        ),
    ] = False,
    gallery: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="Write them anew.", rich_help_panel=_KEPT),
    ] = None,
) -> None:
    """Draw the protocol: all of it, one flow, one state, what your pool can do, or a sign-in's walk.

    With no option: the whole protocol, to protocol.svg. Nothing else needs to be installed.
    """
    from authfsm.cli import drawing, keeping  # noqa: PLC0415 - only who draws waits for them

    try:
        if check or gallery is not None:
            keeping.keep(folder, gallery, check=check)
            return
        drawing.draw(
            drawing.Wanted(
                folder=folder, outputs=output or [], form=format_, flow=flow, state=state,
                failures=failures, rulings=rulings, unfolded=unfolded, history=history,
                traffic=traffic, sequence=sequence, html=html, pool=pool, client=client,
                profile=profile, region=region, endpoint_url=endpoint_url, settings=settings,
                save_settings=save_settings, diff=diff, faded=faded, theme=theme, engine=engine,
            )
        )  # fmt: skip
    except Failed as failed:
        end("draw", failed)
