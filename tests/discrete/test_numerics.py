"""At the ends of floating point: large logits, small temperatures, one value, low precision."""

import pytest
import torch

from estibench.host.components import make
from estibench.measure import measure_block
from estibench.suite import Block, Settings

ESTIMATORS = [
    ("enumeration", {}),
    ("reinforce", {"samples": 2, "baseline": "leave_one_out"}),
    ("reinforce", {"samples": 2, "baseline": "moving_average"}),
    ("straight_through", {}),
    ("reinmax", {}),
    ("gumbel_softmax", {"tau": 1e-3}),
    ("gumbel_softmax", {"tau": 1e-30}),
    ("gumbel_softmax", {"tau": 1e-3, "hard": True}),
    ("gumbel_rao", {"tau": 1e-3}),
    ("rebar", {"tau": 1e-3}),
    ("relax", {"samples": 2, "tau": 1e-2}),
]
CASES = [
    {"spread": 1e4},
    {"spread": 1.0},
    {"values": 1},
]


def measured(host, problem, estimator, dtype):
    block = Block(problem, "discrete_gradient", "cpu", dtype, (estimator,), None)
    (row,) = measure_block(block, Settings(min_draws=64, max_draws=64, rounds=0))
    return row


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize(("name", "parameters"), ESTIMATORS)
def test_estimates_are_finite(build, name, parameters, case, dtype):
    problem = build("problem", "categorical", objective_kind="cubic", **case).at("cpu", dtype)
    estimator = build("estimator", name, **parameters)
    for seed in range(4):
        estimate = estimator.estimate(problem, torch.Generator().manual_seed(seed))
        assert estimate.dtype == problem.torch_dtype
        assert torch.isfinite(estimate).all()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_rows_at_the_ends_are_ok(host, dtype):
    for case in CASES:
        problem = make(host, "problem", "categorical", {"objective_kind": "cubic", **case})
        for name, parameters in ESTIMATORS[1:6]:
            row = measured(host, problem, make(host, "estimator", name, parameters), dtype)
            assert row["status"] == "ok", row["reason"]


def test_a_temperature_beyond_floating_point_is_explained(host):
    """1e-50 is 0 in float32."""
    problem = make(host, "problem", "categorical", {})
    row = measured(host, problem, make(host, "estimator", "gumbel_softmax", {"tau": 1e-50}), "float32")
    assert (row["status"], row["reason"]) == ("not_finite", "64 of 64 draws are not finite")


def test_small_temperatures_give_zeros_in_single_precision(host):
    problem = make(host, "problem", "categorical", {"values": 64})
    fractions = []
    for tau in (1e-3, 1.0):
        row = measured(host, problem, make(host, "estimator", "gumbel_softmax", {"tau": tau}), "float32")
        fractions.append(row["zeros_fraction"])
    assert fractions[0] > 0.9
    assert fractions[1] < 0.01


def test_one_value_has_no_gradient(build):
    problem = build("problem", "categorical", values=1)
    assert problem.truth.tolist() == [[[0.0]]]
    for name, parameters in ESTIMATORS:
        estimate = build("estimator", name, **parameters).estimate(problem, torch.Generator().manual_seed(0))
        assert estimate.abs().max() < 1e-12
