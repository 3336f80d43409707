"""NA-Hutch++: Hutch++ whose products do not depend on each other, so that one pass over A suffices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from estibench import Cost, ErrorBarEstimator, Unbiased
from estibench_trace.contract import TraceProblem, require_decompositions
from estibench_trace.hutchinson import mean_with_error
from estibench_trace.noise import IndependentNoise, draw_probes


@dataclass(frozen=True)
class NAHutchPP(ErrorBarEstimator):
    """With Z = A R, W = Aᵀ S and Ã = Z (SᵀZ)⁺ Wᵀ: tr A ≈ tr Ã + (1/g) Σ_j w_jᵀ (A − Ã) w_j.

    Unbiased for every A: given S and R the second term is Hutchinson's estimate of tr(A − Ã).

    Parameters:
        matvecs: the budget k: a quarter for S, a quarter for the probes w, the rest for R.
        noise: distribution of S, R and w.

    Cost: k matvecs in one batch (a quarter of them with Aᵀ). Error bar: Hutchinson's, of the second term.
    The pseudo-inverse amplifies rounding where the spectrum decays to machine precision.
    """

    matvecs: Annotated[int, Ge(4)] = 32
    noise: IndependentNoise = "rademacher"

    claims = (Unbiased(), Cost("matvec", lambda problem, estimator: estimator.matvecs, "k"))
    citation = "Meyer, Musco, Musco and Woodruff, Hutch++, SOSA 2021, Algorithm 2 (c₁ = c₃ = ¼, c₂ = ½)."

    def estimate_with_error(self, problem: TraceProblem, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The estimates and their standard errors, each (batch,)."""
        require_decompositions(problem)
        A = problem.operator()
        k, quarter = self.matvecs, self.matvecs // 4
        V = draw_probes(self.noise, k, A.batch, A.dim, generator, problem.torch_dtype).movedim(0, -1)
        S, G, R = V.split([quarter, quarter, k - 2 * quarter], dim=-1)
        W = A.rmatmat(S)
        AG, Z = A.matmat(torch.cat([G, R], dim=-1)).split([quarter, k - 2 * quarter], dim=-1)
        core = torch.linalg.pinv(S.mT @ Z)  # (batch, columns of R, columns of S)
        low_rank = (core * (W.mT @ Z).mT).sum((-2, -1))
        residuals = (G * AG).sum(-2) - ((Z.mT @ G) * (core @ (W.mT @ G))).sum(-2)
        rest, error = mean_with_error(residuals.movedim(-1, 0))
        return low_rank + rest, error
