"""Rows read past HDF5 are the rows that HDF5 reads."""

import itertools
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beambook.data._hdf5 import StoredFile
from beambook.data._reading import cells, coded, plain
from beambook.data._reading import inflate as _inflate
from beambook.data._reading import read as _read
from beambook.data._reading import threads as _threads
from beambook.data._reading.chunks import Layout, layout_of
from beambook.data._reading.read import Plan, read_plans
from beambook.data._reading.roi import Roi

DTYPES = ["u1", "i2", "u4", "f4", "f8", "u8", ">u2", ">f4", "f2"]
FILTERS = [
    {}, {}, {"compression": "gzip"}, {"compression": "gzip", "shuffle": True}, {"shuffle": True},
    {"fletcher32": True}, {"compression": "gzip", "shuffle": True, "fletcher32": True},
    {"compression": "lzf"},
]  # fmt: skip


@st.composite
def stored(draw):
    """A data set: shape, type, chunks, filters, which chunks are written."""
    entry = tuple(draw(st.lists(st.integers(1, 9), max_size=3)))
    if draw(st.integers(0, 4)) == 0 and entry:
        entry = (*entry[:-1], draw(st.sampled_from([700, 3000])))
    rows = draw(st.integers(1, 40))
    kind = draw(st.sampled_from(["contiguous", "chunked", "chunked", "cells"]))
    options = {}
    if kind != "contiguous":
        across = entry
        if kind == "cells":
            across = tuple(draw(st.integers(1, n + 2)) for n in entry)
        options["chunks"] = (draw(st.integers(1, rows)), *across)
        options["maxshape"] = (None,) * (len(entry) + 1)
        options |= draw(st.sampled_from(FILTERS))
    sparse = kind != "contiguous" and draw(st.integers(0, 5)) == 0
    libver = draw(st.sampled_from(["earliest", "latest"]))
    return (rows, *entry), draw(st.sampled_from(DTYPES)), options, sparse, libver


@st.composite
def region(draw, entry):
    """A region of interest of each entry."""

    def axis(n):
        kind = draw(st.integers(0, 7))
        if kind == 0:
            return draw(st.integers(-n, n - 1))
        if kind == 1:
            return draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=4))
        if kind == 2:
            return slice(None, None, -1)
        if kind < 5:
            return slice(None)
        bounds = st.none() | st.integers(-n - 1, n + 1)
        return slice(draw(bounds), draw(bounds), draw(st.sampled_from([None, 1, 2, 3])))

    roi = tuple(axis(n) for n in entry[: draw(st.integers(0, len(entry)))])
    lists = [item for item in roi if isinstance(item, list)]
    if len(lists) + sum(isinstance(item, int) for item in roi) > 1 and lists:
        roi = tuple(slice(None) if isinstance(item, list) else item for item in roi)
    return roi


@st.composite
def pieces(draw, rows):
    """Pieces anywhere in the data set, targets that do not overlap, with holes."""
    found, at = [], 0
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, rows - 1))
        count = draw(st.integers(0, rows - start))
        at += draw(st.integers(0, 2))
        found.append((start, at, count))
        at += count
    order = draw(st.permutations(found))
    return np.array(order, np.int64).reshape(-1, 3).T, at + draw(st.integers(0, 2))


@contextmanager
def small_steps(size):
    """Cut small arrays as large ones are."""
    with pytest.MonkeyPatch.context() as patch:
        if size is not None:
            patch.setattr(plain, "GAP", size)
            patch.setattr(plain, "SMALL", size)
            patch.setattr(plain, "WINDOW", 10 * size + 1)
            patch.setattr(coded, "GAP", size)
            patch.setattr(coded, "WINDOW", 10 * size + 1)
            patch.setattr(cells, "FEWEST_BYTES", size)
            patch.setattr(_read, "SMALLEST_BLOCK", size + 1)
            patch.setattr(_threads, "WORTH_A_THREAD", 1)
            patch.setattr(_inflate, "BLOCK", size + 1)
        yield


def make(path, shape, dtype, options, sparse, libver):
    rng = np.random.default_rng(1)
    with h5py.File(path, "w", libver=libver) as file:
        dataset = file.create_dataset("a/b", shape, dtype, fillvalue=7, **options)
        values = rng.integers(0, 200, shape).astype(dtype)
        if sparse:
            dataset[: shape[0] // 2] = values[: shape[0] // 2]
        else:
            dataset[...] = values
    with h5py.File(path) as file:
        return file["a/b"][()]


@settings(
    max_examples=250, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(data=st.data())
def test_rows_are_those_that_hdf5_reads(tmp_path, data):
    shape, dtype, *rest = data.draw(stored())
    path = Path(tmp_path, f"{next(NUMBERS)}.h5")
    values = make(path, shape, dtype, *rest)
    (source, target, count), rows = data.draw(pieces(shape[0]))
    cut = data.draw(region(shape[1:]))
    roi = Roi.of(cut, shape[1:])
    kind = data.draw(st.sampled_from([dtype, dtype, dtype, "f8"]))
    out = np.full((rows, *roi.shape), 99, kind)
    if data.draw(st.integers(0, 3)) == 0:  # a view with gaps
        out = np.full((rows * 2, *roi.shape, 2), 99, kind)[::2, ..., 0]
    expected = out.copy()
    for s, t, n in zip(source, target, count, strict=True):
        expected[t : t + n] = values[s : s + n][(slice(None), *cut)]
    plan = Plan(StoredFile.of(path), "a/b", source, target, count)
    with small_steps(data.draw(st.sampled_from([None, 0, 5, 100]))):
        found = read_plans([plan], out, roi, threads=data.draw(st.sampled_from([1, 3])))
    assert found is out
    np.testing.assert_array_equal(found, expected)
    layout = layout_of(plan.file, "a/b")
    again = Layout.from_json(layout.to_json())
    for name in ("number", "offset", "size"):
        np.testing.assert_array_equal(getattr(again, name), getattr(layout, name))
    path.unlink()


NUMBERS = itertools.count()
