"""Methods of a collection that ask one source or key, by name."""

# ruff: noqa: FBT001, FBT002  EXtra-data's parameters are positional
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
import xarray as xr

from beambook.data import Run
from beambook.data._trains import by_index
from beambook.extra_data.exceptions import translated
from beambook.extra_data.keydata import KeyData
from beambook.extra_data.sourcedata import SourceData

if TYPE_CHECKING:
    import dask.array as da

__all__ = ["Getters"]


class Getters:
    """What `DataCollection` answers with a line on a source or key."""

    if TYPE_CHECKING:
        _run: Run

        def _get_source_data(self, source: str) -> SourceData: ...
        def _get_key_data(self, source: str, key: str) -> KeyData: ...
        def select(self, seln_or_source_glob: Any) -> Self: ...

    # --- one key ----------------------------------------------------------

    def get_entry_shape(self, source: str, key: str) -> tuple[int, ...]:
        """Shape of one entry."""
        return self._get_key_data(source, key).entry_shape

    def get_dtype(self, source: str, key: str) -> np.dtype[Any]:
        """Type of the values."""
        return self._get_key_data(source, key).dtype

    def get_data_counts(self, source: str, key: str) -> Any:
        """Rows in each train; see `KeyData.data_counts`."""
        return self._get_key_data(source, key).data_counts()

    def get_series(self, source: str, key: str) -> pd.Series[Any]:
        """Read as a pandas Series; see `KeyData.series`."""
        return self._get_key_data(source, key).series()

    def get_array(
        self,
        source: str,
        key: str,
        extra_dims: list[str] | None = None,
        roi: Any = (),
        name: str | None = None,
    ) -> xr.DataArray | xr.Dataset:
        """Read with labels; see `KeyData.xarray`."""
        roi = roi.value if isinstance(roi, by_index) else roi
        return self._get_key_data(source, key).xarray(extra_dims, roi, name)

    def get_dask_array(
        self, source: str, key: str, labelled: bool = False
    ) -> da.Array | xr.DataArray:
        """As a dask array; see `KeyData.dask_array`."""
        return self._get_key_data(source, key).dask_array(labelled)

    def get_dataframe(self, fields: Any = None, *, timestamps: bool = False) -> pd.DataFrame:
        """Read keys with one value per train, side by side; see `beambook.Run.get_dataframe`."""
        chosen = self if fields is None else self.select(fields)
        return chosen._run.get_dataframe(timestamps=timestamps)

    # --- the run ----------------------------------------------------------

    def get_run_value(self, source: str, key: str) -> Any:
        """One value at the start of the run; see `SourceData.run_value`."""
        return self._get_source_data(source).run_value(key)

    def get_run_values(self, source: str) -> dict[str, Any]:
        """All values at the start of the run; see `SourceData.run_values`."""
        return self._get_source_data(source).run_values()

    def train_timestamps(
        self, labelled: bool = False, *, pydatetime: bool = False, euxfel_local_time: bool = False
    ) -> Any:
        """When each train was; see `beambook.Run.train_timestamps`."""
        times = self._run.train_timestamps(
            labelled=labelled, pydatetime=pydatetime, euxfel_local_time=euxfel_local_time
        )
        return times.rename_axis("trainId") if labelled else times

    def detector_info(self, source: str) -> dict[str, Any]:
        """Frames and pixels of a detector's module; see `beambook.Run.detector_info`."""
        with translated():
            return dict(self._run.detector_info(source))
