"""Going through trains, with dictionaries as EXtra-data gives them."""

# ruff: noqa: FBT001, FBT002  EXtra-data's parameters are positional
from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from beambook.data._train import Train, read_trains
from beambook.extra_data.keydata import as_stored

if TYPE_CHECKING:
    from beambook.extra_data.reader import DataCollection

__all__ = ["TrainIterator"]


class TrainIterator:
    """Goes through the trains of a collection; see `DataCollection.trains`.

    Parameters
    ----------
    data : DataCollection
    require_all, flat_keys, keep_dims : bool
    """

    def __init__(
        self,
        data: DataCollection,
        require_all: bool = True,
        flat_keys: bool = False,
        keep_dims: bool = False,
    ) -> None:
        self.data = data
        self.require_all = require_all
        self.flat_keys = flat_keys
        self.keep_dims = keep_dims

    def __iter__(self) -> Iterator[tuple[int, dict[Any, Any]]]:
        run = self.data.__beambook__()
        if self.require_all:
            run = run.select(run, require_all=True)
        control = run.control_sources if self.keep_dims else frozenset()
        for train in read_trains(run, keep_dims=self.keep_dims, old_names=True):
            yield train.id, self._plain(train, control)

    def _plain(self, train: Train, control: frozenset[str]) -> dict[Any, Any]:
        data = {
            source: {
                key: _stored(value, first=source in control and key != "metadata")
                for key, value in found.items()
            }
            for source, found in train.items()
        }
        if not self.flat_keys:
            return data
        return {(source, key): v for source, found in data.items() for key, v in found.items()}


def _stored(value: Any, *, first: bool) -> Any:
    """Slow values never have the axis of entries, of which a train has one."""
    return as_stored(value[0] if first else value)
