"""Samplers of a categorical variable: frequencies, their variance, their noise; and too coarse noise is found."""

import pytest
import torch

from estibench import Cost, Unbiased, counting
from estibench.measure.statistics import Moments, unbiasedness_p_value, variance_interval

SAMPLERS = ["gumbel_max", "inverse_cdf", "exponential_race"]


@pytest.mark.parametrize("law", ["random", "zipf", "uniform"])
@pytest.mark.parametrize("name", SAMPLERS)
def test_frequencies_are_unbiased_with_multinomial_variance(build, draw, name, law):
    """Means at level 1e-6; total variance in its 99.9999 % interval: rate below 2e-5 over all."""
    problem = build("problem", "categorical_law", values=5, law=law)
    estimator = build("estimator", name, samples=50)
    values = draw(estimator, problem, 4000)
    moments = Moments(values, problem.truth)
    assert unbiasedness_p_value(moments, 1e-10) > 1e-6
    interval = variance_interval(moments, 0.999999)
    assert interval.low < float((problem.truth * (1 - problem.truth)).sum()) / 50 < interval.high
    with counting() as counts:
        estimator.estimate(problem, torch.Generator().manual_seed(0))
    (cost,) = (claim for claim in estimator.claims if isinstance(claim, Cost))
    assert counts["uniform"] == cost.formula(problem, estimator) == (50 if name == "inverse_cdf" else 250)


@pytest.mark.parametrize("noise", ["float16", "bfloat16"])
def test_coarse_noise_is_found_and_claims_nothing(build, draw, noise):
    """A Gumbel variable from 256 or 2048 levels favours wrong values: ties are won by the first."""
    problem = build("problem", "categorical_law", values=64, law="uniform")
    estimator = build("estimator", "gumbel_max", samples=1000, noise=noise)
    values = draw(estimator, problem, 600)
    assert unbiasedness_p_value(Moments(values, problem.truth), 1e-10) < 1e-6
    assert not any(isinstance(claim, Unbiased) and claim.applies(problem, estimator) for claim in estimator.claims)


def test_laws(build):
    zipf = build("problem", "categorical_law", values=3, law="zipf")
    torch.testing.assert_close(zipf.truth, torch.tensor([6.0, 3.0, 2.0], dtype=torch.float64) / 11)
    assert build("problem", "categorical_law", values=4, law="uniform").truth.tolist() == [0.25] * 4


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_single_value_is_certain(build, name):
    problem = build("problem", "categorical_law", values=1)
    assert build("estimator", name).estimate(problem, torch.Generator().manual_seed(0)).tolist() == [1.0]
