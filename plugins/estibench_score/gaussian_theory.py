"""Variances of gradients for the normal model on normal data: every objective's is a polynomial in normal vectors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Density
from estibench_score.contract import ScoreProblem
from estibench_score.gaussian_model import GaussianModel
from estibench_score.score_gradient import ScoreGradient


@dataclass(frozen=True)
class Setting:
    """What the formulas need: s = −P(x−μ) and data of mean μ + δ. All float64.

    All vectors are linear in w = (y, ε) ∈ R^2m, y = x − μ and ε the added noise, and are written as matrices (m, 2m).

    Attributes:
        P: (m, m).
        mean, covariance: of w, (2m,) and (2m, 2m).
        y, noise: the matrices [I 0] and [0 I].
        batch: B.
    """

    P: Tensor
    mean: Tensor
    covariance: Tensor
    y: Tensor
    noise: Tensor
    batch: int


def setting(problem: ScoreProblem, denoises: bool) -> Setting | None:
    """The setting of a problem with the normal model and normal data; None for any other.

    Args:
        denoises: whether the estimator gets clean data.
    """
    model, density = problem.score_model, problem.density.at("cpu", "float64")
    if not isinstance(model, GaussianModel) or not isinstance(problem, ScoreGradient) or len(problem.smoothing) > 1:
        return None
    if not is_normal(problem.density):
        return None
    mean, covariance = density.mean, density.covariance_matrix
    assert mean is not None and covariance is not None  # noqa: PT018 - narrows two types
    P, centre = model.precision_and_mean(problem.initial)
    m, identity = problem.dim, torch.eye(problem.dim, dtype=torch.float64)
    if not denoises:
        covariance = covariance + problem.level**2 * identity
    zero = torch.zeros_like(identity)
    return Setting(
        P=P,
        mean=torch.cat([mean - centre, torch.zeros(m, dtype=torch.float64)]),
        covariance=torch.block_diag(covariance, identity),
        y=torch.cat([identity, zero], 1),
        noise=torch.cat([zero, identity], 1),
        batch=problem.batch,
    )


def is_normal(density: Density) -> bool:
    """Whether the density is normal, by its score at a few points: −Σ⁻¹(x − E x) with its own moments."""
    density = density.at("cpu", "float64")
    mean, covariance = density.mean, density.covariance_matrix
    if mean is None or covariance is None or not density.integrates_by_parts:
        return False
    x = mean + torch.randn(8, len(mean), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = torch.linalg.solve(covariance, (mean - x).T).T
    return bool(torch.allclose(density.score(x), expected, rtol=1e-6, atol=1e-8))


def gradient_variance(
    at: Setting, products: list[tuple[Tensor, Tensor]], linear: Tensor, shift: Tensor | None = None
) -> float:
    """tr Cov of the mean over B points of (Σ_j sym(a_j b_jᵀ), L w), with sym(A) = ½(A + Aᵀ).

    Args:
        products: pairs of matrices (m, 2m): a_j = A_j w and b_j = B_j w.
        linear: L, (m, 2m).
        shift: a constant (m,) added to every a_j.
    """
    total = float((linear @ at.covariance @ linear.T).trace())
    mean_of_sum = torch.zeros_like(at.P)
    for A, B in products:
        mean_of_sum = mean_of_sum + _symmetric(_mean_outer(at, A, B, shift))
        for C, D in products:
            total += 0.5 * (
                _mean_product(at, (A, shift), (C, shift), (B, None), (D, None))
                + _mean_product(at, (A, shift), (D, None), (B, None), (C, shift))
            )
    return (total - float(mean_of_sum.square().sum())) / at.batch


Vector = tuple[Tensor, Tensor | None]


def _mean_product(at: Setting, a: Vector, c: Vector, b: Vector, d: Vector) -> float:
    """E[(aᵀc)(bᵀd)] of jointly normal vectors, by Isserlis' theorem with means."""
    (ma, mb, mc, md), cov = (_mean(at, v) for v in (a, b, c, d)), at.covariance
    A, B, C, D = (v[0] for v in (a, b, c, d))

    def between(X: Tensor, Y: Tensor) -> Tensor:
        return X @ cov @ Y.T

    both = (between(A, C).trace() + ma @ mc) * (between(B, D).trace() + mb @ md)
    crossed = (between(A, B) * between(C, D)).sum() + (between(A, D) * between(C, B)).sum()
    means = mc @ between(A, B) @ md + mc @ between(A, D) @ mb + ma @ between(C, B) @ md + ma @ between(C, D) @ mb
    return float(both + crossed + means)


def _mean(at: Setting, vector: Vector) -> Tensor:
    matrix, shift = vector
    return matrix @ at.mean if shift is None else matrix @ at.mean + shift


def _mean_outer(at: Setting, A: Tensor, B: Tensor, shift: Tensor | None) -> Tensor:
    return A @ at.covariance @ B.T + torch.outer(_mean(at, (A, shift)), B @ at.mean)


def _symmetric(A: Tensor) -> Tensor:
    return (A + A.T) / 2


def explicit_variance(problem: ScoreProblem) -> float | None:
    """r = s_p − s = Py − Λ(y − δ), Λ = Σ⁻¹: gradient (sym(r yᵀ), −P r)."""
    at = setting(problem, denoises=False)
    if at is None:
        return None
    m = problem.dim
    precision = torch.linalg.inv(at.covariance[:m, :m])
    R = (at.P - precision) @ at.y
    return gradient_variance(at, [(R, at.y)], -at.P @ R, precision @ at.mean[:m])


def implicit_variance(problem: ScoreProblem) -> float | None:
    """Gradient (sym(P y yᵀ) − I, −P P y)."""
    at = setting(problem, denoises=False)
    return None if at is None else gradient_variance(at, [(at.P @ at.y, at.y)], -at.P @ at.P @ at.y)


def denoising_variance(problem: ScoreProblem, sigma: float, reduction: str) -> float | None:
    """With ỹ = y + σε and r = Pỹ − ε/σ:

    none              (sym(r ỹᵀ), −P r): the term ε/σ makes it grow like σ⁻²
    control_variate   (sym(r ỹᵀ) + sym(ε yᵀ)/σ, −P P ỹ)
    antithetic        the part even in ε: (sym(P y yᵀ) + sym((σ²P − I)ε εᵀ), −P P y)
    """
    at = setting(problem, denoises=True)
    if at is None:
        return None
    noised = at.y + sigma * at.noise
    r = at.P @ noised - at.noise / sigma
    if reduction == "none":
        return gradient_variance(at, [(r, noised)], -at.P @ r)
    if reduction == "control_variate":
        return gradient_variance(at, [(r, noised), (at.noise / sigma, at.y)], -at.P @ at.P @ noised)
    of_noise = (sigma**2 * at.P - torch.eye(problem.dim, dtype=torch.float64)) @ at.noise
    return gradient_variance(at, [(at.P @ at.y, at.y), (of_noise, at.noise)], -at.P @ at.P @ at.y)


def denoising_bias(problem: ScoreProblem, sigma: float) -> Tensor | None:
    """((σ² − σ_p²)P, 0) for the normal model, whatever the data; σ_p is the noise level of the estimand."""
    model = problem.score_model
    if not isinstance(model, GaussianModel) or len(problem.smoothing) > 1 or math.isclose(sigma, problem.level):
        return None
    P, mean = model.precision_and_mean(problem.initial)
    return torch.cat([((sigma**2 - problem.level**2) * P).flatten(), torch.zeros_like(mean)])
