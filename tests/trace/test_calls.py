"""How many calls of torch an estimate by probes makes beside the field and its products: counts, never times."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture
def warm_calls(calls):
    """The same of a second call: what is made once is not the loop's."""

    def warm_calls(function):
        function()
        return calls(function)

    return warm_calls


def test_a_probe_costs_its_draw_and_its_sum(build, warm_calls):
    """Beside f and one VJP: five calls draw the signs, three take vᵀ(Jᵀv) and the mean, three hand over and back."""
    problem = build("problem", "field_jacobian", dim=6, batch=4, hidden=5)
    x = problem.points.clone().requires_grad_()
    v = torch.ones(4, 6, dtype=torch.float64)
    floor = warm_calls(lambda: torch.autograd.grad(problem.field(x), x, v))
    generator = torch.Generator().manual_seed(0)
    hutchinson = build("estimator", "hutchinson", probes=1)
    found = warm_calls(lambda: hutchinson.estimate(problem, generator))
    assert (found["mm"], found["tanh"], found["tanh_backward"]) == (floor["mm"], floor["tanh"], floor["tanh_backward"])
    assert sum((found - floor).values()) <= 13
    assert found["randint"] == 1


@pytest.mark.parametrize(("name", "most"), [("hutchpp", 53), ("xtrace", 110)])
def test_calls_do_not_grow_with_the_budget(build, warm_calls, name, most):
    """As many at 12 matvecs as at 60."""
    problem, generator = build("problem", "matrix", dim=64), torch.Generator().manual_seed(0)
    estimators = [build("estimator", name, matvecs=k) for k in (12, 60)]
    few, many = (warm_calls(lambda one=one: one.estimate(problem, generator)) for one in estimators)
    assert few == many
    assert sum(few.values()) <= most
