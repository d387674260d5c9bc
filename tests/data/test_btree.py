"""The chunks that are listed in a file are those that HDF5 lists."""

import os

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beambook.data._hdf5 import StoredFile
from beambook.data._reading import btree as _btree
from beambook.data._reading.btree import tree_of
from beambook.data._reading.chunks import layout_of

GRID, CHUNK = (700, 3), (2, 5)


def listed(data):
    """As HDF5 says: number, offset, size, mask of each chunk."""
    found = []
    data.id.chunk_iter(
        lambda c: found.append(
            (np.ravel_multi_index(np.array(c.chunk_offset) // CHUNK, GRID), c.byte_offset,
             c.size, c.filter_mask)
        )
    )  # fmt: skip
    return np.array(sorted(found)).reshape(-1, 4)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Chunks written in any order, some never; one unlike the others."""
    path = tmp_path_factory.mktemp("trees") / "a.h5"
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        shape = GRID[0] * CHUNK[0] - 1, GRID[1] * CHUNK[1] - 2
        for name in ("a", "b"):
            data = file.create_dataset(
                name, shape, "f4", chunks=CHUNK, maxshape=(None, None), compression="gzip"
            )
            for number in rng.permutation(np.arange(0, 2100, 1 if name == "a" else 97)):
                row, column = divmod(int(number), GRID[1])
                data.id.write_direct_chunk(
                    (row * CHUNK[0], column * CHUNK[1]),
                    bytes(int(rng.integers(1, 50))),
                    filter_mask=number % 2,
                )
            file[name].attrs["a long list of attributes"] = np.zeros(500)
    return path


@pytest.mark.parametrize("name", ["a", "b"])
def test_all_and_any_part(written, name):
    with h5py.File(written) as file:
        expected = listed(file[name])
        fd = file.id.get_vfd_handle()
        tree = tree_of(fd, file[name].id, CHUNK, GRID)
        rng = np.random.default_rng(1)
        ranges = [(0, 2100), (0, 0), (2099, 2100), (2100, 2100)]
        ranges += [sorted(rng.integers(0, 2100, 2)) for _ in range(200)]
        for first, stop in ranges:
            number, entries = tree.entries(fd, int(first), int(stop))
            found = np.array([number, entries["child"], entries["size"], entries["mask"]]).T
            part = (expected[:, 0] >= first) & (expected[:, 0] < stop)
            np.testing.assert_array_equal(found, expected[part])
    layout = layout_of(StoredFile.of(written), name)
    np.testing.assert_array_equal(layout.number, expected[:, 0])
    np.testing.assert_array_equal(layout.offset, np.where(expected[:, 3] == 0, expected[:, 1], -1))


def test_newer_files_are_left_to_hdf5(tmp_path):
    for options in ({"libver": "latest"}, {"userblock_size": 512}):
        with h5py.File(tmp_path / "a.h5", "w", **options) as file:
            file.create_dataset("a", data=np.zeros((20, 9)), chunks=CHUNK, maxshape=(None, 9))
        with h5py.File(tmp_path / "a.h5") as file:
            fd = file.id.get_vfd_handle()
            assert tree_of(fd, file["a"].id, CHUNK, (10, 2)) is None
            assert tree_of(fd, file["a"].id, (2, 4), (10, 3)) is None


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_damaged_tree_ends(written, tmp_path, data):
    """It is found out, or chunks are missing, for which HDF5 is asked; it never runs in circles."""
    with h5py.File(written) as file:
        tree = tree_of(file.id.get_vfd_handle(), file["a"].id, CHUNK, GRID)
        expected = listed(file["a"])
    raw = bytearray(written.read_bytes())
    nodes = [i for i in range(len(raw)) if raw[i : i + 5] == b"TREE\1"] if not NODES else NODES
    NODES[:] = nodes
    for _ in range(data.draw(st.integers(1, 3))):
        node = data.draw(st.sampled_from(nodes))
        place = data.draw(st.integers(0, 60))
        other = data.draw(st.sampled_from(nodes)).to_bytes(8, "little")
        value = data.draw(st.binary(min_size=1, max_size=8) | st.just(other))
        raw[node + place : node + place + len(value)] = value
    path = tmp_path / "damaged.h5"
    path.write_bytes(raw)
    fd = os.open(path, os.O_RDONLY)
    try:
        for first, stop in ((0, 2100), (900, 1000)):
            found = tree.entries(fd, first, stop)
            if found is not None:
                assert np.all(np.isin(found[0], expected[:, 0]) | (found[0] < 2100))
                assert np.all(np.diff(found[0]) > 0)
    finally:
        os.close(fd)


NODES: list[int] = []


def test_no_tree_at_all(written, tmp_path):
    path = tmp_path / "text"
    path.write_text("no HDF5 " * 1000)
    fd = os.open(path, os.O_RDONLY)
    try:
        for address in (0, 100, 7990, 1 << 40, 1 << 63):
            assert _btree.Tree(address, CHUNK, GRID).entries(fd, 0, 10) is None
        with h5py.File(written) as file:
            assert tree_of(fd, file["a"].id, CHUNK, GRID) is None
    finally:
        os.close(fd)
