"""Methods of a collection that show or write it."""

# ruff: noqa: FBT001, FBT002  EXtra-data's parameters are positional
from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, cast

import h5py

from beambook.data import Run
from beambook.data._write.run_file import virtual_dataset
from beambook.extra_data.display import InfoPrinter
from beambook.extra_data.file_access import FileAccess
from beambook.extra_data.keydata import KeyData

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from beambook.extra_data._collection import DataCollection

__all__ = ["Outputs"]


class Outputs:
    """What `DataCollection` prints, draws and writes."""

    if TYPE_CHECKING:
        _run: Run

        @property
        def files(self) -> list[FileAccess]: ...
        @property
        def inc_suspect_trains(self) -> bool: ...
        def _get_key_data(self, source: str, key: str) -> KeyData: ...

    # --- showing ----------------------------------------------------------

    def info(
        self,
        details_for_sources: Iterable[str] = (),
        *,
        counts: bool = False,
        group_sources: bool = True,
        with_aggregators: bool = False,
        with_auxiliary: bool = False,
    ) -> None:
        """Show trains, sources and keys.

        Parameters
        ----------
        details_for_sources : iterable of str
            Patterns of sources to say more about.
        counts, with_aggregators, with_auxiliary : bool
            Show how much data there is, who wrote it, and sources beside the data.
        group_sources : bool
            Show similar names in one line.
        """
        data = cast("DataCollection", self)
        InfoPrinter(data, details_for_sources, with_aggregators, counts, group_sources).show(
            with_auxiliary
        )

    def train_info(self, train_id: int) -> None:
        """Show which sources are in the files of a train.

        Raises
        ------
        ValueError
        """
        if train_id not in self._run.train_ids:
            raise ValueError(f"train {train_id} not found in run")
        files = [f for f in self.files if f.has_train_ids([train_id], self.inc_suspect_trains)]
        lines = [f"Train [{train_id}] information", "Devices"]
        for what in ("instrument", "control"):
            names = {source for file in files for source in getattr(file, f"{what}_sources")}
            lines += [f"\t{what.capitalize()}s", *(f"\t- {name}" for name in sorted(names) or [""])]
        sys.stdout.write("\n".join(lines) + "\n")

    def plot_missing_data(self, min_saved_pct: float = 95, expand_instrument: bool = False) -> Axes:
        """Draw the trains of sources that lack some; see `beambook.Run.plot_missing_data`."""
        return self._run.plot_missing_data(min_saved_pct, expand_instrument=expand_instrument)

    # --- writing ----------------------------------------------------------

    def write(self, filename: str | os.PathLike[str]) -> None:
        """Copy the selected data to a file; one of the same name is replaced."""
        self._run.write(Path(filename), overwrite=True)

    def write_virtual(self, filename: str | os.PathLike[str]) -> None:
        """Write a file with virtual data sets that stand for the selected data."""
        self._run.write_virtual(Path(filename), overwrite=True)

    def get_virtual_dataset(
        self, source: str, key: str, filename: str | os.PathLike[str] | None = None
    ) -> h5py.Dataset:
        """Write a file with a virtual data set of one key, and open it.

        Parameters
        ----------
        source, key : str
        filename : path, optional
            A temporary file by default.
        """
        full = self._get_key_data(source, key).key
        path = None if filename is None else Path(filename)
        return virtual_dataset(self._run, source, full, path, overwrite=True)
