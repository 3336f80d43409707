"""The tasks of this plugin. Samplers are ranked by evaluations of the score, diffusions by those of the drift."""

from __future__ import annotations

from estibench import Task
from estibench_sampling.problem import Sampling

SAMPLING = Task(contract=Sampling, baseline="exact_sampler", work="score_evaluation")
