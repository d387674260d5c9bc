"""Peaks of digitizer traces: where they are, and their areas."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from beambook.card import Card, Described
from beambook.errors import ParameterError

__all__ = ["PeakWindow", "integrate_peaks"]

Traces = TypeVar("Traces", np.ndarray[Any, Any], xr.DataArray)
NARROW = {"int16", "uint16"}  # each type is one compilation, when it is first met
NATIVE = {"int32", "float32", "float64"}
BLOCK_BYTES = 8 << 20  # work for one thread; below it threads cost more than they save


@dataclass(frozen=True, repr=False)
class PeakWindow(Described):
    """Where the pulses are in a digitizer trace.

    All positions are samples; ranges include their first and exclude their last
    sample, as slices do. Each pulse has a base window of its own, moved along
    with its peak.

    Parameters
    ----------
    start, stop : int
        The samples of the first peak.
    base_start, base_stop : int
        Samples without signal, of which the mean is the base line of the first peak.
    period : int, optional
        Samples from one pulse to the next; needed for more than one pulse. At 1.1 MHz
        and 108 MS/s it is 96.
    npulses : int
        Number of pulses in a train.
    starts : sequence of int, optional
        Irregular pattern: where the peak of each pulse begins. Takes the place of
        `period` and `npulses`; the windows are moved by ``starts[k] - start``.

    Raises
    ------
    ParameterError
        If a window is empty or begins before the trace, or if the pattern is not complete.

    Examples
    --------
    >>> window = PeakWindow(100, 120, 80, 99, period=96, npulses=25)
    >>> window.shifts[:3]
    array([  0,  96, 192])
    >>> window.samples
    2424
    """

    start: int
    stop: int
    base_start: int
    base_stop: int
    period: int | None = field(default=None, kw_only=True)
    npulses: int = field(default=1, kw_only=True)
    starts: tuple[int, ...] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        for name in ("start", "stop", "base_start", "base_stop", "period", "npulses"):
            _set_integer(self, name)
        if self.starts is not None:
            object.__setattr__(self, "starts", _integers(self.starts))
        self._check_ranges()
        self._check_pattern()

    def _check_ranges(self) -> None:
        for what, start, stop in (
            ("peak", self.start, self.stop),
            ("base", self.base_start, self.base_stop),
        ):
            if stop <= start:
                raise ParameterError(f"The {what} window {start}…{stop} has no sample")

    def _check_pattern(self) -> None:
        if self.starts is not None:
            if not self.starts or self.period is not None or self.npulses not in {1, self.pulses}:
                raise ParameterError(
                    "starts gives the place of each pulse",
                    hint="Leave period and npulses out, and give one start at least",
                )
        elif self.npulses < 1:
            raise ParameterError(f"npulses must be 1 or more, not {self.npulses}")
        elif self.npulses > 1 and (self.period is None or self.period < 1):
            raise ParameterError(f"{self.npulses} pulses need a period of 1 sample or more")
        if (first := min(self.start, self.base_start) + int(self.shifts.min())) < 0:
            raise ParameterError(f"A window begins {-first} samples before the trace")

    @property
    def pulses(self) -> int:
        """Number of pulses in a train."""
        return self.npulses if self.starts is None else len(self.starts)

    @property
    def shifts(self) -> NDArray[np.int64]:
        """How far the windows of each pulse are moved: ndarray (pulse,) int64, samples."""
        if self.starts is None:
            return np.arange(self.npulses, dtype=np.int64) * (self.period or 0)
        return np.asarray(self.starts, dtype=np.int64) - self.start

    @property
    def samples(self) -> int:
        """Samples that a trace needs at least."""
        return max(self.stop, self.base_stop) + int(self.shifts.max())

    def fit(self, samples: int) -> None:
        """Make sure that all windows are within traces of so many samples.

        Raises
        ------
        ParameterError
            If not; it names the last pulse that is.
        """
        if self.samples <= samples:
            return
        ends = max(self.stop, self.base_stop) + self.shifts
        inside = np.flatnonzero(ends <= samples)
        whole = int(np.argmax(ends > samples))
        raise ParameterError(
            f"The window of pulse {whole} ends at sample {ends[whole]}, "
            f"but the traces have {samples} samples",
            hint=f"The last pulse within them is {inside[-1]}: npulses={whole}"
            if whole and self.starts is None
            else f"{len(inside)} of {self.pulses} pulses are within them",
        )

    def card(self) -> Card:
        """Windows and pattern."""
        pattern = f"period {self.period}" if self.starts is None else f"starts {self.starts[:4]}…"
        return Card(
            "PeakWindow",
            f"{self.start}…{self.stop}",
            {
                "peak": f"{self.stop - self.start} samples from {self.start}",
                "base": f"{self.base_stop - self.base_start} samples from {self.base_start}",
                "pulses": f"{self.pulses}" + (f", {pattern}" if self.pulses > 1 else ""),
                "needs": f"{self.samples} samples",
            },
        )


def _set_integer(window: PeakWindow, name: str) -> None:
    value = getattr(window, name)
    if value is None and name == "period":
        return
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        hint = "Give starts=[…] for an irregular pattern" if np.ndim(value) else ""
        raise ParameterError(f"{name} must be a whole number of samples, not {value!r}", hint=hint)
    object.__setattr__(window, name, int(value))


def _integers(starts: Sequence[int]) -> tuple[int, ...]:
    array = np.asarray(starts)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise ParameterError(f"starts must be a list of whole numbers, not {starts!r}")
    return tuple(int(each) for each in array)


def integrate_peaks(
    traces: Traces,
    window: PeakWindow,
    *,
    method: Literal["trapezoid", "sum"] = "trapezoid",
    pulses: ArrayLike | None = None,
    threads: int | None = None,
) -> Traces:
    r"""Area of each pulse above its base line, in units of the samples × samples.

    With the samples :math:`y_i` of the peak window :math:`[a, b)` and the mean
    :math:`\bar y_0` of the base window,

    .. math::
        A_\mathrm{trapezoid} = \sum_{i=a}^{b-1} y_i - \tfrac12 (y_a + y_{b-1})
                               - \bar y_0\,(b - a - 1), \qquad
        A_\mathrm{sum} = \sum_{i=a}^{b-1} y_i - \bar y_0\,(b - a),

    that is, the integral of trace minus base line. The sign is that of the
    signal: negative peaks of an MCP have negative areas. NaN in either window
    of a pulse makes its area NaN.

    Parameters
    ----------
    traces : ndarray or DataArray (train, sample)
        Raw traces, integer or float; the sample dimension is the last. More or fewer
        dimensions before it are kept. A DataArray of dask stays lazy.
    window : PeakWindow
    method : {"trapezoid", "sum"}
        Rule of integration. The trapezoid is that of the SCS toolbox [1]_.
    pulses : array_like (pulse,), optional
        Pulse ids, as coordinate of the result; DataArray only.
    threads : int, optional
        Threads at most; by default as many as there are cores, where it pays.

    Returns
    -------
    ndarray or DataArray (train, pulse) float64
        As `traces`; coordinates of a DataArray are kept.

    Raises
    ------
    ParameterError
        A window that leaves the traces, an unknown method, wrong number of pulse ids.

    References
    ----------
    .. [1] SCS toolbox, *How to extract peaks from digitizer traces*, European XFEL.

    Examples
    --------
    >>> trace = np.zeros((1, 300))
    >>> trace[0, [50, 51, 150, 151]] = -10, -20, -30, -40
    >>> integrate_peaks(trace, PeakWindow(45, 60, 20, 40, period=100, npulses=2))
    array([[-30., -70.]])
    """
    if method not in ("trapezoid", "sum"):
        raise ParameterError(f"method must be 'trapezoid' or 'sum', not {method!r}")
    if method == "trapezoid" and window.stop - window.start < 2:
        raise ParameterError("A trapezoid needs 2 samples", hint="Use method='sum'")
    options: dict[str, Any] = {
        "window": window,
        "trapezoid": int(method == "trapezoid"),
        "threads": threads,
    }
    if isinstance(traces, xr.DataArray):
        return _integrate_labelled(traces, pulses, options)
    if pulses is not None:
        raise ParameterError("pulses labels the result of a DataArray; traces are an array")
    return _integrate(np.asarray(traces), **options)


def _integrate_labelled(
    traces: xr.DataArray, pulses: ArrayLike | None, options: dict[str, Any]
) -> xr.DataArray:
    window: PeakWindow = options["window"]
    window.fit(traces.shape[-1] if traces.ndim else 0)
    areas: xr.DataArray = xr.apply_ufunc(
        _integrate,
        traces,
        kwargs=options,
        input_core_dims=[[traces.dims[-1]]],
        output_core_dims=[["pulse"]],
        dask="parallelized",
        output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": {"pulse": window.pulses}, "allow_rechunk": True},
    )
    areas.name = traces.name
    if units := traces.attrs.get("units"):
        areas.attrs["units"] = f"{units}·sample"
    if pulses is None:
        return areas
    ids = np.asarray(pulses)
    if ids.shape != (window.pulses,):
        raise ParameterError(f"{ids.size} pulse ids for {window.pulses} pulses")
    return areas.assign_coords(pulse=ids)


def _integrate(
    traces: NDArray[Any], *, window: PeakWindow, trapezoid: int, threads: int | None
) -> NDArray[np.float64]:
    if traces.ndim == 0:
        raise ParameterError("traces need a dimension of samples; this is a single number")
    window.fit(traces.shape[-1])
    from beambook.analysis._peaks_kernel import LONGEST_NARROW, integrate_block

    longest = max(window.stop - window.start, window.base_stop - window.base_start)
    rows = _contiguous(traces, narrow=longest <= LONGEST_NARROW).reshape(-1, traces.shape[-1])
    areas = np.empty((len(rows), window.pulses))
    shifts = window.shifts
    place = (window.start, window.stop, window.base_start, window.base_stop)

    def work(part: slice) -> None:
        integrate_block(rows[part], shifts, place, trapezoid, areas[part])

    _in_threads(work, len(rows), rows.nbytes, threads)
    return areas.reshape(*traces.shape[:-1], window.pulses)


def _contiguous(traces: NDArray[Any], *, narrow: bool) -> NDArray[Any]:
    """Rows of a type that the kernel is compiled for."""
    if traces.dtype.kind not in "iufb":
        raise ParameterError(f"Traces must be numbers, not {traces.dtype}")
    native = traces.dtype.name in (NATIVE | NARROW if narrow else NATIVE)
    return np.ascontiguousarray(
        traces, dtype=traces.dtype.newbyteorder("=") if native else np.float64
    )


def _in_threads(work: Any, rows: int, size: int, threads: int | None) -> None:
    if threads is not None and threads < 1:
        raise ParameterError(f"threads must be 1 or more, not {threads}")
    most = threads or len(os.sched_getaffinity(0))
    number = max(1, min(most, rows, size // BLOCK_BYTES))
    if number == 1:
        work(slice(0, rows))
        return
    ends = np.linspace(0, rows, number + 1).astype(int)
    with ThreadPoolExecutor(number) as pool:
        list(pool.map(work, map(slice, ends[:-1], ends[1:])))
