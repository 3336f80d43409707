"""Curves: the mean error of each component with its interval, in the row and in the exported table."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pandas as pd
import pytest
import torch

from estibench import Problem
from estibench.errors import UserError
from estibench.exports import table_files
from estibench.measure.curve import curve
from estibench.measure.metrics import accuracy
from estibench.measure.sampling import Sample
from estibench.measure.statistics import Moments
from estibench.results import Results
from estibench.suite import Settings, read_suite

AXIS = ("step", (0.0, 10.0, 100.0))


@dataclass(frozen=True, kw_only=True)
class Run(Problem):
    """Three checkpoints whose optimum is 1."""

    along: tuple[str, tuple[float, ...]] | None = AXIS
    truth_source = "closed form"

    @property
    def truth(self):
        return torch.ones(3, dtype=torch.float64)

    @property
    def axis(self):
        return self.along


def sample(n=400):
    noise = torch.randn(n, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return Sample(torch.tensor([3.0, 2.0, 1.5]) + noise * torch.tensor([1.0, 0.5, 0.0]), None, "max_draws", 0, 0.0)


def test_each_component_has_the_interval_of_its_own_mean():
    """Normal draws: Student's interval of each mean, of half-width 1.966 s/√n at n = 400."""
    found = accuracy(sample(), Run(), Settings())["curve"]
    assert (found["axis"], found["x"]) == ("step", [0.0, 10.0, 100.0])
    draws = sample().draws - 1
    assert found["error"] == pytest.approx(draws.mean(0).tolist())
    half = (1.966 * draws.std(0) / 20).tolist()
    for error, low, high, expected in list(zip(found["error"], found["low"], found["high"], half, strict=True))[:2]:
        assert error - low == pytest.approx(expected, rel=0.05)
        assert high - error == pytest.approx(expected, rel=0.05)
    assert found["error"][2] == 0.5
    assert found["low"][2] is None, "equal draws of a random estimator have no interval"


def test_a_problem_without_an_axis_has_no_curve():
    assert "curve" not in accuracy(sample(), Run(along=None), Settings())


def test_an_axis_of_another_length_is_refused():
    with pytest.raises(ValueError, match="axis has 2 places for 3 components"):
        curve(Moments(sample().draws, Run().truth), ("step", (0.0, 1.0)), 0.95)


def test_the_exported_table_holds_the_curve_as_json(tmp_path):
    found = accuracy(sample(), Run(), Settings())["curve"]
    rows = [{"status": "ok", "problem": "run", "estimator": name, "device": "cpu", "dtype": "float64"} for name in "ab"]
    rows[0]["curve"] = found
    parquet, csv = table_files.export(Results(tmp_path, {}, rows))
    for frame in (pd.read_parquet(parquet), pd.read_csv(csv)):
        assert json.loads(frame["curve"][0]) == found
        assert pd.isna(frame["curve"][1])


@pytest.mark.parametrize(
    ("plot", "message"),
    [
        ("{kind: curves, x: stp}", "curves run along step or time, got 'stp'; did you mean 'step'?"),
        ("{kind: curves, y: mse}", "a plot of curves has no choice of y"),
        ("{kind: bias_variance, x: curve}", "unknown column 'curve'"),
    ],
)
def test_a_suite_may_only_ask_for_curves_that_exist(host, suite_file, plot, message):
    path = suite_file(f"name: s\nproblems: [constant]\nestimators: [additive]\nplots:\n  - {plot}\n")
    with pytest.raises(UserError, match=message.replace("?", r"\?")):
        read_suite(path, host)
