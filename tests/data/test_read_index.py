"""Index arrays in many pieces are read as HDF5 reads them."""

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beambook.data._reading import read as _read


@pytest.fixture(autouse=True, scope="module")
def _no_few_pieces():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_read, "FEW_PIECES", 0)
        yield


@given(
    length=st.integers(0, 60),
    chunk=st.integers(1, 20),
    written=st.integers(0, 60),
    dtype=st.sampled_from(["<u8", ">u8", "<i4"]),
    packed=st.booleans(),
    order=st.randoms(use_true_random=False),
)
def test_same_as_hdf5(tmp_path_factory, length, chunk, written, dtype, packed, order):
    path = tmp_path_factory.mktemp("index") / "a.h5"
    with h5py.File(path, "w") as file:
        more = {"compression": "gzip"} if packed else {}
        stored = file.create_dataset(
            "a", (length,), dtype, chunks=(chunk,), maxshape=(None,), fillvalue=7, **more
        )
        places = list(range(min(length, written)))
        order.shuffle(places)
        for place in places:  # chunks come to lie in any order
            stored[place] = 1000 + place
    with h5py.File(path) as file:
        np.testing.assert_array_equal(_read.read_index(file, "a"), file["a"][:])
        assert _read.read_index(file, "a").dtype == np.dtype(dtype)
        assert _read.read_index(file, "b") is None


@pytest.mark.parametrize("kind", ["far apart", "contiguous", "userblock"])
def test_other_layouts(tmp_path, monkeypatch, kind):
    if kind == "far apart":
        monkeypatch.setattr(_read, "MOST_AT_ONCE", 16)
    block = {"userblock_size": 1024} if kind == "userblock" else {}
    with h5py.File(tmp_path / "a.h5", "w", **block) as file:
        file.create_dataset("a", data=np.arange(50), chunks=None if kind == "contiguous" else (1,))
    with h5py.File(tmp_path / "a.h5") as file:
        assert _read.read_index(file, "a").tolist() == list(range(50))
