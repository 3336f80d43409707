"""Claims: properties that an estimator declares about itself and every run tests.

A formula receives the problem and the estimator and returns numbers; it never sees a draw.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

Formula = Callable[[Any, Any], Tensor | float | None]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Base of all claims.

    Attributes:
        when: the condition under which the property is claimed, as a predicate of (problem, estimator);
            None claims it always.
        given: that condition in words, for `bench show` and the tables.
    """

    when: Callable[[Any, Any], bool] | None = None
    given: str = ""

    @property
    def title(self) -> str:
        """The claim in a few words."""
        return type(self).__name__.lower() + (f" if {self.given}" if self.given else "")

    def applies(self, problem: Any, estimator: Any) -> bool:
        """Whether the claim is made at all for this pair."""
        return self.when is None or self.when(problem, estimator)


@dataclass(frozen=True)
class Unbiased(Claim):
    """E[estimate] = truth in every component."""


@dataclass(frozen=True)
class Exact(Claim):
    """Every estimate equals the truth up to rounding; the estimator does not use its generator."""


@dataclass(frozen=True)
class Variance(Claim):
    """tr Cov(estimate) equals the sum over components of `formula(problem, estimator)`.

    A formula that returns None makes no claim for that pair.
    """

    formula: Formula = lambda problem, estimator: None
    text: str = ""

    @property
    def title(self) -> str:
        return f"variance = {self.text}" if self.text else "variance"


@dataclass(frozen=True)
class Cost(Claim):
    """One estimate spends exactly `formula(problem, estimator)` of `unit`, counted."""

    unit: str = ""
    formula: Callable[[Any, Any], int] = lambda problem, estimator: 0
    text: str = ""

    @property
    def title(self) -> str:
        return f"{self.unit} = {self.text}" if self.text else f"cost in {self.unit}"
