"""The tasks of this plugin. Samplers are ranked by evaluations of the score, evolutions by updates."""

from __future__ import annotations

from estibench import Task
from estibench_sampling.evolution import EvolutionProblem
from estibench_sampling.problem import Sampling

DOCS = "docs/tasks/sampling.md"

SAMPLING = Task(
    contract=Sampling,
    baseline="exact_sampler",
    work="score_evaluation",
    docs=DOCS,
    example="estibench_sampling.examples.chains",
    own="estibench_sampling.own_density:OWN",
)
DENSITY_EVOLUTION = Task(
    contract=EvolutionProblem,
    baseline="conditional_monte_carlo",
    work="update",
    docs=DOCS,
    example="estibench_sampling.examples.particles",
)
