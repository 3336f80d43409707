"""Across distributions only public names travel: `estibench`, and the top level of each plugin's package."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from own_estimators import every_block

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(folder.name for folder in (ROOT / "plugins").iterdir() if (folder / "__init__.py").exists())
OPEN = [name for name in PACKAGES if hasattr(importlib.import_module(name), "_MODULE_OF")]
# Modules that are public besides the top level: docs/api.md, docs/testing_a_plugin.md.
PUBLIC_MODULES = {"estibench", "estibench.engines", "estibench.testing"}
EXAMPLES = sorted((ROOT / "tests").glob("example_*/**/*.py"))


def imported(code: str) -> Iterator[tuple[str, str]]:
    """Every import of a piece of code, wherever it stands, as module and name; no name for `import module`."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((("." * node.level) + (node.module or ""), alias.name) for alias in node.names)


def private(code: str, own: str = "") -> list[str]:
    """Imports of ours that are not public; `own` is the package that the code belongs to."""
    found = []
    for module, name in imported(code):
        package = module.partition(".")[0]
        if not package.startswith("estibench") or package == own:
            continue
        if module not in PUBLIC_MODULES and module not in PACKAGES:
            found.append(module)
        elif name and name not in importlib.import_module(module).__all__:
            found.append(f"{module}.{name}")
    return found


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example_plugins_import_public_names_only(path):
    folder = next(parent for parent in path.parents if parent.name.startswith("example_"))
    (own,) = (source.name for source in (folder / "src").iterdir() if (source / "__init__.py").exists())
    assert private(path.read_text(encoding="utf-8"), own) == []


@pytest.mark.parametrize("own", every_block(), ids=str)
def test_what_the_pages_show_imports_public_names_only(own):
    assert private(own.code) == []


def test_private_imports_are_found():
    assert private("from estibench_trace.contract import TraceProblem") == ["estibench_trace.contract"]
    assert private("import estibench.measure.draws") == ["estibench.measure.draws"]
    assert private("def f():\n    from estibench_trace import Hutchinson") == ["estibench_trace.Hutchinson"]
    assert private("from estibench_trace import TraceProblem\nimport torch\nfrom estibench import count") == []
    assert private("from estibench_mine.parts import x", "estibench_mine") == []
    assert len(EXAMPLES) > 3


@pytest.mark.parametrize("package", OPEN)
def test_public_names_are_the_ones_that_type_checkers_see(package):
    module = importlib.import_module(package)
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {alias.name: node.module for node in guarded.body for alias in node.names}
    assert typed == module._MODULE_OF
    assert all(getattr(module, name) is not None for name in module.__all__)
    assert dir(module) == sorted(module.__all__)
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'Nothing'"):
        _ = module.Nothing


@pytest.mark.parametrize("package", OPEN)
def test_a_package_imports_nothing_heavy_by_itself(package):
    code = f"import sys, {package}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert package in loaded
    assert not {"torch", "numpy", "scipy", "estibench"} & set(loaded)


def test_the_open_packages():
    assert {"estibench_densities", "estibench_flow", "estibench_trace"} <= set(OPEN)


@pytest.mark.parametrize("package", OPEN)
def test_every_public_name_is_in_the_reference(package):
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    for name in importlib.import_module(package).__all__:
        assert f"{package}.{name}" in page
