"""The exact gradient: the sum over all states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from estibench import Cost, Exact, Unsupported
from estibench_discrete.contract import MOST_STATES, DiscreteProblem, Memoryless, Objective, is_gradient
from estibench_discrete.reference import at_all_states, marginals, state_probabilities


def number_of_states(problem: DiscreteProblem, estimator: Enumeration) -> int:
    """K^L evaluations for each gradient."""
    return problem.states * problem.calls


@dataclass(frozen=True)
class Enumeration(Memoryless):
    """∇_θl E f(z) = Σ_z p(z) (f(z) − E f) (z_l − p_l), over the K^L states; for L = 1 this is J(p) [f(e_k)]_k.

    Subtracting E f changes nothing exactly, since E z = p, and keeps digits where f has a large constant part.

    Cost: K^L evaluations, some states at a time; at most 16384.
    """

    claims = (
        Exact(when=lambda problem, estimator: is_gradient(problem), given="the gradient itself is wanted"),
        Cost(
            "evaluation",
            number_of_states,
            "K^L for each gradient",
            when=lambda problem, estimator: problem.states <= MOST_STATES,
            given="the states can be summed",
        ),
    )
    citation = "Policy gradient theorem: Williams, Machine Learning 8, 1992."
    expected_failures: ClassVar = {
        "draws_vary[bernoulli_fit]": "training along exact gradients leaves nothing to chance, and not at the optimum",
    }

    def gradient(self, objective: Objective, logits: Tensor, generator: torch.Generator) -> Tensor:
        _, variables, values = logits.shape
        if values**variables > MOST_STATES:
            raise Unsupported(f"{values}^{variables} states are more than {MOST_STATES}")
        log_p = torch.log_softmax(logits, -1)
        weights = state_probabilities(log_p)
        f = at_all_states(objective.value, log_p, variables * values)
        weighted = weights * (f - (weights * f).sum(0))
        # The second term is 0 but for rounding.
        return marginals(weighted, variables, values) - log_p.exp() * weighted.sum(0)[:, None, None]
