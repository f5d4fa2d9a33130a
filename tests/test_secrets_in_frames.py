"""No frame of a traceback shows a secret: tools that print locals (rich, pytest, Sentry) find none.

Two halves. The first reads the source: every function that takes a secret in clear wraps it before it does
anything else. The second makes every public function that takes one fail in each way that it can, and searches
the locals of all frames, those of generators, coroutines and tasks included.
"""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import traceback
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from frames_cases import CASES, PLANTED, covered_functions
from rich.pretty import pretty_repr

import authfsm
from authfsm import Code
from authfsm.base.secret import WrapsSecrets
from authfsm.core.device import Device

PACKAGE: Final = Path(authfsm.__file__).parent
WRAPPERS: Final = {"secret", "secret_values", "wrapped_keys"}
SECRET_NAMES: Final = {"password", "code", "token", "key", "session", "answer"}


def module_name(path: Path) -> str:
    """Return the name of the module at a path."""
    name = path.relative_to(PACKAGE.parent).with_suffix("").as_posix().replace("/", ".")
    return name.removesuffix(".__init__")


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef, bool]]:
    """Yield each function of the package: its full name, its syntax, and whether it is in a Protocol."""

    def inside(node: ast.AST, path: str, *, declared: bool) -> Iterator[Any]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                bases = {ast.unparse(base).split("[")[0] for base in child.bases}
                yield from inside(child, f"{path}.{child.name}", declared="Protocol" in bases)
            elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield f"{path}.{child.name}", child, declared
                yield from inside(child, f"{path}.{child.name}", declared=False)
            else:
                yield from inside(child, path, declared=declared)

    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE.parent).with_suffix("").as_posix().replace("/", ".")
        yield from inside(ast.parse(path.read_text(encoding="utf-8")), name, declared=False)


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[str, str]]:
    """Yield each annotated parameter with the text of its annotation."""
    arguments = function.args
    keywords = (arguments.kwarg,) if arguments.kwarg else ()
    for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *keywords):
        if each.annotation is not None:
            yield each.arg, ast.unparse(each.annotation).strip("'\"")


def takes_plain(annotation: str) -> bool:
    """Return whether an annotation allows a secret in clear as well as a wrapped one."""
    kinds = {part.strip() for part in annotation.split("|")}
    secret = any(part.startswith(("Secret[", "Wrapped")) for part in kinds)
    return "Key" in kinds or (secret and bool(kinds & {"str", "bytes", "int"}))


def is_overload(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether a function is only a signature for type checkers."""
    return any(ast.unparse(each).endswith("overload") for each in function.decorator_list)


def wrapped_first(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Return the parameters that the first statements of a function wrap."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    names = set()
    for statement in body:
        if not (isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call)):
            break
        call = statement.value
        if ast.unparse(call.func) not in WRAPPERS or len(call.args) != 1:
            break
        if ast.unparse(statement.targets[0]) != ast.unparse(call.args[0]):
            break
        names.add(ast.unparse(call.args[0]))
    return names


def test_every_function_wraps_its_secrets_first() -> None:
    """A function that takes a secret in clear rebinds it, wrapped, in its first statements."""
    wrong = [
        f"{name}({parameter}: {annotation})"
        for name, function, declared in functions()
        if not declared and not is_overload(function)
        for parameter, annotation in parameters(function)
        if takes_plain(annotation) and parameter not in wrapped_first(function)
        if name.rpartition(".")[2] not in WRAPPERS
    ]

    assert wrong == []


NOT_SECRET: Final = {
    "authfsm.checks.table.Bound(code)": "an error's code",
    "authfsm.diagrams.dot.DotStyle.text(key)": "the name of a label",
    "authfsm.diagrams.sequence.SequenceWriter.text(key)": "the name of a label",
    "authfsm.reference.about.PossibleError(code)": "an error's code",
    "authfsm.protocol.validators.normalize_code(code)": "called between a Secret's reveal and the next Secret; raises nothing",
    "authfsm.protocol.validators.CodeFormat.fits(code)": "the same",
    "authfsm.protocol.error_policy.error_rule(code)": "an error's code",
    "authfsm.protocol.error_sentences.sentence_of_code(code)": "an error's code",
    "authfsm.protocol.error_policy.account_error_rule(code)": "an error's code",
    "authfsm.protocol.error_policy.administration_error_rule(code)": "an error's code",
    "authfsm.protocol.replies.Refusal(code)": "an error's code",
    "authfsm.protocol.responses.Select(answer)": "the name of the choice that is made",
    "authfsm.core.wire_replies.read_refusal(code)": "an error's code",
    "authfsm.traces.anonymiser.documents.rewrite_json(key)": "the name of a JSON member",
    "authfsm.traces.anonymiser.value_shapes.ShapeAnonymiser.rewrite(key)": "the name of a JSON member",
    "authfsm.traces.anonymiser.value_shapes.ShapeAnonymiser.value(key)": "the name of a JSON member",
    "authfsm.traces.anonymiser.value_anonymiser.ValueAnonymiser.number(key)": "the name of a JSON member",
    "authfsm.traces.anonymiser.value_anonymiser.ValueAnonymiser.rewrite(key)": "the name of a JSON member",
    "authfsm.traces.anonymiser.value_anonymiser.ValueAnonymiser.value(key)": "the name of a JSON member",
    "authfsm.traces.anonymiser.vocabulary.stays(key)": "the name of a JSON member",
}
"""Parameters and fields with the name of a secret that contain none, with their content."""

# Not public: the local Cognito but for its class below, what tests it, and the command line.
_INTERNAL: Final = ("authfsm.local.", "authfsm.conformance.", "authfsm.cli.")
_PUBLIC: Final = ("authfsm.local.api.pool.",)
_PLAIN: Final = {"str", "str | None", "bytes", "str | bytes", "str | bytes | None"}


def public(name: str) -> bool:
    """Return whether users of the package may call a function."""
    hidden = any(part.startswith("_") and part != "__init__" for part in name.split("."))
    return not hidden and (name.startswith(_PUBLIC) or not name.startswith(_INTERNAL))


def plain_fields() -> Iterator[str]:
    """Yield the fields of public classes that have a secret's name and are plain text."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = path.relative_to(PACKAGE.parent).with_suffix("").as_posix().replace("/", ".")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ClassDef) or not public(f"{module}.{node.name}"):
                continue
            for field in node.body:
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    has_secret_name = field.target.id in SECRET_NAMES
                    if has_secret_name and ast.unparse(field.annotation).strip("'\"") in _PLAIN:
                        yield f"{module}.{node.name}({field.target.id})"


def test_no_public_parameter_with_a_secret_name_is_plain_text() -> None:
    """A public parameter or field with the name of a secret is never `str` alone.

    Those that hold no secret are listed, each with what it holds.
    """
    fields = {
        f"{name}({parameter})"
        for name, function, _ in functions()
        if public(name)
        for parameter, annotation in parameters(function)
        if parameter in SECRET_NAMES and annotation in _PLAIN
    }

    assert fields | set(plain_fields()) == set(NOT_SECRET)


def test_every_class_that_wraps_a_field_wraps_it_before_its_init() -> None:
    """An attrs class that converts plain text to a Secret derives from WrapsSecrets."""
    converting = {
        value
        for path in PACKAGE.rglob("*.py")
        if path.name not in {"__main__.py", "pytest_plugin.py"}
        if "django" not in path.parts  # its modules need settings, and have no such class
        for module in [importlib.import_module(module_name(path))]
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == module.__name__
        for field in getattr(value, "__attrs_attrs__", ())
        if "Secret" in str(field.type) and field.converter is not None
    }

    assert {kind for kind in converting if not issubclass(kind, WrapsSecrets)} == set()
    assert {Device, Code} <= converting


def test_every_public_function_that_takes_a_secret_has_a_case() -> None:
    """The cases cover exactly the functions that take a secret in clear."""
    takers = {
        name
        for name, function, declared in functions()
        if not declared and not is_overload(function)
        if public(name)
        if any(takes_plain(annotation) for _, annotation in parameters(function))
        if name.rpartition(".")[2] not in WRAPPERS
    }

    assert takers == covered_functions()


# ---- contents of frames ------------------------------------------------------------------------------


def frames(error: BaseException) -> Iterator[types.FrameType]:
    """Yield every frame of a traceback and of its causes, and of suspended generators and coroutines."""
    visited: set[int] = set()
    errors: list[BaseException | None] = [error]
    waiting: list[Any] = []
    while errors:
        each = errors.pop()
        if each is None or id(each) in visited:
            continue
        visited.add(id(each))
        errors += [each.__cause__, each.__context__]
        waiting += [frame for frame, _ in traceback.walk_tb(each.__traceback__)]
    while waiting:
        frame = waiting.pop()
        if frame is None or id(frame) in visited:
            continue
        visited.add(id(frame))
        if frame.f_code.co_filename == __file__ or "frames_cases" in frame.f_code.co_filename:
            continue  # the tests' own frames, which have the planted secrets
        yield frame
        for value in frame.f_locals.values():
            if inspect.isgenerator(value):
                waiting.append(value.gi_frame)
            elif inspect.iscoroutine(value):
                waiting.append(value.cr_frame)
            elif isinstance(value, asyncio.Task):
                waiting += value.get_stack()


def printed_value(value: object) -> str:
    """Return the text that tools print of a local."""
    try:
        return f"{value!r} {pretty_repr(value)}"
    except AttributeError:
        fields = getattr(type(value), "__attrs_attrs__", ())
        return " ".join(repr(getattr(value, each.name, None)) for each in fields)


def frames_with_secrets(error: BaseException) -> Iterator[tuple[str, str]]:
    """Return the frames and locals in which a planted secret can be read."""
    for frame in frames(error):
        for name, value in frame.f_locals.items():
            text = printed_value(value)
            if any(each in text for each in PLANTED):
                yield (
                    f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_qualname if hasattr(frame.f_code, 'co_qualname') else frame.f_code.co_name}",
                    name,
                )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_no_frame_shows_a_secret(case: Any) -> None:
    """However a function fails, no local of any frame shows a planted secret, and neither does the error."""
    with pytest.raises(case.raises) as caught:
        case.run()

    assert list(frames_with_secrets(caught.value)) == []
    text = "".join(traceback.format_exception(caught.value, chain=True))
    source_lines = {line for line in text.splitlines() if line.startswith("    ")}
    message = "\n".join(line for line in text.splitlines() if line not in source_lines)
    assert [each for each in PLANTED if each in message] == []
