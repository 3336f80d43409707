"""Reads a suite file into a plan and reports every mistake in it at once, each with its line and column."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from estibench.axes import why_no_axis
from estibench.columns import known_columns, parameter_columns, why_unknown
from estibench.errors import UserError, did_you_mean
from estibench.host import Host
from estibench.host.components import Component, Parameter, ParameterError, canonical, check_value, make, parameters_of
from estibench.suite.devices import EXPECTED, automatic, is_device
from estibench.suite.document import Document, Trail, parse
from estibench.suite.expect import expectations, fits
from estibench.suite.plan import Block, Plan, Settings


def read_suite(path: Path, host: Host, device: str | None = None) -> Plan:
    """The plan of a suite file.

    Args:
        device: overrides the suite's `devices`: `"auto"`, `"cpu"`, `"cuda"`, `"cuda:1"`, `"mps"`, `"xpu"`.

    Raises:
        UserError: one line for each mistake, `file:line:col: path: what; did you mean …?`.
    """
    return _Reader(parse(path), host).plan(device)


class _Reader:
    """Collects mistakes while it goes on reading."""

    def __init__(self, document: Document, host: Host) -> None:
        self.document = document
        self.host = host
        self.mistakes: list[str] = []

    def complain(self, trail: Trail, message: str) -> None:
        line = self.document.complain(trail, message)
        if line not in self.mistakes:
            self.mistakes.append(line)

    def finish(self) -> None:
        """Raise everything found so far, in the order of the file."""
        if self.mistakes:
            raise UserError("\n".join(sorted(self.mistakes, key=_line_and_column)))

    def plan(self, device: str | None) -> Plan:
        data = self.document.data
        if not isinstance(data, Mapping):
            self.complain((), "a suite is a mapping with the keys name, problems and estimators")
            self.finish()
        suite = self.top_level(data)
        problems = self.components("problem", data.get("problems"), ("problems",))
        estimators = self.components("estimator", data.get("estimators"), ("estimators",))
        devices = self.devices(device, suite)
        for key in ("dtypes", "compile") if suite else ():
            self.axis_of_all(key, getattr(suite, key))
        if suite:
            estimators = [(trail, one.compiled(mode)) for trail, one in estimators for mode in suite.compile]
        if suite and suite.draws.min > suite.draws.max:
            self.complain(("draws", "min"), f"min {suite.draws.min} is larger than max {suite.draws.max}")
        wanted = self.baseline(data.get("baseline"), estimators)
        if suite and not self.mistakes:
            self.columns(suite, [component for _, component in problems + estimators])
            self.between(suite, [component for _, component in estimators])
        self.finish()
        assert suite is not None
        blocks = tuple(self.blocks(problems, estimators, devices, tuple(suite.dtypes), wanted))
        expected = expectations(suite.expect, blocks, self.complain)
        plots = tuple(self.chosen(entry.model_dump(), blocks, index) for index, entry in enumerate(suite.plots))
        self.finish()
        return Plan(
            name=suite.name,
            title=suite.title or suite.name,
            description=suite.description,
            path=self.document.path,
            text=self.document.path.read_text(encoding="utf-8"),
            blocks=blocks,
            settings=Settings(
                seed=suite.seed,
                precision=suite.precision,
                confidence=suite.confidence,
                min_draws=suite.draws.min,
                max_draws=suite.draws.max,
                time_limit=suite.time_limit,
                problem_limit=suite.problem_limit,
                memory_limit=None if suite.memory_limit is None else int(suite.memory_limit * 2**30),
                keep_draws=int(suite.keep_draws * 2**20),
                rounds=suite.timing.rounds,
                cache=suite.timing.cache,
                threads=suite.threads,
            ),
            devices_auto=device == "auto" or (device is None and suite.devices == "auto"),
            scaling=tuple(entry.model_dump() for entry in suite.scaling),
            break_even=tuple(entry.model_dump() for entry in suite.break_even),
            tables=tuple(entry.model_dump() for entry in suite.tables),
            plots=plots,
            budgets=suite.budgets.model_dump(),
            expected=expected,
        )

    def top_level(self, data: Mapping[str, Any]) -> Any:
        """The file against the schema, or None after complaining."""
        import pydantic

        from estibench.suite.schema import SuiteFile

        try:
            return SuiteFile.model_validate(dict(data))
        except pydantic.ValidationError as error:
            for found in error.errors():
                self.complain(*_explain(found, SuiteFile, data))
        return None

    def axis_of_all(self, key: str, names: Sequence[str]) -> None:
        """Check a list by which everything in the suite is multiplied."""
        if not names:
            self.complain((key,), "an empty list: nothing to measure")
        for index, name in enumerate(names):
            if name in names[:index]:
                self.complain((key, index), f"{name} is given twice")

    def devices(self, override: str | None, suite: Any) -> tuple[str, ...]:
        """The devices to measure on; absent ones become unsupported rows."""
        if override not in (None, "auto"):
            if not is_device(override):
                raise UserError(f"--device {override}: expected auto, {EXPECTED}")
            return (override,)
        if suite is None or override == "auto" or suite.devices == "auto":
            return automatic()
        if not suite.devices:
            self.complain(("devices",), "an empty list: nothing to measure")
        if isinstance(suite.devices, str):
            self.complain(("devices",), f"expected auto or a list; write [{suite.devices}]")
            return ()
        for index, name in enumerate(suite.devices):
            if not is_device(name):
                self.complain(("devices", index), f"expected {EXPECTED}, got {name!r}")
            elif name in suite.devices[:index]:
                self.complain(("devices", index), f"{name} is given twice")
        return tuple(suite.devices)

    def components(self, kind: str, items: Any, trail: Trail) -> list[tuple[Trail, Component]]:
        """Every component that the entries of a list expand to, with the trail of its entry."""
        found: list[tuple[Trail, Component]] = []
        seen: dict[tuple[str, str], int] = {}
        for index, item in enumerate(items if isinstance(items, list) else []):
            for component in self.expand(kind, item, (*trail, index)):
                identity = (component.name, canonical(component.parameters))
                if identity in seen:
                    self.complain((*trail, index), f"{component.label} is already in {trail[0]}[{seen[identity]}]")
                seen[identity] = index
                found.append(((*trail, index), component))
        return found

    def expand(self, kind: str, item: Any, trail: Trail) -> Iterator[Component]:
        """The grid of one entry: `- name`, or `- {name: …, parameter: value or list of values}`."""
        given = {"name": item} if isinstance(item, str) else item
        if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
            self.complain(trail, f"expected the name of a known {kind}, or a mapping with its name")
            return
        name = given["name"]
        try:
            cls = self.host.registries[kind].get(name).load()
            known = parameters_of(cls)
        except UserError as error:
            self.complain((*trail, "name"), str(error))
            return
        before = len(self.mistakes)
        axes: dict[str, list[Any]] = {}
        for key, value in given.items():
            if key == "name":
                continue
            if key not in known:
                self.complain((*trail, key), f"unknown key{did_you_mean(key, known)}")
                continue
            axes[key] = self.axis(known[key], value, (*trail, key))
        if len(self.mistakes) > before:
            return
        for values in itertools.product(*axes.values()):
            try:
                yield make(self.host, kind, name, dict(zip(axes, values, strict=True)))
            except ParameterError as error:
                self.complain((*trail, *error.path), error.message)

    def axis(self, parameter: Parameter, value: Any, trail: Trail) -> list[Any]:
        """The checked values of one parameter. A list is an axis, unless the parameter itself holds a list."""
        is_axis = isinstance(value, list)
        if is_axis and parameter.is_sequence:
            is_axis = bool(value) and all(isinstance(item, list) for item in value)
        if is_axis and not value:
            self.complain(trail, "an empty grid: give at least one value")
            return []
        checked = []
        for index, item in enumerate(value if is_axis else [value]):
            where = (*trail, index) if is_axis else trail
            for variant in self.density_grid(parameter, item, where):
                try:
                    checked.append(check_value(self.host, parameter, variant))
                except ParameterError as error:
                    self.complain((*where, *error.path), error.message)
        return checked

    def density_grid(self, parameter: Parameter, item: Any, trail: Trail) -> Iterator[Any]:
        """A nested density's own grid: lists inside its mapping are axes too."""
        if not (parameter.is_density and isinstance(item, Mapping)):
            yield item
            return
        for key, value in item.items():
            if value == []:
                self.complain((*trail, key), "an empty grid: give at least one value")
        lists = [value if isinstance(value, list) else [value] for value in item.values()]
        for values in itertools.product(*lists):
            yield dict(zip(item, values, strict=True))

    def baseline(self, given: Any, estimators: list[tuple[Trail, Component]]) -> list[Component] | None:
        """The suite's estimators that fit its `baseline`, or None where it names none."""
        if given is None:
            return None
        wanted = {"name": given} if isinstance(given, str) else given
        if not isinstance(wanted, Mapping) or not isinstance(wanted.get("name"), str):
            self.complain(("baseline",), "expected an estimator's name, or a mapping with its name")
            return None
        fitting = [component for _, component in estimators if fits(component, wanted)]
        if estimators and not fitting:
            names = {component.name for _, component in estimators}
            hint = did_you_mean(wanted["name"], names) if wanted["name"] not in names else ""
            self.complain(("baseline",), f"no estimator of this suite fits{hint}")
        return fitting

    def columns(self, suite: Any, components: list[Component]) -> None:
        """Check that the columns named by scaling, break_even, tables and plots exist."""
        parameters = (name for one in components for name in parameter_columns(one.kind, one.parameters))
        known = known_columns(parameters)
        axes = {"scaling": "xy", "break_even": "xy", "tables": ("value", "rows", "columns"), "plots": "xy"}
        for section, keys in axes.items():
            for index, entry in enumerate(getattr(suite, section)):
                for key in keys:
                    column = getattr(entry, key)
                    if column is None:
                        continue
                    if section == "plots":
                        message = why_no_axis(entry.kind, key, column, known)
                    else:
                        message = why_unknown(column, known)
                    if message:
                        self.complain((section, index, key), message)

    def chosen(self, plot: dict[str, Any], blocks: Sequence[Block], index: int) -> dict[str, Any]:
        """A plot with the labels of the problems and the estimators that it selects."""
        known = {
            "problems": [block.problem for block in blocks],
            "estimators": [one for b in blocks for one in b.estimators],
        }
        for key, components in known.items():
            labels: list[str] = []
            for place, wanted in enumerate(plot[key] or ()):
                some = [one.label for one in components if wanted == one.label or fits(one, wanted)]
                if not some:
                    self.complain(
                        ("plots", index, key, place), f"no {key[:-1]} of this suite fits{_hint(wanted, components)}"
                    )
                labels += some
            if plot[key]:
                plot[key] = list(dict.fromkeys(labels))
        return plot

    def between(self, suite: Any, estimators: list[Component]) -> None:
        """Check that break-evens are between estimators of the suite: names, families, or labels.

        A label names a curve only against a parameter of the problem: else its points differ in the label.
        """
        kinds = {called for one in estimators for called in (one.name, one.family)}
        labels = {one.label for one in estimators}
        for index, entry in enumerate(suite.break_even):
            known = kinds | labels if entry.x.startswith("problem_") else kinds
            for place, called in enumerate(entry.between or ()):
                if called not in known:
                    message = f"no estimator of this suite is called {called!r}{did_you_mean(called, known)}"
                    if called in labels:
                        message = f"{called!r} is one point of a curve against {entry.x}: name the estimator"
                    self.complain(("break_even", index, "between", place), message)

    def blocks(
        self,
        problems: list[tuple[Trail, Component]],
        estimators: list[tuple[Trail, Component]],
        devices: tuple[str, ...],
        dtypes: tuple[str, ...],
        wanted: list[Component] | None,
    ) -> Iterator[Block]:
        used: set[int] = set()
        expanded = []
        for trail, problem in problems:
            task = self.host.problems.get(problem.name).task
            fitting = []
            for index, (_, estimator) in enumerate(estimators):
                if task in self.host.estimators.get(estimator.name).tasks:
                    used.add(index)
                    fitting.append(estimator)
            if not fitting:
                self.complain((*trail, "name"), f"no estimator of this suite is for the task {task!r}")
                continue
            usual = self.host.tasks.get(task).load().baseline
            default = [estimator for estimator in fitting if estimator.name == usual]
            candidates = default if wanted is None else [estimator for estimator in fitting if estimator in wanted]
            baseline = fitting.index(candidates[0]) if candidates else None
            expanded.append((problem, task, tuple(fitting), baseline))
        for index, (trail, estimator) in enumerate(estimators):
            if index not in used:
                tasks = ", ".join(self.host.estimators.get(estimator.name).tasks)
                self.complain((*trail, "name"), f"is for the task {tasks}, and no problem of this suite is")
        for problem, task, chosen, baseline in expanded:
            for device, dtype in itertools.product(devices, dtypes):
                yield Block(problem, task, device, dtype, chosen, baseline)


def _explain(found: Any, model: Any, data: Mapping[str, Any]) -> tuple[Trail, str]:
    """A pydantic error in our words. Branches of a union show up as extra parts of its path: drop them."""
    trail: Trail = ()
    inner: Any = data
    for part in found["loc"]:
        inside = (isinstance(inner, Mapping) and part in inner) or (
            isinstance(inner, list) and isinstance(part, int) and part < len(inner)
        )
        if inside:
            inner = inner[part]
            trail = (*trail, part)
        elif found["type"] == "missing":
            trail = (*trail, part)
    if found["type"] == "missing":
        return trail[:-1], f"the key {found['loc'][-1]!r} is missing"
    if found["type"] == "extra_forbidden":
        return trail, f"unknown key{did_you_mean(str(trail[-1]), _keys_at(model, trail[:-1]))}"
    message = found["msg"]
    return trail, f"{message[0].lower()}{message[1:]}, got {inner!r}"


def _keys_at(model: Any, trail: Trail) -> list[str]:
    """The keys that the schema knows at a trail."""
    import typing

    for part in trail:
        if isinstance(part, str):
            annotation = model.model_fields[part].annotation
            arguments = typing.get_args(annotation)
            model = arguments[0] if arguments else annotation
    return list(model.model_fields)


def _hint(wanted: Any, components: Sequence[Component]) -> str:
    """For a selection that nothing fits: the name that may have been meant."""
    name, names = wanted.get("name") if isinstance(wanted, dict) else wanted, {one.name for one in components}
    return did_you_mean(name, names) if isinstance(name, str) and name not in names else ""


def _line_and_column(message: str) -> tuple[int, int]:
    found = re.search(r":(\d+):(\d+):", message)
    return (int(found[1]), int(found[2])) if found else (0, 0)
