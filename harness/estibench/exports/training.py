"""What training runs have led to, in sentences and as a table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from estibench.analysis.training import By, Race, Row, Standing, races
from estibench.exports.contests import SummaryTable, named
from estibench.exports.short_names import listed

if TYPE_CHECKING:
    import pandas as pd

TABLE = (
    "Excess over the truth at the end of training, mean over runs with its interval; the same at equal time, when the "
    "quickest run of the problem has ended; sliced Wasserstein distance of samples of the model over that of as "
    "many real ones; evaluations and seconds of a whole run. From low to high. †: not told apart from "
    "the best."
)
HEADER = ("problem", "estimator", "excess", "at equal time", "samples ×", "work", "seconds")
HOW: Mapping[By, str] = {"steps": "at equal steps", "time": "at equal time"}
SAMPLES = "sliced_wasserstein"
ROOM = 40
RIVALS = 3


def training_in_words(cells: pd.DataFrame, names: Mapping[tuple[str, str, str], str], level: float) -> Iterator[str]:
    """Whose models are best at equal steps, and at equal time where that is another."""
    said = ""
    for by in HOW:
        found = [race.among_random for race in races(cells, by, level) if len(race.standings) > 1]
        clear = _by_winner([race for race in found if not race.open])
        tied = _by_winner([race for race in found if race.open])
        parts = [f"{winner} is best on {_where(some, names)}: {_lead(some[0])}" for winner, some in clear]
        parts += [
            f"{winner} leads on {_where(some, names)}, not told apart from {_rivals(some)}" for winner, some in tied
        ]
        who = str([(winner, [race.place for race in some]) for winner, some in (*clear, *tied)])
        if parts and who != said:
            yield f"{HOW[by]}, {'; '.join(parts)}"
        said = who


def _where(some: list[Race], names: Mapping[tuple[str, str, str], str]) -> str:
    return listed([names[race.place] for race in some], ROOM)


def _rivals(some: list[Race]) -> str:
    names = list(dict.fromkeys(named(one.row) for race in some for one in race.open))
    shown = names if len(names) <= RIVALS else names[: RIVALS - 1]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(shown) < len(names) else "")


def _lead(race: Race) -> str:
    """By how much the best is ahead, and what exact gradients lead to."""
    best, second = race.standings[:2]
    exact = f"; exact gradients {race.left_out.excess:.3g}" if race.left_out else ""
    return f"{best.excess:.3g}, the next {second.excess:.3g}{exact}"


def _by_winner(found: list[Race]) -> list[tuple[str, list[Race]]]:
    winners: dict[str, list[Race]] = {}
    for race in found:
        winners.setdefault(named(race.winner.row), []).append(race)
    return sorted(winners.items(), key=lambda one: -len(one[1]))


def training_table(cells: pd.DataFrame, task: str, level: float) -> SummaryTable:
    """All models of a task, the best of each problem first."""
    by_time = {race.place: race for race in races(cells, "time", level)}
    rows = []
    for race in races(cells, "steps", level):
        other = by_time.get(race.place)
        for one in race.standings:
            at_time = "" if other is None else _of(other, one.row)
            block = str(one.row["block"]) if one is race.winner else ""
            rows.append((block, named(one.row), _marked(race, one), at_time, *_rest(one.row)))
    shown = [column for column in range(len(HEADER)) if any(row[column] for row in rows)]
    return SummaryTable(
        f"Where training has led ({task})",
        TABLE,
        tuple(HEADER[column] for column in shown),
        tuple(tuple(row[column] for column in shown) for row in rows),
    )


def _of(race: Race, row: Row) -> str:
    found = [one for one in race.standings if one.row["estimator"] == row["estimator"]]
    return _marked(race, found[0]) if found else ""


def _marked(race: Race, one: Standing) -> str:
    return with_interval(one) + (" †" if one in race.open else "")


def with_interval(one: Standing) -> str:
    """`1.02 [0.94, 1.1]`, without an interval where all runs end alike."""
    if math.isinf(one.half_width):
        return f"{one.excess:.3g} (no interval)"
    interval = "" if one.low == one.high else f" [{one.low:.3g}, {one.high:.3g}]"
    return f"{one.excess:.3g}{interval}"


def _rest(row: Row) -> tuple[str, ...]:
    """Distance of samples over its floor; runs, work and seconds."""
    distance, floor = (float(row.get(name) or math.nan) for name in (f"error_{SAMPLES}", f"reading_floor_{SAMPLES}"))
    times = f"{distance / floor:.3g}" if math.isfinite(distance / floor) else ""
    numbers = [row.get(name) for name in ("work", "time")]
    return (times, *("" if x is None or not math.isfinite(x) else f"{x:.3g}" for x in numbers))
