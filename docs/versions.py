"""`make docs`: the page that lists the versions of the documentation which lie side by side, the newest first."""

import sys
from pathlib import Path

from packaging.version import InvalidVersion, Version

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>estibench</title>
<h1>estibench</h1>
<ul>
{}
</ul>
</html>
"""


def versions(folder: Path) -> list[Version]:
    """Those that have a folder of their own."""
    found = []
    for index in folder.glob("*/index.html"):
        try:
            found.append(Version(index.parent.name))
        except InvalidVersion:
            continue
    return sorted(found, reverse=True)


if __name__ == "__main__":
    home = Path(sys.argv[1])
    links = [f'<li><a href="{one}/index.html">{one}</a></li>' for one in versions(home)]
    (home / "index.html").write_text(PAGE.format("\n".join(links)), encoding="utf-8")
