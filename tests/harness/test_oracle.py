"""No problem needs to know its estimator: an outsider's is `ok` in every registered problem of every task."""

from pathlib import Path

import pytest

from estibench import host as plugin_host
from estibench.host import Host
from estibench.measure.block import measure_block
from estibench.suite.plan import Block, Settings
from estibench.testing.subjects import resolve

ORACLE = Path(__file__).parent / "plugins" / "oracle.py"
SETTINGS = Settings(seed=0, min_draws=32, max_draws=32, time_limit=5, rounds=0)


@pytest.fixture(scope="module")
def outsider():
    """The current host, with the oracle."""
    before = plugin_host._current
    yield plugin_host.start([str(ORACLE)])
    plugin_host._current = before


def problems():
    return [entry.name for entry in Host().problems]


def test_every_task_has_a_problem_and_the_oracle(outsider):
    tasks = {entry.name for entry in outsider.tasks}
    assert len(tasks) == 15
    assert {entry.task for entry in outsider.problems} == tasks
    assert set(outsider.estimators.get("oracle").tasks) == tasks


@pytest.mark.parametrize("name", problems())
def test_it_is_ok(outsider, name):
    """With the small parameters that every problem's class gives as `examples`. A false refutation: 5 % over all, since
    seeds are fixed and verdicts corrected; it fails every time or never."""
    (subject,) = resolve(name, outsider, ("problem",))
    (oracle,) = resolve("oracle", outsider, ("estimator",))
    estimator = oracle.component({})
    for parameters in subject.settings:
        problem, task = subject.component(parameters), outsider.problems.get(name).task
        block = Block(problem, task, device="cpu", dtype="float64", estimators=(estimator,), baseline=0)
        (row,) = measure_block(block, SETTINGS)
        assert (row["status"], row["reason"]) == ("ok", "")
