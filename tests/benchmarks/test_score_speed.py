"""Speed of score matching: many gradients in one call against a loop, and losses against a peer's."""

import pytest
import torch

from estibench_score.score_field import ScoreField

MIXTURE = {"name": "gaussian_mixture", "layout": "random", "spread": 1.5, "scale": 1.0}
OBJECTIVES = [("explicit", {}), ("implicit", {}), ("sliced", {}), ("denoising", {}), ("finite_difference", {})]


@pytest.mark.parametrize("model", ["gaussian", "exponential_family", "mixture", "mlp"])
@pytest.mark.parametrize(("name", "parameters"), OBJECTIVES)
def test_many_gradients_against_a_loop(build, compare, name, parameters, model):
    """1 024 gradients at m = 10, batch 32, per gradient: one vectorised call over a loop of single ones."""
    problem = build("problem", "score_gradient", model=model, density=MIXTURE, dim=10, batch=32, reference=1024).at(
        "cpu", "float32"
    )
    problem.prepare()
    estimator = build("estimator", name, **parameters)
    generator = torch.Generator().manual_seed(0)
    calls = {
        "many": lambda: estimator.draws(problem, 1024, generator),
        "loop": lambda: [estimator.estimate(problem, generator) for _ in range(64)],
    }
    compare(calls, lambda seconds: (seconds["many"] / 1024) / (seconds["loop"] / 64), goal=0.1, rounds=11)


SIZES = [(10, 32, 32), (10, 128, 64), (64, 128, 128)]


@pytest.mark.parametrize("sizes", SIZES, ids=lambda sizes: "dim{}_batch{}_hidden{}".format(*sizes))
@pytest.mark.parametrize("objective", ["implicit", "sliced", "denoising"])
def test_losses_with_gradients_against_torchebm(build, compare, objective, sizes):
    """The same energy network, parameters and batch; loss and gradient in the parameters.

    Theirs differentiates the energy for its score; ours has that score in closed form. Sliced: 5 Rademacher slices, the
    score squared along the slice, as theirs. Where nothing is random the gradients are compared first.
    """
    torchebm = pytest.importorskip("torchebm.losses", reason="make peers")
    dim, batch, hidden = sizes
    problem = build(
        "problem", "score_gradient", model="energy", density=MIXTURE, dim=dim, batch=batch, hidden=hidden, reference=64
    ).at("cpu", "float32")
    theta = problem.theta.clone().requires_grad_()
    x = problem.minibatches(1, torch.Generator().manual_seed(0), denoises=True)[0]
    network = _peer_network(problem)
    options = {
        "implicit": (build("estimator", "implicit"), torchebm.ScoreMatching, {"hessian_method": "exact"}),
        "sliced": (
            build("estimator", "sliced", slices=5, variance_reduced=False),
            torchebm.SlicedScoreMatching,
            {"n_projections": 5, "projection_type": "rademacher"},
        ),
        "denoising": (
            build("estimator", "denoising", sigma=0.1),
            torchebm.DenoisingScoreMatching,
            {"noise_scale": 0.1},
        ),
    }
    estimator, peer_class, peer_parameters = options[objective]
    peer = peer_class(model=network, device="cpu", **peer_parameters)
    generator, parameters = torch.Generator().manual_seed(0), list(network.parameters())

    def ours():
        field = ScoreField(problem.score_model, theta, problem.data_score, transformed=False)
        return torch.autograd.grad(estimator.loss(field, x, generator), theta)[0]

    def theirs():
        return torch.cat([part.flatten() for part in torch.autograd.grad(peer(x), parameters)])

    if objective == "implicit":
        torch.testing.assert_close(ours(), theirs(), rtol=1e-3, atol=1e-3)
    compare({"ours": ours, "theirs": theirs}, lambda seconds: seconds["ours"] / seconds["theirs"], goal=1.0)


def _peer_network(problem):
    """The problem's energy −log q as a module, with its parameters in the order of theta."""
    from torchebm.core import BaseModel

    class Energy(BaseModel):
        def __init__(self):
            super().__init__()
            shapes = problem.score_model._shapes()
            parts = problem.theta.split([int(torch.Size(shape).numel()) for shape in shapes])
            self.parts = torch.nn.ParameterList(
                torch.nn.Parameter(part.reshape(shape).clone()) for part, shape in zip(parts, shapes, strict=True)
            )

        def forward(self, x):
            W1, b1, W2, b2, c, a = self.parts
            softplus = torch.nn.functional.softplus
            hidden = softplus(softplus(x @ W1.T + b1) @ W2.T + b2)
            return 0.5 * a * x.square().sum(-1) - hidden @ c

    return Energy()
