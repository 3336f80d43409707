"""Writes the site: its runs, and a page for every task, problem, estimator and machine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from estibench.errors import UserError
from estibench.exports import plots, report, table_files, tables
from estibench.exports.comparison import comparisons
from estibench.exports.pages import INTERACTIVE, PLAIN, render_page
from estibench.exports.report import Surroundings
from estibench.exports.scripts import LICENCES, scripts, styles
from estibench.exports.summary import summary_markdown
from estibench.results.files import write_whole
from estibench.results.run_directory import RUN_FILE
from estibench.site.catalogue import Catalogue, Run, shelve, slug
from estibench.site.looks import settled_looks
from estibench.site.pages import KINDS, links, machine_links, machine_page, run_link, subject

if TYPE_CHECKING:
    from estibench.exports.canvas import Look

TEMPLATES = Path(__file__).parent / "templates"
ASSETS = "assets"


def publish(runs: Sequence[Path], site: Path, told: Callable[[str], None] = lambda line: None) -> list[Path]:
    """Add runs to a site, and write all pages that speak of several runs anew. Returns the pages.

    Every link is relative, so the folder may be moved, zipped or served as it is.

    Args:
        runs: directories of runs, or of published ones.
        site: the folder; what it holds of other runs stays.
        told: hears what is being written.

    Raises:
        UserError: a directory holds no run, or the site cannot be written to.
    """
    catalogue, added = shelve(site, runs, told)
    if not catalogue.runs:
        raise UserError(f"{site}: nothing is published there, and no run was given")
    try:
        looks = settled_looks(site, catalogue.names("family"))
        _write_assets(site)
        pages = []
        for run in added:
            told(f"{run.folder}: {run.title}")
            pages.append(_write_run(site, run, looks))
        return [*pages, *_write_pages(site, catalogue, looks, told)]
    except OSError as error:
        raise UserError(f"{error.filename or site}: cannot write: {error.strerror}") from error


def _write_assets(site: Path) -> None:
    folder = site / ASSETS
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {**scripts(), **styles()}.items():
        (folder / name).write_text(text, encoding="utf-8")


def _write_run(site: Path, run: Run, looks: dict[str, Look]) -> Path:
    """A run's page, data, tables and pictures."""
    folder, source = site / run.folder, run.results.directory
    folder.mkdir(parents=True, exist_ok=True)
    others = {path.relative_to(source): path.read_bytes() for path in _of_plugins(run)}
    for name in (tables.FOLDER, plots.FOLDER):
        shutil.rmtree(folder / name, ignore_errors=True)
    results = replace(run.results, directory=folder, published=run.results.frame, scratch={"looks": looks})
    write_whole(folder / RUN_FILE, json.dumps(results.about, indent=2) + "\n")
    table_files.export_parquet(results)
    tables.export(results)
    plots.export(results, ("svg",))
    (folder / "summary.md").write_text(summary_markdown(results), encoding="utf-8")
    for path, content in others.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(content)
    further = tuple(sorted(path.as_posix() for path in others))
    around = Surroundings(assets=f"../{ASSETS}", pictures=plots.FOLDER, home="../index.html", further=further)
    page = folder / "index.html"
    page.write_text(report.render(results, around), encoding="utf-8")
    return page


def _of_plugins(run: Run) -> list[Path]:
    """Pictures and tables beside the run that exporters of plugins have written: those that are not ours.

    Only what a browser shows as a picture or as text: an SVG of somebody's may hold a script.
    """
    source = run.results.directory
    ours = {picture.name for picture in plots.pictures(run.results)}
    pictures = [path for path in sorted((source / plots.FOLDER).glob("*.png")) if path.stem not in ours]
    written = {comparison.name for comparison in comparisons(run.results)} | {
        "scaling",
        "break_even",
        "budgets",
        "flips",
    }
    texts = [path for path in sorted((source / tables.FOLDER).glob("*.md")) if path.stem not in written]
    return [*pictures, *texts]


def _write_pages(site: Path, catalogue: Catalogue, looks: dict[str, Look], told: Callable[[str], None]) -> list[Path]:
    """The pages that speak of several runs. Those of what is no longer there go."""
    written = [_write(site / "index.html", "index.html.j2", PLAIN, ASSETS, **_index(catalogue))]
    for kind, column in KINDS.items():
        told(f"{kind}s")
        shutil.rmtree(site / f"{kind}s", ignore_errors=True)
        for name in catalogue.names(column):
            found = subject(catalogue, kind, name, looks)
            path = site / f"{kind}s" / f"{slug(name)}.html"
            written.append(_write(path, "subject.html.j2", INTERACTIVE, f"../{ASSETS}", subject=found))
    shutil.rmtree(site / "machines", ignore_errors=True)
    for name, machine in catalogue.machines.items():
        path = site / "machines" / f"{name}.html"
        written.append(_write(path, "machine.html.j2", PLAIN, f"../{ASSETS}", **machine_page(catalogue, machine)))
    return written


def _index(catalogue: Catalogue) -> dict[str, Any]:
    return {
        "runs": [run_link(run) for run in catalogue.runs],
        "shelves": [(f"{kind.capitalize()}s", links(catalogue, kind)) for kind in KINDS],
        "machines": machine_links(catalogue),
    }


def _write(path: Path, template: str, wanted: Sequence[str], assets: str, **values: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    page = render_page(template, wanted, assets, folders=(TEMPLATES,), licences=LICENCES, **values)
    path.write_text(page, encoding="utf-8")
    return path
