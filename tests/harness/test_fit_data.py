"""Data of fits: what they are judged by and compared with has one home, whatever the model."""

import dataclasses

import pytest
import torch

from estibench import SampleReference
from estibench.host.components import ParameterError


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def reference(law, counted=0):
    return SampleReference.of(law.sample(64, stream()), stream(1), lambda x: x, law, counted)


@pytest.mark.parametrize(
    ("name", "parameters", "modes"),
    [
        ("gaussian_mixture", {"layout": "ring"}, 8),
        ("gaussian_mixture", {"layout": "two_modes", "dim": 32}, 2),
        ("gaussian_mixture", {"layout": "two_modes", "dim": 33}, None),
        ("many_well", {"dim": 12}, 64),
        ("many_well", {"dim": 14}, None),  # 128
        ("gaussian", {}, None),  # of one mode there is nothing to compare
        ("rings", {}, None),  # none is known
    ],
)
def test_modes_are_counted_where_there_are_2_to_64_in_up_to_32_dimensions(build, name, parameters, modes):
    found = reference(build("density", name, **parameters))
    assert (None if found.modes is None else len(found.modes)) == modes
    assert (found.shares is None) == (modes is None)
    assert ("mode_weights" in found.distances(torch.zeros(3, found.points.shape[1]).double())) == (modes is not None)


def test_beyond_32_dimensions_nobody_looks_for_modes(build):
    """Of a kernel density of 1797 images that would be a search of seconds."""
    law = build("density", "gaussian_mixture", dim=33)
    watched = type("Watched", (type(law),), {"modes": property(lambda self: pytest.fail("looked for modes"))})
    found = SampleReference.of(law.sample(64, stream()), stream(1), lambda x: x, watched(**vars_of(law)))
    assert found.modes is None


def vars_of(made):
    return {field.name: getattr(made, field.name) for field in dataclasses.fields(made)}


def test_shares_are_of_further_samples_where_so_many_are_counted(build):
    """0.2 and 0.8 by 2^14 of them, within six standard errors: 2e-9; by 64 they are multiples of 1/64."""
    law = build("density", "gaussian_mixture", layout="two_modes", spread=8.0)
    few, many = (reference(law, counted).shares for counted in (0, 2**14))
    assert torch.equal((64 * few).round(), 64 * few)
    assert abs(float(many.min()) - 0.2) < 6 * (0.2 * 0.8 / 2**14) ** 0.5


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("vq_density", {"codes": 2, "data": 8, "test": 16}),
        ("vae_density", {"data": 8, "test": 16}),
        ("density_fit", {"held_out": 16}),
        ("residual_density_fit", {"held_out": 16}),
    ],
)
def test_the_truth_on_a_density_is_its_own_score_with_its_normaliser(build, name, parameters):
    """−mean log p(x) with ∫ e^{log_prob} by the trapezoidal rule, whose error is below 1e-9 for such laws."""
    problem = build("problem", name, density={"name": "double_well"}, **parameters)
    grid = torch.linspace(-8, 8, 801, dtype=torch.float64)
    plane = torch.cartesian_prod(grid, grid)
    log_z = float(problem.density.log_prob(plane).logsumexp(0)) + 2 * torch.tensor(0.02).log().item()
    assert abs(log_z) > 0.1  # a wrong sign would show
    expected = log_z - float(problem.density.log_prob(problem.exact_held_out).mean())
    torch.testing.assert_close(problem.truth, torch.full_like(problem.truth, expected), rtol=1e-6, atol=0)
    assert len(problem.truth) == len(problem.checkpoints)
    assert problem.law is problem.density


@pytest.mark.parametrize("name", ["vq_density", "vae_density", "density_fit", "residual_density_fit"])
def test_a_density_whose_entropy_is_not_known_is_refused(build, name):
    with pytest.raises(ParameterError, match="Phi4 is not normalised, so its entropy is not known"):
        build("problem", name, density={"name": "phi4"})


def test_the_default_that_a_class_declares_is_the_one_that_problems_have(host):
    """A base that is named first hands on the defaults of its own bases, over those of a base that is named second:
    residual flows declared a rate of 0.03 and trained at 0.02."""
    wrong = [
        f"{entry.name}.{field.name}: {field.default} hides {getattr(kind, field.name)}"
        for entry in host.problems
        for kind in [entry.load()]
        for field in dataclasses.fields(kind)
        if field.default is not dataclasses.MISSING and getattr(kind, field.name) != field.default
    ]
    assert wrong == []
