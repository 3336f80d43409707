"""XTrace: Hutch++ with every test vector in every role."""

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
class XTrace(ErrorBarEstimator):
    """Mean over i of t_i = tr(Q_iᵀ A Q_i) + ω_iᵀ (I − P_i) A (I − P_i) ω_i, P_i = Q_i Q_iᵀ, Q_i = orth(A Ω_{−i}).

    Each t_i is an unbiased Hutch++ estimate whose one probe ω_i did not help to build Q_i. All P_i come from one QR
    decomposition A Ω = Q R: P_i = Q (I − s_i s_iᵀ) Qᵀ with s_i the normalised column i of R^{−T}.

    Parameters:
        matvecs: the budget k, even: k/2 test vectors, k/2 products with Q.
        noise: distribution of the test vectors. Continuous: sign vectors coincide with positive probability in small
            dimensions, and then leaving one out is biased.
        resphere: rescale each (I − P_i) ω_i to the length √(m − rank P_i) that it has on average; removes the
            fluctuation of its length. Unbiased because the noise is rotation-invariant.

    Cost: k matvecs, and O(m k²) for the decomposition. Error bar: √(Σ (t_i − t̄)² / (s(s−1))), s = k/2; the t_i are
    dependent, so it is a heuristic whose coverage the table shows.
    Where A Ω is rank deficient (A has low rank), leaving one vector out loses nothing: then s_i = 0.
    """

    matvecs: Annotated[int, Ge(4)] = 30
    noise: Literal["sphere", "gaussian"] = "sphere"
    resphere: bool = True

    claims = (Unbiased(), Cost("matvec", lambda problem, estimator: estimator.matvecs, "k"))
    citation = "Epperly, Tropp and Webber, XTrace, SIAM J. Matrix Anal. Appl. 45(1), 2024, Algorithm 1, section 2.3."

    def __post_init__(self) -> None:
        if self.matvecs % 2:
            raise ValueError(f"matvecs must be even, got {self.matvecs}")

    def estimate_with_error(self, problem: TraceProblem, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The estimates and their standard errors, each (batch,)."""
        require_decompositions(problem)
        A = problem.operator()
        s = self.matvecs // 2
        if s > A.dim:
            raise Unsupported(f"{s} test vectors exceed dimension {A.dim}: the exact trace costs less")
        Omega = draw_probes(self.noise, s, A.batch, A.dim, generator, problem.torch_dtype).movedim(0, -1)
        Y = A.matmat(Omega)
        Q, R = torch.linalg.qr(Y)
        Q, S, rank = _left_out_directions(Q, R)
        Z = A.matmat(Q)

        H = Q.mT @ Z  # (batch, s, s)
        W = Q.mT @ Omega
        X = W - S * (S * W).sum(-2, keepdim=True)  # (I − s_i s_iᵀ) Qᵀ ω_i
        low_rank = H.diagonal(dim1=-2, dim2=-1).sum(-1)[:, None] - (S * (H @ S)).sum(-2)
        U = Omega - Q @ X  # (I − P_i) ω_i
        residual = (U * (Y - Z @ X)).sum(-2)
        if self.resphere:
            left = (A.dim - rank)[:, None] + (S * S).sum(-2)  # m − rank P_i
            length = U.square().sum(-2)
            # Where P_i fills the space nothing is left to probe, and U is rounding noise.
            residual = torch.where((left > 0.5) & (length > 0), residual * left / length, torch.zeros_like(residual))
        return mean_with_error((low_rank + residual).movedim(-1, 0))


def _left_out_directions(Q: Tensor, R: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Q with numerically dependent columns zeroed, the unit vectors s_i (columns), and the rank, (batch,).

    s_i spans what range(A Ω) loses without column i. A column of A Ω that depends on those before it has a tiny
    diagonal entry in R; then, with random Ω, every column depends on the others and all s_i are 0.
    """
    diagonal = R.diagonal(dim1=-2, dim2=-1)
    largest = diagonal.abs().amax(-1, keepdim=True)
    kept = diagonal.abs() > 10 * torch.finfo(R.dtype).eps * largest  # (batch, s)
    full = kept.all(-1)
    safe = torch.where(kept, diagonal, torch.ones_like(diagonal))
    triangular = R - torch.diag_embed(diagonal) + torch.diag_embed(safe)
    identity = torch.eye(R.shape[-1], dtype=R.dtype, device=R.device).expand_as(R)
    S = torch.linalg.solve_triangular(triangular.mT, identity, upper=False)
    S = S / torch.linalg.vector_norm(S, dim=-2, keepdim=True)
    S = torch.where(full[:, None, None], S, torch.zeros_like(S))
    return Q * kept[:, None, :], S, kept.sum(-1)
