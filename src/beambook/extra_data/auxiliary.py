"""Sources beside the data: ``run.auxiliary``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, TextIO

from beambook.extra_data.exceptions import SourceNameError
from beambook.extra_data.sourcedata import SourceData

if TYPE_CHECKING:
    from beambook.data import Run

__all__ = ["AuxiliaryIndexer"]


class AuxiliaryIndexer:
    """Sources that say what was left out of the data (reduction) or went wrong (errata).

    Parameters
    ----------
    run : beambook.Run
        The run of the auxiliary sources, see `beambook.Run.auxiliary`.
    is_single_run : bool
    """

    def __init__(self, run: Run, *, is_single_run: bool) -> None:
        self._run = run
        self._is_single_run = is_single_run

    def __beambook__(self) -> Run:
        """The same as beambook's own object."""
        return self._run

    @property
    def all_sources(self) -> frozenset[str]:
        """All auxiliary sources, with ``AGGREGATOR@`` where a name is not unique."""
        return self._run.all_sources

    @property
    def reduction_sources(self) -> frozenset[str]:
        """Sources that say what was left out of the data."""
        return self._run.reduction_sources

    @property
    def errata_sources(self) -> frozenset[str]:
        """Sources that say what went wrong."""
        return self._run.errata_sources

    def __contains__(self, item: object) -> bool:
        return item in self._run

    def __getitem__(self, item: str | tuple[str, str]) -> Any:
        """A `SourceData`, or a `KeyData` by ``[source, key]``.

        Raises
        ------
        SourceNameError, PropertyNameError
        """
        if isinstance(item, tuple) and len(item) == 2:
            return self._source(item[0])[item[1]]
        if isinstance(item, str):
            return self._source(item)
        raise TypeError(f"A source, or a source and a key, not {item!r}")

    def _source(self, name: str) -> SourceData:
        if name not in self.all_sources:
            several = sorted(s for s in self.all_sources if s.partition("@")[2] == name)
            more = f"There are several auxiliary sources {name!r}: {', '.join(several)}"
            raise SourceNameError(name, more if several else None, existing=self.all_sources)
        return SourceData(self._run.source_data(name), is_single_run=self._is_single_run)

    def __str__(self) -> str:
        number = len(self._run.train_ids) if self.all_sources else 0
        return (
            f"<extra_data.AuxiliaryIndexer for {len(self.all_sources)} sources and {number} trains>"
        )

    def __repr__(self) -> str:
        return "\n".join(self._lines((), with_aggregators=False))

    def info(
        self,
        details_for_sources: Iterable[str] = (),
        with_aggregators: bool = False,  # noqa: FBT001, FBT002  EXtra-data's is positional
        *,
        file: TextIO | None = None,
    ) -> None:
        """Show the auxiliary sources.

        Parameters
        ----------
        details_for_sources : iterable of str
            Patterns of sources to show the keys of.
        with_aggregators : bool
            Show who wrote each source.
        file : file, optional
            Where to, instead of stdout.
        """
        patterns = tuple(details_for_sources)
        lines = self._lines(patterns, with_aggregators=with_aggregators)
        (file or sys.stdout).write("\n".join(lines) + "\n")

    def _lines(self, patterns: tuple[str, ...], *, with_aggregators: bool) -> Iterator[str]:
        for what, names in (
            ("reduction", self.reduction_sources),
            ("errata", self.errata_sources),
        ):
            yield f"{len(names)} {what} sources:"
            for name in sorted(names):
                source = self._source(name)
                yield f"  - {f'[{source.aggregator}] ' if with_aggregators else ''}{name}"
                if any(fnmatchcase(name, pattern) for pattern in patterns):
                    yield from (_detail(source, key) for key in sorted(source.keys()))


def _detail(source: SourceData, key: str) -> str:
    data = source[key]
    return f"      {key} [{data.dtype}, entry shape {data.entry_shape}]"
