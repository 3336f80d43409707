"""Log-densities of continuous normalizing flows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from estibench import Bias, Cost, Deterministic, NonNegativeInt, ScalesAs, Variance
from estibench_flow.cnf_theory import solver_bias, trace_variance
from estibench_flow.flow import Flow, log_densities
from estibench_flow.flow_estimator import FlowEstimator
from estibench_flow.flow_problem import FlowProblem
from estibench_flow.solvers import IMPLICIT, REVERSIBLE, SolverParameters, worst_point
from estibench_flow.traces import ExactTrace, HutchinsonTrace, TraceMethod, TraceName


def _density(problem: Any, estimator: Cnf) -> bool:
    return isinstance(problem, FlowProblem)


def _fixed(problem: Any, estimator: Cnf) -> bool:
    return _density(problem, estimator) and estimator.scheme.fixed


def _independent(problem: Any, estimator: Cnf) -> bool:
    return _fixed(problem, estimator) and estimator.trace != "exact"


def _noisy(problem: Any, estimator: Cnf) -> bool:
    return _independent(problem, estimator) and not problem.skew


def _noiseless(problem: Any, estimator: Cnf) -> bool:
    return _density(problem, estimator) and estimator.trace == "exact"


def _variance(problem: FlowProblem, estimator: Cnf) -> Tensor | float | None:
    return trace_variance(problem, estimator.scheme, estimator.trace, estimator.probes, estimator.redraw)


def _vjps(problem: FlowProblem, estimator: Cnf) -> int:
    """One per probe and evaluation; m for an exact trace."""
    return estimator.scheme.evaluations * (problem.dim if estimator.trace == "exact" else estimator.probes)


@dataclass(frozen=True)
class Cnf(SolverParameters, FlowEstimator):
    """log p(x) = log p_T(z(T)) + ∫₀ᵀ tr ∂f/∂z dt, both integrals by one solver. With a Hutchinson trace this is FFJORD:

        ∫₀ᵀ tr J dt ≈ (1/k) Σ_j ∫₀ᵀ v_jᵀ J v_j dt,   E[vvᵀ] = I,

    unbiased for what the solver makes of the exact trace. With probes fixed over the solve its variance is Hutchinson's
    for S = sym ∫ J dt: none for skew J.

    Parameters:
        trace: exact, or the noise of Hutchinson's probes: rademacher, gaussian.
        probes: k, for every point; 0 with the exact trace.
        redraw: new probes at every evaluation. Fixed steps then average more noise; an adaptive solver meets a field
            without derivatives and takes ever smaller steps.
        gradient: in training, backprop through the steps, or the continuous adjoint by the same solver, which is not
            the gradient of the steps. No effect on a log-density.
        error_norm: what an adaptive solver keeps below its tolerance: the root mean square over the whole `batch`, as
            torchdiffeq does, in which a bad point may hide, or that of the `worst` point.

    Cost: m or k VJPs per evaluation. Error bar: the standard error over k ≥ 2 probes, without the solver's error; 0
    for an exact trace.
    """

    trace: TraceName = "exact"
    probes: NonNegativeInt = 0
    redraw: bool = False
    error_norm: Literal["batch", "worst"] = "batch"
    gradient: Literal["backprop", "adjoint"] = "backprop"

    claims = (
        Deterministic(when=_noiseless, given="the trace is exact"),
        Bias(solver_bias, "that of the solver with an exact trace", when=_independent, given="steps are fixed"),
        Variance(_variance, "Hutchinson's for sym ∫ J dt", when=_fixed, given="steps are fixed"),
        ScalesAs("variance", "estimator_probes", -1, when=_noisy, given="steps are fixed and J is not skew"),
        Cost("nfe", lambda problem, estimator: estimator.scheme.evaluations, "stages · steps", when=_fixed),
        Cost("vjp", _vjps, "m or k for each evaluation", when=_fixed, given="steps are fixed"),
        ScalesAs(
            *("cost_vjp", "problem_dim", 1),
            when=lambda problem, estimator: _fixed(problem, estimator) and estimator.trace == "exact",
            given="steps are fixed and the trace is exact",
        ),
        ScalesAs("cost_vjp", "problem_dim", 0, when=_independent, given="steps are fixed and the trace is estimated"),
    )
    citation = "Chen et al., NeurIPS 2018 (exact trace); Grathwohl et al., FFJORD, ICLR 2019, section 3.1."

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.solver in (*REVERSIBLE, *IMPLICIT):
            raise ValueError(f"{self.solver} is for gradients; heun is its cousin here")
        if self.trace == "exact" and (self.probes or self.redraw):
            raise ValueError("an exact trace has no probes: leave out probes and redraw")
        if self.trace != "exact" and not self.probes:
            raise ValueError(f"a trace with {self.trace} noise needs at least one of probes")
        if self.gradient == "adjoint" and self.redraw:
            raise ValueError("an adjoint solve needs the probes of the solve before it: leave out redraw")
        if self.error_norm == "worst" and self.scheme.fixed:
            raise ValueError(f"an error norm steers adaptive steps, which {self.solver} has not")

    @property
    def noiseless(self) -> Cnf:
        return replace(self, trace="exact", probes=0, redraw=False)

    @property
    def fixed(self) -> bool:
        return self.scheme.fixed

    def values(self, flow: Flow, x: Tensor, n: int, generator: torch.Generator) -> Tensor:
        """log p(x) by each probe: x (..., m) → (n, k, ...)."""
        trace: TraceMethod
        if self.trace == "exact":
            trace = ExactTrace(x)
        else:
            trace = HutchinsonTrace.start(x, n * self.probes, self.trace, self.redraw, generator)
        norm = worst_point if self.error_norm == "worst" else None
        adjoint = self.gradient == "adjoint"
        columns = log_densities(flow, x, trace, self.scheme, norm, adjoint).movedim(-1, 0)
        if self.trace == "exact":
            return columns.expand(n, *columns.shape)
        return columns.unflatten(0, (n, self.probes))
