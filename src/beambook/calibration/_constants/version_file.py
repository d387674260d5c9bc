"""The file of a version: as CalCat's are, with a checksum for each chunk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from beambook.calibration._constants.axes import canonical, default_dims, stored_type
from beambook.calibration._constants.conditions import Conditions
from beambook.calibration._constants.constant import Constant
from beambook.calibration._constants.record import beside
from beambook.checksum import sha256_of
from beambook.errors import DataError, ParameterError

__all__ = ["check_name", "check_text", "checked", "fault", "file_name", "write"]

LONGEST = 200  # bytes; file systems take 255, and what is being written has a longer name
SHOWN = 40


def check_name(name: str) -> None:
    """Refuse what would lead out of the folder, or cannot be a name.

    Raises
    ------
    ParameterError
        It is so.
    """
    if not name or name != name.strip(". ") or any(c in name for c in "/\\"):
        raise ParameterError(f"{_shown(name)} cannot be part of a file's name")
    if len(name.encode(errors="replace")) > LONGEST:
        raise ParameterError(
            f"{_shown(name)} is too long for a file's name", hint=f"At most {LONGEST} letters."
        )
    check_text(name)


def check_text(text: str) -> None:
    """Refuse what cannot be stored as the name of a detector or module.

    Raises
    ------
    ParameterError
        It is not one line of letters.
    """
    if not text.isprintable():
        raise ParameterError(f"{_shown(text)} has characters that no name has")


def checked(
    calibration: str, array: ArrayLike, dims: tuple[str, ...] | None, conditions: Conditions
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The array of a constant in the canonical order and type, and the names of its axes.

    Raises
    ------
    DataError
        It does not have the pixels of a module.
    """
    given = np.asarray(array)
    names = dims or default_dims(given.ndim)
    values, axes = canonical(given, names, stored_type(calibration))
    sizes = dict(zip(axes, values.shape, strict=True))
    pixels = (sizes.get("slow_scan"), sizes.get("fast_scan"))
    if pixels != conditions.module_shape:
        raise DataError(
            f"{calibration} with the shape {given.shape} does not have the "
            f"{conditions.module_shape} pixels of a module of {conditions.kind}"
        )
    return values, axes


def file_name(detector_type: str, physical_name: str, number: int) -> Path:
    """Where the file of a version is in a store, as in the facility's.

    Examples
    --------
    >>> file_name("AGIPD-Type", "AGIPD_M305", 1709557021275915).as_posix()
    'xfel/cal/agipd-type/agipd_m305/cal.1709557021.275915.h5'
    """
    seconds, fraction = divmod(number, 10**6)
    folder = Path("xfel/cal", detector_type.lower(), physical_name.lower())
    return folder / f"cal.{seconds}.{fraction:06d}.h5"


def write(constant: Constant, values: NDArray[Any], axes: tuple[str, ...]) -> str:
    """Write the file as a whole; its number is in its name, so that no other is there.

    Returns
    -------
    str
        Its SHA-256.
    """
    constant.path.parent.mkdir(parents=True, exist_ok=True)
    with beside(constant.path) as temporary:
        with h5py.File(temporary, "x", locking=False) as file:
            _fill(file, constant, values, axes)
        return sha256_of(Path(temporary))


def _fill(file: h5py.File, constant: Constant, values: NDArray[Any], axes: tuple[str, ...]) -> None:
    group = file.create_group(constant.dataset)
    # HDF5 compares the checksum of each chunk whenever it is read, by whatever program.
    packing = {"compression": "gzip", "compression_opts": 1} if values.dtype.kind == "u" else {}
    chunks = (1,) * (values.ndim - 2) + values.shape[-2:]
    data = group.create_dataset("data", data=values, chunks=chunks, fletcher32=True, **packing)
    data.attrs["dims"] = list(axes)
    group.attrs["begin_at"] = constant.begin.isoformat()
    group.attrs["detector"] = constant.detector
    group.attrs["karabo_da"] = constant.module
    group.attrs["raw_data_location"] = constant.raw_data
    group.attrs["conditions"] = json.dumps(dict(constant.conditions))


def fault(constant: Constant) -> str:
    """What is wrong with a file; empty if it is what was written."""
    try:
        same = sha256_of(constant.path) == constant.sha256
    except OSError as error:
        return str(error.strerror)
    return "" if same else "not the contents that were injected"


def _shown(name: str) -> str:
    return repr(name) if len(name) <= SHOWN else f"{name[:SHOWN]!r}… ({len(name)} letters)"
