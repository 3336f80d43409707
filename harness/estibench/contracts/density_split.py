"""A set of samples of a known density, some of which are held out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from estibench.contracts.data_split import DataSplit
from estibench.contracts.on_density import OnDensity
from estibench.contracts.parameters import PositiveInt


@dataclass(frozen=True, kw_only=True)
class DensitySplit(OnDensity, DataSplit):
    """Samples of a density (`OnDensity`), drawn once, trained on and held out (`DataSplit`).

    Parameters:
        density: the law of the data, normalised.
        data: number of points that are trained on.
        test: number of those that are held out.
    """

    data: PositiveInt = 8192
    test: PositiveInt = 512

    @cached_property
    def _points(self) -> Tensor:
        """Held-out points, then those that are trained on; float64."""
        return self.density.sample(self.test + self.data, self.data_generator())

    @property
    def exact_held_out(self) -> Tensor:
        return self._points[: self.test]

    @cached_property
    def training(self) -> Tensor:
        return self.place(self._points[self.test :])

    @cached_property
    def held_out(self) -> Tensor:
        return self.place(self.exact_held_out)
