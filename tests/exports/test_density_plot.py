"""Pictures of densities: the window, the contours' masses, and files that can be read."""

from __future__ import annotations

import pytest
import torch

from estibench.exports.density_plot import MASSES, draw_density, view_of

CASES = [
    ("gaussian", {"covariance": "full"}),
    ("gaussian_mixture", {"layout": "ring"}),
    ("funnel", {}),
    ("rings", {}),
    ("exponential", {}),
]


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_pictures_are_written_in_the_format_of_their_suffix(build, tmp_path, name, parameters):
    density = build("density", name, **parameters)
    for suffix, start in (("svg", b"<?xml"), ("png", b"\x89PNG")):
        path = draw_density(density, tmp_path / f"{name}.{suffix}", title=name)
        assert path.read_bytes().startswith(start)


def test_the_window_holds_the_samples_and_contours_hold_their_mass(build):
    """Of a normal density: {log p ≥ c} with mass q is the disc of radius² −2 log(1 − q). Quantiles of 4 000 samples."""
    view = view_of(build("density", "gaussian"))
    inside = (view.samples[:, 0] > view.x[0]) & (view.samples[:, 0] < view.x[-1])
    assert inside.double().mean() > 0.98
    masses = torch.tensor(MASSES, dtype=torch.float64)
    expected = (1 - masses).log() - torch.log(torch.tensor(2 * torch.pi))
    assert (view.levels - expected).abs().max() < 0.4
    assert view.levels.diff().gt(0).all()


def test_other_dimensions_are_refused_in_words(build, tmp_path):
    with pytest.raises(ValueError, match="only densities in two dimensions are drawn; this one has dim 3"):
        draw_density(build("density", "gaussian", dim=3), tmp_path / "x.svg")
