"""The curve that an estimand forms whose components run along an axis: a training run at its checkpoints."""

from __future__ import annotations

from typing import Any

from estibench.measure.means import mean_bounds
from estibench.measure.statistics import Moments


def curve(m: Moments, axis: tuple[str, tuple[float, ...]], confidence: float) -> dict[str, Any]:
    """Mean error of each component with its confidence interval, as plain data.

    Bounds are None where a component was barely seen.

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
    seen = [True] * m.components if m.unseen is None else (~m.unseen.barely).tolist()
    return {
        "axis": name,
        "x": [float(place) for place in places],
        "error": means.mean.tolist(),
        "low": _where(seen, low.tolist()),
        "high": _where(seen, high.tolist()),
    }


def _where(seen: list[bool], bounds: list[float]) -> list[float | None]:
    return [bound if known else None for known, bound in zip(seen, bounds, strict=True)]
