"""What EXtra-data's users call on a run, in terms of what a run has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from beambook.data._trains import by_index
from beambook.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import dask.array as da
    import xarray as xr

    from beambook.data._channel import Channel
    from beambook.data._source import Source
    from beambook.data._trains import TrainIds

__all__ = ["Familiar"]


class Familiar:
    """Methods under EXtra-data's names. Each is a line or two on `Source` and `Channel`."""

    if TYPE_CHECKING:
        train_ids: TrainIds

        @property
        def all_sources(self) -> frozenset[str]: ...
        def _source_called(self, name: str) -> Source: ...
        def select(self, sources: Any) -> Self: ...

    def _channel_of(self, source: str, key: str) -> Channel:
        return self._source_called(source).warn_if_legacy().channel(key)

    # --- one channel ------------------------------------------------------

    def get_array(
        self,
        source: str,
        key: str,
        extra_dims: Iterable[str] | None = None,
        roi: Any = (),
        name: str | None = None,
    ) -> xr.DataArray | xr.Dataset:
        """Read a channel with its labels: ``run[source, key].xarray()``.

        Parameters
        ----------
        source, key : str
        extra_dims : iterable of str, optional
            Names for the axes of an entry, in place of those the channel has.
        roi : numpy.s_ expression or by_index
            Part of each entry.
        name : str, optional
            Of the array.
        """
        roi = roi.value if isinstance(roi, by_index) else roi
        names = None if extra_dims is None else list(extra_dims)
        return self._channel_of(source, key).xarray(roi=roi, name=name, extra_dims=names)

    def get_dask_array(
        self, source: str, key: str, *, labelled: bool = False
    ) -> da.Array | xr.DataArray | xr.Dataset:
        """A channel as a Dask array: ``run[source, key].dask_array()``."""
        return self._channel_of(source, key).dask_array(labelled=labelled)

    def get_series(self, source: str, key: str) -> pd.Series[Any]:
        """Read a channel of single values: ``run[source, key].series()``."""
        return self._channel_of(source, key).series()

    def get_dataframe(self, fields: Any = None, *, timestamps: bool = False) -> pd.DataFrame:
        """Read channels of single values side by side, a line per train.

        Parameters
        ----------
        fields : optional
            Choose sources and keys first, as `select` does.
        timestamps : bool
            Also the times at which control values were set.

        Returns
        -------
        pandas.DataFrame
            Columns by name, ``source/key``; NaN where a source lacks a train.

        Raises
        ------
        TypeError
            A channel has more than one value in an entry.
        DataError
            A channel has several rows in a train.
        """
        run = self if fields is None else self.select(fields)
        channels = [
            channel
            for source in sorted(run.all_sources)
            for channel in run._source_called(source).channels()
            if timestamps or not channel.key.endswith(".timestamp")
        ]
        columns = {_column(channel): _once_per_train(channel) for channel in channels}
        return pd.DataFrame(columns) if columns else pd.DataFrame(index=run.train_ids)

    def get_data_counts(self, source: str, key: str) -> pd.Series[int]:
        """Rows in each train: ``run[source, key].data_counts()``."""
        counts = self._channel_of(source, key).data_counts()
        return counts if isinstance(counts, pd.Series) else pd.Series(counts)

    def get_dtype(self, source: str, key: str) -> np.dtype[Any]:
        """Type of the values."""
        return self._channel_of(source, key).dtype

    def get_entry_shape(self, source: str, key: str) -> tuple[int, ...]:
        """Shape of one row."""
        return self._channel_of(source, key).entry_shape

    # --- one source -------------------------------------------------------

    def keys_for_source(self, source: str) -> frozenset[str]:
        """Names of the selected keys of a source."""
        return self._source_called(source).warn_if_legacy().keys()

    def get_run_value(self, source: str, key: str) -> Any:
        """One value as it was at the start of the run."""
        return self._source_called(source).run_value(key)

    def get_run_values(self, source: str) -> dict[str, Any]:
        """All values as they were at the start of the run."""
        return self._source_called(source).run_values()

    def detector_info(self, source: str) -> Mapping[str, Any]:
        """Size of a detector module's data.

        Parameters
        ----------
        source : str
            A module with ``image.data``.

        Returns
        -------
        dict
            ``dims``: pixels of a frame; ``frames_per_train``: the most in a train;
            ``total_frames``: in all selected trains (EXtra-data estimates it).
        """
        image = self._source_called(source).channel("image.data")
        counts: NDArray[np.int64] = np.asarray(image.data_counts(labelled=False))
        return {
            "dims": image.entry_shape[-2:],
            "frames_per_train": int(counts.max(initial=0)),
            "total_frames": int(counts.sum()),
        }


def _column(channel: Channel) -> str:
    return f"{channel.source}/{channel.key.removesuffix('.value')}"


def _once_per_train(channel: Channel) -> pd.Series[Any]:
    if np.asarray(channel.data_counts(labelled=False)).max(initial=0) > 1:
        raise DataError(
            f"{channel.source} {channel.key} has several rows in a train, a table has one",
            hint="Choose other fields, or read it with get_array().",
        )
    series = channel.series()
    return series.rename_axis("trainId")
