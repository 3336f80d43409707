"""A diagonal as control variate: Hutchinson's estimator of what an estimated diagonal leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from estibench import Cost, ErrorBarEstimator, PositiveInt, ScalesAs, Unbiased, Unsupported, Variance
from estibench_trace.contract import TraceProblem
from estibench_trace.hutchinson import mean_with_error, variance_of_mean
from estibench_trace.noise import draw_probes, rademacher


def variance(problem: TraceProblem, estimator: DiagonalControl) -> Tensor | None:
    """Hutchinson's variance for A − D̂ in the mean over D̂, (batch,); None where the sums are not known.

    With S = (A + Aᵀ)/2, Δ = Σ a_ii² and p pilot probes, d̂_i − a_ii = (1/p) Σ_j Σ_{l≠i} a_li v_jl v_ji, so that

        E ‖S − D̂‖²_F = ‖S‖²_F − Δ + (‖A‖²_F − Δ)/p,   E tr²(A − D̂) = 2 (‖S‖²_F − Δ)/p.

    Given D̂ the estimate is unbiased: the variance has no other part.
    """
    sums = problem.sums
    if sums is None:
        return None
    beside = (sums.frobenius - sums.diagonal).clamp(min=0)
    missed = (sums.entries - sums.diagonal).clamp(min=0) / estimator.pilot
    return variance_of_mean(
        estimator.noise,
        problem.dim,
        estimator.probes,
        frobenius=beside + missed,
        diagonal=missed,
        squared_trace=2 * beside / estimator.pilot,
    )


@dataclass(frozen=True)
class DiagonalControl(ErrorBarEstimator):
    """tr A ≈ tr D̂ + (1/k) Σ_j v_jᵀ (A − D̂) v_j, D̂ = (1/p) Σ_j diag(u_j ∘ Aᵀu_j) from signs u that are not among the v.

    Unbiased: given D̂, which is independent of the v, the second term has the mean tr A − tr D̂.

    Of signs vᵀD̂v = tr D̂ for every D̂, so that Rademacher probes gain nothing and have no diagonal part to lose. It is
    for the other noises, whose variance the diagonal enters; orthogonal frames then gain what their orthogonality
    spares, (m − k)/(m − 1), where k is comparable with m.

    Parameters:
        pilot: p, sign vectors for the diagonal.
        probes: k, vectors for the rest.
        noise: of the v; see `estibench_trace.noise`.

    Cost: p + k matvecs. Error bar: Hutchinson's, of the second term, for k ≥ 2.
    """

    pilot: PositiveInt = 5
    probes: PositiveInt = 10
    noise: Literal["gaussian", "sphere", "orthogonal"] = "gaussian"

    claims = (
        Unbiased(),
        Variance(variance, "closed form of the noise for A − D̂"),
        Cost("matvec", lambda problem, estimator: estimator.pilot + estimator.probes, "p + k"),
        ScalesAs(
            "variance",
            "estimator_probes",
            -1,
            when=lambda problem, estimator: estimator.noise != "orthogonal",
            given="probes are independent",
        ),
    )
    citation = (
        "Bekas, Kokiopoulou and Saad, An estimator for the diagonal of a matrix, Appl. Numer. Math. 57, 2007 (D̂); "
        "Adams et al., Estimating the spectral density of large implicit matrices, 2018 (control variates of traces)."
    )

    def estimate_with_error(self, problem: TraceProblem, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The estimates and their standard errors, (batch,) each; the errors are NaN for one probe."""
        A, k, dtype = problem.operator(), self.probes, problem.torch_dtype
        if self.noise == "orthogonal" and k > A.dim:
            raise Unsupported(f"{k} orthogonal probes do not fit into dimension {A.dim}")
        u = rademacher(self.pilot, A.batch, A.dim, generator, dtype)
        v = draw_probes(self.noise, k, A.batch, A.dim, generator, dtype)
        products = A.rmatvec(torch.cat([u, v]))
        diagonal = (u * products[: self.pilot]).mean(0)  # (batch, dim)
        rest, error = mean_with_error((v * (products[self.pilot :] - diagonal * v)).sum(-1))
        return diagonal.sum(-1) + rest, error
