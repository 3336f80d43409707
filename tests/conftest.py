"""Shared fixtures, and what makes every run of the tests the same: surroundings, generators, examples."""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants
from torch.utils._python_dispatch import TorchDispatchMode

from estibench.__main__ import main
from estibench.cli import bench as command_line
from estibench.host import Host
from estibench.host import plugins as plugin_host
from estibench.host.components import make

PATIENCE = 3600.0  # seconds: no machine is so busy; only what hangs for good takes longer

# Examples of property tests: the same at every run, or (`make fuzz`) others for every seed, told when one fails.
settings.register_profile(
    "fixed", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "fuzz", database=None, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("fixed")
# Hypothesis also tries constants of whatever local modules are loaded, which depends on which tests ran before.
providers._get_local_constants = Constants

# Of the user's environment nothing may decide a test: nor colours and widths, nor where pip and pytest look.
PLAIN = {
    "COLUMNS": "80",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "600s",
    "LINES": "24",
    "LC_ALL": "C.UTF-8",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INDEX": "1",
    "PYTHONUTF8": "1",
    "TZ": "UTC",
}
UNSET = (
    "CLICOLOR_FORCE",
    "ESTIBENCH_PLUGINS",
    "FORCE_COLOR",
    "NO_COLOR",
    "PYTEST_ADDOPTS",
    "PYTHONDONTWRITEBYTECODE",  # each process would compile us anew
    "PYTHONSTARTUP",
    "PYTHONWARNINGS",
    "TTY_COMPATIBLE",
    "TTY_INTERACTIVE",
)


@pytest.fixture(scope="session", autouse=True)
def plain_surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The same environment everywhere, for this process and for those that tests start."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in PLAIN.items():
            patch.setenv(name, value)
        for name in UNSET:
            patch.delenv(name, raising=False)
        if not os.access(os.path.expanduser("~"), os.W_OK):  # matplotlib would complain, and keep nothing
            patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(autouse=True)
def same_start() -> Iterator[None]:
    """Each test begins alike, whatever ran before it: threads, global generators; and leaves the current host behind.

    Tests are compared bit for bit; threads must not change the order of sums.
    """
    torch.set_num_threads(1)
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    before = plugin_host._current
    yield
    plugin_host._current = before


@pytest.fixture(scope="session")
def until() -> Callable[..., Any]:
    """`until(condition)` looks until it holds, and returns what it found; a slow machine only makes that later."""

    def until(condition: Callable[[], Any], what: str = "what was waited for") -> Any:
        end = time.monotonic() + PATIENCE
        while not (found := condition()):
            assert time.monotonic() < end, f"{what} has not come in {PATIENCE:g} s"
            threading.Event().wait(0.01)
        return found

    return until


@pytest.fixture(scope="session")
def patience() -> float:
    """Seconds after which what a test waits for never comes."""
    return PATIENCE


@pytest.fixture(scope="session")
def host() -> Host:
    """The host with the built-in plugins."""
    return plugin_host.start()


@pytest.fixture
def build(host: Host) -> Callable[..., Any]:
    """`build(kind, name, **parameters)` makes an instance as a suite would."""

    def build(kind: str, name: str, **parameters: Any) -> Any:
        return make(host, kind, name, parameters).build(host)

    return build


@pytest.fixture
def suite_file(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a suite's text to a file."""

    def write(text: str) -> Path:
        path = tmp_path / "suite.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@dataclass(frozen=True)
class Said:
    """What a command has printed, and its exit code."""

    code: int
    out: str
    err: str


@pytest.fixture
def bench(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """`bench(*arguments, cwd=, **environment)`: the command line as from a shell, in this process.

    What every start costs, two seconds of imports, is paid once; that it starts alone, other tests see.
    """

    def bench(*arguments: Any, cwd: Path | None = None, **environment: str) -> Said:
        with pytest.MonkeyPatch.context() as patch:
            if cwd is not None:
                patch.chdir(cwd)
            for name, value in ({"COLUMNS": "120"} | environment).items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["bench", *map(str, arguments)])
            patch.setattr(command_line, "commands", dict(command_line.commands))  # plugins may add some
            capsys.readouterr()
            with pytest.raises(SystemExit) as stop:
                main()
        code = stop.value.code
        said = capsys.readouterr()
        return Said(code if isinstance(code, int) else int(code is not None), said.out, said.err)

    return bench


class _Calls(TorchDispatchMode):
    """Counts what torch dispatches, forwards and backwards."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.found[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


@pytest.fixture
def calls() -> Callable[[Callable[[], Any]], Counter[str]]:
    """`calls(function)`: what a call of it dispatches, by the operator's name."""

    def calls(function: Callable[[], Any]) -> Counter[str]:
        with _Calls() as counted:
            function()
        return counted.found

    return calls
