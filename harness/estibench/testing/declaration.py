"""Checks of a class as it is declared: registration, parameters, documentation. No estimate is made."""

from __future__ import annotations

import dataclasses
import inspect
import io
import re
from typing import Any

from estibench.columns import known_columns, why_unknown
from estibench.contracts.claims import ScalesAs
from estibench.errors import UserError
from estibench.host.components import Component, ParameterError, check_value, parameters_of
from estibench.testing.subjects import Subject
from estibench.testing.trial import CheckFailedError, NotApplicable

HOOKS = {"estimator": "bench_estimators", "problem": "bench_problems", "density": "bench_densities"}
NAME = re.compile(r"[a-z][a-z0-9_]*")
SHORTEST_CITATION = 8  # letters


def registered(subject: Subject) -> None:
    """A hook registers it, under a name that a suite can use, with a summary and known tasks."""
    entry = subject.entry
    if entry is None:
        target = f"{subject.cls.__module__}:{subject.cls.__qualname__}"
        raise CheckFailedError(
            f"no entry has the target {target!r}",
            f"an entry from the hook {HOOKS[subject.kind]}",
            "return one from your hooks.py, and install the plugin or name its file with -p",
        )
    if not NAME.fullmatch(entry.name):
        raise CheckFailedError(
            f"the name {entry.name!r}", "lower-case words joined by underscores", "rename it: suites and columns use it"
        )
    if not entry.summary.strip() or "\n" in entry.summary:
        raise CheckFailedError(f"the summary {entry.summary!r}", "one line", "say in a few words what it is")
    tasks = getattr(entry, "tasks", None) or [name for name in [getattr(entry, "task", None)] if name]
    if subject.kind != "density" and not tasks:
        raise CheckFailedError("no task", "the tasks that it is for", "name them in the entry")
    unknown = [task for task in tasks if task not in subject.host.tasks]
    if unknown:
        raise CheckFailedError(
            f"the task {unknown[0]!r}", "tasks that some plugin registers", "see `bench list tasks` for their names"
        )


def parameters_are_fields(subject: Subject) -> None:
    """Every annotated attribute is a field of the frozen dataclass, and every field a parameter."""
    cls = subject.cls
    plain = [name for name, hint in inspect.get_annotations(cls).items() if "ClassVar" not in str(hint)]
    if "__dataclass_params__" not in vars(cls) and plain:
        raise CheckFailedError(
            f"{cls.__name__} annotates {plain[0]!r} and is not decorated itself",
            "a dataclass, so that its annotations become parameters",
            "write @dataclass(frozen=True) above the class",
        )
    left_out = [one.name for one in dataclasses.fields(cls) if not one.init]
    if left_out:
        raise CheckFailedError(
            f"the field {left_out[0]!r} is set inside the class (init=False)",
            "fields that are parameters",
            "compute it in a functools.cached_property",
        )


def constructs_from_examples(subject: Subject) -> None:
    """Every one of its examples can be made; without any, its defaults can."""
    if subject.given is not None:
        raise NotApplicable("an instance was given")
    if not subject.settings:
        raise CheckFailedError("examples = ()", "at least one", "leave `examples` out to be checked at the defaults")
    for parameters in subject.settings:
        try:
            subject.build(parameters)
        except Exception as error:  # a plugin's class may fail in any way
            shown = dict(parameters) or "the defaults"
            raise CheckFailedError(
                f"{type(error).__name__} for {shown}: {error}",
                "an instance",
                "give every parameter a default, or list in the class attribute `examples` small settings that work",
            ) from error


def parameters_survive_yaml(subject: Subject) -> None:
    """Its examples' parameters come back from YAML as they were, by the annotations alone."""
    try:
        known = parameters_of(subject.cls)
    except (UserError, TypeError) as error:
        raise CheckFailedError(
            str(error), "annotations that can be resolved", "import the names that they use at run time"
        ) from error
    for example in subject.examples:
        for name, parameter in known.items():
            value = getattr(example.instance, name)
            if dataclasses.is_dataclass(value):
                continue  # a density, which is a subject of its own
            try:
                back = check_value(subject.host, parameter, _through_yaml(value))
            except Exception as error:  # pydantic and ruamel refuse in several ways
                message = error.message if isinstance(error, ParameterError) else str(error)
                raise CheckFailedError(
                    f"{name} = {value!r} is refused from YAML: {message}",
                    f"{parameter.described()}",
                    "annotate the field with the type of its value: int, float, str, bool, Literal or a tuple of them",
                ) from error
            if back != (tuple(value) if isinstance(value, list) else value):  # defaults of a component are plain data
                raise CheckFailedError(
                    f"{name} = {value!r} comes back from YAML as {back!r}", "the same value", "correct its annotation"
                )
        if subject.entry is not None and subject.given is None:
            _same_component(subject, example.label)


def _same_component(subject: Subject, label: str) -> None:
    """What a store keeps of a component makes it anew."""
    for parameters in subject.settings:
        component = subject.component(parameters)
        if component.label != label:
            continue
        stored = Component(
            component.kind, component.name, _through_yaml(dict(component.parameters)), component.label, component.family
        )
        if stored.build(subject.host) != component.build(subject.host):
            raise CheckFailedError(
                f"{label} and the same from its stored parameters differ",
                "equal instances",
                "let parameters alone decide what an instance is",
            )


def _through_yaml(value: Any) -> Any:
    from ruamel.yaml import YAML

    safe = YAML(typ="safe", pure=True)
    text = io.StringIO()
    safe.dump({"value": list(value) if isinstance(value, tuple) else value}, text)
    return safe.load(text.getvalue())["value"]


def documented(subject: Subject) -> None:
    """A docstring of its own says what it is, and names every parameter that its class adds."""
    text = vars(subject.cls).get("__doc__") or ""
    generated = text.startswith(f"{subject.cls.__name__}(")
    if not text.strip() or generated:
        raise CheckFailedError(
            "no docstring", "a summary, the formula, parameters and cost", "write one: `bench show` prints it"
        )
    if not text.strip().splitlines()[0].strip():
        raise CheckFailedError("an empty first line", "a summary in the first line", "begin the docstring with it")
    added = [one.name for one in dataclasses.fields(subject.cls) if one.name in inspect.get_annotations(subject.cls)]
    texts = " ".join(inspect.getdoc(cls) or "" for cls in subject.cls.__mro__)
    missing = [name for name in added if name not in texts]
    if missing:
        raise CheckFailedError(
            f"nothing about the parameter {missing[0]!r}",
            "a line for every parameter under `Parameters:`",
            "say which symbol of the formula it is, and its unit",
        )


def cites_source(subject: Subject) -> None:
    """`citation` names the paper, or says where else the method comes from."""
    citation = getattr(subject.cls, "citation", "")
    if not isinstance(citation, str) or len(citation.strip()) < SHORTEST_CITATION:
        raise CheckFailedError(
            f"citation = {citation!r}",
            "authors, year, and the equation or algorithm",
            "set the class attribute `citation`; for something new, say so and by whom",
        )


def claims_name_columns(subject: Subject) -> None:
    """What its claims about exponents name are columns that a table can have."""
    claims = [one for one in subject.cls.claims if isinstance(one, ScalesAs)]  # type: ignore[attr-defined]
    if not claims:
        return
    known = known_columns(_parameter_columns(subject))
    for claim in claims:
        for column in (claim.y, claim.x):
            wrong = why_unknown(column, known)
            if wrong:
                raise CheckFailedError(
                    f"{claim.title}: {wrong}", "columns of the table", "correct it: without them it is never tested"
                )


def _parameter_columns(subject: Subject) -> set[str]:
    """The columns of an estimator's parameters, and of those of every problem of its tasks."""
    host, tasks = subject.host, set(getattr(subject.entry, "tasks", ()) or ())
    posed = [entry for entry in host.problems if not tasks or entry.task in tasks]
    found = {f"estimator_{name}" for name in parameters_of(subject.cls)}
    return found | {f"problem_{name}" for entry in posed for name in parameters_of(entry.load())}


CHECKS = (
    registered,
    parameters_are_fields,
    constructs_from_examples,
    parameters_survive_yaml,
    documented,
    cites_source,
    claims_name_columns,
)
