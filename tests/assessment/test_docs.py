"""docs/your_model.md: its snippets are right, and as short as its table says."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

import estibench
from estibench import host as plugin_host
from estibench.host.components import checked_objects, own_of

PAGE = (Path(__file__).parents[2] / "docs" / "your_model.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"```python\n# (\w+)\n(.*?)```", PAGE, flags=re.DOTALL))
LINES = {task: int(lines) for task, lines in re.findall(r"^\| `(\w+)` \| (\d+) \|$", PAGE, flags=re.MULTILINE)}
MOST = 6


def tasks() -> list[str]:
    return [entry.name for entry in plugin_host.current().tasks if entry.load().own]


def test_every_task_that_takes_objects_has_its_snippet_and_its_objects() -> None:
    assert set(LINES) == set(tasks())
    assert set(BLOCKS) >= set(LINES)
    for task in tasks():
        assert f"| `{task}` | `" in PAGE, "in the table of objects"


@pytest.mark.parametrize("task", LINES)
def test_lines_beyond_the_model(task: str) -> None:
    """Lines of code: no blank ones, no comments, and none that holds two statements."""
    code = [line for line in BLOCKS[task].splitlines() if line.strip() and not line.startswith("#")]
    assert len(code) == LINES[task] <= MOST
    assert len(ast.parse(BLOCKS[task]).body) == len(code)
    assert all(len(line) <= 120 and ";" not in line for line in code)


@pytest.mark.parametrize("task", LINES)
def test_a_snippet_gives_what_its_task_takes(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its problem is made, with its ladder; the measuring itself is tested elsewhere."""
    made: list[str] = []

    def assess(name: str, **objects: Any) -> str:
        own = own_of(plugin_host.current(), name)
        problem = own.make(**checked_objects(own.make, objects, name))
        assert own.ladder(problem)
        assert own.caution is None or own.caution(problem) == ""
        made.append(name)
        return name

    monkeypatch.setattr(estibench, "assess", assess, raising=False)
    scope: dict[str, Any] = {}
    exec(BLOCKS["models"] + BLOCKS[task], scope)
    assert made == [task]
