"""The problem of sampling: starts, records, references, what is counted, and what is refused."""

from __future__ import annotations

import pytest
import torch

from estibench import Unsupported, counting

SAMPLERS = [
    ("exact_sampler", {}),
    ("ula", {}),
    ("mala", {}),
    ("hmc", {"leapfrogs": 3}),
    ("leimkuhler_matthews", {}),
    ("underdamped", {}),
    ("gradient_ascent", {}),
    ("annealed_langevin", {"levels": 4}),
    ("reverse_sde", {}),
    ("reverse_sde", {"process": "vp"}),
    ("predictor_corrector", {}),
    ("sgld", {"step_size": 1e-4}),
]
STEPS = 8


def _problem(build, density="gaussian_mixture", **parameters):
    return build("problem", "sampling", density={"name": density}, **{"dim": 2, "chains": 16, **parameters})


@pytest.mark.parametrize(("name", "parameters"), SAMPLERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_sampler_returns_its_chains_at_the_cost_that_it_claims(build, name, parameters, dtype):
    problem = (
        build("problem", "sampling", density={"name": "linear_posterior"}, dim=10, chains=16)
        if name == "sgld"
        else _problem(build)
    ).at("cpu", dtype)
    sampler = build("estimator", name, **parameters, **({} if name == "exact_sampler" else {"steps": STEPS}))
    with counting() as counts:
        samples = sampler.estimate(problem, torch.Generator().manual_seed(0))
    assert samples.points.shape == (1, 16, problem.dim)
    assert samples.points.dtype == problem.torch_dtype
    assert samples.points.isfinite().all()
    claimed = {claim.unit: claim.formula(problem, sampler) for claim in sampler.claims if hasattr(claim, "unit")}
    assert {unit: counts.get(unit, 0) for unit in claimed} == claimed


@pytest.mark.parametrize(("name", "parameters"), SAMPLERS)
def test_the_same_seed_gives_the_same_samples(build, name, parameters):
    problem = build("problem", "sampling", density={"name": "linear_posterior"}, dim=10, chains=16)
    sampler = build("estimator", name, **parameters)
    one, again, other = (sampler.estimate(problem, torch.Generator().manual_seed(seed)).points for seed in (0, 0, 1))
    assert one.equal(again)
    assert not one.equal(other)


def test_records_are_spread_over_the_second_half(build):
    problem = _problem(build, records=4)
    assert problem.recorded_steps(100) == {64, 76, 88, 100}
    assert problem.recorded_steps(4) == {1, 2, 3, 4}
    with pytest.raises(Unsupported, match="3 steps are too few for 4 records"):
        problem.recorded_steps(3)
    samples = build("estimator", "ula", steps=100).estimate(problem, torch.Generator().manual_seed(0))
    assert samples.points.shape == problem.estimate_shape == (4, 16, 2)
    with pytest.raises(Unsupported, match="only its last state"):
        build("estimator", "reverse_sde").estimate(problem, torch.Generator().manual_seed(0))


def test_chains_start_where_the_problem_says(build):
    generator = torch.Generator().manual_seed(0)
    wide = _problem(build, chains=20_000, start_scale=3.0).starting_points(generator)
    assert wide.std(0).tolist() == pytest.approx([3.0, 3.0], rel=0.03)
    mode = _problem(build, start="mode").starting_points(generator)
    torch.testing.assert_close(mode, _problem(build).density.modes[:1].expand(16, 2))
    exact = _problem(build, chains=20_000, start="exact").starting_points(generator)
    torch.testing.assert_close(exact.T.cov(), _problem(build).density.covariance_matrix, rtol=0.05, atol=0.05)
    with pytest.raises(Unsupported, match="where its modes are"):
        _problem(build, "rings", start="mode").starting_points(generator)


@pytest.mark.parametrize("density", ["gaussian", "gaussian_mixture", "banana", "student_t", "rings", "funnel"])
def test_samples_of_the_density_have_the_least_errors(build, measure, density):
    """Each error of exact samples is smaller than that of the same points shifted by two of the density's scales."""
    problem = _problem(build, density, chains=256)
    problem.prepare()
    samples = build("estimator", "exact_sampler").estimate(problem, torch.Generator().manual_seed(0))
    shifted = samples._replace(points=samples.points + 2 * problem.reference.samples.scale)
    assert problem.discrepancy(samples) < problem.discrepancy(shifted)
    right, wrong = problem.errors(samples, None), problem.errors(shifted, None)
    assert {"energy_distance", "mmd", "ksd"} <= set(right)
    assert all(right[name] < wrong[name] for name in {"energy_distance", "mmd", "ksd", "mean"} & set(right))


def test_the_resolution_falls_with_the_root_of_the_chains(build, measure):
    """Sixteen times as many chains: a quarter of the sliced Wasserstein distance, within 30 %."""
    few, many = (
        measure(build("estimator", "exact_sampler"), _problem(build, "gaussian", chains=chains), 12).draws.mean()
        for chains in (32, 512)
    )
    assert few / many == pytest.approx(4, rel=0.3)


def test_a_density_without_an_exact_sampler_is_judged_by_stein(build):
    problem = _problem(build, "phi4")
    problem.prepare()
    samples = build("estimator", "mala", steps=200).estimate(problem, torch.Generator().manual_seed(0))
    assert problem.discrepancy(samples) == problem.errors(samples, None)["ksd"]
    assert set(problem.errors(samples, None)) == {"ksd"}
    assert "Stein" in problem.truth_source
    far = samples._replace(points=samples.points + 3)
    assert problem.discrepancy(far) > 2 * problem.discrepancy(samples)
    with pytest.raises(Unsupported, match="no exact sampler"):
        build("estimator", "exact_sampler").estimate(problem, torch.Generator().manual_seed(0))


def test_annealing_crosses_modes_that_langevin_cannot(build):
    """From one of two modes, 16 standard deviations apart. Weights 0.2 and 0.8: of 400 chains 0.8 ± 0.1."""
    problem = _problem(build, chains=400, start="mode")

    def share_of_heavy(name, **parameters):
        points = build("estimator", name, **parameters).estimate(problem, torch.Generator().manual_seed(0)).points
        return float((points[-1, :, 0] > 0).double().mean())

    at_start = float(problem.starting_points(torch.Generator())[0, 0] > 0)
    assert share_of_heavy("ula", steps=300, step_size=0.1) == at_start
    assert share_of_heavy("mala", steps=300, step_size=0.1) == at_start
    assert share_of_heavy("gradient_ascent", steps=300) == at_start
    for name in ("annealed_langevin", "reverse_sde", "predictor_corrector"):
        assert share_of_heavy(name, steps=300) == pytest.approx(0.8, abs=0.1)


def test_without_noise_chains_collapse_to_modes(build):
    """Gradient ascent, and ULA at temperature 0: every chain ends within 10⁻³ of a mode. ULA at 1 does not."""
    problem = _problem(build, chains=64, start_scale=4.0)
    modes = problem.density.modes

    def distance(name, **parameters):
        points = build("estimator", name, steps=400, **parameters).estimate(problem, torch.Generator().manual_seed(0))
        return torch.cdist(points.points[-1], modes).min(1).values

    assert distance("gradient_ascent").max() < 1e-3
    assert distance("ula", temperature=0.0).max() < 1e-3
    assert distance("ula").median() > 0.1


def test_what_does_not_go_together_says_so(build):
    generator = torch.Generator().manual_seed(0)
    with pytest.raises(Exception, match="12 steps are too few for 20 levels"):
        build("estimator", "annealed_langevin", steps=12, levels=20)
    with pytest.raises(Exception, match="sigma_min is 3, expected at most sigma_max, 1"):
        build("estimator", "reverse_sde", sigma_max=1.0, sigma_min=3.0)
    with pytest.raises(Unsupported, match="no exact convolution"):
        build("estimator", "annealed_langevin").estimate(_problem(build, "rings"), generator)
    with pytest.raises(Unsupported, match="no posterior of data"):
        build("estimator", "sgld").estimate(_problem(build), generator)
