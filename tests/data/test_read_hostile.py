"""Files that are unusual, damaged or meant to do harm, read past HDF5."""

import multiprocessing
import os
import subprocess
import sys
import threading
import tracemalloc
import zlib
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beambook.data._hdf5 import StoredFile, digest, pool
from beambook.data._reading import inflate as _inflate
from beambook.data._reading import unshuffle
from beambook.data._reading.chunks import Layout, known, layout_of, remember
from beambook.data._reading.descriptors import descriptors
from beambook.data._reading.read import Plan, read_plans
from beambook.data._reading.roi import Roi
from beambook.errors import DamagedFile

ROWS = np.arange(24.0).reshape(8, 3)


def read(path, name="a", source=(0,), count=(8,), entry=(3,), dtype="f8", threads=None, file=None):
    source, count = np.array(source, np.int64), np.array(count, np.int64)
    plan = Plan(file or StoredFile.of(path), name, source, np.cumsum(count) - count, count)
    out = np.empty((count.sum(), *entry), dtype)
    return read_plans([plan], out, Roi.of((), entry), threads=threads)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "RAW-R0001-DA01-S00000.h5"


def packed(path, chunks, **more):
    """A compressed data set whose chunks are these bytes."""
    pool.close()  # HDF5 does not open a file for writing and reading
    with h5py.File(path, "w") as file:
        data = file.create_dataset(
            "a", (8, 3), "f8", chunks=(4, 3), **{"compression": "gzip", **more}
        )
        for number, chunk in enumerate(chunks):
            data.id.write_direct_chunk((4 * number, 0), chunk)


GOOD = [zlib.compress(ROWS[:4].tobytes()), zlib.compress(ROWS[4:].tobytes())]


# --- unusual, but right -------------------------------------------------------


def virtual(file, path):
    with h5py.File(path.with_name("b.h5"), "w") as other:
        other["x"] = ROWS
    layout = h5py.VirtualLayout((8, 3), "f8")
    layout[:] = h5py.VirtualSource(path.with_name("b.h5"), "x", (8, 3))
    file.create_virtual_dataset("a", layout)


def linked(file, path):
    with h5py.File(path.with_name("b.h5"), "w") as other:
        other.create_dataset("x", data=ROWS, chunks=(2, 3))
    file.create_dataset("same place", data=-ROWS, chunks=(2, 3))
    file["a"] = h5py.ExternalLink("b.h5", "x")


def external(file, path):
    raw = path.with_name("raw.bin")
    raw.write_bytes(ROWS.tobytes())
    file.create_dataset("a", (8, 3), "f8", external=[("raw.bin", 0, h5py.h5f.UNLIMITED)])


def compact(file, path):
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple((8, 3))
    data = h5py.h5d.create(file.id, b"a", h5py.h5t.NATIVE_DOUBLE, space, plan)
    data.write(h5py.h5s.ALL, h5py.h5s.ALL, ROWS)


def masked(file, path):
    data = file.create_dataset("a", (8, 3), "f8", chunks=(4, 3), compression="gzip")
    data.id.write_direct_chunk((0, 0), ROWS[:4].tobytes(), filter_mask=1)
    data.id.write_direct_chunk((4, 0), GOOD[1])


def never_written(file, path):
    file.create_dataset("a", (8, 3), "f8", chunks=(4, 3), fillvalue=2.5)[:4] = ROWS[:4]


def soft_link(file, path):
    file["b"] = ROWS
    file["a"] = h5py.SoftLink("/b")


UNUSUAL = [virtual, linked, external, compact, masked, never_written, soft_link]


@pytest.mark.parametrize("make", UNUSUAL, ids=lambda make: make.__name__)
@pytest.mark.parametrize("userblock", [0, 512])
def test_unusual_storage(path, make, userblock, monkeypatch):
    monkeypatch.chdir(path.parent)
    with h5py.File(path, "w", userblock_size=userblock) as file:
        make(file, path)
    with h5py.File(path) as file:
        expected = file["a"][[0, 1, 2, 5, 6]]
    np.testing.assert_array_equal(read(path, source=[0, 5], count=[3, 2]), expected)


@pytest.mark.parametrize(
    "values",
    [
        np.array([True, False, True]),
        np.array([b"ab", b"c", b""]),
        np.array([1 + 2j, 3, 4]),
        np.array([(1, 2.0), (3, 4.0), (5, 6.0)], [("x", "i4"), ("y", "f8")]),
    ],
    ids=["bool", "bytes", "complex", "fields"],
)
def test_unusual_types(path, values):
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=values, chunks=(2,))
    found = read(path, source=[1], count=[2], entry=(), dtype=values.dtype)
    np.testing.assert_array_equal(found, values[1:])


def test_strings(path):
    with h5py.File(path, "w") as file:
        file["a"] = ["a", "µ", "", "d"]
    found = read(path, source=[0, 3], count=[2, 1], entry=(), dtype=object)
    assert found.tolist() == ["a", "µ", "d"]


def test_a_filter_that_is_not_here_is_named(path):
    with h5py.File(path, "w") as file:
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_chunk((4, 3))
        plan.set_filter(32100, h5py.h5z.FLAG_OPTIONAL)
        space = h5py.h5s.create_simple((8, 3))
        data = h5py.h5d.create(file.id, b"a", h5py.h5t.NATIVE_DOUBLE, space, plan)
        data.write_direct_chunk((0, 0), b"x" * 20)
        data.write_direct_chunk((4, 0), b"x" * 20)
    with pytest.raises(DamagedFile, match=r"Rows 0:8 of a in .*\(compressed with filter 32100"):
        read(path)


WITH_PLUGIN = """
import h5py, hdf5plugin, numpy as np, sys
with h5py.File(sys.argv[1], "w") as file:
    file.create_dataset("a", data=np.arange(24.0).reshape(8, 3), **hdf5plugin.Bitshuffle())
"""


def test_filters_of_synchrotrons_are_loaded_when_needed(path):
    subprocess.run([sys.executable, "-c", WITH_PLUGIN, path], check=True)
    np.testing.assert_array_equal(read(path), np.arange(24.0).reshape(8, 3))


def test_inflated_by_zlib_where_there_is_nothing_faster(path, monkeypatch):
    packed(path, GOOD)
    monkeypatch.setattr(_inflate, "_inflate", _inflate._by_zlib)
    monkeypatch.setattr(_inflate, "_errors", (zlib.error,))
    np.testing.assert_array_equal(read(path), ROWS)
    packed(path, [GOOD[0], zlib.compress(bytes(97))])
    with pytest.raises(DamagedFile, match="inflates to 97 bytes, not 96"):
        read(path)


# --- damaged ------------------------------------------------------------------

BAD = {
    "more": (zlib.compress(bytes(97)), "does not inflate to 96 bytes"),
    "less": (zlib.compress(bytes(95)), "inflates to 95 bytes, not 96"),
    "bomb": (zlib.compress(bytes(200 << 20), 9), "does not inflate to 96 bytes"),
    "cut": (GOOD[1][:-5], "does not inflate"),
    "no stream": (b"no deflate", "does not inflate"),
    "nothing": (b"", "0 bytes"),
}


@pytest.mark.parametrize("chunk", BAD)
def test_a_chunk_that_does_not_hold_what_it_should(path, chunk):
    stored, reason = BAD[chunk]
    packed(path, [GOOD[0], stored or b"\0"])
    if not stored:
        reason = "does not inflate|cannot inflate"
    np.testing.assert_array_equal(read(path, source=[1], count=[2]), ROWS[1:3])
    tracemalloc.start()
    with pytest.raises(DamagedFile, match=rf"Rows 4:8 of a in {path.name} .*{reason}"):
        read(path)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_a_chunk_that_is_said_to_be_huge(path):
    with h5py.File(path, "w") as file:
        data = file.create_dataset("a", (1 << 29, 1), "f4", chunks=(1 << 29, 1), compression="gzip")
        data.id.write_direct_chunk((0, 0), GOOD[0])
    tracemalloc.start()
    with pytest.raises(DamagedFile, match="cannot inflate to 2147483648"):
        read(path, entry=(1,), dtype="f4")
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("shape", [(1 << 62, 3), (8, 1 << 60), (1 << 40, 1 << 20)])
def test_an_absurd_shape(path, shape):
    with h5py.File(path, "w") as file:
        data = file.create_dataset("a", shape, "f8", chunks=(4, 3), maxshape=(None, None))
        data.id.write_direct_chunk((0, 0), np.ones((4, 3)).tobytes())
    entry = (3,) if shape[1] == 3 else shape[1:]
    plan = Plan(StoredFile.of(path), "a", *np.array([[0], [0], [2]]))
    out = np.empty((2, 2))
    found = read_plans([plan], out, Roi.of(np.s_[:2], entry))
    assert found.tolist() == [[1, 1], [1, 1]]


def test_rows_that_are_not_there(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=ROWS, chunks=(4, 3))
    with pytest.raises(DamagedFile, match=r"Rows 0:9 .* only 8 rows"):
        read(path, count=[9])
    with pytest.raises(DamagedFile, match=r"entries have shape \(3,\), not \(4,\)"):
        read(path, entry=(4,))
    with pytest.raises(DamagedFile, match=f"b in {path.name} cannot be read"):
        read(path, "b")


def test_a_plan_never_writes_outside_of_the_result(path):
    with h5py.File(path, "w") as file:
        file["a"] = ROWS
    for source, target, count in [(0, 1, 8), (0, -1, 2), (-1, 0, 2), (0, 7, 2)]:
        plan = Plan(StoredFile.of(path), "a", *np.array([[source], [target], [count]]))
        with pytest.raises(IndexError):
            read_plans([plan], np.empty((8, 3)), Roi.of((), (3,)))


@pytest.mark.parametrize("filters", [{}, {"compression": "gzip"}])
@pytest.mark.parametrize("chunks", [(4, 3), (4, 2)])
def test_a_file_cut_short_after_it_was_looked_at(path, filters, chunks):
    with h5py.File(path, "w") as file:
        file.create_dataset("b", data=np.zeros((4, 700)), chunks=(1, 400), **filters)
        file.create_dataset("a", data=np.ones((8, 700)), chunks=(chunks[0], 700), **filters)
    layouts = {name: layout_of(StoredFile.of(path), name) for name in "ab"}
    os.truncate(path, 6000 if not filters else 3000)
    for name, rows in (("a", 8), ("b", 4)):
        remember(StoredFile.of(path), name, layouts[name])
        with pytest.raises(DamagedFile, match=f"of {name} in {path.name} .*the file ends at"):
            read(path, name, count=[rows], entry=(700,))


def test_a_table_that_points_anywhere(path):
    packed(path, GOOD)
    file = StoredFile.of(path)
    layout = layout_of(file, "a")
    for offset, size in [(1 << 61, 20), (0, 1 << 31), (path.stat().st_size - 5, 20)]:
        forged = layout.to_json() | {"gap": [offset, 0, 1], "size": [size, 0, 1]}
        remember(file, "a", Layout.from_json(forged | {"number": [0, 0, 1]}))
        tracemalloc.start()
        with pytest.raises(DamagedFile, match="the file ends at"):
            read(path, count=[4])
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
        tracemalloc.stop()


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "O"}, {"dtype": "f99"}, {"dtype": 7}, {"filters": [32015]}, {"chunk": [0, 3]},
        {"chunk": [4]}, {"number": [0, 0, 2]}, {"number": [1, -1, 2]}, {"gap": [-5, 0, 2]},
        {"gap": "no base64"}, {"size": [1, 1]}, {"size": [0, 0, 1 << 40]}, {"shape": None},
        {"gap": [1 << 63, 0, 2]}, {"number": [-2, 1, 2]},
    ],
)  # fmt: skip
def test_nonsense_is_no_layout(path, change):
    packed(path, GOOD)
    stored = layout_of(StoredFile.of(path), "a").to_json()
    with pytest.raises(DamagedFile, match="not the layout"):
        Layout.from_json(stored | change)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), max_size=3),
       fletcher=st.booleans(), shuffle=st.booleans())  # fmt: skip
def test_flipped_bytes_never_give_other_numbers(tmp_path, flips, fletcher, shuffle):
    path = tmp_path / "a.h5"
    values = np.arange(600, dtype="f4").reshape(20, 30)
    pool.close()
    with h5py.File(path, "w") as file:
        file.create_dataset(
            "a", data=values, chunks=(7, 30), compression="gzip", shuffle=shuffle,
            fletcher32=fletcher,
        )  # fmt: skip
    layout = layout_of(StoredFile.of(path), "a")
    data = bytearray(path.read_bytes())
    for where, change in flips:
        place = where % int(layout.size[1])
        data[int(layout.offset[1]) + place] ^= change
    path.write_bytes(data)
    try:
        found = read(path, count=[20], entry=(30,), dtype="f4")
    except DamagedFile:
        assert flips
    else:
        np.testing.assert_array_equal(found, values)


# --- changed ------------------------------------------------------------------


def test_a_replaced_file_is_refused(path):
    with h5py.File(path, "w") as file:
        file["ids"] = np.arange(8)
        file.create_dataset("a", data=ROWS, maxshape=(None, 3), chunks=(4, 3), compression="gzip")
    file = StoredFile(path, StoredFile.of(path).stamp, ("ids", 8, digest(np.arange(8))))
    np.testing.assert_array_equal(read(path, file=file), ROWS)
    assert list(known(file)) == ["a"]
    pool.close()
    with h5py.File(path, "a") as grown:
        grown["a"].resize(12, 0)
        grown["a"][:] = np.tile(ROWS, (2, 1))[:12] + 0.25
    with pytest.raises(DamagedFile, match="was replaced or changed since"):
        read(path, file=file)
    growing = replace(file, live=True)
    np.testing.assert_array_equal(read(path, file=growing), ROWS + 0.25)  # wherever chunks are now
    other = path.with_name("other.h5")
    with h5py.File(other, "w") as new:
        new["ids"] = np.arange(8) + 1
        new.create_dataset("a", data=-ROWS, maxshape=(None, 3), chunks=(4, 3), compression="gzip")
    other.replace(path)
    with pytest.raises(DamagedFile, match="was replaced or changed since"):
        read(path, file=growing)
    path.unlink()
    with pytest.raises(DamagedFile, match="No such file"):
        read(path, file=file)


# --- threads, forks, descriptors ----------------------------------------------


def many(tmp_path, number=12):
    files = []
    for n in range(number):
        path = tmp_path / f"{n}.h5"
        with h5py.File(path, "w") as file:
            options = {"compression": "gzip", "shuffle": True} if n % 2 else {}
            file.create_dataset("a", data=ROWS + n, chunks=(2, 3), **options)
            file.create_dataset("s", data=ROWS + n, chunks=(2, 3), compression="lzf")
        files.append(StoredFile.of(path))
    return files


def read_all(files, name, threads):
    eight = np.full(1, 8)
    plans = [Plan(f, name, np.zeros(1, int), np.array([8 * n]), eight) for n, f in enumerate(files)]
    return read_plans(plans, np.empty((8 * len(files), 3)), Roi.of((), (3,)), threads=threads)


def test_many_threads_and_few_descriptors(tmp_path, monkeypatch):
    files = many(tmp_path)
    monkeypatch.setattr(pool, "most", 2)
    expected = np.concatenate([ROWS + n for n in range(len(files))])
    failed = []

    def work(number):
        try:
            for turn in range(8):
                found = read_all(files, "as"[(number + turn) % 2], 1 + number % 3)
                np.testing.assert_array_equal(found, expected)
                if number == 0:
                    pool.close()
                pool.release(files[turn].path)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    read_all(files, "a", 4)
    assert len(descriptors) <= 2
    pool.close()
    assert len(descriptors) == 0
    held = [os.readlink(f) for f in Path("/proc/self/fd").glob("*") if f.is_symlink()]
    assert not any(str(tmp_path) in name for name in held)


def _in_child(files, queue):
    queue.put(read_all(files, "a", 2).sum() + read_all(files, "s", 2).sum())


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_forked_while_another_thread_reads(tmp_path):
    files = many(tmp_path)
    expected = 2 * read_all(files, "a", 2).sum()
    stop = threading.Event()

    def work():
        while not stop.is_set():
            read_all(files, "a", 2)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        context = multiprocessing.get_context("fork")
        for _ in range(3):
            queue = context.Queue()
            child = context.Process(target=_in_child, args=(files, queue))
            child.start()
            assert queue.get(timeout=30) == expected
            child.join(30)
            assert child.exitcode == 0
    finally:
        stop.set()
        thread.join()
    assert read_all(files, "a", 2).sum() * 2 == expected


def test_the_first_error_of_any_thread_is_raised(tmp_path):
    files = many(tmp_path)
    files[7].path.unlink()
    with pytest.raises(DamagedFile, match=r"7\.h5"):
        read_all(files, "a", 3)


@pytest.mark.parametrize("item", [2, 4, 8])
def test_both_ways_to_put_bytes_together_are_the_same(item):
    planes = np.random.default_rng(item).integers(0, 256, (item, 70_001), np.uint8)
    one, other = np.empty((2, 70_001), f"u{item}")
    _inflate._combine_by_numpy(planes, one)
    unshuffle.combine(planes, other)
    np.testing.assert_array_equal(one, planes.T.copy().view(f"<u{item}")[:, 0])
    np.testing.assert_array_equal(one, other)
