"""Components: a registered name with parameters, as a suite writes it, checked against the class behind it.

`hutchinson` with `{probes: 10}` is a component. Its parameters are validated one by one by the annotations of the
class's dataclass fields; densities nest inside problems.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import math
import typing
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from estibench.errors import UserError, did_you_mean
from estibench.host.entries import Entry

if TYPE_CHECKING:
    from estibench.host import Host

SET_BY_HARNESS = ("device", "dtype")
PLAIN = "off"  # of `compile`: nothing is compiled
LARGEST_INT = 2**63


@dataclass(frozen=True)
class Component:
    """A name of a kind with all its parameters, defaults filled in. Plain data: JSON goes in and comes out.

    Attributes:
        kind: `"problem"`, `"estimator"` or `"density"`.
        parameters: every parameter's value; a nested density is a mapping with the key `name`.
        label: the name with the parameters that the suite gives, `"hutchinson(noise=gaussian, probes=1)"`.
        family: `label` without its numbers: `"hutchinson(noise=gaussian)"`. Points of one curve share it.
        compile: of an estimator, how torch compiles it; said by label and family unless it is `"off"`.
    """

    kind: str
    name: str
    parameters: Mapping[str, Any]
    label: str
    family: str
    compile: str = PLAIN

    def compiled(self, mode: str) -> Component:
        """The same, compiled in this way."""
        if mode == PLAIN:
            return self
        label, family = (_with_word(one, f"compile={mode}") for one in (self.label, self.family))
        return dataclasses.replace(self, label=label, family=family, compile=mode)

    def build(self, host: Host) -> Any:
        """The instance. Raises `UserError` for parameters that no longer fit the class."""
        target = host.registries[self.kind].get(self.name).load()
        values = {
            name: _nested(host, value).build(host) if isinstance(value, Mapping) else value
            for name, value in self.parameters.items()
        }
        try:
            made = target(**values)
        except (TypeError, ValueError) as error:
            raise UserError(f"{self.label}: {error}") from error
        if self.kind == "problem" and not isinstance(target, type):
            return _from_objects(host, host.problems.get(self.name).task, self.label, made)
        return made


@dataclass(frozen=True)
class Parameter:
    """A parameter of a component's class, for documentation and validation."""

    name: str
    annotation: Any
    default: Any

    @property
    def required(self) -> bool:
        return self.default is dataclasses.MISSING

    @property
    def is_density(self) -> bool:
        """Whether the value is a density: the annotation names the capability that it must have."""
        from estibench.contracts.density import Density

        return isinstance(self.annotation, type) and issubclass(self.annotation, Density)

    @property
    def is_sequence(self) -> bool:
        """Whether one value is itself a list; otherwise a list in a suite is an axis of a grid."""
        return typing.get_origin(self.annotation) in (list, tuple)

    def described(self) -> str:
        """The type as a user writes it: `int, at least 1`, `rademacher | gaussian`."""
        return _describe(self.annotation)


class ParameterError(Exception):
    """A parameter that does not fit: `path` leads from the component to the culprit."""

    def __init__(self, path: tuple[str | int, ...], message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


@cache
def parameters_of(target: Any) -> dict[str, Parameter]:
    """The parameters of a component by name: of a class its dataclass fields but those that the harness sets, of a
    function that makes a problem its arguments."""
    try:
        hints = typing.get_type_hints(target, include_extras=True)
    except NameError as error:
        raise UserError(f"{target.__qualname__}: its annotations must be importable at run time: {error}") from error
    if not isinstance(target, type):
        given = inspect.signature(target).parameters.values()
        return {
            one.name: Parameter(
                one.name, hints.get(one.name, Any), dataclasses.MISSING if one.default is one.empty else one.default
            )
            for one in given
        }
    found = {}
    for field in dataclasses.fields(target):
        if field.name in SET_BY_HARNESS or not field.init:
            continue
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        found[field.name] = Parameter(field.name, hints[field.name], default)
    return found


def check_value(host: Host, parameter: Parameter, value: Any) -> Any:
    """`value` as plain data, converted where YAML is looser than Python (1 for 1.0). Raises `ParameterError`."""
    if parameter.is_density:
        return _check_density(host, parameter, value)
    import pydantic

    try:
        adapter = pydantic.TypeAdapter(parameter.annotation, config=pydantic.ConfigDict(strict=True))
        checked = adapter.validate_python(tuple(value) if isinstance(value, list) else value)
    except pydantic.ValidationError as error:
        message = error.errors()[0]["msg"]
        raise ParameterError((), f"{message[0].lower()}{message[1:]}, got {value!r}") from error
    if isinstance(checked, int) and abs(checked) >= LARGEST_INT:
        raise ParameterError((), f"input should fit into 64 bits, got {value!r}")
    if isinstance(checked, float) and not math.isfinite(checked):
        raise ParameterError((), f"input should be a finite number, got {value!r}")
    return checked


def make(host: Host, kind: str, name: str, given: Mapping[str, Any]) -> Component:
    """A component from checked values. Raises `ParameterError` when the class refuses their combination."""
    cls = host.registries[kind].get(name).load()
    known = parameters_of(cls)
    for key in given:
        if key not in known:
            raise ParameterError((key,), f"unknown key{did_you_mean(key, known)}")
    missing = [parameter.name for parameter in known.values() if parameter.required and parameter.name not in given]
    if missing:
        raise ParameterError((), f"{name} needs {', '.join(missing)}")
    parameters = {key: _plain(given.get(key, parameter.default)) for key, parameter in known.items()}
    for key in (key for key, value in parameters.items() if isinstance(value, Mapping)):
        parameters[key] = _with_dimension_of(host, parameters, key)
    words = [f"{key}={_short(value)}" for key, value in given.items()]
    kinds = [f"{key}={_short(value)}" for key, value in given.items() if not _is_number(value)]
    component = Component(kind, name, parameters, _called(name, words), _called(name, kinds))
    if isinstance(cls, type):  # a function may take its time
        try:
            component.build(host)
        except UserError as error:
            raise ParameterError((), str(error)) from error
    return component


def canonical(data: Any) -> str:
    """JSON with sorted keys: the same data, the same text."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _from_objects(host: Host, task: str, label: str, made: Any) -> Any:
    """The problem that a task makes of a user's objects; a problem that is one already."""
    from estibench.contracts.problem import Problem

    if isinstance(made, Problem):
        return made
    own = own_of(host, task)
    if own is None:
        raise UserError(f"{label}: the task {task!r} takes no objects; return an instance of its problem's class")
    if not isinstance(made, Mapping):
        raise UserError(f"{label}: expected a problem, or a mapping of objects by name, got {type(made).__name__}")
    return own.make(**checked_objects(own.make, made, label))


def own_of(host: Host, task: str) -> Any:
    """How a task takes a user's objects: its `Own`, or None."""
    place = host.tasks.get(task).load().own
    return Entry(task, place, "").load() if place else None


def checked_objects(
    make: Any, objects: Mapping[str, Any], label: str, beside: Collection[str] = ()
) -> Mapping[str, Any]:
    """The objects, if a task's `make` takes exactly these. Raises `UserError` for a missing or unknown one.

    Args:
        beside: other names that a caller may have meant.
    """
    known = inspect.signature(make).parameters
    for name in objects:
        if name not in known:
            raise UserError(f"{label}: unknown object {name!r}{did_you_mean(name, [*known, *beside])}")
    missing = [name for name, one in known.items() if one.default is one.empty and name not in objects]
    if missing:
        raise UserError(f"{label}: needs {', '.join(missing)} as well")
    return objects


def _nested(host: Host, value: Mapping[str, Any]) -> Component:
    return make(host, "density", value["name"], {key: inner for key, inner in value.items() if key != "name"})


def _with_dimension_of(host: Host, parameters: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The density at `key`, defaults filled in; it takes `dim` from the problem around it where that has one."""
    value = dict(parameters[key])
    if "dim" in parameters:
        if value.get("dim", parameters["dim"]) != parameters["dim"]:
            raise ParameterError((key, "dim"), "the problem sets dim; leave it out here")
        value["dim"] = parameters["dim"]
    try:
        return {"name": value["name"], **_nested(host, value).parameters}
    except ParameterError as error:
        raise ParameterError((key, *error.path), error.message) from error


def _check_density(host: Host, parameter: Parameter, value: Any) -> dict[str, Any]:
    given = {"name": value} if isinstance(value, str) else value
    if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
        raise ParameterError((), f"expected a density's name, or a mapping with its name, got {value!r}")
    name = given["name"]
    try:
        cls = host.densities.get(name).load()
    except UserError as error:
        raise ParameterError((), str(error)) from error
    if not issubclass(cls, parameter.annotation):
        missing = sorted(parameter.annotation.__abstractmethods__ - set(dir(cls)))
        raise ParameterError((), f"density {name!r} does not provide what this problem needs: {', '.join(missing)}")
    known = parameters_of(cls)
    checked: dict[str, Any] = {"name": name}
    for key, inner in given.items():
        if key == "name":
            continue
        if key not in known:
            raise ParameterError((key,), f"unknown key{did_you_mean(key, known)}")
        try:
            checked[key] = check_value(host, known[key], inner)
        except ParameterError as error:
            raise ParameterError((key, *error.path), error.message) from error
    return checked


def _plain(value: Any) -> Any:
    """JSON-able form of a parameter's value."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        raise TypeError("a default density is written as a mapping, not as an instance")
    return value


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        inner = [f"{key}={_short(item)}" for key, item in value.items() if key != "name"]
        return _called(str(value["name"]), inner)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _called(name: str, words: list[str]) -> str:
    return f"{name}({', '.join(words)})" if words else name


def _with_word(label: str, word: str) -> str:
    """A label with one more parameter."""
    return f"{label.removesuffix(')')}, {word})" if label.endswith(")") else f"{label}({word})"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _describe(annotation: Any) -> str:
    import annotated_types

    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        limits = []
        for limit in arguments[1:]:
            if isinstance(limit, annotated_types.Ge):
                limits.append(f"at least {limit.ge}")
            if isinstance(limit, annotated_types.Gt):
                limits.append(f"greater than {limit.gt}")
        return ", ".join([_describe(arguments[0]), *limits])
    if origin is typing.Literal:
        return " | ".join(str(argument) for argument in arguments)
    if origin is tuple and arguments[1:] == (...,):
        return f"list of {_describe(arguments[0])}"
    if origin is not None:
        return " | ".join(_describe(argument) for argument in arguments)
    return "nothing" if annotation is type(None) else getattr(annotation, "__name__", str(annotation))
