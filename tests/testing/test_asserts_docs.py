"""The code of docs/testing_estimators.md, run as it stands: the first test fails as the page says, the others pass."""

import re
import subprocess
import sys
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "testing_estimators.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_page_says_what_happens(tmp_path):
    assert len(BLOCKS) == 2
    (tmp_path / "test_trace.py").write_text(BLOCKS[0], encoding="utf-8")
    (tmp_path / "test_right.py").write_text(BLOCKS[1], encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error::UserWarning"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert "1 failed, 3 passed" in done.stdout, done.stdout
    for line in re.search(r"```\n(found: .*?)```", PAGE, flags=re.DOTALL)[1].splitlines():
        assert line in done.stdout, done.stdout
    assert "asserts.py" not in done.stdout, "the traceback ends in the user's line"
