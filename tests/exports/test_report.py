"""The page: complete, self-contained, and safe whoever wrote the texts."""

from __future__ import annotations

import base64
import gzip
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from estibench import UserError
from estibench import host as plugin_host
from estibench.exports import cell_table, report
from estibench.exports.answer import answer_lines
from estibench.exports.bibliography import bibliography
from estibench.exports.pages import breakable, inline_svg
from estibench.exports.report import Surroundings, export, render
from estibench.results import Results

OURS = 4  # scripts of a page: its data, two libraries, its own
SCRIPT = "<script>alert('x')</script>"
ABOUT: dict[str, Any] = {
    "suite": "demo",
    "title": "A demonstration",
    "description": "What for?",
    "suite_file": "suites/my demo.yaml",
    "suite_text": "name: demo\nproblems: []  # <b>\n",
    "started": "2026-01-02T03:04:05+00:00",
    "commit": "abc123",
    "settings": {"seed": 7, "precision": 0.1, "confidence": 0.95, "time_limit": 2.0, "rounds": 11, "threads": 3},
    "machine": {
        "processor": "Abacus 9",
        "cores": 2,
        "memory_bytes": 2**34,
        "system": "Linux",
        "python": "3.11",
        "accelerators": [],
    },
    "distributions": {"torch": "2.13.0", "numpy": "2.4.6", "estibench": "0.1.0", "unrelated": "9"},
    "scaling": [{"y": "time", "x": "problem_dim"}],
    "tables": [{"name": "error", "value": "relative_rmse", "title": "Errors of all"}],
    "plots": [{"kind": "error_cost", "title": "Error plot"}, {"kind": "scaling", "title": "Scaling plot"}],
}


class Outline(HTMLParser):
    """Collects elements, their attributes and the visible text; checks that elements nest."""

    VOID = frozenset({"meta", "br", "wbr", "input", "img", "link"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & {*self.open}:
            self.text += data


class Nothing:
    """A registry without entries."""

    def get(self, name: str) -> Any:
        raise UserError(f"unknown {name}")


class Unknowing:
    """A host that has no plugins."""

    estimators = problems = densities = Nothing()


def row(estimator: str, value: float, dim: int = 4, **more: Any) -> dict[str, Any]:
    family = estimator.partition("(")[0]
    names = {"problem_name": "matrix", "estimator_name": family, "task": "trace", "reason": "", "status": "ok"}
    labels = {
        "problem": f"matrix(dim={dim})",
        "estimator": estimator,
        "family": family,
        "device": "cpu",
        "dtype": "float32",
    }
    interval = {"relative_rmse": value, "relative_rmse_low": 0.9 * value, "relative_rmse_high": 1.1 * value}
    cost = {
        "work": 10.0,
        "cost_matvec": 10.0,
        "time": 1e-3 * dim,
        "time_low": 1e-3 * dim,
        "time_high": 1e-3 * dim,
        "problem_dim": dim,
        "draws": 128,
    }
    truth = {"truth_source": "closed form", "truth_norm": 3.0, "components": 1, "mse": value**2, "claims": []}
    truth |= {"mse_low": 0.8 * value**2, "mse_high": 1.2 * value**2}
    return {**names, **labels, **interval, **cost, **truth, **more}


def claim(verdict: str) -> dict[str, Any]:
    p_value, decisive = {"refuted": (0.0, True), "undecided": (1.0, False), "supported": (1.0, True)}[verdict]
    return {
        "claim": f"a {verdict} claim",
        "p_value": p_value,
        "measured": 76,
        "low": 76,
        "high": 76,
        "claimed": 90,
        "noncentrality": math.inf if decisive else 0.0,
        "numerator": 1.0,
        "denominator": math.inf,
    }


def page(*rows: dict[str, Any], **about: Any) -> str:
    return render(Results(Path(), {**ABOUT, **about}, list(rows)))


@pytest.fixture(autouse=True)
def no_sections(monkeypatch: pytest.MonkeyPatch) -> None:
    class Quiet(Unknowing):
        def report_sections(self, results: Results) -> tuple[list[tuple[str, str]], list[str]]:
            return [], []

    monkeypatch.setattr(plugin_host, "current", Quiet)


def test_page_says_what_was_measured_with_what_and_how_to_repeat_it() -> None:
    text = Outline(page(row("a", 1.0), row("b", 2.0))).text
    for fact in (
        "A demonstration",
        "What for?",
        "2026-01-02T03:04:05",
        "abc123",
        "Abacus 9, 2 cores",
        "16 GiB",
        "torch 2.13.0",
    ):
        assert fact in text
    for name, value in (("seed", "7"), ("threads", "3"), ("draws per cell", "128 to 128"), ("confidence", "95 %")):
        assert re.search(rf"{name}\s*{value}", text)
    assert "bench run 'suites/my demo.yaml'" in text
    assert "problems: []  # <b>" in text
    assert "unrelated" not in text
    assert "closed form" in text
    assert "How to read this" in text


def test_tables_plots_claims_and_scaling_are_there() -> None:
    rows = [
        row("a", 1.0 / dim, dim, claims=[claim("refuted"), claim("undecided"), claim("supported")])
        for dim in (4, 16, 64)
    ]
    outline = Outline(page(*rows, row("b", 9.0), row("c", 1.0, status="timeout", reason="slow")))
    assert "Errors of all" in outline.text
    assert "0.250 ± 0.025" in outline.text
    assert outline.tags.count("svg") == 2
    assert "Lower is more accurate" in outline.text
    assert re.search(r"3\s*supported\s*3\s*refuted\s*3\s*undecided", outline.text)
    assert outline.text.count("a undecided claim") == 6
    assert outline.text.count("a refuted claim") == 8  # two of them in the answer
    assert outline.text.count("a supported claim") == 3
    assert "measured 76, claimed 90" in outline.text
    assert "1.00 [1.00, 1.00]" in outline.text
    assert "✗ timeout" in outline.text
    assert "slow" in outline.text


def test_the_page_opens_with_the_answer_and_all_else_is_folded() -> None:
    """In the order of the page: the answer's sentences, one chart, then headings that are closed."""
    results = Results(Path(), ABOUT, [row("a", 1.0), row("b", 4.0)])
    text = render(results)
    body = text[text.index("<body>") : text.index("<script>")]
    said = [line.text for line in answer_lines(results)]
    assert len(said) >= 3
    places = [Outline(text).text.index(line) for line in said]
    assert places == sorted(places)
    opened = body.index('class="answer"'), body.index('id="explorer"'), body.index('<details class="part"')
    assert opened == tuple(sorted(opened))
    assert '<details class="part" open' not in body
    assert body.count("<h2>") == body.count('<details class="part">') > 5


def test_figures_are_in_the_page_once_they_are_drawn(tmp_path: Path) -> None:
    results = Results(tmp_path, ABOUT, [row("a", 1.0)])
    (path,) = export(results)
    page = Outline(path.read_text(encoding="utf-8"))
    assert "svg" not in page.tags
    assert f"bench export {tmp_path}" in page.text
    assert "Error plot; Scaling plot" in page.text
    (tmp_path / "plots").mkdir()
    export(results)
    page = Outline(path.read_text(encoding="utf-8"))
    assert "svg" in page.tags
    assert "bench export" not in page.text


def test_a_large_table_is_a_selection_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of three cells a problem: the most accurate ones."""
    monkeypatch.setattr(cell_table, "MOST_CELLS", 4)
    rows = [row(name, error, dim) for dim in (4, 8) for name, error in (("worst", 9.0), ("good", 1.0), ("fair", 2.0))]
    outline = Outline(page(*rows))
    assert "The most accurate 4 of 6 cells" in outline.text
    table = cell_table.cell_table(Results(Path(), ABOUT, rows).frame)
    assert [tuple(value.text for value in line[:2]) for line in table.rows] == [
        (f"matrix(dim={dim})", name) for dim in (4, 8) for name in ("good", "fair")
    ]


def test_break_evens_are_there_if_the_suite_asks_for_them() -> None:
    rows = [row("a", 1.0, dim, flops=2 * dim) for dim in (4, 16, 64)] + [
        row("b", 1.0, dim, flops=32) for dim in (4, 64)
    ]
    asked = {"y": "flops", "x": "problem_dim", "between": ["a", "b"]}
    assert re.search(r"matrix\s*a\s*b\s*16 \[16, 16\]", Outline(page(*rows, break_even=[asked])).text)
    assert "demonstrably cross" in Outline(page(*rows[:3], break_even=[asked])).text
    assert "Break-even" not in Outline(page(*rows)).text


def test_best_is_marked_only_when_it_is() -> None:
    assert 'class="number best"' in page(row("a", 1.0), row("b", 9.0))
    close = page(row("a", 1.0), row("b", 1.05))
    assert 'class="number best"' not in close
    assert 'class="number tie" title="95 % interval [0.9, 1.1], 128 draws">1.00 ± 0.10 †' in close


@pytest.mark.parametrize(
    "about",
    [
        {"title": SCRIPT},
        {"description": SCRIPT},
        {"suite_text": SCRIPT},
        {"suite_file": SCRIPT},
        {"machine": {"system": SCRIPT}},
    ],
)
def test_what_the_suite_and_machine_say_is_escaped(about: dict[str, Any]) -> None:
    outline = Outline(page(row("a", 1.0), **about))
    assert outline.tags.count("script") == OURS
    assert "<script>alert(" in outline.text


def test_what_plugins_say_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    class Loud(Unknowing):
        def report_sections(self, results: Results) -> tuple[list[tuple[str, str]], list[str]]:
            return [(f"title {SCRIPT}", f"body {SCRIPT}")], [f"complaint {SCRIPT}"]

    monkeypatch.setattr(plugin_host, "current", Loud)
    rows = [
        row(
            f"e{SCRIPT}", 1.0, claims=[{**claim("refuted"), "claim": f"claim {SCRIPT}"}], truth_source=f"truth {SCRIPT}"
        ),
        row("b", 2.0, status="failed", reason=f"reason {SCRIPT}"),
        {**row("a", 1.0), "problem": f"p{SCRIPT}"},
    ]
    outline = Outline(page(*rows))
    assert outline.tags.count("script") == OURS
    for where in ("title", "body", "complaint", "claim", "truth", "reason", "e", "p"):
        assert f"{where} {SCRIPT}" in outline.text or f"{where}{SCRIPT}" in outline.text


def test_page_needs_nothing_else() -> None:
    outline = Outline(page(row("a", 1.0), row("b", 2.0)))
    assert not {"link", "iframe", "img"} & {*outline.tags}
    assert outline.tags.count("script") == OURS
    assert not [name for name, _ in outline.attributes if name.startswith("on")]
    links = [value for name, value in outline.attributes if name in ("href", "src", "xlink:href")]
    assert links
    assert all(link.startswith(("#", "data:")) for link in links)


def test_the_table_and_the_suite_can_be_taken_along() -> None:
    links = dict(report.downloads(Results(Path(), ABOUT, [row("a", 1.0)])))
    table, suite = (base64.b64decode(links[name].partition("base64,")[2]) for name in ("demo.csv.gz", "demo.yaml"))
    assert "matrix(dim=4)" in gzip.decompress(table).decode()
    assert suite.decode() == ABOUT["suite_text"]


def test_pages_that_stand_in_a_site_share_their_scripts_and_pictures() -> None:
    outside = Surroundings(assets="../assets", pictures="plots")
    outline = Outline(render(Results(Path(), ABOUT, [row("a", 1.0)]), outside))
    links = [value for name, value in outline.attributes if name in ("href", "src")]
    assert {"../assets/vega.js", "../assets/page.css", "plots/error_cost.svg"} <= {*links}
    assert not [link for link in links if link.startswith("data:")]


def test_every_cell_is_in_the_table_with_its_bounds_and_n() -> None:
    outline = Outline(page(row("a", 1.0), row("b", 2.0, status="failed", reason="why")))
    assert re.search(r"matrix\(dim=4\)\s*a\s*128\s*1.00 ± 0.10", outline.text)
    assert "draws n" in outline.text


def test_sources_name_who_cites_them(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hutchinson:
        citation = "Hutchinson  1990"

    class One:
        def get(self, name: str) -> Any:
            if name != "hutchinson":
                raise UserError(name)
            return SimpleNamespace(load=lambda: Hutchinson)

    class Knowing(Unknowing):
        estimators = One()

    monkeypatch.setattr(plugin_host, "current", Knowing)
    rows = [row("hutchinson", 1.0), row("hutchinson(probes=2)", 1.0), row("gone", 1.0)]
    assert bibliography(Results(Path(), {}, rows).frame) == [("Hutchinson 1990", "hutchinson")]


def test_pages_anchors_exist_once() -> None:
    outline = Outline(page(*[row("a", 1.0 / dim, dim) for dim in (4, 16, 64)]))
    ids = [value for name, value in outline.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    links = [value for name, value in outline.attributes if name in ("href", "xlink:href")]
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)


def test_empty_and_old_runs_make_a_page(tmp_path: Path) -> None:
    assert "No cell was measured" in render(Results(tmp_path, {}, []))
    assert "No cell was measured" in page(row("a", 1.0, status="failed", reason="why"))
    assert export(Results(tmp_path, {}, [row("a", 1.0)])) == [tmp_path / "report.html"]
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_too_large_a_picture_stays_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    results = Results(tmp_path, ABOUT, [row("a", 1.0)])
    (tmp_path / "plots").mkdir()
    export(results)
    whole = (tmp_path / "report.html").stat().st_size
    assert whole < report.LARGEST
    monkeypatch.setattr(report, "LARGEST", whole - 1)
    export(results)
    outline = Outline((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "svg" not in outline.tags
    assert "plots/error_cost.svg" in outline.text


def test_small_helpers() -> None:
    assert breakable("f_g(a=<1>)") == "f_<wbr>g(<wbr>a=&lt;1&gt;)"
    svg = '<?xml version="1.0"?>\n<svg width="9pt" viewBox="0 0 9 9"><metadata>x</metadata><g id="a_1"/></svg>'
    assert inline_svg(svg, 'a"b') == '<svg viewBox="0 0 9 9" role="img" aria-label="a&#34;b"><g/></svg>'
