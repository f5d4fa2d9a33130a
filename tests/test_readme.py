"""README is correct: its code runs, and its commands, options and files exist."""

from __future__ import annotations

import json
import re
import sys
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import attrs
import boto3
import pyotp
import pytest
from joserfc.jwk import RSAKey

import authfsm
from authfsm import MemoryStore, new_key
from authfsm.cli import COMMANDS, load_command
from authfsm.local import LocalPool
from authfsm.protocol.states import State

MAP = Path(__file__).parent.parent / "authfsm" / "README.md"
README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def test_the_first_example_signs_in(
    signing_key: RSAKey, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """README's first example signs in to a local pool, after empty input, letters and a wrong code."""
    code = code_with("SoftwareTokenMfa()")
    password = "correct horse battery staple"
    pool = LocalPool(mfa="ON", mfa_methods=["SMS_MFA"], key=signing_key)
    pool.add_user("ada", password=password, phone_number="+15555550143", temporary=True)
    inputs = iter(["", "Analytical-Engine-1843", "", "12ab", "000000", None])

    def answer(prompt: str) -> str:
        line = next(inputs)
        assert prompt
        return str(pool.outbox.code_for("ada")) if line is None else line

    monkeypatch.setattr(boto3, "client", lambda _, **__: pool.client())
    monkeypatch.setattr("builtins.input", answer)
    code = code.replace('client_id="..."', f"client_id={pool.client_id!r}")
    code = code.replace("eu-west-1_AbCdEfGhI", pool.pool_id)
    names: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), names)  # noqa: S102 - README's own code

    assert password in code
    assert names["flow"].state is State.AUTHENTICATED
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 4
    assert printed[-1] == "That code is not right. Check it, and try again."
    assert next(inputs, "all were read") == "all were read"


def code_with(*words: str) -> str:
    """Return the one code block of README that has all these words."""
    block: str
    (block,) = [each for each in BLOCKS if all(word in each for word in words)]
    return block


def run(block: str, /, **names: Any) -> dict[str, Any]:
    """Return the names that a code block of README defines."""
    exec(compile(block, "README.md", "exec"), names)  # noqa: S102 - README's own code
    return names


def test_the_pool_answers(signing_key: RSAKey) -> None:
    """The three examples of a local pool run: in place of AWS, on its own, and in pytest."""
    names = run(code_with("# in place of the one above"))
    assert names["cognito"].sign_in("ada", "correct horse battery staple").state is State.SMS_MFA
    assert run(code_with("flow = pool.cognito().sign_in("))["flow"].state is State.AUTHENTICATED
    pool = LocalPool(mfa="ON", mfa_methods=["SMS_MFA"], key=signing_key)
    run(code_with("@pytest.mark.cognito("))["test_sign_in"](pool)


def test_a_machine_with_states_of_ones_own(signing_key: RSAKey, capsys: pytest.CaptureFixture[str]) -> None:
    """The example of a custom machine signs in, calls on_enter and continues to its own state."""
    pool = LocalPool(mfa="ON", mfa_methods=["SMS_MFA"], key=signing_key)
    pool.add_user("ada", "Correct-Horse-1", phone_number="+15555550143")
    code = code_with("class Page(ModelTriggers)").replace("page.code(code)", "page.code(code())")
    names = {"cognito": pool.cognito(), "password": "Correct-Horse-1", "code": lambda: pool.outbox.code_for("ada")}

    page = run(code, **names)["page"]
    page.show_terms()

    assert capsys.readouterr().out == "a code was sent\n"
    assert page.state == "TERMS"


PUBLIC = re.findall(
    r"`(?:authfsm\.)?([a-z_.]+?)`",
    re.search(r"^The public API consists of the names.*$", MAP.read_text("utf-8"), re.MULTILINE)[0],  # type: ignore[index]
)


def test_everything_public_can_be_imported() -> None:
    """Each name of the package in README, the map and the notebooks exists and is public."""
    books = (Path(__file__).parent.parent / "notebooks").glob("**/*.ipynb")
    cells = [cell for book in books for cell in json.loads(book.read_text("utf-8"))["cells"]]
    text = "\n".join([README, *("".join(cell["source"]) for cell in cells)])
    imported = re.findall(r"from (authfsm[\w.]*) import (?:\(([^)]*)\)|([\w, ]+))", text)
    dotted = re.findall(r"(?<![\w/.\[])(authfsm(?:\.[a-z_]+)*)\.(\w+)", text)
    names = {
        (module, name.split()[0]) for module, *found in imported for name in "".join(found).split(",") if name.strip()
    }
    files = {"README", "toml", "db", "json", "svg"}

    wrong = [each for each in sorted(names | {each for each in dotted if each[1] not in files}) if not is_there(*each)]
    assert len(names) > 20
    assert wrong == []
    assert {"checks", "journeys", "local", "stores.redis"} <= set(PUBLIC)
    assert [each for each in PUBLIC if each != "authfsm" and not is_there("authfsm", each)] == []


def test_help_explains_every_field() -> None:
    """The docstring of each public value class names each field, and that of an enumeration each member."""
    others = {"__all__", "authfsm", "contrib.django", "observers.otel.spans"}  # Django's needs settings
    modules = [import_module(f"authfsm.{name}") for name in PUBLIC if name not in others]
    public = [getattr(module, name) for module in (authfsm, *modules) for name in getattr(module, "__all__", ())]
    values = {each for each in public if isinstance(each, type)}
    silent = [
        f"{each.__name__}.{field.name}"
        for each in values
        if attrs.has(each)
        for field in attrs.fields(each)
        if not field.name.startswith("_") and not re.search(rf"\b{field.name}\b", each.__doc__ or "")
    ]

    assert len(values) > 150
    assert silent == []
    for error in (each for each in values if issubclass(each, authfsm.AuthfsmError)):
        assert len(re.findall(r"^ +(state|action|flow|fault): ", str(error.__doc__), re.MULTILINE)) == 4, error
    for action in authfsm.RecoveryAction:
        assert f"{action}: {action.advice}" in (authfsm.RecoveryAction.__doc__ or "")


def is_there(module: str, name: str) -> bool:
    """Return whether a module has this name, or a module of this name."""
    try:
        return hasattr(import_module(module), name) or bool(import_module(f"{module}.{name}"))
    except ImportError:
        owner, _, attribute = f"{module}.{name}".rpartition(".")
        head, _, last = owner.rpartition(".")
        return bool(head) and hasattr(getattr(import_module(head), last, None), attribute)


def test_pending_sign_in_examples_continue(signing_key: RSAKey) -> None:
    """Both examples of a pending sign-in, in a cookie and in a store, sign in."""
    pool = LocalPool(mfa="ON", mfa_methods=["SMS_MFA"], key=signing_key)
    pool.add_user("ada", "Correct-Horse-1", phone_number="+15555550143")
    defined = {"cognito": pool.cognito(), "password": "Correct-Horse-1", "outbox": pool.outbox}
    newest = ("Code(code)", "Code(outbox.code_for('ada'))")

    sealed = run(code_with("cognito.resume(").replace(*newest), **defined)
    source = code_with("PendingSignIns(").replace("RedisStore(redis)", "MemoryStore()").replace(*newest)
    stored = run(f"from authfsm import MemoryStore\n{source}", key=sealed["key"], **defined)

    assert [names["flow"].state for names in (sealed, stored)] == [State.AUTHENTICATED] * 2


def test_stored_token_examples_work(signing_key: RSAKey) -> None:
    """The examples of sealed, resumed and shared tokens have fresh tokens at each step."""
    pool = LocalPool(key=signing_key)
    pool.add_user("ada", "Correct-Horse-1")
    cognito = pool.cognito()
    flow = cognito.sign_in("ada", "Correct-Horse-1")

    names = run(code_with("SharedTokens("), cognito=cognito, flow=flow, key=new_key(), store=MemoryStore())

    assert names["shared"].fresh_tokens(names["ticket"]) == flow.tokens


def test_account_examples_continue_with_a_sign_in(signing_key: RSAKey) -> None:
    """The examples of accounts sign in after a sign-up and after a forgotten password."""
    pool = LocalPool(key=signing_key, auto_verified_attributes=["email"])
    code = re.sub(r", code\b", ", pool.outbox[-1].code", code_with("confirm_sign_up("))

    names = run(code, cognito=pool.cognito(), pool=pool, password="Correct-Horse-1")

    assert names["flow"].state is State.AUTHENTICATED
    assert [each.purpose for each in pool.outbox] == ["SignUp", "ForgotPassword"]


def test_tokens_are_verified_and_an_app_enrolled(
    signing_key: RSAKey, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The examples after a sign-in run on a local pool with known keys."""
    pool = LocalPool(key=signing_key, mfa="OPTIONAL", mfa_methods=["SOFTWARE_TOKEN_MFA"])
    pool.add_user("ada", "Correct-Horse-1")
    tokens = pool.cognito().sign_in("ada", "Correct-Horse-1").tokens
    assert tokens is not None
    code = code_with("Verifier(").replace('"eu-west-1_AbCdEfGhI", "1example23456789"', "*known, jwks=keys")
    names: dict[str, Any] = {}
    monkeypatch.setattr("builtins.input", lambda _: pyotp.TOTP(names["enrolment"].secret_code.reveal()).now())

    names |= {"known": (pool.pool_id, pool.client_id), "keys": pool.jwks(), "client": pool.client()}
    names["token"] = tokens.access_token.reveal()
    exec(compile(code, "README.md", "exec"), names)  # noqa: S102 - README's own code

    assert names["claims"].username == "ada"
    assert "\u2580" in capsys.readouterr().out
    assert names["client"].get_user(AccessToken=names["token"])["Username"] == "ada"


def test_every_command_exists() -> None:
    """Each `authfsm <command>` in README exists, with the options that README shows."""
    commands = re.findall(r"^authfsm (\w+)(.*?)(?:#.*)?$", README, re.MULTILINE)
    assert {name for name, _ in commands} <= set(COMMANDS)
    for name, words in commands:
        options = {option for each in load_command(name).params for option in each.opts}
        assert set(re.findall(r"(?<!\w)--?[a-z][a-z-]*", words)) <= options


def test_every_linked_file_exists() -> None:
    """Each relative link leads to a file."""
    links = re.findall(r"\]\(([^)#]+)\)", README)
    here = Path(__file__).parent.parent

    assert [link for link in links if "://" not in link and not (here / link).exists()] == []
    assert (here / "tests" / "benchmarks" / "__main__.py").exists()


PERMISSIVE = {
    "MIT",
    "MIT-0",
    "BSD",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "Apache-2.0",
    "Apache",
    "ISC",
    "PSF-2.0",
    "OFL-1.1",
}


def licences(name: str) -> set[str]:
    """Return the licences that a distribution declares, in SPDX's names or by its classifiers."""
    fields: Any = metadata.metadata(name)
    if expression := fields.get("License-Expression"):
        return set(re.split(r" (?:AND|OR) ", expression.strip("()")))
    classifiers = [each for each in fields.get_all("Classifier") or [] if each.startswith("License ::")]
    licence_names = {each.rpartition(" :: ")[2].split(" ")[0] for each in classifiers}
    return licence_names or {str(fields.get("License"))}


def test_the_licences_of_the_base_install_are_named() -> None:
    """README names each requirement that is not under a permissive licence only."""
    project = (Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8")
    base = project.partition("dependencies = [")[2].partition("]")[0]
    if sys.version_info >= (3, 11):
        base = re.sub(r'^  ".*; python_version<\'3\.11\'".*$', "", base, flags=re.MULTILINE)  # not installed
    names = re.findall(r'^  "([A-Za-z0-9_-]+)', base, re.MULTILINE)
    assert len(names) > 10
    others = {name: licences(name) - PERMISSIVE for name in names}
    others = {name: each for name, each in others.items() if each}

    assert set(others) == {"gmpy2", "graphviz-pure"}
    for name, licence_names in others.items():
        line = next(each for each in README.splitlines() if each.startswith(f"- `{name}`"))
        assert all(each.replace("LGPLv3+", "LGPL-3.0-or-later") in line for each in licence_names), (
            name,
            licence_names,
        )


def test_a_local_pool_has_one_name() -> None:
    """The documentation calls a pool of `LocalPool` a local pool, and its region a local Cognito."""
    here = Path(__file__).parent.parent
    files = [here / "README.md", *here.glob("notebooks/*.*"), *here.glob("authfsm/**/*.py")]
    other = re.compile(r"embedded (user )?pool|pool (that runs )?in (this|the) process|local region", re.IGNORECASE)

    assert [each.name for each in files if other.search(each.read_text("utf-8"))] == []
