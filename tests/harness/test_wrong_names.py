"""Names that an author misspells are told, each where it is met."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from estibench import Cost, UserError
from estibench.host import Host
from estibench.host.entries import EstimatorEntry
from estibench.measure.claims import gather_evidence
from estibench.measure.statistics import Moments
from estibench.suite import read_suite

PLUGIN = '''
from dataclasses import dataclass
from estibench import Estimator, EstimatorEntry, hookimpl

@dataclass(frozen=True)
class Mine(Estimator):
    """The truth."""

    def estimate(self, problem, generator):
        return problem.truth

@hookimpl
def bench_estimators():
    return [EstimatorEntry("mine", f"{__name__}:Mine", "mine", ("divergance",))]
'''


def test_an_estimator_of_a_task_that_does_not_exist_is_told(tmp_path: Path) -> None:
    (tmp_path / "of_no_task.py").write_text(PLUGIN, encoding="utf-8")
    suite = tmp_path / "suite.yaml"
    suite.write_text("name: s\nproblems: [{name: field_jacobian, dim: 4}]\nestimators: [mine]\n", encoding="utf-8")
    with pytest.raises(UserError) as found:
        read_suite(suite, Host([str(tmp_path / "of_no_task.py")]))
    assert "suite.yaml:2:13: problems[0].name: no estimator of this suite is for the task 'divergence'" in str(
        found.value
    )
    assert "suite.yaml:3:14: estimators[0].name: is for the task divergance" in str(found.value)


def test_a_unit_that_nothing_counts_is_told() -> None:
    class Claiming:
        claims = (Cost("matvecs", lambda problem, estimator: 2),)

    class Problem:
        torch_dtype, magnitude, eps = torch.float64, 1.0, torch.finfo(torch.float64).eps

    m = Moments(torch.zeros(2, 1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64), random=False)
    (found,) = gather_evidence(Claiming(), Problem(), m, {"matvec": 2, "vjp": 2}, None, {}, 0.95)
    assert found["p_value"] == 0
    assert found["reason"] == "no 'matvecs' was counted, but matvec, vjp"


def test_a_target_without_a_module_says_how_a_file_names_itself() -> None:
    with pytest.raises(UserError, match=r'in a file of your own write f"\{__name__\}:Class"'):
        EstimatorEntry("x", "X", "x", ("trace",)).load()
