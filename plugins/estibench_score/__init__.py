"""Score and flow matching: gradients of objectives, fits, and score estimates without training.

What an author of an objective, of a score estimate, of a model or of a problem needs is imported from here; names load
on first use, so that the package stays light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from estibench_score.contract import ScoreEstimator as ScoreEstimator
    from estibench_score.contract import ScoreProblem as ScoreProblem
    from estibench_score.contract import integrates_by_parts as integrates_by_parts
    from estibench_score.contract import on_gradients as on_gradients
    from estibench_score.contract import same_levels as same_levels
    from estibench_score.kernels import squared_distances as squared_distances
    from estibench_score.model import Level as Level
    from estibench_score.model import ScoreModel as ScoreModel
    from estibench_score.module_model import ModuleModel as ModuleModel
    from estibench_score.plain_loss import PlainLoss as PlainLoss
    from estibench_score.sample_problem import SampleScoreEstimator as SampleScoreEstimator
    from estibench_score.sample_problem import SampleScoreProblem as SampleScoreProblem
    from estibench_score.score_field import ScoreField as ScoreField
    from estibench_score.score_fit import ScoreFit as ScoreFit
    from estibench_score.score_gradient import ScoreGradient as ScoreGradient
    from estibench_score.velocity_contract import VelocityEstimator as VelocityEstimator
    from estibench_score.velocity_contract import VelocityProblem as VelocityProblem
    from estibench_score.velocity_field import VelocityField as VelocityField
    from estibench_score.velocity_fit import VelocityFit as VelocityFit
    from estibench_score.velocity_gradient import VelocityGradient as VelocityGradient

_HOME = {
    "estibench_score.contract": (
        "ScoreEstimator",
        "ScoreProblem",
        "integrates_by_parts",
        "on_gradients",
        "same_levels",
    ),
    "estibench_score.kernels": ("squared_distances",),
    "estibench_score.model": ("Level", "ScoreModel"),
    "estibench_score.module_model": ("ModuleModel",),
    "estibench_score.plain_loss": ("PlainLoss",),
    "estibench_score.sample_problem": ("SampleScoreEstimator", "SampleScoreProblem"),
    "estibench_score.score_field": ("ScoreField",),
    "estibench_score.score_fit": ("ScoreFit",),
    "estibench_score.score_gradient": ("ScoreGradient",),
    "estibench_score.velocity_contract": ("VelocityEstimator", "VelocityProblem"),
    "estibench_score.velocity_field": ("VelocityField",),
    "estibench_score.velocity_fit": ("VelocityFit",),
    "estibench_score.velocity_gradient": ("VelocityGradient",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [  # noqa: PLE0604 - the table above is the one list of public names
    *_MODULE_OF
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _MODULE_OF:
        raise AttributeError(f"module 'estibench_score' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
