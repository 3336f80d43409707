"""How figures look: colours, panels, axes, ticks and legends. What they show is decided in `plots`."""

from __future__ import annotations

import io
import logging
import math
import textwrap
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from estibench.results.run_directory import Results

# On a machine's first run matplotlib makes a cache of fonts, and where that takes long it would say so on stderr.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

# Okabe and Ito's colours without their yellow, then three of Paul Tol's 'muted': distinct for the colour-blind.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#882255", "#999933", "#332288")
MARKERS = ("o", "s", "^", "D", "P", "X", "*", "<", ">", "h", "p")
LINES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))
GREY = "0.45"
LINE = 0.127  # inches of a line of a panel's title
TITLE_WIDTH, LEGEND_WIDTH = 42, 32  # characters
FRONT: dict[str, Any] = {"color": "0.75", "lw": 2.0, "ls": "-"}


@dataclass(frozen=True)
class Look:
    """How a family of estimators is drawn, in every plot of a run."""

    colour: str
    marker: str


@dataclass(frozen=True)
class Layout:
    """Sizes in inches: a panel's axes, the gaps between panels, the columns, and the room at the right and the left."""

    width: float
    height: float
    gap: float
    across: int
    right: float
    left: float = 0.75


def looks_of(frame: pd.DataFrame) -> dict[str, Look]:
    """Colour and marker of every family of the run, in order of first appearance: the same in all its plots."""
    families = dict.fromkeys(map(str, frame.get("family", ())))
    return {family: look(index) for index, family in enumerate(families)}


def looks_for(results: Results) -> dict[str, Look]:
    """The looks of a run's families: those of the site that it stands in, else its own."""
    settled = results.scratch.get("looks")
    return looks_of(results.frame) if settled is None else settled


def look(index: int) -> Look:
    """One of 110 looks; neighbours differ in colour and in marker."""
    return Look(COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)])


def panel_grid(panels: int, layout: Layout, room: float = 0.0, titles: int = 3) -> tuple[Figure, list[Axes]]:
    """A figure with so many panels, at least `room` inches high, with room for so many lines above each.

    Placed by hand: fitting a layout to many log axes would take most of the drawing.
    """
    from matplotlib.figure import Figure

    columns = min(layout.across, panels)
    lines = math.ceil(panels / columns)
    top, bottom, between = 0.42 + LINE * titles, 0.55, 0.34 + LINE * titles
    width = layout.left + columns * layout.width + (columns - 1) * layout.gap + layout.right
    height = max(room, top + lines * layout.height + (lines - 1) * between + bottom)
    figure = Figure(figsize=(width, height))
    axes = []
    for index in range(panels):
        line, column = divmod(index, columns)
        x = layout.left + column * (layout.width + layout.gap)
        y = height - top - layout.height - line * (layout.height + between)
        axes.append(figure.add_axes((x / width, y / height, layout.width / width, layout.height / height)))
    return figure, axes


def finish_panel(axis: Axes, problem: str, ticks: Sequence[float] = ()) -> None:
    """Log axes with few, readable ticks, a title at the left, no box. `ticks` are x to show, if they are few."""
    import seaborn as sns
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

    axis.set(xscale="log", yscale="log")
    axis.set_title(literal(wrapped(problem, TITLE_WIDTH)), fontsize=7.5, loc="left", pad=4)
    for side, (low, high) in ((axis.xaxis, axis.get_xlim()), (axis.yaxis, axis.get_ylim())):
        side.set_major_locator(LogLocator(subs=tick_steps(low, high), numticks=20))
        side.set_minor_locator(NullLocator())
        in_words = low >= 0.009 and high < 2e4
        side.set_major_formatter(FuncFormatter(lambda value, _, plain=in_words: tick(value, plain)))
    if 0 < len(ticks) <= 8:
        axis.xaxis.set_major_locator(FixedLocator(list(ticks)))
    axis.tick_params(labelsize=7)
    axis.grid(visible=True, lw=0.4, color="0.88")
    sns.despine(ax=axis)


def tick_steps(low: float, high: float) -> tuple[float, ...]:
    """Which multiples of the powers of ten get a tick on a log axis, so that there are at least two and not many."""
    if math.floor(math.log10(high)) - math.ceil(math.log10(low)) >= 2:
        return (1.0,)
    decades = math.log10(high / low)
    if decades > 1.1:
        return (1.0, 3.0)
    return (1.0, 2.0, 5.0) if decades > 0.6 else (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)


def tick(value: float, plain: bool) -> str:
    """A tick's label: `0.05`, or `5·10⁻⁴` in matplotlib's mathematics."""
    if plain:
        return f"{value:g}"
    power = math.floor(math.log10(value) + 1e-9)
    leading = round(value / 10.0**power, 6)
    return f"$10^{{{power}}}$" if leading == 1 else rf"${leading:g}\!\cdot\!10^{{{power}}}$"


def wrapped(text: str, width: int) -> str:
    """A component's label on short lines: its name, then its parameters."""
    name, _, parameters = text.partition("(")
    return "\n".join([name, *textwrap.wrap(parameters.removesuffix(")"), width)])


def title_lines(problems: Iterable[str], width: int) -> int:
    """Lines of the longest panel title."""
    return max((wrapped(problem, width).count("\n") + 1 for problem in problems), default=1)


def legend_text(label: str) -> str:
    """A component's label for a legend, on lines that its margin holds, broken between parameters."""
    if len(label) <= LEGEND_WIDTH:
        return label
    name, bracket, parameters = label.partition("(")
    lines = textwrap.wrap(parameters, LEGEND_WIDTH - 2, break_long_words=False, break_on_hyphens=False)
    return "\n  ".join([name + bracket, *lines])


def family_key(family: str, look: Look) -> Any:
    from matplotlib.lines import Line2D

    text = literal(legend_text(family))
    return Line2D([], [], color=look.colour, marker=look.marker, ms=5, lw=1.2, mew=0, label=text)


def sign_key(marker: str, text: str) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=GREY, ls="", marker=marker, mfc="white", ms=6, label=text)


def front_key() -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], **FRONT, label="Pareto front")


def heading(figure: Figure, title: str) -> None:
    """The title of a figure, at its upper left corner."""
    width, height = figure.get_size_inches()
    text = literal(textwrap.fill(title, int(11 * width)))
    figure.suptitle(text, fontsize=11, weight="bold", x=0.2 / width, y=1 - 0.12 / height, ha="left")


def label_axes(figure: Figure, x: str, y: str) -> None:
    """One label for the x of all panels, below them, and one for their y, at the left."""
    width, height = figure.get_size_inches()
    places = [axis.get_position() for axis in figure.axes]
    across = 0.5 * (places[0].x0 + max(place.x1 for place in places))
    lowest = min(place.y0 for place in places)
    figure.supxlabel(literal(x), fontsize=9, x=across, y=lowest - 0.42 / height, va="center")
    figure.supylabel(literal(y), fontsize=9, x=0.1 / width, y=0.5 * (lowest + places[0].y1))


def literal(text: str) -> str:
    """Text that matplotlib shows as it is, not as mathematics."""
    return text.replace("$", r"\$")


def svg_text(figure: Figure, salt: str) -> str:
    text = io.StringIO()
    with style({"svg.hashsalt": salt}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def style(more: dict[str, Any] | None = None) -> AbstractContextManager[None]:
    """The look of all figures, for as long as the context lasts."""
    import matplotlib as mpl
    import seaborn as sns

    fonts = {"svg.fonttype": "none", "pdf.fonttype": 42, "font.family": ["DejaVu Sans", "sans-serif"]}
    settings: dict[Any, Any] = {**sns.axes_style("ticks"), **fonts, "axes.linewidth": 0.8, **(more or {})}
    return mpl.rc_context(settings)
