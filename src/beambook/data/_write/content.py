"""Writing the sources of a run into a file, one after another."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import h5py
import numpy as np

from beambook.data._euxfel.format import SECTIONS
from beambook.data._findings import warn
from beambook.data._hdf5 import pool
from beambook.data._source import Source
from beambook.data._write.rows import GroupRows, group_rows
from beambook.errors import DataError
from beambook.events import Progress, Reporter

if TYPE_CHECKING:
    from beambook.data._channel import Channel
    from beambook.data._run import Run

__all__ = ["Content", "Put", "RowsOf"]

Put = Callable[[h5py.File, str, "Channel", GroupRows], None]
RowsOf = Callable[[Source, str], GroupRows]


@dataclass
class Content:
    """What goes into a file: each source with its index and values of the run.

    Attributes
    ----------
    run : Run
    out : h5py.File
    put : Put
        Writes the rows of a channel.
    reporter : Reporter
    rows_of : RowsOf
        Which rows of a group.
    listed, auxiliary : list of str
        What METADATA will say is there, when it has been written.
    """

    run: Run
    out: h5py.File
    put: Put
    reporter: Reporter
    rows_of: RowsOf = group_rows
    listed: list[str] = field(default_factory=list)
    auxiliary: list[str] = field(default_factory=list)
    done: int = 0

    def write(self) -> None:
        """Write all sources."""
        run = self.run
        links = {old: new for old, new in run.legacy_sources.items() if self._covers(old, new)}
        sources = [run.source_data(s) for s in sorted(run.all_sources - links.keys())]
        others = [run.auxiliary.source_data(s) for s in sorted(run.auxiliary.all_sources)]
        total, began = len(sources) + len(others), time.monotonic()
        for source in (*sources, *others):
            seconds = time.monotonic() - began
            self.reporter(Progress(f"write {run.name}", self.done, total, source.source, seconds))
            self._source(source)
            self.done += 1
        for old, new in sorted(links.items()):
            self._link(old, new)
        seconds = time.monotonic() - began
        self.reporter(Progress(f"write {run.name}", total, total, "", seconds))

    def _covers(self, old: str, new: str) -> bool:
        """Whether a link will do for an old name: all its keys are under the new one."""
        run = self.run
        if new not in run.selection:
            return False
        return run.source_data(old).keys() <= run.source_data(new).keys()

    def _source(self, source: Source) -> None:
        section, name = SECTIONS[source.store.kind(source.source)], source.source
        if source.is_instrument and ":" not in name:
            raise DataError(
                f"{name} cannot be written: fast sources are called DEVICE:OUTPUT in this format"
            )
        if source.is_auxiliary:
            name = self._stored_name(source)
        self.out.require_group(f"{section}/{name}".encode(errors="surrogateescape"))
        for group in sorted(source.index_groups):
            rows = self.rows_of(source, group)
            if self._index(f"INDEX/{name}/{group}".rstrip("/"), rows):
                for channel in rows.channels:
                    self.put(
                        self.out, f"{section}/{name}/{channel.key.replace('.', '/')}", channel, rows
                    )
                listed = self.auxiliary if source.is_auxiliary else self.listed
                listed.append(f"{section}/{name}/{group}".rstrip("/"))
        if source.is_control:
            self._constants(source)
        elif not source.index_groups:
            self.listed.append(f"{section}/{name}")

    def _stored_name(self, source: Source) -> str:
        """Without the aggregator that tells it from others, if there are no others."""
        plain = source.source.partition("@")[2] or source.source
        alike = [s for s in self.run.auxiliary.all_sources if s.endswith(f"@{plain}")]
        return source.source if len(alike) > 1 else plain

    def _index(self, path: str, rows: GroupRows) -> bool:
        """Write an index, or see that the one there is the same (of an auxiliary source)."""
        where = path.encode(errors="surrogateescape")
        if where in self.out and "count" in self.out[where]:
            if np.array_equal(self.out[where]["count"][()], rows.count):
                return True
            warn(f"{path} means other rows for the auxiliary source than for the source: left out")
            return False
        group = self.out.require_group(where)
        group.create_dataset("first", data=rows.first.astype(np.uint64))
        group.create_dataset("count", data=rows.count.astype(np.uint64))
        return True

    def _constants(self, source: Source) -> None:
        """Copy RUN from the first file that has it."""
        path = f"RUN/{source.source}".encode(errors="surrogateescape")
        for number in source.store.sources[source.source]:
            with pool.open(source.store.parts[number].file) as file:
                if path in file:
                    self.out.require_group(path.rpartition(b"/")[0])
                    file.copy(file[path], self.out, name=path)
                    return

    def _link(self, old: str, new: str) -> None:
        for section in ("INDEX", "INSTRUMENT"):
            self.out[f"{section}/{old}"] = h5py.SoftLink(f"/{section}/{new}")
        groups = [e.rpartition("/")[2] for e in self.listed if e.startswith(f"INSTRUMENT/{new}/")]
        self.listed += [f"INSTRUMENT/{old}/{group}" for group in groups]
