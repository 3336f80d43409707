"""The site: whole, with relative links that lead somewhere, and growing run by run."""

from __future__ import annotations

import json
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from click.testing import CliRunner

from estibench import UserError
from estibench.cli import bench
from estibench.exports.pages import breakable
from estibench.exports.plots import pictures
from estibench.exports.table_files import export_parquet
from estibench.results import Results
from estibench.site import publish
from estibench.site.catalogue import slug

PUBLISHED = Path(__file__).parents[2] / "results" / "published"


class Links(HTMLParser):
    """The addresses in a page, and the names within it that they may lead to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.to: list[str] = []
        self.names: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.to += [value or "" for name, value in attrs if name in ("href", "src")]
        self.names |= {value or "" for name, value in attrs if name == "id"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A few cells of two published runs, with one picture and one table each."""
    return [small(PUBLISHED / name, tmp_path_factory.mktemp("runs") / name) for name in ("vq", "categorical_sampling")]


def small(run: Path, folder: Path) -> Path:
    results = Results.read(run)
    frame = results.frame
    chosen = frame["problem"].isin(frame["problem"].unique()[:2]) & frame["estimator"].isin(
        frame["estimator"].unique()[:5]
    )
    about = results.about | {"plots": results.about["plots"][:1], "tables": results.about["tables"][:1]}
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(about))
    export_parquet(Results(folder, about, [], frame[chosen].reset_index(drop=True)))
    return folder


@pytest.fixture(scope="module")
def site(runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("publish") / "site"
    publish(runs, folder)
    return folder


@pytest.fixture
def copy(site: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(site, tmp_path / "copy"))


def other_machine(run: Path, folder: Path) -> Path:
    """The same run as if another machine had made it."""
    shutil.copytree(run, folder)
    about = json.loads((folder / "run.json").read_text())
    about["machine"]["processor"] = "Abacus 9 <b>"
    (folder / "run.json").write_text(json.dumps(about))
    return folder


def test_every_link_leads_to_a_file_or_a_place_on_the_page(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 10
    for page in pages:
        links = Links(page)
        for link in links.to:
            path, _, name = link.partition("#")
            assert not path.startswith(("/", "http", "file")), (page, link)
            if not path:
                assert name in links.names, (page, link)
            else:
                assert (page.parent / unquote(path)).is_file(), (page, link)


def test_every_page_is_reached_from_the_first(site: Path) -> None:
    reached, waiting = set(), [site / "index.html"]
    while waiting:
        page = waiting.pop().resolve()
        if page not in reached:
            reached.add(page)
            waiting += [page.parent / link.partition("#")[0] for link in Links(page).to if ".html" in link]
    assert reached == {page.resolve() for page in site.rglob("*.html")}


def test_runs_are_there_with_data_tables_and_pictures(site: Path, runs: list[Path]) -> None:
    for run in runs:
        folder = site / run.name
        assert Results.read(folder).frame.equals(Results.read(run).frame)
        assert (folder / "summary.md").read_text().startswith("10 of 10 cells measured.")
        assert len(list((folder / "plots").glob("*.svg"))) == 1
        assert any((folder / "tables").glob("*.tex"))
        assert (folder / "index.html").stat().st_size < 1_000_000
    assert not list(site.rglob("*.jsonl")), "the store stays at home"


@pytest.mark.nightly
def test_publishing_again_changes_nothing(copy: Path) -> None:
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    publish([], copy)
    publish([copy / "vq"], copy)
    after = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    assert before.keys() == after.keys()
    assert [path for path in before if before[path] != after[path] and path.suffix != ".parquet"] == []


def test_a_run_of_another_machine_stands_beside_the_first(copy: Path, runs: list[Path], tmp_path: Path) -> None:
    publish([other_machine(runs[0], tmp_path / "hers")], copy)
    assert {path.parent.name for path in copy.glob("*/run.json")} == {"vq", "vq-2", "categorical_sampling"}
    assert len(list((copy / "machines").iterdir())) == 2
    task = (copy / "tasks" / f"{slug('discrete_gradient')}.html").read_text()
    assert "Abacus 9 &lt;b&gt;, 2 cores" in task
    assert "Abacus 9 <b>" not in task
    # the same machine again replaces its own run only
    publish([tmp_path / "hers"], copy)
    assert {path.parent.name for path in copy.glob("*/run.json")} == {"vq", "vq-2", "categorical_sampling"}


def test_what_plugins_have_written_comes_along(runs: list[Path], tmp_path: Path) -> None:
    run = Path(shutil.copytree(runs[0], tmp_path / "run"))
    for name in ("plots/samples.png", "plots/evil.svg", "tables/ess.md", f"plots/{plot_of(run)}.png"):
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).write_bytes(b"theirs")
    publish([run], tmp_path / "site")
    folder = tmp_path / "site" / "vq"
    assert (folder / "plots" / "samples.png").read_bytes() == (folder / "tables" / "ess.md").read_bytes() == b"theirs"
    assert not (folder / "plots" / "evil.svg").exists()
    assert not (folder / "plots" / f"{plot_of(run)}.png").exists(), "ours are drawn anew, as SVG"
    assert {"plots/samples.png", "tables/ess.md"} <= {*Links(folder / "index.html").to}
    publish([folder], tmp_path / "site")
    assert (folder / "plots" / "samples.png").read_bytes() == b"theirs"


def plot_of(run: Path) -> str:
    """The name of the run's one picture."""
    return next(pictures(Results.read(run))).name


def test_a_run_of_an_older_version_is_told_of_and_stays(copy: Path) -> None:
    about = json.loads((copy / "vq" / "run.json").read_text())
    (copy / "vq" / "run.json").write_text(json.dumps(about | {"format": 1}))
    said: list[str] = []
    publish([], copy, said.append)
    assert any("left out:" in line and "vq" in line for line in said)
    assert (copy / "vq" / "table.parquet").exists()
    assert "vq/index.html" not in (copy / "index.html").read_text()


@pytest.mark.nightly
def test_looks_stay_when_runs_are_added(runs: list[Path], tmp_path: Path) -> None:
    publish(runs[:1], tmp_path)
    before = json.loads((tmp_path / "looks.json").read_text())
    publish(runs[1:], tmp_path)
    after = json.loads((tmp_path / "looks.json").read_text())
    assert after[: len(before)] == before
    assert len(after) > len(before)


def test_estimators_show_their_claims_over_all_runs(site: Path, runs: list[Path]) -> None:
    page = (site / "estimators" / "rotation_trick.html").read_text()
    cells = Results.read(runs[0]).frame.query("estimator_name == 'rotation_trick' and status == 'ok'")
    titles = [claim["claim"] for claims in cells["claims"] for claim in claims if claim["verdict"] == "supported"]
    assert titles
    for title in set(titles):
        row = f'<th>{breakable(title)}</th><td class="number">{titles.count(title)}</td>'
        assert row in page
    assert "Fifty" in page, "its paper"


@pytest.mark.parametrize(
    ("given", "message"), [([], "nothing is published there"), (["nothing"], "not a run directory")]
)
def test_mistakes_are_one_clear_line(tmp_path: Path, given: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        publish([tmp_path / run for run in given], tmp_path / "site")


def test_the_command(runs: list[Path], tmp_path: Path) -> None:
    done = CliRunner().invoke(bench, ["publish", str(runs[1]), "-o", str(tmp_path / "site")])
    assert done.exit_code == 0, done.output
    assert f"begin with {tmp_path / 'site' / 'index.html'}" in done.output


def test_names_of_files_are_plain_and_different() -> None:
    assert slug("gumbel_softmax") == "gumbel_softmax"
    texts = ["../../etc/passwd", "a/b", "a b!", "a-b", "A", "a", "", "ä", "ö", "<b>"]
    found = [slug(text) for text in texts]
    assert len(set(found)) == len(texts)
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-") for name in found)
