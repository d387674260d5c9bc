"""A look at the windows, to see whether they are where the peaks are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from beambook.analysis._peaks import PeakWindow
from beambook.errors import DataError, ParameterError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["check_window"]

MOST_TRACES = 500  # a mean of more would look the same


def check_window(
    traces: NDArray[Any] | xr.DataArray,
    window: PeakWindow,
    ax: Axes | None = None,
    *,
    pulse: int = 0,
) -> Axes:
    """Plot the mean trace around a pulse with its windows shaded.

    Without `ax` two panels are drawn, for the first and for the last pulse: if
    the period is wrong, the second shows it. The grey band spans the smallest and
    the largest value of any trace.

    Parameters
    ----------
    traces : ndarray or DataArray (train, sample)
        Raw traces; at most 500 of them, spread evenly, are read.
    window : PeakWindow
    ax : Axes, optional
        Where to draw a single pulse.
    pulse : int
        Which pulse to draw into `ax`; -1 is the last.

    Returns
    -------
    Axes
        That of the first pulse; the other panel is ``ax.figure.axes[1]``.

    Raises
    ------
    ParameterError
        A window that leaves the traces, or no such pulse.
    DataError
        No traces.
    """
    if traces.ndim == 0 or 0 in traces.shape:
        raise DataError(f"There are no traces to look at: shape {traces.shape}")
    window.fit(traces.shape[-1])
    if not -window.pulses <= pulse < window.pulses:
        raise ParameterError(f"No pulse {pulse}: the window has {window.pulses}")
    if ax is not None:
        return _panel(ax, traces, window, pulse % window.pulses)
    return _panels(traces, window)


def _panels(traces: NDArray[Any] | xr.DataArray, window: PeakWindow) -> Axes:
    from matplotlib import pyplot as plt

    shown = [0] if window.pulses == 1 else [0, window.pulses - 1]
    _, axes = plt.subplots(
        1,
        len(shown),
        figsize=(4.5 * len(shown), 3.4),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for panel, pulse in zip(axes[0], shown, strict=True):
        _panel(panel, traces, window, pulse)
    for panel in axes[0][1:]:
        panel.set_ylabel("")
    axes[0][0].legend(fontsize="small", framealpha=0.8)
    first: Axes = axes[0][0]
    return first


def _panel(ax: Axes, traces: Any, window: PeakWindow, pulse: int) -> Axes:
    shift = int(window.shifts[pulse])
    first = min(window.start, window.base_start) + shift
    last = max(window.stop, window.base_stop) + shift
    margin = max(5, (last - first) // 3)
    low, high = max(0, first - margin), min(traces.shape[-1], last + margin)
    cut = _few(traces, slice(low, high))
    samples = np.arange(low, high)
    ax.fill_between(
        samples, cut.min(axis=0), cut.max(axis=0), color="0.85", lw=0, label="smallest … largest"
    )
    ax.plot(samples, cut.mean(axis=0), color="black", lw=1.2, label=f"mean of {len(cut)} traces")
    for name, color, start, stop in (
        ("peak", "tab:orange", window.start, window.stop),
        ("base", "tab:blue", window.base_start, window.base_stop),
    ):
        ax.axvspan(start + shift, stop - 1 + shift, color=color, alpha=0.3, lw=0, label=name)
    ax.set_xlim(low, high - 1)
    ax.set_title(f"pulse {pulse} of {window.pulses} (counted from 0)", fontsize="medium")
    ax.set_xlabel("sample")
    attrs = getattr(traces, "attrs", {})
    ax.set_ylabel(f"{attrs.get('long_name', 'trace')} ({attrs.get('units') or 'counts'})")
    return ax


def _few(traces: Any, samples: slice) -> NDArray[np.float64]:
    """Some of the traces, only these samples: ndarray (train, sample) without empty trains."""
    cut = np.asarray(traces[..., samples] if traces.ndim == 1 else _thin(traces)[..., samples])
    rows = cut.reshape(-1, cut.shape[-1]).astype(np.float64)
    good = rows[np.isfinite(rows).all(axis=1)]
    if not len(good):
        raise DataError("All traces have gaps (NaN) in the windows")
    return good


def _thin(traces: Any) -> Any:
    step = -(-traces.shape[0] // MOST_TRACES)
    return traces[::step]
