"""Area detectors made of modules, with EXtra-data's names of methods; see `components`."""

# ruff: noqa: FBT001, FBT002  EXtra-data's parameters are positional
from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from copy import copy
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from beambook.data._detector.detector import Detector
from beambook.data._detector.types import DETECTOR_TYPES, DetectorType
from beambook.data._interop.native import native
from beambook.data._trains import TrainIds
from beambook.errors import DataError, KeyNotFound
from beambook.extra_data._collection import DataCollection
from beambook.extra_data._multimod_keydata import MultimodKeyData, XtdfImageMultimodKeyData
from beambook.extra_data.exceptions import translated

__all__ = ["MultimodDetectorBase", "XtdfDetectorBase"]


class MultimodDetectorBase:
    """An area detector made of modules. Use the class of its kind, e.g. `AGIPD1M`.

    Parameters
    ----------
    data : DataCollection
    detector_name : str, optional
        Needed only if the data has several of the kind.
    modules : collection of int, optional
        Take only these.
    min_modules : int
        Leave out trains with data of fewer modules.
    raw : bool, optional
        True for raw data, False for corrected; by default corrected data if there is any.

    Attributes
    ----------
    detector_name : str
    n_modules : int
        Of the complete detector.
    module_shape : tuple of int
        Pixels of a module.

    Raises
    ------
    SourceNameError
        There is no such detector, or no such module.
    ValueError
        There are several; or no train has data of enough modules.

    Examples
    --------
    ::

        agipd = AGIPD1M(run.select_trains(np.s_[:10]), modules=[3, 4])
        agipd.get_array("image.data", pulses=by_id[:100], roi=np.s_[0])
        agipd.__beambook__()              # the same as beambook's own object
    """

    kind: ClassVar[DetectorType]
    module_shape: ClassVar[tuple[int, int]]
    n_modules: int

    def __init_subclass__(cls, kind: str = "") -> None:
        found = next((each for each in DETECTOR_TYPES if each.name == kind), None)
        if found is not None:
            cls.kind, cls.module_shape = found, found.module_shape
            cls.n_modules = found.n_modules

    def __init__(
        self,
        data: DataCollection,
        detector_name: str | None = None,
        modules: Collection[int] | None = None,
        *,
        min_modules: int = 1,
        raw: bool | None = None,
    ) -> None:
        self._open(data, detector_name, modules, min_modules=min_modules, raw=raw)

    def _open(self, data: DataCollection, *args: Any, **options: Any) -> None:
        self._is_single_run = getattr(data, "is_single_run", True)
        with translated():
            # EXtra-data stacks frames of modules by position, without looking at pulse ids.
            self._detector = self.kind(native(data), *args, match_pulses=False, **options)
        self.n_modules = self._detector.n_modules

    def __beambook__(self) -> Detector:
        """The same as beambook's own object."""
        return self._detector

    def _with(self, detector: Detector) -> Self:
        new = copy(self)
        new._detector = detector
        return new

    def __repr__(self) -> str:
        kind = "raw" if self._detector.is_raw else "proc"
        return (
            f"<{type(self).__name__}: Data interface for detector {self.detector_name!r} "
            f"- {kind} data with {len(self.modno_to_source)} modules>"
        )

    # --- what it is -------------------------------------------------------

    @property
    def detector_name(self) -> str:
        """Name of the detector, e.g. ``"SPB_DET_AGIPD1M-1"``."""
        return self._detector.name

    @property
    def data(self) -> DataCollection:
        """The modules' sources, and the trains with data."""
        return DataCollection._new(self._detector.run, is_single_run=self._is_single_run)

    @property
    def modno_to_source(self) -> dict[int, str]:
        """Source of each module."""
        return dict(self._detector.sources)

    @property
    def source_to_modno(self) -> dict[str, int]:
        """Number of the module of each source."""
        return {source: number for number, source in self._detector.sources.items()}

    @property
    def train_ids(self) -> list[np.uint64]:
        """All trains with data of enough modules."""
        return list(self._detector.train_ids)

    @property
    def frame_counts(self) -> pd.Series[int]:
        """Entries of each train."""
        counts: pd.Series[int] = pd.Series(
            self._detector.stack.rows, self._detector.train_ids, np.uint64
        )
        return counts

    @property
    def train_ids_perframe(self) -> TrainIds:
        """Train id of each entry."""
        return np.repeat(self._detector.train_ids, self._detector.stack.rows)

    @property
    def frames_per_train(self) -> int:
        """Frames of every train.

        Raises
        ------
        ValueError
            It varies.
        """
        return self._detector.frames_per_train

    def __contains__(self, key: object) -> bool:
        return key in self._detector

    def __getitem__(self, key: str) -> MultimodKeyData:
        """One key of all modules.

        Raises
        ------
        PropertyNameError
        """
        with translated():
            channel = self._detector[key]
        return (MultimodKeyData if channel.by_train else XtdfImageMultimodKeyData)(self, channel)

    def data_availability(self, module_gaps: bool = False) -> NDArray[np.bool_]:
        """Which entries each module has.

        Parameters
        ----------
        module_gaps : bool
            Give a row for every module of the detector, not only for those that are there.

        Returns
        -------
        ndarray of bool, (modules, entries)
        """
        return self._detector.data_availability(module_gaps=module_gaps)

    # --- choosing ---------------------------------------------------------

    def select_trains(self, trains: Any) -> Self:
        """The same detector for some of the trains.

        Parameters
        ----------
        trains : slice, int, list, ndarray, DataArray, by_id or by_index
        """
        with translated():
            return self._with(self._detector.select_trains(trains))

    def split_trains(
        self,
        parts: int | None = None,
        trains_per_part: int | None = None,
        frames_per_part: int | None = None,
    ) -> Iterator[Self]:
        """Cut the detector in parts of whole trains.

        Parameters
        ----------
        parts : int, optional
            How many; at least so many with `trains_per_part`.
        trains_per_part : int, optional
            At most so many trains in each.
        frames_per_part : int, optional
            At most so many frames in each, but at least one train.

        Raises
        ------
        ValueError
            None of them is given.
        """
        if (parts, trains_per_part, frames_per_part) == (None, None, None):
            raise DataError("Say how to split: parts, trains_per_part or frames_per_part")
        found = self._detector.split_trains(parts, trains_per_part, frames_per_part)
        return map(self._with, found)

    # --- reading ----------------------------------------------------------

    def masked_data(
        self,
        key: str | None = None,
        *,
        mask_bits: int | Collection[int] | None = None,
        masked_value: float = np.nan,
    ) -> MultimodKeyData:
        """Values without those that the correction marked as bad.

        Parameters
        ----------
        key : str, optional
            The pixel values by default.
        mask_bits : int or collection of int, optional
            Reasons that count; any by default.
        masked_value : float
            What bad pixels become.

        Raises
        ------
        RuntimeError
            There is no mask; raw data has none.
        """
        try:
            channel = self._detector.masked_data(
                key, mask_bits=mask_bits, masked_value=masked_value
            )
        except KeyNotFound as error:
            raise RuntimeError(str(error)) from error
        return type(self[channel.key])(self, channel)

    def get_array(
        self, key: str, *, fill_value: Any = None, roi: Any = (), astype: Any = None
    ) -> xr.DataArray:
        """Read a key with labels; see `MultimodKeyData.xarray`."""
        return self[key].xarray(fill_value=fill_value, roi=roi, astype=astype)

    def get_dask_array(self, key: str, fill_value: Any = None, astype: Any = None) -> xr.DataArray:
        """A key as a labelled dask array; see `MultimodKeyData.dask_array`."""
        found: Any = self[key].dask_array(labelled=True, fill_value=fill_value, astype=astype)
        labelled: xr.DataArray = found
        return labelled

    def trains(self, require_all: bool = True) -> Iterator[tuple[int, dict[str, xr.DataArray]]]:
        """Go through the trains.

        Parameters
        ----------
        require_all : bool
            Skip trains in which a module lacks anything.

        Yields
        ------
        (int, dict of str to xarray.DataArray)
            Train id, and for each key the modules that have it.
        """
        return self._detector.trains(require_all=require_all)

    # --- writing ----------------------------------------------------------

    def write_virtual_cxi(
        self, filename: str | os.PathLike[str], fillvalues: Mapping[str, float] | None = None
    ) -> None:
        """Write a CXI file that refers to the data; see `beambook.data.Detector`.

        Parameters
        ----------
        filename : path
            Replaced if it exists.
        fillvalues : mapping of str to number, optional
            For what is missing of ``data``, ``gain`` and ``mask``.
        """
        self._detector.write_virtual_cxi(os.fspath(filename), fillvalues)


class XtdfDetectorBase(MultimodDetectorBase):
    """A detector whose rows of the group ``image`` are frames; see `MultimodDetectorBase`."""

    def get_array(
        self,
        key: str,
        pulses: Any = np.s_[:],
        unstack_pulses: bool = True,
        *,
        fill_value: Any = None,
        subtrain_index: str = "pulseId",
        roi: Any = (),
        astype: Any = None,
    ) -> xr.DataArray:
        """Read a key with labels.

        Parameters
        ----------
        key : str
            E.g. ``"image.data"``.
        pulses : slice, int, sequence, by_index or by_id
            Which frames of each train: by position, or ``by_id`` of pulse ids.
        unstack_pulses : bool
            Give axes of trains and pulses, else one axis ``train_pulse``.
        fill_value : number, optional
            For what is missing; 0 for whole numbers and NaN for floats by default.
        subtrain_index : str
            ``"pulseId"`` or ``"cellId"``: what frames of a train are told apart by.
        roi : numpy.s_ expression
            Part of each frame.
        astype : dtype, optional
            Another type than the stored one.

        Returns
        -------
        xarray.DataArray
            ``("module", "train", "pulse", …)``, or ``("module", "train_pulse", …)``.
        """
        found = self[key]
        options = {"fill_value": fill_value, "roi": roi, "astype": astype}
        if not isinstance(found, XtdfImageMultimodKeyData):
            return found.xarray(**options)
        return found.select_pulses(pulses).xarray(
            subtrain_index=subtrain_index, unstack_pulses=unstack_pulses, **options
        )

    def get_dask_array(  # type: ignore[override]  # as EXtra-data has it
        self,
        key: str,
        subtrain_index: str = "pulseId",
        fill_value: Any = None,
        astype: Any = None,
    ) -> xr.DataArray:
        """A key as a labelled dask array, with the axes as they are stored.

        Parameters
        ----------
        key, subtrain_index, fill_value, astype
            See `get_array`.
        """
        found = self[key]
        if not isinstance(found, XtdfImageMultimodKeyData):
            return super().get_dask_array(key, fill_value, astype)
        return found.with_numbered_axes(subtrain_index, fill_value=fill_value, astype=astype)

    def trains(  # type: ignore[override]  # as EXtra-data has it
        self, pulses: Any = np.s_[:], require_all: bool = True
    ) -> Iterator[tuple[int, dict[str, xr.DataArray]]]:
        """Go through the trains.

        Parameters
        ----------
        pulses : slice, int, sequence, by_index or by_id
            Which frames of each train.
        require_all : bool
            Skip trains in which a module lacks anything.

        Yields
        ------
        (int, dict of str to xarray.DataArray)
            Train id, and for each key the modules that have it.
        """
        return self._detector.trains(pulses, require_all=require_all)

    def write_frames(
        self, filename: str | os.PathLike[str], trains: NDArray[Any], pulses: NDArray[Any]
    ) -> None:
        """Write some frames to a new file of the European XFEL's format.

        Parameters
        ----------
        filename : path
            Replaced if it exists.
        trains, pulses : ndarray, (frames,)
            Train id and pulse id of each frame.
        """
        self._detector.write_frames(os.fspath(filename), trains, pulses)
