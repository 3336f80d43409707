"""Losses as `loss(model, x)`, and modules as models: the same numbers as ours."""

from dataclasses import dataclass
from functools import cached_property

import pytest
import torch

from estibench import seeded
from estibench.measure.draws import Drawer
from estibench_densities.gaussian import Gaussian
from estibench_score import ModuleModel, PlainLoss, SampleScoreEstimator, SampleScoreProblem, ScoreFit, ScoreGradient
from estibench_score.implicit import Implicit
from estibench_score.mlp_model import MLPModel


@dataclass(frozen=True)
class Exact(PlainLoss):
    """Implicit score matching as everyone writes it, m calls of `torch.autograd.grad`."""

    def objective(self, model, x):
        x = x.detach().requires_grad_()
        s = model(x)
        rows = [torch.autograd.grad(s[:, i].sum(), x, create_graph=True)[0][:, i] for i in range(x.shape[1])]
        return (sum(rows) + 0.5 * s.square().sum(-1)).mean()


@dataclass(frozen=True)
class Denoises(PlainLoss):
    """Denoising with noise from the global generator."""

    denoises = True

    def objective(self, model, x):
        noise = torch.randn_like(x)
        return 0.5 * (model(x + 0.1 * noise) + noise / 0.1).square().sum(-1).mean()


def gradient_problem(**parameters):
    problem = ScoreGradient(density=Gaussian(dim=2), batch=8, **parameters)
    problem.prepare()
    return problem


def test_a_plain_loss_has_the_gradient_of_ours():
    """One number is taken for the seed first; minibatches come after it."""
    problem = gradient_problem()
    generator = torch.Generator().manual_seed(0)
    torch.randint(2**62, (), generator=generator)
    ours = Implicit().estimate(problem, generator)
    theirs = Exact().estimate(problem, torch.Generator().manual_seed(0))
    torch.testing.assert_close(theirs, ours)


@pytest.mark.parametrize(("estimator", "path"), [(Denoises(), "draws"), (Exact(), "loop")])
@pytest.mark.parametrize("cls", [ScoreGradient, ScoreFit])
def test_it_is_drawn_at_once_where_it_can_be(cls, estimator, path):
    small = {"steps": 3, "test": 16} if cls is ScoreFit else {}
    problem = cls(density=Gaussian(dim=2), batch=8, hidden=4, **small)
    problem.prepare()
    drawer = Drawer(estimator, problem, 8)
    values = drawer.draw(4, 0).values
    assert drawer.path == path
    assert bool(drawer.fallback) == (path == "loop")
    assert values.unique(dim=0).shape[0] == 4
    torch.testing.assert_close(Drawer(estimator, problem, 8).draw(4, 0).values, values, rtol=0, atol=0)


def test_numpy_scores_are_drawn_in_a_loop():
    @dataclass(frozen=True)
    class Numpy(SampleScoreEstimator):
        def scores(self, samples, points):
            return torch.from_numpy(-points.numpy() * samples.numpy().var())

    problem = SampleScoreProblem(density=Gaussian(dim=2))
    problem.prepare()
    drawer = Drawer(Numpy(), problem, 8)
    assert drawer.draw(3, 0).values.shape == (3, 64)
    assert drawer.path == "loop"


@dataclass(frozen=True, kw_only=True)
class OfModule(ScoreGradient):
    """The affine network s = Wx + b as a module."""

    @cached_property
    def score_model(self):
        with seeded(self.data_generator()):
            return ModuleModel(self.dim, module=torch.nn.Linear(self.dim, self.dim))


def test_a_module_is_a_model_with_the_gradient_that_theory_gives():
    """s = Wx + b on N(μ, Σ): ∂W = (WΣ' + bμᵀ) + I with Σ' = Σ + μμᵀ, ∂b = Wμ + b. The truth is a mean over 2^15
    samples: within 6 of its standard errors, about (‖W‖ + 1)/√2^15 each.
    """
    problem = OfModule(density=Gaussian(dim=3), dim=3, reference=2**15)
    W, b = (parameter.detach().double() for parameter in problem.score_model.module.parameters())
    mean, covariance = problem.density.mean, problem.density.covariance_matrix
    second = covariance + torch.outer(mean, mean)
    expected = torch.cat([(W @ second + torch.outer(b, mean) + torch.eye(3)).flatten(), W @ mean + b])
    assert (
        float((problem.truth - expected).norm()) < 6 * 12**0.5 * (float(W.norm()) + 1) * float(second.norm()) / 2**7.5
    )
    assert float(expected.norm()) > 1


def test_the_module_is_not_touched():
    module = torch.nn.Linear(2, 2)
    before = [parameter.clone() for parameter in module.parameters()]
    model = ModuleModel(2, module=module)
    theta = model.initial(torch.Generator()) + 1
    x = torch.zeros(5, 2, dtype=torch.float64)
    assert model.size == 6
    torch.testing.assert_close(model.score(theta, x)[0], theta[4:])
    assert all(torch.equal(one, other) for one, other in zip(module.parameters(), before, strict=True))
    assert all(parameter.grad is None for parameter in module.parameters())


def test_a_module_and_our_network_agree():
    """The same weights, the same scores: two SiLU layers."""
    ours = MLPModel(2, 4)
    theta = ours.initial(torch.Generator().manual_seed(0))
    W1, _, b1, W2, b2, W3, b3 = (part for part in _parts(theta, ours))
    net = torch.nn.Sequential(
        torch.nn.Linear(2, 4), torch.nn.SiLU(), torch.nn.Linear(4, 4), torch.nn.SiLU(), torch.nn.Linear(4, 2)
    )
    flat = torch.cat([part.flatten() for part in (W1, b1, W2, b2, W3, b3)])
    x = torch.randn(7, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    torch.testing.assert_close(ModuleModel(2, module=net).score(flat, x), ours.score(theta, x))


def _parts(theta, model):
    from estibench_score.model import unflatten

    return unflatten(theta, *model._shapes())
