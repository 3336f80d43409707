"""Replicas that swap: invariance of every tempered law, the rate of swaps, and what a swap leaves as it is."""

from __future__ import annotations

import pytest
import torch

from estibench_sampling import hmc, mala
from estibench_sampling.parallel_tempering import swap_rate
from estibench_sampling.replicas import Tempered, swap
from estibench_sampling.target import Target

T = torch.tensor([1.0, 2.5, 6.25], dtype=torch.float64)
WIDTHS = T.sqrt()[:, None, None]


def test_all_claims_hold_on_a_normal_law(build, verdicts):
    """Spread, Mahalanobis distance, both rates and both costs from 100 runs: all supported at 5 % in all."""
    problem = build("problem", "sampling", density={"name": "gaussian", "scale": 1.2}, dim=3, start="exact", chains=64)
    sampler = build("estimator", "parallel_tempering", steps=9, levels=4, hottest=8.0, step_size=1.1, leapfrogs=2)
    found = verdicts(sampler, problem, 100)
    assert len(found) == 6
    assert set(found.values()) == {"supported"}


def test_nothing_is_claimed_where_tempered_laws_are_not_known(build, verdicts):
    problem = build("problem", "sampling", density={"name": "gaussian_mixture"}, dim=2, start="exact", chains=8)
    found = verdicts(build("estimator", "parallel_tempering", steps=2), problem, 4)
    assert len(found) == 2  # its costs


@pytest.mark.parametrize("hottest", [3.0, 40.0])
def test_the_rate_of_swaps_in_one_dimension_is_its_integral(build, hottest):
    """∫∫ p_1(x) p_T(y) min(1, e^{(1 − 1/T)(log p(y) − log p(x))}) on N(0, 1), by the trapezoidal rule."""
    problem = build("problem", "sampling", density={"name": "gaussian"}, dim=1, start="exact", chains=8)
    sampler = build("estimator", "parallel_tempering", levels=2, hottest=hottest)
    ticks = torch.linspace(-8, 8, 1601, dtype=torch.float64)
    x, y = torch.meshgrid(ticks, hottest**0.5 * ticks, indexing="ij")
    density = torch.exp(-0.5 * (x.square() + y.square() / hottest))
    rate = torch.exp(0.5 * (1 - 1 / hottest) * (x.square() - y.square())).clamp(max=1)
    assert swap_rate(problem, sampler) == pytest.approx(float((density * rate).sum() / density.sum()), abs=1e-4)


def replicas_of(x, density):
    """The state of replicas at x, (levels, chains, dim)."""
    return mala.init((x / WIDTHS).flatten(0, 1), Tempered(Target(density), WIDTHS))


@pytest.mark.parametrize("odd", [0, 1])
def test_a_swap_moves_states_between_two_levels_and_changes_nothing_else(build, odd):
    """Each chain has the same x as before in some order; scores and log-densities are those of its new places; one
    level has no partner and stays; who moved is who was counted."""
    density = build("density", "gaussian_mixture", spread=1.0)
    generator = torch.Generator().manual_seed(0)
    x = 2 * torch.randn(3, 200, 2, generator=generator, dtype=torch.float64)
    before = replicas_of(x, density)
    after, swapped = swap(before, WIDTHS, odd, generator)
    there = WIDTHS * after.x.unflatten(0, (3, -1))
    alone, i, j = (2, 0, 1) if odd == 0 else (0, 1, 2)
    moved = swapped.bool()
    assert 20 < moved.sum() < 180
    torch.testing.assert_close(there[alone], x[alone])
    torch.testing.assert_close(there[i], torch.where(moved[:, None], x[j], x[i]))
    torch.testing.assert_close(there[j], torch.where(moved[:, None], x[i], x[j]))
    for found, expected in zip(after, replicas_of(there, density), strict=True):
        torch.testing.assert_close(found, expected)


def test_every_tempered_law_of_a_mixture_is_left_as_it_is(build):
    """20 000 chains in one dimension that start in p^{1/T} of two unequal modes, by the inverse of its distribution
    function, after three moves and swaps: shares of the modes and E|x| at each level, six z-tests at 4.5 standard
    errors, one of which fails once in 25 000 seeds. A swap that takes all moves is off by more than 20."""
    density = build("density", "gaussian_mixture", dim=1, spread=1.5).at("cpu", "float64")
    generator, ticks = torch.Generator().manual_seed(0), torch.linspace(-14, 14, 20001, dtype=torch.float64)
    weights = (density.log_prob(ticks[:, None]) / T[:, None]).softmax(1)  # (levels, ticks)
    chosen = torch.multinomial(weights, 20_000, replacement=True, generator=generator)
    target = Target(density)
    state = replicas_of(ticks[chosen][..., None], density)
    for k in range(3):
        state = hmc.step(state, Tempered(target, WIDTHS), 0.8, 1, generator)
        state, _ = swap(state, WIDTHS, k % 2, generator)
    x = WIDTHS[..., 0] * state.x.unflatten(0, (3, -1))[..., 0]
    for of in (lambda z: (z > 0).double(), torch.abs):
        expected = weights @ of(ticks)
        z = (of(x).mean(1) - expected) / (of(x).std(1) / 20_000**0.5)
        assert z.abs().max() < 4.5
    assert float(state.accepted.mean()) < 2.9  # some moves are rejected, so that a decision is tested


def test_modes_are_found_that_langevin_chains_never_see(build):
    """64 chains that start at the mode of weight 0.2, 16 standard deviations from the other: after as many evaluations
    MALA is where it was; of the coldest replicas more than half have arrived. (In the limit 0.8.)"""
    density = {"name": "gaussian_mixture", "layout": "two_modes"}
    problem = build("problem", "sampling", density=density, dim=2, start="mode", chains=64)
    right = {}
    for name, parameters in {
        "mala": {"steps": 255, "step_size": 0.1},
        "parallel_tempering": {"steps": 50, "levels": 5, "hottest": 64.0, "step_size": 0.7},
    }.items():
        x = build("estimator", name, **parameters).estimate(problem, torch.Generator().manual_seed(0)).points
        right[name] = float((x[..., 0] > 0).double().mean())
    assert right["mala"] == 0
    assert right["parallel_tempering"] > 0.5
