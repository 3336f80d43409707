"""How far a set of samples is from a distribution: pure functions of points x (n, m) and a reference y (r, m).

All are 0 only in the limit of many points: a finite set drawn from the distribution itself has a distance too, the
metric's *resolution* at n. None is a debiased estimate, since that would be negative half of the time.
"""

from __future__ import annotations

import torch
from torch import Tensor

ROWS = 512  # of a matrix of pairs that are held at once


def kernel_stein_discrepancy(x: Tensor, score: Tensor, scale: float) -> Tensor:
    """√ mean_ij k_p(x_i, x_j) with the inverse multiquadric kernel k = (c² + ‖u‖²)^−½, u = x − y:

        k_p = s(x)ᵀs(y) k + s(x)ᵀ∇_y k + s(y)ᵀ∇_x k + tr ∇_x∇_y k
            = s(x)ᵀs(y) q^−½ + (s(x) − s(y))ᵀu q^−3/2 + m q^−3/2 − 3‖u‖² q^−5/2,   q = c² + ‖u‖².

    Needs the score of the target and neither its samples nor its normaliser. Blind to the weights of modes that lie
    far apart, as every score is.

    Args:
        score: the target's, at x: (n, m).
        scale: c, in the units of x.

    Source: Gorham and Mackey 2017, Measuring sample quality with kernels (β = −½).
    """
    total, m = x.new_zeros(()), x.shape[1]
    along = torch.linalg.vecdot(score, x)
    for start, rows in zip(range(0, len(x), ROWS), x.split(ROWS), strict=True):
        s = score[start : start + ROWS]
        square = torch.cdist(rows, x).square_()
        q = square + scale**2
        crossed = (along[start : start + ROWS, None] - s @ x.T).sub_(rows @ score.T)
        crossed.add_(along)  # (s(x) − s(y))ᵀ(x − y)
        bracket = crossed.add_(m).sub_(square.mul_(3).div_(q)).div_(q).add_(s @ score.T)
        total += bracket.mul_(q.rsqrt_()).sum()
    return (total / len(x) ** 2).clamp(min=0).sqrt()


def effective_sample_size(records: Tensor) -> Tensor:
    """How many independent samples the states are worth for the mean of the worst coordinate: (r, chains, m) → ().

    With C independent chains there is no need to guess autocorrelations: the variance of a mean over a chain is seen
    directly. ESS = C · Var(x)/Var(x̄_c), r · C for independent states, C for chains that never leave their mode; its
    relative standard error is about √(2/C).

    Source: Gelman and Rubin 1992, Inference from iterative simulation using multiple sequences (W and B).
    """
    x = records.double()
    _, chains, m = x.shape
    found: Tensor = chains * x.reshape(-1, m).var(0) / x.mean(0).var(0)
    return found.min()
