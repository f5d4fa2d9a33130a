"""`authfsm draw`: the options of the command; `authfsm.cli.draw_output` runs it.

Exit status: 0, success, or the gallery is up to date; 1, failure, or the gallery is out of date; 2, usage
error.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from authfsm.cli.exit_status import Failed, end
from authfsm.cli.options import PANEL, Client, EndpointUrl, Pool, Profile, Region, Settings

_FILE: Final = {"dir_okay": False}
_WHAT, _HOW, _KEPT = "Content", "Output", "Generated files of this repository"

EPILOG: Final = "Exit status: 0 success, or the gallery is up to date; 1 failure, or the gallery is out of date; 2 usage error."


def draw(
    *,
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR]",
            help="With --check: the gallery's folder; ./diagrams by default.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            allow_dash=True,
            help="Write to this file; the suffix sets the format: .svg .png .pdf .dot .mmd .md .scxml .xstate.json .json. - is standard output. Repeatable.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            help="Output format: svg, png, pdf, dot, mermaid, markdown, scxml, xstate or json; by default the one of the suffix.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    flow: Annotated[
        str | None,
        typer.Option(
            help="Only the states that this flow can reach, for example USER_SRP_AUTH.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(
            help="Only this state and its neighbours, for example SMS_MFA.", rich_help_panel=_WHAT
        ),
    ] = None,
    failures: Annotated[
        bool,
        typer.Option(
            "--failures", help="Also draw the refusals that end an attempt.", rich_help_panel=_WHAT
        ),
    ] = False,
    actions: Annotated[
        bool,
        typer.Option(
            "--actions",
            help="As --failures, with what to do after each refusal.",
            rich_help_panel=_WHAT,
        ),
    ] = False,
    unfolded: Annotated[
        bool,
        typer.Option(
            "--unfolded",
            help="Draw every transition separately instead of merging similar ones.",
            rich_help_panel=_WHAT,
        ),
    ] = False,
    history: Annotated[
        Path | None,
        typer.Option(
            **_FILE,
            help="Draw the path of one recorded sign-in: JSON lines, as written by history_to_json.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    traffic: Annotated[
        Path | None,
        typer.Option(
            **_FILE,
            help="Draw how often each transition was taken: the JSON lines of many sign-ins, concatenated.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    sequence: Annotated[
        bool,
        typer.Option(
            "--sequence",
            help="Write a Mermaid sequence diagram of user, app and Cognito.",
            rich_help_panel=_WHAT,
        ),
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(
            **_FILE, help="Write an interactive page as one HTML file.", rich_help_panel=_WHAT
        ),
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
            **_FILE,
            help="Save the pool's description to this file, without secrets.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    diff: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="A B",
            help="Compare two saved descriptions: show what B enables and disables.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    faded: Annotated[
        bool,
        typer.Option(
            "--faded",
            help="Also show what the pool's settings exclude, in a faded colour.",
            rich_help_panel=PANEL,
        ),
    ] = False,
    theme: Annotated[
        str | None,
        typer.Option(help="Colour theme: light, dark, print or auto.", rich_help_panel=_HOW),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            help="Layout engine: graphviz-pure, or the installed Graphviz (dot).",
            rich_help_panel=_HOW,
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Check that the gallery (./diagrams or DIR) and the table in the README.md next to it are up to date.",
            rich_help_panel=_KEPT,
        ),
    ] = False,
    gallery: Annotated[
        Path | None,
        typer.Option(
            file_okay=False,
            help="Regenerate the gallery in this folder, and the table in the README.md next to it.",
            rich_help_panel=_KEPT,
        ),
    ] = None,
) -> None:
    """Draw the protocol, one flow, one state, the paths of a user pool, or the path of a recorded sign-in.

    Without options it draws the whole protocol to protocol.svg. Graphviz need not be installed.
    """
    from authfsm.cli import draw_output  # noqa: PLC0415 - imported only when it runs: --help stays fast
    from authfsm.cli import gallery as gallery_files  # noqa: PLC0415 - imported only when it runs: --help stays fast

    try:
        options = draw_output.DrawOptions(
            folder=folder, outputs=output or [], form=format_, flow=flow, state=state,
            failures=failures, actions=actions, unfolded=unfolded, history=history,
            traffic=traffic, sequence=sequence, html=html, pool=pool, client=client,
            profile=profile, region=region, endpoint_url=endpoint_url, settings=settings,
            save_settings=save_settings, diff=diff, faded=faded, theme=theme, engine=engine,
        )  # fmt: skip
        if check or gallery is not None:
            gallery_files.update_or_check(options, gallery, check=check)
        else:
            draw_output.draw(options)
    except Failed as failed:
        end("draw", failed)
