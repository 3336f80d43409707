"""Writes a plugin distribution from templates: what `bench plugin new` does.

The estimator that a distribution begins with is the example that its task names (`Task.example`), a module in the
plugin that registers the task: whoever adds a task adds the example, and the host has no template for any.
"""

from __future__ import annotations

import ast
import importlib
import json
import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import estibench
from estibench.errors import UserError, did_you_mean
from estibench.host.components import parameters_of

if TYPE_CHECKING:
    from estibench.host import Host

TEMPLATES = Path(__file__).parent / "templates"
COMMON = "common"
ESTIMATOR = "estimator"
OWN = "own"
SUFFIX = ".j2"
PREFIX = "estibench"
CLASS = "Example"  # what the class of an example is called
NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
TAKEN_MODULES = ("hooks", "problem", "tests", "conftest")
LONGEST = 40


@dataclass(frozen=True)
class Names:
    """What a plugin called `unit-vector` calls its parts.

    Attributes:
        name: `unit_vector`: of the estimator, and of its module.
        title: `UnitVector`: of the class.
        distribution, package: `estibench-unit-vector`, `estibench_unit_vector`.
        task: of the estimator.
    """

    name: str
    title: str
    distribution: str
    package: str
    task: str


@dataclass(frozen=True)
class Start:
    """What a plugin begins with.

    Attributes:
        source: of the estimator's module; empty where a template has it.
        summary: what the method is, in a few words.
        tasks: that the estimator serves, the one that was asked for first.
        problems: registered names, one of each task.
        problem: the first of them with parameters that make it small, as a suite writes it.
        estimator: likewise.
        baseline, unit: of the task.
    """

    source: str = ""
    summary: str = ""
    tasks: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    problem: str = ""
    estimator: str = ""
    baseline: str = ""
    unit: str = ""


def known_tasks(host: Host) -> tuple[str, ...]:
    """The tasks that name an example; `own` makes a task, a problem and an estimator."""
    return (OWN, *(entry.name for entry in host.tasks if entry.load().example))


def names_of(name: str, task: str, host: Host) -> Names:
    """The names that follow from one. Raises `UserError` for one that cannot be used."""
    short = re.sub(f"^{PREFIX}[-_]", "", name)
    if not NAME.fullmatch(short) or len(short) > LONGEST:
        raise UserError(
            f"{name[:60]!r} cannot name a plugin: expected lower-case letters and digits, words joined by - or _, "
            f"beginning with a letter, at most {LONGEST} of them: unit-vector"
        )
    plain = short.replace("-", "_")
    title = "".join(word.capitalize() for word in plain.split("_"))
    if keyword.iskeyword(plain) or plain in TAKEN_MODULES or title in (*estibench.__all__, "State"):
        raise UserError(f"{name!r} cannot name a plugin: {plain!r} or {title!r} means something else already")
    known = known_tasks(host)
    if task not in known:
        hint = did_you_mean(task, known)
        if task in host.tasks:
            hint = f", which names no example; begin with one of {', '.join(known)} and name the task in hooks.py"
        raise UserError(f"no template for the task {task!r}{hint}")
    for registry in (host.estimators, host.problems, host.tasks):
        for taken in (plain, f"{plain}_problem"):
            if taken in registry:
                raise UserError(f"{registry.kind} {taken!r} is already registered by {registry.origin(taken).source}")
    distribution = f"{PREFIX}-{plain.replace('_', '-')}"
    return Names(plain, title, distribution, distribution.replace("-", "_"), plain if task == OWN else task)


def start_of(names: Names, task: str, host: Host) -> Start:
    """What a plugin of a task begins with. Raises `UserError` where the task's example cannot be used."""
    if task == OWN:
        return Start(problems=(f"{names.name}_problem",))
    chosen = host.tasks.get(task).load()
    others = [entry.name for entry in host.tasks if entry.name != task and entry.load().example == chosen.example]
    tasks = (task, *others)
    problems = {entry.task: entry.name for entry in reversed(list(host.problems)) if entry.task in tasks}
    if task not in problems:
        raise UserError(f"no problem of the task {task!r} is registered: there is nothing to try an estimator on")
    parameters = next(iter(host.problems.get(problems[task]).load().examples))
    text, cls = _example(chosen.example, task)
    _, _, summary = (ast.get_docstring(ast.parse(text)) or "").partition(": ")
    return Start(
        source=text,
        summary=summary.rstrip("."),
        tasks=tasks,
        problems=tuple(problems[name] for name in tasks if name in problems),
        problem=json.dumps({"name": problems[task], **parameters}, ensure_ascii=False),
        estimator=json.dumps(_with_ladder(names.name, cls)),
        baseline=chosen.baseline,
        unit=chosen.work,
    )


def write_plugin(names: Names, start: Start, folder: Path) -> list[Path]:
    """Writes the distribution into `folder`, which must not exist or be empty, and returns its files.

    Raises:
        UserError: the folder holds something, or cannot be written to.
    """
    from jinja2 import Environment, StrictUndefined

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: already exists and is not empty; choose another folder with -o")
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    rendered = {
        folder / target: environment.from_string(source.read_text(encoding="utf-8")).render(names=names, start=start)
        for source, target in _sources(names, ESTIMATOR if start.source else OWN)
    }
    if start.source:
        rendered[folder / "src" / names.package / f"{names.name}.py"] = _renamed(start, names)
    try:
        for path, text in rendered.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{folder}: cannot write: {error.strerror}") from error
    return list(rendered)


def _sources(names: Names, template: str) -> Iterator[tuple[Path, Path]]:
    """Each template with the path of what is made from it."""
    for part in (COMMON, template):
        root = TEMPLATES / part
        for source in sorted(root.rglob(f"*{SUFFIX}")):
            path = str(source.relative_to(root)).removesuffix(SUFFIX)
            yield source, Path(path.replace("PACKAGE", names.package).replace("MODULE", names.name))


def _example(module: str, task: str) -> tuple[str, type]:
    """The source of an example, and its class. Raises `UserError` where there is none of the agreed name."""
    try:
        found = importlib.import_module(module)
        return Path(found.__file__ or "").read_text(encoding="utf-8"), getattr(found, CLASS)
    except (ImportError, OSError, AttributeError) as error:
        raise UserError(
            f"the task {task!r} names the example {module!r}, of which there is no {CLASS}: {error}"
        ) from error


def _with_ladder(name: str, cls: type) -> dict[str, object]:
    """The estimator as a suite writes it, with two values of its first whole number, if it has any."""
    numbers = [one for one in parameters_of(cls).values() if type(one.default) is int]
    return {"name": name} | {one.name: [one.default, 4 * one.default] for one in numbers[:1]}


def _renamed(start: Start, names: Names) -> str:
    """The example's module under the plugin's own names."""
    text = re.sub(r'\A"""(.|\n)*?"""', lambda _: f'"""The estimator `{names.name}`: {start.summary}."""', start.source)
    return re.sub(rf"\b{CLASS}\b", names.title, text)
