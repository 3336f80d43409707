"""The curve that an estimand forms whose components run along an axis: a training run at its checkpoints."""

from __future__ import annotations

from typing import Any

import numpy as np

from estibench.measure.means import mean_bounds
from estibench.measure.statistics import Moments


def curve(m: Moments, axis: tuple[str, tuple[float, ...]], confidence: float) -> dict[str, Any]:
    """Mean error of each component with its confidence interval, as plain data; NaN bounds where it was barely seen.

    Args:
        axis: the problem's: a name, and the place of each component.

    Raises:
        ValueError: for an axis of another length.
    """
    name, places = axis
    if len(places) != m.components:
        raise ValueError(f"the problem's axis has {len(places)} places for {m.components} components")
    means = m.by_component
    low, high = mean_bounds(means, (1 - confidence) / 2)
    if m.unseen is not None:
        barely = m.unseen.barely.numpy()
        low, high = (np.where(barely, np.nan, bound) for bound in (low, high))
    return {
        "axis": name,
        "x": [float(place) for place in places],
        "error": means.mean.tolist(),
        "low": low.tolist(),
        "high": high.tolist(),
    }
