"""The sources of a collection, each made when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from beambook.data import Run
from beambook.data._same_run import one_run
from beambook.extra_data.sourcedata import SourceData

__all__ = ["SourcesData"]


class SourcesData(Mapping[str, SourceData]):
    """Sources by name; the same name always gives the same object.

    Parameters
    ----------
    run : beambook.Run
    is_single_run : bool
        Whether the files of all of them are of one run.
    """

    def __init__(self, run: Run, *, is_single_run: bool) -> None:
        self._run = run
        self._is_single_run = is_single_run
        self._made: dict[str, SourceData] = {}

    def __getitem__(self, name: str) -> SourceData:
        if name not in self._made:
            native = self._run.source_data(name)
            single = self._is_single_run or self._of_one_run(name)
            self._made[name] = SourceData(native, is_single_run=single)
        return self._made[name]

    def _of_one_run(self, name: str) -> bool:
        store = self._run.store
        return one_run([store.parts[n] for n in store.sources[name]])

    def __iter__(self) -> Iterator[str]:
        return iter(self._run.selection)

    def __len__(self) -> int:
        return len(self._run.selection)
