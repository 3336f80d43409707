"""The models by the names that suites use."""

from __future__ import annotations

from typing import Literal

from estibench_score.energy_model import EnergyModel
from estibench_score.exponential_family import ExponentialFamily
from estibench_score.gaussian_model import GaussianModel
from estibench_score.mixture_model import MixtureModel
from estibench_score.mlp_model import MLPModel
from estibench_score.model import ScoreModel

ModelName = Literal["gaussian", "exponential_family", "mixture", "mlp", "energy"]


def make_model(name: ModelName, dim: int, hidden: int) -> ScoreModel:
    """The model in `dim` dimensions; `hidden` is the width of networks, and means nothing to the others."""
    match name:
        case "gaussian":
            return GaussianModel(dim)
        case "exponential_family":
            return ExponentialFamily(dim)
        case "mixture":
            return MixtureModel(dim)
        case "mlp":
            return MLPModel(dim, hidden)
        case "energy":
            return EnergyModel(dim, hidden)
