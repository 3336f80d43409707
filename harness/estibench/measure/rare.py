"""What n draws cannot have seen.

A draw of a random estimator may differ from its neighbours only with a small probability ε: a coin that rarely falls
the other way, an importance weight of 1/ε. Notation: a *hit* is a draw that lies apart from the rest, by more than 5 %
of the greatest distance from the median; the *bulk* is the others. A component with fewer than ten hits is *barely
seen*: how often hits occur and how large they are is then a guess, and an interval or a test that takes the sample's
own spread for the truth is worth nothing. With no hit at all, ε < 3/n is all that is known (at 95 %, from
(1 − ε)ⁿ = 0.05).

The criterion is free of scale. It catches equal draws, a handful of jumps among equal draws, and rare large jumps on
top of small noise; normal, Student and lognormal samples of a usual size have hundreds of hits.

Two inequalities say what a *claimed* variance V lets hide. Let a be the mean of the bulk and H that of the hits.

- Too few hits. If E g = t, then ε(H − a) = t − a =: D; and V ≥ ε(1 − ε)‖H − a‖² (the variance between hits and bulk) =
  ‖D‖²(1 − ε)/ε. So ε ≥ ‖D‖²/(V + ‖D‖²), whatever the values of the hits, and k hits or fewer in n draws have at most
  the probability P(Bin(n, ε) ≤ k) of that least ε.
- Too many hits. With E‖g − a‖² ≥ δ² among the hits, V ≥ εδ² − ‖ε(H − a)‖² ≥ ε(1 − ε)δ², as ‖H − a‖² is at most that
  mean square. So ε is at most the smaller root of ε(1 − ε) = V/δ², if it has one, and k hits that far away have at most
  the probability P(Bin(n, ε) ≥ k). Hits may lie on any side: no law of two values is assumed.

Mean and spread limit each other without any claim too. An unseen mass ε moves the mean by at most √ε times the RMSE
(Cauchy–Schwarz). So a bias of half the RMSE cannot hide as a whole: its greater part, (1/2 − √ε) RMSE, is in the bulk.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from scipy import special
from torch import Tensor

FEWEST_HITS = 10
APART = 0.05  # of the greatest distance from the median, beyond which a draw is a hit
CONFIDENCE = 0.95  # with which an event was too rare to be seen
SHARE_THAT_MATTERS = 0.05  # of an error, in the components that were barely seen
HIDES = 0.5  # a bias that matters, of the RMSE
POWER = 0.8
BULK_ERRORS = 5.0  # standard errors by which the bulk's mean may be off


def hits(values: Tensor, rounding: float = 0.0) -> Tensor:
    """Which draws lie apart from the rest, for each component, (n, D). None where all are equal up to rounding."""
    distance = (values - values.median(0).values).abs()
    most = distance.max(0).values
    return (distance > APART * most) & (most > rounding)


def few(n: int) -> int:
    """Fewer hits than this among n draws say nothing about how often they occur."""
    return min(FEWEST_HITS, n // 2)


def barely_seen(series: Tensor) -> bool:
    """Whether n scalars (n,) are all equal, or all but a handful."""
    return int(hits(series[:, None]).sum()) < few(len(series))


def greatest_mass(n: int, k: int) -> float:
    """The largest probability of an event that k of n draws leave possible, by Clopper and Pearson: 3/n for k = 0."""
    return float(special.betaincinv(k + 1, n - k, CONFIDENCE)) if k < n else 1.0


def too_few(n: int, k: int, shift: float, variance: float) -> float:
    """p-value of k hits among n draws, if hits move the mean by `shift` and the variance is at most `variance`."""
    least = shift**2 / (variance + shift**2) if shift > 0 else 0.0
    return float(special.bdtr(k, n, least))


def too_many(n: int, distances: Tensor, variance: float) -> float:
    """p-value of hits at these distances from the bulk's mean among n draws, if the variance is at most `variance`.

    For each j up to `FEWEST_HITS`: j draws as far away as the j-th farthest of them. The smallest counts, times their
    number (Bonferroni), as none was chosen beforehand.
    """
    farthest = distances.sort(descending=True).values[:FEWEST_HITS].tolist()
    found = [1.0 / FEWEST_HITS]
    for number, distance in enumerate(farthest, 1):
        product = variance / distance**2 if distance > 0 else math.inf  # ε(1 − ε)
        if product < 0.25:
            most = 2 * product / (1 + math.sqrt(1 - 4 * product))
            found.append(float(special.bdtrc(number - 1, n, most)))
    return FEWEST_HITS * min(found)


@dataclass(frozen=True)
class Unseen:
    """What a sample says of its barely seen components B, and what it leaves open.

    Attributes:
        draws: n.
        barely: which components are barely seen, (D,); one at least.
        hit: which draws have a hit in some of them, (n,).
        most_hits: hits of that component of B which has most.
        distance: ‖a − t‖ over B beyond rounding, a the mean of each component's bulk.
        bulk_error: standard error of that mean, its norm over B.
        distances: ‖g_i − a‖ over B of the draws that are hits, (hits,), less what a may be off.
        mse: mean squared error over all components.
        share: that of B in the mean squared error; 1 where every component is in B.
        at_rounding: whether the RMSE is no more than rounding.
    """

    draws: int
    barely: Tensor
    hit: Tensor
    most_hits: int
    distance: float
    bulk_error: float
    distances: Tensor
    mse: float
    share: float
    at_rounding: bool

    @property
    def number(self) -> int:
        """Draws with a hit in some barely seen component."""
        return int(self.hit.sum())

    @property
    def bias_may_hide(self) -> bool:
        """Whether the bulk's distance from the truth leaves room for a bias that matters, or for none.

        A bias of half the RMSE needs a distance ≥ (1/2 − √ε) RMSE. Where the sample's mean square is 5 times what that
        would allow, it is ruled out with a power of 80 %, whatever the law (Markov's inequality).
        """
        left = HIDES - math.sqrt(greatest_mass(self.draws, self.most_hits))
        return left <= 0 or self.distance**2 > (1 - POWER) * left**2 * self.mse

    @property
    def blurs_errors(self) -> bool:
        """Whether mean errors and squares of the whole sample rest on too few hits for an interval."""
        if self.at_rounding:  # noise of its own, whose size means little
            return False
        thin = self.number < few(self.draws)
        return thin and (self.bias_may_hide or self.share > SHARE_THAT_MATTERS or bool(self.barely.all()))

    def shift(self) -> float:
        """How far hits must move the mean at least, if there is no bias: the distance less what the bulk may be off."""
        return max(self.distance - BULK_ERRORS * self.bulk_error, 0.0)

    @property
    def reason(self) -> str:
        """Why nothing can be said, in words."""
        n, components, barely = self.draws, len(self.barely), int(self.barely.sum())
        unseen = f"an event rarer than {percent(greatest_mass(n, 0))} would not have been seen"
        if self.most_hits == 0:
            which = "" if barely == components else f" in {barely} of {components} components"
            return f"all {n} draws are equal{which}: {unseen}"
        where = "" if barely == components else f"in {barely} of {components} components "
        if self.number < few(n):
            which = f"{where}only {self.number} of {n} draws differ{'s' if self.number == 1 else ''}"
        else:
            which = f"in {barely} of {components} components fewer than {few(n)} of {n} draws differ"
        return f"{which} from the rest: too few to tell how often that happens"


def unseen(draws: Tensor, truth: Tensor, rounding: float) -> Unseen | None:
    """What draws (n, D) of a random estimator leave open; None where every component has been seen often enough."""
    n = len(draws)
    found = hits(draws, rounding)
    counts = found.sum(0)
    barely = counts < few(n)
    if not bool(barely.any()):
        return None
    errors, apart = (draws - truth)[:, barely], found[:, barely]
    bulk = ~apart
    number = bulk.sum(0)
    centre = torch.where(bulk, errors, 0.0).sum(0) / number
    spread = torch.where(bulk, errors - centre, 0.0).square().sum(0) / number.clamp(min=2).sub(1)
    bulk_error = math.sqrt(float((spread / number).sum()))
    hit = apart.any(1)
    total = float((draws - truth).square().sum(1).mean())
    share = float(errors.square().sum(1).mean()) / total if total > 0 else 1.0
    return Unseen(
        n,
        barely,
        hit,
        int(counts[barely].max()),
        max(float(centre.norm()) - rounding, 0.0),
        bulk_error,
        ((errors[hit] - centre).norm(dim=1) - BULK_ERRORS * bulk_error).clamp(min=0),
        total,
        1.0 if bool(barely.all()) else share,
        math.sqrt(total) <= rounding,
    )


def rests_on_one_draw(series: Tensor, claimed: float, share: float) -> str:
    """Why a mean of a series, (n,), says nothing against a claimed one on the side of its farthest member; else ''.

    With very heavy tails a sample lacks its share of large members nearly always: it lies below the truth and seems
    precise. It shows in how much of Σ(y − ȳ)² one member makes up. (Of squares of 256 normal draws one is over 30 % in
    3 of 100 samples; of lognormal ones with σ = 2 in 98.)
    """
    apart = series - series.mean()
    farthest = apart[int(apart.abs().argmax())]
    part = float(farthest**2 / apart.square().sum())
    if part <= share or float(farthest * (claimed - series.mean())) <= 0:
        return ""
    return (
        f"one of {len(series)} draws makes up {percent(part)} of what they vary: others like it may be missing; "
        "more draws tell"
    )


def percent(probability: float) -> str:
    """A probability with one digit: `0.3 %`."""
    return f"{float(f'{100 * probability:.1g}'):g} %"
