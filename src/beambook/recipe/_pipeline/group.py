"""Parts grouped into tasks of about the same length, none of them too short to be worth it."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

__all__ = ["grouped"]

STEP = 0.05


def grouped(
    seconds: Sequence[float], *, shortest: float, most: int = 1000
) -> tuple[tuple[int, ...], ...]:
    r"""Group parts into as many tasks as last at least `shortest` each.

    The longest part goes first, each to the task that has the least so far (LPT: no task lasts
    longer than :math:`\frac{4}{3} - \frac{1}{3n}` of the best possible; R. L. Graham, SIAM J.
    Appl. Math. 17 (1969) 416). Many short tasks rather than few long ones: whoever becomes free
    takes the next, and what dies costs less.

    Parameters
    ----------
    seconds : sequence of float
        How long each part lasts, in s.
    shortest : float
        No task shall last less, in s, unless it is the only one.
    most : int
        No more tasks than this.

    Returns
    -------
    tuple of tuple of int
        Positions of the parts of each task, ascending; the longest task first.

    Examples
    --------
    >>> grouped([40, 10, 10, 20, 60], shortest=30)
    ((4,), (0,), (1, 2, 3))
    """
    if not seconds:
        return ()
    count = max(1, min(len(seconds), most, int(sum(seconds) // shortest) if shortest > 0 else most))
    while True:
        groups = _spread(seconds, count)
        loads = [sum(seconds[i] for i in group) for group in groups]
        if count == 1 or min(loads) >= shortest:
            order = sorted(range(count), key=lambda k: (-loads[k], groups[k]))
            return tuple(groups[k] for k in order)
        count -= max(1, int(count * STEP))


def _spread(seconds: Sequence[float], count: int) -> list[tuple[int, ...]]:
    groups: list[list[int]] = [[] for _ in range(count)]
    heap = [(0.0, k) for k in range(count)]
    for i in sorted(range(len(seconds)), key=lambda i: (-seconds[i], i)):
        load, k = heapq.heappop(heap)
        groups[k].append(i)
        heapq.heappush(heap, (load + seconds[i], k))
    return [tuple(sorted(group)) for group in groups]
