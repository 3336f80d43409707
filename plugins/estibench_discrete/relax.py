"""RELAX: REINFORCE with a learnt control variate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from estibench import Adam, Cost, PositiveFloat, PositiveInt, Unbiased
from estibench_discrete.contract import DiscreteEstimator, Objective, State, is_gradient
from estibench_discrete.differentiate import gradients
from estibench_discrete.distribution import conditional_gumbels, gumbels, one_hot, softmax_vjp, tempered
from estibench_discrete.rebar import through_log_p

Drawn = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]  # f, b, y, ỹ, the slope of z̃, and the size of f


@dataclass(frozen=True)
class Relax(DiscreteEstimator):
    """Mean over n samples in turn of (f(b) − c(ỹ)) ∇ log p(b) + ∇_θ c(y) − ∇_θ c(ỹ), with b, y, ỹ as in REBAR.

    c is the size of the first f times a network of one hidden layer. After each sample it takes a step of Adam on ‖ĝ‖²,
    whose mean is the variance and a constant. A sample meets a c that was fitted to earlier ones only: each term is
    unbiased, and so is their mean. f is only evaluated, never differentiated.

    Parameters:
        samples: n.
        hidden: width of the network.
        rate: of Adam.
        tau: temperature of the relaxation that c sees.

    Cost: n evaluations.
    """

    samples: PositiveInt = 16
    hidden: PositiveInt = 8
    rate: PositiveFloat = 0.05
    tau: PositiveFloat = 0.5

    claims = (
        Unbiased(when=lambda problem, estimator: is_gradient(problem), given="the gradient itself is wanted"),
        Cost("evaluation", lambda problem, estimator: estimator.samples * problem.calls, "n for each gradient"),
    )
    citation = "Grathwohl et al., Backpropagation through the void, ICLR 2018, Algorithm 1 and appendix B."

    def begin(self, logits: Tensor, generator: torch.Generator) -> State:
        """The network's four weights, Adam's averages of each, its steps, and the size of f, 0 until there is one."""
        size = logits.shape[-2] * logits.shape[-1]
        like: dict[str, Any] = {"dtype": logits.dtype, "device": logits.device}
        W = torch.randn(self.hidden, size, generator=generator, **like)
        weights = (W, torch.zeros(self.hidden, **like), torch.zeros(self.hidden, **like), torch.zeros(1, **like))
        nothing = torch.zeros((), **like)
        return (*weights, *map(torch.zeros_like, weights * 2), nothing, nothing)

    def step(
        self, objective: Objective, logits: Tensor, state: State, generator: torch.Generator
    ) -> tuple[Tensor, State]:
        log_p = torch.log_softmax(logits, -1)
        p, total = log_p.exp(), torch.zeros_like(logits)
        weights, optimiser, scale = state[:4], Adam(self.rate, state[4:8], state[8:12], state[12]), state[13]
        for _ in range(self.samples):
            z = log_p + gumbels((1, *logits.shape), logits, generator)
            b = one_hot(z.argmax(-1), z)
            z_tilde, slope = (part[0] for part in conditional_gumbels(log_p, b, 1, generator))
            f, y, y_tilde = objective.value(b), tempered(z, self.tau), tempered(z_tilde, self.tau)

            def loss(weights: State, drawn: Drawn = (f, b, y, y_tilde, slope, scale)) -> tuple[Tensor, Tensor]:
                estimate = self._estimate(weights, drawn, p)
                return estimate.square().sum(), estimate

            descent, estimate = gradients(loss, weights)
            weights, optimiser = optimiser.step(weights, descent)
            scale = torch.where(scale > 0, scale, f.abs().mean())
            total = total + estimate
        after = (*weights, *optimiser.mean, *optimiser.square, torch.as_tensor(optimiser.steps), scale)
        return total / self.samples, after

    def _estimate(self, weights: State, drawn: Drawn, p: Tensor) -> Tensor:
        f, b, y, y_tilde, slope, scale = drawn
        v, _ = _network(weights, y)
        v_tilde, c_tilde = _network(weights, y_tilde)
        free = softmax_vjp(y, v) / self.tau
        conditional = through_log_p(slope * softmax_vjp(y_tilde, v_tilde) / self.tau, p)
        return ((f - scale * c_tilde)[..., None, None] * (b - p) + scale * (free - conditional))[0]


def _network(weights: State, y: Tensor) -> tuple[Tensor, Tensor]:
    """∇c(y), like y, and c(y) = wᵀ tanh(W y + a) + c₀, (n, batch)."""
    W, a, w, constant = weights
    h = torch.tanh(torch.nn.functional.linear(y.flatten(-2), W, a))
    gradient = (w * (1 - h.square())) @ W
    return gradient.unflatten(-1, y.shape[-2:]), h @ w + constant
