"""A continuous flow fitted to real data."""

from __future__ import annotations

from dataclasses import dataclass

from estibench_flow.fit_problem import FlowFit
from estibench_flow.on_data import OnData


@dataclass(frozen=True, kw_only=True)
class DataFit(OnData, FlowFit):
    """A CNF (`FlowFit`) on real data (`OnData`). Truth: 0, so that the error is the held-out negative log-likelihood.

    Parameters:
        data: carried by scikit-learn. Digits are dequantised and taken whole, with a dim of 64.
        dim: of the principal components that are fitted.
    """

    examples = ({"dim": 2, "hidden": 8, "batch": 16, "steps": 10},)
