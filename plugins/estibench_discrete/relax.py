"""RELAX: REINFORCE with a learnt control variate."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost, PositiveFloat, PositiveInt, Unbiased
from estibench_discrete.contract import DiscreteEstimator, Objective, State, is_gradient
from estibench_discrete.distribution import conditional_gumbels, gumbels, one_hot, softmax_vjp, tempered
from estibench_discrete.rebar import through_log_p


@dataclass(frozen=True)
class Relax(DiscreteEstimator):
    """Mean over n samples in turn of (f(b) − c(ỹ)) ∇ log p(b) + ∇_θ c(y) − ∇_θ c(ỹ), with b, y, ỹ as in REBAR.

    c is a network of one hidden layer. After each sample it takes a step of gradient descent on ‖ĝ‖², whose mean is
    the variance and a constant. A sample meets a c that was fitted to earlier ones only: each term is unbiased, and so
    is their mean. f is only evaluated, never differentiated.

    Parameters:
        samples: n.
        hidden: width of c.
        rate: step size of c's descent, relative to the size of ‖ĝ‖².
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
        """The weights of c, at random but for the last layer: c = 0 at first, which is REINFORCE."""
        size = logits.shape[-2] * logits.shape[-1]
        noise = torch.randn(self.hidden, size, generator=generator, dtype=logits.dtype, device=logits.device)
        nothing = torch.zeros(self.hidden, dtype=logits.dtype, device=logits.device)
        return noise, nothing, nothing, nothing[:1]

    def step(
        self, objective: Objective, logits: Tensor, state: State, generator: torch.Generator
    ) -> tuple[Tensor, State]:
        log_p = torch.log_softmax(logits, -1)
        p, total = log_p.exp(), torch.zeros_like(logits)
        for _ in range(self.samples):
            z = log_p + gumbels((1, *logits.shape), logits, generator)
            b = one_hot(z.argmax(-1), z)
            z_tilde, slope = (part[0] for part in conditional_gumbels(log_p, b, 1, generator))
            f, y, y_tilde = objective.value(b), tempered(z, self.tau), tempered(z_tilde, self.tau)

            def loss(weights: State, drawn: tuple[Tensor, ...] = (f, b, y, y_tilde, slope)) -> tuple[Tensor, Tensor]:
                estimate = self._estimate(weights, *drawn, p)
                return estimate.square().sum(), estimate

            # Relative to its own size, so that the rate means the same for every f.
            descent, estimate = torch.func.grad(loss, has_aux=True)(state)
            size = torch.stack([part.square().sum() for part in descent]).sum().sqrt() + torch.finfo(f.dtype).tiny
            scale = estimate.square().sum().sqrt() / size
            state = tuple(weight - self.rate * scale * part for weight, part in zip(state, descent, strict=True))
            total = total + estimate
        return total / self.samples, state

    def _estimate(
        self, weights: State, f: Tensor, b: Tensor, y: Tensor, y_tilde: Tensor, slope: Tensor, p: Tensor
    ) -> Tensor:
        v, _ = _network(weights, y)
        v_tilde, c_tilde = _network(weights, y_tilde)
        free = softmax_vjp(y, v) / self.tau
        conditional = through_log_p(slope * softmax_vjp(y_tilde, v_tilde) / self.tau, p)
        return ((f - c_tilde)[..., None, None] * (b - p) + free - conditional)[0]


def _network(weights: State, y: Tensor) -> tuple[Tensor, Tensor]:
    """∇c(y), like y, and c(y) = wᵀ tanh(W y + a) + c₀, (n, batch)."""
    W, a, w, constant = weights
    h = torch.tanh(torch.nn.functional.linear(y.flatten(-2), W, a))
    gradient = (w * (1 - h.square())) @ W
    return gradient.unflatten(-1, y.shape[-2:]), h @ w + constant
