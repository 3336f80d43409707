"""torchdyn (Poli, Massaroli and others): gradients of neural ODEs, log-densities of continuous flows."""

from __future__ import annotations

from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

from estibench import Bias, Deterministic, Estimator, PositiveFloat
from estibench_flow import CountedField, FlowProblem, HasNoiselessTwin, OdeProblem
from estibench_peers.neural_field import NeuralField, gradient, times
from estibench_peers.noiseless_twin import twin_bias
from estibench_peers.optional import library
from estibench_peers.parameters import Times
from estibench_peers.seeds import random_kept, torch_seeded

INSTALL = ("torchdyn", "torchcde", "torchsde", "trampoline", "pytorch-lightning", "lightning-utilities", "torchmetrics")
Sensitivity = Literal["autograd", "adjoint", "interpolated_adjoint"]


class _Field(nn.Module):
    """A field in torchdyn's signature."""

    def __init__(self, field: NeuralField) -> None:
        super().__init__()
        self.field = field

    def forward(self, t: Tensor, x: Tensor, args: object = None) -> Tensor:
        return self.field(t, x)


@dataclass(frozen=True)
class TorchdynNeuralODE(Estimator):
    """`NeuralODE(vector_field, sensitivity=…)(x, t_span)`, tsit5.

    Documentation (torchdyn.core.NeuralODE): "sensitivity: Sensitivity method ['autograd', 'adjoint',
    'interpolated_adjoint']. Defaults to 'autograd'"; (ODEProblem): it computes "gradients w.r.t different quantities".

    Parameters:
        sensitivity: the library's.
        tolerance: atol and rtol, forwards and of the adjoint; None for the library's defaults, 1e-3 and 1e-4.
        points: how many times t_span has; the loss is of the last.
    """

    sensitivity: Sensitivity = "autograd"
    tolerance: PositiveFloat | None = None
    points: Times = 2

    claims = (Deterministic(),)
    citation = "torchdyn; Poli et al., TorchDyn: a neural differential equations library, 2020."

    def estimate(self, problem: OdeProblem, generator: torch.Generator) -> Tensor:
        """(batch · dim + p,)."""
        with library(*INSTALL), random_kept():
            from torchdyn.core import NeuralODE
        field = NeuralField(problem)
        names = ("atol", "rtol", "atol_adjoint", "rtol_adjoint")
        tolerances = {} if self.tolerance is None else dict.fromkeys(names, self.tolerance)
        model = NeuralODE(_Field(field), sensitivity=self.sensitivity, return_t_eval=False, **tolerances)
        return gradient(problem, field, lambda z: model(z, times(problem, self.points))[-1])


class _Net(nn.Module):
    """A field in the signature of torchdyn's CNF, which gives the time as an attribute, and backwards if asked."""

    def __init__(self, field: CountedField) -> None:
        super().__init__()
        self.t: Tensor | None = None
        self._field = field

    def forward(self, x: Tensor) -> Tensor:
        assert self.t is not None
        return self._field(self.t, x)


@dataclass(frozen=True)
class TorchdynCNF(HasNoiselessTwin, Estimator):
    """`NeuralODE(CNF(net, trace_estimator=…))` on (0, x), tsit5.

    Documentation (torchdyn.models.CNF): "trace_estimator: specifies the strategy to obtain Jacobian traces. Options:
    (autograd_trace, hutch_trace)": "Standard brute-force means of obtaining trace of the Jacobian, O(d) calls to
    autograd", and "Hutchinson's trace Jacobian estimator, O(1) call to autograd", which is unbiased for it.

    Bridge: the state is (ℓ, z) with ℓ' = −tr ∂f/∂z from 0, hence log p(x) = log p_T(z(T)) − ℓ(T), as in the library's
    tutorials. The noise, `MultivariateNormal(0, I)` as in them, is from torch's global generator, which is seeded for
    the time of a call. The time reaches the field as an attribute `t`, which the library sets.

    Parameters:
        trace: autograd or hutch.
        tolerance: atol and rtol; None for the library's default, 1e-3.
    """

    trace: Literal["autograd", "hutch"] = "autograd"
    tolerance: PositiveFloat | None = None

    claims = (
        Deterministic(when=lambda problem, estimator: estimator.trace == "autograd", given="the trace is exact"),
        Bias(
            twin_bias,
            "that of the exact trace",
            when=lambda problem, estimator: estimator.trace == "hutch",
            given="the trace is estimated",
        ),
    )
    citation = "torchdyn.models.CNF; Grathwohl et al., FFJORD, ICLR 2019."

    @property
    def noiseless(self) -> TorchdynCNF:
        return replace(self, trace="autograd")

    def estimate(self, problem: FlowProblem, generator: torch.Generator) -> Tensor:
        """(batch,)."""
        with library(*INSTALL), random_kept():
            from torchdyn.core import NeuralODE
            from torchdyn.models import CNF, autograd_trace, hutch_trace
        x = problem.points
        noise = None
        if self.trace == "hutch":
            noise = MultivariateNormal(torch.zeros_like(x[0]), torch.eye(problem.dim, dtype=x.dtype, device=x.device))
        estimator = hutch_trace if self.trace == "hutch" else autograd_trace
        field = CNF(_Net(CountedField(problem.flow.dynamics)), trace_estimator=estimator, noise_dist=noise)
        tolerances = {} if self.tolerance is None else {"atol": self.tolerance, "rtol": self.tolerance}
        with redirect_stdout(None):  # it says in print that it wraps the field
            model = NeuralODE(field, return_t_eval=False, **tolerances)
        span = torch.linspace(0, problem.time, 2, dtype=x.dtype, device=x.device)
        with torch_seeded(generator):
            final = model(torch.cat([torch.zeros_like(x[:, :1]), x], 1), span)[-1].detach()
        return problem.log_prior(final[:, 1:]) - final[:, 0]
