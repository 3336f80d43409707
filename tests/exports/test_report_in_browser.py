"""The report in a real browser with the network cut: it sorts, searches, selects and copies, and complains of nothing.

Skipped where there is no Chromium; `.ci/run` installs one.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from estibench.exports.report import export
from estibench.results import Results

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

RUN = Path(__file__).parents[2] / "results" / "published" / "vq"
GENEROUS = 600.0  # seconds, after which what can never be clicked on is given up
HOSTILE = "<img src=x onerror=document.title='owned'></script><script>document.title='owned'</script>"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a published run, one of whose estimators has a hostile name."""
    directory = tmp_path_factory.mktemp("run")
    run = Results.read(RUN)
    frame = run.frame.copy()
    (directory / "plots").mkdir()  # where figures have been drawn they are in the page
    frame.loc[1, ["estimator", "family"]] = HOSTILE
    (path,) = export(Results(directory, run.about | {"title": f"A run {HOSTILE}"}, run.rows, frame))
    assert path.stat().st_size < 5_000_000
    return path.as_uri()


@pytest.fixture(scope="module")
def browser(patience: float) -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        options = {"args": ["--no-sandbox", "--disable-gpu"], "timeout": 1000 * patience}
        started = driver.chromium.launch(executable_path=CHROMIUM, **options)
        yield started
        started.close()


@pytest.fixture
def visit(browser: Any, report: str) -> Iterator[Any]:
    """Opens the report at one of its parts; afterwards, nothing may have been complained of or asked of a network."""
    said: list[str] = []
    asked: list[str] = []
    contexts = []

    def open_page(part: str = "all", **settings: Any) -> Any:
        context = browser.new_context(offline=True, **settings)
        context.set_default_timeout(1000 * GENEROUS)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{report}#{part}")
        if settings.get("java_script_enabled", True):  # until the chart is drawn, what is clicked on may move
            drawn(page)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


def drawn(page: Any) -> Any:
    """The chart, once it is drawn."""
    page.wait_for_selector("#explorer[data-cells] svg.marks")
    return page.locator("#explorer")


def says(page: Any, text: str) -> None:
    """Waits until the chart does."""
    page.wait_for_function("text => document.querySelector('#explorer svg.marks').textContent.includes(text)", arg=text)


def test_choosing_changes_the_chart(visit: Any) -> None:
    page = visit()
    chart = drawn(page)
    before = chart.locator("svg.marks").inner_html()
    assert "relative RMSE" in before
    page.select_option("#explorer-metric", "variance")
    says(page, "↑ variance")
    page.select_option("#explorer-cost", "time")
    says(page, "time per estimate [s] →")
    problems = page.locator("#explorer-panel option").all_inner_texts()
    assert len(problems) > 2
    page.select_option("#explorer-panel", problems[1])
    page.check("#explorer-relative")
    says(page, "relative to the least")
    assert chart.locator("svg.marks").inner_html() != before


def test_relative_to_the_best_begins_at_one(visit: Any) -> None:
    """The Pareto front divided by itself is 1, and nothing lies below it: checked on the data that Vega holds."""
    page = visit()
    drawn(page)
    page.check("#explorer-relative")
    says(page, "relative to the least")
    labels = page.locator("#explorer svg.marks [aria-label*='as drawn']").evaluate_all(
        "marks => marks.map(mark => mark.getAttribute('aria-label'))"
    )
    ratios = [float(label.split("as drawn: ")[1].split(";")[0]) for label in labels]
    assert min(ratios) == 1.0
    assert max(ratios) > 1.0


def test_the_table_sorts_searches_and_hides(visit: Any) -> None:
    page = visit()
    header = page.locator("#cells thead th", has_text="relative RMSE").first
    column = page.locator("#cells thead th").all_inner_texts().index("relative RMSE")

    def shown() -> list[float]:
        cells = page.locator(f"#cells tbody tr td:nth-child({column + 1})")
        found = cells.evaluate_all("all => all.map(cell => cell.dataset.order)")
        return [float(number) for number in found if number is not None]

    header.click()
    page.wait_for_function("document.querySelector('#cells th[aria-sort=ascending]')")
    ascending = shown()
    assert len(ascending) > 5
    assert ascending == sorted(ascending)
    header.click()
    page.wait_for_function("document.querySelector('#cells th[aria-sort=descending]')")
    assert len(shown()) > 5
    assert shown() == sorted(shown(), reverse=True) != ascending

    rows = page.locator("#cells tbody tr")
    page.get_by_placeholder("search all columns").fill("rotation")
    page.wait_for_function("document.querySelector('.dt-info').textContent.includes('filtered')")
    assert 0 < rows.count() <= 25
    assert all("rotation" in text for text in rows.all_inner_texts())

    before = page.locator("#cells thead th").count()
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("button", name="peak memory").click()
    page.wait_for_function(f"document.querySelectorAll('#cells thead th').length === {before + 1}")


@pytest.mark.parametrize("form", ["CSV", "Markdown", "LaTeX"])
def test_the_table_is_copied_as_it_is_shown(visit: Any, form: str) -> None:
    page = visit()
    page.get_by_placeholder("search all columns").fill("rotation")
    page.wait_for_function("document.querySelector('.dt-info').textContent.includes('filtered')")
    count = page.evaluate("jQuery('#cells').DataTable().rows({search: 'applied'}).count()")
    page.get_by_role("button", name=f"Copy {form}").click()
    page.wait_for_function("window.estibenchCopied")
    lines = page.evaluate("window.estibenchCopied").splitlines()
    overhead = {"CSV": 1, "Markdown": 2, "LaTeX": 6}[form]
    assert len(lines) == count + overhead
    body = [line for line in lines if "rotation" in line]
    assert len(body) == count
    if form == "LaTeX":
        assert "\\$\\pm\\$" not in body[0]
        assert all(line.endswith(r"\\") for line in body)
        assert "_" not in body[0].replace(r"\_", "")


def test_texts_of_plugins_stay_texts(visit: Any) -> None:
    page = visit()
    drawn(page)
    page.wait_for_load_state("networkidle")
    assert page.title() == f"A run {HOSTILE}"
    assert "<img src=x" in page.locator("#explorer svg.marks").text_content()
    page.get_by_placeholder("search all columns").fill("onerror")
    page.wait_for_function("document.querySelector('.dt-info').textContent.includes('filtered')")
    assert page.locator("#cells tbody tr td", has_text="onerror").count() == 1
    assert page.locator("#cells img").count() == 0


def test_headings_are_folded_and_an_address_opens_its_own(visit: Any) -> None:
    page = visit("claims")
    drawn(page)
    assert page.locator("#claims .verdicts").is_visible()
    assert page.locator("#all").is_hidden()
    page.locator("summary", has_text="All cells").click()
    assert page.locator("#cells").is_visible()
    assert page.locator("#answer li").first.is_visible()


@pytest.mark.parametrize("width", [390, 1300])
def test_no_table_and_no_figure_is_taller_than_the_screen(visit: Any, width: int) -> None:
    height = 900
    page = visit(viewport={"width": width, "height": height})
    drawn(page)
    page.evaluate("for (const folded of document.querySelectorAll('details')) folded.open = true")
    tall = page.locator(".scroll, figure .sheet").evaluate_all("all => all.map(one => one.clientHeight)")
    assert len(tall) > 5
    assert max(tall) <= height


def test_without_scripts_tables_and_pictures_are_there(visit: Any) -> None:
    page = visit(java_script_enabled=False)
    assert page.locator("#cells tbody tr").count() == len(Results.read(RUN).rows)
    assert page.locator("figure svg").count() >= 2
    assert page.locator("#explorer").is_hidden()
    assert page.get_by_text("With scripts on, a chart").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1300])
def test_nothing_sticks_out(visit: Any, scheme: str, width: int) -> None:
    """No page scrolls sideways, and text is told from what is behind it."""
    page = visit(color_scheme=scheme, viewport={"width": width, "height": 900})
    drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    colours = [
        [int(number) for number in re.findall(r"\d+", page.evaluate(f"getComputedStyle(document.body).{name}"))][:3]
        for name in ("color", "backgroundColor")
    ]
    text, behind = (sum(colour) / 3 for colour in colours)
    assert abs(text - behind) > 120
    assert (text > behind) == (scheme == "dark")


def test_the_downloads_hold_what_they_say(visit: Any) -> None:
    page = visit("again")
    with page.expect_download() as download:
        page.locator("a[download$='.yaml']").click()
    path = download.value.path()
    assert Path(path).read_text(encoding="utf-8") == json.loads((RUN / "run.json").read_text())["suite_text"]
