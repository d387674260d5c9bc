"""How two channels go together, train by train or pulse by pulse."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from beambook.analysis._pairs import Pairs
from beambook.analysis._train import data_of
from beambook.analysis._watched import Part, Watched
from beambook.card import Card, Described
from beambook.data import Channel, DetectorChannel
from beambook.data._reading.threads import thread_count
from beambook.errors import DataError, ParameterError

__all__ = ["Correlation"]

BLOCK = 16 << 20  # bytes of y that are taken at once
Ids = NDArray[np.uint64]


class Correlation(Described):
    """Pearson's correlation of two channels: r = Σ(x−x̄)(y−ȳ) / √(Σ(x−x̄)² Σ(y−ȳ)²).

    Rows are paired within each train: one by one where both have as many; or one row of x with
    all of y. Trains in which neither fits, or one has no data, are left out; the former are
    counted. Pairs with NaN are left out.

    Parameters
    ----------
    x : Channel
        Its entries, after `roi_x`, are single numbers, or of the shape of those of `y`.
    y : Channel or DetectorChannel
        The result has the shape of its entries: a map, for images.
    roi_x, roi : numpy.s_ expression
        Parts of each entry of `x` and `y`.

    Raises
    ------
    ParameterError
        Entries do not fit together.

    Examples
    --------
    ::

        xgm = run["SA2_XTD1_XGM/XGM/DOOCS", "pulseEnergy.photonFlux"]
        r = Correlation(xgm, camera).over(run).value      # where the camera sees the beam
    """

    def __init__(self, x: Any, y: Any, *, roi_x: Any = (), roi: Any = ()) -> None:
        self.x, self.watched = Watched.of(x, roi_x), Watched.of(y, roi)
        if isinstance(self.x.channel, DetectorChannel):
            raise ParameterError("x is one number for each train or pulse, not a detector's frame")
        shapes = self.x.cut.shape, self.watched.cut.shape
        if shapes[0] not in ((), (1,), shapes[1]):
            raise ParameterError(
                f"Entries of x are {list(shapes[0])}, of y {list(shapes[1])}",
                hint="Choose a part of x by roi_x.",
            )
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        shape = self.watched.cut.shape
        self._pairs = {part: Pairs.nothing(shape) for part in self.watched.parts}
        self._left_out: dict[Part, int] = dict.fromkeys(self._pairs, 0)

    def push(self, train: Any) -> None:
        """Eat one train.

        Parameters
        ----------
        train : Train, mapping, or (int, mapping)

        Raises
        ------
        DataError
            It is no train; or values have another shape than those of the channels.
        """
        data = data_of(train)
        for _, x in self.x.rows_of(data):
            for part, y in self.watched.rows_of(data):
                if len(x) and len(y):
                    self._add(part, _pairs_of(x, y, *(np.array([len(a)]) for a in (x, y))))

    def over(self, target: Any = None, *, client: Any = None, threads: int | None = None) -> Self:
        """Eat all trains of a run that have both.

        Parameters
        ----------
        target : Run, optional
            By default the trains of the channels.
        client : distributed.Client, optional
            Let a Dask cluster do it, part by part.
        threads : int, optional
            By default ``BEAMBOOK_THREADS``, or as many as there are cores, up to 8.

        Returns
        -------
        Correlation
            Itself.

        Raises
        ------
        DamagedFile
            Rows that should be there cannot be read.
        SourceNotFound, KeyNotFound, DataError
            The run does not have what is looked at.
        """
        x, y = self.x, self.watched
        if target is not None:
            x, y = x.in_run(target), y.in_run(target)
        for part, channel, roi in _channels(y):
            tasks = [_Task(*pair, x.roi, roi) for pair in _blocks(x.channel, channel)]
            # Blocks do not depend on the machine, and are added in order: so do the last digits.
            if client is not None:
                for future in [client.submit(_Task.work, task, pure=False) for task in tasks]:
                    self._add(part, future.result())
            else:
                with ThreadPoolExecutor(thread_count(threads)) as pool:
                    for found in pool.map(_Task.work, tasks):
                        self._add(part, found)
        return self

    def _add(self, part: Part, found: tuple[Pairs, int]) -> None:
        before = self._pairs.get(part, Pairs.nothing(self.watched.cut.shape))
        self._pairs[part] = before + found[0]
        self._left_out[part] = self._left_out.get(part, 0) + found[1]

    @property
    def asked(self) -> tuple[Any, ...]:
        """What machines that are merged must agree on."""
        return (*self.x.asked, *self.watched.asked)

    def merge(self, other: Correlation) -> None:
        """Eat what another machine has eaten.

        Raises
        ------
        DataError
            It looks at other data.
        """
        if type(self) is not type(other) or self.asked != other.asked:
            raise DataError("Only correlations of the same data can be merged")
        for part, pairs in other._pairs.items():
            self._add(part, (pairs, other._left_out[part]))

    @property
    def value(self) -> xr.DataArray:
        """Correlation: float64 ([module,] *entry of y), −1 … 1; NaN where something is constant.

        ``attrs["trains_left_out"]`` counts trains whose rows do not fit together.
        """
        return self._label("correlation", {p: v.correlation for p, v in self._pairs.items()})

    @property
    def slope(self) -> xr.DataArray:
        """Of the straight line of least squares through all pairs, in units of y per x."""
        units = [each.channel.units for each in (self.watched, self.x)]
        told = f"{units[0]}/{units[1]}" if all(units) else ""
        return self._label("slope", {p: v.slope for p, v in self._pairs.items()}, told)

    @property
    def number(self) -> xr.DataArray:
        """Pairs that are in it: int64 ([module,] *entry of y)."""
        return self._label("number", {p: v.n.astype(np.int64) for p, v in self._pairs.items()})

    def card(self) -> Card:
        """What it compares, and how many pairs of rows it has eaten."""
        pairs = sum(int(each.n.max(initial=0)) for each in self._pairs.values())
        eaten = f"{pairs:,} pairs" if pairs else "nothing"
        return self.watched.described(f"Correlation with {self.x.name},", eaten)

    def _label(self, name: str, lines: dict[Part, NDArray[Any]], units: str = "") -> xr.DataArray:
        left = sum(self._left_out.values())
        attrs: dict[str, Any] = {"x": self.x.name} | ({"trains_left_out": left} if left else {})
        return self.watched.labelled(lines, self.watched.dims, name=name, units=units, attrs=attrs)


@dataclass(frozen=True, eq=False)
class _Task:
    """Some trains of both channels; is sent to workers."""

    x: Channel
    y: Channel
    roi_x: Any
    roi: Any

    def work(self) -> tuple[Pairs, int]:
        """Moments of the pairs, and trains left out."""
        counts = [np.asarray(c.data_counts(labelled=False)) for c in (self.x, self.y)]
        return _pairs_of(self.x.ndarray(self.roi_x), self.y.ndarray(self.roi), *counts)


def _pairs_of(
    x: NDArray[Any], y: NDArray[Any], of_x: NDArray[Any], of_y: NDArray[Any]
) -> tuple[Pairs, int]:
    """Pair rows of trains that have `of_x` and `of_y` rows of each."""
    x = x.reshape(len(x), *(() if x[:1].size == 1 else x.shape[1:]))
    fits = (of_x == of_y) | (of_x == 1)
    step = np.repeat(of_x == of_y, of_y)
    position = np.arange(len(y)) - np.repeat(np.cumsum(of_y) - of_y, of_y)
    row_of_x = np.repeat(np.cumsum(of_x) - of_x, of_y) + step * position
    chosen = np.repeat(fits, of_y)
    found, wanted = x[row_of_x[chosen]], y if fits.all() else y[chosen]
    if not len(wanted):
        return Pairs.nothing(y.shape[1:]), int(np.count_nonzero(~fits))
    if found.ndim < wanted.ndim:
        found = found.reshape(-1, *(1,) * (wanted.ndim - 1))
    return Pairs.of(found, wanted), int(np.count_nonzero(~fits))


def _channels(watched: Watched) -> Iterator[tuple[Part, Channel, Any]]:
    """Each part's own channel, and the part of its entries."""
    channel, roi = watched.channel, watched.roi
    if isinstance(channel, Channel):
        yield None, channel, roi
        return
    if channel.frames or channel.mask:
        raise DataError(f"Frames of {watched.name} were chosen, or pixels masked",
                        hint="Correlate detector[key], and choose by roi.")  # fmt: skip
    if channel.squeezed:  # a module's own entries have an axis more
        roi = (0, *(roi if isinstance(roi, tuple) else (roi,)))
    for part, source in watched.sources():
        yield part, channel.detector.run[source, channel.key], roi


def _blocks(x: Any, y: Channel) -> Iterator[tuple[Channel, Channel]]:
    """Trains that both have, some at a time."""
    ids = _with_data(x)
    ids = ids[np.isin(ids, _with_data(y))]
    per_train = y.nbytes / max(1, len(_with_data(y)))
    size = max(1, int(BLOCK // max(1, per_train)))
    for start in range(0, len(ids), size):
        some = ids[start : start + size]
        yield tuple(c.select_trains(np.flatnonzero(np.isin(c.train_ids, some))) for c in (x, y))  # type: ignore[misc]


def _with_data(channel: Channel) -> Ids:
    counts = np.asarray(channel.data_counts(labelled=False))
    return np.asarray(channel.train_ids[counts > 0])
