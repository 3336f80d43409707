"""The kit as pytest tests: one for each check of each subject."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from estibench.testing.case import Effort
from estibench.testing.kit import trials

F = TypeVar("F", bound=Callable[..., Any])


def parametrize_with_checks(
    subjects: Iterable[Any],
    *,
    on: Any = None,
    expected_failures: Mapping[str, str] | None = None,
    effort: Effort | None = None,
) -> Callable[[F], F]:
    """Parametrize a test with every check of some estimators, problems and densities.

    Args:
        subjects: registered names, classes or instances.
        on: problems for the estimators among them; default: the examples of every problem of their tasks.
        expected_failures: checks that are known to fail, each with its reason: these tests become strict xfails, so
            one that passes fails the test run.
        effort: how many draws to compare, and how long.

    Example:
        >>> from estibench.testing import parametrize_with_checks
        >>> @parametrize_with_checks(["hutchinson"], on=["structured_matrix"])
        ... def test_conforms(check):
        ...     check()
    """
    import pytest

    parameters = []
    for trial in trials(subjects, on, expected_failures, effort):
        marks = [pytest.mark.xfail(reason=trial.expected, strict=True)] if trial.expected else []
        parameters.append(pytest.param(trial, id=f"{trial.subject}-{trial.name}", marks=marks))
    return pytest.mark.parametrize("check", parameters)
