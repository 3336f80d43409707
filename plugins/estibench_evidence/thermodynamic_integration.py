"""Thermodynamic integration (path sampling)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from estibench import Bias, Cost, ErrorBarEstimator, PositiveFloat, PositiveInt, Variance
from estibench_evidence.log_normalizer import LogNormalizerProblem
from estibench_evidence.particles import Moves

NODES = 32  # of the quadrature that a closed form is computed by


def nodes(K: int, rule: str) -> tuple[list[float], list[float]]:
    """Places in [0, 1] and their weights: K + 1 of the trapezoidal rule, K of Gauss and Legendre's."""
    if rule == "trapezoid":
        return [k / K for k in range(K + 1)], [(0.5 if k in (0, K) else 1.0) / K for k in range(K + 1)]
    places, weights = np.polynomial.legendre.leggauss(K)
    return ((places + 1) / 2).tolist(), (weights / 2).tolist()


def bias(problem: Any, estimator: ThermodynamicIntegration) -> float | None:
    """The quadrature's error Σ_k c_k K′(β_k) − log Z with exact transitions; 0 with random places."""
    if problem.law is None or estimator.transition != "exact":
        return None
    if estimator.rule == "random":
        return 0.0
    places, weights = nodes(estimator.temperatures, estimator.rule)
    found = sum(c * problem.law.moments(b)[0] for b, c in zip(places, weights, strict=True))
    return found - problem.law.log_z


def variance(problem: Any, estimator: ThermodynamicIntegration) -> float | None:
    """Σ_k c_k² K″(β_k)/N with exact transitions; with random places Σ_k Var(U)/(N K²), U at a uniform β of the k-th
    interval: E K″ + Var K′, of which E K′ is an increment of K, and the rest smooth."""
    if problem.law is None or estimator.transition != "exact":
        return None
    path, K, N = problem.law, estimator.temperatures, estimator.particles
    if estimator.rule != "random":
        places, weights = nodes(K, estimator.rule)
        return sum(c**2 * path.moments(b)[1] for b, c in zip(places, weights, strict=True)) / N
    total, (inside, shares) = 0.0, nodes(NODES, "gauss")
    for k in range(K):
        mean = K * (path.log_integral((k + 1) / K) - path.log_integral(k / K))
        each = [path.moments((k + place) / K) for place in inside]
        total += sum(c * (second + (first - mean) ** 2) for c, (first, second) in zip(shares, each, strict=True))
    return total / (N * K**2)


@dataclass(frozen=True)
class ThermodynamicIntegration(ErrorBarEstimator):
    """log Z = ∫₀¹ E_β U dβ ≈ Σ_k c_k (1/N) Σ_i U(x_ki), x_ki ~ π_β at β_k.

    As d/dβ log ∫ q e^(βU) = E_β U. It estimates log Z itself, without Jensen's bias: with exact samples all bias is
    the quadrature's, O(K⁻²) for the trapezoidal rule, exponentially small for Gauss's, and none at random places.
    Samples that lag behind their π_β, as Metropolis' do, leave a bias that no N removes: E_β U grows with β, and log Ẑ
    is too low.

    Parameters:
        particles: N.
        temperatures: K, intervals of the trapezoidal rule, else the number of places.
        rule: `trapezoid`; `gauss` (Gauss and Legendre); `random`, each particle at a uniform β of its own in every
            interval [k/K, (k + 1)/K].
        transition: `exact` (fresh points of π_β, for normal targets) or `metropolis` (a random walk).
        moves: Metropolis moves at each place.
        step_size: of the walk, in units of the proposal's standard deviation.

    Cost: N evaluations at each place; with Metropolis N (1 + K · moves). Error bar: from the spread of U at each place,
    NaN for one particle.
    """

    particles: PositiveInt = 128
    temperatures: PositiveInt = 16
    rule: Literal["trapezoid", "gauss", "random"] = "trapezoid"
    transition: Literal["exact", "metropolis"] = "metropolis"
    moves: PositiveInt = 1
    step_size: PositiveFloat = 0.5

    claims = (
        Bias(bias, "the quadrature's, with exact transitions"),
        Variance(variance, "Σ c_k² Var_k U/N, with exact transitions"),
        Cost("evaluation", lambda problem, estimator: estimator.evaluations, "N (1 + K · moves)"),
    )
    citation = "Gelman and Meng 1998, Simulating normalizing constants, Statistical Science 13(2), equations 13–15."
    examples = (
        {"particles": 16, "temperatures": 4, "transition": "exact"},
        {"particles": 16, "temperatures": 3, "rule": "random"},
    )

    @property
    def evaluations(self) -> int:
        """Points at which U is wanted: with exact transitions each place's, else the first and those of all moves."""
        if self.transition == "exact":
            return self.particles * (self.temperatures + (self.rule == "trapezoid"))
        return self.particles * (1 + self.temperatures * self.moves)

    def estimate_with_error(self, problem: LogNormalizerProblem, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The estimate and its standard error, each (1,)."""
        K, N, move = self.temperatures, self.particles, Moves(self.transition, self.moves, self.step_size)
        places, weights = nodes(K, "gauss" if self.rule == "gauss" else "trapezoid")
        values = []
        x = problem.propose(N, generator)
        needed = self.transition == "metropolis" or self.rule == "trapezoid"
        U = problem.log_weight(x) if needed else x[:, 0]  # exact transitions forget where they come from
        if self.rule == "trapezoid":
            values, places = [U], places[1:]
        elif self.rule == "random":
            places, weights = places[:-1], [1 / K] * K
        for place in places:
            beta: float | Tensor = place
            if self.rule == "random":
                u = torch.rand(N, generator=generator, device=generator.device, dtype=problem.torch_dtype)
                beta = place + u / K
            x, U = move(problem, x, U, beta, generator)
            values.append(U)
        terms = torch.stack([c * U for c, U in zip(weights, values, strict=True)])  # (places, N)
        spread = terms.var(1).sum() if N > 1 else terms.sum() * math.nan
        return terms.mean(1).sum()[None], (spread / N).sqrt()[None]
