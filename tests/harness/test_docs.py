"""Docs and code say the same."""

import inspect
import re
from pathlib import Path

import pytest

import estibench
from estibench import columns
from estibench.host import hookspecs
from estibench.suite.schema import SuiteFile

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_every_hook_has_its_heading():
    hooks = {name for name in vars(hookspecs) if name.startswith("bench_")}
    text = (DOCS / "writing_a_plugin.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^### (bench_\w+)$", text, flags=re.MULTILINE)) == hooks


def test_every_column_is_explained_in_the_same_words():
    text = (DOCS / "results.md").read_text(encoding="utf-8")
    for name, meaning in {**columns.IDENTITY, **columns.WITH_INTERVAL, **columns.MEASURED}.items():
        assert f"| `{name}` | {meaning} |" in text


# What has no docstring of its own.
NAMED_THERE = {"NonNegativeFloat", "NonNegativeInt", "PositiveFloat", "PositiveInt", "hookimpl"}


def test_every_public_name_has_its_line():
    """Readable where the page is not built: the first sentence of each docstring."""
    lines = dict(
        re.findall(r"^\| `(\w+)` \| (.+) \|$", (DOCS / "api.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    assert set(lines) == set(estibench.__all__)
    for name in set(lines) - NAMED_THERE:
        paragraph = " ".join((inspect.getdoc(getattr(estibench, name)) or "").split("\n\n")[0].split())
        assert lines[name] == paragraph.partition(". ")[0].rstrip(".") + ".", name


def test_every_suite_key_is_explained():
    text = (DOCS / "quickstart.md").read_text(encoding="utf-8")
    for key in SuiteFile.model_fields:
        assert f"`{key}`" in text


def test_the_example_in_the_docs_is_the_example_plugin():
    source = (ROOT / "tests/example_plugin/src/estibench_example/unit_vector.py").read_text(encoding="utf-8")
    text = (DOCS / "writing_a_plugin.md").read_text(encoding="utf-8")
    block = next(
        code for code in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL) if "class UnitVector" in code
    )
    for line in block.splitlines():
        stripped = line.strip()
        if stripped and not stripped.startswith(('"""', "def estimate")):
            assert stripped in source, stripped


def test_the_suite_in_the_quickstart_is_valid(host, suite_file):
    from estibench.suite import read_suite

    text = (DOCS / "quickstart.md").read_text(encoding="utf-8")
    block = re.search(r"```yaml\n(.*?)```", text, flags=re.DOTALL)
    assert read_suite(suite_file(block[1]), host).cells == 6 * 2 * 9


@pytest.mark.parametrize("page", sorted([*DOCS.rglob("*.md"), ROOT / "README.md"]), ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
