"""`.ci/full` runs every script of tests/long with a seed and a limit, and fails if one of them fails."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

TESTS = Path(__file__).parent
ROOT = TESTS.parent
SCRIPTS = sorted(TESTS.glob("long/*.py"))

# Replaces Python: `concurrency` fails, `fuzz_core` does not end, the others say how they were called.
STAND_IN = """#!/usr/bin/env bash
case "$1" in
  *concurrency.py) echo "what went wrong" >&2; exit 3 ;;
  *fuzz_core.py) exec sleep 60 ;;
  *) echo "called with $*" ;;
esac
"""


def full(tmp_path: Path, *names: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `.ci/full` with a substitute for Python."""
    python = tmp_path / "python"
    python.write_text(STAND_IN, encoding="utf-8")
    python.chmod(0o755)
    return subprocess.run(
        [ROOT / ".ci" / "full", *names],
        env={**os.environ, "PYTHON": str(python), "SEED": "77", "SECONDS_EACH": "1", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_all_scripts_run_and_a_failure_fails_the_run(tmp_path: Path) -> None:
    """Every script has a line in the output, whatever the result of those before it."""
    ran = full(tmp_path)

    assert ran.returncode == 1
    lines = dict(line.split(": ", 1) for line in ran.stdout.splitlines())
    assert list(lines) == [each.stem for each in SCRIPTS]
    assert lines.pop("concurrency").startswith("FAILED: exit 3")
    assert lines.pop("fuzz_core").startswith("FAILED: not done within 1 s")
    assert all(said.startswith("ok") and said.endswith(" 77") for said in lines.values())
    assert "what went wrong" in ran.stderr


def test_selected_scripts(tmp_path: Path) -> None:
    """Scripts can be selected, and get a number of inputs."""
    ran = full(tmp_path, "fuzz_traces", "server", NUMBER="5")

    assert (ran.returncode, ran.stderr) == (0, "")
    assert [line.rpartition("called with ")[2] for line in ran.stdout.splitlines()] == [
        "tests/long/fuzz_traces.py 77 5",
        "tests/long/server.py 77 5",
    ]


def load_script(path: Path) -> ModuleType:
    """Load a script of tests/long as a module."""
    spec = importlib.util.spec_from_file_location(f"long_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_first_argument_is_the_seed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Every script gets the seed first, and prints it."""
    for path in SCRIPTS:
        if path.stem == "moto_suite":  # it downloads the suite, and has no seed
            continue
        module = load_script(path)
        monkeypatch.setattr(sys, "argv", [path.name, "77", "2"])
        if path.stem == "concurrency":  # the workers over Redis are in test_stores_concurrency
            monkeypatch.setattr(module.test_stores_concurrency, "run_many_clients", lambda *_: None)
        if path.stem == "server":  # each trial is in the suite, shorter
            calls: list[tuple[str, int, int]] = []
            for name in module.TRIALS:

                def trial(
                    seed: int, number: int, name: str = name, calls: list[tuple[str, int, int]] = calls
                ) -> dict[str, int]:
                    calls.append((name, seed, number))
                    return {}

                monkeypatch.setitem(module.TRIALS, name, trial)
        assert module.main() == 0
        if path.stem == "server":
            assert calls == [(name, 77, 2) for name in ("fuzz", "kill", "slow")]

        output = capsys.readouterr().out
        assert "77" in output.splitlines()[-1], path.name
