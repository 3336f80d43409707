"""VQ-VAEs in training: a step is that of the loss by autograd, codes by moving averages are those by hand, and what
judges the model is a sum over all codes, here by its definition."""

import itertools
import math
from dataclasses import dataclass

import pytest
import torch

from estibench import Cost, Fit, Unsupported, counting
from estibench.host.components import ParameterError
from estibench_discrete.code_prior import CodePrior
from estibench_discrete.codebook_loss import CodebookLoss
from estibench_discrete.rotation_trick import RotationTrick
from estibench_discrete.vq_straight_through import VQStraightThrough

SMALL = {"codes": 3, "positions": 2, "dim": 2, "hidden": 4, "batch": 6, "data": 40, "test": 7}
K, L, d = 3, 2, 2


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def density(build):
    """`density(**parameters)`: a small VQ-VAE of a mixture of normals, ready."""

    def density(**parameters):
        given = SMALL | parameters
        problem = build("problem", "vq_density", density={"name": "gaussian_mixture"}, **given)
        problem.prepare()
        return problem

    return density


def moved(problem):
    """Parameters that are nowhere special."""
    return tuple(p + 0.3 * torch.randn(p.shape, generator=stream(9), dtype=p.dtype).abs() for p in problem.start())


def standing(problem, parameters):
    """A fit that stays where it is."""
    return Fit(tuple(one[None].expand(len(problem.checkpoints), *one.shape) for one in parameters))


def encoded(parameters, x):
    W, b, V, c = parameters[:4]
    return (torch.tanh(x @ W.T + b) @ V.T + c).reshape(*x.shape[:-1], L, d)


def log_p(parameters, vectors, x):
    """log p(x | vectors), (…,), by torch's law."""
    W, b, V, c, gamma = parameters[4:9]
    mean = torch.tanh(vectors.flatten(-2) @ W.T + b) @ V.T + c
    return torch.distributions.Normal(mean, gamma.exp()).log_prob(x).sum(-1)


def nearest(parameters, x):
    return (encoded(parameters, x)[..., None, :] - parameters[9]).norm(dim=-1).argmin(-1)


@pytest.mark.parametrize("beta", [0.0, 0.7])
def test_a_step_of_straight_through_is_autograds_of_the_loss(density, beta):
    """−log p(x | v + sg[e − v]) + ‖sg[v] − e‖² + β‖v − sg[e]‖², in all parameters."""
    problem = density(commitment=beta)
    parameters = moved(problem)
    batch = problem.minibatch(parameters, stream(1))
    found = batch.pull(VQStraightThrough().gradient(batch, stream()))
    leaves = tuple(one.clone().requires_grad_() for one in parameters)
    v = encoded(leaves, batch.x)
    e = leaves[9][nearest(parameters, batch.x)]
    loss = -log_p(leaves, v + (e - v).detach(), batch.x)
    loss = loss + ((v.detach() - e).square() + beta * (v - e.detach()).square()).sum((-2, -1))
    expected = torch.autograd.grad(loss.mean(), leaves, allow_unused=True, materialize_grads=True)
    assert len(found) == len(expected) == 11
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)
    assert all(float(one.norm()) > 1e-3 for one in found[:10])


def test_the_codebook_moves_by_the_gradient_of_its_own_estimator(density):
    """Where a quantiser is asked at ½‖·‖² of a batch, `codebook_loss` is that gradient: 2 Σ (e_c − v)."""
    problem = density()
    batch = problem.minibatch(moved(problem), stream(1))
    squares = type("Squares", (type(batch),), {"loss_at": lambda self, point: (self.outputs - point).square().sum(-1)})
    same = squares(batch.network, batch.parameters, batch.x, 1.0, 0.0, None)
    found = batch.pull(torch.zeros_like(batch.outputs))[9]
    torch.testing.assert_close(found, CodebookLoss().gradient(same, stream()) / len(batch.x))


def test_the_exact_gradient_past_the_logits_is_that_of_the_smoothed_loss(density, build):
    """∇_v Σ_c q(c) f(c), q(c) the product over positions of softmax(−‖v − e‖²/T), by autograd over all sequences."""
    problem = density(temperature=0.6)
    parameters = moved(problem)
    step = problem.at_parameters(parameters, stream(1))
    batch = problem.minibatch(parameters, stream(1))
    slope, _ = build("estimator", "enumeration").step(step.objective, step.logits, (), stream())
    v = encoded(parameters, batch.x).requires_grad_()
    q = torch.softmax(-(v[..., None, :] - parameters[9]).square().sum(-1) / 0.6, -1)
    total = 0.0
    for i, j in itertools.product(range(K), repeat=2):
        vectors = parameters[9][[i, j]].expand(len(batch.x), L, d)
        total = total - (q[:, 0, i] * q[:, 1, j] * log_p(parameters, vectors, batch.x)).sum()
    (expected,) = torch.autograd.grad(total, v)
    torch.testing.assert_close(batch.towards(slope).reshape(v.shape), expected, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(step.pull(slope), batch.pull(expected.flatten(0, 1)))
    torch.testing.assert_close(batch.probabilities.reshape(q.shape), q.detach())


def test_a_rotation_turns_each_vector_by_itself(density):
    problem = density()
    batch = problem.minibatch(moved(problem), stream(1))
    straight, rotated = (one.gradient(batch, stream()) for one in (VQStraightThrough(), RotationTrick()))
    codes = batch.codebook[batch.nearest]
    assert straight.shape == rotated.shape == codes.shape == (6 * L, d)
    scale = codes.norm(dim=-1) / batch.outputs.norm(dim=-1)
    torch.testing.assert_close(rotated.norm(dim=-1), straight.norm(dim=-1) * scale)
    angles = [torch.cosine_similarity(a, b, dim=-1) for a, b in ((rotated, batch.outputs), (straight, codes))]
    torch.testing.assert_close(*angles)


def test_codes_follow_their_data_by_moving_averages_as_by_hand(density, build):
    """N ← δN + (1 − δ) n, m ← δm + (1 − δ) s and e = m/N, code by code over two steps; Adam leaves them alone."""
    problem = density(codebook="ema", decay=0.8, steps=2)
    fit = build("estimator", "vq_straight_through").estimate(problem, stream(4))
    assert problem.checkpoints == (0, 1, 2)
    generator = stream(4)
    N, e = [6 * L / K] * K, [one.clone() for one in problem.start()[9]]
    for step in range(2):
        before = tuple(one[step] for one in fit.snapshots)
        x = problem.training[torch.randint(40, (6,), generator=generator)]
        v, codes = encoded(before, x).flatten(0, 1), nearest(before, x).flatten()
        for k in range(K):
            own = v[codes == k]
            m = 0.8 * N[k] * e[k] + 0.2 * own.sum(0)
            N[k] = 0.8 * N[k] + 0.2 * len(own)
            e[k] = m / N[k]
        torch.testing.assert_close(fit.snapshots[9][step + 1], torch.stack(e), rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(fit.snapshots[10][step + 1], torch.tensor(N, dtype=torch.float64))
    assert not torch.equal(fit.snapshots[9][0], fit.snapshots[9][1])


def test_a_code_that_is_never_used_stays(density):
    problem = density(codebook="ema")
    *others, codes, counts = moved(problem)
    far = torch.cat([codes[:2], torch.full((1, d), 1e6, dtype=torch.float64)])
    parameters = (*others, far, counts * torch.tensor([1.0, 1.0, 0.0]))
    after = problem.after_step(parameters, ((), problem.minibatch(parameters, stream()).seen))
    assert torch.equal(after[9][2], far[2])
    assert not torch.equal(after[9][:2], far[:2])


def test_the_likelihood_is_the_sum_over_all_codes_and_so_are_the_readings(density):
    problem = density()
    parameters = moved(problem)
    codes = nearest(parameters, problem.training)
    first = (torch.bincount(codes[:, 0], minlength=K) + 0.5) / (40 + 0.5 * K)
    likelihoods = torch.zeros(7, dtype=torch.float64)
    own = nearest(parameters, problem.held_out)
    two_part = torch.zeros(7, dtype=torch.float64)
    for i, j in itertools.product(range(K), repeat=2):
        after = (codes[:, 0] == i).double()
        follows = ((after * (codes[:, 1] == j)).sum() + 0.5) / (after.sum() + 0.5 * K)
        here = log_p(parameters, parameters[9][[i, j]].expand(7, L, d), problem.held_out) + (first[i] * follows).log()
        likelihoods += here.exp()
        two_part = torch.where((own == torch.tensor([i, j])).all(-1), -here, two_part)
    expected = -likelihoods.log()
    assert float(problem.loss(parameters)) == pytest.approx(float(expected.mean()))
    problem.__dict__["_reference"] = None  # distances of samples are the host's
    readings = problem.readings(standing(problem, parameters), None)
    assert float(readings["data_error"]) == pytest.approx(float(expected.std()) / 7**0.5)
    assert float(readings["gap"]) == pytest.approx(float((two_part - expected).mean()))
    assert float(readings["gap"]) > 0
    shares = torch.bincount(codes.flatten(), minlength=K) / 80
    assert float(readings["perplexity"]) == pytest.approx(math.exp(-float(torch.special.xlogy(shares, shares).sum())))


@pytest.mark.parametrize("positions", [1, 2, 3])
def test_a_prior_is_a_law_and_its_samples_have_it(positions):
    """Shares of 20 000 samples within 5 standard errors of each of at most 27: rate below 2e-5."""
    codes = torch.randint(3, (50, positions), generator=stream()) * torch.randint(2, (50, 1), generator=stream(1))
    prior = CodePrior.of(codes, 3)
    every = torch.cartesian_prod(*[torch.arange(3)] * positions).reshape(-1, positions)
    p = prior.log_prob(every).exp()
    assert float(p.sum()) == pytest.approx(1)
    if positions == 1:
        torch.testing.assert_close(p, (torch.bincount(codes[:, 0], minlength=3).double() + 0.5) / 51.5)
    found = prior.sample(20_000, stream(2))
    shares = (found[:, None] == every).all(-1).double().mean(0)
    assert float(((shares - p) / (p * (1 - p) / 20_000).sqrt()).abs().max()) < 5


def test_samples_have_the_models_mean_and_covariance(density):
    """Of 20 000 samples, within six standard errors."""
    problem = density()
    parameters = moved(problem)
    x = problem.samples(standing(problem, parameters), None, 20_000, stream(3))
    prior = CodePrior.of(nearest(parameters, problem.training), K)
    every = torch.cartesian_prod(torch.arange(K), torch.arange(K))
    W, b, V, c, gamma = parameters[4:9]
    means = torch.tanh(parameters[9][every].flatten(1) @ W.T + b) @ V.T + c
    p = prior.log_prob(every).exp()[:, None]
    mean = (p * means).sum(0)
    covariance = (p * (means - mean)).mT @ (means - mean) + (2 * gamma).exp().diag()
    largest = float(covariance.diagonal().max())
    assert float((x.mean(0) - mean).abs().max()) < 6 * (largest / 20_000) ** 0.5
    assert float((torch.cov(x.mT) - covariance).abs().max()) < 6 * largest * (2 / 20_000) ** 0.5


@pytest.mark.parametrize(
    ("name", "parameters", "spent"),
    [
        ("vq_straight_through", {}, 3),
        ("rotation_trick", {"assignment": "sampled"}, 3),
        ("gumbel_softmax", {}, 3),
        ("reinforce", {"baseline": "moving_average"}, 3),
        ("enumeration", {}, 27),
    ],
)
def test_costs_count_every_step(density, build, name, parameters, spent):
    problem, estimator = density(steps=3), build("estimator", name, **parameters)
    with counting() as counts:
        estimator.estimate(problem, stream())
    (cost,) = (claim for claim in estimator.claims if isinstance(claim, Cost))
    assert counts["evaluation"] == cost.formula(problem, estimator) == spent


@dataclass(frozen=True)
class WrongSign(VQStraightThrough):
    """The gradient uphill."""

    def with_codes(self, problem, z):
        return -super().with_codes(problem, z)


@pytest.mark.parametrize("codebook", ["gradient", "ema"])
def test_training_learns_two_modes_and_the_wrong_sign_does_not(build, draw, codebook):
    """All four runs, side by side, end nearer to the truth than any along the gradient uphill, and below half of the
    excess at the start. Seeds are fixed."""
    given = {"codes": 6, "hidden": 8, "batch": 32, "steps": 60, "rate": 0.05, "data": 256, "test": 64}
    problem = build("problem", "vq_density", density={"name": "gaussian_mixture"}, codebook=codebook, **given)
    right, wrong = (draw(one, problem, 4) - problem.truth for one in (VQStraightThrough(), WrongSign()))
    assert float(right[:, -1].max()) < 0.5 * float(right[0, 0])
    assert float(right[:, -1].max()) < float(wrong[:, -1].min())


def test_digits_are_those_of_vae_digits_in_its_units(build):
    problem, other = (build("problem", name) for name in ("vq_digits", "vae_digits"))
    assert torch.equal(problem.training, other.training)
    assert torch.equal(problem.held_out, other.held_out)
    assert (problem.unit, problem.offset) == (other.unit, other.offset)
    x = problem.dequantised(problem.training[:50], stream())
    levels = (x + 1) * 17 / 2
    assert torch.equal(levels.floor(), problem.training[:50])
    torch.testing.assert_close((problem.counted + 1) * 17 / 2, problem.training + 0.5)


def test_what_cannot_be_done_is_refused(density, build):
    with pytest.raises(ParameterError, match=r"11\^3 sequences of codes are more than 1024"):
        density(codes=11, positions=3)
    with pytest.raises(ParameterError, match="not normalised"):
        build("problem", "vq_density", density={"name": "phi4"})
    with pytest.raises(Unsupported, match="needs a codebook and its codebook loss"):
        build("estimator", "codebook_loss").estimate(density(), stream())
    with pytest.raises(Unsupported, match="needs a codebook and its reconstruction loss"):
        build("estimator", "rotation_trick").estimate(build("problem", "bernoulli_fit"), stream())
