"""Parameters that do not go together, and the table of the real data's dims."""

from __future__ import annotations

import pytest
import torch

from estibench_densities.datasets import FEATURES, load


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("banana", {"dim": 3}, "banana has dim 2, got 3"),
        ("rings", {"dim": 1}, "rings has dim 2, got 1"),
        ("funnel", {"dim": 1}, "funnel needs dim of at least 2, got 1"),
        ("many_well", {"dim": 3}, "many_well needs an even dim, got 3"),
        ("phi4", {"dim": 1}, "phi4 needs a ring of at least 2 sites, got dim 1"),
        ("gaussian_mixture", {"layout": "ring", "dim": 1}, "layout 'ring' needs dim of at least 2, got 1"),
        ("gaussian_mixture", {"layout": "grid", "dim": 1}, "layout 'grid' needs dim of at least 2, got 1"),
        ("rosenbrock", {"dim": 1}, "chain 1 needs dim = 1 .* got 1"),
        ("rosenbrock", {"dim": 6, "chain": 3}, "chain 3 needs dim = 1 .* multiple of 3, got 6"),
        ("linear_posterior", {}, "linear_posterior on diabetes has dim 10, got 2"),
        ("logistic_posterior", {}, "logistic_posterior on breast_cancer has dim 30, got 2"),
        ("logistic_posterior", {"data": "digits", "dim": 30}, "on digits has dim 64, got 30"),
    ],
)
def test_a_dim_that_does_not_fit_is_refused_in_words(classes, name, parameters, message):
    with pytest.raises(ValueError, match=message):
        classes[name](**parameters)


@pytest.mark.parametrize("data", FEATURES)
def test_the_table_of_dims_agrees_with_the_data(data):
    A, y = load(data)
    assert A.shape == (len(y), FEATURES[data])
    variances = A.var(0, correction=0)
    blank = variances == 0
    torch.testing.assert_close(variances[~blank], torch.ones_like(variances[~blank]))
    assert blank.any() == (data == "digits")
    assert A.mean(0).abs().max() < 1e-12
