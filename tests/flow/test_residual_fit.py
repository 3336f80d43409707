"""Training residual flows: contractions throughout, an exact judge, unbiased gradients, and runs side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch

from estibench import Fit, counting
from estibench.measure.statistics import Moments, unbiasedness_p_value
from estibench_flow.block import Block
from estibench_flow.residual_fits import ResidualDensityFit
from estibench_flow.residual_network import ResidualNetwork, bounded, norm_bound
from estibench_flow.russian_roulette import RussianRoulette
from estibench_flow.slogdet import Slogdet

NETWORK = ResidualNetwork(dim=3, hidden=5, blocks=2, lipschitz=0.8)
WIDE = {"hidden": 8, "blocks": 2, "batch": 32, "steps": 10, "held_out": 64}
SERIES = {"trace": "rademacher", "probes": 1}


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def wild(network, seed=0, size=3.0):
    """Weights far from a start, of which every layer has reached its bound."""
    return tuple(size * normal(*one.shape, seed=seed + i) for i, one in enumerate(network.initial(torch.Generator())))


def fit(build, name="residual_density_fit", **parameters):
    density = {"density": {"name": "gaussian_mixture"}} if name == "residual_density_fit" else {}
    return build("problem", name, **{**density, **WIDE, **parameters})


def forward(network, parameters, x):
    for layer in network.layers(parameters):
        y = layer.scaled(x)
        x = y + layer.residual(y)
    return x


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
def test_the_bound_is_above_the_largest_singular_value_and_close_to_it(shape):
    W = normal(20, *shape)
    for size, dtype, rounding in ((1.0, torch.float64, 1e-13), (1e-3, torch.float32, 1e-5), (1e3, torch.float32, 1e-5)):
        scaled = (size * W).to(dtype)  # no square over- or underflows
        ratio = norm_bound(scaled) / torch.linalg.matrix_norm(scaled, 2)
        assert (ratio >= 1 - rounding).all()
        assert (ratio <= min(shape) ** (1 / 64) + rounding).all()
    assert (torch.linalg.matrix_norm(bounded(10 * W), 2) <= 1 + 1e-13).all()
    for small in (1e-3 * W, 0 * W):
        leaf = small.requires_grad_()
        assert torch.equal(bounded(leaf), leaf)
        assert torch.autograd.grad(bounded(leaf).sum(), leaf)[0].isfinite().all()


def test_residuals_are_contractions_whatever_the_weights_are():
    """|g(x) − g(y)| ≤ c|x − y|, with a bend as sharp as e³."""
    x, y = normal(2, 400, 3, seed=5)
    for layer in NETWORK.layers(wild(NETWORK)):
        J = torch.func.vmap(torch.func.jacrev(lambda one, layer=layer: layer.residual(one[None])[0]))(3 * x)
        assert float(torch.linalg.matrix_norm(J, 2).max()) <= 0.8
        ratio = (layer.residual(x) - layer.residual(y)).norm(dim=1) / (x - y).norm(dim=1)
        assert 0.01 < float(ratio.max()) <= 0.8


@pytest.mark.parametrize("hidden", [2, 5])
def test_the_likelihood_is_the_change_of_variables(build, hidden):
    """Against the determinant of the whole map's Jacobian, on both sides of Sylvester's identity."""
    problem = fit(build, dim=3, hidden=hidden)
    parameters, x = wild(problem._network, size=0.7), normal(7, 3)
    J = torch.func.vmap(torch.func.jacrev(lambda one: forward(problem._network, parameters, one[None])[0]))(x)
    z = forward(problem._network, parameters, x)
    expected = -0.5 * z.square().sum(1) - 1.5 * math.log(2 * math.pi) + torch.linalg.det(J).abs().log()
    torch.testing.assert_close(problem.log_density(parameters, x), expected)
    own = problem.own_log_density(parameters, build("estimator", "slogdet"), x, torch.Generator())
    torch.testing.assert_close(own, expected)
    several = tuple(torch.stack([one, 0.5 * one]) for one in parameters)
    torch.testing.assert_close(problem.log_density(several, x)[0], expected)


def test_a_layer_is_undone(build):
    x = normal(6, 3)
    z = forward(NETWORK, wild(NETWORK), x)
    for layer in reversed([*NETWORK.layers(wild(NETWORK))]):
        z = layer.inverse(z)
    torch.testing.assert_close(z, x, rtol=1e-7, atol=1e-7)


def test_on_a_normal_law_the_best_flow_is_linear_and_reaches_the_entropy(build):
    """W₂ = 0, one scale 1/σ, one shift −μ/σ: the negative log-likelihood is that of the law itself, to rounding; its
    samples are the law's own."""
    problem = fit(build, density={"name": "gaussian", "covariance": "diagonal"}, dim=3)
    law = problem.density
    W1, b, W2, r, s, t = problem._network.initial(torch.Generator().manual_seed(0))
    sigma = law.covariance_matrix.diagonal().sqrt()
    s[0], t[0] = -sigma.log(), -law.mean / sigma
    best = Fit(tuple(one[None] for one in (W1, b, 0 * W2, r, s, t)))
    entropy = 0.5 * (2 * math.pi * math.e * sigma.square()).log().sum()
    curve = problem.curve(best, None)
    torch.testing.assert_close(curve[0], problem.truth[0], rtol=1e-10, atol=1e-10)
    # Of 64 points: each χ²/2 with a variance of dim/2; 5 standard deviations.
    assert float(curve[0] - entropy) == pytest.approx(0, abs=5 * (1.5 / 64) ** 0.5)
    x = problem.samples(best, None, 4000, torch.Generator().manual_seed(1))
    assert ((x.mean(0) - law.mean).abs() < 5 * sigma / 4000**0.5).all()
    assert ((x.std(0) / sigma - 1).abs() < 5 / 8000**0.5).all()


@dataclass(frozen=True)
class WrongSign(Slogdet):
    """−log|det|."""

    def log_det(self, block, generator):
        return -super().log_det(block, generator)


@dataclass(frozen=True)
class TimesDimension(Slogdet):
    """d log|det|."""

    def log_det(self, block, generator):
        return block.dim * super().log_det(block, generator)


def test_a_broken_determinant_is_seen_by_its_curve_and_in_what_it_says_of_itself(build):
    problem = fit(build, density={"name": "gaussian", "covariance": "full"}, steps=60, rate=0.05)
    problem.prepare()
    found = {}
    for method in (Slogdet(), WrongSign(), TimesDimension()):
        run = method.draws(problem, 2, torch.Generator().manual_seed(0))
        excess = problem.curve(run, method) - problem.truth
        final = next(run.runs())
        found[type(method)] = excess.mean(0), problem.readings(final, method)
    right = found[Slogdet]
    assert right[0][-1] < 0.3 * right[0][0]
    assert abs(float(right[1]["overstated"])) < 1e-10
    for method in (WrongSign, TimesDimension):
        excess, readings = found[method]
        assert excess[-1] > 3 * right[0][-1]
        assert float(readings["overstated"]) > 0.1
        assert float(readings["misjudged"]) >= float(readings["overstated"])


class Trained(ResidualDensityFit):
    """With the gradient of a step at hand."""

    def slopes(self, method, parameters, x, n):
        """n gradients, (n, p), by n equal runs side by side."""
        leaves = tuple(one.expand(n, *one.shape).clone().requires_grad_() for one in parameters)
        stream = torch.Generator().manual_seed(0)
        values = self._values(leaves, x.expand(n, *x.shape), method.log_det, stream, differentiable=True)
        return torch.cat([one.flatten(1) for one in torch.autograd.grad(-values.mean(-1).sum(), leaves)], 1)


@dataclass(frozen=True)
class NotReweighted(RussianRoulette):
    """A series of random length without the weights 1/P(N ≥ k)."""

    def reaches(self, k):
        return 1.0


def test_gradients_of_the_roulette_are_unbiased_and_a_truncated_series_has_other_ones(build):
    """Chen–Qin tests of 400 gradients at level 1e-6: of the roulette passes, without its weights it is found out; the
    series cut after one term with exact traces is another gradient by more than rounding."""
    problem = Trained(density=fit(build).density, **WIDE)
    parameters = wild(problem._network, size=0.7)
    x = normal(4, 2, seed=9)
    exact = problem.slopes(Slogdet(), parameters, x, 1)[0]
    for method, unbiased in ((RussianRoulette(probes=2), True), (NotReweighted(probes=2, sure=1), False)):
        draws = problem.slopes(method, parameters, x, 400)
        assert (unbiasedness_p_value(Moments(draws, exact), 1e-12) > 1e-6) is unbiased
    long, short = (build("estimator", "power_series", terms=terms) for terms in (120, 1))
    torch.testing.assert_close(problem.slopes(long, parameters, x, 1)[0], exact, rtol=1e-8, atol=1e-10)
    assert float((problem.slopes(short, parameters, x, 1)[0] - exact).norm()) > 0.01 * float(exact.norm())


@dataclass(frozen=True, kw_only=True)
class OneMinibatch(ResidualDensityFit):
    """The same minibatch in every step of every run."""

    def minibatches(self, n, generator):
        x = self.place(self.density.sample(self.batch, torch.Generator().manual_seed(7)))
        return x.expand(n, -1, -1)


def test_runs_side_by_side_do_not_touch_each_other(build):
    """With the same minibatches three runs are equal, and equal to a single one."""
    problem = OneMinibatch(density=fit(build).density, **WIDE)
    for name, parameters in (("slogdet", {}), ("power_series", {"terms": 3})):
        estimator = build("estimator", name, **parameters)
        three = problem.curve(estimator.draws(problem, 3, torch.Generator()), estimator)
        one = problem.curve(estimator.estimate(problem, torch.Generator()), estimator)
        torch.testing.assert_close(three, one.expand(3, -1), rtol=1e-6, atol=1e-6)


def test_runs_of_the_roulette_have_lengths_of_their_own(build):
    """Terms beyond a run's own length count nothing there: each run is what its own lengths and probes give alone."""
    method = RussianRoulette(probes=3, sure=1)
    A = 0.6 * torch.linalg.qr(normal(2, 2))[0]
    block = Block(lambda x: x @ A.mT, normal(4, 5, 2))
    together = method.values(block, 1, torch.Generator().manual_seed(0))[0]
    stream = torch.Generator().manual_seed(0)
    v = 2.0 * torch.randint(2, (3, 4, 5, 2), generator=stream, dtype=torch.int8).double() - 1
    u = torch.rand(3, 4, generator=stream, dtype=torch.float64)
    lengths = 1 + (u.log() / math.log(0.5)).floor().long()
    assert len(lengths.unique()) > 2
    for row in range(3):
        for run in range(4):
            w, total = v[row, run], torch.zeros(5, dtype=torch.float64)
            for k in range(1, int(lengths[row, run]) + 1):
                w = w @ A
                total += (-1) ** (k + 1) / k * 2.0 ** (k - 1) * (v[row, run] * w).sum(-1)
            torch.testing.assert_close(together[row, run], total)


def test_one_run_costs_what_its_blocks_do(build):
    """Products of 10 steps and 2 blocks with the Jacobian: m each, or those of the series."""
    problem = fit(build)
    problem.prepare()
    for name, parameters, each in (("slogdet", {}, 2), ("power_series", {"terms": 4, **SERIES}, 4)):
        with counting() as counts:
            build("estimator", name, **parameters).estimate(problem, torch.Generator().manual_seed(0))
        assert (counts["vjp"], counts["evaluation"]) == (10 * 2 * each, 10 * 2)
