"""The house has floors: a module imports only from floors below it, and foreign libraries by one door each."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import authfsm

HOUSE = Path(authfsm.__file__).parent

FLOORS = [
    {"enums"},
    {
        "secret",
        "shown",
        "protocol/__init__",
        "protocol/auth_flows",
        "protocol/error_policy",
        "protocol/states",
    },
    {"srp", "errors", "protocol/links", "protocol/vocabulary"},
    {"fields", "settings/descriptions"},
    {"protocol/codes"},
    {"protocol/responses", "protocol/replies"},
    {"device", "protocol/table", "protocol/offers"},
    {
        "protocol/classification",
        "protocol/evidence",
        "protocol/forms",
        "protocol/nodes",
        "protocol/repetition",
    },
    {"wire"},
    {"protocol/prompts"},
    {"machine", "settings"},
    {"signin"},
    {"facts", "histories", "snapshot", "observers"},
    {"sealing", "enrolment"},
    {"concurrency"},
    {"diagrams", "drivers", "jwks"},
    {"local", "stores"},
    {"checks", "display", "conformance", "notebook", "pytest_plugin", "traces"},
    {"journeys"},
    {"cli", "__init__", "__main__"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

DOORS = {
    "transitions": {"machine"},
    "boto3": {"drivers", "local/door", "cli", "conformance"},
    "botocore": {"drivers", "local/door", "cli", "conformance", "traces/recording"},
    "graphviz": {"diagrams"},
    "IPython": {"notebook"},
    "ipywidgets": {"notebook"},
    "joserfc": {"local", "pytest_plugin", "jwks", "conformance"},
    "cryptography": {"sealing", "conformance"},
    "segno": {"enrolment"},
    "redis": {"stores/redis"},
    "key_value": {"stores/key_value"},
    "opentelemetry": {"observers/otel"},
    "keyring": {"cli"},
    "duckdb": {"traces"},
    "sqlglot": {"traces"},
    "pyspark": {"traces"},
    "anywidget": {"notebook"},
    "traitlets": {"notebook"},
    "cattrs": {"local/server/records"},
    "sqlite3": {"local/server/state"},
    "starlette": {"local/server/app", "local/server/api", "local/server/access"},
    "anyio": {"local/server/api"},
    "uvicorn": {"local/server/running", "local/server/connection"},
    "pyotp": {"local", "cli", "enrolment", "journeys", "notebook"},
    "fido2": {"local", "conformance/passkey"},
    "pytest": {"pytest_plugin"},
    "rich": {"cli", "notebook"},
    "typer": {"cli"},
    "srp": {"srp"},
    "gmpy2": {"srp", "local/powers"},
}

# What touches the world: randomness, clocks, sockets, files, environment. None below the drivers.
WORLD = {
    "os",
    "time",
    "socket",
    "random",
    "secrets",
    "subprocess",
    "threading",
    "asyncio",
    "urllib",
    "http",
}


def modules() -> Iterator[tuple[str, str, ast.Module]]:
    """Each module: the entry of `FLOORS` that it belongs to, its path inside the package, its syntax."""
    for path in sorted(HOUSE.rglob("*.py")):
        inside = path.relative_to(HOUSE).with_suffix("").as_posix()
        yield entry_of(inside) or inside, inside, ast.parse(path.read_text(encoding="utf-8"))


def entry_of(inside: str) -> str | None:
    """The entry of `FLOORS` for a module's path: the module itself, or a folder that it is in."""
    parts = inside.split("/")
    names = ("/".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((name for name in names if name in FLOOR), None)


def imports(tree: ast.Module) -> Iterator[str]:
    """Every module that is imported anywhere in this one, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from [f"{node.module}.{alias.name}" for alias in node.names]


def rooms_of(name: str) -> str | None:
    """The entry of `FLOORS` that an import enters; None for a foreign one."""
    top, _, inside = name.partition(".")
    if top != "authfsm":
        return None
    if inside.startswith("protocol.") and inside.count(".") == 1:
        inside += ".__init__" if f"protocol/{inside.split('.')[1]}" not in FLOOR else ""
    return entry_of(inside.replace(".", "/")) or "__init__"


def test_every_room_has_a_floor() -> None:
    """No module stands outside the house."""
    assert {room for room, _, _ in modules()} - set(FLOOR) == set()


def test_a_module_imports_only_from_floors_below() -> None:
    """Own floor and floors above are out of bounds, but for a package's own modules and the face."""
    wrong = [
        (path, name)
        for room, path, tree in modules()
        for name in imports(tree)
        if (entered := rooms_of(name)) is not None
        and entered != room
        and FLOOR[entered] >= FLOOR[room]
        and room not in FLOORS[-1]
    ]

    assert wrong == []


def test_foreign_libraries_come_in_by_their_doors() -> None:
    """Transitions in machine.py alone, botocore in the drivers and the pool's door, graphviz in diagrams."""
    wrong = [
        (path, name)
        for room, path, tree in modules()
        for name in imports(tree)
        if (allowed := DOORS.get(name.split(".")[0])) is not None
        and not {room, path} & allowed
        and not path.startswith(tuple(f"{door}/" for door in allowed))
    ]

    assert wrong == []


def test_the_core_touches_no_world() -> None:
    """Below the drivers there is no socket, clock, randomness, file or environment.

    `concurrency` is what drivers and stores wait with, and nothing of the core's imports it.
    """
    drivers = FLOOR["drivers"]
    wrong = [
        (path, name)
        for room, path, tree in modules()
        if FLOOR[room] < drivers and room != "concurrency"
        for name in imports(tree)
        if name.split(".")[0] in WORLD
    ]

    assert wrong == []


def test_the_pool_shares_only_the_table_and_the_arithmetic() -> None:
    """The embedded pool is an honest witness: it knows nothing of the client, but for `pool.cognito()`.

    The page of its server has pictures on it, and nothing of the pool's imports the server.
    """
    shared = {
        "concurrency", "secret", "shown", "srp", "local", "errors", "settings/descriptions",
        "protocol/__init__", "protocol/states", "protocol/table", "protocol/responses", "protocol/auth_flows",
        "protocol/vocabulary", "protocol/classification", "protocol/nodes",
    }  # fmt: skip
    wrong = [
        (path, name)
        for room, path, tree in modules()
        if room == "local"
        for name in imports(tree)
        if (entered := rooms_of(name)) is not None and entered not in shared
    ]

    assert {(path, name.rpartition(".")[0]) for path, name in wrong} <= {
        ("local/pool", "authfsm.drivers.boto"),
        ("local/server/page", "authfsm.diagrams"),
    }
    served = {
        path
        for _, path, tree in modules()
        for name in imports(tree)
        if name.startswith("authfsm.local.server")
        if not path.startswith("local/server/")
    }
    assert served == {"cli/serve", "conformance/ours", "journeys/serving"}


@pytest.mark.parametrize(
    "module", ["authfsm", "authfsm.signin", "authfsm.diagrams", "authfsm.machine"]
)
def test_an_import_is_light(module: str) -> None:
    """Neither the face nor the core loads boto3, graphviz or IPython."""
    code = f"import {module}, sys; print({{'boto3', 'botocore', 'graphviz', 'IPython'}} & set(sys.modules))"
    seen = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert seen.stdout.strip() == "set()"


def test_the_face_shows_what_it_says() -> None:
    """Every public name can be had, is typed for checkers, and a name that is not there is an AttributeError."""
    tree = ast.parse((HOUSE / "__init__.py").read_text(encoding="utf-8"))
    typed = {name.rpartition(".")[2] for name in imports(tree) if name.startswith("authfsm.")}

    assert typed == set(authfsm.__all__)
    assert [name for name in authfsm.__all__ if getattr(authfsm, name, None) is None] == []
    with pytest.raises(AttributeError):
        _ = authfsm.nothing
