"""The store survives a kill, a full disk and damage, and keeps every number bit for bit."""

import io
import math
import resource
import signal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from estibench import UserError
from estibench.results.run_directory import set_aside
from estibench.results.store import Record, Store, latest

NUMBERS = st.floats() | st.integers() | st.booleans() | st.none()
ROWS = st.dictionaries(
    st.text(),
    st.recursive(NUMBERS | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8),
)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def rows(store):
    return [record.row for record in store.read()[0]]


def test_rows_come_back_bit_for_bit_and_the_last_of_a_key_counts(store):
    numbers = {"a": 0.1 + 0.2, "b": math.inf, "c": -math.inf, "d": 5e-324, "e": None, "f": [1.5, {"g": math.inf}]}
    sums = store.append(Record("k1", "accuracy", {"a": 1.0}), Record("k2", "accuracy", numbers, "s", ("x", "y"), "d"))
    store.append(Record("k1", "accuracy", {"a": math.nan}))
    records, damaged = store.read()
    assert not damaged
    assert records[1] == Record("k2", "accuracy", numbers, "s", ("x", "y"), "d")
    assert [record.sum for record in records[:2]] == sums
    assert math.isnan(latest(records)["k1", "accuracy"].row["a"])


def test_a_torn_last_line_loses_only_itself_and_not_what_follows(store):
    store.append(Record("k1", "accuracy", {"a": 1.0}))
    store.append(Record("k2", "accuracy", {"a": 2.0}))
    whole = store.path.read_bytes()
    for cut in range(whole.index(b"\n") + 1, len(whole) - 1):
        store.path.write_bytes(whole[:cut])
        assert rows(store) == [{"a": 1.0}]
        store.append(Record("k3", "accuracy", {"a": 3.0}))
        assert rows(store) == [{"a": 1.0}, {"a": 3.0}]


def test_every_changed_byte_is_found(store):
    store.append(Record("k1", "accuracy", {"a": 1.0}), Record("k2", "time", {"b": "text"}))
    whole = store.path.read_bytes()
    for place in range(len(whole)):
        store.path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        records, damaged = store.read()
        assert damaged, place
        assert len(records) == (0 if place == whole.index(b"\n") else 1), "the other record is kept"


def test_a_full_disk_is_one_clear_line_and_costs_nothing_else(store):
    store.append(Record("k1", "accuracy", {"a": 1.0}))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (store.path.stat().st_size + 50, limits[1]))
        with pytest.raises(UserError, match=r"cells.jsonl: cannot write: .*; what was measured before is kept"):
            store.append(Record("k2", "accuracy", {"text": "x" * 10_000}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert store.read() == ([Record("k1", "accuracy", {"a": 1.0})], [])
    store.append(Record("k3", "accuracy", {}))
    assert [record.key for record in store.read()[0]] == ["k1", "k3"]


def test_a_store_that_is_set_aside_is_kept(store):
    place = store.path.parent
    assert set_aside(place) is None
    for key in ("k1", "k2"):
        store.append(Record(key, "accuracy", {}))
        (place / "draws").mkdir()
        set_aside(place)
    assert [path.name for path in sorted(place.iterdir())] == ["earlier-1", "earlier-2"]
    assert [path.name for path in sorted((place / "earlier-2").iterdir())] == ["cells.jsonl", "draws"]


@pytest.fixture(scope="module")
def again(tmp_path_factory):
    """`again()`: an empty store, in the place of the last one."""
    store = Store(tmp_path_factory.mktemp("store"))

    def again():
        store.path.unlink(missing_ok=True)
        return store

    return again


@settings(max_examples=100)
@given(found=st.lists(ROWS, max_size=4))
def test_any_row_comes_back(again, found):
    store = again()
    store.append(*(Record(str(number), "accuracy", row) for number, row in enumerate(found)))
    records, damaged = store.read()
    assert not damaged
    assert repr([record.row for record in records]) == repr(found), "repr tells 0 from 0.0, and NaN from itself not"


def lines_of(content):
    r"""Lines with their ends. Only b"\n" ends one; `bytes.splitlines` would end them at b"\r" too."""
    return io.BytesIO(content).readlines()


@settings(max_examples=300)
@given(junk=st.binary(max_size=200), place=st.integers(0, 10_000), cut=st.integers(0, 200))
@example(junk=b"\r", place=0, cut=0)
@example(junk=b"\r", place=37, cut=0)
@example(junk=b"\n", place=37, cut=0)
@example(junk=b"\r\n", place=37, cut=5)
@example(junk=b"\x0b\x0c\x1c\x1d\x85", place=37, cut=0)
def test_junk_anywhere_costs_only_what_it_hits(again, junk, place, cut):
    """Bytes inserted, and others cut out, anywhere: no exception, and every line that is left whole is read."""
    store = again()
    store.append(*(Record(f"k{number}", "accuracy", {"n": number}) for number in range(4)))
    whole = store.path.read_bytes()
    place %= len(whole)
    damaged = whole[:place] + junk + whole[place + cut :]
    store.path.write_bytes(damaged)
    left = lines_of(damaged)
    intact = [number for number, line in enumerate(lines_of(whole)) if line in left]
    assert [record.row["n"] for record in store.read()[0]] == intact
