"""The suite's figures: `plots/<name>.svg` and `.png`; one for each device and dtype where there are several.

Figures are made object by object, never through pyplot, so that drawing leaves the caller's matplotlib as it was.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from estibench.analysis.cells import is_refuted
from estibench.analysis.criteria import criteria
from estibench.analysis.curves import Curve, curves
from estibench.analysis.ranks import ranking
from estibench.analysis.regimes import budget_of, regimes
from estibench.analysis.verdict_matrix import verdict_matrix
from estibench.axes import axes_of
from estibench.columns import CURVE_AXES, EFFICIENCIES, label
from estibench.exports.budgets import budget_in_words
from estibench.exports.canvas import heading, label_axes, looks_for, style, svg_text
from estibench.exports.comparison import blocks
from estibench.exports.contests import seconds
from estibench.exports.curves_plot import Line, curves_of, draw_curves, draw_race
from estibench.exports.panels import panels_of, shows_frontiers, shows_fronts, shows_levels, small_multiples
from estibench.exports.parts import draw_parts, parts_of
from estibench.exports.questions import selected, sentence
from estibench.exports.races import contestants
from estibench.exports.rank_plot import draw_ranks
from estibench.exports.regime_plot import budget_text, draw_regimes
from estibench.exports.scaling_plot import draw_scaling
from estibench.exports.short_names import short_names
from estibench.exports.verdict_plot import draw_verdicts

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from estibench.results.run_directory import Results


FOLDER = "plots"
FORMATS = ("svg", "png")
RESOLUTION = 150  # dots per inch
AT_EQUAL = {"step": "at equal steps", "time": "at equal time"}
SCALED = " A run's time is measured as a whole, and spread evenly over its steps."
PARETO = (
    " Grey steps: the Pareto front, the least error that so much buys. Cells behind it by no more than noise count to "
    "it as well: the column {column}."
)
ROUNDING = " Errors at the level of rounding, however small, are drawn as ▽ on the floor of their panel."
AT_BUDGET = (
    " Some are biased, and averaging does not remove a bias: the ranks are those of bias² + variance × cost / budget."
)
REFUTED = " ✗: a claim of it was refuted."
FREE = " A dashed line across a panel: an estimator that spends nothing."
FRONTIER = (
    " Grey steps: the frontier, the least bias at up to so much random error. It falls to the ground at the first "
    "estimator whose bias is not distinguishable from 0; errors at the level of rounding take no part."
)
AVERAGED = (
    "the average of as many estimates as the budget buys errs least, bias² + variance × cost / budget (where nobody is "
    "biased this is the order of MSE × {cost}), among those"
)
WINNERS = {
    "mse": "one estimate errs least, among those",
    "mse_work": AVERAGED.format(cost="work"),
    "mse_time": AVERAGED.format(cost="time"),
}
CAPTIONS = {
    "error_cost": (
        "One panel per problem, one line per kind of estimator through its budgets. Lower is more accurate, further "
        "left is cheaper: choose from the lower left border. Bands and bars are {level:g} % confidence intervals."
    )
    + ROUNDING,
    "scaling": (
        "One panel per family of problems, one line per estimator: the power law y ~ x^k fitted to the points, with "
        "k and its {level:g} % confidence interval, or where y is counted the range of its slopes between neighbouring "
        "points. Flatter scales better."
    ),
    "bias_variance": (
        "Systematic against random error of one estimate, both relative to the truth, with {level:g} % confidence "
        "intervals. An open marker with an arrow is the upper bound of a bias that is not distinguishable from 0. "
        "Above the dashed diagonal the bias is the larger part of the error, and more draws will not help."
    )
    + ROUNDING,
    "curves": (
        "Mean error along a run, one panel per problem, one line per estimator; bands are {level:g} % confidence "
        "intervals over independent runs.{time}"
    ),
    "ranks": (
        "Each estimator's mean rank, 1 at best. A bar joins estimators that are not told apart at {level:g} %: their "
        "mean ranks differ by less than the critical difference CD, the length of the ruler (Nemenyi), or Friedman's "
        "test finds no difference at all. {size}; Friedman's {chance}. Ranks say how often one is ahead of another on "
        "these problems, not by how much, and depend on who else is ranked."
    ),
    "regime": (
        "Of which kind of estimator {what} that cost at most the budget, one panel per kind of problem. The budgets "
        "are costs that occur{further}. Hatched: the winner is not told apart from every estimator of every other "
        "kind, tested at 5 % with Holm's correction over all contests of the figure. Empty: no estimator spends as "
        "little. References take part: where certainty is affordable, it wins."
    ),
    "race": (
        "Mean error along a run, at the left against steps and at the right against time; bands are {level:g} % "
        "confidence intervals over independent runs."
    ),
    "parts": (
        "By how much the likelihood of the model at the end of training falls short of the truth, and by how much the "
        "estimator that has trained it overstates that likelihood, with {level:g} % confidence intervals over runs."
    ),
    "verdicts": (
        "How many tests of each kind of claim were supported (✓), refuted (✗) or undecided (?), over all problems. A "
        "tile has the colour of its worst verdict; it is empty where nothing is claimed."
    ),
}


@dataclass(frozen=True)
class Picture:
    """A figure to be drawn, with its words.

    Attributes:
        name: stem of its files.
        caption: how to read it, and which problems it lacks.
        draw: makes the figure, which takes a while.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[], Figure]


def export(results: Results, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Writes every picture in every format."""
    folder = results.directory / FOLDER
    written = []
    for picture in pictures(results):
        folder.mkdir(exist_ok=True)
        figure = picture.draw()
        for form in formats:
            path = folder / f"{picture.name}.{form}"
            written.append(path)
            if form == "svg":
                svg = results.scratch[f"svg:{picture.name}"] = svg_text(figure, picture.name)
                path.write_text(svg, encoding="utf-8")
                continue
            with style():
                figure.savefig(path, dpi=RESOLUTION)
    return written


def save(picture: Picture, path: Path) -> None:
    """Draw a picture into a file: SVG, PDF or PNG, as its name ends. The same picture gives the same bytes."""
    figure = picture.draw()
    if path.suffix == ".svg":
        path.write_text(svg_text(figure, picture.name), encoding="utf-8")
        return
    undated = {"CreationDate": None} if path.suffix == ".pdf" else None
    with style():
        figure.savefig(path, dpi=RESOLUTION, metadata=undated)


def to_svg(results: Results, picture: Picture) -> str:
    """The picture as SVG text, drawn unless `export` has just done so; the same picture gives the same text."""
    drawn = results.scratch.get(f"svg:{picture.name}")
    return drawn if isinstance(drawn, str) else svg_text(picture.draw(), picture.name)


def pictures(results: Results) -> Iterator[Picture]:
    """The figures that the suite asks for and that have something to draw, each with a name of its own."""
    taken: Counter[str] = Counter()
    for plot in results.about.get("plots") or []:
        for picture in PAINTERS[plot["kind"]](results, plot):
            name = re.sub(r"[^\w-]+", "-", picture.name)
            taken[name] += 1
            yield replace(picture, name=f"{name}-{taken[name]}" if taken[name] > 1 else name)


def _log_pictures(results: Results, plot: dict[str, Any]) -> Iterator[Picture]:
    """Figures with x and y, one for each device and dtype."""
    looks, level, kind = looks_for(results), results.confidence, plot["kind"]
    x, y = map(str, axes_of(plot))
    parts = list(blocks(results.frame))
    for device, dtype, cells in parts:
        rows = _with_relative_std(_ok(cells, plot))
        name, title = _words(plot, [device, dtype] if len(parts) > 1 else [])
        caption = CAPTIONS[kind].format(level=100 * level)
        draw: Callable[[], Figure]
        if kind == "scaling":
            laws: dict[str, list[Curve]] = {}
            for curve in curves(rows, y, x):
                laws.setdefault(curve.problem, []).append(curve)
            drawn, draw = {*laws}, partial(draw_scaling, laws, looks, level)
        else:
            panels = panels_of(rows, x, y)
            drawn, draw = {*panels}, partial(small_multiples, kind, panels, looks)
            if kind == "error_cost" and shows_fronts(panels):
                caption += PARETO.format(column=f"front_{x}")
            if kind == "error_cost" and shows_levels(panels):
                caption += FREE
            if kind == "bias_variance" and shows_frontiers(panels):
                caption += FRONTIER
            missing = [problem for problem in dict.fromkeys(rows["problem"]) if problem not in drawn]
            caption += f" Without both quantities, and not drawn: {'; '.join(missing)}." if missing else ""
        if drawn:
            axes = axis_label(rows, x), axis_label(rows, y)
            yield Picture(name, title, caption, partial(_finished, draw, title, axes))


def _rank_pictures(results: Results, plot: dict[str, Any]) -> Iterator[Picture]:
    """Critical-difference diagrams, one for each task."""
    if results.frame.empty:
        return
    looks, level = looks_for(results), 1 - results.confidence
    by = budget_of(str(axes_of(plot)[1]))
    stated = (results.about.get("budgets") or {}).get(by, ())
    tasks = list(_ok(results.frame, plot).groupby("task", sort=False))
    for task, cells in tasks:
        for criterion in criteria(cells, by, stated):
            found = ranking(criterion.errors(cells), "error", level)
            if found is None:
                continue
            part = [str(task)] if len(tasks) > 1 else []
            words = EFFICIENCIES[f"mse_{by}"]
            if criterion.budget is not None:
                words = f"error at {budget_in_words(cells, criterion)}"
                part.append(words.removeprefix("error "))
            name, title = _words(plot, part)
            families = dict(zip(cells["estimator"], cells["family"], strict=True))
            caption = CAPTIONS["ranks"].format(level=100 * level, size=found.size, chance=found.chance)
            if criterion.budget is not None:
                caption += AT_BUDGET
            refuted = set(cells.loc[is_refuted(cells), "estimator"].astype(str))
            if refuted & {*found.estimators}:
                caption += REFUTED
            if found.left_out:
                caption += f" Left out, for they were not measured in every block: {'; '.join(found.left_out)}."
            draw = partial(draw_ranks, found, looks, families, words, refuted)
            yield Picture(name, title, caption, partial(_finished, draw, title))


def _curve_pictures(results: Results, plot: dict[str, Any]) -> Iterator[Picture]:
    """Mean errors along runs, one figure for each device and dtype."""
    looks, x = looks_for(results), str(axes_of(plot)[0])
    parts = list(blocks(results.frame))
    for device, dtype, cells in parts:
        panels = curves_of(_ok(cells, plot), x)
        if not panels:
            continue
        name, title = _words(plot, [device, dtype] if len(parts) > 1 else [])
        caption = CAPTIONS["curves"].format(level=100 * results.confidence, time=SCALED if x == "time" else "")
        axes = next(iter(panels.values()))[0].axis, "mean error"
        yield Picture(name, title, caption, partial(_finished, partial(draw_curves, panels, looks), title, axes))


def _race_pictures(results: Results, plot: dict[str, Any]) -> Iterator[Picture]:
    """Curves against steps and against time, and who is ahead; one figure for each device and dtype."""
    for cells, name, title, said in _questions(results, plot):
        panels: dict[str, list[Line]] = {}
        along = [(axis, curves_of(_ok(cells, plot), axis)) for axis in CURVE_AXES]
        problems = list(along[0][1])
        short = short_names(problems)
        for problem in problems:
            for axis, lines in along:
                if problem in lines:
                    where = f": {short[problem]}" if len(problems) > 1 else ""
                    panels[f"{AT_EQUAL[axis]}{where}"] = lines[problem]
        if panels:
            caption = f"{said} {CAPTIONS['race'].format(level=100 * results.confidence)}{SCALED}".strip()
            draw = partial(draw_race, panels, contestants(selected(cells, plot)))
            yield Picture(name, title, caption, partial(_finished, draw, title, ("", "mean error")))


def _part_pictures(results: Results, plot: dict[str, Any]) -> Iterator[Picture]:
    """The model's error beside its estimator's; one figure for each device and dtype."""
    for cells, name, title, said in _questions(results, plot):
        found = parts_of(selected(cells, plot), results.confidence)
        if found:
            caption = f"{said} {CAPTIONS['parts'].format(level=100 * results.confidence)}".strip()
            yield Picture(name, title, caption, partial(_finished, partial(draw_parts, found), title, ("nats", "")))


def _questions(results: Results, plot: dict[str, Any]) -> Iterator[tuple[pd.DataFrame, str, str, str]]:
    """The cells of each device and dtype, name and title of their figure, and what they say to its question."""
    parts = list(blocks(results.frame))
    for device, dtype, cells in parts:
        name, title = _words(plot, [device, dtype] if len(parts) > 1 else [])
        yield cells, name, title, sentence(cells, plot, results.confidence)


def _regime_pictures(results: Results, plot: dict[str, Any]) -> Iterator[Picture]:
    """Who wins over a parameter and the budget, one figure for each device, dtype and task: work differs in kind."""
    looks, (x, error) = looks_for(results), map(str, axes_of(plot))
    parts = [
        (device, dtype, str(task), some)
        for device, dtype, cells in blocks(results.frame)
        for task, some in _ok(cells, plot).groupby("task", sort=False)
    ]
    several = [len({part[at] for part in parts}) > 1 for at in range(3)]
    for *place, rows in parts:
        stated = (results.about.get("budgets") or {}).get(budget_of(error), ())
        found = regimes(rows, x, error, results.confidence, stated)
        if not found:
            continue
        names = place if any(several[:2]) else place[2:]
        name, title = _words(plot, [*map(str, names)] if any(several) else [])
        caption = CAPTIONS["regime"].format(
            what=WINNERS[error], further="" if error == "mse" else ", and where a bias shows multiples of them"
        )
        if any(tile.refuted for one in found for tile in one.tiles.values()):
            caption += REFUTED
        budget = (
            "budget [time]" if budget_of(error) == "time" else axis_label(rows, "work").replace("work", "budget", 1)
        )
        axes = (label(x) if any(one.xs != (None,) for one in found) else "", budget)
        tick = seconds if budget_of(error) == "time" else budget_text
        draw = partial(draw_regimes, found, looks, tick)
        yield Picture(name, title, caption, partial(_finished, draw, title, axes))


def _verdict_pictures(results: Results, plot: dict[str, Any]) -> Iterator[Picture]:
    """Verdicts on claims, one figure for each task."""
    if results.frame.empty:
        return
    tasks = list(_ok(results.frame, plot).groupby("task", sort=False))
    for task, cells in tasks:
        found = verdict_matrix(cells, str(axes_of(plot)[1]))
        if found is None:
            continue
        name, title = _words(plot, [str(task)] if len(tasks) > 1 else [])
        yield Picture(name, title, CAPTIONS["verdicts"], partial(_finished, partial(draw_verdicts, found), title))


PAINTERS: dict[str, Callable[[Results, dict[str, Any]], Iterator[Picture]]] = {
    "error_cost": _log_pictures,
    "scaling": _log_pictures,
    "bias_variance": _log_pictures,
    "ranks": _rank_pictures,
    "curves": _curve_pictures,
    "regime": _regime_pictures,
    "verdicts": _verdict_pictures,
    "race": _race_pictures,
    "parts": _part_pictures,
}


def title_of(plot: dict[str, Any]) -> str:
    """What a plot of a suite is called."""
    return str(plot.get("title") or plot["kind"].replace("_", " "))


def _words(plot: dict[str, Any], part: Sequence[str]) -> tuple[str, str]:
    """Name and title of a picture, and of which part of the run."""
    name, title = plot.get("name") or plot["kind"], title_of(plot)
    return "-".join([name, *part]), f"{title} ({', '.join(part)})" if part else title


def axis_label(rows: pd.DataFrame, column: str) -> str:
    """A column's label; work says what it counts where all rows agree."""
    if column == "relative_std":
        return "standard deviation / ‖truth‖"
    costs = [str(name) for name in rows if str(name).startswith("cost_")]
    units = [name for name in costs if column == "work" and rows[name].equals(rows["work"])]
    return f"work [{label(units[0])}]" if units else label(column)


def _with_relative_std(rows: pd.DataFrame) -> pd.DataFrame:
    """The table with √variance over the norm of the truth, and its bounds."""
    if not {"variance", "truth_norm"} <= {*rows.columns}:
        return rows
    norm = rows["truth_norm"].where(rows["truth_norm"] > 0)
    sides = [side for side in ("", "_low", "_high") if f"variance{side}" in rows]
    return rows.assign(**{f"relative_std{side}": rows[f"variance{side}"].clip(lower=0) ** 0.5 / norm for side in sides})


def _ok(cells: pd.DataFrame, plot: dict[str, Any]) -> pd.DataFrame:
    """The cells that a plot names, as far as they were measured."""
    return selected(cells[cells["status"] == "ok"], plot)


def _finished(draw: Callable[[], Figure], title: str, axes: tuple[str, str] | None = None) -> Figure:
    """The figure with the words around its panels: title, and the labels of x and y that they share."""
    with style():
        figure = draw()
        heading(figure, title)
        if axes:
            label_axes(figure, *axes)
    return figure
