"""Objects of this process under names that a suite can use, for as long as they are assessed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from estibench.assessment.contents import contents
from estibench.contracts.estimator import Estimator
from estibench.errors import UserError
from estibench.host import Host, Plugin
from estibench.host.entries import EstimatorEntry, ProblemEntry


@dataclass(frozen=True)
class LiveProblem(ProblemEntry):
    """A problem made of objects that only this process has."""

    make: Callable[..., Any] = dict

    def load(self) -> Any:
        return self.make


@dataclass(frozen=True)
class LiveEstimator(EstimatorEntry):
    """An estimator's class that is not registered."""

    cls: type = object

    def load(self) -> Any:
        return self.cls


@contextmanager
def known(
    host: Host, task: str, name: str, objects: Mapping[str, Any], problem: Any, given: Sequence[Any]
) -> Iterator[list[Any]]:
    """Yields `given` estimators as a suite writes them, while the host knows them and the problem `name`.

    Args:
        objects: what the problem was made of, and what its key holds.

    Raises:
        UserError: the name is taken, or an estimator is nothing that can be measured.
    """
    plugin = Plugin(f"assess {name}", "", "", "")
    values = {field.name: getattr(problem, field.name) for field in dataclasses.fields(problem)}
    plain = {name: value for name, value in values.items() if isinstance(value, int | float | str)}
    digest = contents({"objects": objects, "plain": plain})

    def make(contents: str = digest) -> Any:
        return problem

    make.__qualname__ = name
    try:
        host.problems.add(LiveProblem(name, "", f"a {task} of your own", task, make), plugin)
    except ValueError as error:
        raise UserError(f"name={name!r}: {error}; choose another") from error
    try:
        yield [_written(host, task, plugin, one) for one in given]
    finally:
        host.problems.discard(plugin)
        host.estimators.discard(plugin)


def _written(host: Host, task: str, plugin: Plugin, one: Any) -> Any:
    """An estimator as a suite writes it: a text or a mapping stays, an object becomes a mapping."""
    if isinstance(one, str):
        return called(one)
    if isinstance(one, Mapping):
        return dict(one)
    if not isinstance(one, Estimator):
        raise UserError(f"estimators: expected names, mappings or Estimator objects, got {type(one).__name__}")
    cls = type(one)
    name = next((entry.name for entry in host.estimators if entry.target == f"{cls.__module__}:{cls.__qualname__}"), "")
    if not name:
        name = cls.__name__
        if name not in host.estimators:
            host.estimators.add(LiveEstimator(name, "", (cls.__doc__ or name).splitlines()[0], (task,), cls), plugin)
    parameters = {field.name: getattr(one, field.name) for field in dataclasses.fields(one)}
    return {
        "name": name,
        **{key: list(value) if isinstance(value, tuple) else value for key, value in parameters.items()},
    }


def called(text: str) -> Any:
    """`"hutchinson(probes=[1, 4])"` as a suite writes it. Raises `UserError` for anything but a name and values."""
    import ast

    try:
        tree = ast.parse(text, mode="eval").body
        if isinstance(tree, ast.Name):
            return tree.id
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and not tree.args:
            values = {str(one.arg): _value(one.value) for one in tree.keywords}
            return {"name": tree.func.id, **values}
    except (SyntaxError, ValueError):
        pass
    raise UserError(f"estimators: expected a name with values, as in hutchinson(probes=[1, 4]), got {text!r}")


def _value(node: Any) -> Any:
    """A literal; a bare word is a text, as in YAML."""
    from ast import Name
    from ast import literal_eval as literal

    return node.id if isinstance(node, Name) else literal(node)
