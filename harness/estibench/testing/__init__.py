"""Statistical tests of anyone's function, and the conformance kit of plugins.

`assert_unbiased`, `assert_variance`, `assert_error_bar` and `assert_same_law` take any function that draws.
`check_estimator`, `check_problem` and `check_density` run the kit: does a plugin keep its side of the contract?
`parametrize_with_checks` makes a pytest test of every check. Names load on first use: the package is on the path of
pytest's plugins and must not import torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from estibench.testing.asserts import Undecided as Undecided
    from estibench.testing.asserts import assert_error_bar as assert_error_bar
    from estibench.testing.asserts import assert_same_law as assert_same_law
    from estibench.testing.asserts import assert_unbiased as assert_unbiased
    from estibench.testing.asserts import assert_variance as assert_variance
    from estibench.testing.case import Effort as Effort
    from estibench.testing.kit import check_density as check_density
    from estibench.testing.kit import check_estimator as check_estimator
    from estibench.testing.kit import check_problem as check_problem
    from estibench.testing.parametrize import parametrize_with_checks as parametrize_with_checks
    from estibench.testing.trial import CheckFailedError as CheckFailedError
    from estibench.testing.trial import ConformanceError as ConformanceError
    from estibench.testing.trial import NotApplicable as NotApplicable
    from estibench.testing.trial import Outcome as Outcome

_HOME = {
    "estibench.testing.asserts": (
        "Undecided",
        "assert_error_bar",
        "assert_same_law",
        "assert_unbiased",
        "assert_variance",
    ),
    "estibench.testing.case": ("Effort",),
    "estibench.testing.kit": ("check_density", "check_estimator", "check_problem"),
    "estibench.testing.parametrize": ("parametrize_with_checks",),
    "estibench.testing.trial": ("CheckFailedError", "ConformanceError", "NotApplicable", "Outcome"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [  # noqa: PLE0604 - the table above is the one list of public names
    *_MODULE_OF
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _MODULE_OF:
        raise AttributeError(f"module 'estibench.testing' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)
