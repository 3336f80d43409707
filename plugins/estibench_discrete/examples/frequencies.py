"""A sampler of a categorical variable to begin with: inversion of the cumulative probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost
from estibench_discrete import CategoricalLaw, CategoricalSampler


@dataclass(frozen=True)
class Example(CategoricalSampler):
    """The first k with p_1 + … + p_k ≥ u, for a uniform u of each sample. Exact up to the steps of u.

    Cost: n uniform numbers.
    """

    claims = (*CategoricalSampler.claims, Cost("uniform", lambda problem, estimator: estimator.samples, "n"))
    citation = "Devroye 1986, Non-uniform random variate generation, section III.2."

    def indices(self, problem: CategoricalLaw, logits: Tensor, generator: torch.Generator) -> Tensor:
        u = problem.uniforms((self.samples, 1), self.fine(logits), generator).to(logits.dtype)
        return (torch.softmax(logits, 0).cumsum(0)[:-1] < u).sum(-1)
