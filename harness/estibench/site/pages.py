"""What the pages of a site say: plain data for the templates, made from the catalogue."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from estibench import host as plugin_host
from estibench.analysis.pareto import mark_fronts
from estibench.errors import UserError
from estibench.exports.cell_table import CellTable, cell_table
from estibench.exports.contests import SummaryTable
from estibench.exports.explorer import Explorer, explorer
from estibench.exports.findings import Finding, findings, headline
from estibench.exports.report import facts
from estibench.exports.summary import summary_tables
from estibench.results.run_directory import Results
from estibench.site.catalogue import Catalogue, Machine, Run, slug

if TYPE_CHECKING:
    import pandas as pd

    from estibench.exports.canvas import Look


@dataclass(frozen=True)
class Link:
    """A page of the site: where it is, what it is called, and what it says in a line."""

    href: str
    title: str
    about: str = ""
    numbers: str = ""


@dataclass(frozen=True)
class Subject:
    """A task, a problem or an estimator: everything that was measured of it.

    Attributes:
        kind: what it is, in a word.
        text: its documentation, where its plugin is installed.
        verdicts: of an estimator's claims: claim, and how many tests supported, refuted or left it undecided.
        doubtful: the tests that did not support a claim.
        related: links to what it was measured with.
        machines: summary tables by machine: times of different machines are not compared.
    """

    kind: str
    name: str
    summary: str
    text: str
    citation: str
    runs: tuple[Link, ...]
    related: tuple[tuple[str, tuple[Link, ...]], ...]
    machines: tuple[tuple[str, tuple[SummaryTable, ...]], ...]
    verdicts: tuple[tuple[str, ...], ...]
    doubtful: tuple[Finding, ...]
    explorer: Explorer | None
    cells: CellTable


KINDS = {"task": "task", "problem": "problem_name", "estimator": "estimator_name"}
COUNTED = {"task": ("problem", "estimator", "run"), "problem": ("estimator", "run"), "estimator": ("problem", "run")}
LEVEL = 0.95


def run_link(run: Run, up: str = "") -> Link:
    """The link to a run's page, from a page that is so far down."""
    date = run.started[:10]
    return Link(f"{up}{run.folder}/index.html", run.title, headline(run.results), f"{date}, {run.machine.title}")


def links(catalogue: Catalogue, kind: str, up: str = "") -> list[Link]:
    """The pages of all tasks, problems or estimators."""
    column = KINDS[kind]
    found = []
    for name in catalogue.names(column):
        cells = catalogue.of(column, name)
        counts = [_count(cells[other].nunique(), other) for other in COUNTED[kind]]
        found.append(Link(f"{up}{kind}s/{slug(name)}.html", name, _summary(kind, name), ", ".join(counts)))
    return found


def machine_links(catalogue: Catalogue, up: str = "") -> list[Link]:
    """The pages of all machines."""
    counts = Counter(run.machine.slug for run in catalogue.runs)
    return [
        Link(f"{up}machines/{name}.html", machine.title, "", _count(counts[name], "run"))
        for name, machine in catalogue.machines.items()
    ]


def subject(catalogue: Catalogue, kind: str, name: str, looks: Mapping[str, Look]) -> Subject:
    """Everything about a task, a problem or an estimator."""
    column = KINDS[kind]
    cells = catalogue.of(column, name)
    machines = []
    for machine in dict.fromkeys(cells["machine"]):
        some = _newest(cells[cells["machine"] == machine])
        tables = () if kind == "estimator" else tuple(summary_tables(_results(mark_fronts(some))))
        machines.append((catalogue.machines[machine].title, tables))
    tested = findings(_results(cells)) if kind == "estimator" else []
    shown = _several_machines(_newest(cells))
    related = tuple((f"{other.capitalize()}s", tuple(_related(cells, other))) for other in KINDS if other != kind)
    return Subject(
        kind,
        name,
        _summary(kind, name),
        _text(kind, name),
        _citation(kind, name),
        tuple(run_link(run, "../") for run in catalogue.runs if run.folder in set(cells["run"])),
        related,
        tuple(machines),
        _verdicts(tested),
        tuple(found for found in tested if found.verdict != "supported"),
        explorer(shown, looks),
        cell_table(shown, brief=True),
    )


def machine_page(catalogue: Catalogue, machine: Machine) -> dict[str, Any]:
    """A machine's facts and runs."""
    runs = [run for run in catalogue.runs if run.machine == machine]
    told = {"processor", "memory", "accelerators", "system", "Python", "versions", "noise of the clock"}
    return {
        "title": machine.title,
        "runs": [(run_link(run, "../"), [fact for fact in facts(run.results) if fact[0] in told]) for run in runs],
    }


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _related(cells: pd.DataFrame, kind: str) -> list[Link]:
    names = dict.fromkeys(map(str, cells[KINDS[kind]]))
    return [Link(f"../{kind}s/{slug(name)}.html", name, _summary(kind, name)) for name in names]


def _newest(cells: pd.DataFrame) -> pd.DataFrame:
    """A cell that several runs of a machine hold, once: from the last of them."""
    return cells.drop_duplicates(["machine", "problem", "estimator", "device", "dtype"], keep="last").reset_index(
        drop=True
    )


def _several_machines(cells: pd.DataFrame) -> pd.DataFrame:
    """Cells of several machines as several problems, or one would be drawn over the other."""
    if cells["machine"].nunique() < 2:
        return cells
    return cells.assign(problem=cells["problem"] + " on " + cells["machine"])


def _results(frame: pd.DataFrame) -> Results:
    return Results(Path(), {"settings": {"confidence": LEVEL}}, [], frame)


def _verdicts(tested: list[Finding]) -> tuple[tuple[str, ...], ...]:
    counts: dict[str, Counter[str]] = {}
    for found in tested:
        counts.setdefault(found.claim, Counter())[found.verdict] += 1
    order = ("supported", "refuted", "undecided")
    return tuple((claim, *(str(count[verdict]) for verdict in order)) for claim, count in counts.items())


def _entry(kind: str, name: str) -> Any:
    """The registered entry, or None where its plugin is not installed here."""
    host = plugin_host.current()
    registries: dict[str, Any] = {"task": host.tasks, "problem": host.problems, "estimator": host.estimators}
    try:
        return registries[kind].get(name)
    except UserError:
        return None


def _summary(kind: str, name: str) -> str:
    return str(getattr(_entry(kind, name), "summary", ""))


def _loaded(kind: str, name: str) -> Any:
    try:
        entry = _entry(kind, name)
        return None if entry is None else entry.load()
    except UserError:
        return None


def _text(kind: str, name: str) -> str:
    target = _loaded(kind, name)
    if target is None:
        return ""
    return inspect.getdoc(target if isinstance(target, type) else target.contract) or ""


def _citation(kind: str, name: str) -> str:
    return " ".join(str(getattr(_loaded(kind, name), "citation", "")).split())
