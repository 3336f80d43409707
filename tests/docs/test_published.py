"""What is kept of published runs: all that a page of the repository shows, and no more than a checkout should weigh."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "results" / "published"
MOST = 12 * 10**6  # bytes
PAGES = [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *PUBLISHED.rglob("*.md")]


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a checkout of git")
    said = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in said.split("\0") if name]


def test_it_is_light_and_holds_no_page(tracked):
    kept = [path for path in tracked if path.is_relative_to(PUBLISHED)]
    assert sum(path.stat().st_size for path in kept if path.exists()) <= MOST
    assert not [path for path in kept if path.suffix in (".html", ".js", ".tex")]


def test_every_link_into_it_leads_to_a_tracked_file(tracked):
    folders = {folder for path in tracked for folder in path.parents}
    lost = []
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            target = (page.parent / link).resolve()
            if "://" not in link and target.is_relative_to(PUBLISHED) and target not in {*tracked, *folders}:
                lost.append(f"{page.relative_to(ROOT)}: {link}")
    assert not lost


def test_each_run_can_be_read_again():
    for about in PUBLISHED.glob("*/run.json"):
        assert json.loads(about.read_text(encoding="utf-8"))["suite"]
        assert (about.parent / "table.parquet").exists()
