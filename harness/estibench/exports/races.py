"""The question of a race, answered in a sentence: who is ahead at equal steps and at equal time, and from when on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from estibench.analysis.training import By, Race, Standing, course, races
from estibench.exports.contests import seconds
from estibench.exports.short_names import listed, short_names
from estibench.exports.training import with_interval

if TYPE_CHECKING:
    import pandas as pd

NAMED = 4  # contestants that a sentence has room for
Names = Mapping[str, str]


def contestants(cells: pd.DataFrame) -> dict[str, str]:
    """Estimators by what tells them apart: `probes=4`, or `exact` where the others have another `trace`."""
    rows = cells.drop_duplicates("estimator")
    names = short_names([str(label) for label in rows["estimator"]])
    parameters = [name for name in map(str, rows) if name.startswith("estimator_") and name != "estimator_name"]
    for label, name in names.items():
        if "(" in name or name != label.partition("(")[0] or rows["estimator_name"].nunique() > 1 or len(rows) < 2:
            continue
        own = rows["estimator"] == label
        for column in parameters:
            value = rows.loc[own, column].iloc[0]
            if isinstance(value, str) and value not in set(rows.loc[~own, column]):
                names[label] = value
                break
    return names


def race_in_words(cells: pd.DataFrame, level: float) -> str:
    """One sentence on all races of these cells, whatever their status; empty where nobody has a rival."""
    ok, names = cells[cells["status"] == "ok"], contestants(cells)
    by_time = {race.place: race for race in races(ok, "time", level)}
    found = [race for race in races(ok, "steps", level) if len(race.standings) > 1]
    where = short_names([race.place[0] for race in found])
    parts = [_told(race, by_time.get(race.place), names) for race in found]
    if len(found) > 1:
        parts = [f"on {where[race.place[0]]}, {text}" for race, text in zip(found, parts, strict=True)]
    wild = cells.loc[cells["status"] == "not_finite", "estimator"].unique()
    parts += [f"{listed([names[str(label)] for label in wild])} went beyond all bounds"] if found and len(wild) else []
    return "; ".join(parts)


def _told(race: Race, timed: Race | None, names: Names) -> str:
    text = f"after {race.at:g} steps {_order(race, names)}"
    if timed is None or len(timed.standings) < len(race.standings):
        return text
    here = f"at equal time, {seconds(timed.at)}"
    return f"{text}; {here}, {'the same' if _first(timed) == _first(race) else _order(timed, names)}"


def _first(race: Race) -> set[str]:
    """Who may be best."""
    return {str(one.row["estimator"]) for one in (race.winner, *race.open)}


def _order(race: Race, names: Names) -> str:
    """`a 1 [0.9, 1.1] is better than b 3 [2.9, 3.1], from step 10 on (b was ahead up to step 3)`."""
    best = [race.winner, *race.open]
    worse = [one for one in race.standings if one not in best]
    first, rest = names[str(race.winner.row["estimator"])], _several(worse, names)
    if len(best) > 1:
        text = f"{_several(best, names)} are not told apart"
        return f"{text}; {first} is better than {rest}" if worse else text
    run = course(race)
    text = f"{_several(best, names)} is better than {rest}"
    text += "" if run.ahead is None else f", from {_place(race.by, run.ahead)} on"
    if run.led is not None:
        text += f" ({names[str(run.led['estimator'])]} was ahead up to {_place(race.by, run.until)})"
    return text


def _several(some: Sequence[Standing], names: Names) -> str:
    shown = some if len(some) <= NAMED else some[: NAMED - 1]
    texts = [f"{names[str(one.row['estimator'])]} {with_interval(one)}" for one in shown]
    texts += [f"{len(some) - len(shown)} more"] if len(shown) < len(some) else []
    return " and ".join([*([", ".join(texts[:-1])] if texts[:-1] else []), texts[-1]]) if texts else ""


def _place(by: By, at: float) -> str:
    return seconds(at) if by == "time" else f"step {at:g}"
