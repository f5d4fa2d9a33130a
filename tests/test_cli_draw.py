"""`authfsm draw` draws the requested picture and names its file, or says in one line what to do."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import boto3
import pytest
from click.testing import CliRunner, Result

from authfsm import history_to_json
from authfsm.cli import app
from authfsm.cli import draw as draw_
from authfsm.cli import pool_descriptions as describing_
from authfsm.core.history import history_from_json
from authfsm.diagrams import DARK, FORMATS, LIGHT, diagram, render
from authfsm.local import LocalPool
from authfsm.settings import PoolSettings

PASSWORD = "Correct-Horse-1"


def draw(*options: object) -> Result:
    """Run the command in the current folder."""
    return CliRunner().invoke(app, ["draw", *map(str, options)])


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a temporary folder, and no credentials."""
    monkeypatch.chdir(tmp_path)
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


def texts(svg: Path) -> set[str]:
    """Return the texts of a picture."""
    root = ET.parse(svg).getroot()  # noqa: S314 -- our own
    return {"".join(each.itertext()).strip() for each in root.iter("{http://www.w3.org/2000/svg}text")}


def one_line(result: Result, code: int, *words: str) -> None:
    """Check that the command failed with this status, and with one line that has these words."""
    assert result.exit_code == code, result.output
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("authfsm draw: ")
    for each in words:
        assert each in result.stderr
    assert "Traceback" not in result.output


# ---- pictures -------------------------------------------------------------------------------------------------


def test_with_no_option_the_whole_protocol() -> None:
    """Without options the whole protocol is drawn to protocol.svg, and the output says so."""
    result = draw()

    assert result.exit_code == 0
    assert result.stderr == "drew protocol.svg\n"
    assert {"SMS_MFA", "WEB_AUTHN", "AUTHENTICATED"} <= texts(Path("protocol.svg"))


def test_a_flow_and_a_state() -> None:
    """A flow or a state, in upper or lower case, is drawn to a file of its name."""
    assert draw("--flow", "USER_SRP_AUTH").stderr == "drew user_srp_auth.svg\n"
    assert "WEB_AUTHN" not in texts(Path("user_srp_auth.svg"))
    assert draw("--state", "sms_mfa").stderr == "drew sms_mfa.svg\n"
    assert "SMS_MFA" in texts(Path("sms_mfa.svg"))


@pytest.mark.parametrize("options", ["-o a.pdf", "-f pdf -o a.pdf"])
def test_an_unfolded_pdf_has_every_page(options: str) -> None:
    """An unfolded PDF has a page for each file of an unfolded SVG."""
    flow = ("--flow", "REFRESH_TOKEN", "--unfolded")
    assert draw(*flow, *options.split()).exit_code == draw(*flow, "-o", "a.svg").exit_code == 0
    pages = re.findall(rb"/Type /Page\b", Path("a.pdf").read_bytes())
    assert len(pages) == len(list(Path().glob("*.svg"))) > 1


def test_failures_recovery_actions_unfolded_and_themes() -> None:
    """Options add failures, recovery actions, unfolded edges and other themes."""
    assert draw("--failures", "-o", "f.svg").exit_code == 0
    assert "FAILED" in texts(Path("f.svg"))
    assert draw("--actions", "-o", "r.dot").exit_code == 0
    assert "ForgotPassword" in Path("r.dot").read_text(encoding="utf-8")
    assert draw("--unfolded", "--flow", "REFRESH_TOKEN", "-o", "u.dot").exit_code == 0
    assert draw("--theme", "dark", "-o", "d.svg").exit_code == 0
    assert "#0d1117" in Path("d.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("flow.svg", b"<?xml"),
        ("flow.png", b"\x89PNG"),
        ("flow.dot", b"digraph"),
        ("flow.mmd", b"stateDiagram"),
        ("flow.md", b"|"),
        ("flow.scxml", b"<"),
        ("flow.xstate.json", b"{"),
        ("flow.json", b"{"),
    ],
)
def test_a_suffix_says_the_format(name: str, begins: bytes) -> None:
    """Each format is drawn without optional packages."""
    result = draw("--flow", "USER_SRP_AUTH", "-o", name)

    assert result.exit_code == 0, result.output
    assert result.stderr == f"drew {name}\n"
    picture = Path(name).read_bytes()
    assert picture.startswith(begins) or begins in picture[:400]


def test_pictures_need_no_system_dot(monkeypatch: pytest.MonkeyPatch) -> None:
    """SVG and PNG are drawn if no `dot` is on the PATH."""
    monkeypatch.setenv("PATH", "")

    assert draw("-o", "flow.svg", "-o", "flow.png").exit_code == 0
    assert Path("flow.svg").exists()
    assert Path("flow.png").exists()


def test_pdf_or_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """PDF needs an extra or the system's dot; without both, one line names both."""
    assert draw("-o", "flow.pdf").exit_code == 0
    assert Path("flow.pdf").read_bytes().startswith(b"%PDF")

    monkeypatch.setattr(render, "find_spec", lambda name: None)
    real = shutil.which
    monkeypatch.setattr(shutil, "which", lambda cmd, **kw: None if cmd == "dot" else real(cmd, **kw))
    one_line(draw("-o", "other.pdf"), 1, "authfsm[pdf]", "Graphviz", "dot")
    assert not Path("other.pdf").exists()


def test_no_engine_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a layout engine one line says what to install; formats that need none are drawn."""
    monkeypatch.setattr(shutil, "which", lambda cmd, **kw: None)

    one_line(draw(), 1, "pip install graphviz-pure", "dot")
    one_line(draw("--html", "x.html"), 1, "graphviz-pure")
    for name in ("flow.mmd", "flow.dot", "flow.md", "flow.scxml", "flow.json"):
        assert draw("-o", name).exit_code == 0


def test_an_engine_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's dot is used if an option asks for it; if it is missing, the command says so."""
    real = shutil.which
    monkeypatch.setattr(shutil, "which", lambda cmd, **kw: None if cmd == "dot" else real(cmd, **kw))

    one_line(draw("--engine", "dot"), 1, "dot is not installed")
    assert draw("--engine", "graphviz-pure").exit_code == 0


@pytest.mark.parametrize("form", [*filter(None, FORMATS), "png"])
def test_to_standard_output(form: str) -> None:
    """`-o -` writes the picture to standard output, and nothing else there."""
    result = subprocess.run(
        [sys.executable, "-m", "authfsm", "draw", "--flow", "REFRESH_TOKEN", "-o", "-", "-f", form],
        check=True,
        capture_output=True,
    )

    assert result.stdout
    assert result.stderr == b""


def test_a_wrong_option_is_refused_before_anything_is_written() -> None:
    """If an option of the picture is wrong, the page of --html is not written either."""
    one_line(draw("--html", "a.html", "-o", "x.svg", "--flow", "FOO"), 2, "FOO")
    assert not Path("a.html").exists()
    assert not Path("x.svg").exists()


@pytest.mark.parametrize("option", ["-o", "--html", "--save-settings"])
def test_an_input_file_is_not_overwritten(option: str) -> None:
    """A file that the command reads is not a file that it writes."""
    Path("pool.json").write_text('{"UserPool": {"MfaConfiguration": "ON"}}', encoding="utf-8")
    before = Path("pool.json").read_bytes()
    form = ("-f", "json") if option == "-o" else ()
    one_line(draw("--settings", "pool.json", option, "pool.json", *form), 2, "pool.json is the input file")
    assert Path("pool.json").read_bytes() == before


# ---- recorded sign-ins ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def steps() -> str:
    """The history of a sign-in, as text."""
    pool = LocalPool()
    pool.add_user("ada", password=PASSWORD)
    return history_to_json(pool.cognito().sign_in("ada", PASSWORD).history)


def test_a_walk_and_traffic(steps: str) -> None:
    """One history is highlighted; several histories are counted."""
    Path("one.jsonl").write_text(steps, encoding="utf-8")
    Path("many.jsonl").write_text(steps * 3, encoding="utf-8")

    assert draw("--history", "one.jsonl").stderr == "drew history.svg\n"
    assert any("1 \u00b7 user_srp_auth" in text for text in texts(Path("history.svg")))
    assert draw("--traffic", "many.jsonl").stderr == "drew traffic.svg\n"
    assert any("\u00d73" in text for text in texts(Path("traffic.svg")))
    one_line(draw("--history", "many.jsonl"), 1, "many.jsonl", "3 sign-ins", "--traffic")


def test_a_sequence(steps: str) -> None:
    """A sequence diagram of a flow or of a history has the user, the app and Cognito."""
    Path("one.jsonl").write_text(steps, encoding="utf-8")
    assert draw("--sequence", "--flow", "USER_SRP_AUTH").stderr == "drew user_srp_auth.svg\n"
    assert any("InitiateAuth (USER_SRP_AUTH)" in text for text in texts(Path("user_srp_auth.svg")))
    assert draw("--sequence", "--history", "one.jsonl", "-o", "walk.md").exit_code == 0
    assert "```mermaid" in Path("walk.md").read_text(encoding="utf-8")
    of_flow = ("--sequence", "--flow", "USER_AUTH", "-o")
    assert draw(*of_flow, "-", "-f", "mermaid").stdout.startswith("sequenceDiagram")
    assert draw(*of_flow, "-", "-f", "plantuml", "--label", "App=The site").stdout.startswith("@startuml")
    one_line(draw("--sequence"), 2, "--flow", "--history")
    one_line(draw(*of_flow, "a.scxml"), 2, ".puml")
    one_line(draw(*of_flow, "a.svg", "--label", "Ap=The site"), 2, "'App'")


def test_a_picture_for_light_and_dark_pages() -> None:
    """`--picture` draws both themes, and prints the HTML that selects one on GitHub."""
    result = draw("--flow", "REFRESH_TOKEN", "--picture", "-o", "flow.svg")
    light, dark = (Path(f"flow-{theme}.svg").read_text(encoding="utf-8") for theme in ("light", "dark"))
    assert (LIGHT.text in light, DARK.text in dark, LIGHT.text in dark) == (True, True, False)
    assert re.findall(r'(srcset|src|alt)="([^"]*)"', result.stdout) == [
        ("srcset", "flow-dark.svg"),
        ("alt", "Amazon Cognito sign-in: REFRESH_TOKEN"),
        ("src", "flow-light.svg"),
    ]
    one_line(draw("--picture", "-o", "flow.pdf"), 2, "--picture applies to svg, png, not to pdf")
    one_line(draw("--picture", "--theme", "dark"), 2, "cannot be used together")
    one_line(draw("--picture", "-o", "-"), 2, "--picture writes several files")
    assert list(Path().glob("-*")) == []


@pytest.mark.parametrize(
    ("options", "light"),
    [("-o P.SVG", "P-light.SVG"), ("-f svg -o foo", "foo-light.svg"), ("-o a.b.png", "a.b-light.png")],
)
def test_the_names_of_a_pair(options: str, light: str) -> None:
    """`--picture` accepts a suffix in upper case, and with --format a name without a suffix."""
    result = draw("--flow", "user_srp_auth", "--picture", *options.split())

    assert result.exit_code == 0, result.output
    assert light in result.output
    assert Path(light).stat().st_size


def test_an_animated_picture(steps: str) -> None:
    """`--animated` animates a recorded sign-in; `--picture` adds a still image for reduced motion."""
    Path("one.jsonl").write_text(steps, encoding="utf-8")
    result = draw("--history", "one.jsonl", "--animated", "--picture", "-o", "walk.svg")
    moving = {name: "@keyframes" in Path(f"walk-{name}.svg").read_text("utf-8") for name in ("light", "dark", "still")}
    assert moving == {"light": True, "dark": True, "still": False}
    assert re.findall(r'media="([^"]*)" srcset="([^"]*)"', result.stdout) == [
        ("(prefers-reduced-motion: reduce)", "walk-still.svg"),
        ("(prefers-color-scheme: dark)", "walk-dark.svg"),
    ]
    assert draw("--history", "one.jsonl", "--animated").exit_code == 0
    assert "@keyframes" in Path("history.svg").read_text("utf-8")
    one_line(draw("--history", "one.jsonl", "--animated", "-o", "walk.png"), 2, "--animated applies to svg, not to png")
    one_line(draw("--animated"), 2, "--animated requires --history")


@pytest.mark.parametrize("name", ["overview", "actions", "theme", "label", "history", "traffic", "faded", "diff"])
def test_the_formats_in_which_an_option_has_an_effect(name: str, steps: str) -> None:
    """A format is in an option's row of the table exactly if the option changes a diagram in that format."""
    history = history_from_json(steps)
    no_mfa, mfa = PoolSettings(mfa_configuration="OFF"), PoolSettings(mfa_configuration="ON")
    used: dict[str, Any] = {
        "theme": DARK, "labels": {"AUTHENTICATED": "Done"}, "traffic": [history], "difference": (mfa, no_mfa),
        "history": history,
    }  # fmt: skip
    argument = {"label": "labels", "diff": "difference"}.get(name, name)
    others: dict[str, Any] = {"failures": name == "actions", "flow": "USER_SRP_AUTH"}
    without = diagram(**others, settings=no_mfa if name in {"faded", "diff"} else None)
    settings: dict[str, Any] = {"settings": no_mfa} if name == "faded" else {}
    with_option = diagram(**others, **settings, **{argument: used.get(argument, True)})
    texts = FORMATS.keys() - {"", "svg"}

    changed = {each for each in texts if format(with_option, each) != format(without, each)}
    assert changed == texts & set(draw_._FORMATS[name])


@pytest.mark.parametrize(
    ("options", "applies_to", "formats"),
    [
        ("--theme dark --format json", "svg, png, pdf, dot, mermaid, plantuml", "json"),
        ("--theme dark -o a.MD -o a.json", "svg, png, pdf, dot, mermaid, plantuml", "json, markdown"),
        ("--theme dark --sequence --flow USER_SRP_AUTH -o a.puml", "svg, png, pdf, dot", "plantuml"),
        ("--engine dot --format mermaid", "svg, png, pdf, html", "mermaid"),
        ("--label SMS_MFA=Code -o a.xstate.json", "svg, png, pdf, dot, mermaid, plantuml, markdown", "xstate"),
        ("--overview -o a.mermaid", "svg, png, pdf, dot", "mermaid"),
        ("--actions -o - -f markdown", "svg, png, pdf, dot", "markdown"),
        ("--history one.jsonl -o a.scxml", "svg, png, pdf, dot, mermaid, plantuml, markdown, json", "scxml"),
        ("--html a.html --theme dark -o a.json", "svg, png, pdf, dot, mermaid, plantuml", "html, json"),
        ("--picture -f dot", "svg, png", "dot"),
    ],
)
def test_an_option_without_effect_in_the_format(options: str, applies_to: str, formats: str, steps: str) -> None:
    """An option without effect in every written format is a usage error that lists its formats; nothing is written."""
    Path("one.jsonl").write_text(steps, encoding="utf-8")
    words = (f"applies to {applies_to}, not to {formats}: omit it, or choose another format",)
    one_line(draw(*options.split()), 2, options.split()[options.count("--html") * 2], *words)
    assert [each.name for each in Path().iterdir()] == ["one.jsonl"]


@pytest.mark.parametrize(
    "options",
    [
        "-o a.svg -o b.xyz",
        "-o a.svg -o b",
        "--save-settings kept.json -o b.xyz",
        "--html a.html -o b.xyz",
        "-f dot -o a -o b.svg",
        "--picture -o a.svg -o b.gif",
        "--picture -o a.svg -o -",
    ],
)
def test_a_wrong_output_is_refused_before_anything_is_written(options: str) -> None:
    """A file of another format is a usage error, also after other outputs, and nothing is written."""
    settings = ("--settings", str(saved_description("pool.json"))) if "--save" in options else ()
    one_line(draw(*options.split(), *settings), 2)
    assert [each.name for each in Path().iterdir()] == ["pool.json"][: len(settings)]


def test_an_option_with_effect_in_one_of_the_formats() -> None:
    """An option may be used if it has an effect in one of the written formats, or on the page."""
    assert draw("--theme", "dark", "-o", "a.gv", "-o", "a.json", "--flow", "REFRESH_TOKEN").exit_code == 0
    engine = ("--engine", "graphviz-pure", "--html", "a.html", "-o", "a.mmd")
    assert draw(*engine, "--flow", "REFRESH_TOKEN").exit_code == 0


# ---- a pool's settings ------------------------------------------------------------------------------------------

POOL: dict[str, Any] = {
    "UserPool": {"Id": "eu-west-1_x", "MfaConfiguration": "OFF"},
    "UserPoolClient": {"ClientId": "y", "ClientSecret": "hush", "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"]},
    "MfaConfig": {"MfaConfiguration": "OFF"},
}


def saved_description(name: str, **changes: Any) -> Path:
    """Return a file with a description."""
    descriptions = {part: {**POOL[part], **changes.get(part, {})} for part in POOL}
    Path(name).write_text(json.dumps(descriptions), encoding="utf-8")
    return Path(name)


def test_saved_settings() -> None:
    """Transitions that the settings forbid are omitted, or faded with their reason."""
    saved_description("a.json")
    assert draw("--settings", "a.json").stderr == "drew pool.svg\n"
    assert "SMS_MFA" not in texts(Path("pool.svg"))
    assert draw("--settings", "a.json", "--faded", "-o", "faded.svg").exit_code == 0
    assert "SMS_MFA" in texts(Path("faded.svg"))
    assert "MfaConfiguration is OFF" in Path("faded.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("description", [POOL["UserPool"], {"UserPool": POOL["UserPool"]}])
def test_a_bare_reply_is_accepted(description: dict[str, Any]) -> None:
    """The output of `aws cognito-idp describe-user-pool`, or only the pool in it, is accepted."""
    Path("a.json").write_text(json.dumps(description), encoding="utf-8")

    assert draw("--settings", "a.json").exit_code == 0


def test_a_difference() -> None:
    """The transitions that appear and disappear between two files are marked."""
    on = {"MfaConfiguration": "ON"}
    saved_description("a.json")
    saved_description("b.json", UserPool=on, MfaConfig={**on, "SoftwareTokenMfaConfiguration": {"Enabled": True}})

    assert draw("--diff", "a.json", "b.json").stderr == "drew difference.svg\n"
    assert any("SOFTWARE_TOKEN_MFA" in text for text in texts(Path("difference.svg")))
    assert any("MFA becomes required" in text for text in texts(Path("difference.svg")))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not JSON: Expecting property name"),
        ('{"UserPool": {"Id": "a", "Id": "b"}}', "the key 'Id' occurs twice in one object"),
        pytest.param("[" * 100_000, "its JSON is nested too deeply", id="nested too deeply"),
        ("[]", "describes no pool"),
        ('{"UserPoolClient": {}}', "describes no pool"),
        # the reply of aws cognito-idp get-user-pool-mfa-config
        ('{"SoftwareTokenMfaConfiguration": {"Enabled": true}, "MfaConfiguration": "ON"}', "describes no pool"),
        ('{"UserPool": {"MfaConfiguration": "SOMETIMES"}}', "it can have OFF, ON, OPTIONAL"),
        ('{"UserPool": {"Policies": 7}}', "UserPool.Policies "),
        (None, "No such file"),
    ],
)
def test_files_that_are_no_description(text: str | None, words: str) -> None:
    """For a file that is no description, one line says what is wrong."""
    if text is not None:
        Path("a.json").write_text(text, encoding="utf-8")

    one_line(draw("--settings", "a.json"), 1, words)


class PoolSession:
    """A session and `cognito-idp` client that records requests and has fixed replies."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.calls: list[Any] = []

    def __call__(self, *_: Any, **options: Any) -> Any:
        """Return itself, as session and as client."""
        self.calls.append(options)
        return self

    client = __call__

    def _say(self, part: str, **named: Any) -> Any:
        self.calls.append(named)
        if self.error:
            raise self.error
        return {part: POOL[part]} if part != "MfaConfig" else POOL[part]

    def describe_user_pool(self, **named: Any) -> Any:
        """Return the pool."""
        return self._say("UserPool", **named)

    def describe_user_pool_client(self, **named: Any) -> Any:
        """Return the app client, with its secret."""
        return self._say("UserPoolClient", **named)

    def get_user_pool_mfa_config(self, **named: Any) -> Any:
        """Return the MFA settings."""
        return self._say("MfaConfig", **named)


def test_a_real_pool_is_described_and_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three operations describe a pool in its region; the saved file has no client secret."""
    session = PoolSession()
    monkeypatch.setattr(boto3.session, "Session", session)
    result = draw("--pool-id", "eu-west-1_x", "--client-id", "y", "--profile", "p", "--save-settings", "a.json")

    assert result.exit_code == 0
    assert result.stderr == "saved a.json\n"
    assert {"profile_name": "p"} in session.calls
    assert {"region_name": "eu-west-1", "endpoint_url": None} in session.calls
    assert {"UserPoolId": "eu-west-1_x", "ClientId": "y"} in session.calls
    text = Path("a.json").read_text(encoding="utf-8")
    assert "hush" not in text
    assert "ALLOW_USER_SRP_AUTH" in text
    assert draw("--settings", "a.json", "-o", "a.svg").exit_code == 0
    assert draw("--pool-id", "eu-west-1_x", "-o", "b.svg").exit_code == 0


def test_a_local_pool_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool at any endpoint can be described, for example a local pool."""
    pool = LocalPool(mfa="ON", mfa_methods=["SOFTWARE_TOKEN_MFA"])
    client = pool.client()
    session = PoolSession()
    session.client = lambda *_, **__: client  # type: ignore[method-assign]  # its client is the pool's
    monkeypatch.setattr(boto3.session, "Session", session)

    assert draw("--pool-id", pool.pool_id, "--client-id", pool.client_id).stderr == "drew pool.svg\n"
    assert "SOFTWARE_TOKEN_MFA" in texts(Path("pool.svg"))
    assert "SMS_MFA" not in texts(Path("pool.svg"))


def refused(code: str) -> Exception:
    """Return a ClientError."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 -- only here

    return ClientError({"Error": {"Code": code, "Message": "no"}}, "DescribeUserPool")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AccessDeniedException", describing_.ACTIONS.split(", ")),
        ("ExpiredTokenException", ["have expired", "aws sso login"]),
        ("UnrecognizedClientException", ["does not know these credentials"]),
        ("ResourceNotFoundException", ["eu-west-1_x was not found"]),
        ("TooManyRequestsException", ["TooManyRequestsException", "no"]),
    ],
)
def test_refusals_by_aws(monkeypatch: pytest.MonkeyPatch, code: str, words: list[str]) -> None:
    """If AWS refuses, one line says what to do; for access denied it names the three IAM actions."""
    monkeypatch.setattr(boto3.session, "Session", PoolSession(refused(code)))

    one_line(draw("--pool-id", "eu-west-1_x"), 1, *words)


def test_no_credentials_no_profile_no_network() -> None:
    """Without credentials, profile or network, one line says what to do."""
    one_line(draw("--pool-id", "abc"), 1, "eu-west-1_AbCdEfGhI", "abc")
    one_line(draw("--pool-id", "eu-west-1_x"), 1, "aws configure", "AWS_PROFILE", "--settings")
    one_line(draw("--pool-id", "eu-west-1_x", "--profile", "nope"), 1, "nope", "aws configure list-profiles")


def test_an_endpoint_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint that does not answer is named."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    one_line(draw("--pool-id", "eu-west-1_x", "--endpoint-url", "http://127.0.0.1:9"), 1, "127.0.0.1:9")


@pytest.mark.parametrize("error", [None, AttributeError(), TypeError(), KeyError()])
def test_an_endpoint_that_does_not_reply_as_cognito(monkeypatch: pytest.MonkeyPatch, error: Exception | None) -> None:
    """A reply without the pool, and JSON on which botocore fails, are an error of one line."""
    session = PoolSession(error)
    if error is None:
        monkeypatch.setattr(session, "describe_user_pool", lambda **_: {})
    monkeypatch.setattr(boto3.session, "Session", session)

    one_line(draw("--pool-id", "eu-west-1_x"), 1, "eu-west-1_x", "--endpoint-url")


# ---- the HTML page ------------------------------------------------------------------------------------------------


def test_the_page_to_explore() -> None:
    """`--html` writes one file, and a picture only if it is requested too."""
    saved_description("a.json")
    assert draw("--html", "flow.html").stderr == "drew flow.html\n"
    assert draw("--html", "mine.html", "--settings", "a.json").stderr == "drew mine.html\n"
    assert '"mfa_configuration":"OFF"' in Path("mine.html").read_text(encoding="utf-8")
    assert draw("--html", "both.html", "--diff", "a.json", "a.json").stderr == "drew both.html\n"
    assert '"before":{' in Path("both.html").read_text(encoding="utf-8")
    assert '"before":null' in Path("mine.html").read_text(encoding="utf-8")
    assert draw("--html", "x.html", "-o", "x.svg").stderr == "drew x.html\ndrew x.svg\n"
    assert sorted(path.name for path in Path().glob("*.svg")) == ["x.svg"]


# ---- usage errors -----------------------------------------------------------------------------------------------------


def test_the_default_name_follows_the_format() -> None:
    """Each format without a file name is written to a file with its suffix, not to protocol.svg."""
    for form, suffix in {"mermaid": "mmd", "markdown": "md", "xstate": "xstate.json", "dot": "dot"}.items():
        assert draw("-f", form).stderr == f"drew protocol.{suffix}\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--flow", "NO_SUCH"), ("NO_SUCH", "USER_SRP_AUTH")),
        (("--state", "NO_SUCH"), ("NO_SUCH", "SMS_MFA")),
        (("--format", "gif"), ("gif", "svg, mermaid, plantuml")),
        (("--theme", "pink"), ("pink", "light, dark")),
        (("--engine", "foo"), ("foo", "graphviz-pure, dot")),
        (("--html", "-"), ("--html", "standard output")),
        (("--save-settings", "-", "--settings", "a.json"), ("--save-settings", "standard output")),
        (("-f", "mermaid", "-o", "x.svg"), ("x.svg", "mermaid", ".mmd")),
        (("-f", "xstate", "-o", "x.json"), ("x.json", ".xstate.json")),
        (("-o", "flow.gif"), ("flow.gif", ".svg")),
        (("-o", "flow"), ("flow", ".svg", "--format")),
        (("--client-id", "y"), ("--client-id requires --pool-id",)),
        (("--faded",), ("--faded requires --pool-id or --settings",)),
        (("--pool-id", "a_b", "--settings", "c"), ("--pool-id and --settings cannot be used together",)),
        (("--history", "a", "--traffic", "b"), ("cannot be used together",)),
    ],
)
def test_called_wrongly(options: tuple[str, ...], words: tuple[str, ...]) -> None:
    """Wrong usage is one line with the possible values, and exit status 2."""
    one_line(draw(*options), 2, *words)


def test_a_folder_that_is_not_there() -> None:
    """A missing folder is one line, and exit status 1."""
    one_line(draw("-o", "nowhere/flow.svg"), 1, "nowhere/flow.svg", "No such file or directory")


def test_help_lists_the_exit_codes() -> None:
    """`--help` describes the exit status."""
    for command in ("draw", "explain"):
        assert "Exit status" in CliRunner().invoke(app, [command, "--help"]).stdout
