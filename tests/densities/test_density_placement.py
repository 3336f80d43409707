"""Batches, vmap, dtypes, devices and seeds."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch.func import vmap
from torch.overrides import TorchFunctionMode

from estibench import LaplacianDensity, Placed

FUNCTIONS = ("log_prob", "score", "laplacian")


def test_any_leading_batch_dimensions(density, points):
    for function in FUNCTIONS:
        f = getattr(density, function)
        expected = f(points)
        tail = expected.shape[1:]
        for batch in ((8,), (2, 4), (2, 1, 4)):
            found = f(points.reshape(*batch, density.dim))
            assert found.shape == (*batch, *tail)
            torch.testing.assert_close(found.reshape(8, *tail), expected, rtol=1e-9, atol=1e-9)
        single = f(points[0])
        assert single.shape == tail
        torch.testing.assert_close(single, expected[0], rtol=1e-9, atol=1e-9)
        assert f(points[:0]).shape == (0, *tail)


def test_vmap_gives_what_a_batch_gives(density, points):
    for function in FUNCTIONS:
        f = getattr(density, function)
        torch.testing.assert_close(vmap(f)(points), f(points), rtol=1e-9, atol=1e-9)


def test_functions_leave_their_argument_alone(density, points):
    for function in FUNCTIONS:
        x = points.clone()
        getattr(density, function)(x)
        assert torch.equal(x, points)


def test_float32_agrees_with_float64_to_its_precision(density, points):
    for function in FUNCTIONS:
        single = density.at("cpu", "float32")
        x = points[:4].float()
        found = getattr(single, function)(x)
        assert found.dtype == torch.float32
        expected = getattr(density, function)(x.double())
        size = density.score(x.double()).square().sum(-1).max() + expected.abs().max()
        assert (found - expected).abs().max() <= 1e-4 * (1 + size)
        assert getattr(single, function)(points.float()).isfinite().all()


class _NoMixing(TorchFunctionMode):
    """Refuses operations between tensors on different devices, which `meta` lets pass in matrix products."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        devices = {value.device for value in args if isinstance(value, torch.Tensor)}
        assert len(devices) < 2, f"{func} mixes {devices}"
        return func(*args, **(kwargs or {}))


def test_all_data_are_placed_on_the_device(density, points):
    """On `meta`, a device that any machine has; it computes shapes only."""
    for function in FUNCTIONS:
        with _NoMixing():
            found = getattr(density.at("meta", "float32"), function)(points.float().to("meta"))
        assert found.device.type == "meta"
        assert found.dtype == torch.float32


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_agrees_with_the_cpu(classes, cases):
    for name, parameters in cases:
        density = classes[name](**parameters)
        x = density.sample(8, torch.Generator().manual_seed(3))
        for function in FUNCTIONS:
            found = getattr(density.at("cuda", "float64"), function)(x.cuda()).cpu()
            torch.testing.assert_close(found, getattr(density, function)(x), rtol=1e-9, atol=1e-9)


def test_samples_do_not_depend_on_the_placement(density):
    samples = [d.sample(3, torch.Generator().manual_seed(5)) for d in (density, density.at("cpu", "float32"))]
    assert samples[0].shape == (3, density.dim)
    assert samples[0].dtype == torch.float64
    assert torch.equal(*samples)


def test_the_same_seed_makes_the_same_density(density, points):
    twin = dataclasses.replace(density)
    assert twin == density
    assert twin is not density
    for function in FUNCTIONS:
        assert torch.equal(getattr(twin, function)(points), getattr(density, function)(points))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        *(("gaussian", {"covariance": c}) for c in ("diagonal", "full", "low_rank", "ill_conditioned")),
        ("gaussian_mixture", {"layout": "random"}),
        ("ica", {}),
        ("quartic", {}),
        ("student_t", {}),
    ],
)
def test_another_seed_makes_other_data(classes, name, parameters):
    x = torch.ones(1, 4, dtype=torch.float64)
    one, other = (classes[name](dim=4, seed=seed, **parameters).score(x) for seed in (0, 1))
    assert not torch.allclose(one, other)


def test_data_are_made_once(density, points, monkeypatch):
    for function in FUNCTIONS:
        getattr(density, function)(points)

    def refuse(*_):
        raise AssertionError("data were made or placed again")

    monkeypatch.setattr(Placed, "data_generator", refuse)
    monkeypatch.setattr(Placed, "place", refuse)
    for function in FUNCTIONS:
        getattr(density, function)(points)


def test_every_family_knows_its_laplacian(density):
    assert isinstance(density, LaplacianDensity)


def test_the_score_of_rings_is_0_at_their_centre(classes):
    assert classes["rings"]().score(torch.zeros(2, dtype=torch.float64)).eq(0).all()


@pytest.mark.parametrize("distance", [1e2, 1e4])
def test_a_mixture_is_finite_in_float32_far_from_all_modes(classes, distance):
    mixture = classes["gaussian_mixture"](layout="random", dim=2, dtype="float32")
    x = distance * torch.tensor([[1.0, 0.5], [-1.0, 0.2]])
    for function in FUNCTIONS:
        assert getattr(mixture, function)(x).isfinite().all()
    # Far out the widest component takes all the responsibility.
    assert (mixture.laplacian(x) < 0).all()
