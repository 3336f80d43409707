"""The example of the docs runs, and does what the docs say."""

from __future__ import annotations

import re
from pathlib import Path

import torch

PAGE = Path(__file__).parents[2] / "docs" / "tasks" / "sampling.md"


def test_steps_compose_with_a_schedule_as_the_docs_show():
    """5 000 chains on a ring of eight modes of radius 4: nearly all are within four standard deviations of one."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    (code,) = [block for block in blocks if "ula.step" in block]
    names: dict = {}
    exec(code, names)
    x = names["state"].x
    assert x.shape == (5000, 2)
    near = torch.cdist(x, names["density"].modes).min(1).values < 2.0
    assert near.double().mean() > 0.98


def test_the_docs_name_every_problem_and_estimator():
    from estibench_sampling.hooks import bench_estimators, bench_problems

    text = PAGE.read_text(encoding="utf-8")
    for entry in [*bench_estimators(), *bench_problems()]:
        assert f"`{entry.name}" in text, entry.name
