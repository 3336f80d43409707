"""Log-determinants by LU decomposition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from estibench import Cost, Deterministic, Estimator, Exact, ScalesAs, count
from estibench_flow.block import Block
from estibench_flow.block_estimator import of_points
from estibench_flow.capabilities import HasLogDet
from estibench_flow.matrices import log_abs_det
from estibench_flow.residual_fit import ResidualFit
from estibench_flow.residual_problem import ResidualProblem
from estibench_flow.traces import Jacobian


@dataclass(frozen=True)
class Slogdet(HasLogDet, Estimator):
    """log|det(I + J)| from the whole Jacobian: m VJPs and an LU decomposition of O(m³) operations, m² numbers."""

    claims = (
        Exact(when=of_points),
        Deterministic(when=of_points),
        Cost("vjp", lambda problem, estimator: problem.dim, "m", when=of_points),
        Cost("determinant", lambda problem, estimator: 1, "1", when=of_points),
        ScalesAs("cost_vjp", "problem_dim", 1, when=of_points),
    )
    citation = "Golub and Van Loan, Matrix computations, section 3.2 (the decomposition)."

    def estimate(self, problem: ResidualProblem | ResidualFit, generator: torch.Generator) -> Any:
        """(batch,); the generator is not used. Or a training run."""
        if isinstance(problem, ResidualFit):
            return problem.fit(self.log_det, generator)
        return self.log_det(problem.block, generator)

    def draws(self, problem: ResidualProblem | ResidualFit, n: int, generator: torch.Generator) -> Any:
        """n equal ones, (n, batch), or n training runs."""
        if isinstance(problem, ResidualFit):
            return problem.fit(self.log_det, generator, runs=n)
        return self.log_det(problem.block, generator).expand(n, -1)

    def log_det(self, block: Block, generator: torch.Generator) -> Tensor:
        x, (_, products) = block.points, block.vjp()
        J = Jacobian(x)(x, products).unflatten(-1, (block.dim, block.dim))
        count("determinant")
        identity = torch.eye(block.dim, dtype=x.dtype, device=x.device)
        return log_abs_det(identity + J)
