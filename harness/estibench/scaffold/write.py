"""Writes a plugin distribution from templates: what `bench plugin new` does."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import estibench
from estibench.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from estibench.host import Host

TEMPLATES = Path(__file__).parent / "templates"
COMMON = "common"
OWN = "own"
SUFFIX = ".j2"
PREFIX = "estibench"
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


def known_tasks() -> tuple[str, ...]:
    """The tasks for which there is a template; `own` makes a task, a problem and an estimator."""
    return tuple(sorted(folder.name for folder in TEMPLATES.iterdir() if folder.is_dir() and folder.name != COMMON))


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
    if keyword.iskeyword(plain) or plain in TAKEN_MODULES or title in estibench.__all__:
        raise UserError(f"{name!r} cannot name a plugin: {plain!r} or {title!r} means something else already")
    if task not in known_tasks():
        hint = did_you_mean(task, known_tasks())
        if task in host.tasks:
            hint = f"; there are templates for {', '.join(known_tasks())}; begin with one and name the task in hooks.py"
        raise UserError(f"no template for the task {task!r}{hint}")
    for registry in (host.estimators, host.problems, host.tasks):
        for taken in (plain, f"{plain}_problem"):
            if taken in registry:
                raise UserError(f"{registry.kind} {taken!r} is already registered by {registry.origin(taken).source}")
    distribution = f"{PREFIX}-{plain.replace('_', '-')}"
    return Names(plain, title, distribution, distribution.replace("-", "_"), plain if task == OWN else task)


def write_plugin(names: Names, template: str, folder: Path) -> list[Path]:
    """Writes the distribution into `folder`, which must not exist or be empty, and returns its files.

    Raises:
        UserError: the folder holds something, or cannot be written to.
    """
    from jinja2 import Environment, StrictUndefined

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: already exists and is not empty; choose another folder with -o")
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    rendered = {
        folder / target: environment.from_string(source.read_text(encoding="utf-8")).render(names=names)
        for source, target in _sources(names, template)
    }
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
