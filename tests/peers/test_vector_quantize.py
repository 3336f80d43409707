"""vector-quantize-pytorch: the layer has the problem's codebook, and its backward pass is what is documented."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("vector_quantize_pytorch", reason="no module vector_quantize_pytorch: make peers")


@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize(("name", "twin"), [("straight_through", "vq_straight_through"), ("rotation_trick",) * 2])
def test_it_passes_back_what_is_documented(build, name, twin, batch):
    problem = build("problem", "vq", batch=batch).at("cpu", "float32")
    peer = build("estimator", f"vqpytorch_{name}")
    found = peer.estimate(problem, torch.Generator())
    torch.testing.assert_close(found.double(), peer.documented(problem), rtol=1e-4, atol=1e-5)
    ours = build("estimator", twin, assignment="nearest").estimate(problem, torch.Generator())
    torch.testing.assert_close(found, ours, rtol=1e-4, atol=1e-5)
