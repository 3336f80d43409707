"""Samplers of a categorical variable: Gumbel-max, inversion, and a race of exponentials."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from estibench import Claim, Cost, Estimator, PositiveInt, ScalesAs, Unbiased, Variance
from estibench_discrete.categorical_law import CategoricalLaw
from estibench_discrete.distribution import one_hot, wide


def multinomial_variance(problem: CategoricalLaw, estimator: CategoricalSampler) -> Tensor:
    """p (1 − p)/n of each frequency, (K,)."""
    return problem.truth * (1 - problem.truth) / estimator.samples


@dataclass(frozen=True)
class CategoricalSampler(Estimator):
    """Frequencies of n independent samples.

    Parameters:
        samples: n.
        noise: `native`, uniform numbers of the problem's precision, float32 at least; or coarser ones, whose steps are
            2⁻¹¹ (float16) and 2⁻⁸ (bfloat16).
    """

    samples: PositiveInt = 1000
    noise: Literal["native", "float16", "bfloat16"] = "native"

    claims: ClassVar[tuple[Claim, ...]] = (
        Unbiased(when=lambda problem, estimator: estimator.noise == "native", given="its noise is fine enough"),
        Variance(
            multinomial_variance,
            "p(1 − p)/n",
            when=lambda problem, estimator: estimator.noise == "native",
            given="its noise is fine enough",
        ),
        ScalesAs(
            "variance",
            "estimator_samples",
            -1,
            when=lambda problem, estimator: estimator.noise == "native",
            given="its noise is fine enough",
        ),
    )

    @abstractmethod
    def indices(self, problem: CategoricalLaw, logits: Tensor, generator: torch.Generator) -> Tensor:
        """n samples, (n,), of the law with these logits, (K,)."""

    def estimate(self, problem: CategoricalLaw, generator: torch.Generator) -> Tensor:
        """Frequencies, (K,)."""
        logits = wide(problem.logits)
        return one_hot(self.indices(problem, logits, generator), logits).mean(0).to(problem.torch_dtype)

    def fine(self, logits: Tensor) -> torch.dtype:
        """What the noise is drawn in."""
        coarse = {"float16": torch.float16, "bfloat16": torch.bfloat16}
        return coarse.get(self.noise, logits.dtype)


@dataclass(frozen=True)
class GumbelMax(CategoricalSampler):
    """argmax_k (θ_k + g_k) with standard Gumbel noise g_k = −log(−log u_k). It needs no normalisation.

    Cost: nK uniform numbers.
    """

    claims = (
        *CategoricalSampler.claims,
        Cost("uniform", lambda problem, estimator: estimator.samples * problem.values, "nK"),
    )
    citation = "Gumbel 1954; Maddison, Tarlow, Minka, A* sampling, NeurIPS 2014."

    def indices(self, problem: CategoricalLaw, logits: Tensor, generator: torch.Generator) -> Tensor:
        u = problem.uniforms((self.samples, len(logits)), self.fine(logits), generator).to(logits.dtype)
        return (logits - torch.log(-torch.log(u))).argmax(-1)


@dataclass(frozen=True)
class InverseCDF(CategoricalSampler):
    """The first k with p_1 + … + p_k ≥ u: the control, one uniform number for each sample.

    Cost: n uniform numbers.
    """

    claims = (*CategoricalSampler.claims, Cost("uniform", lambda problem, estimator: estimator.samples, "n"))
    citation = "Devroye, Non-uniform random variate generation, 1986, section III.2."

    def indices(self, problem: CategoricalLaw, logits: Tensor, generator: torch.Generator) -> Tensor:
        cumulative = torch.softmax(logits, 0).cumsum(0)[:-1]
        u = problem.uniforms((self.samples, 1), self.fine(logits), generator).to(logits.dtype)
        return (cumulative < u).sum(-1)


@dataclass(frozen=True)
class ExponentialRace(CategoricalSampler):
    """argmin_k E_k/p_k with exponential E_k = −log u_k: Gumbel-max with one logarithm less.

    Cost: nK uniform numbers.
    """

    claims = GumbelMax.claims
    citation = "Race of exponentials: Devroye 1986; the noise of `torch.multinomial`."

    def indices(self, problem: CategoricalLaw, logits: Tensor, generator: torch.Generator) -> Tensor:
        u = problem.uniforms((self.samples, len(logits)), self.fine(logits), generator).to(logits.dtype)
        return (-torch.log(u) / torch.softmax(logits, 0)).argmin(-1)
