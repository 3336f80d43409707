"""Diffusion samplers: noise levels, the papers' own formulas, orders, and where the flow ends."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from estibench_sampling.edm_heun import EDMHeun
from estibench_sampling.ladder import spaced
from estibench_sampling.normal_laws import Modes
from estibench_sampling.reverse_sde import vp_level

SPACINGS = ("karras", "geometric", "vp", "cosine")
DETERMINISTIC = [("ddim", 1), ("edm_heun", 2), ("dpm_solver", 2)]
MEAN, VARIANCE = 0.7, 0.3
MODES = Modes(torch.tensor([MEAN], dtype=torch.float64), torch.tensor([VARIANCE], dtype=torch.float64))


@pytest.fixture(scope="module")
def normal(build):
    """64 chains on a normal target of three dimensions."""
    return build("problem", "sampling", density={"name": "gaussian", "covariance": "full"}, dim=3, chains=64)


@pytest.fixture(scope="module")
def build():
    """As everywhere, for a module."""
    from estibench import host as plugin_host
    from estibench.host.components import make

    host = plugin_host.start()
    return lambda kind, name, **parameters: make(host, kind, name, parameters).build(host)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_levels_fall_from_end_to_end(spacing):
    found = spaced(spacing, 80.0, 0.002, 20)
    assert (found[0], found[-1]) == pytest.approx((80.0, 0.002))
    assert all(one > other for one, other in itertools.pairwise(found))
    assert spaced(spacing, 80.0, 0.002, 1) == pytest.approx([80.0])


def test_levels_are_those_of_the_papers():
    """Karras' formula, and equal times of the two variance-preserving processes."""
    a, b = 80 ** (1 / 7), 0.002 ** (1 / 7)
    assert spaced("karras", 80.0, 0.002, 11)[3] == pytest.approx((a + 0.3 * (b - a)) ** 7)
    times = [1.0, 0.75, 0.5, 0.25]
    expected = [vp_level(t)[1] for t in times]
    assert spaced("vp", expected[0], expected[-1], 4) == pytest.approx(expected)
    expected = [math.sin(math.pi * t / 2) / math.cos(math.pi * t / 2) for t in (0.9, 0.6, 0.3)]
    assert spaced("cosine", expected[0], expected[-1], 3) == pytest.approx(expected)


def transition(sampler):
    """Mean and standard deviation of x after all steps from x = 2.5, x_0 ~ N(MEAN, VARIANCE)."""
    law = sampler.normal_start(MODES, *torch.zeros(2, 1, dtype=torch.float64))
    law.mean[0, 0], law.covariance[0, 0, 0] = 2.5, 0.0
    for control in sampler.schedule():
        law = law.after(sampler.normal_step(MODES, control))
    return float(law.mean[0, 0]), float(law.covariance[0, 0, 0]) ** 0.5


def in_the_papers_words(levels, rule):
    """Mean and standard deviation of x from 2.5 by a rule in the variables of a variance-preserving process.

    `rule(x, D, D₋, now, then, before)` gives the mean of the next state and its added standard deviation; now, then and
    before are (α, s), α² + s² = 1. The denoised D is E[x_0 | x_t = αx], linear in the state's mean.
    """
    points = [(1 / math.sqrt(1 + sigma**2), sigma / math.sqrt(1 + sigma**2)) for sigma in levels]

    def run(x, noise_at=None):
        state, D_before, spreads = points[0][0] * x, None, []
        for i, (now, then) in enumerate(itertools.pairwise(points)):
            alpha, s = now
            D = MEAN + alpha * VARIANCE * (state - alpha * MEAN) / (alpha**2 * VARIANCE + s**2)
            state, spread = rule(state, D, D_before, now, then, points[i - 1] if i else None)
            state += spread * (noise_at == i)
            D_before = D
            spreads.append(spread)
        return state / points[-1][0], spreads

    mean, spreads = run(2.5)
    responses = [run(2.5, i)[0] - mean for i in range(len(spreads))]  # unit noises enter linearly
    return mean, math.sqrt(sum(response**2 for response in responses))


def ddim_equation_12(eta):
    """Song et al. 2021: √ᾱ' D + √(1 − ᾱ' − ς²) ε + ς ξ, ς = η √((1 − ᾱ')/(1 − ᾱ)) √(1 − ᾱ/ᾱ')."""

    def rule(x, D, _, now, then, before):
        (alpha, s), (alpha_next, s_next) = now, then
        noise = (x - alpha * D) / s
        spread = eta * (s_next / s) * math.sqrt(1 - (alpha / alpha_next) ** 2)
        return alpha_next * D + math.sqrt(s_next**2 - spread**2) * noise, spread

    return rule


def ddpm_posterior(x, D, _, now, then, before):
    """Ho et al. 2020, equation 7: mean √ᾱ'β/(1 − ᾱ) D + √(1 − β)(1 − ᾱ')/(1 − ᾱ) x, variance (1 − ᾱ')/(1 − ᾱ) β."""
    (alpha, s), (alpha_next, s_next) = now, then
    beta = 1 - (alpha / alpha_next) ** 2
    mean = alpha_next * beta / s**2 * D + (alpha / alpha_next) * s_next**2 / s**2 * x
    return mean, math.sqrt(beta) * s_next / s


def dpm_solver_algorithm_2(x, D, D_before, now, then, before):
    """Lu et al. 2022: (s'/s) x − α'(e^−h − 1)[(1 + 1/2r) D − D₋/2r], h = λ' − λ, λ = log(α/s), r = h₋/h."""
    (alpha, s), (alpha_next, s_next) = now, then
    if s_next == 0 or before is None:
        decay = 0.0 if s_next == 0 else s_next * alpha / (alpha_next * s)
        return (s_next / s) * x - alpha_next * (decay - 1) * D, 0.0
    now_, then_, before_ = (math.log(a / b) for a, b in (now, then, before))
    h, r = then_ - now_, (now_ - before_) / (then_ - now_)
    ahead = (1 + 1 / (2 * r)) * D - D_before / (2 * r)
    return (s_next / s) * x - alpha_next * (math.exp(-h) - 1) * ahead, 0.0


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize(
    ("name", "parameters", "rule"),
    [
        ("ddim", {}, ddim_equation_12(0.0)),
        ("ddim", {"eta": 0.4}, ddim_equation_12(0.4)),
        ("ddim", {"eta": 1.0}, ddpm_posterior),
        ("dpm_solver", {}, dpm_solver_algorithm_2),
    ],
)
def test_they_are_the_papers_own_formulas_in_variance_preserving_variables(build, name, parameters, rule, spacing):
    """At x/α, after six steps, mean and standard deviation to rounding."""
    sampler = build("estimator", name, steps=6, sigma_max=20.0, sigma_min=0.05, spacing=spacing, **parameters)
    expected = in_the_papers_words([*spaced(spacing, 20.0, 0.05, 6), 0.0], rule)
    assert transition(sampler) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_heun_is_algorithm_1(build):
    """A step of the paper, with dx/dσ = (x − D)/σ."""

    def d(x, sigma):
        return (x - (VARIANCE * x + sigma**2 * MEAN) / (VARIANCE + sigma**2)) / sigma

    x = 2.5
    for sigma, tau in itertools.pairwise([*spaced("karras", 20.0, 0.05, 6), 0.0]):
        y = x + (tau - sigma) * d(x, sigma)
        x = y if tau == 0 else x + (tau - sigma) * 0.5 * (d(x, sigma) + d(y, tau))
    mean, deviation = transition(build("estimator", "edm_heun", steps=6, sigma_max=20.0, sigma_min=0.05))
    assert (mean, deviation) == pytest.approx((x, 0.0))


def test_more_steps_end_where_the_flow_does(build, normal):
    """512 steps of Heun's method leave 10⁻⁴ of the way. The flow's end is neither the start nor the mean."""
    sampler = build("estimator", "edm_heun", steps=512, sigma_max=10.0)
    found = sampler.estimate(normal, torch.Generator().manual_seed(0))
    start = sampler.start(normal.target, found.points[0], torch.Generator().manual_seed(0)).x
    assert 0 < float(found.statistics["flow_error"]) < 1e-4 * float((start - found.points[0]).norm(dim=1).min())
    assert float((found.points[0] - normal.density.mean).norm(dim=1).mean()) > 1


def slopes(sampler_of, problem):
    """log₂ ratios of flow_error between 32, 64 and 128 steps: deterministic but for the starts, which are shared."""
    errors = [
        float(sampler_of(n).estimate(problem, torch.Generator().manual_seed(0)).statistics["flow_error"])
        for n in (32, 64, 128)
    ]
    return [math.log2(one / other) for one, other in itertools.pairwise(errors)]


@pytest.mark.parametrize("spacing", SPACINGS[:3])
@pytest.mark.parametrize(("name", "order"), DETERMINISTIC)
def test_the_error_falls_with_the_order_that_is_claimed(build, normal, name, order, spacing):
    found = slopes(lambda n: build("estimator", name, steps=n, spacing=spacing), normal)
    assert found == pytest.approx([order] * 2, abs=0.25)
    sampler = build("estimator", name, steps=32, spacing=spacing)
    (claim,) = (claim for claim in sampler.claims if "flow_error" in claim.statement)
    assert (claim.exponent, claim.tolerance) == (-order, 0.25)
    assert claim.applies(normal, sampler)
    assert not claim.applies(normal, build("estimator", name, steps=16))


def test_a_wrong_second_slope_loses_an_order(normal):
    """Heun's rule with its second slope at the start of the step: of order 1."""

    class SlopeAtTheStart(EDMHeun):
        def step(self, target, state, control, generator):
            (sigma, tau), x = control, state.x
            slope = -sigma * target.noised_score(sigma)(x)
            if tau > 0:
                slope = (slope - tau * target.noised_score(tau)(x)) / 2
            return state._replace(x=x + (tau - sigma) * slope)

    assert max(slopes(lambda n: SlopeAtTheStart(steps=n), normal)) < 1.3


def test_only_what_follows_the_flow_reads_its_distance(build, normal):
    """Neither ancestral samplers nor other targets have the reading, and neither claims an order."""
    ancestral = build("estimator", "ddim", steps=32, eta=1.0)
    mixture = build("problem", "sampling", density={"name": "gaussian_mixture"}, chains=8)
    for sampler, problem in ((ancestral, normal), (build("estimator", "edm_heun", steps=32), mixture)):
        assert "flow_error" not in sampler.estimate(problem, torch.Generator().manual_seed(0)).statistics
        assert not any("flow_error" in c.statement for c in sampler.claims if c.applies(problem, sampler))
