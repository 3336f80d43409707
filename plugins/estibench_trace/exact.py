"""The exact trace: every diagonal entry of the matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from estibench import Cost, Estimator, PositiveInt, ScalesAs, Unsupported, count
from estibench import Exact as ExactClaim
from estibench_trace.contract import DivergenceProblem, TraceProblem, diagonal_entries, unit_rows


@dataclass(frozen=True)
class Exact(Estimator):
    """tr A = Σ_i e_iᵀ A e_i: one product for each of the m unit vectors.

    Parameters:
        method: `vjp` multiplies with chunks of unit vectors from the left, in one vectorised call each;
            `vjp_loop` one unit vector at a time; `jvp` chunks from the right, in forward mode; `jacrev` and `jacfwd`
            build the whole Jacobian of every point with `torch.func` and sum its diagonal.
        rows: rows (unit vectors × points) of one chunk. 500 to 4000 is the flat optimum on CPUs.

    Cost: m matvecs (for fields: m VJPs or m JVPs) and, but for JVPs, one evaluation of the field.
    Memory: rows × m numbers for the chunked methods, batch × m² for jacrev and jacfwd.
    """

    method: Literal["vjp", "vjp_loop", "jvp", "jacrev", "jacfwd"] = "vjp"
    rows: PositiveInt = 2048

    claims = (
        ExactClaim(),
        Cost("matvec", lambda problem, estimator: problem.dim, "m"),
        ScalesAs("cost_matvec", "problem_dim", 1),
    )
    citation = "Grathwohl et al., FFJORD, ICLR 2019, section 3 (the O(m²) baseline)."

    def estimate(self, problem: TraceProblem, generator: torch.Generator) -> Tensor:
        """The traces, (batch,)."""
        if self.method in ("jacrev", "jacfwd"):
            return self._from_jacobian(problem)
        operator = problem.operator()
        product = operator.matvec if self.method == "jvp" else operator.rmatvec
        rows = 1 if self.method == "vjp_loop" else self.rows
        chunks = unit_rows(operator, rows, problem.torch_dtype, problem.device)
        return torch.stack([diagonal_entries(product(basis), start).sum(0) for start, basis in chunks]).sum(0)

    def _from_jacobian(self, problem: TraceProblem) -> Tensor:
        if not isinstance(problem, DivergenceProblem):
            raise Unsupported(f"{self.method} differentiates a field; this problem is a matrix")
        transform = torch.func.jacrev if self.method == "jacrev" else torch.func.jacfwd
        count("matvec", problem.dim)
        count("vjp" if self.method == "jacrev" else "jvp", problem.dim)
        count("evaluation")
        jacobians = torch.func.vmap(transform(problem.placed_field))(problem.points)
        return jacobians.diagonal(dim1=-2, dim2=-1).sum(-1)
