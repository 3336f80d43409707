"""What only some estimators can tell of themselves. A problem asks by `isinstance`; without it columns stay empty."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from estibench import Estimator
from estibench_flow.block import Block
from estibench_flow.field import Dynamics
from estibench_flow.flow import Flow


class HasNoiselessTwin(ABC):
    """Mixed into an estimator of `log_density`: its error can be split into noise and the rest.

    Gives the columns `error_solver` and `error_trace_noise`.
    """

    @property
    @abstractmethod
    def noiseless(self) -> Estimator:
        """The same method without its noise, as by an exact trace; itself where there is none. Not random."""


class HasOwnSolver(ABC):
    """Mixed into an estimator of `ode_gradient`: its discretisation can be differentiated exactly.

    Gives the column `error_discretised`.
    """

    @abstractmethod
    def solve(self, field: Dynamics, start: Tensor, time: float) -> Tensor:
        """z(T) as the estimator computes it, (batch, dim), from z(0) = `start` and T = `time`.

        Differentiable by autograd through every step; in float64, whatever the dtype of the problem.
        """


class HasLogDensity(ABC):
    """Mixed into an estimator that trains continuous flows: it can be asked what it takes for log p(x).

    Gives the columns `reading_overstated` and `reading_misjudged` of a fit.
    """

    @abstractmethod
    def log_density(self, flow: Flow, x: Tensor, generator: torch.Generator) -> Tensor:
        """log p(x) under the flow, (..., dim) → (...), differentiable where the flow is."""


class HasLogDet(ABC):
    """Mixed into an estimator of `log_det`: it can train residual flows.

    Gives the columns `reading_overstated` and `reading_misjudged` of a fit.
    """

    @abstractmethod
    def log_det(self, block: Block, generator: torch.Generator) -> Tensor:
        """log|det(I + J)| at the block's points, (..., dim) → (...), differentiable where the block is.

        Leading dimensions before that of the points are runs side by side: their estimates are independent.
        """
