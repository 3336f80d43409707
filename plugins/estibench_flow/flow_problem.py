"""The contract of `log_density`: a flow, and points at which its log-density is known."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from estibench import Estimator, PositiveFloat, PositiveInt, Problem
from estibench_flow.capabilities import HasNoiselessTwin
from estibench_flow.field import Dynamics
from estibench_flow.flow import Flow, standard_normal


@dataclass(frozen=True, kw_only=True)
class FlowProblem(Problem):
    """log p(x) in nats at a batch of points under a flow (`estibench_flow.flow`), (batch,).

    The error of an estimate splits exactly into three terms, each a column with its mean absolute value over points:
    `error_solver` (the same solver with an exact trace, against the exact flow to the same prior), `error_trace_noise`
    (the estimate against the same solver with an exact trace) and `error_prior_mismatch` (the prior against p_T, at the
    end of the exact flow). The first two need an estimator with a noiseless twin.

    Parameters:
        dim: of x.
        batch: points that are integrated together.
        time: T.
    """

    dim: PositiveInt = 8
    batch: PositiveInt = 16
    time: PositiveFloat = 1.0

    @property
    @abstractmethod
    def dynamics(self) -> Dynamics:
        """f(t, z): t a scalar, z (..., dim) → (..., dim), each point by itself; a function or a module.

        A function is on the problem's device in its dtype; a copy of a module is put there, in evaluation mode.
        """

    @cached_property
    def exact_points(self) -> Tensor:
        """x, (batch, dim), float64 on the CPU. Default: standard normal."""
        generator = torch.Generator().manual_seed(self.seed + 1)
        return torch.randn(self.batch, self.dim, generator=generator, dtype=torch.float64)

    @cached_property
    def points(self) -> Tensor:
        """x, (batch, dim)."""
        return self.place(self.exact_points)

    def log_prior(self, z: Tensor) -> Tensor:
        """log of the density that estimators take p_T for. Default: N(0, I)."""
        return standard_normal(z)

    @property
    def skew(self) -> bool:
        """Whether ∂f/∂z is known to be skew, so that vᵀJv = 0 for every probe. Default: no."""
        return False

    @property
    def splits_errors(self) -> bool:
        """Whether an exact trace can be afforded beside every estimate, which the parts of an error and a solver's bias
        need. Default: yes."""
        return True

    @property
    def prior_mismatch(self) -> Tensor:
        """log prior − log p_T at the end of the exact flow, (batch,), float64. Default: 0."""
        return torch.zeros(self.batch, dtype=torch.float64)

    @cached_property
    def flow(self) -> Flow:
        """What estimators integrate."""
        dynamics = self.dynamics
        placed = self.place(dynamics) if isinstance(dynamics, nn.Module) else dynamics
        return Flow(placed, self.time, self.log_prior)

    def prepare(self) -> None:
        _ = self.points
        self.flow.dynamics(self.place(torch.zeros((), dtype=torch.float64)), self.points)

    def errors(self, estimate: Tensor, estimator: Any) -> Mapping[str, Tensor]:
        """The parts of an estimate's error, mean absolute values over points, in nats.

        Without a noiseless twin of the estimator only the last of the three is known.
        """
        mismatch = {"prior_mismatch": self.prior_mismatch.abs().mean()}
        if not (isinstance(estimator, HasNoiselessTwin) and self.splits_errors):
            return mismatch
        noiseless = self.noiseless(estimator)
        noise = estimate.detach().to(device="cpu", dtype=torch.float64) - noiseless
        solver = noiseless - self.truth - self.prior_mismatch
        return {"solver": solver.abs().mean(), "trace_noise": noise.abs().mean(), **mismatch}

    def noiseless(self, estimator: HasNoiselessTwin) -> Tensor:
        """What the estimator's noiseless twin makes of the points, (batch,), float64 on the CPU."""
        twin = estimator.noiseless
        if twin not in self._noiseless:
            values: Tensor = twin.estimate(self, torch.Generator(self.device))
            self._noiseless[twin] = values.detach().to(device="cpu", dtype=torch.float64)
        return self._noiseless[twin]

    @cached_property
    def _noiseless(self) -> dict[Estimator, Tensor]:
        return {}
