"""The contract of a problem: one instance of a task, with its truth."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from estibench.contracts.placed import Placed


@dataclass(frozen=True, kw_only=True)
class Problem(Placed, ABC):
    """One instance of a task. A frozen dataclass: its fields are its parameters in a suite.

    Make data lazily (`functools.cached_property`), so that planning a suite costs nothing. A task's own contract
    subclasses this and adds the oracles that its estimators call; each oracle calls `estibench.count`.
    """

    citation: ClassVar[str] = ""

    def __post_init__(self) -> None:
        """Raise `ValueError` for parameters that do not go together, after `super().__post_init__()`. Default: none."""

    @property
    @abstractmethod
    def truth(self) -> Tensor:
        """The exact estimand, float64 on the CPU. Every estimate has this shape."""

    @property
    @abstractmethod
    def truth_source(self) -> str:
        """Where `truth` comes from: `"closed form"`, or the float64 reference that was computed."""

    @property
    def truth_error(self) -> float:
        """Norm of the truth's standard error, √E‖t̂ − t‖²: 0 for an exact truth, the default.

        Declare it where the truth is a mean over a sample. Intervals and verdicts then include it.
        """
        return 0.0

    def prepare(self) -> None:
        """Make the data that all estimators share, so that the first one's first call does not pay for them.

        Called once on the problem's device and in its dtype. Default: nothing.
        """

    @property
    def axis(self) -> tuple[str, tuple[float, ...]] | None:
        """What the components of the truth run along, where they form a curve: a name, and a value for each.

        `("step", (0.0, 10.0, 100.0))` for a training run that is measured at three checkpoints. A row then has the
        column `curve`, and plots of kind `curves` draw it. Default: None, components are no curve.
        """
        return None

    def errors(self, estimate: Any, estimator: Any) -> Mapping[str, Tensor | float]:
        """Further errors of one draw, by name: scalars ≥ 0, and 0 is best. Each is a column `error_<name>`.

        Called for each draw, outside of all clocks and without gradients; `estimate` is what the estimator returned.
        Every draw has the same names. Default: none.
        """
        return {}

    def readings(self, estimate: Any, estimator: Any) -> Mapping[str, Tensor | float]:
        """Other scalars that are read off one draw, as for `errors`. Each is a column `reading_<name>`."""
        return {}

    @property
    def magnitude(self) -> float:
        """Size of the terms that cancel or add up to the truth, in the truth's units.

        Rounding errors are judged relative to it: an exact method in float32 may be off by some eps · magnitude,
        even where the truth itself is 0. Default: the Euclidean norm of the truth.
        """
        return float(self.truth.norm())
