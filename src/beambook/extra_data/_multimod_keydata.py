"""One key of all modules of a detector, with EXtra-data's names of methods and axes."""

# ruff: noqa: FBT001, FBT002  EXtra-data's parameters are positional
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from beambook.data._detector.channel import DetectorChannel
from beambook.data._trains import TrainIds
from beambook.extra_data.keydata import KeyData

if TYPE_CHECKING:
    import dask.array as da

    from beambook.extra_data._multimod_detector import MultimodDetectorBase

__all__ = ["MultimodKeyData", "XtdfImageMultimodKeyData"]


class MultimodKeyData:
    """One key of all modules, with one entry for each train. Get it from ``det[key]``.

    Parameters
    ----------
    det : MultimodDetectorBase
    channel : beambook.data.DetectorChannel
    """

    def __init__(self, det: MultimodDetectorBase, channel: DetectorChannel) -> None:
        self.det = det
        self._channel = channel

    def __beambook__(self) -> DetectorChannel:
        """The same as beambook's own object."""
        return self._channel

    def __repr__(self) -> str:
        masked = "Masked " if self._channel.mask else ""
        return f"<{masked}{self.key!r} detector data for {len(self.modules)} modules>"

    # --- what it is -------------------------------------------------------

    @property
    def key(self) -> str:
        """Its name."""
        return self._channel.key

    @property
    def modules(self) -> list[int]:
        """Numbers of the modules."""
        return list(self._channel.modules)

    @property
    def modno_to_keydata(self) -> Mapping[int, KeyData]:
        """The key of each module by itself."""
        data = self.det.data
        return {m: data[s, self.key] for m, s in self.det.modno_to_source.items()}

    @property
    def train_ids(self) -> list[np.uint64]:
        """All selected trains."""
        return list(self._channel.train_ids)

    def train_id_coordinates(self) -> TrainIds:
        """Train id along the second axis."""
        return self._channel.train_id_coordinates()

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self._channel.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._channel.ndim

    @property
    def shape(self) -> tuple[int, ...]:
        """Modules, trains (or frames), then the shape of an entry."""
        return self._channel.shape

    def buffer_shape(self, module_gaps: bool = False, roi: Any = ()) -> tuple[int, ...]:
        """Shape of what `ndarray` gives with these options."""
        return self._channel.buffer_shape(module_gaps=module_gaps, roi=roi)

    @property
    def dimensions(self) -> list[str]:
        """Names of the axes."""
        return ["module", "trainId", *_numbered(self.ndim - 2)]

    def data_availability(self, module_gaps: bool = False) -> NDArray[np.bool_]:
        """Which trains (or frames) each module has."""
        return self._channel.data_availability(module_gaps=module_gaps)

    # --- choosing ---------------------------------------------------------

    def select_trains(self, trains: Any) -> Self:
        """The same for some of the trains; also as ``kd[:10]``."""
        return self._of(self.det.select_trains(trains))

    __getitem__ = select_trains
    __iter__ = None

    def _of(self, det: MultimodDetectorBase) -> Self:
        native = det.__beambook__()
        channel = self._channel
        same = DetectorChannel(native, channel.key, channel.frames, channel.mask)
        return type(self)(det, same)

    def split_trains(
        self,
        parts: int | None = None,
        trains_per_part: int | None = None,
        frames_per_part: int | None = None,
    ) -> Iterator[Self]:
        """Cut it in parts of whole trains; see `MultimodDetectorBase.split_trains`."""
        return map(self._of, self.det.split_trains(parts, trains_per_part, frames_per_part))

    # --- reading ----------------------------------------------------------

    def ndarray(
        self,
        *,
        fill_value: Any = None,
        out: NDArray[Any] | None = None,
        roi: Any = (),
        astype: Any = None,
        module_gaps: bool = False,
        decompress_threads: int | None = None,
    ) -> NDArray[Any]:
        """Read the values; see `beambook.data.DetectorChannel.ndarray`."""
        return self._channel.ndarray(
            fill_value=fill_value,
            out=out,
            roi=roi,
            astype=astype,
            module_gaps=module_gaps,
            threads=decompress_threads,
        )

    def xarray(self, *, fill_value: Any = None, roi: Any = (), astype: Any = None) -> xr.DataArray:
        """Read the values, labelled by module and ``trainId``."""
        return self._named(self._channel.xarray(fill_value=fill_value, roi=roi, astype=astype))

    def dask_array(
        self, *, labelled: bool = False, fill_value: Any = None, astype: Any = None
    ) -> da.Array | xr.DataArray:
        """Values as a dask array; labelled as by ``xarray()``."""
        options = {"fill_value": fill_value, "astype": astype}
        if not labelled:
            return self._channel.dask_array(**options)
        return self._named(self._channel.dask_array(labelled=True, **options))

    def _named(self, array: Any) -> xr.DataArray:
        """With EXtra-data's names of axes."""
        names = dict(zip(array.dims[2:], _numbered(array.ndim - 2), strict=True))
        found: xr.DataArray = array.drop_vars("filled", errors="ignore").rename(None)
        return found.rename({"train": "trainId", **names})


class XtdfImageMultimodKeyData(MultimodKeyData):
    """One key of all modules of an AGIPD, LPD or DSSC, with an entry for each frame."""

    @property
    def dimensions(self) -> list[str]:
        """Names of the axes."""
        return ["module", "train_pulse", *_pixel_dims(self._channel.dims[2:])]

    def select_pulses(self, pulses: Any) -> Self:
        """Some frames of each train.

        Parameters
        ----------
        pulses : slice, int, sequence, by_index or by_id
            By position in the train, or ``by_id`` of pulse ids.
        """
        return type(self)(self.det, self._channel.select_pulses(pulses))

    def pulse_id_coordinates(self) -> NDArray[np.uint64]:
        """Pulse id of each frame."""
        return self._channel.pulse_id_coordinates()

    def cell_id_coordinates(self) -> NDArray[np.uint64]:
        """Memory cell of each frame."""
        return self._channel.cell_id_coordinates()

    def xarray(
        self,
        *,
        pulses: Any = None,
        fill_value: Any = None,
        roi: Any = (),
        astype: Any = None,
        subtrain_index: str = "pulseId",
        unstack_pulses: bool = False,
        decompress_threads: int | None = None,
    ) -> xr.DataArray:
        """Read the values with their labels.

        Parameters
        ----------
        pulses : slice, int, sequence, by_index or by_id, optional
            As of `select_pulses`.
        fill_value, roi, astype, decompress_threads
            See `ndarray`.
        subtrain_index : str
            ``"pulseId"`` or ``"cellId"``: what frames of a train are told apart by.
        unstack_pulses : bool
            Give axes of trains and pulses, else one axis ``train_pulse`` with both as its index.
        """
        channel = self._channel if pulses is None else self._channel.select_pulses(pulses)
        found = self._named(
            channel.xarray(
                fill_value=fill_value,
                roi=roi,
                astype=astype,
                subtrain_index=subtrain_index,
                unstack_pulses=unstack_pulses,
                threads=decompress_threads,
            )
        )
        present = channel.present_frames(subtrain_index) if unstack_pulses else None
        return found if present is None else found.where(present)  # as pandas unstacks: NaN

    def dask_array(
        self,
        *,
        labelled: bool = False,
        subtrain_index: str = "pulseId",
        fill_value: Any = None,
        astype: Any = None,
        frames_per_chunk: int | None = None,
    ) -> da.Array | xr.DataArray:
        """Values as a dask array; labelled as by ``xarray()``.

        Parameters
        ----------
        frames_per_chunk : int, optional
            At most so many frames in a block, but at least one train.
        """
        options: dict[str, Any] = {"fill_value": fill_value, "astype": astype}
        if frames_per_chunk is not None:
            frame = np.prod((len(self.modules), *self._channel.entry_shape), dtype=np.int64)
            dtype = self.dtype if astype is None else np.dtype(astype)
            options["block_bytes"] = int(frames_per_chunk * frame * dtype.itemsize)
        if not labelled:
            return self._channel.dask_array(**options)
        options["subtrain_index"] = subtrain_index
        return self._named(self._channel.dask_array(labelled=True, **options))

    def _named(self, array: Any) -> xr.DataArray:
        found: xr.DataArray = array.drop_vars("filled", errors="ignore").rename(None)
        if "frame" not in found.dims:
            return found
        levels = [n for n in ("train", "gain", "pulse", "cell") if n in found.coords]
        index = pd.MultiIndex.from_arrays([found[n].values for n in levels], names=levels)
        found = found.drop_vars(levels).rename(frame="train_pulse")
        return found.assign_coords(xr.Coordinates.from_pandas_multiindex(index, "train_pulse"))

    def with_numbered_axes(self, subtrain_index: str, **options: Any) -> xr.DataArray:
        """A dask array as ``det.get_dask_array`` has it: axes as stored, ids called as stored."""
        found: Any = self.dask_array(labelled=True, subtrain_index=subtrain_index, **options)
        if self._channel.squeezed:
            found = found.expand_dims("plane", axis=2)
        index = found.indexes["train_pulse"].set_names(["trainId", subtrain_index], level=[0, -1])
        dims = ["module", "train_pulse", *_numbered(found.ndim - 2)]
        coords = xr.Coordinates.from_pandas_multiindex(index, "train_pulse")
        return xr.DataArray(found.data, coords, dims).assign_coords(module=self.modules)


def _numbered(axes: int) -> list[str]:
    return [f"dim_{axis}" for axis in range(axes)]


def _pixel_dims(dims: tuple[str, ...]) -> list[str]:
    """Pixels have names; anything else is numbered."""
    return list(dims) if dims[-2:] == ("slow_scan", "fast_scan") else _numbered(len(dims))
