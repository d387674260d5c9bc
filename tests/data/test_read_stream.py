"""Rows read block by block are those that are read at once."""

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beambook.data._hdf5 import StoredFile, pool
from beambook.data._reading.read import Plan, read_plans
from beambook.data._reading.roi import Roi
from beambook.data._reading.stream import Stream
from beambook.errors import DamagedFile

ENTRY = (3, 4)


def write(path, rows, **kwargs):
    with h5py.File(path, "w") as file:
        for name in "ab":
            values = np.arange(rows * 12).reshape(rows, *ENTRY) + 1000 * (name == "b")
            file.create_dataset(name, data=values.astype("u2"), **kwargs)
    return StoredFile.of(path)


def stream_of(plans, rows, total, dtype="u2"):
    return Stream.of(plans, Roi.of((), ENTRY), np.dtype(dtype), rows=rows, total=total)


@st.composite
def plans(draw):
    """Pieces of two data sets, which together bring all rows of a result in some order."""
    counts = draw(st.lists(st.integers(0, 7), min_size=1, max_size=12))
    starts = np.cumsum(counts) - counts
    source = [draw(st.integers(0, 20 - n)) for n in counts]
    of = [draw(st.sampled_from("ab")) for _ in counts]
    order = draw(st.permutations(range(len(counts))))
    return counts, starts, source, of, order, draw(st.integers(1, 9))


@given(plans(), st.sampled_from([{}, {"chunks": (1, *ENTRY)}, {"chunks": (3, *ENTRY)}]))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_blocks_are_the_whole(tmp_path_factory, drawn, layout):
    counts, starts, source, of, order, rows = drawn
    file = write(tmp_path_factory.mktemp("stream") / "a.h5", 20, **layout)
    chosen = [
        Plan(file, name, *(np.array([v[i] for i in order if of[i] == name], np.int64)
                           for v in (source, starts, counts)))
        for name in "ab" if name in of
    ]  # fmt: skip
    total = sum(counts)
    expected = read_plans(chosen, np.empty((total, *ENTRY), "u2"), Roi.of((), ENTRY))
    stream = stream_of(chosen, rows, total)
    if stream is None:
        assert any(not plan.count.any() for plan in chosen)
        return
    found = np.empty_like(expected)
    for number, start in enumerate(range(0, total, rows)):
        stream.read(number, found[start : start + rows])
    np.testing.assert_array_equal(found, expected)


def everything(file, name="a", count=20):
    rows = np.array([0]), np.array([0]), np.array([count])
    return [Plan(file, name, *rows)]


def test_what_is_stored_otherwise_is_not_streamed(tmp_path):
    plain = write(tmp_path / "a.h5", 20)
    assert stream_of(everything(plain), 5, 20) is not None
    assert stream_of(everything(plain), 5, 20, "u4") is None
    packed = write(tmp_path / "b.h5", 20, chunks=(2, *ENTRY), compression="gzip")
    assert stream_of(everything(packed), 5, 20) is None
    cut = write(tmp_path / "c.h5", 20, chunks=(2, 3, 2))
    assert stream_of(everything(cut), 5, 20) is None
    assert stream_of(everything(plain, count=21), 5, 21) is None


def test_a_file_that_changed_is_an_error(tmp_path):
    file = write(tmp_path / "a.h5", 20)
    stream = stream_of(everything(file), 5, 20)
    with (tmp_path / "a.h5").open("r+b") as opened:
        opened.truncate(3000)
    pool.close()
    with pytest.raises(DamagedFile):
        stream.read(3, np.empty((5, *ENTRY), "u2"))
