"""Thousands of values: work counted by calls and bytes, and blocks of states that add up to the whole."""

from dataclasses import replace

import pytest
import torch

from estibench import counting
from estibench.measure.memory import peak_of
from estibench_discrete import reference
from estibench_discrete.reinmax import ReinMax, reinmax_bias, reinmax_variance
from estibench_discrete.reinmax import term as reinmax_term
from estibench_discrete.straight_through import StraightThrough, straight_through_variance

VALUES = 4096


@pytest.fixture(scope="module")
def large():
    from estibench_discrete.categorical import Categorical

    problem = Categorical(values=VALUES, objective_kind="linear", device="cpu", dtype="float32")
    problem.prepare()
    problem.exact.prepare()
    return problem


def test_the_exact_gradient_never_holds_all_states(build, large):
    """Each state is evaluated once, and all one-hot vectors at once, K² numbers, would be 16 blocks."""
    estimator = build("estimator", "enumeration")
    with counting() as counts:
        peak = peak_of(lambda: estimator.estimate(large, torch.Generator()), "cpu").allocated
    assert counts["evaluation"] == VALUES
    assert peak < 2 * 4 * reference.AT_ONCE < 4 * VALUES**2 / 4


def test_statistics_never_hold_all_states(large):
    """What the truth and ReinMax's claims take: less than the K² numbers of float64 that all slopes would be."""
    peak = peak_of(lambda: (large.truth, reinmax_variance(large, ReinMax())), "cpu").allocated
    assert peak < 8 * VALUES**2 / 2


def test_a_bias_and_a_variance_share_their_sums(build):
    """One pass over all states for both, another for another estimator's term; and both are what a pass gives."""
    problem, passes = build("problem", "categorical", values=16, objective_kind="cubic"), []
    known = problem.reference
    problem.exact.__dict__["reference"] = problem.__dict__["reference"] = replace(
        known, block=lambda part: passes.append(part) or known.block(part)
    )
    found = reinmax_bias(problem, ReinMax()), reinmax_variance(problem, ReinMax(samples=4))
    assert len(passes) == 1
    straight_through_variance(problem, StraightThrough())
    assert len(passes) == 2
    mean, variance = known.mean_and_variance(reinmax_term)
    torch.testing.assert_close(found, (mean - problem.truth, variance / 4))


def test_a_linear_objective_leaves_straight_through_no_variance(build, large):
    """Whatever the blocks are: v is the same everywhere, exactly."""
    (variance,) = large.reference.mean_and_variance(lambda p, z, v: v)[1].tolist()
    assert variance < 1e-25


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("categorical", {"values": 11, "objective_kind": "cubic", "spread": 3.0}),
        ("product", {"variables": 3, "values": 4}),
        ("separable_quadratic", {"variables": 3, "values": 7}),
        ("vq", {"codes": 7, "batch": 3}),
    ],
)
def test_blocks_add_up_to_the_whole(build, monkeypatch, name, parameters):
    """Blocks of one or a few states, an incomplete last one among them, against all states in one block."""

    def sums():
        problem = build("problem", name, **parameters)
        estimator = ReinMax()
        moments = problem.reference.moments
        exact = build("estimator", "enumeration")
        found = [problem.truth, reinmax_bias(problem, estimator), reinmax_variance(problem, estimator), moments.square]
        return found if name == "separable_quadratic" else [*found, exact.estimate(problem, torch.Generator())]

    whole = sums()
    p = build("problem", name, **parameters).logits
    monkeypatch.setattr(reference, "AT_ONCE", 3 * p.numel())
    assert len(list(reference.parts(7, p.numel()))) == 3
    for one, other in zip(sums(), whole, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def test_the_variance_of_blocks_is_that_of_a_sum_over_states(build, monkeypatch):
    """By definition, state by state; without what lies between blocks it would be much smaller."""
    problem = build("problem", "categorical", values=5, objective_kind="cubic")
    monkeypatch.setattr(reference, "AT_ONCE", 1)
    known = problem.reference
    p, v = (
        known.p[0, 0],
        torch.func.vmap(torch.func.grad(lambda z: problem.objective.function(z[None, None])[0]))(
            torch.eye(5, dtype=torch.float64)
        ),
    )
    mean, variance = known.mean_and_variance(lambda p, z, slope: slope)
    torch.testing.assert_close(mean[0, 0], p @ v)
    torch.testing.assert_close(variance[0], (p @ (v - p @ v).square()).sum())
