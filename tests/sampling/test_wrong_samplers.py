"""Samplers with noise in the wrong place or of the wrong size. Each inherits the claims of a right one, and is refuted.

The right ones beside them are supported by the same claims, at 5 % in all for each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch

from estibench import Reads
from estibench_sampling import mala, ula
from estibench_sampling.contract import LinearSampler, mahalanobis, spread
from estibench_sampling.ddim import DDIM
from estibench_sampling.dpm_solver import DPMSolver
from estibench_sampling.edm_heun import EDMHeun
from estibench_sampling.hmc import HMC
from estibench_sampling.leimkuhler_matthews import LeimkuhlerMatthews, State
from estibench_sampling.mala import MALA
from estibench_sampling.normal import normal_like
from estibench_sampling.normal_laws import affine, independent
from estibench_sampling.parallel_tempering import ParallelTempering
from estibench_sampling.replicas import Tempered
from estibench_sampling.ula import ULA
from estibench_sampling.underdamped import State as Kinetic
from estibench_sampling.underdamped import Underdamped


@dataclass(frozen=True)
class RootOfEta(ULA):
    """√η ξ for √(2η) ξ: the seed of many a bug, a step of half the temperature."""

    def step(self, target, state, eta, generator):
        return ula.step(state, target.score, eta, generator, temperature=0.5)


@dataclass(frozen=True)
class HeunAsOde(ULA):
    """The mean of two stages, each with noise of its own: as for an ODE, and the noise is halved in variance."""

    def step(self, target, state, eta, generator):
        first = ula.step(state, target.score, eta, generator)
        second = ula.step(first, target.score, eta, generator)
        return ula.State(0.5 * (state.x + second.x))


@dataclass(frozen=True)
class Implicit(LinearSampler):
    """x' = x + η ∇log p(x') + √(2η) ξ, solved for x' on a normal target: (x + √(2η) ξ + ηPμ)/(1 + ηP)."""

    step_size: float = 0.5

    claims = (Reads("spread", spread), Reads("mahalanobis", mahalanobis))
    noise_inside = True

    def schedule(self):
        return [self.step_size] * self.steps

    def start(self, target, x, generator):
        return ula.init(x)

    def solve(self, target, x, eta):
        P = torch.linalg.inv(target.density.covariance_matrix)
        right = x + eta * target.density.mean @ P
        return torch.linalg.solve(torch.eye(len(P), dtype=P.dtype) + eta * P, right.T).T

    def step(self, target, state, eta, generator):
        noise = math.sqrt(2 * eta) * normal_like(state.x, generator)
        return ula.State(self.solve(target, state.x + noise, eta))

    def normal_start(self, modes, mean, variance):
        return independent([mean], [variance], len(mean))

    def normal_step(self, modes, eta):
        shrink = 1 / (1 + eta / modes.variance)
        return affine([[shrink]], [shrink * eta * modes.mean / modes.variance], [[2 * eta * shrink**2]])


@dataclass(frozen=True)
class NoiseAfterTheSolve(Implicit):
    """The noise added to the solution instead of to the equation."""

    def step(self, target, state, eta, generator):
        noise = math.sqrt(2 * eta) * normal_like(state.x, generator)
        return ula.State(self.solve(target, state.x, eta) + noise)


@dataclass(frozen=True)
class FreshNoise(LeimkuhlerMatthews):
    """Both halves of the noise drawn anew: half of its variance is lost."""

    def step(self, target, state, eta, generator):
        one, other = normal_like(state.x, generator), normal_like(state.x, generator)
        x = state.x + eta * target.score(state.x) + math.sqrt(eta / 2) * (one + other)
        return State(x, other)


@dataclass(frozen=True)
class NoFluctuation(Underdamped):
    """Friction without its noise."""

    def step(self, target, state, h, generator):
        v = (state.v + 0.5 * h * state.score) * math.exp(-self.friction * h)
        x = state.x + h * v
        score = target.score(x)
        return Kinetic(x, v + 0.5 * h * score, score)


@dataclass(frozen=True)
class ForgetsTheProposal(MALA):
    """Accepts by p(y)/p(x) alone, though the proposal is not symmetric."""

    def step(self, target, state, eta, generator):
        noise = normal_like(state.x, generator)
        y = state.x + eta * state.score + math.sqrt(2 * eta) * noise
        score, log_prob = target.score(y), target.log_prob(y)
        moved = torch.rand(len(y), generator=generator, dtype=y.dtype).log() < log_prob - state.log_prob
        return mala.State(
            torch.where(moved[:, None], y, state.x),
            torch.where(moved[:, None], score, state.score),
            torch.where(moved, log_prob, state.log_prob),
            state.accepted + moved,
        )


@dataclass(frozen=True)
class AcceptsAll(HMC):
    """Leapfrog without a decision: a bias of the second order in h."""

    def step(self, target, state, h, generator):
        v = normal_like(state.x, generator) + 0.5 * h * state.score
        x, score = state.x, state.score
        for k in range(self.leapfrogs):
            x = x + h * v
            score = target.score(x)
            v = v + (h if k + 1 < self.leapfrogs else h / 2) * score
        return mala.State(x, score, target.log_prob(x), state.accepted + 1)


@dataclass(frozen=True)
class ForwardVariance(DDIM):
    """Ancestral steps with the variance of q(x_σ | x_τ) for that of the posterior, and the posterior's mean."""

    def step(self, target, state, control, generator):
        sigma, tau = control
        x = state.x + (sigma**2 - tau**2) * target.noised_score(sigma)(state.x)
        return state._replace(x=x + math.sqrt(sigma**2 - tau**2) * (tau > 0) * normal_like(x, generator))


@dataclass(frozen=True)
class SlopeAtTheStart(EDMHeun):
    """The second slope of Heun's rule at x, where it should be at the end of Euler's step."""

    def step(self, target, state, control, generator):
        (sigma, tau), x = control, state.x
        slope = -sigma * target.noised_score(sigma)(x)
        if tau > 0:
            slope = (slope - tau * target.noised_score(tau)(x)) / 2
        return state._replace(x=x + (tau - sigma) * slope)


@dataclass(frozen=True)
class NeverExtrapolates(DPMSolver):
    """The denoised signal of the step alone."""

    def step(self, target, state, control, generator):
        sigma, tau, _ = control
        return super().step(target, state, (sigma, tau, 0.0), generator)


@dataclass(frozen=True)
class SwapsAll(ParallelTempering):
    """Neighbours exchange their states without a decision."""

    def step(self, target, state, odd, generator):
        moved = super().step(target, state, odd, generator)
        x = (state.widths * moved.replicas.x.unflatten(0, (self.levels, -1)))[[1, 0, *range(2, self.levels)]]
        return moved._replace(
            x=x[0], replicas=mala.init((x / state.widths).flatten(0, 1), Tempered(target, state.widths))
        )


PAIRS = [
    (ULA, RootOfEta, {"step_size": 0.3}),
    (ULA, HeunAsOde, {"step_size": 0.3}),
    (Implicit, NoiseAfterTheSolve, {"step_size": 0.3}),
    (LeimkuhlerMatthews, FreshNoise, {"step_size": 0.3}),
    (Underdamped, NoFluctuation, {"step_size": 0.5}),
    (MALA, ForgetsTheProposal, {"step_size": 0.5}),
    (HMC, AcceptsAll, {"step_size": 0.9, "leapfrogs": 3}),
    pytest.param(ParallelTempering, SwapsAll, {"levels": 3, "hottest": 2.0}, marks=pytest.mark.nightly),
    (DDIM, ForwardVariance, {"eta": 1.0, "sigma_max": 9.0}),
    (EDMHeun, SlopeAtTheStart, {"sigma_max": 9.0}),
    (DPMSolver, NeverExtrapolates, {"sigma_max": 9.0}),
]


@pytest.mark.parametrize(("right", "wrong", "parameters"), PAIRS, ids=lambda case: getattr(case, "__name__", ""))
def test_noise_in_the_wrong_place_is_refuted(build, verdicts, right, wrong, parameters):
    start = "exact" if right in (MALA, HMC, ParallelTempering) else "normal"
    problem = build(
        "problem", "sampling", density={"name": "gaussian", "covariance": "full"}, dim=4, chains=64, start=start
    )
    found = verdicts(right(steps=20, **parameters), problem, 100)
    assert set(found.values()) == {"supported"}
    found = verdicts(wrong(steps=20, **parameters), problem, 100)
    assert found[next(title for title in found if "spread" in title)] == "refuted"
    assert found[next(title for title in found if "mahalanobis" in title)] == "refuted"
