"""What spectra have in common when they are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from beambook.errors import ParameterError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from beambook.analysis._edge import Edge

__all__ = ["draw_counts", "draw_curve", "draw_edge", "new_axes"]

Floats = NDArray[np.float64]


def new_axes() -> Axes:
    """Axes of a new figure."""
    from matplotlib import pyplot as plt

    axes: Axes = plt.subplots(figsize=(6.4, 4.0), layout="constrained")[1]
    return axes


def draw_curve(
    ax: Axes,
    energy: Floats,
    value: Floats,
    error: Floats,
    *,
    errors: str = "band",
    label: str | None = None,
    **style: Any,
) -> None:
    """A line with a band or bars; wide errors of single bins do not set the scale."""
    if errors not in ("band", "bars", "none"):
        raise ParameterError(f"errors must be 'band', 'bars' or 'none', not {errors!r}")
    good = np.isfinite(value)
    few = {"marker": "."} if good.sum() <= 200 else {}
    (line,) = ax.plot(
        energy[good], value[good], label=label, **{"lw": 1.2, "ms": 4.0, **few, **style}
    )
    wide = np.where(np.isfinite(error), error, 0.0)[good]
    if not good.any() or errors == "none":
        return
    _scale(ax, value[good], wide)
    low, high = value[good] - wide, value[good] + wide
    if errors == "band":
        ax.fill_between(energy[good], low, high, color=line.get_color(), alpha=0.3, lw=0)
    else:
        ax.errorbar(energy[good], value[good], wide, fmt="none", color=line.get_color(), lw=0.8)


def _scale(ax: Axes, value: Floats, error: Floats) -> None:
    room = 0.06 * max(float(np.ptp(value)), 1e-9) + min(
        float(np.median(error)) * 2, float(np.ptp(value)) or np.inf
    )
    low, high = float(value.min()) - room, float(value.max()) + room
    if len(ax.lines) > 1:
        before = ax.get_ylim()
        low, high = min(low, before[0]), max(high, before[1])
    ax.set_ylim(low, high)


def draw_counts(ax: Axes, edges: Floats, counts: NDArray[np.int64]) -> None:
    """Pulses per bin as grey steps behind the curve, with an axis of their own."""
    behind = ax.twinx()
    behind.stairs(counts, edges, fill=True, color="0.9")
    behind.set_ylabel("pulses per bin", color="0.5")
    behind.tick_params(axis="y", colors="0.5")
    behind.set_ylim(0, max(1, int(counts.max(initial=0))) * 3)
    ax.set_zorder(behind.get_zorder() + 1)
    ax.patch.set_visible(False)


def draw_edge(ax: Axes, edge: Edge) -> None:
    """A line at the edge, a band over its interval."""
    text = f"edge {edge.energy:.2f} {edge.units} ({edge.low:.2f} … {edge.high:.2f})"
    ax.axvspan(edge.low, edge.high, color="tab:red", alpha=0.15, lw=0)
    ax.axvline(edge.energy, color="tab:red", lw=1, label=text)
    ax.legend(fontsize="small")
