"""`report.html`: everything about a run on one page that needs no network and no other file.

Scripts add to it and are not needed: tables and pictures are there without them.
"""

from __future__ import annotations

import base64
import gzip
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from estibench import host as plugin_host
from estibench.analysis.noise import typical_spread
from estibench.exports import grids, plots
from estibench.exports.answer import answer_lines, fitted, grouped
from estibench.exports.bibliography import bibliography
from estibench.exports.canvas import looks_for
from estibench.exports.cell_table import cell_table
from estibench.exports.comparison import comparisons
from estibench.exports.explorer import explorer
from estibench.exports.findings import counts, findings, misses
from estibench.exports.pages import INTERACTIVE, inline_svg, render_page
from estibench.exports.scaling import break_even_table, scaling_table
from estibench.exports.scripts import LICENCES
from estibench.exports.summary import summary_tables
from estibench.exports.table_files import to_csv
from estibench.results.find import shown_name

if TYPE_CHECKING:
    from estibench.results.run_directory import Results

COLUMNS = 6
PAGE_WIDTH, PAGE_LINES = 100, 20  # characters and rows of the answer
MOST_TESTS = 2000  # of claims, that a page shows with their evidence
LARGEST_DOWNLOAD = 600_000  # bytes
LARGEST = 5_000_000  # bytes of a page
ROOMS = (2_500_000, 1_000_000, 0)  # characters of its pictures; what comes after is left to the plots folder
NAMED_VERSIONS = ("estibench", "torch", "numpy", "scipy", "torchdiffeq")


@dataclass(frozen=True)
class Surroundings:
    """Where a page finds what is not inside it: a page that stands alone has everything inside.

    Attributes:
        assets: folder of scripts and styles, relative to the page.
        pictures: folder of the pictures, relative to the page.
        home: address of the site's first page.
        further: pictures (.png) and texts beside the page that plugins have written, relative to it.
        room: characters that pictures inside the page may take together.
        drawn: whether the page holds pictures; without them it says how to get them.
    """

    assets: str | None = None
    pictures: str | None = None
    home: str | None = None
    further: tuple[str, ...] = ()
    room: int = ROOMS[0]
    drawn: bool = True


def export(results: Results) -> list[Path]:
    """Writes `report.html`; with the figures where they have been drawn, into the folder of plots."""
    path = results.directory / "report.html"
    drawn = (results.directory / plots.FOLDER).is_dir()
    for room in ROOMS:
        page = render(results, Surroundings(room=room, drawn=drawn))
        if len(page.encode()) <= LARGEST:
            break
    path.write_text(page, encoding="utf-8")
    return [path]


def render(results: Results, around: Surroundings = Surroundings()) -> str:
    """The page. Every text is escaped, whoever wrote it; only the pictures are markup, and those are drawn here."""
    sections, complaints = plugin_host.current().report_sections(results)
    tested = findings(results)
    about = results.about
    return render_page(
        "report.html.j2",
        INTERACTIVE,
        around.assets,
        description=about.get("description"),
        suite_text=about.get("suite_text"),
        title=about.get("title") or about.get("suite") or "A run of estibench",
        answer=grouped(fitted(answer_lines(results), PAGE_WIDTH, PAGE_LINES)),
        facts=facts(results),
        explorer=explorer(results.frame, looks_for(results)),
        cells=cell_table(results.frame),
        level=results.confidence,
        home=around.home,
        further=around.further,
        summary=summary_tables(results),
        comparisons=comparisons(results),
        columns=COLUMNS,
        pictures=list(_pictures(results, around)) if around.drawn else [],
        undrawn=[] if around.drawn else _planned(results),
        run=shown_name(results.directory),
        counts=counts(tested),
        tested=tested[:MOST_TESTS],
        tests=len(tested),
        doubtful=sorted(
            (found for found in tested if found.verdict != "supported"), key=lambda found: found.verdict == "undecided"
        )[:MOST_TESTS],
        scaling=grids.scaling_grids(scaling_table(results)),
        scaling_caption=grids.SCALING_CAPTION,
        break_even_wanted=bool(about.get("break_even")),
        break_even=grids.break_even_grids(break_even_table(results)),
        break_even_caption=grids.BREAK_EVEN_CAPTION,
        no_break_even=grids.NO_BREAK_EVEN,
        problems=_problems(results),
        command=f"bench run {shlex.quote(str(about.get('suite_file') or about.get('suite') or 'SUITE'))}",
        downloads=[] if around.assets else downloads(results),
        bibliography=bibliography(results.frame),
        licences=LICENCES,
        version=(about.get("distributions") or {}).get("estibench", ""),
        misses=misses(results),
        sections=sections,
        complaints=complaints,
    )


def downloads(results: Results) -> list[tuple[str, str]]:
    """The table and the suite as links that hold their data: names and addresses."""
    name = str(results.about.get("suite") or "run")
    table = gzip.compress(to_csv(results).encode(), mtime=0)
    found = [(f"{name}.csv.gz", "application/gzip", table)] if len(table) <= LARGEST_DOWNLOAD else []
    if results.about.get("suite_text"):
        found.append((f"{name}.yaml", "application/yaml", str(results.about["suite_text"]).encode()))
    return [(file, f"data:{kind};base64,{base64.b64encode(data).decode()}") for file, kind, data in found]


def facts(results: Results) -> list[tuple[str, str]]:
    """What was measured, where and with what: names and values. What the run does not say is left out."""
    about, frame = results.about, results.frame
    machine, settings = about.get("machine") or {}, about.get("settings") or {}
    versions = about.get("distributions") or {}
    seconds = settings.get("time_limit")
    found = {
        "suite": about.get("suite"),
        "measured": about.get("started"),
        "commit": about.get("commit"),
        **{f"{name}s": len(set(frame.get(name, ()))) for name in ("problem", "estimator")},
        **{f"{name}s": _listed(frame.get(name, ())) for name in ("device", "dtype")},
        "processor": _with(machine, "processor", "cores", "{processor}, {cores} cores"),
        "memory": f"{machine['memory_bytes'] / 2**30:.0f} GiB" if machine.get("memory_bytes") else None,
        "accelerators": _listed(machine.get("accelerators") or []),
        "system": machine.get("system"),
        "Python": machine.get("python"),
        "versions": ", ".join(f"{name} {versions[name]}" for name in NAMED_VERSIONS if name in versions),
        "plugins": _listed(
            f"{plugin['name']} ({plugin['distribution']} {plugin['version']})"
            if plugin.get("distribution")
            else plugin["name"]
            for plugin in about.get("plugins") or []
            if not plugin.get("refused")
        ),
        "seed": settings.get("seed"),
        "threads": settings.get("threads"),
        "draws per cell": _draws(results),
        "precision asked for": f"{100 * settings['precision']:g} % of the RMSE" if "precision" in settings else None,
        "confidence": f"{100 * settings['confidence']:g} %" if "confidence" in settings else None,
        "time limit per cell": f"{seconds:g} s of draws" if seconds is not None else None,
        "rounds of timing": settings.get("rounds"),
        "noise of the clock": _noise(results),
    }
    return [(name, str(value)) for name, value in found.items() if value not in (None, "")]


def _planned(results: Results) -> list[str]:
    """Titles of the figures that the suite asks for."""
    return [plots.title_of(plot) for plot in results.about.get("plots") or []]


def _pictures(results: Results, around: Surroundings) -> Iterator[dict[str, Any]]:
    """Title, caption, markup (or file) and width in pixels of every picture.

    They are drawn anew: a file may be anyone's.
    """
    room, folder = around.room, around.pictures
    for picture in plots.pictures(results):
        text = plots.to_svg(results, picture)
        room -= len(text)
        width = re.search(r'width="([\d.]+)pt"', text)
        yield {
            "name": picture.name,
            "title": picture.title,
            "caption": picture.caption,
            "svg": inline_svg(text, picture.title) if room >= 0 and folder is None else None,
            "file": None if folder is None else f"{folder}/{picture.name}.svg",
            "width": round(float(width[1]) * 4 / 3) if width else 900,
        }


def _problems(results: Results) -> list[tuple[str, ...]]:
    """Every problem with its truth: label, components, norm and source."""
    columns = ["problem", "components", "truth_norm", "truth_source"]
    known = results.frame.reindex(columns=columns).dropna(subset=["truth_source"]).drop_duplicates("problem")
    return [
        (str(row["problem"]), f"{row['components']:g}", f"{row['truth_norm']:.4g}", str(row["truth_source"]))
        for row in known.to_dict("records")
    ]


def _draws(results: Results) -> str | None:
    if "draws" not in results.frame or results.frame["draws"].isna().all():
        return None
    draws = results.frame["draws"]
    return f"{draws.min():.0f} to {draws.max():.0f}"


def _noise(results: Results) -> str | None:
    spread = typical_spread(results.frame)
    return None if spread is None else f"rounds of a call differ by {100 * spread:.0f} % (interquartile range, typical)"


def _listed(values: Any) -> str:
    return ", ".join(dict.fromkeys(map(str, values)))


def _with(machine: dict[str, Any], *arguments: str) -> str | None:
    *names, text = arguments
    return text.format(**machine) if all(machine.get(name) for name in names) else None
