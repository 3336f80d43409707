"""XTrace and XNysTrace against their definitions, one test vector left out at a time."""

import pytest
import torch

from estibench_trace.noise import draw_probes


def xtrace_by_definition(A, Omega, resphere):
    m, s = Omega.shape
    terms = []
    for i in range(s):
        rest = [j for j in range(s) if j != i]
        Q, _ = torch.linalg.qr(A @ Omega[:, rest])
        u = Omega[:, i] - Q @ (Q.T @ Omega[:, i])
        factor = (m - s + 1) / u.square().sum() if resphere else 1.0
        terms.append((Q.T @ A @ Q).trace() + factor * (u @ A @ u))
    return torch.stack(terms)


def xnystrace_by_definition(A, Omega, resphere):
    m, k = Omega.shape
    terms = []
    for i in range(k):
        rest = [j for j in range(k) if j != i]
        Y = A @ Omega[:, rest]
        nystrom = Y @ torch.linalg.solve(Omega[:, rest].T @ Y, Y.T)
        omega = Omega[:, i]
        Q, _ = torch.linalg.qr(Omega[:, rest])
        factor = (m - k + 1) / (omega - Q @ (Q.T @ omega)).square().sum() if resphere else 1.0
        terms.append(nystrom.trace() + factor * (omega @ (A - nystrom) @ omega))
    return torch.stack(terms)


@pytest.mark.parametrize("resphere", [True, False])
@pytest.mark.parametrize("structure", ["symmetric", "nonsymmetric"])
def test_xtrace(build, resphere, structure):
    if structure == "symmetric":
        problem = build("problem", "matrix", spectrum="poly", rate=1.0, dim=20)
    else:
        problem = build("problem", "structured_matrix", structure="triangular", dim=20)
    estimator = build("estimator", "xtrace", matvecs=12, resphere=resphere)
    estimate, error = estimator.estimate_with_error(problem, torch.Generator().manual_seed(3))
    Omega = draw_probes("sphere", 6, 1, 20, torch.Generator().manual_seed(3), torch.float64)[:, 0].T
    A = problem.operator().matmat(torch.eye(20, dtype=torch.float64)[None])[0]
    terms = xtrace_by_definition(A, Omega, resphere)
    torch.testing.assert_close(estimate[0], terms.mean())
    torch.testing.assert_close(error[0], terms.std() / 6**0.5)


@pytest.mark.parametrize("resphere", [True, False])
def test_xnystrace(build, resphere):
    problem = build("problem", "matrix", spectrum="poly", rate=1.0, dim=20)
    estimator = build("estimator", "xnystrace", matvecs=6, resphere=resphere)
    estimate, error = estimator.estimate_with_error(problem, torch.Generator().manual_seed(3))
    Omega = draw_probes("sphere", 6, 1, 20, torch.Generator().manual_seed(3), torch.float64)[:, 0].T
    A = problem.operator().matmat(torch.eye(20, dtype=torch.float64)[None])[0]
    terms = xnystrace_by_definition(A, Omega, resphere)
    torch.testing.assert_close(estimate[0], terms.mean(), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(error[0], terms.std() / 6**0.5, rtol=1e-6, atol=1e-9)


def test_na_hutchpp_by_definition(build):
    problem = build("problem", "structured_matrix", structure="triangular", dim=20)
    estimate = build("estimator", "na_hutchpp", matvecs=16).estimate(problem, torch.Generator().manual_seed(3))
    V = draw_probes("rademacher", 16, 1, 20, torch.Generator().manual_seed(3), torch.float64)[:, 0].T
    S, G, R = V[:, :4], V[:, 4:8], V[:, 8:]
    A = problem.operator().matmat(torch.eye(20, dtype=torch.float64)[None])[0]
    approximation = A @ R @ torch.linalg.pinv(S.T @ A @ R) @ S.T @ A
    rest = (G.T @ (A - approximation) @ G).trace() / 4
    torch.testing.assert_close(estimate[0], approximation.trace() + rest)
