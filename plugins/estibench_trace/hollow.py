"""The exact divergence of a field that splits, from one backward pass."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost, Estimator, Exact, ScalesAs, Unsupported, count
from estibench_trace.contract import DivergenceProblem


@dataclass(frozen=True)
class Hollow(Estimator):
    """div f = Σ_i ∂τ_i(x_i, h_i)/∂x_i at fixed h = h(x): the gradient of Σ_i τ_i in x, summed.

    f_i(x) = τ_i(x_i, h_i), and h_i does not depend on x_i: the Jacobian is the diagonal of ∂τ_i/∂x_i plus a hollow
    matrix, whose diagonal is 0. With h cut off from x, Σ_i τ_i has the diagonal as its gradient. A conditioner that
    lets x_i into h_i makes the value wrong, and refutes *exact*.

    Cost: one evaluation and one VJP, whatever the dimension; fields that do not say how they split are *unsupported*.
    """

    claims = (
        Exact(),
        Cost("matvec", lambda problem, estimator: 1, "1"),
        Cost("evaluation", lambda problem, estimator: 1, "1"),
        ScalesAs("cost_matvec", "problem_dim", 0),
    )
    citation = "Chen and Duvenaud, Neural networks with cheap differential operators, NeurIPS 2019, equation 4."

    def estimate(self, problem: DivergenceProblem, generator: torch.Generator) -> Tensor:
        """The divergences, (batch,); the generator is not used."""
        split = problem.split
        if split is None:
            raise Unsupported("the field does not say how its Jacobian splits into a diagonal and a hollow part")
        x = problem.leaf
        h = split.conditioner(x.detach())
        with torch.enable_grad():
            total = split.transformer(x.view_as(x), h).sum()
        count("evaluation")
        count("matvec")
        count("vjp")
        return torch.autograd.grad(total, x)[0].sum(-1)
