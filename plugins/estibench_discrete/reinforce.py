"""The score-function estimator, and the baselines that it is used with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Lt
from torch import Tensor

from estibench import Cost, PositiveInt, ScalesAs, Unbiased, Variance
from estibench_discrete.contract import (
    DiscreteEstimator,
    GradientProblem,
    Objective,
    State,
    is_gradient,
    is_plain,
)
from estibench_discrete.distribution import sample


def reinforce_variance(problem: GradientProblem, estimator: Reinforce) -> Tensor:
    """Total variance with n samples, for each datum, (batch,). With s = ∇ log p(z) and g = E f s:

        none            [E f²‖s‖² − ‖g‖²] / n
        leave_one_out   [E (f − Ef)²‖s‖² − (n−2)/(n−1) ‖g‖² + Var f · E‖s‖²/(n−1)] / n
        moving_average  (1/n²) Σ_i [E (f − b_i)²‖s‖² − ‖g‖²]

    Leave-one-out: the estimate is the sample covariance of f and s, whose variance is classical. Moving average: b_i
    depends on earlier samples only, so that later terms have mean g whatever the earlier ones were, and all terms are
    uncorrelated. b_1 = 0; b_i for i > 1 is a weighted mean of i − 1 means of f over the batch.
    """
    n, m = estimator.samples, problem.reference.moments
    squared_mean = problem.reference.gradient.square().sum((-2, -1))
    nothing = torch.zeros_like(m.mean)
    if estimator.baseline == "none":
        return (m.about(nothing, nothing) - squared_mean) / n
    if estimator.baseline == "leave_one_out":
        own = m.square - (n - 2) / (n - 1) * squared_mean
        return (own + m.variance * m.score / (n - 1)) / n
    total = m.about(nothing, nothing) - squared_mean
    of_batch = m.mean.mean(), m.variance.mean() / len(m.mean)
    for earlier in range(1, n):
        weights = estimator.decay ** torch.arange(earlier, dtype=torch.float64)
        weights = weights / weights.sum()
        spread = weights.square().sum() * of_batch[1]
        total = total + m.about(of_batch[0].expand_as(m.mean), spread.expand_as(m.mean)) - squared_mean
    return total / n**2


@dataclass(frozen=True)
class Reinforce(DiscreteEstimator):
    """(1/n) Σ_i (f(z_i) − b_i) (z_i − p), z_i ~ Cat(p); z − p is ∇_θ log p(z).

    Unbiased, since E (z − p) = 0 and b_i is independent of z_i.

    Parameters:
        samples: n.
        baseline: `none`; `leave_one_out`, the mean of the other f(z_j) (RLOO); `moving_average`, of the f(z_j) before,
            also those of earlier steps in training. No baseline includes its own sample, which would shrink the
            gradient by 1 − 1/n.
        decay: of the moving average's weights, by sample.

    Cost: n evaluations.
    """

    samples: PositiveInt = 1
    baseline: Literal["none", "moving_average", "leave_one_out"] = "none"
    decay: Annotated[float, Ge(0), Lt(1)] = 0.9

    claims = (
        Unbiased(when=lambda problem, estimator: is_gradient(problem), given="the gradient itself is wanted"),
        Variance(
            reinforce_variance,
            "sum over all states",
            when=lambda problem, estimator: is_plain(problem),
            given="the gradient in the logits is wanted",
        ),
        Cost("evaluation", lambda problem, estimator: estimator.samples * problem.calls, "n for each gradient"),
        ScalesAs(
            "variance",
            "estimator_samples",
            -1,
            when=lambda problem, estimator: is_gradient(problem) and estimator.baseline == "none",
            given="there is no baseline",
        ),
    )
    citation = "Williams, Machine Learning 8, 1992; leave-one-out: Kool, van Hoof, Welling, ICLR workshop 2019."

    def __post_init__(self) -> None:
        if self.baseline == "leave_one_out" and self.samples < 2:
            raise ValueError("a leave_one_out baseline needs at least 2 samples")

    def begin(self, logits: Tensor, generator: torch.Generator) -> State:
        """The moving average as a weighted sum and the sum of its weights."""
        nothing = torch.zeros((), dtype=logits.dtype, device=logits.device)
        return (nothing, nothing) if self.baseline == "moving_average" else ()

    def step(
        self, objective: Objective, logits: Tensor, state: State, generator: torch.Generator
    ) -> tuple[Tensor, State]:
        p = torch.softmax(logits, -1)
        z = sample(p, self.samples, generator)
        f = objective.value(z)
        if self.baseline == "leave_one_out":
            advantage = (f - f.mean(0)) * (self.samples / (self.samples - 1))
        elif self.baseline == "moving_average":
            baseline, state = self._moving_average(f.mean(1), state)
            advantage = f - baseline[:, None]
        else:
            advantage = f
        return (advantage[..., None, None] * (z - p)).mean(0), state

    def _moving_average(self, f: Tensor, state: State) -> tuple[Tensor, State]:
        """For each of n values the decaying average of those before it, 0 where there are none; and the state after."""
        n = len(f)
        age = torch.arange(n + 1, device=f.device)[:, None] - torch.arange(n, device=f.device) - 1
        weights = torch.where(age >= 0, self.decay ** age.clamp(min=0).to(f.dtype), 0)  # (n + 1, n)
        kept = self.decay ** torch.arange(n + 1, device=f.device).to(f.dtype)
        sums, totals = weights @ f + kept * state[0], weights.sum(1) + kept * state[1]
        averages = torch.where(totals > 0, sums / totals.clamp(min=torch.finfo(f.dtype).tiny), 0)
        return averages[:-1], (sums[-1], totals[-1])
