"""Whether a run is right: what became of its claims and of the cells without a result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from estibench.exports.contests import block_label, several_places, short
from estibench.exports.standings import VERDICTS

if TYPE_CHECKING:
    from estibench.results.run_directory import Results


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
    states = Counter(map(str, frame["status"]))
    ok = states.pop("ok", 0)
    others = "".join(f", {number} {status.replace('_', ' ')}" for status, number in sorted(states.items()))
    found = counts(findings(results))
    claims = ", ".join(f"{number} {verdict}" for verdict, number in found.items() if number or verdict != "undecided")
    return f"{ok} of {len(frame)} cells measured{others}. Claims: {claims if any(found.values()) else 'none made'}."


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
        for row in frame.to_dict("records")
        for claim in (row["claims"] if isinstance(row["claims"], list) else [])
    ]


def misses(results: Results) -> list[tuple[str, str, int, str]]:
    """Cells without a result, by status and reason: status, reason, how many, and whose."""
    if results.frame.empty:
        return []
    missing = results.frame[results.frame["status"] != "ok"]
    found = []
    for (status, reason), rows in missing.groupby(["status", "reason"], sort=False, dropna=False):
        names = list(dict.fromkeys(map(str, rows["estimator_name"])))
        whose = f"{', '.join(names)} on {count(rows['problem'].nunique(), 'problem')}"
        found.append((str(status).replace("_", " "), str(reason), len(rows), whose))
    return sorted(found, key=lambda miss: (miss[0] == "unsupported", -miss[2]))


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
