"""The axes of stacked frames: one axis of frames, or trains by pulses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.data._event_ids import all_of, how_many
from beambook.errors import DataError

__all__ = ["Axes"]

Int = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Axes:
    """How slots are laid out, with labels.

    Attributes
    ----------
    dims : tuple of str
    shape : tuple of int
    coords : mapping of str to (dim, values)
    target : ndarray of int64, (slots,) or None
        Where each slot goes in the flattened axes; None if they go one after another.
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    coords: dict[str, Any]
    target: Int | None = None

    @classmethod
    def of_trains(cls, train_ids: NDArray[np.uint64]) -> Axes:
        """One slot for each train."""
        return cls(("train",), (len(train_ids),), {"train": ("train", train_ids)})

    @classmethod
    def of_frames(cls, train_ids: NDArray[np.uint64], ids: dict[str, NDArray[Any]]) -> Axes:
        """One axis of frames, with the train and other ids of each."""
        every = {"train": train_ids, **ids}
        coords = {name: ("frame", values) for name, values in every.items()}
        return cls(("frame",), (len(train_ids),), coords)

    @classmethod
    def of_trains_and(
        cls,
        inner: str,
        train_ids: NDArray[np.uint64],
        counts: Int,
        ids: NDArray[np.uint64],
        stage: NDArray[np.int64] | None = None,
    ) -> Axes:
        """Axes of trains, gain stages if there are, and pulses (or cells).

        Where all trains have the same ids in rising order, the slots are in place already.

        Parameters
        ----------
        inner : str
            ``"pulse"`` or ``"cell"``.
        train_ids : ndarray of uint64, (trains,)
            Those that have slots.
        counts : ndarray of int64, (trains,)
            Slots of each, none 0.
        ids : ndarray of uint64, (slots,)
        stage : ndarray of int64, (slots,), optional
            0, 1 or 2.

        Raises
        ------
        DataError
            A train has an id twice, and the trains do not all look the same.
        """
        stages = 1 if stage is None else 3
        labels = _regular(counts, ids, stages)
        target = None
        if labels is None:
            labels = all_of([ids])
            target = np.repeat(np.arange(len(counts)), counts)
            if stage is not None:
                target = target * stages + stage
            target = target * len(labels) + np.searchsorted(labels, ids)
            _refuse_repeated(target, inner)
        shape = (len(counts), *((3,) if stage is not None else ()), len(labels))
        dims = ("train", *(("gain",) if stage is not None else ()), inner)
        coords: dict[str, Any] = {"train": ("train", train_ids), inner: (inner, labels)}
        if stage is not None:
            coords["gain"] = ("gain", np.arange(3, dtype=np.uint8))
        return cls(dims, shape, coords, target)

    @property
    def size(self) -> int:
        """Number of places."""
        return int(np.prod(self.shape, dtype=np.int64))


def _regular(counts: Int, ids: NDArray[np.uint64], stages: int) -> NDArray[np.uint64] | None:
    """Ids of every train, if all trains have the same; not if they could be sorted."""
    if not len(counts) or (counts != counts[0]).any() or counts[0] % stages:
        return None
    rows = ids.reshape(len(counts) * stages, -1)
    labels = rows[0]
    if (rows != labels).any():
        return None
    if (labels[1:] < labels[:-1]).any() and how_many(labels) == len(labels):
        return None
    return np.asarray(labels)


def _refuse_repeated(target: Int, inner: str) -> None:
    if number := len(target) - how_many(target):
        raise DataError(
            f"{number} frames have the same {inner} id as another frame of their train",
            hint="Keep one axis of frames: unstack_pulses=False.",
        )
