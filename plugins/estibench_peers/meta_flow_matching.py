"""flow_matching (Lipman and others; Meta): log-likelihoods under a velocity."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from estibench import Bias, Deterministic, Estimator, PositiveInt, Unsupported
from estibench_flow import CountedField, FlowProblem, HasNoiselessTwin
from estibench_peers.optional import library
from estibench_peers.seeds import torch_seeded

INSTALL = ("flow-matching",)


def euler(problem: FlowProblem, steps: int) -> Tensor:
    """log p_T(z) + ∫ tr ∂f/∂z dt, both by Euler's method and an exact trace, less the truth: (batch,), float64."""
    exact = problem.at("cpu", "float64")
    f, z, total = exact.flow.dynamics, exact.points, exact.points.new_zeros(exact.batch)
    h = exact.time / steps
    for step in range(steps):
        t = torch.tensor(step * h, dtype=torch.float64)
        J = torch.func.vmap(torch.func.jacrev(lambda point: f(t, point[None])[0]))(z)  # noqa: B023 - used in this round
        total = total + h * J.diagonal(dim1=-2, dim2=-1).sum(-1)
        z = z + h * f(t, z)
    return exact.log_prior(z) + total - problem.truth


@dataclass(frozen=True)
class FlowMatchingLikelihood(HasNoiselessTwin, Estimator):
    """`ODESolver(velocity_model).compute_likelihood(x_1, log_p0, step_size, exact_divergence=…)`, Euler's method.

    Documentation (flow_matching.solver.ODESolver.compute_likelihood): "solves the ODE in reverse to compute the
    log-likelihood. The velocity model must be differentiable with respect to x"; "method: […] Defaults to "euler"";
    "exact_divergence: Whether to compute the exact divergence or use the Hutchinson estimator."

    Bridge: the library's time runs from noise, t = 0, to data, t = 1, the problem's from data to noise over T, so the
    velocity is u(x, t) = −T f(T(1 − t), x), and log_p0 the problem's prior. Probes are from torch's global generator,
    which is seeded for the time of a call; they are float32, and with float64 points the library raises. The exact
    divergence is for vectors: for x_1 of more axes it raises too.

    Parameters:
        exact_divergence: the library's; its default is False.
        steps: step_size = 1/steps.
    """

    exact_divergence: bool = False
    steps: PositiveInt = 16

    claims = (
        Deterministic(when=lambda problem, estimator: estimator.exact_divergence, given="the divergence is exact"),
        Bias(lambda problem, estimator: euler(problem, estimator.steps), "that of Euler's method with exact traces"),
    )
    citation = "flow_matching; Lipman et al., Flow matching guide and code, 2024."

    @property
    def noiseless(self) -> FlowMatchingLikelihood:
        return replace(self, exact_divergence=True)

    def estimate(self, problem: FlowProblem, generator: torch.Generator) -> Tensor:
        """(batch,)."""
        with library(*INSTALL):
            from flow_matching.solver import ODESolver
        if not self.exact_divergence and problem.torch_dtype != torch.float32:
            raise Unsupported("the library's probes are float32, whatever x is: it raises for any other dtype")
        field, T = CountedField(problem.flow.dynamics), problem.time
        solver = ODESolver(velocity_model=lambda x, t: -T * field(T * (1 - t), x))
        with torch_seeded(generator):
            _, log_likelihood = solver.compute_likelihood(
                x_1=problem.points.clone(),  # it sets requires_grad on what it is given
                log_p0=problem.log_prior,
                step_size=1 / self.steps,
                exact_divergence=self.exact_divergence,
                time_grid=torch.tensor([1.0, 0.0], dtype=problem.torch_dtype, device=problem.device),
            )
        return log_likelihood.detach()
