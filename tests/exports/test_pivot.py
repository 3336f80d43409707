"""Tables on demand: what they compare, what they refuse, and what they look like in each format."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from estibench import UserError
from estibench.cli import bench
from estibench.exports.pivot import FORMATS, pivot
from estibench.results import Results

RUN = Path(__file__).parents[2] / "results" / "published" / "vq"


def row(estimator: str, value: float, dim: int = 4, **more: Any) -> dict[str, Any]:
    names = {"problem_name": "matrix", "estimator_name": estimator, "task": "trace", "reason": "", "status": "ok"}
    labels = {"problem": f"matrix(dim={dim})", "estimator": estimator, "family": estimator, "device": "cpu"}
    interval = {"rmse": value, "rmse_low": 0.9 * value, "rmse_high": 1.1 * value, "draws": 64}
    return {**names, **labels, "dtype": "float64", "problem_dim": dim, "claims": [], **interval, **more}


RESULTS = Results(Path(), {}, [row(name, value * dim, dim) for dim in (4, 8) for name, value in (("a", 1), ("b", 3))])


def marks(**arguments: Any) -> list[list[str]]:
    (section,) = pivot(RESULTS, "rmse", **arguments).sections
    return [[entry.mark for entry in entries] for _, entries in section.grid.rows]


def test_estimators_compete_on_a_problem_whichever_way_the_table_lies() -> None:
    assert marks(rows="problem", columns="estimator") == [["best", ""], ["best", ""]]
    assert marks(rows="estimator", columns="problem_dim") == [["best", "best"], ["", ""]]


def test_problems_do_not_compete() -> None:
    assert marks(rows="dtype", columns="problem_dim", where={"estimator": "a"}) == [["", ""]]


def test_the_note_names_the_competition() -> None:
    assert pivot(RESULTS, "rmse", "estimator", "problem_dim").notes[0].startswith("Bold: best of its dimension;")


@pytest.mark.parametrize("value", ["4", "4.0"])
def test_where_chooses_cells(value: str) -> None:
    (section,) = pivot(RESULTS, "rmse", "problem", "estimator", {"problem_dim": value}).sections
    assert [name for name, _ in section.grid.rows] == ["matrix(dim=4)"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rmsee", "problem", "estimator"), "no column 'rmsee'; did you mean 'rmse'"),
        (("rmse", "problem", "problem"), "rows and columns are both 'problem'"),
        (("rmse", "problem", "claims"), "no column 'claims'"),
        (("rmse", "problem", "estimator", {"problem_dim": "5"}), r"no cell has problem_dim = '5'; known: 4, 8"),
        (("rmse", "problem", "estimator", {"nothing": "5"}), "no column 'nothing'"),
    ],
)
def test_mistakes_are_one_clear_line(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        pivot(RESULTS, *arguments)


def test_csv_has_full_precision_and_bounds() -> None:
    found = list(csv.DictReader(io.StringIO(FORMATS["csv"](pivot(RESULTS, "rmse", "problem", "estimator"), 0.95))))
    assert [float(line["rmse"]) for line in found] == [4, 12, 8, 24]
    assert float(found[0]["low"]) == 0.9 * 4
    assert (found[0]["draws"], found[0]["mark"], found[0]["row"]) == ("64", "best", "matrix(dim=4)")


def test_html_needs_nothing_and_shows_bounds() -> None:
    page = FORMATS["html"](pivot(RESULTS, "rmse", "problem", "estimator", title="<b>"), 0.95)
    assert "<script" not in page
    assert "<link" not in page
    assert 'title="95 % interval [3.6, 4.4], 64 draws">4.0 ± 0.4' in page
    assert "<h1>&lt;b&gt;</h1>" in page


def test_the_command_writes_the_format_that_its_file_names(tmp_path: Path) -> None:
    run = CliRunner()
    for form in FORMATS:
        done = run.invoke(bench, ["table", str(RUN), "--value", "time", "-o", str(tmp_path / "deep" / f"t.{form}")])
        assert done.exit_code == 0, done.output
        assert (tmp_path / "deep" / f"t.{form}").stat().st_size > 1000
    printed = run.invoke(bench, ["table", str(RUN), "--where", "problem_temperature=0.3"])
    assert printed.output.startswith("## relative RMSE\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--value", "tme"], "did you mean 'time'"),
        (["-o", "table.doc"], "cannot tell the format"),
        (["--where", "problem_temperature"], "expected NAME=VALUE"),
    ],
)
def test_the_command_says_what_is_wrong(arguments: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        CliRunner().invoke(bench, ["table", str(RUN), *arguments], catch_exceptions=False, standalone_mode=False)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_latex_compiles(tmp_path: Path) -> None:
    results = Results.read(RUN)
    body = "".join(
        FORMATS["tex"](pivot(results, value, "estimator", "problem"), 0.95) for value in ("rmse", "time", "peak_bytes")
    )
    text = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n" + body + "\\end{document}\n"
    (tmp_path / "t.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
