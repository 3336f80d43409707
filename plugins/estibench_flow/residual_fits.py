"""Residual flows fitted to samples of a known density, and to real data."""

from __future__ import annotations

from dataclasses import dataclass

from estibench_flow.on_data import OnData
from estibench_flow.on_density import FreshSamples
from estibench_flow.residual_fit import ResidualFit

SMALL = {"hidden": 8, "blocks": 2, "batch": 16, "steps": 10}


@dataclass(frozen=True, kw_only=True)
class ResidualDensityFit(FreshSamples, ResidualFit):
    """A residual flow (`ResidualFit`) on a density (`FreshSamples`): the truth is what the density itself scores on
    held-out points.

    Parameters:
        density: the law of the data, normalised. It takes its dimension from `dim`.
    """

    examples = ({"density": "gaussian", "held_out": 16, **SMALL},)


@dataclass(frozen=True, kw_only=True)
class ResidualDataFit(OnData, ResidualFit):
    """A residual flow (`ResidualFit`) on real data (`OnData`). Truth: 0, so that the error is the held-out negative
    log-likelihood.

    Parameters:
        data: carried by scikit-learn. Digits are dequantised and taken whole, with a dim of 64.
        dim: of the principal components that are fitted.
    """

    examples = ({"dim": 2, **SMALL},)
