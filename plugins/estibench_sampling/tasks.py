"""The tasks of this plugin. Samplers are ranked by evaluations of the score, evolutions by updates."""

from __future__ import annotations

from estibench import Own, Task
from estibench_sampling.evolution import EvolutionProblem
from estibench_sampling.own_density import ladder, own_sampling
from estibench_sampling.problem import Sampling

SAMPLING = Task(
    contract=Sampling,
    baseline="exact_sampler",
    work="score_evaluation",
    own=Own(own_sampling, ladder, "exact sampling"),
)
DENSITY_EVOLUTION = Task(contract=EvolutionProblem, baseline="conditional_monte_carlo", work="update")
