"""A continuous flow fitted to samples of a known density."""

from __future__ import annotations

from dataclasses import dataclass

from estibench_flow.fit_problem import FlowFit
from estibench_flow.on_density import FreshSamples


@dataclass(frozen=True, kw_only=True)
class DensityFit(FreshSamples, FlowFit):
    """A CNF (`FlowFit`) on a density (`FreshSamples`): the truth is what the density itself scores on held-out points.

    Parameters:
        density: the law of the data, normalised. It takes its dimension from `dim`.
    """

    examples = ({"density": "gaussian", "held_out": 16, "hidden": 8, "batch": 16, "steps": 10},)
