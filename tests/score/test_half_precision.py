"""Kernel estimators of a score need matrix decompositions, which half precision lacks: they say so."""

import pytest
import torch

from estibench import Unsupported


@pytest.mark.parametrize("name", ["stein_score", "ssge"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_unsupported(build, name, dtype):
    problem = build("problem", "score_from_samples", density={"name": "gaussian"}, samples=32).at("cpu", dtype)
    with pytest.raises(Unsupported, match=f"not {dtype}"):
        build("estimator", name).estimate(problem, torch.Generator().manual_seed(0))
