"""The frame is a table that parquet can hold, and what is no run is said to be none."""

import estibench
from estibench.analysis.verdicts import holm
from estibench.exports.table_files import export
from estibench.results import Results


def row(**values):
    return {"problem": "p", "estimator": "e", "device": "cpu", "dtype": "float64", "status": "ok", **values}


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == [0.03, 0.06, 0.06]
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_parameters_of_one_name_and_several_types_still_make_a_parquet_file(tmp_path):
    rows = [row(key="1", problem_rate=0.5), row(key="2", problem_rate="fast"), row(key="3", claims=[])]
    results = Results(tmp_path, {}, rows)
    paths = export(results)
    assert {path.name for path in paths} == {"table.parquet", "table.csv"}
    import pandas as pd

    assert pd.read_parquet(paths[0])["problem_rate"].tolist()[:2] == ["0.5", "fast"]


def test_load_says_what_is_not_a_run(tmp_path):
    import pytest

    with pytest.raises(estibench.UserError, match="not a run directory"):
        estibench.load(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(estibench.UserError, match="cannot read"):
        estibench.load(tmp_path)
    (tmp_path / "run.json").write_text('{"format": 1}')
    with pytest.raises(estibench.UserError, match="not of this version"):
        estibench.load(tmp_path)
    (tmp_path / "run.json").write_text('{"format": 2}')
    with pytest.raises(estibench.UserError, match="no rows yet"):
        estibench.load(tmp_path)
