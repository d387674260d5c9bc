"""One version of a constant of one module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from beambook.calibration._constants.axes import canonical, guessed_dims, stored_type
from beambook.calibration._constants.conditions import Value, conditions_class
from beambook.card import Card, Described
from beambook.errors import DamagedFile, RunNotFound

__all__ = ["Constant"]


@dataclass(frozen=True, repr=False)
class Constant(Described):
    """One version of a constant of one module; its numbers are read when they are asked for.

    Attributes
    ----------
    calibration : str
        ``"Offset"``
    detector, module : str
        Where the module was when the constant was measured: ``"SPB_DET_AGIPD1M-1"`` and the data
        aggregator ``"AGIPD00"``.
    physical_name : str
        The module itself: ``"AGIPD_SIV1_AGIPDV11_M305"``.
    path : Path
        HDF5 file.
    dataset : str
        The group in it that has the data set ``data``: ``/<physical name>/<calibration>/0``.
    id : int
        Of this version (``ccv_id`` in the facility's data base).
    begin : datetime
        From when on it is valid.
    end : datetime or None
        Until when, if that is known.
    created : datetime or None
        When it was injected.
    conditions : mapping of str to float or str
        Under the names of the data base; may be empty where that does not tell.
    deviations : mapping of str to (float, float)
        How much less and more may be asked for.
    raw_data : str
        What it was made from: ``"proposal:p900074 runs:1 2 3"``.
    sha256 : str
        Of the file; empty if not known.
    """

    calibration: str
    detector: str
    module: str
    physical_name: str
    path: Path
    dataset: str
    id: int
    begin: datetime
    end: datetime | None = None
    created: datetime | None = None
    conditions: Mapping[str, Value] = field(default_factory=dict)
    deviations: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    raw_data: str = ""
    sha256: str = ""

    def ndarray(self, *, dims: tuple[str, ...] | None = None) -> NDArray[Any]:
        """Its numbers, with the axes gain, memory cell, slow scan, fast scan.

        Parameters
        ----------
        dims : tuple of str, optional
            What the axes in the file are, should it not say so.

        Returns
        -------
        ndarray of float32, or of uint32 for ``BadPixels…``
            Contiguous. A constant for one gain stage or one cell may lack that axis; axes with
            other names come first.

        Raises
        ------
        RunNotFound
            There is no such file.
        DamagedFile
            It cannot be read, or its contents have changed: they are stored with checksums.
        DataError
            What its axes are is neither stored nor plain to see.
        """
        return self._read(dims)[0]

    def xarray(self, *, dims: tuple[str, ...] | None = None) -> xr.DataArray:
        """Its numbers with named axes; see `ndarray`."""
        values, names = self._read(dims)
        about = {"id": self.id, "begin": self.begin.isoformat(), "path": str(self.path)}
        return xr.DataArray(values, dims=names, name=self.calibration, attrs=about)

    def _read(self, dims: tuple[str, ...] | None) -> tuple[NDArray[Any], tuple[str, ...]]:
        values, stored = self._stored()
        names = dims or stored or guessed_dims(values.shape, self._module_shape)
        return canonical(values, names, stored_type(self.calibration))

    @property
    def _module_shape(self) -> tuple[int, int]:
        return conditions_class(self.detector or self.physical_name).module_shape

    def _stored(self) -> tuple[NDArray[Any], tuple[str, ...]]:
        """Values and names of the axes as they are in the file."""
        if not self.path.is_file():
            raise RunNotFound(
                f"There is no file {self.path} of {self.calibration} of {self.module}",
                hint="Is the folder of the constants mounted here?",
            )
        try:
            # Nothing is ever written into a finished file, and locks fail on some networks.
            with h5py.File(self.path, locking=False) as file:
                data = file[f"{self.dataset}/data"]
                names = data.attrs.get("dims", ())
                return data[...], tuple(_text(name) for name in np.asarray(names).tolist())
        except (OSError, KeyError) as error:
            raise DamagedFile(
                f"{self.calibration} of {self.module} cannot be read from {self.path}: {error}"
            ) from error

    def card(self) -> Card:
        """Where it is from and when it is valid."""
        facts = {
            "module": f"{self.module} {self.physical_name}".strip(),
            "begin": f"{self.begin:%Y-%m-%d %H:%M:%S %z}",
            "id": str(self.id),
            "from": self.raw_data,
            "file": str(self.path),
            "conditions": ", ".join(f"{n} {v}" for n, v in self.conditions.items()),
        }
        return Card("Constant", self.calibration, {n: v for n, v in facts.items() if v})


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
