"""Speed of log-densities and their gradients: against the floor of a trace, and against peers at equal error."""

import pytest
import torch

from estibench_flow.flow import Flow, standard_normal
from estibench_flow.mlp import Network
from estibench_flow.traces import ExactTrace

FIELDS = [(16, 32, 64), (64, 32, 64), (64, 128, 128), (128, 64, 512), (256, 64, 1024)]
SIZES = [(2, 128, 64), (8, 128, 64), (32, 64, 128)]
BUDGETS = {"dopri5": [10 ** (-k / 2) for k in range(4, 17)], "rk4": range(2, 65)}
INSTALL = "zuko: make peers; torchdyn: see docs/tasks/flow.md"


@pytest.mark.parametrize("sizes", FIELDS, ids=lambda sizes: "dim{}_batch{}_hidden{}".format(*sizes))
def test_exact_trace_against_f_plus_m_vjps(compare, sizes):
    """One evaluation of the field with its exact trace, as a solver asks for it."""
    dim, batch, hidden = sizes
    field, x, _ = _network(dim, batch, hidden, torch.float32)
    z = x.clone().requires_grad_()
    f = field(z)
    cotangent, trace = torch.randn_like(f), ExactTrace(z)

    def traced():
        leaf = z.detach().requires_grad_()
        return trace(field(leaf), leaf, False)

    calls = {
        "forward": lambda: field(z),
        "vjp": lambda: torch.autograd.grad(f, z, cotangent, retain_graph=True),
        "traced": traced,
    }
    compare(calls, lambda seconds: seconds["traced"] / (seconds["forward"] + dim * seconds["vjp"]), goal=1.15)


@pytest.mark.parametrize("sizes", SIZES, ids=lambda sizes: "dim{}_batch{}_hidden{}".format(*sizes))
@pytest.mark.parametrize("gradient", [False, True], ids=["log_density", "gradient"])
@pytest.mark.parametrize("solver", ["dopri5", "rk4"])
@pytest.mark.parametrize("peer", ["zuko", "torchdyn"])
def test_against_peers_at_equal_error(build, compare, report, peer, solver, gradient, sizes):
    """The same network, points and dtype; each at the loosest tolerance, or fewest steps, with an error below 10⁻⁴.

    Exact traces all round; theirs is an adaptive solver of fifth order. The gradient is the mean log-density's, in the
    weights.
    """
    theirs = {"zuko": _zuko, "torchdyn": _torchdyn}[peer]()
    ours = _ours(build, solver)
    field, x, weights = _network(*sizes, torch.float64)
    reference = _values(_ours(build, "dopri5"), field, x, weights, 1e-11, gradient)
    found = {}
    for name, method, budgets in (("ours", ours, BUDGETS[solver]), (peer, theirs, BUDGETS["dopri5"])):
        for budget in budgets:
            error = _relative(_values(method, field, x, weights, budget, gradient), reference)
            if error <= 1e-4:
                found[name] = budget, error
                break
    used = ", ".join(f"{name} {budget:.2g} (error {error:.1e})" for name, (budget, error) in found.items())
    report(f"{'gradient' if gradient else 'log-density'}, dim {sizes[0]}, tolerances or steps: {used}")
    field, x, weights = _network(*sizes, torch.float32)
    calls = {
        name: (lambda method=method, name=name: _values(method, field, x, weights, found[name][0], gradient))
        for name, method in (("ours", ours), (peer, theirs))
    }
    compare(calls, lambda seconds: seconds["ours"] / seconds[peer], goal=1.0, rounds=15)


def _network(dim, batch, hidden, dtype):
    """A field without time, points and the weights that it depends on."""
    network = Network(dim, hidden)
    generator = torch.Generator().manual_seed(0)
    theta = network.initial(generator, scale=2.0).to(dtype).requires_grad_()
    x = torch.randn(batch, dim, generator=generator, dtype=torch.float64).to(dtype)
    zero = torch.zeros((), dtype=dtype)
    return (lambda z: network.dynamics(theta)(zero, z)), x, theta


def _values(method, field, x, weights, tolerance, gradient):
    """Log-densities, or the gradient of their mean in the weights."""
    if not gradient:
        with torch.no_grad():
            return method(field, x, weights, tolerance, False)
    return torch.autograd.grad(method(field, x, weights, tolerance, True).mean(), weights)[0]


def _relative(values, reference):
    return float((values - reference).norm() / reference.norm())


def _ours(build, solver):
    def log_density(field, x, weights, budget, differentiable):
        flow = Flow(lambda t, z: field(z), 1.0, standard_normal, differentiable)
        parameter = "tolerance" if solver == "dopri5" else "steps"
        estimator = build("estimator", "cnf", solver=solver, **{parameter: budget})
        return estimator.values(flow, x, 1, torch.Generator())[0, 0]

    return log_density


def _zuko():
    zuko = pytest.importorskip("zuko", reason=INSTALL)

    def log_density(field, x, weights, tolerance, differentiable):
        phi = (weights,) if differentiable else ()
        transform = zuko.transforms.FreeFormJacobianTransform(
            lambda t, z: field(z), phi=phi, atol=tolerance, rtol=tolerance
        )
        z, ladj = transform.call_and_ladj(x)
        return standard_normal(z) + ladj

    return log_density


def _torchdyn():
    core = pytest.importorskip("torchdyn.core", reason=INSTALL)
    models = pytest.importorskip("torchdyn.models", reason=INSTALL)

    class Field(torch.nn.Module):
        def __init__(self, field):
            super().__init__()
            self.field = field

        def forward(self, z):
            return self.field(z)

    def log_density(field, x, weights, tolerance, differentiable):
        vector_field = models.CNF(Field(field))
        ode = core.NeuralODE(
            vector_field, solver="dopri5", sensitivity="autograd", atol=tolerance, rtol=tolerance, return_t_eval=False
        )
        final = ode(torch.cat([torch.zeros_like(x[:, :1]), x], 1))[-1]
        return standard_normal(final[:, 1:]) - final[:, 0]

    return log_density
