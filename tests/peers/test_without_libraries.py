"""Without a library: nothing needs it, and rows are unsupported and say how to install what they lack."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest
import torch

import estibench_peers
from estibench import Unsupported
from estibench.testing.subjects import resolve
from estibench_peers.optional import library

HERE = Path(estibench_peers.__file__).parent
PINS = Path(__file__).parents[2] / "constraints-peers.txt"
OURS = {"annotated_types", "estibench", "estibench_peers", "numpy", "torch", "torchdiffeq"} | {
    f"estibench_{name}" for name in ("densities", "discrete", "flow", "sampling", "score", "trace")
}


def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def foreign(node: ast.AST) -> set[str]:
    """The packages of others that the code below a node imports."""
    found = set[str]()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in inner.names}
        elif isinstance(inner, ast.ImportFrom):
            found.add((inner.module or "").partition(".")[0])
    return found - OURS - set(sys.stdlib_module_names)


def guarded(file: Path) -> set[str]:
    """What a file imports inside of `with library(*INSTALL)`."""
    blocks = (node for node in ast.walk(tree(file)) if isinstance(node, ast.With))
    ours = (node for node in blocks if "library(*INSTALL)" in map(ast.unparse, node.items))
    return {name for node in ours for name in foreign(node)}


FILES = sorted(HERE.glob("*.py"))
PEERS = [file for file in FILES if guarded(file)]


def distribution(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text.partition("==")[0].strip()).lower()


@pytest.fixture(scope="module")
def pins() -> set[str]:
    lines = [line.strip() for line in PINS.read_text(encoding="utf-8").splitlines()]
    wanted = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.+]+", line) for line in wanted), "a pin is NAME==VERSION"
    return {distribution(line) for line in wanted}


def test_a_missing_module_is_unsupported_with_the_command():
    expected = r"no module nowhere_at_all: pip install --no-deps nowhere other"
    with pytest.raises(Unsupported, match=expected), library("nowhere", "other"):
        import nowhere_at_all  # noqa: F401


def test_another_error_of_an_import_passes():
    with pytest.raises(ImportError, match="cannot import name"), library("json"):
        from json import nothing_of_the_kind  # noqa: F401


def test_torch_is_nobodys_to_bring(pins):
    assert "torch" not in pins


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_library_is_imported_outside_of_its_guard(file):
    assert foreign(tree(file)) == guarded(file)


@pytest.mark.parametrize("file", PEERS, ids=lambda file: file.stem)
def test_what_a_peer_installs_is_pinned(file, pins):
    assigned = {ast.unparse(node.targets[0]): node.value for node in tree(file).body if isinstance(node, ast.Assign)}
    assert {distribution(name) for name in ast.literal_eval(assigned["INSTALL"])} <= pins


class Hiding:
    """A finder for which some packages are not installed."""

    def __init__(self, hidden: set[str]) -> None:
        self._hidden = hidden

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self._hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def peers(host) -> list:
    """Those that need a library: all but torch's own and torchdiffeq's, which estibench needs too."""
    modules = {f"estibench_peers.{file.stem}" for file in PEERS}
    return [entry for entry in host.estimators if entry.target.partition(":")[0] in modules]


def test_every_peer_is_unsupported_without_its_library(host, build, monkeypatch):
    """On the first problem of its first task; all that the guards import is hidden, installed or not."""
    hidden = {name for file in PEERS for name in guarded(file)}
    for name in [name for name in sys.modules if name.partition(".")[0] in hidden]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Hiding(hidden), *sys.meta_path])
    assert peers(host)
    for entry in peers(host):
        name = next(one.name for one in host.problems if one.task == entry.tasks[0])
        made = resolve(name, host, ["problem"])[0].examples[0].instance.at("cpu", "float64")
        with pytest.raises(Unsupported, match=r"^no module .*: pip install --no-deps "):
            build("estimator", entry.name).estimate(made, torch.Generator().manual_seed(0))
