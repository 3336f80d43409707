"""Each script in examples/defects shows its defect still, wherever its library is installed."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "defects"
SCRIPTS = sorted(FOLDER.glob("*.py"))
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def imported(script: Path) -> set[str]:
    tree = ast.parse(script.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names)


def value(output: str, word: str) -> str:
    """What stands behind `wrong:` or `right:`, up to a comma or the end of the line; empty without such a line."""
    found = re.search(rf"^{word}: (\([^)]*\)|[^,\n]*)", output, re.MULTILINE)
    return found[1] if found else ""


def shows(output: str) -> bool:
    """Whether the two values differ: numbers by more than a tenth, others as text."""
    wrong, right = value(output, "wrong"), value(output, "right")
    numbers = NUMBER.match(wrong), NUMBER.match(right)
    if all(numbers):
        one, other = (float(number[0]) for number in numbers)
        return abs(one - other) > 0.1 * abs(other)
    return bool(wrong) and wrong != right


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_is_short_and_independent_of_us(script):
    text = script.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 30
    assert not any(name.startswith("estibench") for name in imported(script))
    assert ast.get_docstring(ast.parse(text)), "its first line says what is wrong"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_defect_is_still_there(script):
    missing = [name for name in sorted(imported(script)) if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"no module {missing[0]}: make peers")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    versions = done.stdout.splitlines()[0]
    assert re.search(r"\d+\.\d+", versions), "its first line of output says which versions"
    assert shows(done.stdout), (
        f"{script.stem} is mended in {versions}: say so in docs/libraries.md, and remove the script or name the last "
        f"version that has it. It printed:\n{done.stdout}"
    )


def test_what_is_compared():
    assert shows("wrong: -1.00\nright: -10.00, which is −m")
    assert not shows("wrong: -9.80\nright: -10.00")
    assert not shows("right: -10.00")
    assert shows("wrong: (15,), 5 for each\nright: (3,), their mean")
    assert not shows("wrong: (3,), 5 for each\nright: (3,), their mean")
