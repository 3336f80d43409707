"""What can be known exactly: sums over all states, in float64.

Notation: states z with probability p(z), f(z), v(z) = ∇f(z), score s(z)_l = z_l − p_l of each of the L variables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from estibench_discrete.distribution import softmax_vjp


@dataclass(frozen=True)
class ScoreMoments:
    """What variances of score-function estimators need, for each datum, (batch,).

    Attributes:
        mean, variance: of f.
        score: E‖s‖².
        mixed: E (f − Ef)‖s‖².
        square: E (f − Ef)²‖s‖².
    """

    mean: Tensor
    variance: Tensor
    score: Tensor
    mixed: Tensor
    square: Tensor

    def about(self, baseline: Tensor, spread: Tensor) -> Tensor:
        """E (f − b)²‖s‖² for an independent random b with mean `baseline` and variance `spread`, each (batch,)."""
        offset = baseline - self.mean
        return self.square - 2 * offset * self.mixed + (offset**2 + spread) * self.score


@dataclass(frozen=True)
class Reference:
    """Exact sums of a problem.

    Attributes:
        p: softmax θ, (batch, L, K).
        gradient: ∇_θ Σ E f, (batch, L, K).
        moments: of f and the score.
        weights: probability of each state as far as it concerns variable l, (states, batch, L).
        states: one-hot, (states, 1, L, K).
        slopes: v at each state, (states, batch, L, K).
    """

    p: Tensor
    gradient: Tensor
    moments: ScoreMoments
    weights: Tensor
    states: Tensor
    slopes: Tensor

    def expectation(self, values: Tensor) -> Tensor:
        """E of a function of the state, (states, batch, L, K) → (batch, L, K)."""
        return (self.weights[..., None] * values).sum(0)

    def total_variance(self, values: Tensor) -> Tensor:
        """Total variance of a function of the state, (states, batch, L, K) → (batch,)."""
        return self.expectation((values - self.expectation(values)).square()).sum((-2, -1))

    @property
    def straight_through(self) -> Tensor:
        """J(p) E v: the mean of straight-through, (batch, L, K)."""
        return softmax_vjp(self.p, self.expectation(self.slopes))


def all_states(variables: int, values: int, dtype: torch.dtype = torch.float64, device: str = "cpu") -> Tensor:
    """The K^L states as one-hot vectors, (K^L, 1, L, K)."""
    index = torch.cartesian_prod(*[torch.arange(values, device=device)] * variables).reshape(-1, variables)
    return torch.nn.functional.one_hot(index, values).to(dtype)[:, None]


def state_probabilities(log_p: Tensor) -> Tensor:
    """p(z) of each of `all_states`, (K^L, batch), from log p (batch, L, K): the last variable runs fastest."""
    total = log_p[..., 0, :]
    for variable in range(1, log_p.shape[-2]):
        total = (total[..., None] + log_p[..., variable, None, :]).flatten(-2)
    return total.exp().mT


def enumerated(logits: Tensor, function: Callable[[Tensor], Tensor]) -> Reference:
    """The sums over all K^L states of logits (batch, L, K) and an objective, both float64."""
    batch, variables, values = logits.shape
    log_p = torch.log_softmax(logits, -1)
    p, states = log_p.exp(), all_states(variables, values)
    weights = state_probabilities(log_p)
    z = states.expand(-1, batch, -1, -1)
    slopes, f = torch.func.grad(lambda point: (function(point).sum(), function(point)), has_aux=True)(z)
    mean = (weights * f).sum(0)
    centred = f - mean
    score = (z - p).square().sum((-2, -1))
    gradient = torch.einsum("nb,nblk->blk", weights * centred, z - p)
    moments = ScoreMoments(
        mean,
        *((weights * values).sum(0) for values in (centred**2, score, centred * score, centred**2 * score)),
    )
    return Reference(p, gradient, moments, weights[..., None].expand(-1, -1, variables), states, slopes)


def separable(logits: Tensor, function: Callable[[Tensor], Tensor]) -> Reference:
    """The same for f(z) = Σ_l f_l(z_l), variable by variable: K states instead of K^L.

    With F_l = f_l − E f_l and S_l = ‖s_l‖², independent for different l:
    E F S = Σ_l E F_l S_l and E F² S = Σ_l [E F_l² S_l + E S_l · Σ_{m≠l} Var f_m].

    Args:
        function: the separate f_l, (..., batch, L, K) → (..., batch, L).
    """
    batch, variables, values = logits.shape
    p = torch.softmax(logits, -1)
    states = torch.eye(values, dtype=torch.float64)[:, None, None].expand(-1, 1, variables, -1)
    z = states.expand(-1, batch, -1, -1)
    weights = p.permute(2, 0, 1)
    slopes, f = torch.func.grad(lambda point: (function(point).sum(), function(point)), has_aux=True)(z)
    mean = (weights * f).sum(0)
    centred, score = f - mean, (z - p).square().sum(-1)
    gradient = torch.einsum("nbl,nblk->blk", weights * centred, z - p)
    spread, scores = (weights * centred**2).sum(0), (weights * score).sum(0)
    square = (weights * centred**2 * score).sum(0) + scores * (spread.sum(-1, keepdim=True) - spread)
    per_variable = (mean, spread, scores, (weights * centred * score).sum(0), square)
    moments = ScoreMoments(*(values.sum(-1) for values in per_variable))
    return Reference(p, gradient, moments, weights, states, slopes)
