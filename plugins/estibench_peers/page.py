"""The tables of docs/libraries.md and of the README, from runs: `python -m estibench_peers.page PAGE.md RUN …`.

Each table stands between two comments of the page, `<!-- peers:NAME -->` and `<!-- /peers:NAME -->`, and is written
anew; everything else is left as it is.
"""

from __future__ import annotations

import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from estibench import Results, UserError, load
from estibench_peers.hooks import TABLE
from estibench_peers.twins import TWINS

T = TypeVar("T")
K = TypeVar("K")
VERDICTS = ("supported", "refuted", "undecided")
EXACT = 1e-5  # relative errors below are of rounding
MODULES = {name: target.partition(":")[0] for name, target, *_ in TABLE}


@dataclass(frozen=True)
class Row:
    """A peer's cell, and that of its twin on the same problem, device and dtype; empty where there is none."""

    cell: Mapping[str, Any]
    twin: Mapping[str, Any]
    version: str

    @property
    def library(self) -> str:
        return _distribution(self.cell["estimator_name"])

    @property
    def verdicts(self) -> Counter[str]:
        return Counter(claim["verdict"] for claim in self.claims)

    @property
    def claims(self) -> list[dict[str, Any]]:
        kept = (self.cell.get(column) for column in ("claims", "scaling_claims"))
        found = (claim for claims in kept if isinstance(claims, list) for claim in claims)  # NaN where not measured
        return [claim for claim in found if claim.get("verdict") in VERDICTS]

    @cached_property
    def error(self) -> float | None:
        """RMSE over the twin's; None where both are rounding errors."""
        exact = _positive(self.twin.get("relative_rmse")) <= EXACT
        return None if exact else self._over_twin("rmse")

    @property
    def only_peer_exact(self) -> bool:
        """Whether the library chose an exact method for this problem, beside which the twin is another one."""
        own, other = (_positive(one.get("relative_rmse")) for one in (self.cell, self.twin))
        return own <= EXACT < other

    @cached_property
    def time(self) -> float | None:
        """Time over the twin's: both are over the block's baseline, paired by round."""
        return self._over_twin("time_ratio")

    def time_at_equal_error(self, surely: bool = False) -> float:
        """Time over the twin's, times the ratio of mean squared errors: what more draws of the worse one would cost.

        What is deterministic gains nothing from more draws: there the peer's error must be no larger.

        Args:
            surely: with the ends of both intervals that speak against the peer.
        """
        time = self._over_twin("time_ratio", surely) or math.inf
        if self.error is None:
            return time
        error = self._over_twin("rmse", surely) or math.inf
        if any(claim["claim"].startswith("deterministic") for claim in self.claims):
            return time if error <= 1 else math.inf
        return time * error**2

    def _over_twin(self, column: str, surely: bool = False) -> float | None:
        one, other = _positive(self.cell.get(column)), _positive(self.twin.get(column))
        if surely:
            one = _positive(self.cell.get(f"{column}_high")) or one
            other = _positive(self.twin.get(f"{column}_low")) or other
        return one / other if one and other else None


def rows_of(run: Results) -> list[Row]:
    """The peers of a run."""
    versions = {_normal(name): version for name, version in run.about["distributions"].items()}
    cells = [{str(key): value for key, value in cell.items()} for cell in run.frame.astype(object).to_dict("records")]
    blocks: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for cell in cells:
        blocks.setdefault(_block(cell), []).append(cell)
    return [
        Row(cell, _twin(cell, blocks[_block(cell)]), versions.get(_normal(_distribution(cell["estimator_name"])), "?"))
        for cell in cells
        if cell["estimator_name"] in MODULES
    ]


def _twin(cell: Mapping[str, Any], block: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The twin's cell in the same block. The first that fits: a suite names defaults first."""
    choose = TWINS.get(cell["estimator_name"])
    if choose is None:
        return {}
    name, wanted = choose({key.removeprefix("estimator_"): _plain(value) for key, value in cell.items()})
    for other in block:
        given = {key: _plain(other.get(f"estimator_{key}")) for key in wanted}
        if other["estimator_name"] == name and other["status"] == "ok" and given == dict(wanted):
            return other
    return {}


def libraries(rows: list[Row]) -> Iterator[list[str]]:
    """library, version, tasks, rows measured, verdicts, what else became of rows."""
    yield ["library", "version", "tasks", "rows", *VERDICTS, "not measured"]
    for name, group in _grouped(rows, lambda row: row.library):
        verdicts = sum((row.verdicts for row in group), Counter[str]())
        others = Counter(row.cell["status"] for row in group if row.cell["status"] != "ok")
        tasks = ", ".join(f"`{task}`" for task in dict.fromkeys(row.cell["task"] for row in group))
        counts = [str(verdicts[verdict]) for verdict in VERDICTS]
        left = ", ".join(f"{number} {status.replace('_', ' ')}" for status, number in sorted(others.items()))
        measured = len(group) - sum(others.values())
        yield [name, group[0].version, tasks, str(measured), *counts, left]


def summary(rows: list[Row]) -> Iterator[list[str]]:
    """The libraries with a refuted claim, the most first; then all others in one line."""
    yield ["library", "claims supported", "refuted", "undecided"]
    found = {
        f"{name} {group[0].version}": sum((row.verdicts for row in group), Counter[str]())
        for name, group in _grouped(rows, lambda row: row.library)
    }
    wrong = sorted((one for one in found if found[one]["refuted"]), key=lambda one: -found[one]["refuted"])
    right = sorted((one for one in found if not found[one]["refuted"]), key=str.casefold)
    for names in [*([name] for name in wrong), right]:
        verdicts = sum((found[name] for name in names), Counter[str]())
        yield [", ".join(names), *(str(verdicts[verdict]) for verdict in VERDICTS)]


def estimators(rows: list[Row]) -> Iterator[list[str]]:
    """What is called, beside which twin, its verdicts, and its error and time over the twin's: median, and range."""
    yield ["estimator", "calls", "twin", *VERDICTS, "error over twin's", "time over twin's"]
    called = {name: summary for name, _, summary, _ in TABLE}
    for label, group in _grouped(rows, lambda row: row.cell["estimator"]):
        ok = [row for row in group if row.cell["status"] == "ok"]
        if not ok:
            continue
        verdicts = sum((row.verdicts for row in ok), Counter[str]())
        twins = dict.fromkeys(f"`{row.twin['estimator']}`" for row in ok if row.twin)
        yield [
            f"`{label}`",
            called[ok[0].cell["estimator_name"]],
            ", ".join(twins),
            *(str(verdicts[verdict]) for verdict in VERDICTS),
            _spread(row.error for row in ok),
            _spread(row.time for row in ok),
        ]


def refuted(rows: list[Row]) -> Iterator[list[str]]:
    """Each refuted claim of an estimator, with the first of its problems."""
    yield ["estimator", "claim", "refuted on", "measured", "claimed"]
    found = [(row, claim) for row in rows for claim in row.claims if claim["verdict"] == "refuted"]
    for (label, claim), group in _grouped(found, lambda pair: (pair[0].cell["estimator"], pair[1]["claim"])):
        problems = list(dict.fromkeys(row.cell["problem"] for row, _ in group))
        first = group[0][1]
        where = f"`{problems[0]}`" + (f" and {len(problems) - 1} more" if problems[1:] else "")
        numbers = [f"{first[key]:.4g}" if _number(first.get(key)) else "" for key in ("measured", "claimed")]
        yield [f"`{label}`", claim, where, *numbers]


def ahead(rows: list[Row]) -> Iterator[list[str]]:
    """Where a peer needs less time for the same error: what the built-in has to learn."""
    yield ["estimator", "twin", "problem", "dtype", "error over twin's", "time over twin's", "time at equal error"]
    wrong = {row.cell["estimator"] for row in rows if row.verdicts["refuted"]}
    for row in rows:
        if (
            row.time is None
            or row.cell["estimator"] in wrong
            or row.only_peer_exact
            or row.time_at_equal_error(surely=True) >= 1
        ):
            continue
        names = [f"`{one['estimator']}`" for one in (row.cell, row.twin)]
        error = "" if row.error is None else f"{row.error:.2f}"
        numbers = [error, f"{row.time:.2f}", f"{row.time_at_equal_error():.2f}"]
        yield [*names, f"`{row.cell['problem']}`", row.cell["dtype"], *numbers]


TABLES: dict[str, Callable[[list[Row]], Iterator[list[str]]]] = {
    "summary": summary,
    "libraries": libraries,
    "estimators": estimators,
    "refuted": refuted,
    "ahead": ahead,
}


def fill(page: str, rows: list[Row]) -> str:
    """The page with the tables for which it has a place written anew. Raises `UserError` where it has none."""
    written = 0
    for name, table in TABLES.items():
        head, *body = table(rows)
        lines = [head, ["---"] * len(head), *body]
        text = "\n".join(f"| {' | '.join(cell.replace('|', '∣') for cell in line)} |" for line in lines)
        place = re.compile(rf"(<!-- peers:{name} -->\n).*?(<!-- /peers:{name} -->)", re.DOTALL)
        page, found = place.subn(lambda found, text=text: f"{found[1]}\n{text}\n\n{found[2]}", page)  # type: ignore[misc]
        written += found
    if not written:
        places = ", ".join(TABLES)
        raise UserError(f"no place for a table: write <!-- peers:NAME --> and <!-- /peers:NAME -->; {places}")
    return page


def main(arguments: list[str]) -> None:
    """Write the tables of a page from runs."""
    if len(arguments) < 2:
        raise SystemExit("usage: python -m estibench_peers.page PAGE.md RUN …")
    page, *runs = map(Path, arguments)
    try:
        rows = [row for run in runs for row in rows_of(load(run))]
        page.write_text(fill(page.read_text(encoding="utf-8"), rows), encoding="utf-8")
    except (UserError, OSError) as error:
        raise SystemExit(f"{error}") from error


def _block(cell: Mapping[str, Any]) -> tuple[Any, ...]:
    return cell["task"], cell["problem"], cell["device"], cell["dtype"]


def _distribution(name: str) -> str:
    """The library of an estimator, as pip calls it; torch's own has no list of what to install."""
    module = import_module(f"estibench_peers.{MODULES[name]}")
    return str(getattr(module, "INSTALL", ("torch",))[0])


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _plain(value: Any) -> Any:
    """A parameter as its class has it: the table keeps whole numbers as floats where others have none."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not math.isnan(value)


def _positive(value: Any) -> float:
    """The number, or 0 where it is none or negative."""
    return float(value) if _number(value) and value > 0 else 0.0


def _spread(values: Iterable[float | None]) -> str:
    found = sorted(value for value in values if value is not None)
    if not found:
        return ""
    middle = f"{median(found):.2f}"
    return middle if len(found) == 1 else f"{middle} ({found[0]:.2f} to {found[-1]:.2f})"


def _grouped(items: Iterable[T], key: Callable[[T], K]) -> Iterable[tuple[K, list[T]]]:
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups.items()


if __name__ == "__main__":
    main(sys.argv[1:])
