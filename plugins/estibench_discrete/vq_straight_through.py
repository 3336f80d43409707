"""Straight-through past a codebook."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from estibench_discrete.differentiate import gradient_of_sum
from estibench_discrete.lookup import Lookup
from estibench_discrete.quantisation import Quantisation
from estibench_discrete.vector_quantiser import KnownQuantiser


@dataclass(frozen=True)
class VQStraightThrough(KnownQuantiser):
    """∂f/∂x := ∇f(e_c): the gradient at the code, copied to the encoder's output.

    Cost: one evaluation and one gradient.
    """

    citation = "van den Oord, Vinyals, Kavukcuoglu, NeurIPS 2017, section 3.2."

    @property
    def loss(self) -> str:
        return "reconstruction"

    def terms(self, problem: Quantisation) -> Tensor:
        codes = problem.codebook[:, None].expand(-1, problem.batch, -1)
        return gradient_of_sum(problem.loss_at, codes)[0]

    def with_codes(self, problem: Lookup, z: Tensor) -> Tensor:
        return problem.slope_at(z @ problem.codebook)
