"""Whether a run is right: what became of its claims and of the cells without a result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from estibench.exports.contests import block_label, several_places, short
from estibench.exports.standings import VERDICTS
from estibench.results.expected import as_expected, expectation, is_surprise
from estibench.results.run_directory import Results, once

PLACE = ("problem", "device", "dtype")
AS_EXPECTED, AGAINST = " as expected", " against expectation"


@dataclass(frozen=True)
class Finding:
    """A claim that was tested.

    Attributes:
        where: block and estimator.
        evidence: what was measured against what was claimed.
    """

    verdict: str
    where: str
    claim: str
    evidence: str


def headline(results: Results) -> str:
    """One sentence or two: how much was measured, and how the claims fared."""
    frame = results.frame
    if frame.empty:
        return "The run has no cells."
    states = Counter(map(_state, _rows(results)))
    ok = states.pop("ok", 0) + states[f"ok{AGAINST}"]
    others = "".join(f", {number} {state}" for state, number in sorted(states.items()))
    found = counts(findings(results))
    claims = ", ".join(f"{number} {verdict}" for verdict, number in found.items() if number or verdict != "undecided")
    return f"{ok} of {len(frame)} cells measured{others}. Claims: {claims if any(found.values()) else 'none made'}."


def _rows(results: Results, *names: str) -> list[dict[Any, Any]]:
    """Every row's status, what the suite expects of it, and what else is asked for: a table may have 200 columns."""
    frame = results.frame
    wanted = {"status", "expected", "expected_why", *names}
    return frame[[name for name in frame if name in wanted]].to_dict("records")


def _state(row: Mapping[Any, Any]) -> str:
    """`not finite`, `not finite as expected`, `ok`, and `ok against expectation`."""
    if row["status"] == "ok" and expectation(row):
        return f"ok{AGAINST}"
    return str(row["status"]).replace("_", " ") + (AS_EXPECTED if as_expected(row) else "")


@once
def findings(results: Results) -> list[Finding]:
    """Every tested claim of the run with its verdict."""
    frame = results.frame
    if "claims" not in frame:
        return []
    several = several_places(frame)
    return [
        Finding(
            str(claim["verdict"]),
            f"{row['estimator']} on {block_label(row, several)}",
            str(claim["claim"]),
            _evidence(claim),
        )
        for row in _rows(results, *PLACE, "estimator", "claims")
        for claim in (row["claims"] if isinstance(row["claims"], list) else [])
    ]


@dataclass(frozen=True)
class Miss:
    """Cells without a result, or with one that nobody expected.

    Attributes:
        status: in words.
        reason: what they say; why the suite expects it, where it does.
        whose: estimators, and on how many problems.
        wrong: whether this makes the run fail.
    """

    status: str
    reason: str
    cells: int
    whose: str
    wrong: bool


def misses(results: Results) -> list[Miss]:
    """Cells without a result, by status and reason, and those that are ok and should not be; what is wrong first."""
    found: dict[tuple[str, str, bool], list[Mapping[Any, Any]]] = {}
    for row in _rows(results, "problem", "estimator_name", "reason"):
        if row["status"] != "ok" or expectation(row):
            found.setdefault((_state(row), _reason(row), is_surprise(row)), []).append(row)
    listed = []
    for (status, reason, wrong), rows in found.items():
        names = ", ".join(dict.fromkeys(str(row["estimator_name"]) for row in rows))
        whose = f"{names} on {count(len({row['problem'] for row in rows}), 'problem')}"
        listed.append(Miss(status, reason, len(rows), whose, wrong))
    return sorted(listed, key=lambda miss: (not miss.wrong, miss.status == "unsupported", -miss.cells))


def _reason(row: Mapping[Any, Any]) -> str:
    """Why the suite expects it, where it does: of a surprise, before what the cell says itself."""
    wanted = expectation(row)
    if as_expected(row):
        return str(row["expected_why"])
    parts = [f"expected to be {wanted.replace('_', ' ')}, for {row['expected_why']}"] if wanted else []
    return "; ".join([*parts, *([str(row["reason"])] if row["reason"] else [])])


def miss_in_words(miss: Miss) -> str:
    """`Not finite: 8 cells (feynman_kac on 2 problems): 96 of 96 draws are not finite`."""
    return f"{miss.status.capitalize()}: {count(miss.cells, 'cell')} ({miss.whose}): {miss.reason}"


def _evidence(claim: dict[str, Any]) -> str:
    measured = short(claim.get("measured"))
    low, high = claim.get("low"), claim.get("high")
    if low is not None and low < high:
        measured += f" [{short(low)}, {short(high)}]"
    p_value = claim.get("p_adjusted")
    if claim["verdict"] == "undecided" and claim.get("reason"):
        chance = f": {claim['reason']}"
    elif claim["verdict"] == "undecided" and claim.get("effect"):
        chance = f" (power {100 * claim['power']:.0f} % against {claim['effect']})"
    elif p_value is None or p_value in (0, 1):
        chance = ""
    else:
        chance = f" (adjusted p = {short(p_value)})"
    return f"measured {measured}, claimed {short(claim.get('claimed'))}{chance}"


def count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def counts(findings: Sequence[Finding]) -> dict[str, int]:
    """How many claims got each verdict."""
    return {verdict: sum(found.verdict == verdict for found in findings) for verdict in VERDICTS}
