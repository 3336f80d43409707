"""Samplers as pairs (init, step), and samplers that work in place."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from estibench import counting
from estibench_densities.gaussian import Gaussian
from estibench_sampling import Kernel, KernelSampler, Sampler, Sampling
from estibench_sampling import mala as ours


class State(NamedTuple):
    """As blackjax's states: a position, and what the kernel remembers."""

    position: Tensor
    inner: Any


class Info(NamedTuple):
    """As blackjax's infos."""

    acceptance_rate: Tensor


@dataclass(frozen=True)
class Pair(KernelSampler):
    """Our MALA with η = 0.1, in other people's clothes."""

    def kernel(self, target):
        def init(position):
            inner = ours.init(position, target)
            return State(inner.x, inner)

        def step(generator, state):
            after = ours.step(state.inner, target, 0.1, generator)
            return State(after.x, after), Info(after.accepted - state.inner.accepted)

        return Kernel(init, step)


def test_a_pair_is_the_sampler_that_it_is_made_of():
    problem = Sampling(density=Gaussian(dim=2), chains=16, records=3)
    problem.prepare()
    with counting() as counts:
        theirs = Pair(steps=12).estimate(problem, torch.Generator().manual_seed(0))
    mine = ours.MALA(steps=12, step_size=0.1).estimate(problem, torch.Generator().manual_seed(0))
    torch.testing.assert_close(theirs.points, mine.points, rtol=0, atol=0)
    torch.testing.assert_close(theirs.statistics["acceptance"], mine.statistics["acceptance"])
    assert counts == {"score_evaluation": 13, "log_prob_evaluation": 13}


class Chain(NamedTuple):
    x: Tensor


@dataclass(frozen=True)
class Counts(Sampler):
    """Adds 1 in place: after k steps every coordinate is k more than at the start."""

    def start(self, target, x, generator):
        return Chain(x.zero_())

    def step(self, target, state, control, generator):
        state.x.add_(1)
        return state


def test_records_are_of_their_own_time_though_the_sampler_works_in_place():
    problem = Sampling(density=Gaussian(dim=2), chains=4, records=3)
    found = Counts(steps=12).estimate(problem, torch.Generator().manual_seed(0)).points
    assert found[:, 0, 0].tolist() == [8.0, 10.0, 12.0]
    assert found.shape == (3, 4, 2)
