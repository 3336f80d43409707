"""Operators against dense matrices."""

import pytest
import torch

from estibench import counting
from estibench_trace.operators import JacobianOperator, MatrixOperator


@pytest.fixture
def field_and_jacobian():
    generator = torch.Generator().manual_seed(0)
    W = torch.randn(5, 5, generator=generator, dtype=torch.float64)
    x = torch.randn(3, 5, generator=generator, dtype=torch.float64)

    def field(y):
        return torch.tanh(y @ W.T) + y.square()

    return field, x, torch.func.vmap(torch.func.jacrev(field))(x)


def test_jacobian_products_agree_with_the_dense_jacobian(field_and_jacobian):
    field, x, J = field_and_jacobian
    v = torch.randn(4, 3, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    operator = JacobianOperator(field, x)
    torch.testing.assert_close(operator.matvec(v), torch.einsum("bij,kbj->kbi", J, v))
    torch.testing.assert_close(operator.rmatvec(v), torch.einsum("bij,kbi->kbj", J, v))
    torch.testing.assert_close(operator.rmatvec(v[:1]), torch.einsum("bij,kbi->kbj", J, v[:1]))


def test_columns_are_the_same_products(field_and_jacobian):
    field, x, J = field_and_jacobian
    V = torch.randn(3, 5, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    operator = JacobianOperator(field, x)
    torch.testing.assert_close(operator.matmat(V), J @ V)
    torch.testing.assert_close(operator.rmatmat(V), J.mT @ V)


def test_matrix_products_distinguish_a_matrix_from_its_transpose():
    A = torch.arange(9.0).reshape(3, 3)
    v = torch.tensor([[[1.0, 0.0, 2.0]]])
    torch.testing.assert_close(MatrixOperator(A).matvec(v)[0, 0], A @ v[0, 0])
    torch.testing.assert_close(MatrixOperator(A).rmatvec(v)[0, 0], A.T @ v[0, 0])


def test_work_is_counted_per_call_and_one_forward_serves_all_vjps(field_and_jacobian):
    field, x, _ = field_and_jacobian
    with counting() as counts:
        operator = JacobianOperator(field, x)
        operator.rmatvec(torch.ones(4, 3, 5, dtype=torch.float64))
        operator.rmatvec(torch.ones(2, 3, 5, dtype=torch.float64))
    assert counts == {"matvec": 6, "vjp": 6, "evaluation": 1}
    with counting() as counts:
        JacobianOperator(field, x).matvec(torch.ones(4, 3, 5, dtype=torch.float64))
    assert counts == {"matvec": 4, "jvp": 4, "evaluation": 1}
