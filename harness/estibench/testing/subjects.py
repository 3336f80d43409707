"""What is checked: a class, where it is registered, and the small instances that it is tried with."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from estibench.contracts.density import Density
from estibench.contracts.estimator import Estimator
from estibench.contracts.problem import Problem
from estibench.errors import UserError, did_you_mean
from estibench.host import Host
from estibench.host.components import Component, Parameter, ParameterError, check_value, make, parameters_of
from estibench.host.entries import Entry

BASES: dict[str, type] = {"estimator": Estimator, "problem": Problem, "density": Density}


@dataclass(frozen=True)
class Example:
    """An instance with the parameters that it was made with, in words: `matrix(dim=24)`."""

    label: str
    instance: Any


@dataclass(frozen=True)
class Subject:
    """An estimator, a problem or a density.

    Attributes:
        kind: which of the three.
        name: its registered name, or that of its class where nothing registers it.
        entry: how it is registered; None where it is not.
        given: an instance to be checked instead of the class's examples.
    """

    kind: str
    name: str
    cls: type
    host: Host = field(repr=False)
    entry: Entry | None = None
    given: Any = None

    @property
    def settings(self) -> tuple[Mapping[str, Any], ...]:
        """The parameters of its examples, as a suite writes them."""
        return tuple(getattr(self.cls, "examples", ({},)))

    @property
    def expected_failures(self) -> Mapping[str, str]:
        """What its class says of itself."""
        return dict(getattr(self.cls, "expected_failures", {}))

    @cached_property
    def examples(self) -> list[Example]:
        """Its examples. One that cannot be made is left out: a check of its own reports it."""
        if self.given is not None:
            return [Example(_label(self.name, self.given), self.given)]
        found = []
        for parameters in self.settings:
            try:
                found.append(self.build(parameters))
            except Exception:  # a plugin's class may fail in any way
                continue
        return found

    def build(self, parameters: Mapping[str, Any]) -> Example:
        """An instance, made as for a suite where it is registered. Raises whatever the class raises."""
        if self.entry is None:
            known = parameters_of(self.cls)
            instance = self.cls(
                **{
                    name: self._density(known[name], value, parameters)
                    if name in known and known[name].is_density
                    else value
                    for name, value in parameters.items()
                }
            )
            return Example(_label(self.name, instance), instance)
        component = self.component(parameters)
        return Example(component.label, component.build(self.host))

    def _density(self, parameter: Parameter, value: Any, beside: Mapping[str, Any]) -> Any:
        """A density by its name, in the dimension of the problem around it; an instance stays what it is."""
        if isinstance(value, Density):
            return value
        checked = check_value(self.host, parameter, value)
        around = parameters_of(self.cls).get("dim")
        dim = {} if around is None else {"dim": beside.get("dim", around.default)}
        given = dim | {key: inner for key, inner in checked.items() if key != "name"}
        return make(self.host, "density", checked["name"], given).build(self.host)

    def component(self, given: Mapping[str, Any]) -> Component:
        """What a suite would make of these parameters. Raises `ValueError` for those that it would refuse."""
        known = parameters_of(self.cls)
        try:
            checked = {
                name: check_value(self.host, known[name], value) if name in known else value
                for name, value in given.items()
            }
            return make(self.host, self.kind, self.name, checked)
        except ParameterError as error:
            raise ValueError(": ".join([*map(str, error.path), error.message])) from error


def resolve(thing: Any, host: Host, kinds: Iterable[str] = tuple(BASES)) -> list[Subject]:
    """The subjects that a registered name, a class or an instance means: a name may be taken in several kinds.

    Raises `UserError` for anything else.
    """
    kinds = tuple(kinds)
    if isinstance(thing, str):
        found = [
            Subject(kind, thing, host.registries[kind].get(thing).load(), host, host.registries[kind].get(thing))
            for kind in kinds
            if thing in host.registries[kind]
        ]
        if not found:
            known = [entry.name for kind in kinds for entry in host.registries[kind]]
            raise UserError(f"no {' or '.join(kinds)} is registered as {thing!r}{did_you_mean(thing, known)}")
        return found
    cls = thing if isinstance(thing, type) else type(thing)
    for kind in kinds:
        if issubclass(cls, BASES[kind]):
            entry = registration(kind, cls, host)
            given = None if isinstance(thing, type) else thing
            return [Subject(kind, entry.name if entry else cls.__name__, cls, host, entry, given)]
    raise UserError(f"{cls.__name__} is no {' or '.join(kinds)}: give a registered name, a class or an instance")


def registration(kind: str, cls: type, host: Host) -> Entry | None:
    """The entry whose target is this class."""
    targets = {f"{cls.__module__}:{cls.__qualname__}"}
    for entry in host.registries[kind]:
        if entry.target in targets:
            assert isinstance(entry, Entry)
            return entry
    return None


def _label(name: str, instance: Any) -> str:
    """The name with the parameters that differ from the defaults."""
    words = []
    for one in dataclasses.fields(instance):
        value = getattr(instance, one.name)
        if one.default is dataclasses.MISSING or value != one.default:
            words.append(f"{one.name}={value}")
    return f"{name}({', '.join(words)})" if words else name
