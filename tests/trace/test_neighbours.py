"""Other libraries' words for a matrix, and a module as a field: products of a dense matrix, counted alike."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pytest
import scipy.sparse
import torch
from scipy.sparse.linalg import LinearOperator, aslinearoperator
from torch import nn

from estibench import Unsupported, counting
from estibench_trace import DivergenceProblem, MatrixProblem, as_operator

A = torch.randn(5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
V = torch.randn(3, 1, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


class Curvature:
    """The words of curvlinops: a shape, a device and a dtype, `@`, and `adjoint()`."""

    shape, device, dtype = (5, 5), torch.device("cpu"), torch.float64

    def __init__(self, matrix):
        self.matrix = matrix

    def __matmul__(self, columns):
        return self.matrix @ columns

    def adjoint(self):
        return Curvature(self.matrix.T)


class Bare:
    """A shape, `@` and `T`."""

    shape = (5, 5)

    def __init__(self, matrix):
        self.matrix = matrix

    def __matmul__(self, columns):
        return self.matrix @ columns

    @property
    def T(self):
        return Bare(self.matrix.T)


def by_vectors(matrix):
    """SciPy's operator from functions of one vector."""
    return LinearOperator((5, 5), matvec=lambda v: matrix @ v, rmatvec=lambda v: matrix.T @ v, dtype=np.float64)


FOREIGN = {
    "dense tensor": A,
    "COO tensor": A.to_sparse(),
    "CSR tensor": A.to_sparse_csr(),
    "numpy": A.numpy(),
    "CSR array": scipy.sparse.csr_array(A.numpy()),
    "COO matrix": scipy.sparse.coo_matrix(A.numpy()),
    "LinearOperator": aslinearoperator(A.numpy()),
    "functions of a vector": by_vectors(A.numpy()),
    "curvlinops": Curvature(A),
    "bare": Bare(A),
}


@pytest.mark.parametrize("matrix", FOREIGN.values(), ids=FOREIGN.keys())
def test_products_are_those_of_the_dense_matrix(matrix):
    """A is not symmetric, so that a transpose in the wrong place would show."""
    operator = as_operator(matrix)
    assert (operator.batch, operator.dim) == (1, 5)
    with counting() as counts:
        torch.testing.assert_close(operator.matvec(V), V @ A.T)
        torch.testing.assert_close(operator.rmatvec(V), V @ A)
    assert counts == {"matvec": 6}
    assert as_operator(operator) is operator


@pytest.mark.parametrize("name", ["CSR tensor", "CSR array", "LinearOperator", "curvlinops"])
def test_a_matrix_in_float64_serves_float32(name):
    operator = as_operator(FOREIGN[name])
    product = operator.rmatvec(V.float())
    assert product.dtype == torch.float32
    torch.testing.assert_close(product.double(), V @ A, rtol=1e-5, atol=1e-5)


def test_an_operator_without_a_transpose_is_unsupported_only_where_one_is_needed():
    forwards = LinearOperator((5, 5), matvec=lambda v: A.numpy() @ v, dtype=np.float64)
    operator = as_operator(forwards)
    torch.testing.assert_close(operator.matvec(V), V @ A.T)
    with pytest.raises(Unsupported, match="LinearOperator has no transpose"):
        operator.rmatvec(V)

    class Forwards:
        shape = (5, 5)

        def __matmul__(self, columns):
            return A @ columns

    with pytest.raises(Unsupported, match="Forwards has no transpose"):
        as_operator(Forwards()).rmatvec(V)


@dataclass(frozen=True, kw_only=True)
class Foreign(MatrixProblem):
    """The trace of a matrix of another library."""

    dim: int = 5
    word: str = "CSR array"

    @property
    def matrix(self):
        return FOREIGN[self.word]

    @property
    def truth(self):
        return A.trace()[None]

    @property
    def truth_source(self):
        return "closed form: the diagonal"


@pytest.mark.parametrize("word", FOREIGN)
def test_a_problem_of_any_word_is_estimated_exactly_and_knows_its_sums(build, word):
    problem = Foreign(word=word)
    for method in ("vjp", "jvp"):
        found = build("estimator", "exact", method=method).estimate(problem, torch.Generator())
        torch.testing.assert_close(found, problem.truth)
    torch.testing.assert_close(problem.sums.entries, A.square().sum()[None])
    for name in ("hutchinson", "hutchpp", "na_hutchpp", "xtrace"):
        parameters = {} if name == "hutchinson" else {"matvecs": 6}
        assert build("estimator", name, **parameters).estimate(problem, torch.Generator().manual_seed(0)).shape == (1,)


class Net(nn.Module):
    """x ↦ W₂ tanh(W₁ x) with dropout, in float32, as one trains it."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 4))

    def forward(self, x):
        return self.net(x)


NET = Net()


@dataclass(frozen=True, kw_only=True)
class ModuleField(DivergenceProblem):
    """The divergence of a network."""

    dim: int = 4
    batch: int = 3

    @property
    def field(self):
        return NET

    @cached_property
    def points(self):
        return self.place(torch.randn(self.batch, self.dim, generator=self.data_generator(), dtype=torch.float64))

    @cached_property
    def truth(self):
        exact = self.at("cpu", "float64")
        J = torch.func.vmap(torch.func.jacfwd(exact.placed_field))(exact.points)
        return J.diagonal(dim1=1, dim2=2).sum(1)

    @property
    def truth_source(self):
        return "float64, all entries"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_module_is_a_field_and_stays_as_it_is(build, dtype):
    """Dropout would make the field random, and float32 weights would not meet float64 points."""
    problem = ModuleField().at("cpu", dtype)
    assert not problem.truth.requires_grad
    for method in ("vjp", "jvp", "jacrev", "jacfwd"):
        found = build("estimator", "exact", method=method).estimate(problem, torch.Generator())
        torch.testing.assert_close(found.double(), problem.truth, rtol=1e-5, atol=1e-5)
    values = build("estimator", "hutchinson", probes=4).draws(problem, 8, torch.Generator().manual_seed(0))
    assert values.shape == (8, 3)
    assert NET.training
    assert all(one.requires_grad and one.grad is None and one.dtype == torch.float32 for one in NET.parameters())
