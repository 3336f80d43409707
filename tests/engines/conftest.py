"""Suites of good and faulty estimators, run by the command line in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parent / "plugins"


@pytest.fixture(scope="session")
def python():
    """`python(*words, before=)`: the words of a Python that executes `before` and then becomes `python *words`.

    For limits and signals that the process is to start with: a `preexec_fn` may deadlock among threads.
    """

    def python(*words, before=""):
        first = f"import os, resource, signal, sys\n{before}\nos.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
        return [sys.executable, *(["-c", first] if before else []), *map(str, words)]

    return python


@pytest.fixture(scope="session")
def command(python):
    """`command(*arguments, before=, plugins=)`: the words that run `bench` with the plugin of faults, and with others
    of its folder by name."""

    def command(*arguments, before="", plugins=()):
        options = [word for name in ("faults", *plugins) for word in ("-p", PLUGINS / f"{name}.py")]
        return python("-m", "estibench", *options, *arguments, before=before)

    return command


@pytest.fixture(scope="session")
def bench(command, patience):
    """Runs `bench` to its end."""

    def bench(*arguments, before="", plugins=(), **environment):
        return subprocess.run(
            command(*arguments, before=before, plugins=plugins),
            capture_output=True,
            text=True,
            env={**os.environ, "COLUMNS": "120", **environment},
            check=False,
            timeout=patience,
        )

    return bench


@pytest.fixture
def write_suite(tmp_path):
    """Writes a suite: problems and estimators as YAML flow items, and keys."""

    def write(estimators, problems=("{name: matrix, dim: 8}",), **keys):
        path = tmp_path / "suite.yaml"
        settings = {"name": "faults", "time_limit": 3600, "timing": "{rounds: 0}", "draws": "{min: 32, max: 64}"} | keys
        lines = [f"{key}: {value}" for key, value in settings.items()]
        for key, items in (("problems", problems), ("estimators", estimators)):
            lines += [f"{key}:", *(f"  - {item}" for item in items)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write
