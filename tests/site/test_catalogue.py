"""The rows of all runs of a site in one table."""

import warnings
from types import SimpleNamespace
from typing import Any

import pandas as pd

from estibench.site.catalogue import Catalogue


def test_rows_of_runs_with_many_columns_of_their_own_take_another_without_a_warning() -> None:
    def run(folder: str) -> Any:
        numbers = {f"estimator_{folder}_{number}": [1.0, 2.0] for number in range(120)}
        frame = pd.DataFrame({"problem": ["p", "q"], **numbers})
        return SimpleNamespace(results=SimpleNamespace(frame=frame), folder=folder, machine=SimpleNamespace(slug="m"))

    cells = Catalogue((run("one"), run("other"))).cells
    assert cells.shape == (4, 243)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cells.assign(error=1.0)
