"""An unbiased estimate of a log-determinant from a series of random length."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Gt, Lt
from torch import Tensor

from estibench import PositiveInt, ScalesAs, Unbiased, Variance
from estibench_flow.block import Block
from estibench_flow.block_estimator import BlockEstimator, of_points
from estibench_flow.residual_problem import ResidualProblem
from estibench_flow.series import LARGEST, coefficient, forms, quadratic_variance, trace_of
from estibench_flow.traces import draw_probes

NEGLIGIBLE, MOST_TERMS = 1e-12, 2000
MARGIN = 0.9  # how far below its limit the spectral radius must be for the variance to be estimated from few draws


def roulette_variance(problem: ResidualProblem, estimator: RussianRoulette) -> Tensor | None:
    """With A_n = Σ_{k ≤ n} w_k J^k for the length n, (batch,):

    k · Var = Σ_n P(N = n) [Var(vᵀA_n v | N = n) + (tr A_n)²] − (log det(I + J))²
    """
    if problem.dim > LARGEST:
        return None
    J = problem.jacobians
    power, total = torch.eye(problem.dim, dtype=torch.float64), torch.zeros_like(J)
    moment = torch.zeros(problem.batch, dtype=torch.float64)
    for n in range(1, MOST_TERMS):
        power = power @ J
        total = total + coefficient(n) / estimator.reaches(n) * power
        if n < estimator.sure:
            continue
        ends = estimator.reaches(n) - estimator.reaches(n + 1)
        part = ends * (quadratic_variance(total, estimator.noise) + trace_of(total).square())
        moment = moment + part
        if bool((part <= NEGLIGIBLE * moment).all()):
            break
    return (moment - problem.truth.square()) / estimator.probes


def finite_variance(problem: ResidualProblem, estimator: RussianRoulette) -> bool:
    """Terms of size ρ^k are divided by (1−p)^k: the second moment needs ρ² < 1 − p, and here a margin to that."""
    if not of_points(problem, estimator) or problem.dim > LARGEST:
        return False
    return problem.spectral_radius**2 < MARGIN * (1 - estimator.stop)


@dataclass(frozen=True)
class RussianRoulette(BlockEstimator):
    """log det(I + J) = E[Σ_{k=1}^N (−1)^{k+1}/(k P(N ≥ k)) vᵀ J^k v], with N = `sure` + a geometric number of terms.

    Unbiased if ρ(J) < 1. Its variance is finite only if ρ(J)² < 1 − p, p the probability to stop. Each probe plays for
    itself, and all points of the batch share its N. Neither N nor v depends on what is trained, so that the gradient of
    an estimate is an unbiased estimate of the gradient.

    Parameters:
        probes: their number k.
        noise: of the probes.
        sure: terms that are always taken.
        stop: p, the probability to stop before each further term.

    Cost: sure + (1−p)/p VJPs per probe, in the mean; one call's count is random. Error bar: the standard error over
    k ≥ 2 probes.
    """

    probes: PositiveInt = 1
    noise: Literal["rademacher", "gaussian"] = "rademacher"
    sure: PositiveInt = 2
    stop: Annotated[float, Gt(0), Lt(1)] = 0.5

    claims = (
        Unbiased(when=finite_variance, given="ρ(J)² < 0.9 (1 − p)"),
        Variance(
            roulette_variance,
            "Σ_n P(N=n)(Var vᵀA_n v + (tr A_n)²) − truth²",
            when=finite_variance,
            given="ρ(J)² < 0.9 (1 − p)",
        ),
        ScalesAs("variance", "estimator_probes", -1, when=finite_variance, given="ρ(J)² < 0.9 (1 − p)"),
    )
    citation = "Chen, Behrmann, Duvenaud, Jacobsen: Residual flows, NeurIPS 2019, theorem 1; Kahn 1955 (the roulette)."

    def reaches(self, k: int) -> float:
        """P(N ≥ k)."""
        return float((1 - self.stop) ** max(k - self.sure, 0))

    def values(self, block: Block, n: int, generator: torch.Generator) -> Tensor:
        x, rows = block.points, n * self.probes
        v = draw_probes(x, rows, self.noise, generator)
        shape = (rows, *x.shape[:-2])  # runs side by side have lengths of their own
        u = torch.rand(shape, generator=generator, device=x.device, dtype=torch.float64)
        # P(u ≤ q^j) = q^j; u = 0 is as rare as 2⁻⁵³, and its length is cut.
        further = (u.clamp(min=2.0**-53).log() / math.log(1 - self.stop)).floor().long()
        lengths = self.sure + further
        weights = [coefficient(k) / self.reaches(k) for k in range(1, int(lengths.max()) + 1)]
        found = forms(block, v, lengths, torch.tensor(weights, dtype=x.dtype, device=x.device))
        return found.unflatten(0, (n, self.probes))
