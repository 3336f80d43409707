"""What the comparisons say: who is best, who ties, who is out of competition, and in which letters."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest

from estibench.exports.comparison import Entry, comparisons, mark_best
from estibench.exports.tables import export, latex, plain, to_latex, to_markdown
from estibench.results import Results

ABOUT = {"tables": [{"name": "error", "value": "relative_rmse", "title": "Error"}], "settings": {"confidence": 0.9}}


def row(
    estimator: str, value: float | None, half: float = 0.0, problem: str = "matrix(dim=4)", **more: Any
) -> dict[str, Any]:
    family = estimator.partition("(")[0]
    names = {"problem_name": problem.partition("(")[0], "estimator_name": family, "reason": ""}
    labels = {"problem": problem, "estimator": estimator, "family": family, "device": "cpu"}
    bounds = {} if value is None else {"relative_rmse_low": value - half, "relative_rmse_high": value + half}
    return {**names, **labels, "dtype": "float32", "status": "ok", "relative_rmse": value, **bounds, **more}


def markdown(*rows: dict[str, Any], about: dict[str, Any] = ABOUT) -> str:
    return to_markdown(comparisons(Results(Path(), about, list(rows)))[0])


def tex(*rows: dict[str, Any], about: dict[str, Any] = ABOUT) -> str:
    return to_latex(comparisons(Results(Path(), about, list(rows)))[0])


def test_best_is_bold_only_when_its_interval_overlaps_no_other() -> None:
    apart = markdown(row("good", 1.0, 0.1), row("bad", 2.0, 0.1))
    assert "**1.00 ± 0.10** | 2.00 ± 0.10 |" in apart
    assert "Bold: best of its problem" in apart
    assert "†" not in apart
    close = markdown(row("good", 1.0, 0.1), row("close", 1.15, 0.1), row("bad", 2.0, 0.1))
    assert "1.00 ± 0.10 † | 1.15 ± 0.10 † | 2.00 ± 0.10 |" in close
    assert "**" not in close
    assert "†: best of its problem together with" in close


def test_each_row_has_its_own_best() -> None:
    text = markdown(
        *(row("a", 1.0, 0.1), row("b", 2.0, 0.1)),
        *(row("a", 5.0, 0.1, problem="field"), row("b", 3.0, 0.1, problem="field")),
    )
    assert "| matrix(dim=4) | **1.00 ± 0.10** | 2.00 ± 0.10 |" in text
    assert "| field | 5.00 ± 0.10 | **3.00 ± 0.10** |" in text


def test_alone_is_not_best() -> None:
    assert "**" not in markdown(row("only", 1.0, 0.1), row("other", None, status="unsupported"))


def test_deterministic_reference_does_not_compete_for_the_lowest_error() -> None:
    text = markdown(row("exact", 1e-9, stopped="deterministic"), row("a", 1.0, 0.1), row("b", 2.0, 0.1))
    assert "| *1.00e-9* | **1.00 ± 0.10** | 2.00 ± 0.10 |" in text
    assert "Italic" in text


def test_errors_of_rounding_tie_however_they_differ() -> None:
    text = markdown(row("a", 3e-8, 1e-9, stopped="rounding"), row("b", 9e-8, 1e-9, stopped="rounding"), row("c", 1.0))
    assert text.count("†") == 3  # two entries and the note
    by_size = {"rmse": 1e-6, "rounding": 2e-6}
    text = markdown(row("a", 3e-8, 1e-9, **by_size), row("b", 9e-8, 1e-9, **by_size), row("c", 1.0, rmse=1.0))
    assert text.count("†") == 3


def test_higher_is_better_for_the_cosine_and_nothing_is_best_for_coverage() -> None:
    entries = [Entry(0.2, 0.1, 0.3), Entry(0.9, 0.8, 1.0)]
    assert [entry.mark for entry in mark_best(entries, "cosine")] == ["", "best"]
    assert [entry.mark for entry in mark_best(entries, "relative_rmse")] == ["best", ""]
    assert [entry.mark for entry in mark_best(entries, "coverage")] == ["", ""]
    assert [entry.mark for entry in mark_best([Entry(3.0), Entry(2.0), Entry(math.nan)], "cost_matvec")] == [
        "",
        "best",
        "",
    ]


def test_missing_results_are_told_apart() -> None:
    text = markdown(
        *(row("a", 1.0, 0.1), row("b", None, status="unsupported"), row("c", None, status="out_of_memory")),
        *(row("d", math.nan), row("e", None)),
    )
    assert "| 1.00 ± 0.10 | – | ✗ out of memory | n/a | n/a |" in text
    assert "does not apply" in text
    assert "truth of 0" in text


def test_one_section_per_device_and_dtype() -> None:
    text = markdown(row("a", 1.0, 0.1), row("a", 3.0, 0.1, device="cuda", dtype="bfloat16"))
    assert (
        text.index("### cpu, float32") < text.index("1.00 ±") < text.index("### cuda, bfloat16") < text.index("3.00 ±")
    )


def test_caption_says_what_the_number_is_and_at_which_confidence() -> None:
    text = markdown(row("a", 1.0, 0.1))
    assert "RMSE over the norm of the truth" in text
    assert "90 % confidence interval" in text


def test_other_axes_and_cells_that_they_do_not_tell_apart() -> None:
    about = {"tables": [{"name": "t", "value": "relative_rmse", "rows": "problem_dim", "columns": "family"}]}
    rows = [row("a(k=1)", 1.0, problem_dim=16), row("a(k=2)", 4.0, problem_dim=16), row("a(k=1)", 2.0, problem_dim=4)]
    text = markdown(*rows, about=about)
    assert text.index("| 4 | 2.00 |") < text.index("| 16 | 1 … 4 (2 cells) |")
    assert "| dimension | a |" in text


def test_wide_tables_are_cut_between_families() -> None:
    rows = [
        row(f"{family}(k={k})", 1.0 + k, 0.1, problem=f"p{number}")
        for number in range(8)
        for family in ("first", "second")
        for k in range(5)
    ]
    headers = [line for line in markdown(*rows).splitlines() if line.startswith("| problem")]
    assert [len(re.findall("first", line)) for line in headers] == [5, 0]
    assert [len(re.findall("second", line)) for line in headers] == [0, 5]
    assert markdown(*rows).count("**") == 0  # first(k=0) and second(k=0) tie across the parts
    assert tex(*rows).count(r"\begin{tabular}") == 3  # 4 + 1 and 3 of the second, then the rest


def test_few_rows_and_many_columns_are_turned() -> None:
    rows = [row(f"e{k}", 1.0 + k, 0.1, problem=problem) for k in range(12) for problem in ("p", "q")]
    text = markdown(*rows)
    assert "| estimator | p | q |" in text
    assert "| e0 | **1.00 ± 0.10** | **1.00 ± 0.10** |" in text


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (Entry(0.012599, 0.0116, 0.0137), "0.0126 ± 0.0011"),
        (Entry(14.88, 12.1, 17.2), "14.9 ± 2.8"),
        (Entry(5.0e-8, 4.1e-8, 6.1e-8), "(5.0 ± 1.1)e-8"),
        (Entry(0.004, 0.0, 0.02), "0.004 [0.000, 0.020]"),
        (Entry(1024.0, 1024.0, 1024.0), "1024"),
        (Entry(256.0), "256"),
        (Entry(1234567.0), "1.23e6"),
        (Entry(0.0, 0.0, 0.0), "0"),
        (Entry(0.0), "0"),
        (Entry(-0.5, -0.7, -0.3), "-0.50 ± 0.20"),
        (Entry(1.0, math.nan, math.nan), "1.00"),
        (Entry(math.inf), "inf"),
        (Entry(text="–"), "–"),
        (Entry(), ""),
    ],
)
def test_digits_follow_the_interval(entry: Entry, expected: str) -> None:
    assert plain(entry) == expected


def test_latex_escapes_names_and_titles() -> None:
    about = {"tables": [{"name": "error", "value": "relative_rmse", "title": "50% of R&D_1 #$~^\\{}"}]}
    text = tex(row("na_hutchpp(noise=a&b)", 1.0, 0.1), row("b", 2.0, 0.1), about=about)
    assert r"50\% of R\&D\_" in text
    assert r"\#\$\textasciitilde{}\textasciicircum{}\textbackslash{}\{\}" in text
    assert r"na\_\allowbreak{}hutchpp" in text
    assert not re.search(r"(?<!\\)[_%#]", text.split("\n", 1)[1])  # the first line is a comment
    assert r"a\&b" in text


def test_latex_marks_best_and_ties_and_has_no_signs_that_need_packages() -> None:
    text = tex(row("a", 1.0, 0.1), row("b", 2.0, 0.1), row("c", None, status="unsupported"))
    assert r"$\mathbf{1.00 \pm 0.10}$ & $2.00 \pm 0.10$ & -- \\" in text
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 1
    assert r"\toprule" in text
    assert r"${1.00 \pm 0.10}^\dagger$" in tex(row("a", 1.0, 0.1), row("b", 1.1, 0.1))
    assert r"(5.0 \pm 1.1)\mathrm{e}{-8}" in tex(row("a", 5e-8, 1.1e-8))
    assert latex("E‖x − y‖²").isascii()
    assert text.isascii()


def test_export_writes_the_suites_tables_and_its_exponents(tmp_path: Path) -> None:
    rows = [row("a", 1.0 / dim, 0.01, f"matrix(dim={dim})", problem_dim=dim, time=2.0 * dim) for dim in (4, 16, 64)]
    results = Results(tmp_path, {**ABOUT, "scaling": [{"y": "time", "x": "problem_dim"}]}, rows)
    assert [path.name for path in export(results)] == ["error.md", "error.tex", "scaling.md", "scaling.csv"]
    assert "| matrix | a | 1.00 \\[1.00, 1.00] |" in (tmp_path / "tables/scaling.md").read_text()
    assert (
        (tmp_path / "tables/scaling.csv").read_text().startswith("problem,estimator,device,dtype,y,x,points,exponent")
    )


def test_export_writes_break_evens_and_says_so_where_there_are_none(tmp_path: Path) -> None:
    rows = [row("a", 1.0, 0.01, f"matrix(dim={dim})", problem_dim=dim, flops=2 * dim) for dim in (4, 16, 64)]
    rows += [row("b", 1.0, 0.01, f"matrix(dim={dim})", problem_dim=dim, flops=32) for dim in (4, 16, 64)]
    results = Results(tmp_path, {**ABOUT, "break_even": [{"y": "flops", "x": "problem_dim", "between": None}]}, rows)
    assert [path.name for path in export(results)] == ["error.md", "error.tex", "break_even.md", "break_even.csv"]
    assert "| matrix | a | b | 16 \\[16, 16] |" in (tmp_path / "tables/break_even.md").read_text()
    written = (tmp_path / "tables/break_even.csv").read_text().splitlines()
    assert written[0] == "problem,better_below,better_above,device,dtype,y,x,break_even,break_even_low,break_even_high"
    assert written[1].startswith("matrix,a,b,cpu,float32,flops,problem_dim,")
    assert [float(number) for number in written[1].split(",")[-3:]] == pytest.approx([16, 16, 16])
    export(Results(tmp_path, results.about, rows[:3]))
    assert "No two of the curves demonstrably cross." in (tmp_path / "tables/break_even.md").read_text()


def test_best_entries_of_refuted_claims_are_marked_and_absent_bounds_tie() -> None:
    entries = [Entry(1.0, 0.9, 1.1, refuted=True), Entry(2.0, 1.9, 2.1), Entry(3.0, 2.9, 3.1, refuted=True)]
    best, other, last = mark_best(entries, "rmse")
    assert [(one.mark, one.sign) for one in (best, other, last)] == [("best", " ✗"), ("", ""), ("", "")]
    unknown = mark_best([Entry(1.0), Entry(2.0, 1.9, 2.1)], "rmse")
    assert [one.mark for one in unknown] == ["tie", "tie"]
    assert [one.mark for one in mark_best([Entry(1.0), Entry(2.0)], "work")] == ["best", ""]


def test_defaults_and_runs_with_nothing_to_show(tmp_path: Path) -> None:
    results = Results(tmp_path, {}, [row("a", None, status="failed"), row("b", None, status="timeout")])
    assert [path.name for path in export(results)] == ["error.md", "error.tex", "time.md", "time.tex"]
    assert "✗ failed | ✗ timeout" in (tmp_path / "tables/time.md").read_text()


def test_no_rows_at_all(tmp_path: Path) -> None:
    export(Results(tmp_path, {}, []))
    assert "no cells for this table" in (tmp_path / "tables/error.md").read_text()


def test_unknown_axis_says_so() -> None:
    about = {"tables": [{"name": "t", "value": "cosine", "rows": "problem_rank"}]}
    assert "no cells for this table" in markdown(row("a", 1.0), about=about)


def test_markdown_of_odd_names_stays_one_table() -> None:
    text = markdown(row("a|b*c", 1.0), row("b`<i>\nc", 2.0))
    header = next(line for line in text.splitlines() if line.startswith("| problem"))
    assert header == "| problem | a\\|b\\*c | b\\`\\<i> c |"
