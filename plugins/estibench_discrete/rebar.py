"""REBAR: REINFORCE with the relaxed objective as control variate."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost, PositiveFloat, PositiveInt, Unbiased
from estibench_discrete.contract import Memoryless, Objective, is_gradient
from estibench_discrete.distribution import conditional_gumbels, gumbels, one_hot, softmax_vjp, tempered


@dataclass(frozen=True)
class Rebar(Memoryless):
    """(1/n) Σ_i [(f(b) − η f(ỹ)) ∇ log p(b) + η ∇_θ f(y) − η ∇_θ f(ỹ)], b, y, ỹ for each i:

    z = log p + g, b = one_hot(argmax z), y = softmax(z/τ), ỹ = softmax(z̃/τ) with z̃ ~ (z | b) drawn afresh.

    Unbiased for every η and τ: E f(ỹ) ∇ log p(b) + E ∇_θ f(ỹ) = ∇_θ E f(ỹ) = ∇_θ E f(y). It holds only if ∇_θ goes
    through z̃(θ) with b held fixed and through the normalised log p: its maximum, standard Gumbel, does not move.

    Parameters:
        tau: temperature of the relaxation.
        eta: η, the weight of the control variate. The paper trains both; here they are given.
        samples: n.

    Cost: 3n evaluations and 2n gradients.
    """

    tau: PositiveFloat = 0.5
    eta: float = 1.0
    samples: PositiveInt = 1

    claims = (
        Unbiased(when=lambda problem, estimator: is_gradient(problem), given="the gradient itself is wanted"),
        Cost("evaluation", lambda problem, estimator: 3 * estimator.samples * problem.calls, "3n for each gradient"),
    )
    citation = "Tucker et al., REBAR, NeurIPS 2017, eq. 5; categorical: Grathwohl et al., RELAX, ICLR 2018, appendix B."

    def gradient(self, objective: Objective, logits: Tensor, generator: torch.Generator) -> Tensor:
        log_p = torch.log_softmax(logits, -1)
        p = log_p.exp()
        z = log_p + gumbels((self.samples, *logits.shape), logits, generator)
        b = one_hot(z.argmax(-1), z)
        z_tilde, slope = (part[0] for part in conditional_gumbels(log_p, b, 1, generator))
        y, y_tilde = tempered(z, self.tau), tempered(z_tilde, self.tau)
        v, _ = objective.gradient_and_value(y)
        v_tilde, f_tilde = objective.gradient_and_value(y_tilde)
        advantage = objective.value(b) - self.eta * f_tilde
        free = softmax_vjp(y, v) / self.tau
        conditional = through_log_p(slope * softmax_vjp(y_tilde, v_tilde) / self.tau, p)
        return (advantage[..., None, None] * (b - p) + self.eta * (free - conditional)).mean(0)


def through_log_p(w: Tensor, p: Tensor) -> Tensor:
    """From the gradient w in log p to that in θ: w − p Σ w."""
    return w - p * w.sum(-1, keepdim=True)
