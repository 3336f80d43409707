"""Errors relative to the block's baseline: draws of both that share their seeds are paired."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from estibench.measure.means import ratio_of_means
from estibench.measure.metrics import Row, columns
from estibench.measure.rare import barely_seen


@dataclass(frozen=True, eq=False)
class Errors:
    """What a cell brings to a comparison.

    Attributes:
        label: of its estimator.
        squared: squared errors of its draws, (n,).
        rounding: norm of an error that counts as none: below it there is nothing to compare.
        random: whether the estimator used its generator, or its draws differ beyond rounding.
    """

    label: str
    squared: Tensor
    rounding: float
    random: bool = True


def pair_with_baseline(errors: Mapping[int, Errors], baseline: int | None, confidence: float) -> dict[int, Row]:
    """The columns of the ratio to the baseline, by cell; none where the block has no measured baseline."""
    if baseline is None or baseline not in errors:
        return {}
    other = errors[baseline]
    return {number: {"baseline": other.label, **_ratio(one, other, confidence)} for number, one in errors.items()}


def _ratio(one: Errors, other: Errors, confidence: float) -> dict[str, Any]:
    if math.sqrt(min(float(one.squared.mean()), float(other.squared.mean()))) <= one.rounding:
        return {}
    ratio, p_value = ratio_of_means(one.squared, other.squared, confidence)
    if any(errors.random and barely_seen(errors.squared.sqrt()) for errors in (one, other)):
        return columns({"mse_ratio": ratio.without_bounds()})
    return columns({"mse_ratio": ratio}) | {"mse_ratio_p_value": p_value}
