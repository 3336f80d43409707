"""Flow matching: the marginal velocity, truths, each objective's bias, variance and work; what is wrong is found."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from estibench import counting
from estibench_score.conditional_flow import ConditionalFlow
from estibench_score.flow_path import MarginalVelocity, point
from estibench_score.importance_flow import ImportanceFlow
from estibench_score.ot_flow import OTFlow, paired, sorting_bias
from estibench_score.velocity_contract import VelocityEstimator
from estibench_score.velocity_theory import exact_gradients, sorted_correlation

PATHS = ("linear", "variance_preserving")
NORMAL = {"name": "gaussian", "covariance": "full"}
MIXTURE = {"name": "gaussian_mixture", "layout": "random", "spread": 1.5, "scale": 1.0}
ESTIMATORS = [
    ("explicit_flow", {}),
    ("conditional_flow", {}),
    ("conditional_flow", {"times": "stratified"}),
    ("conditional_flow", {"times": "antithetic"}),
    ("importance_flow", {"location": 0.5}),
]
MADE = {}


def _problem(build, **parameters):
    """A small problem; the same one for the same parameters, since a reference takes its time."""
    given = {"dim": 2, "batch": 4, "times": 4, "hidden": 4, "reference": 2**14, "density": NORMAL, **parameters}
    if str(given) not in MADE:
        MADE[str(given)] = build("problem", "velocity_gradient", **given)
    return MADE[str(given)]


def _p_value(draw, estimator, problem, n):
    """Of unbiasedness: z-tests of all components (Bonferroni) that include the standard error of a reference."""
    values = draw(estimator, problem, n)
    variance = values.var(0) / n
    if problem.truth_error:
        chunks = problem._explicit_gradients()
        variance += chunks.var(0) / len(chunks)
    z = float(((values.mean(0) - problem.truth).abs() / variance.sqrt()).max())
    return min(1.0, math.erfc(z / math.sqrt(2)) * values.shape[1])


@pytest.mark.parametrize("path", PATHS)
def test_paths_lead_from_noise_to_data_and_their_rates_are_derivatives(path):
    h = 1e-6
    for t in (0.1, 0.5, 0.8):
        here, before, after = (point(path, s) for s in (t, t - h, t + h))
        assert (after.alpha - before.alpha) / (2 * h) == pytest.approx(here.alpha_rate)
        assert (after.sigma - before.sigma) / (2 * h) == pytest.approx(here.sigma_rate)
    start, end = point(path, 1e-9), point(path, 1 - 1e-9)
    assert (start.alpha, start.sigma, end.alpha, end.sigma) == pytest.approx((0, 1, 1, 0), abs=1e-8)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("t", [0.05, 0.6, 0.95])
def test_the_marginal_velocity_is_that_of_the_components(build, path, t):
    """u_t = Σ r_k [α̇μ_k + (α̇ατ_k² + σ̇σ)(x − αμ_k)/(α²τ_k² + σ²)], from regression within each component."""
    density = build("density", "gaussian_mixture", dim=3, layout="random", spread=1.5, scale=1.0)
    means, weights, deviations = density.clean_components
    at = point(path, t)
    alpha, sigma, alpha_rate, sigma_rate = at.coefficients
    x = 2 * torch.randn(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    variance = alpha**2 * deviations**2 + sigma**2  # (K,)
    off = x[:, None] - alpha * means  # (n, K, m)
    r = (weights.log() - 1.5 * variance.log() - 0.5 * off.square().sum(-1) / variance).softmax(-1)
    gain = (alpha_rate * alpha * deviations**2 + sigma_rate * sigma) / variance
    expected = (r[..., None] * (alpha_rate * means + gain[:, None] * off)).sum(1)
    torch.testing.assert_close(MarginalVelocity(density, at)(x), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("path", PATHS)
def test_the_closed_form_is_the_mean_of_the_reference(build, path):
    """For the normal model on a mixture, where both exist: within 6 standard errors of 2^14 points, component by
    component; 12 tests, 3e-8 in all. The parts of the truth are of order 1, its errors of order 0.02.
    """
    problem = _problem(build, path=path, density=MIXTURE)
    assert problem.truth_source == "closed form"
    chunks = problem._explicit_gradients()
    error = (chunks.var(0) / len(chunks)).sqrt()
    assert ((chunks.mean(0) - problem.truth).abs() < 6 * error).all()
    assert float(problem.truth.norm()) > 20 * float(error.norm())


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("name", "parameters"), ESTIMATORS)
def test_unbiased(build, draw, name, parameters, path):
    """20 tests at 1e-6: an affine model with a closed truth, a network with a reference."""
    estimator = build("estimator", name, **parameters)
    for model in ("gaussian", "mlp"):
        problem = _problem(build, path=path, density=MIXTURE, model=model)
        assert _p_value(draw, estimator, problem, 2048) > 1e-6


class AtTheData(ConditionalFlow):
    """The network at x_1 for x_t: trains without complaint."""

    def loss(self, v, x, generator):
        k = v.any_times(x, generator)
        noise = torch.randn(x.shape, generator=generator, dtype=x.dtype)
        return 0.5 * (v(x, k) - v.bridge(noise, x, k)[1]).square().sum(-1).mean()


class StraightOnly(ConditionalFlow):
    """x_1 − x_0 as the target on every path."""

    def loss(self, v, x, generator):
        k = v.any_times(x, generator)
        noise = torch.randn(x.shape, generator=generator, dtype=x.dtype)
        return 0.5 * (v(v.bridge(noise, x, k)[0], k) - (x - noise)).square().sum(-1).mean()


class Unweighted(ImportanceFlow):
    """The logit-normal times without their weights."""

    def loss(self, v, x, generator):
        from estibench_score.importance_flow import logit_normal

        noise = torch.randn(x.shape, generator=generator, dtype=x.dtype)
        q = logit_normal(v.times, self.location, self.scale)
        k = (torch.rand((len(x), 1), generator=generator, dtype=x.dtype) >= q.cumsum(0)[:-1]).sum(-1, keepdim=True)
        x_t, rate = v.bridge(noise, x, k)
        return 0.5 * (v(x_t, k) - rate).square().sum(-1).mean()


class Backwards(VelocityEstimator):
    """Noise and data exchanged."""

    def loss(self, v, x, generator):
        k = v.any_times(x, generator)
        x_t, rate = v.bridge(x, torch.randn(x.shape, generator=generator, dtype=x.dtype), k)
        return 0.5 * (v(x_t, k) - rate).square().sum(-1).mean()


@pytest.mark.parametrize("wrong", [AtTheData, StraightOnly, Unweighted, Backwards, OTFlow])
def test_what_is_wrong_is_found(build, draw, wrong):
    """On the variance-preserving path, where a straight target is wrong; refuted at 1e-6."""
    problem = _problem(build, path="variance_preserving", dim=1, batch=128)
    estimator = wrong(location=1.5, scale=0.7) if wrong is Unweighted else wrong()
    assert _p_value(draw, estimator, problem, 4096) < 1e-6


@pytest.mark.parametrize(("path", "time"), [*((path, None) for path in PATHS), ("linear", 0.2)])
def test_variances_on_normal_data_are_the_closed_forms(build, draw, spread, path, time):
    """Within 6 standard errors, each about 1.3 %, of the variance of 10 000 draws: 15 tests, 3e-8 in all."""
    problem = _problem(build, path=path, time=time)
    found = {}
    for name, parameters in ESTIMATORS:
        estimator = build("estimator", name, **parameters)
        (claim,) = (claim for claim in estimator.claims if claim.statement.startswith("variance"))
        claimed = claim.formula(problem, estimator)
        variance, error = spread(draw(estimator, problem, 10_000))
        assert abs(variance - claimed) < 6 * error, (name, parameters)
        found[name, parameters.get("times", "")] = claimed
    stratified, antithetic = found["conditional_flow", "stratified"], found["conditional_flow", "antithetic"]
    if time is None:
        assert found["explicit_flow", ""] < found["conditional_flow", ""]
        assert max(stratified, antithetic) < 0.98 * found["conditional_flow", ""]
    else:  # one time: nothing to stratify, reflect or weigh
        rest = [value for (name, _), value in found.items() if name != "explicit_flow"]
        assert rest == pytest.approx([rest[0]] * 4)


def test_a_broken_variance_is_found(build, draw, spread):
    """Any other time for the mirror, and one time for the whole batch: both unbiased, neither as claimed."""
    problem = _problem(build)

    class AnotherTime(ConditionalFlow):
        def loss(self, v, x, generator):
            noise, losses = torch.randn(x.shape, generator=generator, dtype=x.dtype), []
            for one in (v.any_times(x, generator), v.any_times(x, generator)):
                x_t, rate = v.bridge(noise, x, one)
                losses.append(0.5 * (v(x_t, one) - rate).square().sum(-1).mean())
            return sum(losses) / 2

    class OneTime(ConditionalFlow):
        def loss(self, v, x, generator):
            k = v.any_times(x[:1], generator).expand(len(x), 1)
            x_t, rate = v.bridge(torch.randn(x.shape, generator=generator, dtype=x.dtype), x, k)
            return 0.5 * (v(x_t, k) - rate).square().sum(-1).mean()

    for wrong in (AnotherTime(times="antithetic"), OneTime()):
        values = draw(wrong, problem, 10_000)
        variance, error = spread(values)
        assert abs(variance - wrong.claims[1].formula(problem, wrong)) > 6 * error
        assert ((values.mean(0) - problem.truth).abs() < 6 * values.std(0) / len(values) ** 0.5).all()


def test_times_are_stratified_for_every_batch(build):
    """Every time has its share, ⌊B/T⌋ or one more, and in the mean over r exactly B/T."""
    for batch, T in ((4, 4), (8, 4), (7, 4), (3, 5)):
        counts = torch.zeros(T)
        for r in range(T):
            k = (T * torch.arange(batch) + r) // batch
            share = torch.bincount(k, minlength=T)
            assert share.min() >= batch // T
            assert share.max() <= -(-batch // T)
            counts += share
        torch.testing.assert_close(counts / T, torch.full((T,), batch / T))


@pytest.mark.parametrize("path", PATHS)
def test_the_bias_of_sorted_pairs(build, draw, path):
    """In one dimension, per component within 6 standard errors, 4e-9 in all; the bias is at least 10 of them, and a
    batch of one has none.
    """
    problem = _problem(build, path=path, dim=1)
    values = draw(OTFlow(), problem, 20_000)
    error = values.std(0) / len(values) ** 0.5
    bias = sorting_bias(problem, OTFlow())
    assert ((values.mean(0) - problem.truth - bias).abs() < 6 * error).all()
    assert (bias / error).abs().max() > 10
    alone = _problem(build, path=path, dim=1, batch=1)
    assert float(sorting_bias(alone, OTFlow()).norm()) < 1e-12
    assert _p_value(draw, OTFlow(), alone, 4096) > 1e-6
    assert sorting_bias(_problem(build, path=path), OTFlow()) is None


def test_the_correlation_of_sorted_samples():
    """κ_1 = 0; E max of 2 and of 3 normals is 1/√π and 3/2√π; a maximum of B has about √(2 log B)."""
    assert sorted_correlation(1) == pytest.approx(0, abs=1e-14)
    assert sorted_correlation(2) == pytest.approx(1 / math.pi)
    assert sorted_correlation(3) == pytest.approx(1.5 / math.pi)
    assert 0.9 < sorted_correlation(64) < sorted_correlation(512) < 1


def test_the_assignment_is_the_best_permutation():
    generator = torch.Generator().manual_seed(0)
    for m in (1, 3):
        noise, x = (torch.randn(5, m, generator=generator, dtype=torch.float64) for _ in range(2))
        one, other = paired(noise, x)
        least = min(float((noise - x[list(order)]).square().sum()) for order in itertools.permutations(range(5)))
        assert float((one - other).square().sum()) == pytest.approx(least)
        assert sorted(one[:, 0].tolist()) == sorted(noise[:, 0].tolist())
        assert sorted(other[:, 0].tolist()) == sorted(x[:, 0].tolist())


@pytest.mark.parametrize(("name", "parameters"), [*ESTIMATORS, ("ot_flow", {})])
def test_work_is_counted_as_claimed(build, name, parameters):
    problem, estimator = _problem(build), build("estimator", name, **parameters)
    problem.prepare()
    with counting() as counts:
        estimator.estimate(problem, torch.Generator().manual_seed(0))
    (claim,) = (claim for claim in estimator.claims if "evaluation" in claim.statement)
    assert dict(counts) == {"evaluation": claim.formula(problem, estimator)}
    assert counts["evaluation"] == (2 if parameters.get("times") == "antithetic" else 1)


@pytest.mark.parametrize(("name", "parameters"), ESTIMATORS)
def test_one_call_and_many_agree(build, draw, name, parameters):
    """Plain autograd for one estimate, `torch.func` for many: z-tests of every component at 6.5 errors."""
    problem = _problem(build, model="mlp", density=MIXTURE)
    estimator = build("estimator", name, **parameters)
    many, generator = draw(estimator, problem, 2000), torch.Generator().manual_seed(1)
    single = torch.stack([estimator.estimate(problem, generator) for _ in range(64)])
    error = (many.var(0) / len(many) + single.var(0) / len(single)).sqrt()
    assert ((many.mean(0) - single.mean(0)).abs() <= 6.5 * error + 1e-10).all()


def test_a_network_sees_the_time(build):
    problem = _problem(build, model="mlp", density=MIXTURE)
    v, x = problem.field(problem.theta, transformed=False), torch.ones(1, 2, dtype=torch.float64)
    early, late = (v(x, torch.tensor([[k]])) for k in (0, 3))
    assert float((early - late).norm()) > 1e-3


def test_a_time_of_its_own_is_the_grids_part(build):
    """The truth on the grid is the mean of the truths at its times."""
    problem = _problem(build)
    alone = [_problem(build, time=at.time).truth for at in problem.points]
    torch.testing.assert_close(torch.stack(alone).mean(0), problem.truth)
    torch.testing.assert_close(exact_gradients(problem), torch.stack(alone))


@pytest.mark.parametrize("path", PATHS)
def test_the_denoiser_is_minus_sigma_times_the_score_of_a_mixture(build, path):
    """η_t = E[x_0 | x_t] = Σ r_k σ(x − αμ_k)/(α²τ_k² + σ²), which is −σ∇log Σ w_k N(αμ_k, α²τ_k² + σ²) by autograd."""
    density = build("density", "gaussian_mixture", dim=3, layout="random", spread=1.5, scale=1.0)
    means, weights, deviations = density.clean_components
    at = point(path, 0.3).denoiser
    x = 2 * torch.randn(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x.requires_grad_()
    variance = at.alpha**2 * deviations**2 + at.sigma**2
    off = x[:, None] - at.alpha * means
    parts = weights.log() - 1.5 * variance.log() - 0.5 * off.square().sum(-1) / variance
    r = parts.softmax(-1)
    expected = (r[..., None] * at.sigma * off / variance[:, None]).sum(1)
    found = MarginalVelocity(density, at)(x.detach())
    torch.testing.assert_close(found, expected.detach(), rtol=1e-9, atol=1e-9)
    (score,) = torch.autograd.grad(parts.logsumexp(-1).sum(), x)
    torch.testing.assert_close(found, -at.sigma * score, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("path", PATHS)
def test_the_denoisers_truth_on_normal_data(build, path):
    """η_t = σS⁻¹(x − αm), S = α²C + σ²I, so that ½E‖v − η‖² = ½tr ASAᵀ + ½‖P(αm − μ)‖² with A = P + σS⁻¹:
    differentiated by autograd, float64."""
    problem = _problem(build, path=path, regression="denoiser")
    mean, covariance = problem.density.mean, problem.density.covariance_matrix
    theta, objective = problem.initial.clone().requires_grad_(), 0
    W, centre = theta[:4].reshape(2, 2), theta[4:]
    P = (W + W.T) / 2
    for at in problem.points:
        S = at.alpha**2 * covariance + at.sigma**2 * torch.eye(2, dtype=torch.float64)
        A = P + at.sigma * torch.linalg.inv(S)
        objective += 0.5 * (A @ S @ A.T).trace() + 0.5 * (P @ (at.alpha * mean - centre)).square().sum()
    (expected,) = torch.autograd.grad(objective / len(problem.points), theta)
    torch.testing.assert_close(problem.truth, expected)


def test_objectives_of_a_denoiser_have_its_mean_and_variance(build, draw, spread):
    """Each objective, with no change of its own, on the twin: 10 000 draws, every component of the mean within 6
    errors, and so the variance; 35 tests, 7e-8 in all. The velocity's target is refuted there."""
    problem = _problem(build, regression="denoiser")
    for name, parameters in ESTIMATORS:
        estimator = build("estimator", name, **parameters)
        values = draw(estimator, problem, 10_000)
        (claim,) = (claim for claim in estimator.claims if claim.statement.startswith("variance"))
        variance, error = spread(values)
        assert abs(variance - claim.formula(problem, estimator)) < 6 * error, (name, parameters)
        assert ((values.mean(0) - problem.truth).abs() < 6 * values.std(0) / 100).all(), (name, parameters)
    assert _p_value(draw, StraightOnly(), problem, 4096) < 1e-6
