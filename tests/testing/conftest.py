"""The zoo, loaded as the plugin that a user would name with -p."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from estibench.host import Host

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
