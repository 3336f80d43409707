"""How far a set of samples is from a distribution: pure functions of points x (n, m) and a reference y (r, m).

All are 0 only in the limit of many points: a finite set drawn from the distribution itself has a distance too, the
metric's *resolution* at n. None is a debiased estimate, since that would be negative half of the time.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

ROWS = 512  # of a matrix of pairs that are held at once


def directions(n: int, dim: int, generator: torch.Generator) -> Tensor:
    """n independent directions, uniform on the unit sphere: (n, dim), float64."""
    v = torch.randn(n, dim, generator=generator, dtype=torch.float64)
    return v / torch.linalg.vector_norm(v, dim=1, keepdim=True)


def sorted_projections(x: Tensor, along: Tensor) -> Tensor:
    """x projected on each direction and sorted: (n, m), (k, m) → (k, n)."""
    return (along @ x.T).sort(dim=1).values


def sliced_wasserstein(projected: Tensor, reference: Tensor) -> Tensor:
    """Mean over directions of the 1-Wasserstein distance ∫|F⁻¹ − G⁻¹|, in the units of x.

    Between empirical laws of n and of r = n·j points, exactly: the i-th smallest of the one faces j of the other.

    Args:
        projected, reference: sorted projections, (k, n) and (k, r).

    Source: Bonneel, Rabin, Peyré and Pfister 2015, Sliced and Radon Wasserstein barycenters of measures.
    """
    k, n = projected.shape
    return (reference.reshape(k, n, -1) - projected[..., None]).abs().mean()


def energy_distance(to_reference: Tensor, among: Tensor, in_reference: Tensor) -> Tensor:
    """√(2E‖x − y‖ − E‖x − x'‖ − E‖y − y'‖) from these three means, in the root of the units of x.

    Source: Székely and Rizzo 2013, Energy statistics: a class of statistics based on distances.
    """
    return (2 * to_reference - among - in_reference).clamp(min=0).sqrt()


def mmd(to_reference: Tensor, among: Tensor, in_reference: Tensor) -> Tensor:
    """√(E k(x, x') + E k(y, y') − 2E k(x, y)) from these three means, without units.

    Source: Gretton, Borgwardt, Rasch, Schölkopf and Smola 2012, A kernel two-sample test.
    """
    return (among + in_reference - 2 * to_reference).clamp(min=0).sqrt()


def mean_distances(x: Tensor, y: Tensor, bandwidth: float) -> tuple[Tensor, Tensor]:
    """Means over all pairs, those of a point with itself included, of ‖x − y‖ and exp(−‖x − y‖²/2h²)."""
    distance, kernel = x.new_zeros(()), x.new_zeros(())
    for rows in _blocks(x):
        d = torch.cdist(rows, y)
        distance += d.sum()
        kernel += (d.square_() / (-2 * bandwidth**2)).exp_().sum()
    pairs = len(x) * len(y)
    return distance / pairs, kernel / pairs


def median_distance(y: Tensor) -> float:
    """The median distance of pairs of points, the usual bandwidth of a Gaussian kernel."""
    i, j = torch.triu_indices(len(y), len(y), 1)
    return float((y[i] - y[j]).norm(dim=1).median())


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
    for start, rows in zip(range(0, len(x), ROWS), _blocks(x), strict=True):
        s = score[start : start + ROWS]
        square = torch.cdist(rows, x).square_()
        q = square + scale**2
        crossed = along[start : start + ROWS, None] - s @ x.T - rows @ score.T + along  # (s(x) − s(y))ᵀ(x − y)
        total += (q.rsqrt() * (s @ score.T + (crossed + m - 3 * square / q) / q)).sum()
    return (total / len(x) ** 2).clamp(min=0).sqrt()


def mode_shares(x: Tensor, modes: Tensor) -> Tensor:
    """The share of points that are nearest to each mode: (n, m), (K, m) → (K,)."""
    nearest = torch.cdist(x, modes).argmin(1)
    return torch.bincount(nearest, minlength=len(modes)).to(x.dtype) / len(x)


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


def _blocks(x: Tensor) -> Iterator[Tensor]:
    return iter(x.split(ROWS))
