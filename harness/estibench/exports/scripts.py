"""The scripts that make pages interactive: Vega-Lite for charts, DataTables for tables, and the page's own few lines.

Both libraries come whole from installed packages, so that a page needs no network. Neither is needed to read a page:
tables and pictures are there without them.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"
SPEC = TEMPLATES / "explorer.vl.json"
LICENCES = "Charts by Vega-Lite (BSD-3-Clause), the table by DataTables (MIT)."


@cache
def scripts() -> dict[str, str]:
    """The classic scripts of a page by file name, in the order in which they run."""
    return {
        "vega.js": _alone(_vega()),
        "datatables.js": _alone(_data_tables()),
        "page.js": _alone((TEMPLATES / "page.js").read_text(encoding="utf-8")),
    }


@cache
def styles() -> dict[str, str]:
    """The style sheets of a page by file name."""
    import itables

    bundle = Path(itables.__file__).parent / "html" / "dt_bundle.css"
    return {
        "datatables.css": bundle.read_text(encoding="utf-8"),
        "page.css": (TEMPLATES / "page.css").read_text(encoding="utf-8"),
    }


def inline_script(text: str) -> Markup:
    """A script as the content of an element, which nothing in it can end."""
    from markupsafe import Markup

    return Markup(re.sub(r"<(/script|!--)", r"<\\\1", text, flags=re.IGNORECASE))


def inline_data(data: Any) -> Markup:
    """Plain data as JSON for an element of the type application/json, which nothing in it can end."""
    from markupsafe import Markup

    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


def _vega() -> str:
    """Vega, Vega-Lite and Vega-Embed, of the version that the chart's specification names.

    Bundling takes a second and a half, so that the user's cache folder keeps what was bundled.
    """
    from platformdirs import user_cache_path

    version = Path(json.loads(SPEC.read_text(encoding="utf-8"))["$schema"]).stem.removeprefix("v")
    bundled_by = importlib.metadata.version("vl-convert-python")
    kept = user_cache_path("estibench") / f"vega-{version}-{bundled_by}.js"
    with suppress(OSError, UnicodeError):
        return kept.read_text(encoding="utf-8")

    import vl_convert

    text = str(vl_convert.javascript_bundle(None, vl_version=version))  # type: ignore[arg-type]  # its stub lacks the default
    with suppress(OSError):  # a page needs no cache
        kept.parent.mkdir(parents=True, exist_ok=True)
        new = kept.with_name(f"{kept.name}.{os.getpid()}")
        new.write_text(text, encoding="utf-8")
        new.replace(kept)
    return text


def _data_tables() -> str:
    """itables' bundle, an ES module, as a script: what it exports becomes a property of the window."""
    import itables

    text = (Path(itables.__file__).parent / "html" / "dt_bundle.js").read_text(encoding="utf-8")
    exported = re.search(r"\bexport\{([^}]*)\};?", text)
    assert exported is not None, "itables' bundle has changed its shape"
    jquery = re.search(r"([\w$]+) as jQuery\b", exported[1])
    assert jquery is not None, "itables' bundle exports no jQuery"
    return text[: exported.start()] + f"window.jQuery={jquery[1]};" + text[exported.end() :]


def _alone(text: str) -> str:
    """A script that leaves no names behind but those that it gives the window."""
    return f"(()=>{{{text}\n}})();\n"
