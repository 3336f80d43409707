"""What can be known exactly: sums over all states, in float64, some states at a time.

A block of states takes a few megabytes whatever K is; all K states as one-hot vectors would take K² numbers.

Notation: states z with probability p(z), f(z), v(z) = ∇f(z), score s(z)_l = z_l − p_l of each of the L variables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from estibench_discrete.distribution import one_hot

Function = Callable[[Tensor], Tensor]
Term = Callable[[Tensor, Tensor, Tensor], Tensor]
AT_ONCE = 2**20  # numbers in a block of states


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
        block: z and v of some of the states, (n, 1, L, K) and (n, batch, L, K). They are made anew each time: kept,
            they would be K times as many numbers as the weights.
    """

    p: Tensor
    gradient: Tensor
    moments: ScoreMoments
    weights: Tensor
    block: Callable[[slice], tuple[Tensor, Tensor]]
    _known: dict[Term, tuple[Tensor, Tensor]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def mean_and_variance(self, term: Term) -> tuple[Tensor, Tensor]:
        """Mean, (batch, L, K), and total variance, (batch,), of a function of p, z and v, (n, batch, L, K) → the same.
        Found once for each function: an estimator's bias and its variance ask for the same sums.

        Blocks are merged by Chan, Golub and LeVeque's update, which keeps a variance of 0 and small ones next to
        large means.
        """
        if term in self._known:
            return self._known[term]
        tiny = torch.finfo(self.p.dtype).tiny
        mean, mass, variance = (
            torch.zeros_like(self.p),
            torch.zeros_like(self.p[..., :1]),
            self.p.new_zeros(len(self.p)),
        )
        for part in parts(len(self.weights), self.p.numel()):
            values, weights = term(self.p, *self.block(part)), self.weights[part]
            here = weights.sum(0)[..., None]
            share = here / (mass + here).clamp(min=tiny)
            mean_here = torch.einsum("nbl,nblk->blk", weights, values) / here.clamp(min=tiny)
            step, off = mean_here - mean, values - mean_here
            inside = (weights * torch.linalg.vecdot(off, off)).sum((0, 2))
            variance = variance + inside + (mass * share * step**2).sum((-2, -1))
            mean, mass = mean + share * step, mass + here
        return self._known.setdefault(term, (mean, variance))


def parts(states: int, numbers: int) -> Iterator[slice]:
    """All states in order, as many at a time as keep a block of so many numbers each below `AT_ONCE`."""
    size = max(1, AT_ONCE // numbers)
    return (slice(start, min(start + size, states)) for start in range(0, states, size))


def some_states(part: slice, like: Tensor, variables: int) -> Tensor:
    """Those of the K^L states as one-hot vectors, (n, 1, L, K), of the dtype and with the K of `like`.

    The last variable runs fastest.
    """
    values = like.shape[-1]
    index = torch.arange(part.start, part.stop, device=like.device)
    place = values ** torch.arange(variables - 1, -1, -1, device=like.device)
    return one_hot(index[:, None] // place % values, like)[:, None]


def at_all_states(function: Function, like: Tensor, numbers: int) -> Tensor:
    """A function of one-hot states, (n, 1, L, K) → (n, …), at all K^L of them, with L and K of `like` (…, L, K).

    Args:
        numbers: that the function handles for each state; so many states at a time as keep it below `AT_ONCE`.
    """
    variables, values = like.shape[-2:]
    every = parts(values**variables, numbers)
    return torch.cat([function(some_states(part, like, variables)) for part in every])


def state_probabilities(log_p: Tensor) -> Tensor:
    """p(z) of each of the K^L states, (K^L, batch), from log p (batch, L, K): the last variable runs fastest."""
    total = log_p[..., 0, :]
    for variable in range(1, log_p.shape[-2]):
        total = (total[..., None] + log_p[..., variable, None, :]).flatten(-2)
    return total.exp().mT


def marginals(summands: Tensor, variables: int, values: int) -> Tensor:
    """Σ_z a(z) z_l of one number for each state, (K^L, batch) → (batch, L, K), without any one-hot vector."""
    grid = summands.mT.reshape(-1, *(values,) * variables)
    axes = range(1, variables + 1)
    every = [grid.sum([axis for axis in axes if axis != kept]) if variables > 1 else grid for kept in axes]
    return torch.stack(every, 1)


def slopes(function: Function, z: Tensor) -> Tensor:
    """∇ of a function of each state, like z."""
    found: Tensor = torch.func.grad(lambda point: function(point).sum())(z)
    return found


def enumerated(logits: Tensor, function: Function) -> Reference:
    """The sums over all K^L states of logits (batch, L, K) and an objective, both float64."""
    batch, variables, values = logits.shape
    log_p = torch.log_softmax(logits, -1)
    p, weights = log_p.exp(), state_probabilities(log_p)

    def value_and_score(z: Tensor) -> Tensor:
        f = function(z.expand(-1, batch, -1, -1))
        return torch.stack([f, (z - p).square_().sum((-2, -1))], 1)

    f, score = at_all_states(value_and_score, p, p.numel()).unbind(1)  # (states, batch) each
    mean = (weights * f).sum(0)
    centred = f - mean
    summands = weights * centred
    gradient = marginals(summands, variables, values) - p * summands.sum(0)[:, None, None]
    moments = ScoreMoments(
        mean,
        *((weights * values).sum(0) for values in (centred**2, score, centred * score, centred**2 * score)),
    )

    def block(part: slice) -> tuple[Tensor, Tensor]:
        z = some_states(part, p, variables)
        return z, slopes(function, z.expand(-1, batch, -1, -1))

    return Reference(p, gradient, moments, weights[..., None].expand(-1, -1, variables), block)


def separable(logits: Tensor, function: Function) -> Reference:
    """The same for f(z) = Σ_l f_l(z_l), variable by variable: K states instead of K^L.

    With F_l = f_l − E f_l and S_l = ‖s_l‖², independent for different l:
    E F S = Σ_l E F_l S_l and E F² S = Σ_l [E F_l² S_l + E S_l · Σ_{m≠l} Var f_m].

    Args:
        function: the separate f_l, (..., batch, L, K) → (..., batch, L).
    """
    batch, variables, values = logits.shape
    p = torch.softmax(logits, -1)
    weights = p.permute(2, 0, 1)

    def states(part: slice) -> Tensor:
        return some_states(part, p, 1).expand(-1, -1, variables, -1)

    every = list(parts(values, p.numel()))
    f = torch.cat([function(states(part).expand(-1, batch, -1, -1)) for part in every])
    score = torch.cat([(states(part) - p).square_().sum(-1) for part in every])
    mean = (weights * f).sum(0)
    centred = f - mean
    summands = weights * centred
    gradient = summands.permute(1, 2, 0) - p * summands.sum(0)[..., None]
    spread, scores = (weights * centred**2).sum(0), (weights * score).sum(0)
    square = (weights * centred**2 * score).sum(0) + scores * (spread.sum(-1, keepdim=True) - spread)
    per_variable = (mean, spread, scores, (weights * centred * score).sum(0), square)
    moments = ScoreMoments(*(values.sum(-1) for values in per_variable))

    def block(part: slice) -> tuple[Tensor, Tensor]:
        z = states(part)
        return z, slopes(function, z.expand(-1, batch, -1, -1))

    return Reference(p, gradient, moments, weights, block)
