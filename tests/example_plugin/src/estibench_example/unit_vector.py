"""The unit-vector estimator of a trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from estibench import Cost, Estimator, PositiveInt, Unbiased, Variance


def unit_vector_variance(problem: Any, estimator: UnitVector) -> Tensor:
    """(m Σ a_ii² − t²)/k for each matrix of the batch, t the trace."""
    sums = problem.sums
    return (problem.dim * sums.diagonal - sums.trace**2) / estimator.probes


@dataclass(frozen=True)
class UnitVector(Estimator):
    """tr A ≈ (m/k) Σ_j e_jᵀ A e_j for k coordinates j, drawn uniformly with replacement.

    Good where the diagonal is level, useless where the trace sits in a few entries.

    Parameters:
        probes: k, the number of coordinates.
    """

    probes: PositiveInt = 10

    claims = (
        Unbiased(),
        Variance(unit_vector_variance, "(m Σ a_ii² − t²)/k"),
        Cost("matvec", lambda problem, estimator: estimator.probes, "k"),
    )
    citation = "Avron and Toledo, Journal of the ACM 58(2), 2011, section 5."

    def estimate(self, problem: Any, generator: torch.Generator) -> Tensor:
        """The estimates, (batch,)."""
        operator = problem.operator()
        shape = (self.probes, operator.batch)
        chosen = torch.randint(operator.dim, shape, generator=generator, device=generator.device)
        v = torch.nn.functional.one_hot(chosen, operator.dim).to(problem.torch_dtype)
        return operator.dim * (v * operator.rmatvec(v)).sum(-1).mean(0)
