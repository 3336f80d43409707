"""The contract of a task in words: what `bench show TASK` prints. Every sentence is a docstring of the classes."""

from __future__ import annotations

import functools
import importlib
import inspect
import textwrap
import typing
from collections.abc import Iterator
from typing import Any

from estibench.contracts.estimator import Estimator
from estibench.contracts.fit import Fit, FitProblem
from estibench.contracts.problem import Problem
from estibench.contracts.samples import SampleProblem, SampleSet
from estibench.contracts.task import Task
from estibench.host.entries import Entry

OURS = "estibench"


def contract_text(task: Task, name: str) -> str:
    """The estimand, the oracles with shapes, what `estimate` returns, the public names, and where more is written."""
    contract = task.contract
    returned: Any = Estimator.estimate
    if issubclass(contract, (SampleProblem, FitProblem)):
        returned = SampleSet if issubclass(contract, SampleProblem) else Fit
    parts = [
        ("The estimand", _doc(contract)),
        ("What `estimate(problem, generator)` returns", _doc(returned)),
        ("What a problem offers", "\n".join(_offered(contract))),
        ("Ranked by", f"error and {task.work}; baseline: {task.baseline}"),
    ]
    package = contract.__module__.partition(".")[0]
    names = [f"{public}: {_first_line(value)}" for public, value in _public(package)]
    if names:
        parts.append((f"Public names: from {package} import …", "\n".join(names)))
    if task.own:
        own = Entry(name, task.own, "").load()
        parts.append((f'Your own: estibench.assess("{name}", …), bench assess {name} FILE:FUNCTION', _doc(own.make)))
    begin = [task.docs] if task.docs else []
    if task.example:
        begin.append(f"bench plugin new NAME --task {name}")
    if begin:
        parts.append(("Where to begin", "\n".join(begin)))
    return "".join(f"\n{title}\n{textwrap.indent(text, '  ')}\n" for title, text in parts)


def _offered(contract: type) -> Iterator[str]:
    """The members that the task adds to a problem, and those of what they return."""
    parts: list[type] = []
    for member, value in _members(contract, {*dir(Problem), *dir(SampleProblem), *dir(FitProblem)}):
        yield _described(member, value)
        for part in _returned(value):
            if _is_part(part, contract) and part not in parts:
                parts.append(part)
    for part in parts:
        yield f"\n{part.__name__}: {_first_line(part)}"
        for member, value in _members(part, set(dir(object)) - {"__call__"}):
            yield textwrap.indent(_described(member, value), "  ")


def _members(cls: type, known: set[str]) -> Iterator[tuple[str, Any]]:
    """Documented public members of a class and of its bases outside of the host, the base's first."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.partition(".")[0] in (OURS, "builtins", "abc", "typing"):
            continue
        for name, value in vars(base).items():
            is_member = inspect.isfunction(value) or isinstance(value, (property, functools.cached_property))
            if is_member and (not name.startswith("_") or name == "__call__") and name not in known:
                found[name] = value
    yield from ((name, value) for name, value in found.items() if getattr(cls, name).__doc__ or value.__doc__)


def _described(name: str, value: Any) -> str:
    """`name(arguments)` with its documentation below."""
    head = name
    if inspect.isfunction(value):
        arguments = list(inspect.signature(value).parameters.values())[1:]
        called = "" if name == "__call__" else name
        head = f"{called}({', '.join(argument.name for argument in arguments)})"
    return f"{head}\n{textwrap.indent(inspect.cleandoc(value.__doc__ or ''), '    ')}"


def _returned(value: Any) -> tuple[type, ...]:
    """The classes that a member returns, as far as its annotation says."""
    function = getattr(value, "fget", None) or getattr(value, "func", None) or value
    try:
        hint = typing.get_type_hints(function).get("return")
    except (NameError, TypeError):  # names that only a type checker imports
        return ()
    return tuple(one for one in (hint, *typing.get_args(hint)) if isinstance(one, type))


def _is_part(cls: type, contract: type) -> bool:
    """Whether a class belongs to the task: it lives in the same package, and is neither a problem nor a tuple."""
    same = cls.__module__.partition(".")[0] == contract.__module__.partition(".")[0]
    return same and not issubclass(cls, (Problem, tuple))


def _public(package: str) -> Iterator[tuple[str, Any]]:
    module = importlib.import_module(package)
    for name in sorted(getattr(module, "__all__", ())):
        yield name, getattr(module, name)


def _doc(thing: Any) -> str:
    return inspect.getdoc(thing) or "(no documentation)"


def _first_line(thing: Any) -> str:
    if not (inspect.isclass(thing) or inspect.isfunction(thing)):
        return str(thing)
    return _doc(thing).partition("\n\n")[0].replace("\n", " ")
