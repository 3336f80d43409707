"""A case: an estimator on a problem, with what several checks need of it, made once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from estibench.contracts.estimator import ErrorBarEstimator, Estimator, vectorised
from estibench.contracts.fit import Fit, FitProblem
from estibench.contracts.samples import SampleProblem, SampleSet
from estibench.errors import Unsupported
from estibench.measure.claims import rounding_tolerance
from estibench.measure.device import generator
from estibench.measure.draws import chunk_of
from estibench.measure.readings import judged
from estibench.measure.work import Work, measure_work
from estibench.testing.trial import CheckFailedError, NotApplicable

FEWEST = 32  # draws that a comparison of distributions rests on
GROUPS = 16  # calls that they are drawn by

Draw = Callable[[int, torch.Generator], Tensor]


@dataclass(frozen=True)
class Effort:
    """How much work the kit spends on one case.

    Attributes:
        draws: at most, for each sample that is compared.
        seconds: at most, for each such sample.
        seed: of all samples: the same seed, the same outcome.
    """

    draws: int = 512
    seconds: float = 1.0
    seed: int = 0


@dataclass
class Case:
    """An estimator on a problem, on the CPU in float64 unless the problem says otherwise.

    Attributes:
        unit: the cost unit of the problem's task, where the task is known.
    """

    estimator: Estimator
    problem: Any
    effort: Effort
    unit: str = ""
    samples: dict[str, Tensor] = field(default_factory=dict, repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """What an estimate must have."""
        problem = self.problem
        return tuple(problem.estimate_shape if isinstance(problem, SampleProblem) else problem.truth.shape)

    def stream(self, number: int = 0) -> torch.Generator:
        """A fresh generator on the problem's device; another number, another stream."""
        return generator(self.problem.device, 1000003 * self.effort.seed + number)

    def call(self, stream: torch.Generator, problem: Any = None) -> Any:
        """One estimate, whatever it is. Raises `NotApplicable` where the estimator says that it does not apply."""
        try:
            return self.estimator.estimate(self.problem if problem is None else problem, stream)
        except Unsupported as reason:
            raise NotApplicable(f"unsupported: {reason}") from reason
        except Exception as error:  # a plugin's estimator may fail in any way
            text = (str(error).splitlines() or [""])[0]
            raise CheckFailedError(
                f"estimate raises {type(error).__name__}: {text}",
                "an estimate",
                "mend it; where the method does not apply, raise estibench.Unsupported with the reason",
            ) from error

    @cached_property
    def first(self) -> Tensor:
        """The first estimate, or the points of the first samples, once the problem is ready.

        Raises `NotApplicable` for anything else.
        """
        try:
            self.problem.prepare()
        except Exception as error:  # a plugin's problem may fail in any way
            raise NotApplicable(f"the problem cannot be made: {type(error).__name__}: {error}") from error
        try:
            found = self.call(self.stream())
        except CheckFailedError as failure:
            raise NotApplicable(f"{failure.found}: see returns_an_estimate") from failure
        values = self.values(found)
        if not isinstance(values, Tensor) or tuple(values.shape) != self.shape:
            raise NotApplicable("what it returns is no estimate: see returns_an_estimate")
        return values

    def estimate(self, number: int = 0) -> Tensor:
        """The estimate from stream `number`, detached, or the points; `NotApplicable` where there is none."""
        _ = self.first
        found = self.call(self.stream(number))
        values = self.values(found)
        assert isinstance(values, Tensor)
        return values.detach()

    def values(self, found: Any) -> Any:
        """An estimate as a tensor: the points of samples, the curve of a fit; anything else as it is."""
        if isinstance(found, SampleSet):
            return found.points
        return judged(self.problem, self.estimator, found) if isinstance(found, Fit) else found

    @cached_property
    def tolerance(self) -> float:
        """Norm of the error that rounding explains."""
        return rounding_tolerance(self.problem)

    @cached_property
    def work(self) -> Work:
        """Counted work and memory of one estimate."""
        _ = self.first
        return measure_work(lambda: self.call(self.stream()), self.problem.device)

    @property
    def chunk(self) -> int:
        """Estimates that the harness makes by one vectorised call; 1 where it draws in a loop instead."""
        return chunk_of(self.work.peak_bytes, self.problem.device)

    @cached_property
    def affordable(self) -> int:
        """Draws that there is time for in a loop. Raises `NotApplicable` where they are too few."""
        _ = self.first
        start = time.perf_counter()
        self.call(self.stream())
        seconds = time.perf_counter() - start
        n = min(self.effort.draws, int(self.effort.seconds / max(seconds, 1e-9)))
        if n < FEWEST:
            raise NotApplicable(f"one estimate takes {seconds:.2g} s: {FEWEST} are too long to compare distributions")
        return n

    @property
    def has_own_draws(self) -> bool:
        """Whether the estimator overrides how it is drawn many times."""
        cls = type(self.estimator)
        if issubclass(cls, ErrorBarEstimator) and self.has_error_bar:
            return cls.draws_with_error is not ErrorBarEstimator.draws_with_error
        return cls.draws is not Estimator.draws

    @property
    def has_error_bar(self) -> bool:
        """Whether its estimates have standard errors; training runs have none."""
        return isinstance(self.estimator, ErrorBarEstimator) and not isinstance(self.problem, FitProblem)

    def paths(self) -> dict[str, Draw]:
        """The ways to draw n estimates, (n, columns): the columns of an error bar stand behind those of the estimate.

        Sets of samples are drawn in a loop and no other way.
        """

        def loop(n: int, stream: torch.Generator) -> Tensor:
            return torch.cat([_flat(self._one(stream), 1) for _ in range(n)])

        if isinstance(self.problem, SampleProblem):
            return {"loop": loop}

        def vmap(n: int, stream: torch.Generator) -> Tensor:
            return _flat(vectorised(lambda: self._one(stream), n), n)

        def own(n: int, stream: torch.Generator) -> Tensor:
            return _flat(self._many(n, stream), n)

        found: dict[str, Draw] = {"loop": loop, "vmap": vmap}
        return found | ({"draws": own} if self.has_own_draws else {})

    def _one(self, stream: torch.Generator) -> Any:
        """A draw as the harness makes it: with its error bar, or the points of its samples."""
        if isinstance(self.problem, (SampleProblem, FitProblem)):
            return self.values(self.estimator.estimate(self.problem, stream))
        if isinstance(self.estimator, ErrorBarEstimator):
            return self.estimator.estimate_with_error(self.problem, stream)
        return self.estimator.estimate(self.problem, stream)

    def _many(self, n: int, stream: torch.Generator) -> Any:
        if isinstance(self.problem, FitProblem):
            return self.values(self.estimator.draws(self.problem, n, stream))
        if isinstance(self.estimator, ErrorBarEstimator):
            return self.estimator.draws_with_error(self.problem, n, stream)
        return self.estimator.draws(self.problem, n, stream)

    @cached_property
    def taken(self) -> tuple[str, str]:
        """The path by which the harness draws, its own, else vmap, else a loop; and why it is no faster one."""
        path = next(reversed(self.paths()))
        if path == "loop":
            return path, "a draw is a whole set of samples"
        if self.chunk < 2:
            return "loop", "two estimates at once would take too much memory to be faster"
        try:
            self.sample(path, 2, 99)
        except NotApplicable as reason:
            return "loop", str(reason)
        return path, ""

    def groups(self, path: str) -> Tensor:
        """Draws of several calls, each from a stream of its own: (groups, n, columns)."""
        n, first = self.affordable // GROUPS, self._stream_of(path)
        return torch.stack([self.sample(path, n, first + number) for number in range(GROUPS)])

    def as_many(self, path: str, n: int) -> Tensor:
        """n draws, (n, columns): those of the groups, where the harness draws by this path, else of one call."""
        if path == self.taken[0]:
            return self.groups(path).flatten(0, 1)
        return self.sample(path, n, self._stream_of(path))

    def _stream_of(self, path: str) -> int:
        """The first of the streams that no other path uses."""
        return 1000 * (1 + list(self.paths()).index(path))

    def sample(self, path: str, n: int, number: int) -> Tensor:
        """n draws from stream `number` by a path, (n, columns), float64 on the CPU; once drawn they are kept.

        Raises:
            NotApplicable: vmap refuses the estimator, or its own draws say that there are none.
        """
        key = f"{path}:{n}:{number}"
        if key not in self.samples:
            _ = self.first
            stream, draw = self.stream(number), self.paths()[path]
            at_once = n if path == "loop" else self.chunk
            try:
                parts = [draw(min(at_once, n - start), stream) for start in range(0, n, at_once)]
            except Unsupported as reason:
                raise NotApplicable(f"unsupported: {reason}") from reason
            except Exception as error:
                if path == "loop" or (path == "draws" and not isinstance(error, NotImplementedError)):
                    raise
                text = (str(error).splitlines() or [type(error).__name__])[0]
                who = {"vmap": "vmap gives", "draws": "its own draws give"}[path]
                raise NotApplicable(f"{who} up ({text}); the harness draws in a loop") from error
            self.samples[key] = torch.cat(parts)
        return self.samples[key]


def _flat(found: Any, n: int) -> Tensor:
    """An estimate, or one with its standard error, as rows of columns; n = 1 for a single one."""
    parts = found if isinstance(found, tuple) else (found,)
    rows = [part.detach().to("cpu", torch.float64).reshape(n, -1) for part in parts]
    return torch.cat(rows, 1)
