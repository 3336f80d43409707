"""The estimators of other families keep their side of the contract, by the kit that everyone has."""

import torch
from estibench_example.random_walk import random_walk

from estibench.testing import Effort, parametrize_with_checks
from estibench_densities.gaussian import Gaussian
from estibench_sampling import Target


@parametrize_with_checks(["two_slices"], on=["score_gradient"], effort=Effort(128, 0.3))
def test_two_slices(check):
    check()


@parametrize_with_checks(["swapped_pair"], on=["bernoulli_quadratic", "categorical"], effort=Effort(128, 0.3))
def test_swapped_pair(check):
    check()


@parametrize_with_checks(["random_walk"], on=["sampling"], effort=Effort(128, 0.3))
def test_random_walk(check):
    check()


def test_the_kernel_is_a_pair_that_works_by_itself():
    """From its own law a normal walk stays in it: 4096 chains, mean of squares within 5 standard errors of 1."""
    generator = torch.Generator().manual_seed(0)
    target = Target(Gaussian(dim=1))
    init, step = random_walk(target.log_prob, 0.5)
    state = init(target.density.sample(4096, generator))
    for _ in range(20):
        state, info = step(generator, state)
    centred = (state.position - target.density.mean) / target.density.covariance_matrix.sqrt()
    assert abs(float(centred.square().mean()) - 1) < 5 * (2 / 4096) ** 0.5
    assert 0 < float(info.acceptance_rate.mean()) <= 1
