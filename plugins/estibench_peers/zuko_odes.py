"""zuko (Rozet and others): gradients through its `odeint`, log-densities by its free-form Jacobian transform."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from estibench import Bias, Deterministic, Estimator, PositiveFloat, count
from estibench_flow import CountedField, FlowProblem, HasNoiselessTwin, OdeProblem
from estibench_peers.neural_field import NeuralField, gradient
from estibench_peers.noiseless_twin import twin_bias
from estibench_peers.optional import library
from estibench_peers.seeds import torch_seeded

INSTALL = ("zuko",)


@dataclass(frozen=True)
class ZukoOdeint(Estimator):
    """`zuko.utils.odeint(f, x, t0, t1, phi, atol, rtol)`, Dormand–Prince.

    Documentation (zuko.utils.odeint): "Gradients are propagated through x0, t0, t1 and φ via the adaptive checkpoint
    adjoint (ACA) method", which of the paper is the gradient of the steps as they were taken.

    Parameters:
        atol, rtol: the library's, with its defaults.
    """

    atol: PositiveFloat = 1e-6
    rtol: PositiveFloat = 1e-5

    claims = (Deterministic(),)
    citation = "zuko.utils.odeint; Zhuang et al., ICML 2020 (ACA)."

    def estimate(self, problem: OdeProblem, generator: torch.Generator) -> Tensor:
        """(batch · dim + p,)."""
        with library(*INSTALL):
            from zuko.utils import odeint
        field = NeuralField(problem)
        return gradient(
            problem,
            field,
            lambda z: odeint(field, z, 0.0, problem.time, field.parameters(), self.atol, self.rtol),
        )


@dataclass(frozen=True)
class ZukoFreeForm(HasNoiselessTwin, Estimator):
    """`FreeFormJacobianTransform(f, t0, t1, atol=, rtol=, exact=).call_and_ladj(x)`.

    Documentation (zuko.transforms.FreeFormJacobianTransform): "exact: Whether the exact log-determinant of the Jacobian
    or an unbiased stochastic estimate thereof is calculated." So exact=False is unbiased for what exact=True gives.

    Bridge: the transform goes the problem's way, x at t = 0 to z at T, so that log p(x) = log p_T(z) + ladj. Noise is
    from torch's global generator, which is seeded for the time of a call. Each evaluation counts m VJPs, or one.

    Parameters:
        exact, atol, rtol: the library's, with its defaults.
    """

    exact: bool = True
    atol: PositiveFloat = 1e-6
    rtol: PositiveFloat = 1e-5

    claims = (
        Deterministic(when=lambda problem, estimator: estimator.exact, given="exact is True"),
        Bias(
            twin_bias,
            "that of exact=True",
            when=lambda problem, estimator: not estimator.exact,
            given="exact is False",
        ),
    )
    citation = "zuko.transforms.FreeFormJacobianTransform; Grathwohl et al., FFJORD, ICLR 2019."

    @property
    def noiseless(self) -> ZukoFreeForm:
        return replace(self, exact=True)

    def estimate(self, problem: FlowProblem, generator: torch.Generator) -> Tensor:
        """(batch,)."""
        with library(*INSTALL):
            from zuko.transforms import FreeFormJacobianTransform
        counted = CountedField(problem.flow.dynamics, count_vjps=False)

        def f(t: Tensor, z: Tensor) -> Tensor:
            count("vjp", problem.dim if self.exact else 1)
            return counted(t, z)

        transform = FreeFormJacobianTransform(f, 0.0, problem.time, atol=self.atol, rtol=self.rtol, exact=self.exact)
        with torch_seeded(generator), torch.no_grad():
            z, ladj = transform.call_and_ladj(problem.points)
        return problem.log_prior(z) + ladj
