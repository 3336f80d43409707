"""Objectives as modules, quantisers without anything internal."""

from dataclasses import dataclass

import torch

from estibench_discrete import VQ, Objective, VectorQuantiser
from estibench_discrete.vq_straight_through import VQStraightThrough


def module():
    generator = torch.Generator().manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Flatten(-2), torch.nn.Linear(6, 1), torch.nn.Dropout(0.5), torch.nn.Flatten(-2))
    with torch.no_grad():
        net[1].weight.copy_(torch.randn(1, 6, generator=generator))
        net[1].bias.zero_()
    return net


def test_a_module_is_a_constant_function():
    """f(z) = wᵀz: its gradient is w, nothing of it wants gradients, and the module stays in training mode."""
    net = module()
    objective = Objective(net, torch.float64)
    z = torch.rand(5, 4, 2, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    w = net[1].weight.detach().double().reshape(2, 3)
    torch.testing.assert_close(objective.value(z), (z * w).sum((-2, -1)))
    gradient, value = objective.gradient_and_value(z)
    torch.testing.assert_close(gradient, w.expand(5, 4, 2, 3))
    assert not any(found.requires_grad for found in (gradient, value, objective.value(z)))
    assert net.training
    assert net[1].weight.dtype == torch.float32
    assert net[1].weight.requires_grad
    assert net[1].weight.grad is None


@dataclass(frozen=True)
class Copied(VectorQuantiser):
    """Straight-through, in the two words that the contract asks for."""

    loss = "reconstruction"

    def with_codes(self, problem, z):
        return problem.slope_at(z @ problem.codebook)


def test_a_quantiser_needs_no_terms():
    problem = VQ(codes=4, batch=3)
    problem.prepare()
    ours, theirs = (
        cls(assignment="sampled").estimate(problem, torch.Generator().manual_seed(0))
        for cls in (VQStraightThrough, Copied)
    )
    torch.testing.assert_close(theirs, ours, rtol=0, atol=0)
    assert Copied.claims == ()
    assert {type(claim).__name__ for claim in VQStraightThrough.claims} == {"Bias", "Variance", "Cost"}
