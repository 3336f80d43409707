"""The tasks of this plugin. Work is counted in sweeps through the model: evaluations and their derivatives in x."""

from __future__ import annotations

from estibench import Own, Task
from estibench_score.own_score import ladder, own_score
from estibench_score.sample_problem import SampleScoreProblem
from estibench_score.score_fit import ScoreFit
from estibench_score.score_gradient import ScoreGradient

SCORE_GRADIENT = Task(
    contract=ScoreGradient,
    baseline="implicit",
    work="sweep",
    own=Own(own_score, ladder, "the explicit gradient"),
)
SCORE_FIT = Task(contract=ScoreFit, baseline="implicit", work="sweep")
SCORE_ESTIMATE = Task(contract=SampleScoreProblem, baseline="kernel_density_score", work="kernel")
