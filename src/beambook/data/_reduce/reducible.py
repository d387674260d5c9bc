"""Reductions over trains, for everything that has rows: mean, variance, histogram."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from beambook.data._reduce.histogram import Histogram
from beambook.data._reduce.rows import Rows
from beambook.data._reduce.statistics import NAMES, machines_for, value_of
from beambook.errors import ParameterError, close_names

__all__ = ["Reducible"]

OPTIONS = ("by", "roi", "where", "ddof", "client", "threads")


class Reducible:
    """Gives everything that has rows its reductions: over all trains, in bounded memory.

    Blocks of rows are read and added up as they come; at no time is there more in memory than
    4 MiB per thread (or one row, if that is larger; and a chunk that is inflated) and the result
    with what it is made of: 8 bytes for each element (and group) of the result for a sum or mean,
    16 for the variance of whole numbers of 16 bits, 32 for that of others; 8 more for NaN. Where
    the order of rows does not matter, each thread has a result of its own, if that takes less than
    64 MiB in all.

    NaN is left out and counted, and so are trains without data. Whole numbers are summed exactly;
    the result does not depend on the number of threads.
    """

    def reduced_rows(self, by: Any, roi: Any) -> Rows:
        """What to read, in which groups, and how to call it."""
        raise NotImplementedError

    def statistics(
        self,
        *names: str,
        by: Any = None,
        roi: Any = (),
        where: ArrayLike | None = None,
        ddof: int = 0,
        client: Any = None,
        threads: int | None = None,
    ) -> xr.Dataset:
        """Several reductions over the trains, in one pass.

        Parameters
        ----------
        *names : str
            Of ``mean, var, std, min, max, sum, count``; by default mean, std, min, max and count.
        by : str, Channel, DataArray, Series or array-like, optional
            Reduce each group of rows by itself: ``"train"``; ``"pulse"`` where pulse ids are
            stored; ``"cell"`` where memory cells are; a key beside this one with a number for
            each row; a scanned motor as a Channel, a DataArray or a Series over train ids, which
            are matched; or a label for each row. Rows with a label NaN, or of trains that have
            none, are left out and counted.
        roi : numpy.s_ expression
            Part of each entry, as of `ndarray`.
        where : array-like of bool, optional
            Which elements are good, of the shape of an entry (after `roi`). Others become NaN,
            with a count of 0.
        ddof : int
            Variances are divided by n − ddof.
        client : distributed.Client, optional
            Let a Dask cluster do it, in parts that are merged there.
        threads : int, optional
            By default ``BEAMBOOK_THREADS``, or as many as there are cores, up to 8.

        Returns
        -------
        xarray.Dataset
            A variable for each name, over the groups and the axes of an entry; ``count`` only
            over the axes that it depends on. Means, variances and sums of floats are float64, sums
            of whole numbers int64, extremes of the type of the data (float64 where there is
            none). ``attrs``: ``frames`` (rows used), ``frames_left_out``, ``nan`` (values left
            out), ``roi``, ``elements_left_out`` (by `where`), and as of `xarray`.

        Raises
        ------
        DamagedFile
            Rows that should be there cannot be read.
        DataError
            Values are not numbers; the sum may not fit into 64 bits; labels do not fit.
        ParameterError
            A name that there is not.

        Examples
        --------
        ::

            image = run["SPB_DET_AGIPD1M-1/DET/0CH0:xtdf", "image.data"]
            image.statistics("mean", "std", by="cellId", roi=np.s_[0])    # a dark
        """
        wanted = names or ("mean", "std", "min", "max", "count")
        _refuse_unknown(wanted)
        rows = self.reduced_rows(by, roi)
        good = None if where is None else _mask(where, rows.entry)
        machines = rows.run(partial(machines_for, rows.shape, wanted), client, threads)
        data = rows.dataset(
            {
                name: (rows.dims if values.ndim > 1 or not rows.dims else (), values)
                for name in wanted
                for values in [value_of(name, machines, ddof=ddof)]
            }
        )
        data = data if good is None else _only_good(data, rows, good)
        data = data.assign_attrs(_choice(roi, good))
        for name in wanted:
            data[name].attrs = _attrs(name, rows)
        nan = int(machines[0].nan.sum())
        return data.assign_attrs({"nan": nan}) if nan else data

    def histogram(
        self,
        bins: int | ArrayLike,
        range: tuple[float, float] | None = None,
        *,
        by: Any = None,
        roi: Any = (),
        where: ArrayLike | None = None,
        client: Any = None,
        threads: int | None = None,
    ) -> xr.DataArray:
        """How often values are in bins, over all trains and all elements.

        Parameters
        ----------
        bins : int or array-like
            How many of one width, or their edges. The last bin includes its upper edge, as
            numpy's.
        range : (float, float), optional
            Lower and upper edge of all; by default the extremes, for which everything is read
            twice.
        by, roi, where, client, threads
            See `statistics`.

        Returns
        -------
        xarray.DataArray
            Counts (int64) over the groups and ``bin``, with coordinates ``bin`` (centres),
            ``left`` and ``right``. ``attrs``: ``below``, ``above`` and ``nan`` count what is in
            no bin; others as of `statistics`.

        Raises
        ------
        ParameterError
            Edges do not ascend, or are not finite.
        """
        rows = self.reduced_rows(by, roi)
        good = None if where is None else _mask(where, rows.entry)
        if not np.ndim(bins) and range is None:
            range = self._span(roi=roi, where=where, client=client, threads=threads)
        edges = _edges(bins, range)
        (machine,) = rows.run(partial(_histogram, rows.shape, edges, good), client, threads)
        assert isinstance(machine, Histogram)  # noqa: S101 for the type checker
        array: xr.DataArray = rows.dataset({"counts": (("bin",), machine.counts)}).counts
        array = array.assign_coords(
            {
                name: ("bin", values, {"units": rows.units} if rows.units else {})
                for name, values in [
                    ("bin", (edges[1:] + edges[:-1]) / 2),
                    ("left", edges[:-1]),
                    ("right", edges[1:]),
                ]
            }
        )
        return array.assign_attrs(rows.notes | _choice(roi, good) | machine.left_out)

    def _span(self, **options: Any) -> tuple[float, float]:
        found = self.statistics("min", "max", **options)
        low, high = float(found["min"].min()), float(found["max"].max())
        if not np.isfinite([low, high]).all():
            raise ParameterError(
                f"Values are from {low} to {high}: say which to count", hint="Give range or edges."
            )
        return low, high if high > low else low + 1.0

    def mean(self, **options: Any) -> xr.DataArray:
        """Mean over the trains; options as of `statistics`."""
        return self._one("mean", options)

    def var(self, **options: Any) -> xr.DataArray:
        """Variance over the trains; options as of `statistics`."""
        return self._one("var", options)

    def std(self, **options: Any) -> xr.DataArray:
        """Standard deviation over the trains; options as of `statistics`."""
        return self._one("std", options)

    def min(self, **options: Any) -> xr.DataArray:
        """Smallest values over the trains; options as of `statistics`."""
        return self._one("min", options)

    def max(self, **options: Any) -> xr.DataArray:
        """Largest values over the trains; options as of `statistics`."""
        return self._one("max", options)

    def sum(self, **options: Any) -> xr.DataArray:
        """Sum over the trains; options as of `statistics`."""
        return self._one("sum", options)

    def count(self, **options: Any) -> xr.DataArray:
        """How many values there are, NaN not counted; options as of `statistics`."""
        return self._one("count", options)

    def _one(self, name: str, options: Mapping[str, Any]) -> xr.DataArray:
        _refuse_options(name, options)
        found = self.statistics(name, **options)
        return found[name].assign_attrs({**found.attrs, **found[name].attrs})


def _refuse_unknown(names: tuple[str, ...]) -> None:
    for name in names:
        if name not in NAMES:
            close = close_names(name, NAMES)
            hint = f"Did you mean {close[0]!r}?" if close else f"There is {', '.join(NAMES)}."
            raise ParameterError(f"There is no statistic {name!r}", hint=hint)


def _refuse_options(name: str, options: Mapping[str, Any]) -> None:
    for option in options:
        if option in OPTIONS:
            continue
        hint = f"There is {', '.join(OPTIONS)}."
        if option in ("axis", "dim"):
            hint = f"Over other axes: .xarray().{name}(...)."
        raise ParameterError(f"{name}() is over the trains; it takes no {option!r}", hint=hint)


def _choice(roi: Any, good: NDArray[np.bool_] | None) -> dict[str, Any]:
    """Which elements were used, for who reads the result later."""
    parts = roi if isinstance(roi, tuple) else (roi,)
    text = {"roi": ", ".join(map(_part, parts))} if parts else {}
    return text | ({} if good is None else {"elements_left_out": int(np.count_nonzero(~good))})


def _part(item: Any) -> str:
    """As it is written between brackets."""
    if item is Ellipsis:
        return "..."
    if not isinstance(item, slice):
        return f"array of {np.size(item)}" if np.ndim(item) else str(item)
    ends = [item.start, item.stop] + ([] if item.step is None else [item.step])
    return ":".join("" if end is None else str(end) for end in ends)


def _histogram(shape: Any, edges: NDArray[np.float64], used: Any) -> tuple[Histogram, ...]:
    return (Histogram(shape, edges, used),)


def _mask(where: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    mask = np.asarray(where)
    if mask.dtype != bool or mask.shape != shape:
        raise ParameterError(
            f"where is {mask.dtype}{list(mask.shape)}; it has to be bool{list(shape)}, as an entry"
        )
    return mask


def _only_good(data: xr.Dataset, rows: Rows, good: NDArray[np.bool_]) -> xr.Dataset:
    mask = xr.DataArray(good, dims=rows.dims)
    order = (*rows.lead, *rows.dims)
    for name in data.data_vars:
        kept = data[name].where(mask, 0 if name in ("count", "sum") else np.nan)
        data[name] = kept.transpose(*order)
    return data


def _attrs(name: str, rows: Rows) -> dict[str, Any]:
    if name == "count" or not rows.units:
        return {}
    return {"units": f"({rows.units})²" if name == "var" else rows.units}


def _edges(bins: int | ArrayLike, span: tuple[float, float] | None) -> NDArray[np.float64]:
    if np.ndim(bins):
        return np.asarray(bins, np.float64)
    number = int(np.asarray(bins))
    if number < 1 or span is None or not span[0] < span[1]:
        raise ParameterError(f"{number} bins from {span} are no bins")
    return np.linspace(*span, number + 1)
