"""What the estimators of log Z share: weighted particles, the law of their weights, and moves along the path."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from estibench import Bias, ErrorBarEstimator, PositiveFloat, PositiveInt, Reads, Unsupported
from estibench_evidence.log_normalizer import LogNormalizerProblem
from estibench_evidence.normal_path import NormalPath

NEXT_ORDER = 0.003  # of the RMSE: a bias beyond −Var/2 so small that no run of a suite sees it
WILDEST = 10.0  # kurtosis of the mean of N weights, beyond that of a normal law, up to which its variance is claimed


class Stage(NamedTuple):
    """E W² − 1, E(W − 1)³ and E(W − 1)⁴ of a weight W of mean 1; averages over the particles make Ẑ/Z."""

    second: float
    third: float
    fourth: float


def stage(path: NormalPath, starts: Sequence[float], delta: float) -> Stage:
    """Of W ∝ Π e^(ΔU(x)) with independent x ~ π_β, β in `starts`: E Wᵃ = Π e^(K(β+aΔ) − K(β) − a(K(β+Δ) − K(β)))."""
    K = path.log_integral

    def moment(a: int) -> float:
        total = sum(K(b + a * delta) - K(b) - a * (K(b + delta) - K(b)) for b in starts)
        return math.exp(total) if total < 700 else math.inf

    two, three, four = moment(2), moment(3), moment(4)
    if math.isinf(two):
        return Stage(math.inf, math.inf, math.inf)
    if math.isinf(four):
        return Stage(two - 1, math.inf, math.inf)
    return Stage(two - 1, three - 3 * two + 2, four - 4 * three + 6 * two - 3)


@dataclass(frozen=True)
class WeightedEstimator(ErrorBarEstimator):
    """log Ẑ of an unbiased Ẑ, a product of averages over `particles` weights.

    The error bar is √Σ(1/ESS − 1/N) over those averages, ESS = (Σw)²/Σw²: the delta method, log Ẑ having about the
    relative standard error of Ẑ. The reading `ess` is the effective sample size N/(1 + N e²) of an error bar e: of one
    average it is ESS itself, as N e² is the squared coefficient of variation of the weights.

    Where the law of the weights is known and their variance infinite it declines: no number of particles would help.
    """

    particles: PositiveInt = 128

    def stages(self, problem: LogNormalizerProblem) -> tuple[Stage, ...] | None:
        """The law of each average's weights; None where it is not known."""
        return None

    @abstractmethod
    def averages(self, problem: LogNormalizerProblem, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """log Ẑ and the sum of 1/ESS − 1/N over its averages, each ()."""

    def estimate_with_error(self, problem: LogNormalizerProblem, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """log Ẑ and its standard error, each (1,)."""
        require_finite_variance(problem, self.stages(problem))
        log_z, variance = self.averages(problem, generator)
        return log_z[None], variance.clamp(min=0).sqrt()[None]

    def statistics(self, error: Tensor) -> Mapping[str, float]:
        return {"ess": self.particles / (1 + self.particles * float(error) ** 2)}


def require_finite_variance(problem: LogNormalizerProblem, stages: tuple[Stage, ...] | None) -> None:
    """Raises `Unsupported` where a weight has no variance.

    The last step, from β = 1 − 1/K, asks most: its second moment is the integral at 1 + 1/K, whose precision
    (1 + 1/K)/λ − (1/K)/s² is positive for λ < (K + 1) s². For K = 1, importance sampling, that is twice the proposal's.
    """
    if problem.law is not None and stages is not None and any(math.isinf(one.second) for one in stages):
        ratio = float(problem.law.variance.max()) / problem.law.proposal_variance
        raise Unsupported(
            f"infinite variance: in some direction the target's variance is {ratio:.3g} times the proposal's; "
            "E(w/Z)² is finite below K + 1 times, K temperatures (1 for importance sampling). "
            "Widen the proposal (proposal_scale) or take more temperatures"
        )


def average(log_w: Tensor) -> tuple[Tensor, Tensor]:
    """log of the mean of N weights, and 1/ESS − 1/N: (N,) → (), ()."""
    total = log_w.logsumexp(0)
    return total - math.log(len(log_w)), (log_w - total).mul(2).exp().sum() - 1 / len(log_w)


def ratio_variance(problem: Any, estimator: Any) -> float | None:
    """Var(Ẑ/Z) = Π(1 + v/N) − 1 over independent averages of variance v/N; None where the law is not known.

    None too where weights have a kurtosis beyond what averaging tames: no sample's variance could then be tested.
    """
    stages, N = estimator.stages(problem), estimator.particles
    if stages is None or any(one.fourth > WILDEST * N * one.second**2 for one in stages):
        return None
    return math.expm1(sum(math.log1p(one.second / N) for one in stages))


def log_bias(problem: Any, estimator: Any) -> float | None:
    """−Var(Ẑ/Z)/2, where the next order hardly counts.

    With ε = Ẑ/Z − 1 it is E log(1 + ε) = −E ε²/2 + E ε³/3 − E ε⁴/4 + …; for a mean of N weights E ε³ = m₃/N² and
    E ε⁴ = 3 m₂²/N² + O(N⁻³). Independent averages add up.
    """
    variance, stages, N = ratio_variance(problem, estimator), estimator.stages(problem), estimator.particles
    if variance is None:
        return None
    second = sum(-m.second / (2 * N) + (m.third / 3 - 0.75 * m.second**2) / N**2 for m in stages)
    return -variance / 2 if abs(second + variance / 2) <= NEXT_ORDER * math.sqrt(variance) else None


UNBIASED_RATIO = Reads("ratio", lambda problem, estimator: 1.0, "1: Ẑ is unbiased")
RATIO_VARIANCE = Reads("ratio_variance", ratio_variance, "Var(Ẑ/Z) in closed form on a normal path")
LOW_LOG = Bias(log_bias, "−Var(Ẑ/Z)/2 where the next order is small")


@dataclass(frozen=True)
class Moves:
    """How particles go from one β to the next. `beta` is a number or one for each particle, (N,).

    Attributes:
        transition: `exact`: N fresh points of π_β, known for normal targets. `metropolis`: moves x + hsξ with the
            proposal's s and ξ ~ N(0, I), accepted with probability min(1, π_β(y)/π_β(x)): π_β is kept whatever h, but
            not reached.
        moves: moves of each particle.
        step_size: h.
    """

    transition: Literal["exact", "metropolis"]
    moves: int
    step_size: float

    def __call__(
        self, problem: LogNormalizerProblem, x: Tensor, U: Tensor, beta: float | Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """New points (N, m) and U there (N,). Counts N evaluations, for each move."""
        if self.transition == "exact":
            x = exact_path(problem).sample(beta, len(x), generator)
            return x, problem.log_weight(x)
        for _ in range(self.moves):
            noise = torch.randn(x.shape, generator=generator, device=generator.device, dtype=x.dtype)
            y = x + self.step_size * problem.proposal_scale * noise
            V = problem.log_weight(y)
            log_ratio = beta * (V - U) + problem.log_proposal(y) - problem.log_proposal(x)
            u = torch.rand(U.shape, generator=generator, device=generator.device, dtype=x.dtype)
            taken = u.log() < log_ratio
            x, U = torch.where(taken[:, None], y, x), torch.where(taken, V, U)
        return x, U


def exact_path(problem: LogNormalizerProblem) -> NormalPath:
    """The problem's path. Raises `Unsupported` where it is not normal."""
    if problem.path is None:
        raise Unsupported("exact transitions need a normal target; take transition: metropolis")
    return problem.path


@dataclass(frozen=True)
class AnnealedEstimator(WeightedEstimator):
    """Particles that start in q and follow π_β along β_k = k/K, weighted by e^(U/K) at k = 0 … K − 1.

    Parameters:
        particles: N.
        temperatures: K. One of them is importance sampling.
        transition, moves, step_size: see `Moves`.
    """

    temperatures: PositiveInt = 16
    transition: Literal["exact", "metropolis"] = "metropolis"
    moves: PositiveInt = 1
    step_size: PositiveFloat = 0.5

    @property
    def move(self) -> Moves:
        return Moves(self.transition, self.moves, self.step_size)

    def law_is_known(self, problem: LogNormalizerProblem) -> bool:
        """Whether the points at different temperatures are independent, of laws with closed forms."""
        return problem.law is not None and (self.transition == "exact" or self.temperatures == 1)


def annealed_cost(problem: Any, estimator: Any) -> int:
    """N K evaluations with exact transitions, N (1 + (K − 1) · moves) with Metropolis."""
    moves = 1 if estimator.transition == "exact" else estimator.moves
    return int(estimator.particles * (1 + (estimator.temperatures - 1) * moves))
