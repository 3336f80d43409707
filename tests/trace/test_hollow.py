"""Hollow fields: their closed form, one VJP, and a conditioner that leaks."""

from dataclasses import dataclass
from functools import cached_property

import pytest
import torch

from estibench import Unsupported, counting
from estibench.testing.case import Case, Effort
from estibench.testing.cell import measure_case
from estibench_trace.hollow import Hollow
from estibench_trace.hollow_jacobian import HollowJacobian


@pytest.mark.parametrize("dim", [1, 7])
def test_the_truth_is_the_trace_of_the_whole_jacobian_and_the_rest_is_hollow(build, dim):
    problem = build("problem", "hollow_jacobian", dim=dim, batch=3, hidden=5)
    J = torch.func.vmap(torch.func.jacrev(problem.field))(problem.points)
    torch.testing.assert_close(problem.truth, J.diagonal(dim1=1, dim2=2).sum(1))
    told = torch.func.vmap(torch.func.jacrev(problem.split.conditioner))(problem.points)  # (batch, i, context, j)
    assert (told.diagonal(dim1=1, dim2=3) == 0).all()
    assert dim == 1 or (told != 0).any()


def test_one_vjp_is_exact(build):
    problem = build("problem", "hollow_jacobian", dim=9, batch=3)
    with counting() as counts:
        found = Hollow().estimate(problem, torch.Generator())
    torch.testing.assert_close(found, problem.truth, rtol=1e-12, atol=1e-12)
    assert counts == {"evaluation": 1, "matvec": 1, "vjp": 1}


@dataclass(frozen=True, kw_only=True)
class Leaky(HollowJacobian):
    """Tells every coordinate of itself too. Truth: the whole Jacobian's."""

    @cached_property
    def _weights(self):
        W, *others = super()._weights
        return W + torch.eye(self.dim, dtype=torch.float64), *others

    @cached_property
    def truth(self):
        exact = self.at("cpu", "float64")
        J = torch.func.vmap(torch.func.jacrev(exact.field))(exact.points)
        return J.diagonal(dim1=1, dim2=2).sum(1)


@pytest.mark.parametrize(("kind", "verdict"), [(HollowJacobian, "supported"), (Leaky, "refuted")])
def test_a_conditioner_that_leaks_is_a_refuted_claim(kind, verdict):
    row = measure_case(Case(Hollow(), kind(dim=6, batch=2), Effort(10, 60.0, 0), "matvec"))
    assert {claim["claim"]: claim["verdict"] for claim in row["claims"]}["exact"] == verdict


def test_other_fields_say_that_they_do_not_split(build):
    with pytest.raises(Unsupported, match="does not say how its Jacobian splits"):
        Hollow().estimate(build("problem", "field_jacobian", dim=4), torch.Generator())
