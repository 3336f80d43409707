"""Mean and covariance of SGLD on a normal posterior, at every step and in closed form.

A minibatch of one datum n has the score G_n(x) = G_n(0) − H_n x, affine in x; one of B is the mean of B such scores.
With P = E H_n, c = E G_n(0), and Δ_n = H_n − P, δ_n = G_n(0) − c, the step x' = x + η ŝ(x) + √(2η) ξ has

    E x' = (I − ηP) E x + ηc,
    Cov x' = (I − ηP) Cov(x) (I − ηP)ᵀ + 2ηI + (η²/B) E_n[(δ_n − Δ_n E x)(δ_n − Δ_n E x)ᵀ + Δ_n Cov(x) Δ_nᵀ].
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from estibench import DataDensity
from estibench_sampling.problem import Sampling


def records_second_moment(problem: Sampling, batch: int, schedule: Sequence[float]) -> Tensor | None:
    """E(x − μ)(x − μ)ᵀ averaged over the records, (m, m); None unless the target is a normal posterior of data."""
    law, modes = problem.density.at("cpu", "float64"), problem.normal_modes
    if not isinstance(law, DataDensity) or modes is None or law.mean is None or law.covariance_matrix is None:
        return None
    slopes, constants = _affine_parts(law)
    P, c = slopes.mean(0), constants.mean(0)
    Delta, delta, identity = slopes - P, constants - c, torch.eye(problem.dim, dtype=torch.float64)
    mean, covariance = {
        "normal": (torch.zeros_like(c), problem.start_scale**2 * identity),
        "mode": (law.mean, torch.zeros_like(P)),
        "exact": (law.mean, law.covariance_matrix),
    }[problem.start]
    kept, found = problem.recorded_steps(len(schedule)), []
    for k, eta in enumerate(schedule, 1):
        A, off = identity - eta * P, delta - Delta @ mean
        noise = off.T @ off / len(off) + (Delta @ covariance @ Delta.mT).mean(0)
        covariance = A @ covariance @ A.T + 2 * eta * identity + eta**2 / batch * noise
        mean = A @ mean + eta * c
        if k in kept:
            shift = mean - law.mean
            found.append(covariance + shift[:, None] * shift)
    return torch.stack(found).mean(0)


def is_stable(problem: Sampling, batch: int, eta: float) -> bool:
    """Whether fourth moments shrink along the steepest direction, so that a mean of squares can be tested.

    There the step multiplies by 1 − ηh, h being the minibatch's curvature, of mean p and variance v/B. If h is normal,
    E(1 − ηh)⁴ = a⁴ + 6a²w + 3w² with a = 1 − ηp and w = η²v/B. Beyond 1 rare minibatches make a tail without moments.
    """
    law = problem.density.at("cpu", "float64")
    if not isinstance(law, DataDensity) or problem.normal_modes is None:
        return False
    slopes, _ = _affine_parts(law)
    steepest = torch.linalg.eigh(slopes.mean(0)).eigenvectors[:, -1]
    h = slopes @ steepest @ steepest
    a, w = 1 - eta * float(h.mean()), eta**2 * float(h.var()) / batch
    return a**4 + 6 * a**2 * w + 3 * w**2 < 1


def _affine_parts(law: DataDensity) -> tuple[Tensor, Tensor]:
    """H_n (N, m, m) and G_n(0) (N, m), from scores at 0 and at the unit vectors."""
    size, m = law.data_size, law.dim
    at = torch.cat([torch.zeros(1, m, dtype=torch.float64), torch.eye(m, dtype=torch.float64)])
    numbers = torch.arange(size)[:, None, None].expand(size, m + 1, 1)
    scores = law.minibatch_score(at.expand(size, m + 1, m), numbers)
    return (scores[:, :1] - scores[:, 1:]).mT, scores[:, 0]
