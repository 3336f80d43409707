"""Checks of claims and of counted work, by the tests that every run makes."""

from __future__ import annotations

import torch

from estibench.contracts import claims as declared
from estibench.contracts.counting import counting
from estibench.testing.case import FEWEST, Case
from estibench.testing.cell import draw
from estibench.testing.trial import CheckFailedError, NotApplicable

LEVEL = 1e-4  # of the test of one claim, which is tested again on fresh draws before it is said to fail


def claims(case: Case) -> None:
    """What the estimator claims of itself is not refuted, by the tests of a run."""
    applying = [claim for claim in case.estimator.claims if claim.applies(case.problem, case.estimator)]
    if not applying:
        raise NotApplicable("it claims nothing here")
    _ = case.first
    drawing = draw(case)
    draws = drawing.sample.draws
    if drawing.sample.stopped == "time_limit" and len(draws) < FEWEST:
        raise NotApplicable(f"there was time for {len(draws)} draws only")
    if not bool(torch.isfinite(draws).all()):
        raise NotApplicable("some draws are not finite")
    for claim in drawing.evidence():
        if claim["p_value"] < LEVEL:
            number = f"{claim['measured']:.4g} [{claim['low']:.4g}, {claim['high']:.4g}]"
            raise CheckFailedError(
                f"{claim['claim']}: measured {number}, p = {claim['p_value']:.1g} over {len(draws)} draws",
                f"{claim['claimed']:.4g}",
                "correct the formula or the estimator; where the claim holds only sometimes, say so with when= and "
                "given=",
            )


def claims_are_sane(case: Case) -> None:
    """Every claim's formula can be evaluated, and gives finite numbers of the truth's shape, or one number."""
    _ = case.first
    for claim in case.estimator.claims:
        try:
            if not claim.applies(case.problem, case.estimator):
                continue
            formula = getattr(claim, "formula", None)
            value = None if formula is None else formula(case.problem, case.estimator)
        except Exception as error:  # a plugin's formula may fail in any way
            raise CheckFailedError(
                f"{claim.title}: {type(error).__name__}: {error}",
                "a number, or None where nothing is claimed",
                "let the formula read only what the task's contract promises, or restrict the claim by when=",
            ) from error
        if value is None:
            continue
        numbers = torch.as_tensor(value, dtype=torch.float64)
        if not bool(torch.isfinite(numbers).all()):
            raise CheckFailedError(
                f"{claim.title}: the formula gives {value}", "finite numbers", "return None where there is no claim"
            )
        if isinstance(claim, declared.Bias) and numbers.numel() not in (1, case.problem.truth.numel()):
            raise CheckFailedError(
                f"{claim.title}: the formula has {numbers.numel()} components",
                f"{case.problem.truth.numel()}, as the truth has, or one number",
                "return the bias of every component",
            )


def counts_its_work(case: Case) -> None:
    """An estimate spends what the task counts, and the same seed spends the same again."""
    _ = case.first
    found = []
    for _repeat in range(2):
        with counting() as counts:
            case.estimate()
        found.append(dict(counts))
    if found[0] != found[1]:
        raise CheckFailedError(
            f"from the same seed, first {found[0]}, then {found[1]}",
            "the same counts",
            "cache nothing across estimates: what one estimate costs must not depend on those before",
        )
    if case.unit and not found[0].get(case.unit) and not _claims_free(case):
        raise CheckFailedError(
            f"spent {found[0] or 'nothing'}",
            f"some {case.unit}s, the unit of the task",
            f"call the problem's oracles, which count; or claim Cost({case.unit!r}, lambda problem, estimator: 0)",
        )


def _claims_free(case: Case) -> bool:
    return any(
        isinstance(claim, declared.Cost)
        and claim.unit == case.unit
        and claim.applies(case.problem, case.estimator)
        and claim.formula(case.problem, case.estimator) == 0
        for claim in case.estimator.claims
    )


CHECKS = (claims_are_sane, claims, counts_its_work)
