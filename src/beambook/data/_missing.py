"""Which trains sources lack, as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from beambook.data._run import Run

__all__ = ["plot_missing_data"]

HEIGHT = 0.6  # of a bar, of 1
WIDTH = 9.0  # of a figure, in inches


def plot_missing_data(
    run: Run, most_percent: float, *, by_group: bool, ax: Axes | None = None
) -> Axes:
    """Draw the trains of sources that have at most so many of them.

    Parameters
    ----------
    run : Run
    most_percent : float
        Sources with more are left out.
    by_group : bool
        Each group of an instrument source by itself.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    shares = dict(_have(run, by_group=by_group))
    poor = {n: have for n, have in shares.items() if 100 * have.mean() <= most_percent}
    names = sorted(poor, key=lambda n: (poor[n].mean(), n), reverse=True)
    ax = ax or _new_axes(len(names))
    for line, name in enumerate(names):
        for there, colour in ((True, "tab:blue"), (False, "0.15")):
            spans = _spans(poor[name] == there)
            ax.broken_barh(spans, (line - HEIGHT / 2, HEIGHT), color=colour)
    ax.set_yticks(range(len(names)), [f"{n} ({100 * poor[n].mean():.2f} %)" for n in names])
    ax.set_xlabel("position of the train in the run")
    ax.set_title(
        f"{run.name}: {len(names)} of {len(shares)} sources have at most {most_percent:g} % "
        "of the trains (dark: missing)"
    )
    return ax


def _have(run: Run, *, by_group: bool) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    if not len(run.train_ids):
        return
    short = {alias.source: alias.name for alias in run.aliases.values() if alias.key is None}
    for name in sorted(run.all_sources):
        source = run.source_data(name)
        shown = short.get(name, name)
        if source.is_run_only:
            continue
        groups = sorted(source.index_groups) if by_group and not source.is_control else [None]
        for group in groups:
            counts = np.asarray(source.data_counts(labelled=False, index_group=group))
            yield shown if group is None else f"{shown} {group}.*", counts > 0


def _spans(chosen: NDArray[np.bool_]) -> list[tuple[float, float]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]]).astype(int)))
    return [(float(a), float(b - a)) for a, b in edges.reshape(-1, 2)]


def _new_axes(lines: int) -> Axes:
    from matplotlib import pyplot as plt

    size = (WIDTH, max(3.0, lines / 3.5))
    axes: Axes = plt.subplots(figsize=size, layout="constrained")[1]
    return axes
