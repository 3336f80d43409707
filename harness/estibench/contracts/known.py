"""The contract of an estimator about which everything is known: what `bench selftest` checks the harness against."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar


class Known(ABC):
    """Mixed into an estimator whose every quantity has a closed form.

    Class attributes:
        false_claims: titles of the claims that it makes and that are deliberately false.
    """

    false_claims: ClassVar[tuple[str, ...]] = ()

    @property
    @abstractmethod
    def tails(self) -> str:
        """How its draws are distributed, in a word: intervals are checked for each kind of tails."""

    @property
    def coverable(self) -> bool:
        """Whether an interval can be expected to cover: tails beyond its limits are measured and not judged."""
        return True

    @property
    def is_rare(self) -> bool:
        """Whether its draws differ so rarely that intervals may be absent. Those that are given must cover then."""
        return False

    @abstractmethod
    def known(self, problem: Any, confidence: float) -> Mapping[str, float]:
        """True values of columns that have a confidence interval: `{"mse": 1.0, "bias": 0.0}`.

        Args:
            confidence: of the run, on which the coverage of an error bar depends.
        """
