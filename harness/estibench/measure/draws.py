"""Independent draws of an estimator, as fast as it allows: its own `draws`, one `vmap`, or a loop."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from estibench.contracts.estimator import ErrorBarEstimator, Estimator
from estibench.errors import Unsupported
from estibench.measure.device import generator


class ContractError(Exception):
    """An estimator that returned something other than an estimate."""


@dataclass
class Drawer:
    """Draws from one cell.

    Attributes:
        at_once: replicates per vectorised call, bounded by memory; part of what fixes the random stream.
        path: `"draws"` (the estimator's own), `"vmap"` or `"loop"`; known after the first call.
        fallback: why `vmap` was given up.
    """

    estimator: Estimator
    problem: Any
    at_once: int
    path: str = field(init=False)
    fallback: str = field(init=False, default="")

    def __post_init__(self) -> None:
        own = type(self.estimator).draws is not Estimator.draws
        if isinstance(self.estimator, ErrorBarEstimator):
            own = type(self.estimator).draws_with_error is not ErrorBarEstimator.draws_with_error
        self.path = "draws" if own else "vmap"

    def draw(self, n: int, seed: int) -> tuple[Tensor, Tensor | None]:
        """n estimates, (n, components), and their standard errors where the estimator has them; float64, CPU."""
        stream = generator(self.problem.device, seed)
        if self.path == "vmap":
            try:
                return self._gather(n, stream, self.at_once)
            except (Unsupported, ContractError):
                raise
            except Exception as error:  # vmap refuses in many ways; the loop will tell a real failure apart
                self.path = "loop"
                self.fallback = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
                stream = generator(self.problem.device, seed)
        return self._gather(n, stream, 1 if self.path == "loop" else self.at_once)

    def _gather(self, n: int, stream: torch.Generator, at_once: int) -> tuple[Tensor, Tensor | None]:
        parts = [self._some(min(at_once, n - start), stream) for start in range(0, n, at_once)]
        values = torch.cat([value for value, _ in parts])
        errors = [error for _, error in parts if error is not None]
        return values, torch.cat(errors) if errors else None

    def _some(self, n: int, stream: torch.Generator) -> tuple[Tensor, Tensor | None]:
        estimator, problem = self.estimator, self.problem
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
        return self._checked(values, n), None if errors is None else self._checked(errors, n)

    def _checked(self, values: object, n: int) -> Tensor:
        check_estimate(values, (n, *self.problem.truth.shape), self.problem)
        assert isinstance(values, Tensor)
        return values.detach().to(device="cpu", dtype=torch.float64).reshape(n, -1)


def check_estimate(value: object, shape: tuple[int, ...], problem: Any) -> None:
    """Raises `ContractError` unless `value` is a tensor of that shape in the problem's dtype."""
    if not isinstance(value, Tensor):
        raise ContractError(f"the estimate is a {type(value).__name__}, expected a tensor")
    if tuple(value.shape) != shape:
        raise ContractError(f"the estimate has shape {tuple(value.shape)}, expected {shape}")
    if value.dtype != problem.torch_dtype:
        raise ContractError(f"the estimate has dtype {value.dtype}, expected {problem.torch_dtype}")
