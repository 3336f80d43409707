"""The curve that an estimand forms whose components run along an axis: a training run at its checkpoints."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from estibench.measure.means import mean_bounds, summarise


def curve(errors: Tensor, axis: tuple[str, tuple[float, ...]], confidence: float) -> dict[str, Any]:
    """Mean error of each component with its confidence interval, as plain data.

    Args:
        errors: estimate − truth of each draw, (n, components), n ≥ 2.
        axis: the problem's: a name, and the place of each component.

    Raises:
        ValueError: for an axis of another length.
    """
    name, places = axis
    if len(places) != errors.shape[1]:
        raise ValueError(f"the problem's axis has {len(places)} places for {errors.shape[1]} components")
    means = summarise(errors)
    low, high = mean_bounds(means, (1 - confidence) / 2)
    return {
        "axis": name,
        "x": [float(place) for place in places],
        "error": means.mean.tolist(),
        "low": low.tolist(),
        "high": high.tolist(),
    }
