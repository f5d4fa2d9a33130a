"""Imports the public names of a package when they are first used.

The only list of the names is the package's stub, `__init__.pyi`: type checkers and `lazy_names` read it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from importlib import import_module

_IMPORT = re.compile(r"^from (\S+) import (\w+) as \2$", re.MULTILINE)


def lazy_names(package: str, init: str) -> tuple[Callable[[str], object], Callable[[], list[str]], Mapping[str, str]]:
    """Return `__getattr__` and `__dir__` for a package, and the module of each of its public names.

    Args:
        package: the package's name.
        init: its `__file__`; the stub is beside that file.
    """
    # Without sources, `init` is a .pyc file. `open` is used because importing pathlib takes as long as all of this.
    with open(f"{init.removesuffix('c')}i", encoding="utf-8") as stub:  # noqa: PTH123
        module_of = {name: module for module, name in _IMPORT.findall(stub.read())}

    def get(name: str) -> object:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(module_of[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return get, lambda: sorted({*vars(sys.modules[package]), *module_of}), module_of
