"""Hutch++: the trace of a low-rank part exactly, Hutchinson on the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from estibench import Cost, ErrorBarEstimator, Unbiased, Unsupported
from estibench_trace.contract import TraceProblem, require_decompositions
from estibench_trace.hutchinson import mean_with_error
from estibench_trace.noise import IndependentNoise, draw_probes


@dataclass(frozen=True)
class HutchPP(ErrorBarEstimator):
    """With Q = orth(A S) and P = I − QQᵀ: tr A ≈ tr(QᵀAQ) + (1/g) Σ_j (P w_j)ᵀ A (P w_j).

    Unbiased for every A: given Q the second term is Hutchinson's estimate of tr(PAP) = tr A − tr(QᵀAQ).

    Parameters:
        matvecs: the budget k. A third sketches, a third multiplies Q, and the rest, k − 2⌊k/3⌋, are probes:
            the whole budget is spent.
        noise: distribution of S and of the probes w.

    Cost: k matvecs, and O(m k²) for the orthogonal basis. Error bar: Hutchinson's, of the second term.
    """

    matvecs: Annotated[int, Ge(3)] = 30
    noise: IndependentNoise = "rademacher"

    claims = (Unbiased(), Cost("matvec", lambda problem, estimator: estimator.matvecs, "k"))
    citation = "Meyer, Musco, Musco and Woodruff, Hutch++, SOSA 2021, Algorithm 1."

    def estimate_with_error(self, problem: TraceProblem, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The estimates and their standard errors, each (batch,)."""
        require_decompositions(problem)
        A = problem.operator()
        sketch = self.matvecs // 3
        probes = self.matvecs - 2 * sketch
        if sketch > A.dim:
            raise Unsupported(f"{sketch} sketch vectors exceed dimension {A.dim}: the exact trace costs less")
        V = draw_probes(self.noise, sketch + probes, A.batch, A.dim, generator, problem.torch_dtype).movedim(0, -1)
        S, W = V[..., :sketch], V[..., sketch:]
        Q, _ = torch.linalg.qr(A.matmat(S))
        low_rank = (Q * A.matmat(Q)).sum((-2, -1))
        U = W - Q @ (Q.mT @ W)
        rest, error = mean_with_error((U * A.matmat(U)).sum(-2).movedim(-1, 0))
        return low_rank + rest, error
