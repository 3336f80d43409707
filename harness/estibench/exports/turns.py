"""From which dimension one estimator costs more than another: for each problem, device and dtype, in a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from estibench.analysis.break_even import Crossing, crossings
from estibench.analysis.curves import Curve, curves
from estibench.analysis.dimensions import DIM
from estibench.exports.grids import break_even_text
from estibench.exports.scaling import names_of, pairs_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Turn:
    """Two estimators over the dimensions of a problem.

    Attributes:
        first, second: labels, in the order in which they were asked about.
        dims: the least and the largest dimension that was measured of both.
        crossings: where they change places.
        cheaper: without a crossing, the one that costs less at each of them beyond doubt; empty where none does.
    """

    problem: str
    device: str
    dtype: str
    first: str
    second: str
    dims: tuple[float, float]
    crossings: tuple[Crossing, ...]
    cheaper: str

    @property
    def text(self) -> str:
        """`exact up to 512 [300, 900], hutchinson(probes=1) beyond`."""
        names, (low, high) = (self.first, self.second), self.dims
        if not self.crossings:
            measured = f"from {low:g} to {high:g}"
            if not self.cheaper:
                return f"{self.first} and {self.second} are not told apart everywhere {measured}"
            dearer = self.second if self.cheaper == self.first else self.first
            return f"{self.cheaper} {measured}, never {dearer}"
        turns_at = [(names[not one.first_below], break_even_text(one.at, one.low, one.high)) for one in self.crossings]
        parts = [f"{name} up to {place}" for name, place in turns_at]
        return ", ".join([*parts, f"{names[self.crossings[-1].first_below]} beyond"])


def turns(frame: pd.DataFrame, y: str, between: Sequence[str], confidence: float) -> Iterator[Turn]:
    """Every pair of curves of y against the dimension, on one problem, device and dtype, one of each name."""
    for one, other in pairs_of(curves(frame, y, DIM), list(between)):
        first, second = (one, other) if between[0] in names_of(one) and between[1] in names_of(other) else (other, one)
        shared = sorted({*first.points["x"]} & {*second.points["x"]})
        if len(shared) > 1:
            found = tuple(crossings(first, second, confidence))
            where = (first.problem, first.device, first.dtype, first.estimator, second.estimator)
            cheaper = "" if found else _cheaper(first, second, shared)
            yield Turn(*where, (float(shared[0]), float(shared[-1])), found, cheaper)


def _cheaper(first: Curve, second: Curve, shared: Sequence[float]) -> str:
    """Which of them lies below the other at every x, intervals and all."""
    for one, other in ((first, second), (second, first)):
        highs, lows = (a.points.set_index("x")[side] for a, side in ((one, "high"), (other, "low")))
        if all(float(highs.loc[[x]].max()) < float(lows.loc[[x]].min()) for x in shared):
            return one.estimator
    return ""
