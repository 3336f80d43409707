"""Shared fixtures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from estibench import host as plugin_host
from estibench.components import make
from estibench.host import Host


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Tests are compared bit for bit; threads must not change the order of sums."""
    torch.set_num_threads(1)


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
