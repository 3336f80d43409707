"""Stochastic Lanczos quadrature for log-determinants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from estibench import Cost, ErrorBarEstimator, PositiveInt, ScalesAs, Unbiased, Variance
from estibench_flow.block_estimator import spread
from estibench_flow.lanczos import log_forms
from estibench_flow.residual_problem import ResidualProblem
from estibench_flow.series import LARGEST, quadratic_variance
from estibench_flow.traces import draw_probes

NUMBERS = 2**24  # entries of Krylov vectors that are held at once
NEGLIGIBLE = 1e-6  # of the standard deviation


def largest_bias(problem: ResidualProblem, estimator: LanczosQuadrature) -> Tensor:
    """2 c m ζ^{2n}/(n (1 − ζ)) ≥ bias ≥ 0 for each point, (batch,), with c = 1 for log B and ½ for log BᵀB.

    log(a + …b) has the Chebyshev coefficients 2 ζ^j/j up to signs, ζ = (√κ − 1)/(√κ + 1), κ = b/a, so a polynomial of
    degree 2n − 1 comes within Σ_{j≥2n} 2 ζ^j/j ≤ ζ^{2n}/(n (1 − ζ)) on [a, b]; it is integrated exactly by n nodes, and
    the remainder twice, once by the nodes and once by the spectrum, each of weight ‖v‖², whose mean is m. The sign:
    an even derivative of log is negative, so that Gauss' rule is too large.
    """
    singular = torch.linalg.svdvals(_block(problem))
    root = singular[:, 0] / singular[:, -1]  # √κ of BᵀB
    c = 0.5
    if problem.positive_definite:
        root, c = root.sqrt(), 1.0
    zeta, n = (root - 1) / (root + 1), estimator.steps
    return 2 * c * problem.dim * zeta ** (2 * n) / (n * (1 - zeta))


def variance(problem: ResidualProblem, estimator: LanczosQuadrature) -> Tensor:
    """Hutchinson's for ½ log BᵀB, over k, (batch,)."""
    values, vectors = torch.linalg.eigh(_block(problem).mT @ _block(problem))
    L = 0.5 * (vectors * values.log()[:, None]) @ vectors.mT
    return quadratic_variance(L, estimator.noise) / estimator.probes


def converged(problem: ResidualProblem, estimator: LanczosQuadrature) -> bool:
    """Whether the bias is too small for any number of draws; False where it would take too long to know."""
    if problem.dim > LARGEST:
        return False
    spreads = variance(problem, estimator).sum().sqrt()
    return bool(largest_bias(problem, estimator).norm() <= NEGLIGIBLE * spreads)


def _block(problem: ResidualProblem) -> Tensor:
    """B = I + J at every point, (batch, m, m), float64."""
    return torch.eye(problem.dim, dtype=torch.float64) + problem.jacobians.detach()


@dataclass(frozen=True)
class LanczosQuadrature(ErrorBarEstimator):
    """log|det B| = c tr log M = c E vᵀ log(M) v with vᵀ log(M) v ≈ ‖v‖² Σ_i τ_i log θ_i from n steps of Lanczos.

    M = B and c = 1 where B = I + J is known to be symmetric positive definite; else M = BᵀB and c = ½, which needs
    neither a contraction nor symmetry, and squares the condition number. θ_i are the eigenvalues of the tridiagonal
    matrix, τ_i squares of the first components of its eigenvectors: n nodes of Gauss' quadrature.

    Biased upwards, by at most 2 c m ζ^{2n}/(n (1 − ζ)), ζ = (√κ − 1)/(√κ + 1), κ the condition number of M
    (`largest_bias`). Where that is a millionth of the standard deviation it is not seen, and the estimate is claimed to
    be unbiased with Hutchinson's variance for the logarithm.

    Parameters:
        steps: n, of Lanczos for each probe.
        probes: their number k.
        noise: of the probes.

    Cost: n·k VJPs for M = B, twice that for BᵀB (Jv is a VJP of u ↦ Jᵀu); n·k vectors are held, to keep them
    orthogonal. Error bar: the standard error over k ≥ 2 probes, without the bias.
    """

    steps: PositiveInt = 10
    probes: PositiveInt = 4
    noise: Literal["rademacher", "gaussian"] = "rademacher"

    claims = (
        Unbiased(when=converged, given="the bound of its bias is below a millionth of its deviation"),
        Variance(
            variance,
            "Hutchinson's for ½ log BᵀB",
            when=converged,
            given="the bound of its bias is below a millionth of its deviation",
        ),
        ScalesAs("variance", "estimator_probes", -1),
        Cost(
            "vjp",
            lambda problem, estimator: (1 if problem.positive_definite else 2) * estimator.steps * estimator.probes,
            "n·k for M = B, 2n·k for BᵀB",
        ),
    )
    citation = (
        "Ubaru, Chen and Saad, Fast estimation of tr(f(A)) via stochastic Lanczos quadrature, SIMAX 38(4), 2017; "
        "Golub and Meurant, Matrices, moments and quadrature, 2010 (the sign of the error)."
    )

    def estimate_with_error(self, problem: ResidualProblem, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The estimates and their standard errors, (batch,) each; the errors are NaN for one probe."""
        values, errors = self.draws_with_error(problem, 1, generator)
        return values[0], errors[0]

    def draws_with_error(self, problem: ResidualProblem, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """n of them, (n, batch) each, some probes at a time."""
        x, m = problem.points, problem.dim
        factor = 2.0 if problem.positive_definite else 1.0  # `log_forms` halves
        v = draw_probes(x, n * self.probes, self.noise, generator)  # (rows, batch, m)
        parts = []
        for some in v.split(max(1, NUMBERS // (self.steps * x.numel()))):
            forms, _ = log_forms(problem.square(len(some)), some.reshape(-1, m), self.steps)
            parts.append(factor * forms.reshape(len(some), -1))
        return spread(torch.cat(parts).unflatten(0, (n, self.probes)))
