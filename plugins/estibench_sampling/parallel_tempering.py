"""Parallel tempering: replicas at rising temperatures that exchange their states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import torch
from annotated_types import Ge
from torch import Tensor

from estibench import Cost, PositiveFloat, PositiveInt, Reads
from estibench_sampling import hmc, mala
from estibench_sampling.contract import Sampler, stationary
from estibench_sampling.ladder import geometric
from estibench_sampling.metropolis import stationary_acceptance
from estibench_sampling.problem import Sampling
from estibench_sampling.replicas import Tempered, swap
from estibench_sampling.target import Target


class State(NamedTuple):
    """x of the coldest replicas, (chains, dim); all of them, (levels · chains, …), each x and its derivatives in units
    of the width √T of its law; the number of swaps that were accepted, (chains,); the widths, (levels, 1, 1).
    """

    x: Tensor
    replicas: mala.State
    swapped: Tensor
    widths: Tensor


def tempered_normal(problem: Sampling, estimator: Any) -> bool:
    """Whether every replica starts in the law of its level: these are known where the target is normal."""
    return stationary(problem, estimator) and problem.normal_modes is not None


def swap_rate(problem: Sampling, estimator: ParallelTempering) -> float | None:
    """The stationary rate of swaps on any normal law, exactly: 2 F_{m,m}(T_i/T_j), F the law of Fisher's F.

    Exchanging is an involution that keeps volume, so that E min(1, e^−Δ) = 2P(Δ < 0), and Δ < 0 where the colder
    replica has the higher energy. Energies of N(μ, TΣ) are ½T χ²_m: P(T_i U > T_j V) = P(V/U < T_i/T_j).
    """
    from scipy.stats import f

    if not tempered_normal(problem, estimator):
        return None
    T = estimator.temperatures
    return float(2 * f.cdf(T[0] / T[1], problem.dim, problem.dim))


@dataclass(frozen=True)
class ParallelTempering(Sampler):
    """Replicas of each chain in p^{1/T}, T from 1 to `hottest` in equal ratios. A step moves all of them by HMC, then
    even pairs of neighbours swap, or odd ones: in turn, so that states travel the ladder instead of diffusing along it.

    Hot replicas cross between modes, and what they find comes down; only the coldest is recorded. The product of all
    tempered laws is invariant. Swaps are accepted at a rate 2F_{m,m}(T_i/T_j) on a normal law of m dimensions: for a
    fixed rate levels grow like √m log T.

    Parameters:
        steps: moves of all replicas.
        step_size: h/√T, in units of x.
        leapfrogs: L of each move; with one it is MALA of η = h²/2.
        levels: temperatures.
        hottest: the last of them. exp(−barrier/T) should be no small number there, the barrier in nats.

    Cost: L · levels score evaluations a step and as many of log p as levels, and one of each a level to begin with.
    """

    step_size: PositiveFloat = 0.5
    leapfrogs: PositiveInt = 1
    levels: Annotated[int, Ge(2)] = 6
    hottest: Annotated[float, Ge(1.0)] = 32.0

    claims = (
        Reads("spread", lambda p, e: 1.0, "1", when=tempered_normal, given="normal; replicas start in their laws"),
        Reads("mahalanobis", lambda p, e: 1.0, "1", when=tempered_normal, given="normal; replicas start in their laws"),
        Reads("acceptance", lambda p, e: stationary_acceptance(p, e.step_size, e.leapfrogs), "2 F_{m,m}(1/b)"),
        Reads("swap_rate", swap_rate, "2 F_{m,m}(T_i/T_j) of a normal target"),
        Cost("score_evaluation", lambda p, e: e.levels * (e.steps * e.leapfrogs + 1), "levels · (steps · L + 1)"),
        Cost("log_prob_evaluation", lambda p, e: e.levels * (e.steps + 1), "levels · (steps + 1)"),
    )
    citation = (
        "Geyer 1991, Markov chain Monte Carlo maximum likelihood; Okabe et al. 2001, Replica-exchange Monte Carlo "
        "method for the isobaric-isothermal ensemble (even and odd pairs in turn); Syed, Bouchard-Côté, Deligiannidis "
        "and Doucet 2022, Non-reversible parallel tempering"
    )

    @property
    def temperatures(self) -> list[float]:
        """Rising, from 1."""
        return geometric(self.hottest, 1.0, self.levels)[::-1]

    def schedule(self) -> list[int]:
        """0 where even pairs swap, 1 where odd ones do."""
        return [k % 2 for k in range(self.steps)]

    def starting_points(self, problem: Sampling, generator: torch.Generator) -> Tensor:
        return problem.starting_replicas(self.temperatures, generator)

    def start(self, target: Target, x: Tensor, generator: torch.Generator) -> State:
        level = torch.arange(self.levels, device=x.device, dtype=x.dtype)
        widths = (self.hottest ** (level / (2 * self.levels - 2)))[:, None, None]
        replicas = mala.init((x / widths).flatten(0, 1), Tempered(target, widths))
        return State(x[0], replicas, torch.zeros_like(x[0, :, 0]), widths)

    def step(self, target: Target, state: State, odd: int, generator: torch.Generator) -> State:
        tempered = Tempered(target, state.widths)
        moved = hmc.step(state.replicas, tempered, self.step_size, self.leapfrogs, generator)
        replicas, swapped = swap(moved, state.widths, odd, generator)
        return State(replicas.x[: len(state.x)], replicas, state.swapped + swapped, state.widths)

    def report(self, state: State) -> dict[str, Tensor]:
        tried = sum((self.levels - odd) // 2 for odd in self.schedule())
        return {"acceptance": state.replicas.accepted.mean() / self.steps, "swap_rate": state.swapped.mean() / tried}
