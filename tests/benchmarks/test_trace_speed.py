"""Speed of the trace plugin against its floor and its peers, each in one interleaved run."""

import pytest
import torch

from estibench_trace.noise import draw_probes

FIELDS = [(64, 32, 64), (256, 32, 256), (128, 64, 512), (256, 64, 1024)]


@pytest.fixture(params=FIELDS, ids=lambda sizes: "dim{}_batch{}_hidden{}".format(*sizes))
def field(request, build):
    """A field problem with its forward pass and one VJP, as plain autograd calls."""
    dim, batch, hidden = request.param
    problem = build("problem", "field_jacobian", dim=dim, batch=batch, hidden=hidden).at("cpu", "float32")
    x = problem.points.clone().requires_grad_()
    y = problem.field(x)
    cotangent = torch.randn_like(y)
    calls = {
        "forward": lambda: problem.field(x),
        "vjp": lambda: torch.autograd.grad(y, x, cotangent, retain_graph=True),
    }
    return problem, calls


@pytest.mark.parametrize("method", ["vjp", "jacrev", "jvp"])
def test_exact_divergence_against_f_plus_m_vjps(field, build, compare, method):
    problem, calls = field
    exact = build("estimator", "exact", method=method)
    calls["exact"] = lambda: exact.estimate(problem, None)
    m = problem.dim
    compare(calls, lambda seconds: seconds["exact"] / (seconds["forward"] + m * seconds["vjp"]), goal=1.15)


@pytest.mark.parametrize("probes", [1, 4, 16])
def test_hutchinson_against_f_plus_k_vjps(field, build, compare, probes):
    problem, calls = field
    hutchinson = build("estimator", "hutchinson", probes=probes)
    generator = torch.Generator().manual_seed(0)
    calls["hutchinson"] = lambda: hutchinson.estimate(problem, generator)
    compare(calls, lambda seconds: seconds["hutchinson"] / (seconds["forward"] + probes * seconds["vjp"]), goal=1.1)


@pytest.mark.parametrize("matvecs", [20, 100, 300])
@pytest.mark.parametrize("name", ["hutchpp", "xtrace"])
def test_against_curvlinops(build, compare, report, name, matvecs):
    """Same matrix (2000 × 2000, poly spectrum), dtype and budget; their Hutch++ wants a multiple of 3."""
    curvlinops = pytest.importorskip("curvlinops", reason="make peers")
    problem = build("problem", "matrix", spectrum="poly", dim=2000).at("cpu", "float32")
    A = problem.matrix.to(torch.float32)
    ours = build("estimator", name, matvecs=matvecs)
    theirs, budget = (
        (curvlinops.hutchpp_trace, 3 * (matvecs // 3)) if name == "hutchpp" else (curvlinops.xtrace, matvecs)
    )
    generator = torch.Generator().manual_seed(0)
    rmse = {
        "ours": _rmse(lambda: float(ours.estimate(problem, generator)[0]), problem, 30),
        "curvlinops": _rmse(lambda: float(theirs(A, budget)), problem, 30),
    }
    sizes = ", ".join(f"{who} {value:.2e}" for who, value in rmse.items())
    report(f"{name} at {matvecs} matvecs: relative RMSE over 30 draws: {sizes}")
    calls = {"ours": lambda: ours.estimate(problem, generator), "theirs": lambda: theirs(A, budget)}
    compare(calls, lambda seconds: seconds["ours"] / seconds["theirs"], goal=1.0, rounds=15)


def _rmse(draw, problem, n):
    errors = [draw() / float(problem.truth[0]) - 1 for _ in range(n)]
    return (sum(error**2 for error in errors) / n) ** 0.5


def test_rademacher_probes_against_randint(compare):
    generator = torch.Generator().manual_seed(0)
    shape = (16, 32, 256)
    compare(
        {
            "ours": lambda: draw_probes("rademacher", *shape, generator, torch.float32),
            "randint": lambda: torch.randint(0, 2, shape, generator=generator).float() * 2 - 1,
        },
        lambda seconds: seconds["ours"] / seconds["randint"],
        goal=1.0,
    )
