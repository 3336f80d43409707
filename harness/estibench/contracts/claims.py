"""Claims: properties that an estimator declares about itself and every run tests.

A formula receives the problem and the estimator and returns numbers; it never sees a draw. One that returns None makes
no claim for that pair.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from estibench.errors import Unsupported, UserError, first_line

Formula = Callable[[Any, Any], Tensor | float | None]


class ClaimError(Exception):
    """A claim whose condition or formula raised; the message names the claim."""


@dataclass(frozen=True, kw_only=True)
class Claim(ABC):
    """Base of all claims.

    Attributes:
        when: the condition under which the property is claimed, as a predicate of (problem, estimator);
            None claims it always.
        given: that condition in words, for `bench show` and the tables: "the objective is linear".
    """

    when: Callable[[Any, Any], bool] | None = None
    given: str = ""

    @property
    @abstractmethod
    def statement(self) -> str:
        """What is claimed, in a few words, without its condition."""

    @property
    def title(self) -> str:
        """The claim in a few words."""
        return self.statement + (f" if {self.given}" if self.given else "")

    def applies(self, problem: Any, estimator: Any) -> bool:
        """Whether the claim is made at all for this pair. Raises `ClaimError` where its condition raises."""
        return self.when is None or bool(self.asked(self.when, problem, estimator))

    def asked(self, function: Callable[[Any, Any], Any], problem: Any, estimator: Any) -> Any:
        """What the condition or the formula says. Raises `ClaimError` where it raises."""
        try:
            return function(problem, estimator)
        except (Unsupported, UserError):  # they say themselves what is wrong
            raise
        except Exception as error:  # a plugin's function may fail in any way
            what = f"the {'condition' if function is self.when else 'formula'} of the claim “{self.title}”"
            raise ClaimError(f"{what} raises {type(error).__name__}: {first_line(error)}") from error


@dataclass(frozen=True)
class Unbiased(Claim):
    """E[estimate] = truth in every component."""

    @property
    def statement(self) -> str:
        return "unbiased"


@dataclass(frozen=True)
class Exact(Claim):
    """Every estimate equals the truth up to rounding.

    Two estimates support it where the generator is not used. Of a random estimator each draw is tested, and it takes so
    many (80) that an error in 2 % of the estimates would be seen.
    """

    @property
    def statement(self) -> str:
        return "exact"


@dataclass(frozen=True)
class Deterministic(Claim):
    """Every estimate is the same, bit for bit: the estimator does not use its generator, and may still be wrong."""

    @property
    def statement(self) -> str:
        return "deterministic"


@dataclass(frozen=True)
class Bias(Claim):
    """E[estimate] − truth = `formula(problem, estimator)`, shaped like truth, or one number for all components."""

    formula: Formula = lambda problem, estimator: None
    text: str = ""

    @property
    def statement(self) -> str:
        return f"bias = {self.text}" if self.text else "bias"


@dataclass(frozen=True)
class Variance(Claim):
    """tr Cov(estimate) equals the sum over components of `formula(problem, estimator)`."""

    formula: Formula = lambda problem, estimator: None
    text: str = ""

    @property
    def statement(self) -> str:
        return f"variance = {self.text}" if self.text else "variance"


@dataclass(frozen=True)
class Reads(Claim):
    """The mean of a column `error_<name>` or `reading_<name>` equals `formula(problem, estimator)`.

    `Reads("second_moment", lambda problem, sampler: …)`, for what the problem's `errors` or `readings` give by that
    name, or a `SampleSet` among its statistics.
    """

    name: str = ""
    formula: Callable[[Any, Any], float | None] = lambda problem, estimator: None
    text: str = ""

    @property
    def statement(self) -> str:
        return f"{self.name} = {self.text}" if self.text else f"mean of {self.name}"


@dataclass(frozen=True)
class ErrorBar(Claim):
    """Estimate ± z · (its standard error) covers the truth at least as often as `formula(problem, estimator)` says.

    z is the normal quantile of the suite's confidence; without a formula the claim is that confidence itself.
    """

    formula: Callable[[Any, Any], float | None] | None = None
    text: str = ""

    @property
    def statement(self) -> str:
        return f"error bar covers {self.text}" if self.text else "error bar covers"


@dataclass(frozen=True)
class Cost(Claim):
    """One estimate spends exactly `formula(problem, estimator)` of `unit`, counted."""

    unit: str = ""
    formula: Callable[[Any, Any], int] = lambda problem, estimator: 0
    text: str = ""

    @property
    def statement(self) -> str:
        return f"{self.unit} = {self.text}" if self.text else f"cost in {self.unit}"


@dataclass(frozen=True)
class ScalesAs(Claim):
    """y ~ x^exponent over the cells of a run that differ only in x, both columns of the table.

    Tested wherever a run has at least two such cells: `ScalesAs("cost_matvec", "problem_dim", 1)`,
    `ScalesAs("variance", "estimator_probes", -1)`. Within `tolerance` of the exponent the claim holds.
    """

    y: str = ""
    x: str = ""
    exponent: float = 1.0
    tolerance: float = 0.0

    @property
    def statement(self) -> str:
        about = f" ± {self.tolerance:g}" if self.tolerance else ""
        return f"{self.y} ~ {self.x}^{self.exponent:g}{about}"
