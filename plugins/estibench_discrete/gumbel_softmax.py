"""Gumbel-softmax (the concrete distribution), and its straight-through form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from estibench import Bias, Cost, NonNegativeFloat, PositiveFloat, PositiveInt, ScalesAs, Variance
from estibench_discrete.contract import DiscreteEstimator, GradientProblem, Objective, State, is_binary_single
from estibench_discrete.distribution import gumbels, one_hot, softmax_vjp, tempered
from estibench_discrete.quadrature import binary_moments

ONE_COIN = "one variable of two values"


def binary_bias(problem: GradientProblem, estimator: Any) -> Tensor:
    """(−E h, E h) − g by quadrature, (1, 1, 2). Serves every estimator with `tau` and `at`."""
    mean, _ = binary_moments(problem, estimator.tau, estimator.at)
    return torch.tensor([[[-mean, mean]]], dtype=torch.float64) - problem.truth


def binary_variance(problem: GradientProblem, estimator: GumbelSoftmax) -> float:
    """2 Var h / n by quadrature."""
    mean, square = binary_moments(problem, estimator.tau, estimator.at)
    return 2 * (square - mean**2) / estimator.samples


@dataclass(frozen=True)
class GumbelSoftmax(DiscreteEstimator):
    """(1/n) Σ_i J(y_i) ∇f(y_i)/τ with y_i = softmax((θ + g_i)/τ), g_i standard Gumbel noise.

    The gradient of E f(y), the objective on relaxed samples: biased by O(τ) for E f(z), with variance ~ 1/τ as τ → 0.
    In floating point most components are exactly 0 for small τ. In training τ may fall from step to step: the k-th
    gradient, k = 0, 1, …, has max(τ e^(−anneal·k), least).

    Straight-through forms take ∇f at another sample of the same noise than J: at one_hot(argmax y_i) (`hard`) or,
    decoupled, at softmax((θ + g_i)/τ') (`forward`), of which the former is the limit τ' → 0.

    Parameters:
        tau: the temperature τ, of the first step; of J, backwards.
        samples: n.
        hard: straight-through: ∇f is taken at one_hot(argmax y), J at y.
        forward: the temperature τ' forwards; τ where none is given.
        anneal: how fast log τ falls, per step; 0: not at all.
        least: τ never falls below it.

    Cost: n evaluations and n gradients.
    """

    tau: PositiveFloat = 1.0
    samples: PositiveInt = 1
    hard: bool = False
    forward: PositiveFloat | None = None
    anneal: NonNegativeFloat = 0.0
    least: PositiveFloat = 0.1

    claims = (
        Bias(
            binary_bias,
            "quadrature",
            when=lambda problem, estimator: is_binary_single(problem),
            given=ONE_COIN,
        ),
        Variance(
            binary_variance,
            "quadrature",
            when=lambda problem, estimator: is_binary_single(problem),
            given=ONE_COIN,
        ),
        Cost("evaluation", lambda problem, estimator: estimator.samples * problem.calls, "n for each gradient"),
        ScalesAs(
            "variance",
            "estimator_tau",
            -1,
            tolerance=0.1,
            when=lambda problem, estimator: (
                is_binary_single(problem) and estimator.tau <= 0.1 and estimator.forward is None
            ),
            given=f"{ONE_COIN}, τ ≤ 0.1, one temperature",
        ),
    )
    citation = (
        "Jang, Gu, Poole, ICLR 2017 (annealing: section 4.1); Maddison, Mnih, Teh, ICLR 2017; two temperatures: Shah "
        "et al., Improving discrete optimisation via decoupled straight-through Gumbel-softmax, arXiv 2410.13331v1."
    )
    examples = ({}, {"anneal": 0.1})

    @property
    def at(self) -> float:
        """The temperature of the sample at which ∇f is taken, 0 for the corner."""
        return 0.0 if self.hard else self.forward or self.tau

    def __post_init__(self) -> None:
        if self.hard and self.forward is not None:
            raise ValueError("hard is the limit of a forward temperature of 0: give one of them")
        if self.anneal and self.tau < self.least:
            raise ValueError(f"a temperature that falls from {self.tau} must not end above, at least: {self.least}")

    def begin(self, logits: Tensor, generator: torch.Generator) -> State:
        """The temperature, where it falls."""
        return (logits.new_full((), self.tau),) if self.anneal else ()

    def step(
        self, objective: Objective, logits: Tensor, state: State, generator: torch.Generator
    ) -> tuple[Tensor, State]:
        if not state:
            return self.gradient(objective, logits, generator, self.tau), state
        (tau,) = state
        return self.gradient(objective, logits, generator, tau), ((tau * math.exp(-self.anneal)).clamp(min=self.least),)

    def gradient(self, objective: Objective, logits: Tensor, generator: torch.Generator, tau: Tensor | float) -> Tensor:
        """An estimate of ∇_θ Σ_b E f_b(z_b) at a temperature, (batch, L, K) like `logits` θ."""
        z = logits + gumbels((self.samples, *logits.shape), logits, generator)
        y = tempered(z, tau)
        point = one_hot(z.argmax(-1), z) if self.hard else y if self.forward is None else tempered(z, self.forward)
        v = objective.gradient(point)
        return softmax_vjp(y, v).mean(0) / tau
