"""Independent draws of an estimator, as fast as it allows: its own `draws`, one `vmap`, or a loop.

How many estimates one vectorised call makes is decided by what was counted, never by a clock: path and chunk fix the
random stream and the rounding, and the same suite must give the same bits on a busy day.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, NamedTuple

import torch
from torch import Tensor

from estibench.contracts.estimator import ErrorBarEstimator, Estimator
from estibench.contracts.fit import Fit, FitProblem
from estibench.contracts.samples import SampleProblem
from estibench.contracts.unfinished import unfinished
from estibench.errors import Unsupported
from estibench.measure.contract import ContractError, check_estimate, check_fit, check_tensor
from estibench.measure.device import generator
from estibench.measure.readings import judged, read, reads

# Bytes that one vectorised call may have alive, by type of device. On a CPU glibc hands out blocks of up to 32 MiB
# from memory that it keeps and maps larger ones afresh each time; to touch fresh pages cost more than all arithmetic of
# a chunk of 256 MiB. Below 16 MiB the overhead of the calls shows. An accelerator's allocator keeps what it has.
CHUNK_BYTES = {"cpu": 32 * 2**20}
ACCELERATOR_BYTES = 256 * 2**20
WARM_UP = 0  # a seed


def chunk_of(peak_bytes: int, device: str) -> int:
    """How many estimates one vectorised call makes: the largest power of two that fits; below 2, draw in a loop.

    A power of two, since draws come by powers of two and no odd rest is left over.

    Args:
        peak_bytes: of one plain estimate.
    """
    fitting = CHUNK_BYTES.get(device.partition(":")[0], ACCELERATOR_BYTES) // max(peak_bytes, 1)
    return 1 << max(fitting.bit_length() - 1, 0)


class Drawn(NamedTuple):
    """Some draws, float64 on the CPU.

    Attributes:
        values: estimates, (n, components).
        errors: their standard errors of the same shape, where the estimator has them.
        readings: what is read off each draw, (n, columns), where anything is.
    """

    values: Tensor
    errors: Tensor | None = None
    readings: Tensor | None = None


@dataclass
class Drawer:
    """Draws from one cell.

    Attributes:
        at_once: estimates per vectorised call, see `chunk_of`; part of what fixes the random stream.
        columns: of what the problem reads off a draw; those of the first draw, which every other must have.
        compiled: whether torch compiles the estimator.
        path: `"draws"` (the estimator's own), `"vmap"` or `"loop"`; known after the first call.
        fallback: why a loop, where the estimator could be drawn in another way.
        random: whether the estimator has used a generator that it was given.
    """

    estimator: Estimator
    problem: Any
    at_once: int
    columns: tuple[str, ...] = ()
    compiled: bool = False
    path: str = field(init=False)
    fallback: str = field(init=False, default="")
    random: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        own = type(self.estimator).draws is not Estimator.draws
        if isinstance(self.estimator, ErrorBarEstimator) and not isinstance(self.problem, FitProblem):
            own = type(self.estimator).draws_with_error is not ErrorBarEstimator.draws_with_error
        self.path = "draws" if own else "vmap"
        if self.compiled:
            self.path, self.fallback = "loop", "what is compiled is drawn as it is timed"
        elif isinstance(self.problem, SampleProblem):  # a draw is a whole batch of chains already
            self.path = "loop"
        elif self.at_once < 2:  # the work of one estimate outweighs its overhead, and vectorised code only adds to it
            self.path, self.fallback = "loop", "two estimates at once would take too much memory to be faster"

    @property
    def chunk(self) -> int:
        """Estimates per call."""
        return 1 if self.path == "loop" else self.at_once

    def warm_up(self) -> None:
        """Two draws for nothing, where they are vectorised: what torch loads for the first ones is nobody's time.

        Training runs are long, and are not made for nothing.
        """
        if self.path != "loop" and not isinstance(self.problem, FitProblem):
            self.draw(2, WARM_UP)

    def draw(self, n: int, seed: int) -> Drawn:
        """n draws."""
        stream = generator(self.problem.device, seed)
        if self.path != "loop":
            try:
                return self._gather(n, stream)
            except (Unsupported, ContractError):
                raise
            except Exception as error:  # vmap refuses in many ways; the loop will tell a real failure apart
                if self.path == "draws" and not isinstance(error, NotImplementedError):
                    raise  # the estimator's own draws are broken, and do not say that there are none
                self.path = "loop"
                self.fallback = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
                stream = generator(self.problem.device, seed)
        return self._gather(n, stream)

    def _gather(self, n: int, stream: torch.Generator) -> Drawn:
        before = stream.get_state()
        parts = [self._some(min(self.chunk, n - start), stream) for start in range(0, n, self.chunk)]
        self.random |= not torch.equal(before, stream.get_state())
        columns = [[part for part in column if part is not None] for column in zip(*parts, strict=True)]
        return Drawn(torch.cat(columns[0]), *(torch.cat(column) if column else None for column in columns[1:]))

    def _some(self, n: int, stream: torch.Generator) -> Drawn:
        estimator, problem = self.estimator, self.problem
        if isinstance(problem, SampleProblem):
            samples: Any = estimator.estimate(problem, stream)
            check_estimate(samples, problem)
            return Drawn(judged(problem, estimator, samples)[None], None, self._read([samples]))
        if isinstance(problem, FitProblem):
            return self._fits(n, stream)
        errors = None
        if isinstance(estimator, ErrorBarEstimator):
            if self.path == "loop":
                values, errors = (part[None] for part in estimator.estimate_with_error(problem, stream))
            else:
                values, errors = estimator.draws_with_error(problem, n, stream)
        elif self.path == "loop":
            values = estimator.estimate(problem, stream)[None]
        else:
            values = estimator.draws(problem, n, stream)
        checked = self._checked(values, n)
        readings = self._read(values.detach(), errors) if reads(problem, estimator) else None
        return Drawn(checked, None if errors is None else self._checked(errors, n), readings)

    def _fits(self, n: int, stream: torch.Generator) -> Drawn:
        """Training runs have no error bars: an estimator that has them elsewhere is asked for its fits alone."""
        kept = unfinished()
        run = None if kept is None else kept.begin(stream, "draws", n, self.path)
        if run is not None and run.found is not None:
            values, readings = run.found
            return Drawn(values, None, readings)
        estimator, problem = self.estimator, self.problem
        if self.path == "loop":
            one: Any = estimator.estimate(problem, stream)
            check_fit(one, problem)
            fits = Fit.together([one])
        else:
            fits = estimator.draws(problem, n, stream)
            check_fit(fits, problem, (n,))
        values = self._checked(judged(problem, estimator, fits), n)
        drawn = Drawn(values, None, self._read(fits.runs()) if reads(problem, estimator) else None)
        if run is not None:
            run.keep((drawn.values, drawn.readings))
        return drawn

    def _checked(self, values: object, n: int) -> Tensor:
        check_tensor(values, (n, *self.problem.truth.shape), self.problem)
        assert isinstance(values, Tensor)
        return values.detach().to(device="cpu", dtype=torch.float64).reshape(n, -1)

    def _read(self, estimates: Iterable[Any], errors: Tensor | None = None) -> Tensor:
        bars = repeat(None) if errors is None else errors.detach()
        found = [read(self.problem, self.estimator, *one) for one in zip(estimates, bars, strict=False)]
        self.columns = self.columns or tuple(found[0])
        for one in found:
            if tuple(one) != self.columns:
                raise ContractError(f"a draw has the readings {', '.join(one)}; others have {', '.join(self.columns)}")
        return torch.tensor([list(one.values()) for one in found], dtype=torch.float64)
