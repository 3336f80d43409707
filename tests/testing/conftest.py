"""The zoo, loaded as the plugin that a user would name with -p."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from estibench.host import Host
from estibench.measure import sampling
from estibench.testing import case, contract

ZOO = Path(__file__).parent / "zoo.py"


@pytest.fixture(scope="session")
def zoo_host() -> Host:
    """A host of its own that knows the zoo."""
    return Host([str(ZOO)])


@pytest.fixture(scope="session")
def zoo(zoo_host: Host) -> ModuleType:
    """The zoo's module."""
    return sys.modules["estibench_file_plugin_zoo"]


@pytest.fixture(autouse=True)
def outside_of_xdist(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pytest that a test starts is no worker of ours, and may measure."""
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def all_the_time_in_the_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kit's clock stands still: the number of draws decides how many there are, not how busy the machine is."""
    for module in (case, contract, sampling):
        monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: 0.0))
