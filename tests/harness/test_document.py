"""YAML with positions; nothing in a file is ever constructed or executed."""

from pathlib import Path

import pytest

from estibench.errors import UserError
from estibench.suite.document import parse


def test_values_and_positions(suite_file):
    path = suite_file("name: x\nproblems:\n  - name: matrix\n    dim: [8, 1.5e1, true, null]\n")
    document = parse(path)
    assert document.data == {"name": "x", "problems": [{"name": "matrix", "dim": [8, 15.0, True, None]}]}
    assert document.locate(("problems", 0, "dim")) == f"{path}:4:5"
    assert document.locate(("problems", 0, "dim", 1)) == f"{path}:4:14"
    assert document.complain(("problems", 0, "dim"), "no") == f"{path}:4:5: problems[0].dim: no"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1:1: the file is empty"),
        ("a: [1, 2\n", "not valid YAML"),
        ("a: 1\na: 2\n", "2:1: a: the key is given twice"),
        ("? [1, 2]\n: 3\n", "1:3: a key must be a plain word"),
        ("a: !!python/object/apply:os.system ['true']\n", "the tag 'tag:yaml.org,2002:python/object/apply:os.system'"),
        ("a: !Thing {b: 1}\n", "the tag '!Thing' is not allowed"),
        ("a: !!binary aGk=\n", "is not allowed"),
        ("a: *nowhere\n", "not valid YAML"),
        ("a: 1\n---\nb: 2\n", "not valid YAML"),
        ("\ta: 1\n", "not valid YAML"),
    ],
)
def test_what_cannot_be_read_is_one_line_with_its_place(suite_file, text, message):
    with pytest.raises(UserError) as caught:
        parse(suite_file(text))
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert str(caught.value).startswith(str(suite_file(text)))


def test_missing_file_folder_and_binary(tmp_path):
    for path, content in ((tmp_path / "none.yaml", None), (tmp_path, None), (tmp_path / "b.yaml", b"\xff\xfe\x00")):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(UserError, match="cannot read"):
            parse(Path(path))


def test_aliases_cannot_grow_without_bound(suite_file):
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 8)]
    with pytest.raises(UserError, match="more than 100000 values"):
        parse(suite_file("\n".join(lines)))


def test_a_recursive_alias_is_refused(suite_file):
    with pytest.raises(UserError):
        parse(suite_file("a: &a [*a]\n"))
