"""How pages are rendered: templates that escape every text, with scripts and styles inside the page or beside it."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from estibench.exports import tables
from estibench.exports.scripts import TEMPLATES, inline_data, inline_script, scripts, styles

if TYPE_CHECKING:
    from markupsafe import Markup

INTERACTIVE = ("datatables.css", "page.css", "vega.js", "datatables.js", "page.js")
PLAIN = ("page.css",)
MOST_ROWS = 120  # of a table on a page; the whole is in a file beside it


def render_page(
    template: str, wanted: Collection[str], assets: str | None = None, folders: Sequence[Path] = (), **values: Any
) -> str:
    """A page. Every text is escaped, whoever wrote it; markup is only what is marked so, and made here.

    Args:
        template: a file in one of the folders of templates.
        wanted: the scripts and styles that the page needs.
        assets: where they are, relative to the page; None puts them into it.
        folders: further folders of templates.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([*folders, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "plain": tables.plain,
        "breakable": breakable,
        "script": inline_script,
        "style": inline_script,
        "data": inline_data,
    }
    shared = {"MOST_ROWS": MOST_ROWS, "wanted": wanted, "assets": assets, "scripts": scripts(), "styles": styles()}
    return environment.get_template(template).render(**shared, **values)


def breakable(text: str) -> Markup:
    """A component's label, escaped, that a narrow column may break at its punctuation."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"([(_])", r"\1<wbr>", str(escape(text))))


def inline_svg(text: str, title: str) -> Markup:
    """A picture of matplotlib's as an element of a page, with a name for who cannot see it.

    The XML prolog, the fixed size and the ids of groups go: other pictures of the page have the same.
    """
    from markupsafe import Markup, escape

    body = text[text.index("<svg") :]
    tag_end = body.index(">")
    tag = re.sub(r'\s(width|height)="[^"]*"', "", body[:tag_end])
    body = re.sub(r"<metadata>.*?</metadata>", "", body[tag_end:], count=1, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    return Markup(tag) + Markup(' role="img" aria-label="{}"').format(escape(title)) + Markup(body)
