"""Every 'Write your own' of the tasks' pages runs as shown, passes the conformance kit, and is short."""

from __future__ import annotations

import pytest
from own_estimators import LONGEST, blocks, every_block

from estibench import Estimator
from estibench import host as plugin_host
from estibench.testing import Effort, check_estimator, check_problem

EFFORT = Effort(draws=32, seconds=0.1)
SHOWN = {"registered": "a page shows a class, not the hook that registers it"}
EVERY = every_block()
ESTIMATORS = [own for own in EVERY if issubclass(own.load(), Estimator)]
PROBLEMS = [own for own in EVERY if own not in ESTIMATORS]
OPEN = [entry.name for entry in plugin_host.current().tasks]


@pytest.mark.parametrize("own", ESTIMATORS, ids=str)
def test_an_estimator_conforms_on_every_problem_of_its_task(own):
    on = [entry.name for entry in plugin_host.current().problems if entry.task == own.task]
    outcomes = check_estimator(own.load(), on, expected_failures=SHOWN, effort=EFFORT)
    assert sum(outcome.check == "returns_an_estimate" and outcome.status == "passed" for outcome in outcomes) >= len(on)
    assert own.length <= LONGEST


@pytest.mark.parametrize("own", PROBLEMS, ids=str)
def test_a_problem_conforms_and_serves_the_baseline(own):
    check_problem(own.load(), expected_failures=SHOWN, effort=EFFORT)
    baseline = plugin_host.current().tasks.get(own.task).load().baseline
    outcomes = check_estimator(baseline, own.load(), effort=EFFORT)
    assert any(outcome.check == "returns_an_estimate" and outcome.status == "passed" for outcome in outcomes)


@pytest.mark.parametrize("task", OPEN)
def test_every_task_shows_an_estimator_and_a_problem(task):
    assert task in {own.task for own in ESTIMATORS}
    assert task in {own.task for own in PROBLEMS}


def test_only_complete_blocks_under_the_heading_are_found(tmp_path):
    page = tmp_path / "page.md"
    fence = "```python\n{}\n```\n"
    page.write_text(
        "# Page\n"
        + fence.format("# task: elsewhere\nx = 1")
        + "## Write your own thing\n"
        + fence.format("x = 1")
        + fence.format("# task: here\n# a comment is no heading\nx = 2")
        + "## Other\n"
        + fence.format("# task: after\nx = 3"),
        encoding="utf-8",
    )
    (found,) = blocks(page)
    assert (found.task, found.line, found.length) == ("here", 11, 1)
    with pytest.raises(ValueError, match="expected one estimator or problem"):
        found.load()
