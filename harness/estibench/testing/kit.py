"""The kit: which checks there are for what, and how they are run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from estibench import host as plugin_host
from estibench.errors import UserError, did_you_mean
from estibench.host import Host
from estibench.measure.device import HOST
from estibench.testing import contract, declaration, densities, distribution, evidence, problems, randomness
from estibench.testing.case import Case, Effort
from estibench.testing.subjects import BASES, Example, Subject, resolve
from estibench.testing.trial import Check, CheckFailedError, ConformanceError, NotApplicable, Outcome, Trial, reason_for

ON_A_PROBLEM: tuple[Check, ...] = (*contract.CHECKS, *randomness.CHECKS, *distribution.CHECKS, *evidence.CHECKS)


def check_estimator(
    estimator: Any,
    problem: Any = None,
    *,
    expected_failures: Mapping[str, str] | None = None,
    effort: Effort | None = None,
    raise_on_failure: bool = True,
) -> list[Outcome]:
    """Run the conformance kit on an estimator.

    Args:
        estimator: a registered name, a class (it is tried with its `examples`) or an instance.
        problem: the same for a problem, or a list of them; default: the examples of every problem of its tasks.
        expected_failures: checks that are known to fail, each with its reason, beyond those that the class declares:
            `{"claims": "…"}`, or `{"claims[matrix]": "…"}` on one problem.
        effort: how many draws to compare, and how long.
        raise_on_failure: otherwise failures are only returned.

    Raises:
        ConformanceError: checks failed that should pass, or passed that should fail. It says for each what was found,
            what was expected and what to do.
        UserError: there is nothing of that name.

    Example:
        >>> from estibench.testing import check_estimator
        >>> outcomes = check_estimator("hutchinson", "structured_matrix")
        >>> any(outcome.is_bad for outcome in outcomes)
        False
    """
    return _run(trials([estimator], problem, expected_failures, effort, ("estimator",)), raise_on_failure)


def check_problem(
    problem: Any,
    *,
    expected_failures: Mapping[str, str] | None = None,
    effort: Effort | None = None,
    raise_on_failure: bool = True,
) -> list[Outcome]:
    """Run the conformance kit on a problem; see `check_estimator`."""
    return _run(trials([problem], None, expected_failures, effort, ("problem",)), raise_on_failure)


def check_density(
    density: Any,
    *,
    expected_failures: Mapping[str, str] | None = None,
    effort: Effort | None = None,
    raise_on_failure: bool = True,
) -> list[Outcome]:
    """Run the conformance kit on a density; see `check_estimator`."""
    return _run(trials([density], None, expected_failures, effort, ("density",)), raise_on_failure)


def trials(
    things: Iterable[Any],
    on: Any = None,
    expected_failures: Mapping[str, str] | None = None,
    effort: Effort | None = None,
    kinds: Sequence[str] = tuple(BASES),
    host: Host | None = None,
    device: str = HOST,
) -> Iterator[Trial]:
    """Every check of every subject, ready to run.

    Args:
        things: registered names, classes or instances of estimators, problems and densities.
        on: problems for the estimators among them; default: those of their tasks.
        device: where the estimators are tried.
    """
    host = host or plugin_host.current()
    posed: dict[str, list[tuple[Example, str, str]]] = {}  # problems, made once for all estimators
    for thing in things:
        for subject in resolve(thing, host, kinds):
            expected = {**subject.expected_failures, **(expected_failures or {})}
            _refuse_unknown(expected)
            yield from _of_declaration(subject, expected)
            match subject.kind:
                case "estimator":
                    yield from _of_estimator(
                        subject, _problems_for(subject, on, posed, device), expected, effort or Effort()
                    )
                case "problem":
                    yield from _of_problem(subject, expected)
                case "density":
                    yield from _of_density(subject, expected)


def check_names() -> dict[str, str]:
    """Every check with its summary."""
    checks = (*declaration.CHECKS, applies_somewhere, *ON_A_PROBLEM, *problems.CHECKS, *densities.CHECKS)
    return {check.__name__: (check.__doc__ or "").strip().splitlines()[0] for check in checks}


def applies_somewhere(cases: Sequence[Case]) -> None:
    """On at least one problem the estimator makes an estimate."""
    reasons = []
    for case in cases:
        try:
            _ = case.first
        except NotApplicable as reason:
            reasons.append(str(reason))
        else:
            return
    raise CheckFailedError(
        reasons[0] if reasons else "there is no problem to try it on",
        "a problem on which it works",
        "name in its entry the tasks that it is for, or list settings that work in the class attribute `examples` "
        "(of the estimator, or of your problem)",
    )


def _of_declaration(subject: Subject, expected: Mapping[str, str]) -> Iterator[Trial]:
    for check in declaration.CHECKS:
        if check is declaration.cites_source and subject.kind == "problem":
            continue  # a problem may be one's own
        if check is declaration.claims_name_columns and subject.kind != "estimator":
            continue
        yield Trial(subject.name, check, subject, reason_for(expected, check.__name__))


def _of_estimator(
    subject: Subject, posed: Sequence[tuple[Example, str, str]], expected: Mapping[str, str], effort: Effort
) -> Iterator[Trial]:
    for estimator in subject.examples:
        cases = [Case(estimator.instance, one.instance, effort, unit) for one, _, unit in posed]
        yield Trial(estimator.label, applies_somewhere, cases, reason_for(expected, applies_somewhere.__name__))
        for case, (problem, name, _) in zip(cases, posed, strict=True):
            for check in ON_A_PROBLEM:
                reason = reason_for(expected, check.__name__, problem.label, name, estimator.label)
                yield Trial(f"{estimator.label} on {problem.label}", check, case, reason)


def _problems_for(
    subject: Subject, on: Any, known: dict[str, list[tuple[Example, str, str]]], device: str = HOST
) -> list[tuple[Example, str, str]]:
    """Instances of problems, each with its registered name and its task's unit of cost.

    Args:
        known: those that other estimators were given, by registered name; new ones are added.
    """
    host = subject.host
    if on is None:
        tasks = getattr(subject.entry, "tasks", ())
        things: list[Any] = [entry.name for entry in host.problems if entry.task in tasks]
    else:
        things = list(on) if isinstance(on, (list, tuple)) else [on]
    found = []
    for thing in things:
        for problem in resolve(thing, host, ("problem",)):
            task = getattr(problem.entry, "task", "")
            if task and subject.entry is not None and task not in getattr(subject.entry, "tasks", ()):
                continue  # another estimator's problem
            unit = host.tasks.get(task).load().work if task else ""
            if problem.given is not None:
                found += [(example, problem.name, unit) for example in problem.examples]
                continue
            if problem.name not in known:
                examples = [Example(one.label, one.instance.at(device, one.instance.dtype)) for one in problem.examples]
                known[problem.name] = [(example, problem.name, unit) for example in examples]
            found += known[problem.name]
    return found


def _of_problem(subject: Subject, expected: Mapping[str, str]) -> Iterator[Trial]:
    task = getattr(subject.entry, "task", "")
    for example in subject.examples:
        posed = problems.Posed(example.instance, subject.host, task)
        for check in problems.CHECKS:
            yield Trial(example.label, check, posed, reason_for(expected, check.__name__, example.label))


def _of_density(subject: Subject, expected: Mapping[str, str]) -> Iterator[Trial]:
    for example in subject.examples:
        law = densities.Law(example.instance)
        for check in densities.CHECKS:
            yield Trial(example.label, check, law, reason_for(expected, check.__name__, example.label))


def _refuse_unknown(expected: Mapping[str, str]) -> None:
    known = check_names()
    for key, reason in expected.items():
        check = key.partition("[")[0]
        if check not in known:
            raise UserError(f"expected failures: no check is called {check!r}{did_you_mean(check, known)}")
        if not reason.strip():
            raise UserError(f"expected failures: {key!r} needs a reason")


def _run(prepared: Iterable[Trial], raise_on_failure: bool) -> list[Outcome]:
    outcomes = [trial.outcome() for trial in prepared]
    if raise_on_failure and any(outcome.is_bad for outcome in outcomes):
        raise ConformanceError(outcomes)
    return outcomes
