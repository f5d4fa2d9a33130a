"""The layers of the package: a module imports only from lower layers, and each library in few places."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Collection, Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import authfsm
from authfsm.base.lazy_names import lazy_names
from authfsm.protocol.states import State

PACKAGE = Path(authfsm.__file__).parent

LAYERS = [
    ("base",),
    ("protocol", "srp"),
    ("settings",),
    ("core",),
    ("observers", "reference"),
    ("drivers", "jwks", "diagrams"),
    ("stores", "checks"),
    ("local/config",),
    ("local/state",),
    ("local/signin",),
    ("local/accounts",),
    ("local/api",),
    ("local",),
    ("local/server",),
    ("traces", "conformance"),
    ("journeys", "notebook"),
    ("cli",),
    ("__init__", "__main__"),
    ("contrib",),
]
"""The folders and single modules of the package, lowest layer first; a part imports only from lower layers."""

MAP = PACKAGE / "README.md"
_BEGIN, _END = "<!-- layers -->\n", "<!-- /layers -->\n"

LAYER = {part: number for number, parts in enumerate(LAYERS) for part in parts}

DYNAMIC_IMPORTS = {
    ("base/mixins", "authfsm.notebook.value_repr"),
    ("protocol/replies", "authfsm.protocol.prompts"),
    ("protocol/replies", "authfsm.core.sealing"),
}
"""Imports by a string, from a higher layer: a value's HTML is loaded when a notebook asks for it, a form
and a seal when a program calls `Challenge.form` or `Tokens.seal`."""

LIBRARIES = {
    "backports": {"base/clock"},
    "transitions": {"core/machine"},
    "boto3": {"drivers", "local/api/boto_hook", "cli", "conformance", "contrib/django/conf"},
    "botocore": {
        "drivers",
        "local/api/boto_hook",
        "cli",
        "conformance",
        "contrib/django/conf",
        "traces/client_recording",
    },
    "graphviz": {"diagrams"},
    "IPython": {"notebook"},
    "ipywidgets": {"notebook"},
    "joserfc": {"local", "contrib/pytest_plugin", "jwks", "conformance"},
    "cryptography": {"core/encryption", "conformance", "contrib/cookies", "local/state/token_issuer"},
    "fastapi": {"contrib/fastapi"},
    "django": {"contrib/django"},
    "segno": {"core/enrolment"},
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
    "httptools": {"local/server/http_connection"},
    "sqlite3": {"local/server/state_file"},
    "pyotp": {"local", "cli", "core/enrolment", "journeys", "notebook"},
    "fido2": {"local", "conformance/passkey"},
    "pytest": {"contrib/pytest_plugin"},
    "rich": {"cli", "notebook"},
    "click": {"cli"},
    "srp": {"srp"},
    "gmpy2": {"srp", "local/state/srp_proofs"},
}
"""The parts that may import a library of others."""

# What touches the world: randomness, clocks, sockets, files, environment. None below the drivers.
WORLD = {"os", "time", "socket", "random", "secrets", "subprocess", "threading", "asyncio", "urllib", "http"}


@cache
def modules() -> dict[str, ast.Module]:
    """Return the syntax tree of each module, by its path inside the package without suffix."""
    return {
        path.relative_to(PACKAGE).with_suffix("").as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def layer_entry(module: str) -> str:
    """Return the entry of `LAYERS` to which a module belongs: the longest one that its path begins with."""
    names = module.removesuffix("/__init__").split("/")
    parts = ["/".join(names[:length]) for length in range(len(names), 0, -1)]
    return next((part for part in parts if part in LAYER), module)


def imports(tree: ast.Module) -> Iterator[str]:
    """Yield every imported name of a module, also in functions and for typing."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from [f"{node.module}.{alias.name}" for alias in node.names]


def module_of(name: str, known: Collection[str]) -> str | None:
    """Return the module of this package that defines an imported name; None for other packages."""
    top, *names = name.split(".")
    if top != "authfsm":
        return None
    paths = ["/".join(names[:length]) for length in range(len(names), 0, -1)]
    for path in paths:
        if path in known:
            return path
        if f"{path}/__init__" in known:
            return f"{path}/__init__"
    return "__init__"


def test_every_module_has_a_layer() -> None:
    """Each module belongs to one layer, and each entry of the list of layers exists."""
    assert {layer_entry(module) for module in modules()} == set(LAYER)


def test_the_top_level_has_at_most_24_entries() -> None:
    """`authfsm/` has at most 24 entries."""
    entries = [each.name for each in PACKAGE.iterdir() if each.name != "__pycache__"]

    assert len(entries) <= 24, sorted(entries)


def test_the_repository_has_seven_entries() -> None:
    """The repository has seven entries, and tests and commands leave no other files in it."""
    build_folders = {"build", "dist"}  # by pip and build, and not committed
    entries = {
        path.name for path in Path(__file__).parents[1].iterdir() if not path.name.startswith(".")
    } - build_folders
    assert {name for name in entries if not name.endswith(".egg-info")} == {
        "LICENSE", "README.md", "authfsm", "diagrams", "notebooks", "pyproject.toml", "tests"
    }  # fmt: skip


def test_a_module_imports_only_from_lower_layers() -> None:
    """A module imports from parts of lower layers only, whether at its top, in a function or for typing."""
    module_trees = modules()
    wrong = [
        (module, name)
        for module, tree in module_trees.items()
        for name in imports(tree)
        if (imported := module_of(name, module_trees)) is not None
        and (part := layer_entry(imported)) != layer_entry(module)
        and LAYER[part] >= LAYER[layer_entry(module)]
    ]

    assert wrong == []


def test_no_module_imports_itself_by_way_of_others() -> None:
    """The graph of all imports, also those for typing, has no cycle."""
    module_trees = modules()
    graph = {
        module: {found for name in imports(tree) if (found := module_of(name, module_trees)) is not None} - {module}
        for module, tree in module_trees.items()
    }

    TopologicalSorter(graph).prepare()  # raises CycleError, which names the cycle


def test_no_class_name_is_defined_twice() -> None:
    """One name means one type in the whole package."""
    places: dict[str, list[str]] = {}
    for module, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(module)

    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def test_dynamic_imports_are_declared() -> None:
    """A module that imports another by a string is in `DYNAMIC_IMPORTS`, or lazily exports its own names."""
    imports_by_module = {
        (module, call.args[0].value)
        for module, tree in modules().items()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and ast.unparse(call.func).endswith("import_module")
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }

    assert {each for each in imports_by_module if str(each[1]).startswith("authfsm")} == DYNAMIC_IMPORTS


def test_libraries_are_imported_in_few_places() -> None:
    """Only machine.py imports transitions, only drivers and the pool's hook botocore, and so on."""
    wrong = [
        (module, name)
        for module, tree in modules().items()
        for name in imports(tree)
        if (allowed := LIBRARIES.get(name.split(".")[0])) is not None
        and module not in allowed
        and not module.startswith(tuple(f"{part}/" for part in allowed))
    ]

    assert wrong == []


def test_the_core_does_no_io() -> None:
    """Below the drivers there is no socket, clock, randomness, file or environment.

    `base/concurrency` is what drivers and stores wait with, and nothing of the core's imports it.
    """
    wrong = [
        (module, name)
        for module, tree in modules().items()
        if LAYER[layer_entry(module)] < LAYER["drivers"] and module != "base/concurrency"
        for name in imports(tree)
        if name.split(".")[0] in WORLD
        or (layer_entry(module) in {"base", "protocol", "settings", "core"} and "base.concurrency" in name)
    ]

    assert wrong == []


def test_the_pool_shares_only_the_table_and_the_arithmetic() -> None:
    """The local pool uses no code of the client, except for `pool.cognito()`.

    The page of its server has pictures on it, and nothing of the pool's imports the server.
    """
    shared = {
        "base/__init__", "base/clock", "base/concurrency", "base/secret", "base/mixins", "srp",
        "settings/descriptions", "protocol/__init__", "protocol/account_table", "protocol/errors", "protocol/states", "protocol/table",
        "protocol/responses", "protocol/auth_flows", "protocol/api_requests",
        "protocol/nodes", "protocol/validators",
    }  # fmt: skip
    module_trees = modules()
    used = {
        (module, imported)
        for module, tree in module_trees.items()
        if module.startswith("local/")
        for name in imports(tree)
        if (imported := module_of(name, module_trees)) is not None
        and not imported.startswith("local/")
        and imported not in shared
    }

    assert used <= {("local/api/pool", "drivers/boto"), ("local/server/page", "diagrams/__init__")}
    serving = {
        module
        for module, tree in module_trees.items()
        for name in imports(tree)
        if name.startswith("authfsm.local.server")
        if not module.startswith("local/server/")
    }
    assert serving == {"cli/serve", "conformance/pool_providers", "journeys/stage"}


@pytest.mark.parametrize("module", ["authfsm", "authfsm.core.signin", "authfsm.diagrams", "authfsm.core.machine"])
def test_an_import_is_light(module: str) -> None:
    """Neither the package nor its core loads boto3, graphviz or IPython."""
    code = f"import {module}, sys; print({{'boto3', 'botocore', 'graphviz', 'IPython'}} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert result.stdout.strip() == "set()"


def test_the_public_names_can_be_imported() -> None:
    """Every public name can be imported and is typed; an unknown name is an AttributeError."""
    tree = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8"))
    imported_names = {name.rpartition(".")[2] for name in imports(tree) if name.startswith("authfsm.")}

    assert imported_names - {"Stepper"} == set(authfsm.__all__)  # it needs an extra, which a star import must not
    assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", authfsm.__version__)
    assert [name for name in authfsm.__all__ if getattr(authfsm, name, None) is None] == []
    with pytest.raises(AttributeError):
        _ = getattr(authfsm, "nothing")  # noqa: B009 - type checkers know that it is missing


def test_dir_names_each_public_name_once() -> None:
    """`dir(authfsm)` has each name once, also a name that was imported because it was used."""
    assert authfsm.State is State
    names = list(authfsm.__dir__())

    assert len(names) == len(set(names))
    assert set(authfsm.__all__) <= set(names)


@pytest.mark.parametrize("suffix", [".py", ".pyc"])
def test_public_names_are_found_without_sources(suffix: str) -> None:
    """The public names come from the stub beside `__init__.py`, or beside `__init__.pyc` where sources are left out."""
    get, _, module_of_names = lazy_names("authfsm", str(PACKAGE / "__init__") + suffix)

    assert module_of_names.keys() >= set(authfsm.__all__)
    assert get("State") is State


def layers() -> str:
    """Return the list of layers for the map: each part with the first line of its docstring."""
    module_trees = modules()
    lines = []
    for number, parts in enumerate(LAYERS, 1):
        for part in parts:
            module = part if part in module_trees else f"{part}/__init__"
            docstring = ast.get_docstring(module_trees[module]) or ""
            name = f"{part}/" if module != part else f"{part}.py"
            lines.append(f"{number}. `{name}`: {docstring.splitlines()[0]}\n")
    return "".join(lines)


def with_layers(text: str) -> str:
    """Return the map's text with an up-to-date list of layers."""
    before, rest = text.split(_BEGIN)
    return before + _BEGIN + layers() + _END + rest.split(_END)[1]


def test_the_map_shows_the_layers() -> None:
    """The list of layers in `authfsm/README.md` is the one that `python tests/test_layers.py` writes."""
    text = MAP.read_text(encoding="utf-8")

    assert text == with_layers(text)


def test_the_map_names_files_that_exist() -> None:
    """Every link of the map leads to a file or folder of the package."""
    links = re.findall(r"\]\(([^)#:]+)\)", MAP.read_text(encoding="utf-8"))

    assert len(links) > 20
    assert [each for each in links if not (PACKAGE / each).exists()] == []


if __name__ == "__main__":
    MAP.write_text(with_layers(MAP.read_text(encoding="utf-8")), encoding="utf-8")
