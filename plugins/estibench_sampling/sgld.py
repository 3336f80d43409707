"""Stochastic gradient Langevin dynamics: ULA with the score of a minibatch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from estibench import Cost, DataDensity, NonNegativeFloat, PositiveFloat, PositiveInt, Reads, Unsupported
from estibench_sampling import ula
from estibench_sampling.contract import Sampler
from estibench_sampling.minibatch_law import is_stable, records_second_moment
from estibench_sampling.problem import Sampling
from estibench_sampling.target import Target, evaluations

HAS_DATA = "the target has data"


def choose(chains: int, batch: int, size: int, generator: torch.Generator) -> Tensor:
    """A minibatch of numbers below `size` for each chain, with replacement: (chains, batch)."""
    return torch.randint(size, (chains, batch), generator=generator, device=generator.device)


def of_posterior(problem: Sampling, sampler: Any) -> bool:
    """Whether the target has data."""
    return isinstance(problem.density, DataDensity)


def evaluations_of(problem: Sampling, sampler: SGLD) -> int:
    """What the minibatches are worth."""
    assert isinstance(problem.density, DataDensity)
    return evaluations(sampler.steps, sampler.batch, problem.density.data_size)


def second_moment(problem: Sampling, sampler: SGLD) -> Tensor | None:
    """E(x − μ)(x − μ)ᵀ of the records on a normal posterior, (m, m), where squares can be averaged."""
    if not is_stable(problem, sampler.batch, sampler.step_size):
        return None
    return records_second_moment(problem, sampler.batch, [eta for _, eta in sampler.schedule()])


def spread(problem: Sampling, sampler: SGLD) -> float | None:
    """E‖x − μ‖²/tr Σ of the records on a normal posterior."""
    found = second_moment(problem, sampler)
    return None if found is None or problem.moments is None else float(found.trace() / problem.moments[1].trace())


def mahalanobis(problem: Sampling, sampler: SGLD) -> float | None:
    """E(x − μ)ᵀΣ⁻¹(x − μ)/m of the records on a normal posterior."""
    found = second_moment(problem, sampler)
    if found is None or problem.moments is None:
        return None
    return float(torch.linalg.solve(problem.moments[1], found).trace() / problem.dim)


@dataclass(frozen=True)
class SGLD(Sampler):
    """x_{k+1} = x_k + η_k ŝ(x_k) + √(2η_k) ξ_k,   η_k = step_size · (1 + k/delay)^−decay,

    with ŝ = ∇ log prior + (N/B) Σ_b ∇ log likelihood of B data drawn with replacement, afresh for every chain and step.
    Its noise adds η²Cov ŝ to the 2η of each step, which is why η must fall. (The paper's ε_t is 2η.) On a normal
    posterior mean and covariance obey closed recursions, since Cov ŝ is quadratic in x: see `minibatch_law`.

    Parameters:
        step_size: η_0, in units of x².
        batch: B.
        decay: the exponent; 0 keeps η, the paper has between ½ and 1.
        delay: steps after which η begins to fall.

    Cost: `datum_score` counts the data that are looked at, B per step; N of them are one score evaluation, rounded up.
    """

    step_size: PositiveFloat = 1e-3
    batch: PositiveInt = 32
    decay: NonNegativeFloat = 0.0
    delay: PositiveFloat = 10.0

    claims = (
        Reads("spread", spread, "closed form of the recursion on a normal posterior"),
        Reads("mahalanobis", mahalanobis, "closed form of the recursion on a normal posterior"),
        Cost("datum_score", lambda p, e: e.steps * e.batch, "steps · B", when=of_posterior, given=HAS_DATA),
        Cost("score_evaluation", evaluations_of, "⌈steps · B/N⌉", when=of_posterior, given=HAS_DATA),
    )
    citation = "Welling and Teh 2011, Bayesian learning via stochastic gradient Langevin dynamics, equation 4"

    def schedule(self) -> list[tuple[int, float]]:
        """(k, η_k) of each step."""
        return [(k, self.step_size * (1 + k / self.delay) ** -self.decay) for k in range(self.steps)]

    def start(self, target: Target, x: Tensor, generator: torch.Generator) -> ula.State:
        if not isinstance(target.density, DataDensity):
            raise Unsupported(f"{type(target.density).__name__} is no posterior of data: there are no minibatches")
        return ula.init(x)

    def step(
        self, target: Target, state: ula.State, control: tuple[int, float], generator: torch.Generator
    ) -> ula.State:
        k, eta = control
        chosen = choose(len(state.x), self.batch, target.data_size, generator)
        return ula.step(state, lambda x: target.minibatch_score(x, chosen, k), eta, generator)

    def report(self, state: ula.State) -> dict[str, Tensor]:
        return {}
