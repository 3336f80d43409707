"""Log-determinants by LU decomposition."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost, Deterministic, Estimator, Exact, ScalesAs, count
from estibench_flow.matrices import log_abs_det
from estibench_flow.residual_problem import ResidualProblem
from estibench_flow.traces import Jacobian


@dataclass(frozen=True)
class Slogdet(Estimator):
    """log|det(I + J)| from the whole Jacobian: m VJPs and an LU decomposition of O(m³) operations, m² numbers."""

    claims = (
        Exact(),
        Deterministic(),
        Cost("vjp", lambda problem, estimator: problem.dim, "m"),
        Cost("determinant", lambda problem, estimator: 1, "1"),
        ScalesAs("cost_vjp", "problem_dim", 1),
    )
    citation = "Golub and Van Loan, Matrix computations, section 3.2 (the decomposition)."

    def estimate(self, problem: ResidualProblem, generator: torch.Generator) -> Tensor:
        """(batch,); the generator is not used."""
        x, (_, products) = problem.points, problem.vjp()
        J = Jacobian(x)(x, products).unflatten(-1, (problem.dim, problem.dim))
        count("determinant")
        identity = torch.eye(problem.dim, dtype=x.dtype, device=x.device)
        return log_abs_det(identity + J)

    def draws(self, problem: ResidualProblem, n: int, generator: torch.Generator) -> Tensor:
        """n equal ones, (n, batch)."""
        return self.estimate(problem, generator).expand(n, -1)
