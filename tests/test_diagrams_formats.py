"""Each format is accepted by independent readers: Mermaid, XState, SCXML interpreters, PDF readers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from conftest import lacking

from authfsm.core.history import Step
from authfsm.core.machine import build
from authfsm.diagrams import (
    DARK,
    FORMATS,
    SUFFIXES,
    ConflictingOptions,
    Diagram,
    Node,
    NoEngine,
    NoPdf,
    SettingsEffect,
    UnknownEngine,
    UnknownFlow,
    UnknownFormat,
    UnknownSuffix,
    diagram,
    render,
    sequence,
)
from authfsm.diagrams.dot import quoted
from authfsm.diagrams.example_pools import EXAMPLE_POOLS
from authfsm.diagrams.exports import identifier
from authfsm.diagrams.statecharts import NAMESPACE, arrows_by_source
from authfsm.protocol import responses as r
from authfsm.protocol.auth_flows import FLOWS
from authfsm.protocol.error_policy import RecoveryAction
from authfsm.protocol.responses import Code, SrpClaim, UserSrpAuth
from authfsm.protocol.states import State
from authfsm.protocol.table import Role

S = State
JS = Path(__file__).parent / "js"
XML = f"{{{NAMESPACE}}}"
WALK = (
    Step(1, S.START, UserSrpAuth, S.PASSWORD_VERIFIER),
    Step(2, S.PASSWORD_VERIFIER, SrpClaim, S.EMAIL_OTP, Role.SECOND_FACTOR),
    Step(3, S.EMAIL_OTP, Code, S.EMAIL_OTP, Role.SECOND_FACTOR, error="CodeMismatchException"),
    Step(4, S.EMAIL_OTP, Code, S.AUTHENTICATED),
)
ODD_LABELS = {"SMS_MFA": 'Code; per "SMS": <1> #2 {x} [y] end', "code": "der %% Code"}
OFF, REQUIRED = EXAMPLE_POOLS["mfa_off"][0], EXAMPLE_POOLS["mfa_required"][0]
PICTURES: dict[str, Diagram] = {
    "whole": diagram(),
    "unfolded": diagram(unfolded=True),
    "actions": diagram(actions=True),
    "odd labels": diagram(labels=ODD_LABELS),
    "a walk": diagram(history=WALK),
    "traffic": diagram(traffic=[WALK] * 3),
    "faded": diagram(settings=OFF, faded=True),
    "difference": diagram(difference=(OFF, REQUIRED)),
    "no way in": diagram(flow="USER_AUTH", settings=OFF),
    **{flow: diagram(flow=flow) for flow in FLOWS},
    **{state: diagram(state=state) for state in State},
    **{f"pool {name}": diagram(settings=settings) for name, (settings, _) in EXAMPLE_POOLS.items()},
}


def run_in_node(script: str, package: str, data: Any) -> Any:
    """Run a script in Node.js, and return its output."""
    program = shutil.which("node") or lacking("node")
    if not (JS / "node_modules" / package).is_dir():
        lacking(f"{package} (npm ci in tests/js)")
    process = subprocess.run(
        [program, str(JS / script)], input=json.dumps(data), capture_output=True, text=True, check=False, timeout=120
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


def test_mermaid_accepts_every_diagram() -> None:
    """Mermaid's own parser accepts each state diagram and each sequence, odd labels included."""
    texts = {name: format(drawn, "mermaid") for name, drawn in PICTURES.items()}
    texts |= {f"{flow} as a sequence": str(sequence(flow=flow)) for flow in FLOWS}
    texts["a walk as a sequence"] = str(sequence(history=WALK, labels=ODD_LABELS | {"Person": "A; B"}))

    assert {name: error for name, error in run_in_node("read_mermaid.mjs", "mermaid", texts).items() if error} == {}


EVENTS: list[dict[str, str]] = [
    {"type": step.response.trigger, "to": str(step.dest), **({"role": str(step.role)} if step.role else {})}
    for step in WALK
]
SECOND_FACTOR = "EMAIL_OTP_second_factor"


def test_xstate_runs_every_diagram(tmp_path: Path) -> None:
    """XState runs each diagram's module as it is, and follows a recorded sign-in: replies decide the path."""
    events: dict[str, Any] = {}
    for number, (name, drawn) in enumerate(PICTURES.items()):
        module = drawn.save(tmp_path / f"{number}.xstate.js").rename(tmp_path / f"{number}.mjs")
        events[name] = {"module": module.as_uri(), "events": []}
    (tmp_path / "node_modules").symlink_to(JS / "node_modules")
    events["whole"]["events"] = events["unfolded"]["events"] = EVENTS
    states = run_in_node("run_xstate.mjs", "xstate", events)

    assert states["whole"] == ["PASSWORD_VERIFIER", SECOND_FACTOR, SECOND_FACTOR, "AUTHENTICATED", "done"]
    assert states["unfolded"] == ["PASSWORD_VERIFIER", SECOND_FACTOR, SECOND_FACTOR, "AUTHENTICATED", "active"]
    assert states.keys() == PICTURES.keys()


def test_scxml_runs_every_diagram() -> None:
    """A third-party SCXML interpreter runs each diagram, and follows a recorded sign-in."""
    events: dict[str, Any] = {name: {"text": format(drawn, "scxml"), "events": []} for name, drawn in PICTURES.items()}
    events["whole"]["events"] = events["unfolded"]["events"] = EVENTS
    states = run_in_node("run_scxml.mjs", "@scion-scxml/scxml", events)["states"]

    expected = ["START", "PASSWORD_VERIFIER", SECOND_FACTOR, SECOND_FACTOR, "AUTHENTICATED"]
    assert states["whole"] == states["unfolded"] == expected
    assert states.keys() == PICTURES.keys()


def test_scxml_enters_a_state_again_only_for_a_new_challenge() -> None:
    """A refused answer and an acknowledgement stay in their state; a new challenge of the same name enters it again."""
    whole = {"text": format(diagram(unfolded=True), "scxml")}
    custom = [
        {"type": "custom_auth", "to": "CUSTOM_CHALLENGE"},
        {"type": "answer", "to": "CUSTOM_CHALLENGE", "kind": "new challenge"},
    ]
    app = [
        {"type": "user_password_auth", "to": "MFA_SETUP"},
        {"type": "associate_software_token", "to": "MFA_SETUP", "kind": "acknowledgement"},
        {"type": "verify_software_token", "to": "MFA_SETUP", "kind": "retry"},
    ]
    entered = run_in_node(
        "run_scxml.mjs", "@scion-scxml/scxml", {"custom": {**whole, "events": custom}, "app": {**whole, "events": app}}
    )["entered"]

    assert entered["custom"] == ["START", "CUSTOM_CHALLENGE", "CUSTOM_CHALLENGE"]
    assert entered["app"] == ["START", "MFA_SETUP"]


@pytest.mark.parametrize("name", PICTURES)
def test_a_statechart_has_the_arrows_of_its_diagram(name: str) -> None:
    """SCXML and XState have one transition for each arrow of the diagram, and every target is a state."""
    picture = PICTURES[name]
    root = ET.fromstring(format(picture, "scxml").encode())  # noqa: S314 -- we wrote it
    states = {each.get("id"): each for each in root if each.tag in {f"{XML}state", f"{XML}final"}}
    transitions = {
        (identity, each.get("event"), each.get("target", identity), each.get("cond"))
        for identity, state in states.items()
        for each in state.iter(f"{XML}transition")
    }
    all_arrows = [arrow for leaving in arrows_by_source(picture.model).values() for arrow in leaving]
    machine = json.loads(format(picture, "xstate"))

    assert root.tag == f"{XML}scxml"
    assert root.get("version") == "1.0"
    assert {root.get("initial"), *(target for _, _, target, _ in transitions)} <= states.keys()
    assert len(transitions) == len(all_arrows)
    assert not any(len(state) for state in states.values() if state.tag == f"{XML}final")
    assert machine["initial"] == root.get("initial")
    assert machine["states"].keys() == states.keys()
    assert len(all_arrows) == sum(
        len(steps) for state in machine["states"].values() for steps in state.get("on", {}).values()
    )


def test_a_statechart_omits_what_is_ruled_out() -> None:
    """A pool's statechart omits forbidden transitions, even if the diagram shows them faded."""
    faded = format(diagram(settings=OFF, faded=True), "scxml")

    assert "SMS_MFA" not in faded
    assert identifier(Node(S.PASSWORD_VERIFIER).name) in faded


@pytest.mark.parametrize("name", PICTURES)
def test_json_has_all_that_is_drawn(name: str) -> None:
    """The JSON has the nodes and edges by name, and what is omitted and why."""
    picture = PICTURES[name]
    plain = json.loads(format(picture, "json"))

    assert plain["format"] == "authfsm-diagram/1"
    assert [each["name"] for each in plain["nodes"]] == [each.name for each in picture.model.nodes]
    assert [(e["source"], e["dest"]) for e in plain["edges"]] == [
        (e.source.name, e.dest.name) for e in picture.model.edges
    ]
    assert {each["reason"] for each in plain["omitted"]} == {each.reason.value for each in picture.model.omitted}


@pytest.mark.parametrize("name", PICTURES)
def test_markdown_has_a_row_for_each_edge(name: str) -> None:
    """The Markdown is a table with a row for each edge."""
    picture = PICTURES[name]
    rows = [line for line in format(picture, "markdown").splitlines() if line.startswith("| ")]

    assert len(rows) == 1 + len(picture.model.edges)
    assert {row.count("|") for row in rows} == {4}


def test_mermaid_marks_effects_steps_and_counts() -> None:
    """Mermaid marks forbidden, new and missing transitions with a sign, and shows steps and counts."""
    faded, difference = (format(PICTURES[name], "mermaid") for name in ("faded", "difference"))
    walk, traffic = (format(PICTURES[name], "mermaid") for name in ("a walk", "traffic"))

    assert "✕ custom_auth" in faded
    assert 'state "+ SOFTWARE_TOKEN_MFA"' in difference
    assert "3 · CodeMismatchException" in walk
    assert "user_srp_auth \u00d73" in traffic


def test_mermaid_ends_where_sign_ins_end() -> None:
    """Where an edge leads to START, it is a node of its own, since Mermaid's dot would look like an end."""
    unfolded, srp = (format(PICTURES[name], "mermaid") for name in ("unfolded", "USER_SRP_AUTH"))

    assert "    [*] --> START\n" in unfolded
    assert "AUTHENTICATED --> START : " in unfolded
    assert "--> [*]" in srp.replace("FAILED", "")
    assert "    [*] --> PASSWORD_VERIFIER : user_srp_auth\n" in srp


def test_every_suffix_saves(tmp_path: Path) -> None:
    """The suffix decides the format; `.xstate.json` and `.json` differ."""
    picture = diagram(flow="REFRESH_TOKEN_AUTH")
    starts = {
        ".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF-", ".dot": b"digraph", ".gv": b"digraph",
        ".mmd": b"stateDiagram-v2", ".puml": b"@startuml", ".xstate.js": b"import",
        ".mermaid": b"stateDiagram-v2", ".md": b"| from",
        ".scxml": b"<?xml", ".xstate.json": b'{\n  "id"', ".json": b'{\n  "format"',
    }  # fmt: skip

    assert starts.keys() == SUFFIXES.keys()
    for suffix, start in starts.items():
        assert picture.save(tmp_path / f"refresh{suffix}").read_bytes().startswith(start)


def test_every_format_has_a_name() -> None:
    """`format(diagram, name)` returns each text; an unknown name is an error that lists the names."""
    picture = diagram(flow="REFRESH_TOKEN_AUTH")

    assert all(format(picture, name) for name in FORMATS)
    assert f"{picture}" == f"{picture:dot}" == str(picture)
    with pytest.raises(UnknownFormat, match="'gif'; the formats are dot, svg, mermaid"):
        format(picture, "gif")


def test_pdf_without_a_system_package() -> None:
    """The extra `pdf` writes PDF of any diagram, in any theme."""
    assert diagram().pdf().startswith(b"%PDF-")
    assert diagram(theme=DARK, history=WALK).pdf().startswith(b"%PDF-")


def test_pdf_without_a_converter(monkeypatch: pytest.MonkeyPatch) -> None:
    """If nothing can write PDF, the error says in one line what to install."""
    monkeypatch.setattr(render, "find_spec", lambda _: None)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)

    with pytest.raises(NoPdf, match=r"pip install 'authfsm\[pdf\]'") as caught:
        diagram().pdf()
    assert "\n" not in str(caught.value)


def test_texts_need_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a layout engine every text format but SVG works, and the error names them."""
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)

    assert all(format(diagram(), name) for name in FORMATS if name != "svg")
    with pytest.raises(NoEngine, match=r"Mermaid, PlantUML, Markdown"):
        diagram().svg()
    with pytest.raises(NoEngine, match=r"^dot is not installed: install Graphviz so that"):
        diagram(engine="dot").svg()


def test_an_engine_is_used_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """`engine="dot"` uses the system's Graphviz and nothing else."""
    engines: list[str] = []
    monkeypatch.setattr(shutil, "which", lambda name, **_: engines.append(name))

    with pytest.raises(NoEngine):
        diagram(engine="dot").png()
    assert set(engines) == {"dot"}


def test_an_unknown_engine_is_not_run() -> None:
    """A name that is no layout engine is refused with the names of the engines, even if a program has it."""
    for drawn in (diagram(flow="REFRESH_TOKEN", engine="cat"), sequence(flow="REFRESH_TOKEN", engine="cat")):
        for draw in (drawn.svg, drawn.png, drawn.pdf):
            with pytest.raises(UnknownEngine, match="no engine is named 'cat'; the engines are graphviz-pure, dot"):
                draw()


def test_pdf_by_an_engine_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the engine "dot" is asked for and missing, the error of a PDF names it, not the library that writes PDF."""
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)

    with pytest.raises(NoEngine, match=r"^dot is not installed"):
        diagram(engine="dot").pdf()


def test_dot_on_windows_has_every_font(monkeypatch: pytest.MonkeyPatch) -> None:
    """`dot.exe` draws characters that graphviz-pure has no font for, as `dot` does."""
    monkeypatch.setattr(render, "engine", lambda _: "/graphviz/dot.EXE")
    monkeypatch.setattr(render, "_run", lambda *_: b"png")

    assert diagram(labels={"SMS_MFA": "日本"}, engine="dot").png() == b"png"


def test_a_font_that_no_engine_would_find() -> None:
    """An error about the fonts of a PDF of several pages, which `dot` cannot write, does not suggest `dot`."""
    labels = {"SMS_MFA": "日本"}
    with pytest.raises(render.MissingFont, match='the engine "dot"'):
        diagram(labels=labels).pdf()
    with pytest.raises(render.MissingFont, match="save the diagram as SVG") as caught:
        diagram(labels=labels, unfolded=True).pdf()
    assert "dot" not in str(caught.value)


def test_a_sequence_has_cognitos_names() -> None:
    """A flow's sequence has operations, challenges and parameters as Cognito spells them."""
    text = str(sequence(flow="USER_SRP_AUTH"))

    assert "App->>Cognito: InitiateAuth (USER_SRP_AUTH)<br/>USERNAME, SRP_A" in text
    assert "Cognito-->>App: PASSWORD_VERIFIER<br/>SALT, SRP_B, SECRET_BLOCK, USER_ID_FOR_SRP" in text
    assert "AssociateSoftwareToken" in text
    assert "AdminInitiateAuth" in str(sequence(flow="ADMIN_USER_PASSWORD_AUTH"))
    assert "AdminRespondToAuthChallenge" in str(sequence(flow="ADMIN_USER_PASSWORD_AUTH"))


def test_a_sequence_opens_and_closes() -> None:
    """Every `opt` and `alt` of a sequence ends."""
    for flow in FLOWS:
        words = re.findall(r"^ +(opt|alt|end)\b", str(sequence(flow=flow)), re.MULTILINE)
        assert words.count("end") == len(words) - words.count("end")


def test_a_pools_sequence_is_shorter() -> None:
    """With a pool's settings a sequence omits the messages that they forbid."""
    text = str(sequence(flow="USER_SRP_AUTH", settings=OFF))

    assert "NEW_PASSWORD_REQUIRED" in text
    assert "SMS_MFA" not in text
    assert "DEVICE_SRP_AUTH" not in text


def test_a_history_as_a_sequence() -> None:
    """A recorded sign-in's sequence has each step's number, and each refusal as a lost message."""
    text = str(sequence(history=WALK))

    assert "1 · InitiateAuth (USER_SRP_AUTH)" in text
    assert "Cognito--xApp: CodeMismatchException" in text
    assert text.rstrip().endswith("App-->>Person: signed in")


def test_replies_without_tokens_in_a_sequence() -> None:
    """Confirming a device and signing out return no tokens, and a refresh no refresh token; the person does neither."""
    text = str(
        sequence(
            history=[
                Step(1, S.START, r.RefreshTokenAuth, S.AUTHENTICATED),
                Step(2, S.AUTHENTICATED, r.ConfirmDevice, S.AUTHENTICATED),
                Step(3, S.AUTHENTICATED, r.GetTokensFromRefreshToken, S.AUTHENTICATED),
                Step(4, S.AUTHENTICATED, r.RevokeToken, S.START),
            ]
        )
    )

    assert re.findall("Cognito-->>App: (.*)", text) == [
        "AuthenticationResult<br/>AccessToken, IdToken",
        "UserConfirmationNecessary",
        "AuthenticationResult<br/>AccessToken, IdToken",
        "an empty reply",
    ]
    refresh = str(sequence(flow="REFRESH_TOKEN_AUTH"))
    assert "Person-" not in text + refresh
    assert "-->>Person" not in text + refresh
    assert "RefreshToken" not in refresh.replace("REFRESH_TOKEN", "")


def test_a_recorded_sign_in_of_an_administrator() -> None:
    """A sign-in that begins with AdminInitiateAuth continues with AdminRespondToAuthChallenge."""
    begin = Step(1, S.START, r.AdminUserPasswordAuth, S.SMS_MFA)

    text = str(sequence(history=[begin, Step(2, S.SMS_MFA, Code, S.AUTHENTICATED)]))
    assert "1 · AdminInitiateAuth (ADMIN_USER_PASSWORD_AUTH)" in text
    assert "2 · AdminRespondToAuthChallenge (SMS_MFA)" in text


def test_a_response_without_the_device_key_needs_no_input() -> None:
    """After a device was dropped, the app sends the response again by itself: the person signs in once."""
    dropped = Step(
        1, S.START, r.UserPasswordAuth, S.START, None, RecoveryAction.DROP_DEVICE, "ResourceNotFoundException"
    )
    text = str(sequence(history=[dropped, Step(2, S.START, r.UserPasswordAuth, S.AUTHENTICATED)]))

    assert text.count("Person->>App: signs in") == 1
    assert re.findall(r"App->>Cognito: (\d)", text) == ["1", "2"]


def test_a_device_proves_its_own_password() -> None:
    """The note about a device's SRP proof is not that about the user's."""
    notes = re.findall("note over App: (.*)", str(sequence(flow="USER_SRP_AUTH")))

    assert [note.split(" by SRP")[0] for note in notes] == [
        "The app proves the password",
        "The app proves the device's password",
    ]


def test_a_flow_that_settings_rule_out_says_so() -> None:
    """A sequence of a flow with which a pool's users cannot sign in has a note that says so."""
    text = str(sequence(flow="USER_AUTH", settings=OFF))

    assert "note over App: The pool's settings allow no sign-in by this flow." in text
    assert "Person->>" not in text


def test_a_sequence_needs_a_flow_or_a_history() -> None:
    """A sequence is drawn of a flow or of a history; with both, or neither, the error names the two."""
    for options in ({}, {"flow": "USER_SRP_AUTH", "history": WALK}):
        with pytest.raises(ConflictingOptions, match="flow, or with history: choose one"):
            sequence(**options)  # type: ignore[arg-type]
    with pytest.raises(UnknownFlow, match="no flow is named 'SRP'; the flows are USER_SRP_AUTH"):
        sequence(flow="SRP")


def test_a_sequence_in_words() -> None:
    """The description of a sequence has the names that it shows, and says what is optional and what an alternative."""
    words = sequence(flow="USER_SRP_AUTH", labels={"Person": "User"}).description

    assert words.startswith("User to App: signs in. App to Cognito: InitiateAuth (USER_SRP_AUTH). ")
    assert "Only if Cognito asks: Choose a second factor. Cognito to App: SELECT_MFA_TYPE." in words
    assert re.search(r"One of these: EMAIL_OTP\. .* Or: SMS_MFA\. .* End of this part\. ", words)
    assert "Person" not in words
    assert ".." not in words


def test_a_sequence_is_saved(tmp_path: Path) -> None:
    """A sequence is saved as a picture, as text, or as Markdown that GitHub draws; another suffix is an error."""
    picture = sequence(flow="REFRESH_TOKEN")

    assert picture.save(tmp_path / "a.mmd").read_text(encoding="utf-8") == str(picture) == format(picture, "mermaid")
    assert picture.save(tmp_path / "a.md").read_text(encoding="utf-8") == f"```mermaid\n{picture}```\n"
    assert picture.save(tmp_path / "a.puml").read_text(encoding="utf-8") == format(picture, "plantuml")
    for suffix, start in ((".svg", b"<?xml"), (".png", b"\x89PNG"), (".pdf", b"%PDF"), (".dot", b"digraph")):
        assert picture.save(tmp_path / f"a{suffix}").read_bytes().startswith(start)
    with pytest.raises(UnknownSuffix):
        picture.save(tmp_path / "a.scxml")
    assert picture._repr_mimebundle_().keys() == {"image/svg+xml", "image/png", "text/plain"}


def test_plantuml_accepts_diagrams() -> None:
    """PlantUML itself accepts state diagrams and sequences, and shows odd labels as they are."""
    jar, java = Path("/usr/share/plantuml/plantuml.jar"), shutil.which("java") or lacking("java")
    if not jar.is_file():
        lacking("plantuml")
    special_characters = "".join(map(chr, range(32, 127))).strip() + " __b__ //i// ~~ &#1;"
    some = ("whole", "a walk", "traffic", "difference", "no way in", "USER_AUTH", "SMS_MFA")
    labelled = sequence(history=WALK, labels=dict.fromkeys(("Person", "the code", "EMAIL_OTP"), special_characters))
    states = [*(PICTURES[name] for name in some), diagram(labels=dict.fromkeys(ODD_LABELS, special_characters))]

    def run(option: str, *texts: str) -> str:
        program = [java, "-Djava.awt.headless=true", "-jar", str(jar), option, "-pipe"]
        text = "".join(texts).encode()
        return subprocess.run(program, input=text, capture_output=True, check=False, timeout=120).stdout.decode()

    sequences = [sequence(flow="USER_SRP_AUTH"), labelled]
    wrong = "@startuml\n[*] --> A\nno such line\n@enduml\n"
    output = run("-syntax", *(format(drawn, "plantuml") for drawn in (*states, *sequences)), wrong)
    assert re.findall("^[A-Z]+$", output, re.MULTILINE) == [*["STATE"] * 8, "SEQUENCE", "SEQUENCE", "ERROR"]
    assert output.count("(3 participants)") == 2
    svg = ET.fromstring(run("-tsvg", format(labelled, "plantuml")))  # noqa: S314 - PlantUML's
    words = [(each.text or "").replace("\xa0", " ") for each in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert words.count(special_characters) >= 3


@pytest.mark.parametrize("form", ["mermaid", "plantuml"])
def test_a_transition_of_your_own_to_start_is_no_end(form: str) -> None:
    """If an application's transition leads to START, START is a state, not the dot that would look like an end."""
    text = format(diagram(build(transitions=[["log_out", State.AUTHENTICATED, State.START]])), form)

    assert "AUTHENTICATED --> START : log_out" in text
    assert "[*] --> START" in text


def test_a_transition_of_your_own_keeps_the_role_of_its_state() -> None:
    """An application's transition from EMAIL_OTP to itself does not lead from one role to the other."""
    text = format(diagram(build(transitions=[["resend", State.EMAIL_OTP, State.EMAIL_OTP]])), "mermaid")

    ends = [f"EMAIL_OTP_{role}_factor --> EMAIL_OTP_{role}_factor" for role in ("first", "second")]
    assert re.findall("(EMAIL_OTP.*) : resend", text) == ends


@pytest.mark.parametrize("form", ["mermaid", "plantuml"])
def test_states_of_your_own_stay_apart(form: str) -> None:
    """Custom states whose names differ only in special characters, or are keywords, stay separate."""
    names = ("a-b", "a_b", "a b", "end", "state", "<x>", '"', "1st", "日本", "EMAIL_OTP_first_factor")
    picture = diagram(build(states=[*names], transitions=[["go", State.START, name] for name in names]))
    text = format(picture, form)
    ends = re.findall(r"^ *\S+ --> (\S+) : go$", text, re.MULTILINE)
    assert len(set(ends)) == len(names)
    declared = re.findall(r'^ *state ".*" as (\w+)', text, re.MULTILINE)
    assert len(declared) == len(set(declared))
    assert set(ends) <= set(declared)
    titles = re.findall(r'<g id="node\d+" class="[^"]*">\s*<title>([^<]*)', picture.svg())
    assert {unescape(each) for each in titles} >= set(names)


def test_json_has_the_effect_of_settings() -> None:
    """The JSON has the reason for each transition that the settings forbid."""
    plain = json.loads(format(PICTURES["faded"], "json"))
    sms = next(each for each in plain["nodes"] if each["name"] == "SMS_MFA")

    assert (sms["settings"], sms["reason"]) == (str(SettingsEffect.FADED), "MfaConfiguration is OFF")


def test_a_machines_own_states_are_drawn() -> None:
    """`diagram(machine)` has the application's states and transitions beside the protocol's."""
    machine = build(
        states=["TERMS"],
        transitions=[
            ["show_terms", State.AUTHENTICATED, "TERMS"],
            ["agree", "TERMS", State.AUTHENTICATED],
            ["skip_code", State.EMAIL_OTP, State.FAILED],
            ["give_up", "*", State.FAILED],
        ],
    )
    picture = diagram(machine)
    added = set(str(picture).splitlines()) - set(str(diagram()).splitlines())

    assert len(added) == 8  # TERMS, any state and FAILED; five arrows: EMAIL_OTP has two roles
    assert 'AUTHENTICATED -> TERMS [label="\xa0\xa0show_terms"' in str(picture)
    assert '"any state" -> FAILED' in str(picture)
    assert "TERMS --> AUTHENTICATED : agree" in format(picture, "mermaid")
    assert diagram().description.startswith("25 states and junctions, 58 lines. ")
    assert picture.description.startswith("28 states and junctions, 63 lines. ")  # also for screen readers
    assert "accDescr: 28 states and junctions, 63 lines\n" in format(picture, "mermaid")
    assert ">TERMS<" in picture.svg()
    assert ">show_terms<" in picture.svg().replace("\xa0", "").replace("&#160;", "")
    with pytest.raises(ConflictingOptions, match="the format scxml"):
        format(picture, "scxml")
    assert str(diagram(build())) == str(diagram())


def test_each_page_has_the_transitions_that_leave_its_state() -> None:
    """A transition from any state is on the page of each state, and one from EMAIL_OTP on the pages of both roles."""
    transitions = [["give_up", "*", "TERMS"], ["skip_code", State.EMAIL_OTP, "TERMS"]]
    pages = diagram(build(states=["TERMS"], transitions=transitions), unfolded=True).pages()

    for name, page in [*pages.items()][1:]:  # the first is the overview
        (node,) = page.model.focus
        own = {(each.source, each.trigger) for each in page.model.own_transitions}
        leaves = {"give_up"} | ({"skip_code"} if node.state is State.EMAIL_OTP else set())
        assert own == {(node.name, trigger) for trigger in leaves}, name
        assert page.model.own_names() == ("TERMS",)
        assert f"{quoted(node.name)} -> TERMS" in page.dot()
