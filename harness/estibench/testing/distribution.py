"""Checks of draws as random variables: every path draws from one law, and independently.

All tests are of ranks, so they hold whatever the tails. `LEVEL` is the false-failure rate of one check of one case.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from estibench.testing.case import Case
from estibench.testing.trial import CheckFailedError, NotApplicable

LEVEL = 1e-6
DIRECTIONS = 3  # random combinations of the components that are looked at, besides their mean
ROUNDING = 1e-9  # of a component's spread


def paths_agree(case: Case) -> str:
    """A loop over `estimate`, `vmap` and the estimator's own `draws` are samples of one law; it says which is taken."""
    reference = case.groups("loop").flatten(0, 1)
    compared = 0
    for path in case.paths():
        if path == "loop":
            continue
        try:
            other = case.as_many(path, len(reference))
        except NotApplicable:
            continue
        compared += 1
        p_value, what = difference(reference, other)
        if p_value < LEVEL:
            raise CheckFailedError(
                f"{path} and a loop draw from different laws: their {what} differs, p = {p_value:.1g}",
                f"the same law, at a level of {LEVEL:g}",
                "an own `draws` must make n independent estimates, each as `estimate` would; under vmap, give every "
                "random call its generator, and keep data-dependent branches out",
            )
    taken, why = case.taken
    if not compared:
        raise NotApplicable(f"a loop is the only way to draw: {why}")
    return f"the harness draws by {taken}" + (f": {why}" if why else "")


def draws_are_independent(case: Case) -> None:
    """Draws of one call are as different from each other as draws of different calls: they share no randomness."""
    _ = case.affordable  # or there is nothing to compare
    for path in dict.fromkeys((case.taken[0], "loop")):
        groups = case.groups(path)
        p_value = p_value_of_groups(groups)
        if p_value < LEVEL:
            raise CheckFailedError(
                f"by {path}, {len(groups)} groups of {groups.shape[1]} draws differ as independent ones would with "
                f"p = {p_value:.1g}",
                "draws that share no randomness",
                "give each of the n draws noise of its own: a leading axis n in every random call",
            )


def difference(one: Tensor, other: Tensor) -> tuple[float, str]:
    """p-value of equal laws for two samples (n, columns) and (m, columns), and in what they differ most.

    Rank tests of location, of scale (distances from the pooled median) and of the whole law, in a few directions. The
    pooled median treats both samples alike, so distances from it are as exchangeable as the draws.
    """
    if not torch.equal(torch.isfinite(one).all(0), torch.isfinite(other).all(0)):
        return 0.0, "finiteness"
    columns = _projections(torch.cat([one, other]))
    least, what = 1.0, ""
    for column in columns:
        x, y = column[: len(one)], column[len(one) :]
        centre = np.median(column)
        for name, p_value in (
            ("location", _rank_test(x, y)),
            ("scale", _rank_test(np.abs(x - centre), np.abs(y - centre))),
            ("shape", float(stats.ks_2samp(x, y, method="asymp").pvalue)),
        ):
            if p_value < least:
                least, what = p_value, name
    return min(1.0, 3 * len(columns) * least) if columns else 1.0, what


def p_value_of_groups(groups: Tensor) -> float:
    """Kruskal–Wallis for groups (groups, n, columns): too far apart, or too close, by two-sided p-value."""
    count, n = groups.shape[:2]
    tests = list(_projections(groups.reshape(count * n, -1)))
    least = 1.0
    for column in tests:
        statistic = stats.kruskal(*column.reshape(count, n)).statistic
        upper = float(stats.chi2.sf(statistic, count - 1))
        lower = float(stats.chi2.cdf(statistic, count - 1))
        least = min(least, 2 * min(upper, lower))
    return min(1.0, least * max(len(tests), 1))


def _rank_test(x: np.ndarray, y: np.ndarray) -> float:
    if (x == x[0]).all() and (y == x[0]).all():
        return 1.0
    return float(stats.mannwhitneyu(x, y, method="asymptotic").pvalue)


def _projections(values: Tensor) -> list[np.ndarray]:
    """Standardised columns in a few fixed directions, rounded so that equal estimates tie."""
    finite = torch.isfinite(values).all(0)
    values = values[:, finite]
    if values.shape[1] == 0:
        return []
    spread = values.std(0)
    varying = spread > ROUNDING * (1 + values.abs().amax(0)) if len(values) else spread > 0
    standard = (values[:, varying] - values[:, varying].mean(0)) / spread[varying]
    columns = standard.shape[1]
    if columns == 0:
        return []
    if columns <= DIRECTIONS:
        chosen = standard
    else:
        directions = torch.randn(columns, DIRECTIONS, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        chosen = torch.cat([standard.mean(1, keepdim=True), standard @ directions], 1)
    return [column.round(decimals=9).numpy() for column in chosen.T]


CHECKS = (paths_agree, draws_are_independent)
