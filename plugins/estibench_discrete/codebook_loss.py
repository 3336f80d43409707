"""The loss that moves a codebook to its data."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench_discrete.lookup import Lookup
from estibench_discrete.quantisation import Quantisation
from estibench_discrete.vector_quantiser import KnownQuantiser


@dataclass(frozen=True)
class CodebookLoss(KnownQuantiser):
    """∂/∂e_c := Σ_b 2 (e_c − x_b) over the data that have the code c: the loss ‖sg[x] − e‖² that moves codes to data.

    The exact gradient of the quantisation error, T = 0: at the nearest code, the assignment has no slope to neglect. At
    T > 0 it leaves out how probabilities depend on the codebook.

    Cost: one evaluation and one gradient.
    """

    citation = "van den Oord, Vinyals, Kavukcuoglu, NeurIPS 2017, eq. 3, second term."

    @property
    def loss(self) -> str:
        return "codebook"

    def terms(self, problem: Quantisation) -> Tensor:
        pull = 2 * (problem.codebook[:, None] - problem.outputs)  # (codes, batch, dim)
        return torch.eye(len(pull), dtype=pull.dtype)[:, None, :, None] * pull[:, :, None]

    def with_codes(self, problem: Lookup, z: Tensor) -> Tensor:
        return z.mT @ problem.slope_at(z @ problem.codebook)
