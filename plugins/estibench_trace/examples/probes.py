"""An estimator of a trace to begin with: normal probes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from estibench import Cost, Estimator, PositiveInt, ScalesAs, Unbiased, Variance


def variance(problem: Any, estimator: Example) -> Tensor:
    """2‖S‖²_F/k for each matrix A of the batch, (batch,), with S = (A + Aᵀ)/2."""
    return 2 * problem.sums.frobenius / estimator.probes


@dataclass(frozen=True)
class Example(Estimator):
    """tr A ≈ (1/k) Σ_j v_jᵀ A v_j with independent v_j ~ N(0, I).

    Unbiased, since E[vᵀAv] = tr(A E[v vᵀ]) = tr A.

    Parameters:
        probes: k, the number of normal vectors, each for every matrix of the batch.

    Cost: k products with Aᵀ.
    """

    probes: PositiveInt = 10

    claims = (
        Unbiased(),
        Variance(variance, "2‖S‖²_F/k"),
        Cost("matvec", lambda problem, estimator: estimator.probes, "k"),
        ScalesAs("variance", "estimator_probes", -1),
    )
    citation = "Girard 1989, A fast Monte-Carlo cross-validation procedure for large least squares problems."

    def estimate(self, problem: Any, generator: torch.Generator) -> Tensor:
        """The estimates, (batch,)."""
        operator = problem.operator()
        shape = (self.probes, operator.batch, operator.dim)
        v = torch.randn(shape, generator=generator, device=generator.device, dtype=problem.torch_dtype)
        return (v * operator.rmatvec(v)).sum(-1).mean(0)
