"""The contract of an estimator: the one method that a plugin author must write."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from estibench.contracts.claims import Claim
from estibench.contracts.fit import FitProblem, together


@dataclass(frozen=True)
class Estimator(ABC):
    """A method with its parameters. A frozen dataclass: its fields are its parameters in a suite.

    Class attributes:
        claims: properties that the estimator declares about itself and every run tests.
        citation: the paper, with the equation or algorithm.
        examples: parameters, as a suite writes them, with which the conformance kit works.
        expected_failures: of the conformance kit, by check, each with its reason; see `estibench.testing`.
    """

    claims: ClassVar[tuple[Claim, ...]] = ()
    citation: ClassVar[str] = ""
    examples: ClassVar[tuple[Mapping[str, Any], ...]] = ({},)
    expected_failures: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def estimate(self, problem: Any, generator: torch.Generator) -> Any:
        """One estimate, shaped like `problem.truth`, in the problem's dtype and on its device.

        For a `SampleProblem` it is an `estibench.SampleSet`, for a `FitProblem` an `estibench.Fit`, for every other
        problem a tensor.

        Take all randomness from `generator`, which lives on the problem's device. Raise `estibench.Unsupported`
        with the reason when the method does not apply. This call is what gets timed.
        """

    def draws(self, problem: Any, n: int, generator: torch.Generator) -> Any:
        """n independent estimates, `(n, *truth.shape)`, or a `Fit` of n runs. Override only for more speed.

        Default: one `torch.func.vmap` over `estimate`, each replicate with randomness of its own; of a fit one over
        each step of `FitProblem.train`. Call `estimate` once before, as the harness does: a problem's cached data
        cannot be made under `vmap`. Raise `NotImplementedError` where nothing is faster than a loop over `estimate`;
        the harness then makes one.
        """
        if isinstance(problem, FitProblem):
            with together(n):
                return self.estimate(problem, generator)
        return vectorised(lambda: self.estimate(problem, generator), n)


@dataclass(frozen=True)
class ErrorBarEstimator(Estimator):
    """An estimator that also reports a standard error; the harness measures the coverage of that error bar."""

    @abstractmethod
    def estimate_with_error(self, problem: Any, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """One estimate and its standard error, both shaped like `problem.truth`."""

    def estimate(self, problem: Any, generator: torch.Generator) -> Tensor:
        """The estimate alone."""
        return self.estimate_with_error(problem, generator)[0]

    def statistics(self, error: Tensor) -> Mapping[str, Tensor | float]:
        """What the error bar of one draw says in other words, such as `ess`: scalars, columns `reading_<name>`.

        Called outside of all clocks, with a standard error as `estimate_with_error` gave it. Default: none.
        """
        return {}

    def draws_with_error(self, problem: Any, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """n independent estimates and their standard errors, each `(n, *truth.shape)`."""
        return vectorised(lambda: self.estimate_with_error(problem, generator), n)


def vectorised(call: Any, n: int) -> Any:
    """`call()` n times in one `vmap`, factory functions drawing afresh for each replicate."""
    return torch.func.vmap(lambda _: call(), randomness="different")(torch.arange(n))
