"""The rows of all runs of a site in one table."""

import warnings
from types import SimpleNamespace
from typing import Any

import pandas as pd

from estibench.site.catalogue import Catalogue


def test_rows_of_runs_with_many_columns_of_their_own_take_another_without_a_warning() -> None:
    def run(folder: str) -> Any:
        kinds: list[list[Any]] = [[1.0, 2.0], ["a", "b"], [True, False], [1, 2]]
        columns = {f"estimator_{folder}_{number}": kinds[number % 4] for number in range(20)}
        frame = pd.DataFrame({"problem": ["p", "q"], **columns})
        return SimpleNamespace(results=SimpleNamespace(frame=frame), folder=folder, machine=SimpleNamespace(slug="m"))

    cells = Catalogue(tuple(run(str(number)) for number in range(12))).cells
    assert cells.shape == (24, 243)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cells.assign(error=1.0)
