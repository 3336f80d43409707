"""Contrastive divergence: the likelihood's gradient with exact samples, a known bias with short chains."""

from __future__ import annotations

import pytest
import torch

from estibench import Unsupported
from estibench_score.contrastive_divergence import ContrastiveDivergence
from estibench_score.energy_model import EnergyModel
from estibench_score.exponential_family import ExponentialFamily
from estibench_score.gaussian_model import GaussianModel
from estibench_score.mixture_model import MixtureModel
from estibench_score.mlp_model import MLPModel
from estibench_score.score_field import ScoreField

N, P, MEAN, VARIANCE, ETA = 200_000, 0.8, 0.4, 2.0, 0.3


class Exact(ContrastiveDivergence):
    """Samples of the model itself for the chains: N(0, 1/P)."""

    def chains(self, s, start, generator):
        return torch.randn(start.shape, generator=generator, dtype=start.dtype) / P**0.5


class Wrong(Exact):
    def loss(self, s, x, generator):
        return -super().loss(s, x, generator)


def _gradient(estimator):
    """Of the exponential family s = θ_1 − θ_2x − θ_3x³ at θ = (0, P, 0), which is N(0, 1/P), on one large batch."""
    generator = torch.Generator().manual_seed(0)
    theta = torch.tensor([0.0, P, 0.0], dtype=torch.float64, requires_grad=True)
    x = MEAN + VARIANCE**0.5 * torch.randn(N, 1, generator=generator, dtype=torch.float64)
    s = ScoreField(ExponentialFamily(1), theta, lambda x: x, transformed=False)
    return torch.autograd.grad(estimator.loss(s, x, generator), theta)[0]


def _moments(mean, variance):
    """E T of a normal law, T = (x, −x²/2, −x⁴/4)."""
    square = mean**2 + variance
    fourth = mean**4 + 6 * mean**2 * variance + 3 * variance**2
    return torch.tensor([mean, -0.5 * square, -0.25 * fourth], dtype=torch.float64)


ERROR = torch.tensor([0.005, 0.008, 0.04], dtype=torch.float64)
"""Above the standard errors of 200 000 points: of the mean √(2 + 1.25), of the others from moments up to the eighth."""


def test_with_exact_samples_it_is_the_gradient_of_the_likelihood():
    """E_model T − E_data T; 5 standard errors, 6e-7 each. A wrong sign is found."""
    exact = _moments(0.0, 1 / P) - _moments(MEAN, VARIANCE)
    assert ((_gradient(Exact()) - exact).abs() < 5 * ERROR).all()
    assert not ((_gradient(Wrong()) - exact).abs() < 5 * ERROR).all()


@pytest.mark.parametrize("k", [1, 3])
def test_short_chains_have_the_bias_of_their_law(k):
    """k steps from the data lead to N((1 − ηP)^k μ, c_k), c ← (1 − ηP)²c + 2η: that law's T for the model's, which is
    more than 20 standard errors away."""
    mean, variance = MEAN, VARIANCE
    for _ in range(k):
        mean, variance = (1 - ETA * P) * mean, (1 - ETA * P) ** 2 * variance + 2 * ETA
    found = _gradient(ContrastiveDivergence(steps=k, step_size=ETA))
    data = _moments(MEAN, VARIANCE)
    assert ((found - (_moments(mean, variance) - data)).abs() < 5 * ERROR).all()
    assert ((found - (_moments(0.0, 1 / P) - data)).abs() > 20 * ERROR).any()


def test_persistent_chains_go_on_and_reach_the_law_of_the_model():
    """At fixed θ they tend to Langevin's own variance 1/P(1 − ηP/2), within 6 standard errors of 0.7 %: 2e-9."""
    generator = torch.Generator().manual_seed(0)
    x = 5 + torch.randn(40_000, 1, generator=generator, dtype=torch.float64)
    s = ScoreField(ExponentialFamily(1), torch.tensor([0.0, P, 0.0], dtype=torch.float64), lambda x: x, False)
    state, estimator = (), ContrastiveDivergence(step_size=ETA, persistent=True)
    for _ in range(40):
        _, state = estimator.loss_and_state(s, x, state, generator)
    assert float(state[0].var()) == pytest.approx(1 / (P * (1 - ETA * P / 2)), rel=0.043)
    assert abs(float(state[0].mean())) < 0.05
    assert ContrastiveDivergence().loss_and_state(s, x, (), generator)[1] == ()


@pytest.mark.parametrize("model", [EnergyModel(3, 4), ExponentialFamily(3), GaussianModel(3), MixtureModel(3)])
def test_the_score_is_the_gradient_of_the_log_density(model):
    generator = torch.Generator().manual_seed(0)
    theta, x = model.initial(generator), torch.randn(4, 3, generator=generator, dtype=torch.float64)
    found = torch.func.grad(lambda x: model.log_density(theta, x).sum())(x)
    torch.testing.assert_close(found, model.score(theta, x))


def test_a_field_without_an_energy_is_refused():
    s = ScoreField(MLPModel(2, 4), torch.zeros(MLPModel(2, 4).size), lambda x: x, transformed=False)
    with pytest.raises(Unsupported, match="with an energy"):
        ContrastiveDivergence().loss(s, torch.zeros(3, 2), torch.Generator())


def test_runs_side_by_side_hand_their_chains_on(build, draw):
    """Persistent chains under `torch.func` and one by one: means of 12 runs agree within 6 standard errors, 1e-7."""
    problem = build(
        *("problem", "score_fit"),
        **{"model": "energy", "density": {"name": "gaussian_mixture"}, "steps": 20, "hidden": 4, "batch": 16},
    )
    estimator = build("estimator", "contrastive_divergence", steps=2, persistent=True)
    many = draw(estimator, problem, 12)
    stream = torch.Generator().manual_seed(1)
    single = torch.stack([problem.curve(estimator.estimate(problem, stream), estimator) for _ in range(12)])
    error = (many[:, -1].var() / 12 + single[:, -1].var() / 12).sqrt()
    assert abs(many[:, -1].mean() - single[:, -1].mean()) < 6 * error
