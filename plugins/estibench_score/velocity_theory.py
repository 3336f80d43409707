"""Truths, variances and biases of flow matching with the normal model: polynomials in moments of normal vectors.

With the model v(x) = −P(x − μ), P = ½(W + Wᵀ), and y = x_t − μ, a residual −a = v − target has the gradient
(sym(a yᵀ), −P a) in (W, μ), sym(A) = ½(A + Aᵀ); the explicit objective has a = Py + u_t(x_t), the conditional one
a = Py + ẋ_t. (A denoiser's ẋ_t is x_0: rates of 0 and 1.) On normal data all of these are affine in (x_1, x_0).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from estibench_score.gaussian_model import GaussianModel
from estibench_score.gaussian_theory import Setting, gradient_variance, is_normal

if TYPE_CHECKING:
    from estibench_score.flow_path import Point
    from estibench_score.velocity_gradient import VelocityGradient


def exact_gradients(problem: VelocityGradient, correlation: Tensor | float = 0.0) -> Tensor | None:
    """∇_θ ½E‖v − ẋ_t‖² at each time less what no parameter touches, (T, p): of any density with known moments.

    With d = E y = αE x_1 − μ and K = E (x_1 − E x_1)x_0ᵀ,

        E yyᵀ = α²Cov x_1 + σ²I + ασ(K + Kᵀ) + ddᵀ,   E ẋyᵀ = α̇αCov x_1 + σ̇σI + α̇σK + σ̇αKᵀ + α̇E x_1 dᵀ,
        ∂W = sym(P E yyᵀ + E ẋyᵀ),   ∂μ = −P(Pd + α̇E x_1).

    E[u_t yᵀ] = E[ẋ_t yᵀ], so with independent noise, K = 0, this is the gradient of ½E‖v − u_t‖².

    Args:
        correlation: K, (m, m), or a number for a multiple of I.
    """
    model, density = problem.score_model, problem.density.at("cpu", "float64")
    mean, covariance = density.mean, density.covariance_matrix
    if not isinstance(model, GaussianModel) or mean is None or covariance is None:
        return None
    P, centre = model.precision_and_mean(problem.initial)
    identity = torch.eye(problem.dim, dtype=torch.float64)
    K = correlation * identity if isinstance(correlation, float) else correlation
    found = []
    for alpha, sigma, alpha_rate, sigma_rate in (at.coefficients for at in problem.points):
        d = alpha * mean - centre
        square = alpha**2 * covariance + sigma**2 * identity + alpha * sigma * (K + K.T) + torch.outer(d, d)
        crossed = alpha_rate * alpha * covariance + sigma_rate * sigma * identity + torch.outer(alpha_rate * mean, d)
        product = P @ square + crossed + alpha_rate * sigma * K + sigma_rate * alpha * K.T
        found.append(torch.cat([((product + product.T) / 2).flatten(), -P @ (P @ d + alpha_rate * mean)]))
    return torch.stack(found)


def independent_variance(
    problem: VelocityGradient, explicit: bool = False, probabilities: Tensor | None = None
) -> float | None:
    """B points with times of their own, k with probability q_k and weight 1/Tq_k (1/T and 1 unless given):

    B · V = Σ_k (V_k + ‖g_k‖²)/T²q_k − ‖g‖², with V_k and g_k of one point at t_k, and g the mean of g_k.
    """
    means, variances = exact_gradients(problem), variances_of_one(problem, explicit)
    if means is None or variances is None:
        return None
    T = len(means)
    q = torch.full((T,), 1 / T, dtype=torch.float64) if probabilities is None else probabilities
    squares = (variances + means.square().sum(1)) / (T**2 * q)
    return float(squares.sum() - means.mean(0).square().sum()) / problem.batch


def stratified_variance(problem: VelocityGradient) -> float | None:
    """B · V = Σ_k V_k/T where T divides B: every time has its share of the points."""
    variances = variances_of_one(problem, explicit=False)
    if variances is None or problem.batch % len(variances):
        return None
    return float(variances.mean()) / problem.batch


def antithetic_variance(problem: VelocityGradient) -> float | None:
    """B · V = mean over k of V_kk' + ‖½(g_k + g_k')‖² − ‖g‖², k' the mirror of k, V_kk' of the mean of both."""
    means, variances = exact_gradients(problem), variances_of_one(problem, explicit=False, mirrored=True)
    if means is None or variances is None:
        return None
    squares = variances + (0.5 * (means + means.flip(0))).square().sum(1)
    return float(squares.mean() - means.mean(0).square().sum()) / problem.batch


def variances_of_one(problem: VelocityGradient, explicit: bool, mirrored: bool = False) -> Tensor | None:
    """tr Cov of the gradient of one point at each time (T,), or of its mean at the time and at its mirror."""
    model, density = problem.score_model, problem.density.at("cpu", "float64")
    if not isinstance(model, GaussianModel) or not is_normal(density):
        return None
    mean, covariance = density.mean, density.covariance_matrix
    assert mean is not None and covariance is not None  # noqa: PT018 - narrows two types
    m, points = problem.dim, problem.points
    P, centre = model.precision_and_mean(problem.initial)
    zero, identity = torch.zeros(m, m, dtype=torch.float64), torch.eye(m, dtype=torch.float64)
    at = Setting(  # w = (x_1, x_0, 1): its last entry carries what is constant
        P=P,
        mean=torch.cat([mean, torch.zeros(m, dtype=torch.float64), torch.ones(1, dtype=torch.float64)]),
        covariance=torch.block_diag(covariance, identity, torch.zeros(1, 1, dtype=torch.float64)),
        y=torch.cat([identity, zero, zero[:, :1]], 1),
        noise=torch.cat([zero, identity, zero[:, :1]], 1),
        batch=1,
    )

    def constant(vector: Tensor) -> Tensor:
        return torch.cat([zero, zero, vector[:, None]], 1)

    def residual(point: Point) -> tuple[Tensor, Tensor]:
        """a and y as matrices, (m, 2m + 1)."""
        alpha, sigma, alpha_rate, sigma_rate = point.coefficients
        y = alpha * at.y + sigma * at.noise - constant(centre)
        if not explicit:
            return P @ y + alpha_rate * at.y + sigma_rate * at.noise, y
        towards = alpha_rate * alpha * covariance + sigma_rate * sigma * identity
        G = torch.linalg.solve(alpha**2 * covariance + sigma**2 * identity, towards)  # both commute
        return P @ y + G @ (y + constant(centre - alpha * mean)) + constant(alpha_rate * mean), y

    def variance(chosen: Sequence[Point]) -> float:
        pairs = [residual(point) for point in chosen]
        n = len(pairs)
        return gradient_variance(at, [(a / n, y) for a, y in pairs], -P @ torch.stack([a / n for a, _ in pairs]).sum(0))

    mirror = zip(points, reversed(points), strict=True) if mirrored else ((point,) for point in points)
    return torch.tensor([variance(chosen) for chosen in mirror], dtype=torch.float64)


def sorted_correlation(batch: int) -> float:
    """κ_B = (1/B) Σ_i (E z_(i))², z_(i) the order statistics of B standard normals: the correlation of two samples
    that are paired in their order. κ_1 = 0, κ_2 = 1/π, κ_B → 1.

    E z_(i) = ∫ z B C(B−1, i−1) Φ^(i−1) (1−Φ)^(B−i) φ dz, by the trapezoidal rule on [−12, 12], which is exact to
    rounding for a smooth integrand that vanishes at both ends.
    """
    z = torch.linspace(-12, 12, 4801, dtype=torch.float64)
    below, above = torch.special.log_ndtr(z), torch.special.log_ndtr(-z)
    log_density = -0.5 * z.square() - 0.5 * math.log(2 * math.pi)
    i = torch.arange(1, batch + 1, dtype=torch.float64)[:, None]
    choose = math.lgamma(batch + 1) - torch.lgamma(i) - torch.lgamma(batch - i + 1)
    density = (choose + (i - 1) * below + (batch - i) * above + log_density).exp()
    return float(((density * z).sum(1) * (z[1] - z[0])).square().mean())
