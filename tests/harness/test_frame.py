"""The frame is a table that parquet can hold, and what is no run is said to be none."""

import pytest

import estibench
from estibench.analysis.verdicts import holm
from estibench.columns import IDENTITY
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


def test_a_published_run_is_read_as_it_was_written(tmp_path):
    """The table alone gives what the store gave: the same columns, values, claims and curves."""
    import math

    from pandas.testing import assert_frame_equal

    (tmp_path / "run.json").write_text('{"format": 2}')
    claims = [{"claim": "unbiased", "p_value": 0.5, "measured": math.nan, "low": 0.0, "high": 1.0, "claimed": 0.0}]
    claims[0] |= {"noncentrality": 9.0, "numerator": 1.0, "denominator": 100.0}
    rows = [
        {**dict.fromkeys(IDENTITY, "x"), **row(key="1", rmse=0.1, claims=claims, claims_supported=1)},
        {**dict.fromkeys(IDENTITY, "x"), **row(key="2", status="failed", reason="no\x1b[31m", problem_rate=[1, 2])},
    ]
    whole = Results(tmp_path, {}, rows)
    export(whole)
    found = Results.read(tmp_path)
    plain = [name for name in whole.frame if name not in ("claims", "reason", "problem_rate")]
    expected, read_back = (frame[plain].astype(object) for frame in (whole.frame, found.frame))
    assert_frame_equal(read_back, expected, check_dtype=False)
    assert found.frame["claims"][0][0]["claim"] == "unbiased"
    assert math.isnan(found.frame["claims"][0][0]["measured"])
    assert found.rows[1]["reason"] == "no\ufffd[31m"
    assert "rmse" not in found.rows[1]
    assert found.exit_code == 1


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no table"])
def test_a_broken_table_says_so(tmp_path, content):
    (tmp_path / "run.json").write_text('{"format": 2}')
    (tmp_path / "table.parquet").write_bytes(content)
    with pytest.raises(estibench.UserError, match=r"table\.parquet: cannot read"):
        estibench.load(tmp_path)


def test_another_table_is_none_of_a_run(tmp_path):
    import pandas as pd

    (tmp_path / "run.json").write_text('{"format": 2}')
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "table.parquet")
    with pytest.raises(estibench.UserError, match="it has no column 'suite'"):
        estibench.load(tmp_path)
