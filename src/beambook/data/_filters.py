"""Compression filters that HDF5 has here, or could have."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module

import h5py

__all__ = ["missing_filters"]

NAMES = {4: "szip", 32000: "lzf", 32001: "blosc", 32004: "lz4", 32008: "bitshuffle",
         32015: "zstd", 32026: "blosc2"}  # fmt: skip


def missing_filters(dataset: h5py.h5d.DatasetID) -> tuple[str, ...]:
    """Filters that a data set was stored with and that cannot be had.

    Those of the package ``hdf5plugin`` are loaded, if it is installed and one is needed.

    Parameters
    ----------
    dataset : h5py.h5d.DatasetID

    Returns
    -------
    tuple of str
        Number and name of each.
    """
    plan = dataset.get_create_plist()
    used = [plan.get_filter(number) for number in range(plan.get_nfilters())]
    if all(h5py.h5z.filter_avail(code) for code, *_ in used):
        return ()
    with suppress(ImportError):
        import_module("hdf5plugin")
    return tuple(
        f"{code} {NAMES.get(code) or label.decode(errors='replace').split(';')[0]}"
        for code, _, _, label in used
        if not h5py.h5z.filter_avail(code)
    )
