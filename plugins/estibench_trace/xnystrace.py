"""XNysTrace: the exchangeable estimator built on Nyström approximation, for positive semidefinite matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor

from estibench import Cost, ErrorBarEstimator, Unbiased, Unsupported
from estibench_trace.contract import TraceProblem, require_decompositions
from estibench_trace.hutchinson import mean_with_error
from estibench_trace.noise import draw_probes


@dataclass(frozen=True)
class XNysTrace(ErrorBarEstimator):
    """Mean over i of t_i = tr A_i + ω_iᵀ (A − A_i) ω_i with the Nyström approximation A_i = A⟨Ω_{−i}⟩.

    With Y = AΩ and H = ΩᵀY, A⟨Ω⟩ = Y H⁻¹ Yᵀ and A_i = A⟨Ω⟩ − z_i z_iᵀ, z_i = Y H⁻¹ e_i / √(H⁻¹)_ii; since A⟨Ω⟩ agrees
    with A on Ω, the residual is ω_iᵀ(A − A_i)ω_i = (ω_iᵀz_i)² = 1/(H⁻¹)_ii. All k products go into the approximation.

    ν I is added to A, so that H stays positive definite in spite of rounding, and ν m is subtracted from the trace: no
    bias. Rounding moves H by up to about ε √m ‖Y‖_F, since ‖ω_i‖ is about √m, and ν λ_min(ΩᵀΩ) has to outweigh it.
    1/λ_min lies between max_i ((ΩᵀΩ)⁻¹)_ii and k times that; rounding stays so far below its bound that twice the first
    is enough:

        ν = 2 ε √m ‖Y‖_F max_i ((ΩᵀΩ)⁻¹)_ii.

    For k ≪ m this is twice the ε ‖Y‖_F/√m of the authors' code, which stops being enough as k approaches m: there Ω
    is ill-conditioned. ν limits the accuracy on matrices of low numerical rank: with the spectrum 0.9^i, m = 1000 and
    k = 300 to a relative error of about 2e-13 in float64 and 4e-7 in float32.

    Parameters:
        matvecs: k, the number of test vectors.
        noise: distribution of the test vectors. Continuous, so that Ω has full rank; sign vectors may coincide.
        resphere: rescale each residual by (m − k + 1)/‖(I − P)ω_i‖², P the projector on Ω_{−i}, on which A − A_i
            vanishes; the squared length is 1/((ΩᵀΩ)⁻¹)_ii.

    Cost: k matvecs, and O(m k²) for the decomposition. Error bar: that of XTrace, with k terms.
    """

    matvecs: Annotated[int, Ge(2)] = 30
    noise: Literal["sphere", "gaussian"] = "sphere"
    resphere: bool = True

    claims = (Unbiased(), Cost("matvec", lambda problem, estimator: estimator.matvecs, "k"))
    citation = "Epperly, Tropp and Webber, XTrace, SIAM J. Matrix Anal. Appl. 45(1), 2024, section 2.2 and 2.3."

    def estimate_with_error(self, problem: TraceProblem, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The estimates and their standard errors, each (batch,)."""
        if not problem.psd:
            raise Unsupported("Nyström approximation needs a symmetric positive semidefinite matrix")
        require_decompositions(problem)
        A = problem.operator()
        k = self.matvecs
        if k > A.dim:
            raise Unsupported(f"{k} test vectors exceed dimension {A.dim}: the exact trace costs less")
        Omega = draw_probes(self.noise, k, A.batch, A.dim, generator, problem.torch_dtype).movedim(0, -1)
        Y = A.matmat(Omega)
        crowding = torch.cholesky_inverse(torch.linalg.cholesky(Omega.mT @ Omega)).diagonal(dim1=-2, dim2=-1)
        info = torch.finfo(Y.dtype)
        shift = 2 * info.eps * A.dim**0.5 * torch.linalg.matrix_norm(Y) * crowding.amax(-1) + info.tiny**0.5  # (batch,)
        Y = Y + shift[:, None, None] * Omega

        H = Omega.mT @ Y
        C = torch.linalg.cholesky((H + H.mT) / 2)  # H = C Cᵀ
        C_inverse = _inverse_of_lower(C)
        H_inverse = C_inverse.mT @ C_inverse
        F = Y @ C_inverse.mT  # A⟨Ω⟩ = F Fᵀ
        diagonal = H_inverse.diagonal(dim1=-2, dim2=-1)
        squared_length_of_z = (F @ C_inverse).square().sum(-2) / diagonal
        residual = 1 / diagonal
        if self.resphere:
            residual = residual * (A.dim - k + 1) * crowding
        traces = F.square().sum((-2, -1))[:, None] - squared_length_of_z + residual
        mean, error = mean_with_error(traces.movedim(-1, 0))
        return mean - shift * A.dim, error


def _inverse_of_lower(C: Tensor) -> Tensor:
    identity = torch.eye(C.shape[-1], dtype=C.dtype, device=C.device).expand_as(C)
    return torch.linalg.solve_triangular(C, identity, upper=False)
