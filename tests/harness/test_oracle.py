"""A problem never needs to know its estimator: an outsider's is measured by every problem of every task.

But those of fits: what they measure is a training run, and who knows the truth has none.
"""

from pathlib import Path

import pytest

from estibench import FitProblem
from estibench import host as plugin_host
from estibench.analysis.verdicts import judge
from estibench.host.components import make
from estibench.measure import measure_block
from estibench.suite import Block, Settings
from estibench.testing.subjects import resolve

ORACLE = Path(__file__).parent / "plugins" / "oracle.py"
HOST = plugin_host.start()
FITS = {entry.name for entry in HOST.tasks if issubclass(entry.load().contract, FitProblem)}
PROBLEMS = [(entry.task, entry.name) for entry in HOST.problems if entry.task not in FITS]
# What problems read off the draws of an estimator without any capability; of samples it depends on the density.
READ = {
    "log_density": {"error_prior_mismatch"},
    "log_normalizer": {"reading_ratio", "reading_ratio_variance"},
}


@pytest.fixture(scope="module", autouse=True)
def oracle_host():
    yield plugin_host.start([str(ORACLE)])
    plugin_host.start()


def measure(host, task, problem):
    block = Block(problem, task, "cpu", "float64", (make(host, "estimator", "oracle", {}),), 0)
    rows = measure_block(block, Settings(min_draws=64, max_draws=64, rounds=0))
    judge(rows)
    return rows[0]


@pytest.mark.parametrize(("task", "name"), PROBLEMS)
def test_it_is_ok(oracle_host, task, name):
    """Draws are 64 of a fixed seed; noise of 0.01 per component is what the table must show.

    The RMSE's relative error is 1/√(2 · 64 · components) at most 0.09; beyond 4.5 of that with probability 1e-5.
    """
    (subject,) = resolve(name, oracle_host, ("problem",))
    for parameters in subject.settings:
        row = measure(oracle_host, task, subject.component(parameters))
        assert row["status"] == "ok", row["reason"]
        assert [claim["verdict"] for claim in row["claims"]] != ["refuted"]
        assert row["peak_bytes"] > 0
        if task == "sampling":
            assert row["reading_spread"] == pytest.approx(1, abs=0.1)
            continue
        expected = 0.01 * row["components"] ** 0.5
        if row["truth_error"] > 0:  # the oracle knows the reference, whose own error is no error of the estimate's
            assert row["rmse_low"] <= expected <= row["rmse_high"] + row["truth_error"]
        else:
            assert row["rmse"] == pytest.approx(expected, rel=0.4)
        assert {column for column in row if column.startswith(("error_", "reading_"))} == {
            column + end for column in READ.get(task, ()) for end in ("", "_low", "_high")
        }
        assert row["flops"] == 0


def test_every_task_has_problems_and_the_oracle(oracle_host):
    tasks = {entry.name for entry in oracle_host.tasks} - FITS
    assert len(tasks) == 15
    assert len(FITS) == 4
    assert {task for task, _ in PROBLEMS} == tasks
    assert set(oracle_host.estimators.get("oracle").tasks) == tasks
