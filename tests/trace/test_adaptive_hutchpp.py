"""Adaptive Hutch++: what holds of it, and the bias of probes that stop themselves."""

from itertools import pairwise

import pytest
import torch

from estibench import Unsupported, counting
from estibench.measure.statistics import Moments, unbiasedness_p_value
from estibench_trace.adaptive_hutchpp import AdaptiveHutchPP

N = 800


def draws(estimator, problem, n=N):
    generator = torch.Generator().manual_seed(0)
    return torch.stack([estimator.estimate(problem, generator) for _ in range(n)])


@pytest.fixture(scope="module")
def eye(host):
    """The identity in six dimensions: every ψᵀBψ is ‖Bψ‖², so that a stopping rule picks what it averages."""
    from estibench.host.components import make

    return make(host, "problem", "matrix", {"spectrum": "identity", "dim": 6}).build(host)


def test_probes_that_stop_themselves_are_biased_and_others_are_not(eye):
    """Level 1e-6 each. Of a trace of 6 the published rule loses 0.4 on average where a few probes are enough for it."""
    ways = {way: draws(AdaptiveHutchPP(3.7, failure=0.5, stopping=way), eye) for way in ("reuse", "fresh")}
    assert unbiasedness_p_value(Moments(ways["fresh"], eye.truth), 1e-12) > 1e-6
    assert unbiasedness_p_value(Moments(ways["reuse"], eye.truth), 1e-12) < 1e-6
    assert ways["reuse"].mean() < eye.truth


@pytest.mark.parametrize("structure", ["triangular", "tridiagonal"])
def test_fresh_probes_are_unbiased_for_any_matrix(build, structure):
    """Level 1e-6."""
    problem = build("problem", "structured_matrix", structure=structure, dim=10)
    values = draws(AdaptiveHutchPP(tolerance=20.0, stopping="fresh"), problem, 300)
    assert unbiasedness_p_value(Moments(values, problem.truth), 1e-12) > 1e-6


@pytest.mark.parametrize("stopping", ["reuse", "fresh"])
def test_the_tolerance_is_kept(build, stopping):
    """40 draws may fail with probability 0.05 each: more than 10 of them with probability 2e-6."""
    problem = build("problem", "matrix", spectrum="poly", rate=0.5, dim=60)
    estimator = AdaptiveHutchPP(tolerance=4.0, stopping=stopping)
    values = draws(estimator, problem, 40)
    assert ((values - problem.truth).abs() > 4.0).sum() <= 10
    assert values.std() > 0


def test_a_smaller_tolerance_costs_more(build):
    problem = build("problem", "matrix", spectrum="poly", rate=0.5, dim=60)
    spent = []
    for tolerance in (8.0, 4.0, 2.0, 1.0):
        with counting() as counts:
            AdaptiveHutchPP(tolerance).estimate(problem, torch.Generator().manual_seed(0))
        spent.append(counts["matvec"])
    assert all(one < other for one, other in pairwise(spent))


@pytest.mark.parametrize("stopping", ["reuse", "fresh"])
def test_a_low_rank_is_found_out_and_exact(build, stopping):
    """Rank 3 at a tolerance of 1e-3: three columns, a fourth product that finds nothing, and a rest of rounding."""
    problem = build("problem", "matrix", spectrum="low_rank", rate=3.0, dim=40)
    with counting() as counts:
        found = AdaptiveHutchPP(1e-3, stopping=stopping).estimate(problem, torch.Generator().manual_seed(0))
    torch.testing.assert_close(found, problem.truth)
    assert counts["matvec"] <= 2 * 3 + 1 + 11


def test_what_a_tolerance_may_not_ask_for(build):
    problem = build("problem", "matrix", spectrum="flat", dim=40)
    with pytest.raises(Unsupported, match="asks for more than 30 products"):
        AdaptiveHutchPP(1.0, most=30).estimate(problem, torch.Generator().manual_seed(0))
