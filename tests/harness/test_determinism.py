"""Two runs give the same numbers, bit for bit, whatever the order of problems and estimators."""

import pandas as pd

import estibench

HEAD = """
name: order
seed: 3
draws: {min: 32, max: 64}
timing: {rounds: 0}
dtypes: [float32, float64]
baseline: {name: hutchinson, probes: 4}
"""
PROBLEMS = [
    "{name: matrix, dim: 24}",
    "{name: field_jacobian, family: mlp, dim: 8, batch: 3}",
    "{name: score_jacobian, density: student_t, dim: 6, batch: 2}",
]
ESTIMATORS = [
    "{name: hutchinson, probes: [1, 4]}",
    "{name: hutchpp, matvecs: 6}",
    "{name: xtrace, matvecs: 6}",
    "exact",
]


def frame(suite_file, place, problems, estimators):
    entries = "".join(
        f"{key}:\n" + "".join(f"  - {item}\n" for item in items)
        for key, items in (("problems", problems), ("estimators", estimators))
    )
    found = estibench.run(suite_file(HEAD + entries), directory=place).frame.set_index("key").sort_index()
    return found.drop(columns=[name for name in found if "time" in name])


def test_the_order_changes_nothing(suite_file, tmp_path):
    forth = frame(suite_file, tmp_path / "forth", PROBLEMS, ESTIMATORS)
    back = frame(suite_file, tmp_path / "back", PROBLEMS[::-1], ESTIMATORS[::-1])
    assert len(forth) == 3 * 2 * 5
    pd.testing.assert_frame_equal(forth, back[forth.columns], check_exact=True)
