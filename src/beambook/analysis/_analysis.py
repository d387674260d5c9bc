"""What every analysis can do."""

from __future__ import annotations

from typing import Any, Protocol, Self, runtime_checkable

__all__ = ["Analysis"]


@runtime_checkable
class Analysis(Protocol):
    """A small machine that eats trains, has a value, and can be cleared and merged.

    It is the same machine offline and live: trains are pushed one by one as they come, or a whole
    run is put through it by ``over(run)``, with threads or on a Dask cluster. How the trains were
    divided among pushes, runs and machines that are merged later does not matter to the value.
    """

    def push(self, train: Any, /) -> None:
        """Eat one train.

        Parameters
        ----------
        train : Train, mapping, or (int, mapping)
            Of ``run.trains()``, or of anything that gives trains. One that has not what the
            analysis looks at changes nothing.
        """

    @property
    def value(self) -> Any:
        """What it knows now."""

    def clear(self) -> None:
        """Forget everything."""

    def merge(self, other: Self, /) -> None:
        """Eat what another machine of the same kind has eaten.

        Raises
        ------
        DataError, ParameterError
            It looks at other data, or was asked for something else.
        """
