"""The estimators of other families keep their side of the contract, by the kit that everyone has."""

import torch
from estibench_example.random_walk import random_walk

from estibench.testing import Effort, parametrize_with_checks


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
    init, step = random_walk(lambda x: -0.5 * x.square().sum(-1), 0.5)
    state = init(torch.randn(4096, 1, generator=generator, dtype=torch.float64))
    for _ in range(20):
        state, info = step(generator, state)
    assert abs(float(state.position.square().mean()) - 1) < 5 * (2 / 4096) ** 0.5
    assert 0.5 < float(info.acceptance_rate.mean()) < 1
