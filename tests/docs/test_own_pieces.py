"""Blocks of 'Write your own …' that are for one problem only: their first line is `# problem: NAME`."""

import re
import sys
import types
from pathlib import Path

import pytest

from estibench import Estimator
from estibench.testing import Effort, check_estimator

PAGES = Path(__file__).parents[2] / "docs" / "tasks"
BLOCK = re.compile(r"^```python\n(# problem: (\w+)\n.*?)^```", flags=re.DOTALL | re.MULTILINE)
BLOCKS = [
    (page.stem, name, code)
    for page in sorted(PAGES.glob("*.md"))
    for code, name in BLOCK.findall(page.read_text("utf-8"))
]
SHOWN = {"registered": "a page shows a class, not the hook that registers it"}


@pytest.mark.parametrize(("page", "problem", "code"), BLOCKS, ids=[f"{page}-{name}" for page, name, _ in BLOCKS])
def test_it_conforms_on_its_problem(page, problem, code):
    module = types.ModuleType(f"own_{page}_{problem}")
    sys.modules[module.__name__] = module  # dataclasses look their annotations up there
    exec(compile(code, f"docs/tasks/{page}.md", "exec"), vars(module))
    (cls,) = [
        thing
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, Estimator) and thing.__module__ == module.__name__
    ]
    outcomes = check_estimator(cls, problem, expected_failures=SHOWN, effort=Effort(draws=64, seconds=0.1))
    assert any(outcome.check == "returns_an_estimate" and outcome.status == "passed" for outcome in outcomes)


def test_both_are_found():
    assert {(page, name) for page, name, _ in BLOCKS} == {("discrete", "vq"), ("sampling", "sampling")}
