"""Suites of good and faulty estimators, run by the command line in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FAULTS = Path(__file__).parent / "plugins" / "faults.py"


@pytest.fixture(scope="session")
def command():
    """The words of a command that runs `bench` with the plugin of faults."""
    return lambda *arguments: [sys.executable, "-m", "estibench", "-p", str(FAULTS), *map(str, arguments)]


@pytest.fixture(scope="session")
def bench(command):
    """Runs `bench` to its end."""

    def bench(*arguments, **environment):
        return subprocess.run(
            command(*arguments),
            capture_output=True,
            text=True,
            env={**os.environ, "COLUMNS": "120", **environment},
            check=False,
            timeout=240,
        )

    return bench


@pytest.fixture
def write_suite(tmp_path):
    """Writes a suite: problems and estimators as YAML flow items, and keys."""

    def write(estimators, problems=("{name: matrix, dim: 8}",), **keys):
        path = tmp_path / "suite.yaml"
        settings = {"name": "faults", "time_limit": 2, "timing": "{rounds: 0}", "draws": "{min: 32, max: 64}"} | keys
        lines = [f"{key}: {value}" for key, value in settings.items()]
        for key, items in (("problems", problems), ("estimators", estimators)):
            lines += [f"{key}:", *(f"  - {item}" for item in items)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write
