"""torch's own log-determinant."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Deterministic, Estimator, Exact
from estibench_flow import ResidualProblem
from estibench_peers.square import residual_matrices


@dataclass(frozen=True)
class TorchLogdet(Estimator):
    """`torch.logdet(I + J)` at every point.

    Documentation (torch.logdet): "Calculates log determinant of a square matrix or batches of square matrices. It
    returns -inf if the input has a determinant of zero, and NaN if it has a negative determinant." Residual blocks with
    a Lipschitz constant below 1 have positive ones.
    """

    claims = (Exact(), Deterministic())
    citation = "PyTorch, torch.logdet."

    def estimate(self, problem: ResidualProblem, generator: torch.Generator) -> Tensor:
        """(batch,); the generator is not used."""
        return torch.logdet(residual_matrices(problem))
