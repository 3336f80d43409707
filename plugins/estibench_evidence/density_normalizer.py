"""The normaliser of any density that knows it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from estibench import Density, Unsupported
from estibench_evidence.log_normalizer import LogNormalizerProblem
from estibench_evidence.normal_path import NormalPath, normal_path


@dataclass(frozen=True, kw_only=True)
class DensityNormalizer(LogNormalizerProblem):
    """log Z of γ = exp(log_prob): 0 where the density's log_prob is normalised, which no estimator is told.

    Truth: the density's `log_normalizer`. Of a normal density the whole path is known, and the law of the weights.

    Parameters:
        density: a density whose log Z is known. It takes its dimension from `dim`.
    """

    density: Density

    citation = "Neal 2001, Annealed importance sampling, section 5 (tests on densities with a known normaliser)."
    examples = (
        {"density": {"name": "gaussian", "covariance": "full"}, "dim": 3, "proposal_scale": 1.5},
        {"density": "double_well", "dim": 3, "proposal_scale": 2.0},
    )

    @cached_property
    def _density(self) -> Density:
        return self.density.at(self.device, self.dtype)

    def log_gamma(self, x: Tensor) -> Tensor:
        return self._density.log_prob(x)

    def log_normalizer(self) -> float:
        found = self.density.at("cpu", "float64").log_normalizer
        if found is None:
            raise Unsupported(
                f"the log Z of {type(self.density).__name__} is not known: choose a density that tells it"
            )
        return found

    @cached_property
    def path(self) -> NormalPath | None:
        return normal_path(self.density, float(self.truth), self.proposal_scale, self.place)

    @property
    def truth_source(self) -> str:
        return "the density's own log Z: closed form or quadrature"
