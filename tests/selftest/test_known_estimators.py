"""The synthetic estimators are what they say: their closed forms, by Monte Carlo without the harness."""

import itertools
import math

import pytest
import torch

from estibench.contracts.estimator import vectorised

DRAWS = 100_000
CASES = [
    *(("additive", {"noise": noise}) for noise in ("normal", "laplace", "exponential", "student")),
    ("additive", {"noise": "exponential", "bias": 0.3, "scale": 2.0, "samples": 4}),
    ("dropout", {"keep": 0.3}),
    *(("rare", {"probability": 0.1, "values": values}) for values in ("above", "below", "either", "weights")),
    ("rare", {"probability": 0.2, "bias": 0.3}),
]
PLACES = [*itertools.product(CASES, [1, 2, 5]), (("rotation", {"angle": 0.7}), 2)]


@pytest.mark.parametrize(("case", "components"), PLACES)
def test_closed_forms(build, case, components):
    """Means of 100 000 draws within 5 standard errors (rate below 1e-6 each, more for the heavy tails of squares)."""
    name, parameters = case
    problem = build("problem", "constant", components=components)
    estimator = build("estimator", name, **parameters)
    generator = torch.Generator().manual_seed(1)
    estimator.estimate(problem, generator)
    draws = vectorised(lambda: estimator.estimate(problem, generator), DRAWS)
    errors, known = draws - problem.truth, estimator.known(problem, 0.95)

    def agrees(sample, value):
        assert abs(float(sample.mean()) - value) < 5 * float(sample.std()) / math.sqrt(DRAWS) + 1e-12

    agrees(errors.square().sum(1), known["mse"])
    agrees(errors.mean(1), known["mean_error"])
    deviations = (draws - draws.mean(0)).square().sum(1)
    agrees(deviations, known["variance"])
    bias = errors.mean(0).norm()
    assert abs(float(bias) - known["bias"]) < 5 * math.sqrt(known["variance"] / DRAWS)
    if "zeros_fraction" in known:
        agrees((draws == 0).to(torch.float64).mean(1), known["zeros_fraction"])
    if "cosine" in known:
        agrees(torch.cosine_similarity(draws, problem.truth[None]), known["cosine"])


@pytest.mark.parametrize("noise", ["student3", "lognormal"])
def test_tails_beyond_the_limits_are_still_centred(build, noise):
    problem, estimator = build("problem", "constant"), build("estimator", "additive", noise=noise)
    generator = torch.Generator().manual_seed(2)
    draws = vectorised(lambda: estimator.estimate(problem, generator), DRAWS) - 1
    assert abs(float(draws.mean())) < 5 / math.sqrt(DRAWS)
    assert not estimator.coverable
