"""The Girard–Hutchinson estimator of a trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from estibench import Cost, ErrorBarEstimator, PositiveInt, ScalesAs, Unbiased, Unsupported, Variance
from estibench_trace.contract import TraceProblem
from estibench_trace.noise import Noise, draw_probes


def variance_of_mean(
    noise: Noise, m: int, k: int, *, frobenius: Tensor, diagonal: Tensor, squared_trace: Tensor
) -> Tensor:
    """Variance of the mean of k quadratic forms with m-dimensional probes, shaped like the sums over the entries.

    With S = (A + Aᵀ)/2, F = ‖S‖²_F and t = tr A:

        gaussian     2 F / k
        rademacher   2 (F − Σ a_ii²) / k
        sphere       2m/(m+2) · (F − t²/m) / k
        orthogonal   2m(m−k) / (k (m−1)(m+2)) · (F − t²/m), zero for k = m

    Gaussian and Rademacher: Avron and Toledo 2011, Lemmas 5 and 8. Sphere: fourth moments of a uniform unit vector,
    E[(uᵀSu)²] = (t² + 2F)/(m(m+2)). Orthogonal: the sphere's with the covariance of two columns of a Haar frame.
    All are linear in F, Σ a_ii² and t²: of a random A their means serve.
    """
    if noise == "gaussian":
        return 2 * frobenius / k
    if noise == "rademacher":
        return 2 * (frobenius - diagonal).clamp(min=0) / k
    spread = (frobenius - squared_trace / m).clamp(min=0)
    if noise == "sphere":
        return 2 * m / (m + 2) * spread / k
    return 2 * m * (m - k) / (k * max(m - 1, 1) * (m + 2)) * spread


def hutchinson_variance(problem: TraceProblem, estimator: Hutchinson) -> Tensor | None:
    """Variance with k probes, for each matrix of the batch, (batch,); None where the sums are not known."""
    sums = problem.sums
    if sums is None:
        return None
    return variance_of_mean(
        estimator.noise,
        problem.dim,
        estimator.probes,
        frobenius=sums.frobenius,
        diagonal=sums.diagonal,
        squared_trace=sums.trace**2,
    )


@dataclass(frozen=True)
class Hutchinson(ErrorBarEstimator):
    """tr A ≈ (1/k) Σ_j v_jᵀ A v_j with E[v vᵀ] = I.

    Unbiased, since E[vᵀAv] = tr(A E[v vᵀ]) = tr A.

    Parameters:
        probes: k, the number of random vectors, each for every matrix of the batch.
        noise: distribution of the probes; see `estibench_trace.noise`.
        product: for fields, `vjp` (one forward pass, k backward) or `jvp` (k forward-mode products).

    Cost: k matvecs. Error bar: the sample standard deviation of v_jᵀAv_j over √k, for k ≥ 2.
    """

    probes: PositiveInt = 10
    noise: Noise = "rademacher"
    product: Literal["vjp", "jvp"] = "vjp"

    claims = (
        Unbiased(),
        Variance(hutchinson_variance, "closed form of the noise"),
        Cost("matvec", lambda problem, estimator: estimator.probes, "k"),
        ScalesAs("cost_matvec", "problem_dim", 0),
        ScalesAs(
            "variance",
            "estimator_probes",
            -1,
            when=lambda problem, estimator: estimator.noise != "orthogonal",
            given="probes are independent",
        ),
    )
    citation = "Girard 1989; Hutchinson 1990, Communications in Statistics 19(2), 433–450."

    def estimate(self, problem: TraceProblem, generator: torch.Generator) -> Tensor:
        """The estimates, (batch,), without the work of the error bar."""
        return self._quadratic_forms(problem, generator).mean(0)

    def estimate_with_error(self, problem: TraceProblem, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The estimates and their standard errors, each (batch,); the errors are NaN for one probe."""
        return mean_with_error(self._quadratic_forms(problem, generator))

    def _quadratic_forms(self, problem: TraceProblem, generator: torch.Generator) -> Tensor:
        """v_jᵀ A v_j for each probe and each matrix, (probes, batch)."""
        operator = problem.operator()
        k = self.probes
        if self.noise == "orthogonal" and k > operator.dim:
            raise Unsupported(f"{k} orthogonal probes do not fit into dimension {operator.dim}")
        v = draw_probes(self.noise, k, operator.batch, operator.dim, generator, problem.torch_dtype)
        products = operator.rmatvec(v) if self.product == "vjp" else operator.matvec(v)
        return (v * products).sum(-1)


def mean_with_error(samples: Tensor) -> tuple[Tensor, Tensor]:
    """Mean of k samples over the first axis and its standard error; NaN for k = 1."""
    k = samples.shape[0]
    error = samples.std(0) / k**0.5 if k > 1 else torch.full_like(samples[0], float("nan"))
    return samples.mean(0), error
