"""The tasks of this plugin. Work is counted in sweeps through the model: evaluations and their derivatives in x."""

from __future__ import annotations

from estibench import Task
from estibench_score.sample_problem import SampleScoreProblem
from estibench_score.score_fit import ScoreFit
from estibench_score.score_gradient import ScoreGradient
from estibench_score.velocity_fit import VelocityFit
from estibench_score.velocity_gradient import VelocityGradient

DOCS = "docs/tasks/score.md"
VELOCITY = "docs/tasks/velocity.md"
LOSS = "estibench_score.examples.loss"

SCORE_GRADIENT = Task(
    contract=ScoreGradient,
    baseline="implicit",
    work="sweep",
    docs=DOCS,
    example=LOSS,
    own="estibench_score.own_score:OWN",
)
SCORE_FIT = Task(contract=ScoreFit, baseline="implicit", work="sweep", docs=DOCS, example=LOSS)
SCORE_ESTIMATE = Task(
    contract=SampleScoreProblem,
    baseline="kernel_density_score",
    work="kernel",
    docs=DOCS,
    example="estibench_score.examples.from_samples",
)
VELOCITY_GRADIENT = Task(
    contract=VelocityGradient,
    baseline="conditional_flow",
    work="evaluation",
    docs=VELOCITY,
    example="estibench_score.examples.velocity",
)
VELOCITY_FIT = Task(
    contract=VelocityFit,
    baseline="conditional_flow",
    work="evaluation",
    docs=VELOCITY,
    example="estibench_score.examples.velocity",
)
