"""Every problem's truth against the trace of its dense matrix."""

import pytest
import torch

MATRICES = [
    ("matrix", {"spectrum": "flat"}),
    ("matrix", {"spectrum": "poly", "rate": 0.5}),
    ("matrix", {"spectrum": "poly", "rate": 1.5}),
    ("matrix", {"spectrum": "exp", "rate": 0.9}),
    ("matrix", {"spectrum": "step", "rate": 1e-8}),
    ("matrix", {"spectrum": "low_rank", "rate": 7.0}),
    ("matrix", {"spectrum": "identity", "rate": 2.5}),
    ("matrix", {"spectrum": "indefinite"}),
    ("structured_matrix", {"structure": "diagonal"}),
    ("structured_matrix", {"structure": "dominant"}),
    ("structured_matrix", {"structure": "skew"}),
    ("structured_matrix", {"structure": "triangular"}),
    ("structured_matrix", {"structure": "tridiagonal", "shift": 0.5}),
]
FIELDS = ["affine", "sylvester", "mlp", "skew_gradient", "radial"]


def dense(problem):
    """(batch, dim, dim), by products with unit vectors."""
    operator = problem.operator()
    unit = torch.eye(operator.dim, dtype=problem.torch_dtype)[:, None, :].expand(-1, operator.batch, -1)
    return operator.matvec(unit.contiguous()).permute(1, 2, 0)


@pytest.mark.parametrize(("name", "parameters"), MATRICES)
def test_matrix_truth_and_sums(build, name, parameters):
    problem = build("problem", name, dim=60, **parameters)
    A = dense(problem)[0]
    S = (A + A.T) / 2
    scale = problem.magnitude
    assert problem.truth.shape == (1,)
    assert abs(A.trace() - problem.truth[0]) < 1e-13 * scale
    torch.testing.assert_close(problem.sums.frobenius, S.square().sum()[None], rtol=1e-10, atol=1e-20)
    torch.testing.assert_close(problem.sums.entries, A.square().sum()[None], rtol=1e-10, atol=1e-20)
    torch.testing.assert_close(problem.sums.diagonal, A.diagonal().square().sum()[None], rtol=1e-10, atol=1e-20)
    if problem.psd:
        torch.testing.assert_close(A, A.T)
        assert torch.linalg.eigvalsh(A).min() > -1e-12


@pytest.mark.parametrize("spectrum", ["flat", "poly", "exp", "step", "low_rank", "indefinite"])
def test_matrix_has_its_spectrum_in_a_generic_basis(build, spectrum):
    problem = build("problem", "matrix", dim=60, spectrum=spectrum)
    A = dense(problem)[0]
    torch.testing.assert_close(torch.linalg.eigvalsh(A), problem.eigenvalues.sort().values, rtol=1e-9, atol=1e-12)
    assert (A - torch.diag(A.diagonal())).abs().max() > 1e-4


def test_named_spectra(build):
    assert build("problem", "matrix", dim=3, spectrum="flat").eigenvalues.tolist() == [1, 2, 3]
    assert build("problem", "matrix", dim=2, spectrum="poly", rate=1.0).eigenvalues.tolist() == [1, 0.5]
    assert build("problem", "matrix", dim=3, spectrum="exp", rate=0.5).eigenvalues.tolist() == [1, 0.5, 0.25]
    step = build("problem", "matrix", dim=60, spectrum="step", rate=0.1).eigenvalues
    assert (step[49], step[50]) == (1, 0.1)


@pytest.mark.parametrize("family", FIELDS)
@pytest.mark.parametrize("dim", [1, 6])
def test_field_truth_is_the_trace_of_the_jacobian(build, family, dim):
    problem = build("problem", "field_jacobian", family=family, dim=dim, batch=4, hidden=9)
    J = torch.func.vmap(torch.func.jacrev(problem.field))(problem.points)
    torch.testing.assert_close(problem.truth, J.diagonal(dim1=-2, dim2=-1).sum(-1), rtol=1e-10, atol=1e-12)
    S = (J + J.mT) / 2
    torch.testing.assert_close(problem.sums.frobenius, S.square().sum((-2, -1)))
    torch.testing.assert_close(problem.sums.trace, problem.truth, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("density", ["gaussian_mixture", "student_t", "funnel", "ica", "quartic"])
def test_score_truth_is_the_divergence_of_the_score(build, density):
    problem = build("problem", "score_jacobian", density={"name": density}, dim=4, batch=5)
    J = torch.func.vmap(torch.func.jacrev(problem.field))(problem.points)
    torch.testing.assert_close(problem.truth, J.diagonal(dim1=-2, dim2=-1).sum(-1))


def test_data_are_the_same_on_every_dtype_and_differ_by_seed(build):
    problem = build("problem", "field_jacobian", dim=5, batch=2)
    single = problem.at("cpu", "float32")
    assert single.points.dtype == torch.float32
    torch.testing.assert_close(single.points.double(), problem.points, rtol=1e-6, atol=1e-6)
    other = build("problem", "field_jacobian", dim=5, batch=2, seed=1)
    assert not torch.allclose(other.points, problem.points)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"spectrum": "flat", "rate": 1.0}, "flat spectrum has no rate"),
        ({"spectrum": "low_rank", "rate": 100.0, "dim": 10}, "rank 100 does not fit into dimension 10"),
    ],
)
def test_parameters_that_do_not_go_together(host, parameters, message):
    from estibench.host.components import ParameterError, make

    with pytest.raises(ParameterError, match=message):
        make(host, "problem", "matrix", parameters)
