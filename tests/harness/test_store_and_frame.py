"""The store survives a kill and keeps every number; the frame is a table that parquet can hold."""

import math

import estibench
from estibench.analysis.verdicts import holm
from estibench.exports.table_files import export
from estibench.results import Results
from estibench.results.store import Store


def row(**values):
    return {"problem": "p", "estimator": "e", "device": "cpu", "dtype": "float64", "status": "ok", **values}


def test_rows_come_back_bit_for_bit_and_the_last_of_a_key_counts(tmp_path):
    store = Store(tmp_path)
    numbers = {"a": 0.1 + 0.2, "b": math.inf, "c": -math.inf, "d": 5e-324, "e": None, "f": [1.5, {"g": math.inf}]}
    store.append("k1", row(a=1.0))
    store.append("k2", row(**numbers))
    store.append("k1", row(a=2.0))
    first, second = store.rows()
    assert first["a"] == 2.0
    assert {key: second[key] for key in numbers} == numbers
    store.append("k3", row(a=math.nan))
    assert math.isnan(store.rows()[2]["a"])


def test_a_torn_last_line_loses_only_itself(tmp_path):
    store = Store(tmp_path)
    store.append("k1", row(a=1.0))
    store.append("k2", row(a=2.0))
    whole = store.path.read_bytes()
    for cut in range(whole.index(b"\n") + 1, len(whole) - 1):
        store.path.write_bytes(whole[:cut])
        assert [found["a"] for found in store.rows()] == [1.0]


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
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(estibench.UserError, match="no rows yet"):
        estibench.load(tmp_path)
