"""The Laplacian of a log-density: the divergence of its score."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench import LaplacianDensity
from estibench_trace.contract import DivergenceProblem
from estibench_trace.operators import Field


@dataclass(frozen=True, kw_only=True)
class ScoreJacobian(DivergenceProblem):
    """Δ log p = tr ∇² log p at `batch` samples of p: the term of implicit score matching that estimators approximate.

    Truth: the density's closed form, shape (batch,).

    Parameters:
        density: a density with a known Laplacian. It takes its dimension from `dim`.
    """

    density: LaplacianDensity

    citation = "Hyvärinen 2005 (the term tr ∇ s); Song et al. 2019, Sliced score matching (its estimation)."
    examples = ({"density": "gaussian_mixture", "dim": 32, "batch": 4},)

    @cached_property
    def _density(self) -> LaplacianDensity:
        return self.density.at(self.device, self.dtype)

    @cached_property
    def field(self) -> Field:
        score = self._density.score
        score(self.points)  # makes the density's cached parameters now, outside of any torch.func transform
        return score

    @cached_property
    def points(self) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed + 1)
        return self.place(self.density.sample(self.batch, generator))

    @cached_property
    def truth(self) -> Tensor:
        x = self.points.to(device="cpu", dtype=torch.float64)
        return self.density.at("cpu", "float64").laplacian(x)

    @property
    def truth_source(self) -> str:
        return "closed form"
