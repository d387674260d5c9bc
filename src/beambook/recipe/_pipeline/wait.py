"""Wait for a performance, and say how far it is."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from beambook.events import Progress, Reporter
from beambook.recipe._pipeline.outcome import Outcome
from beambook.recipe._report_facts import duration

if TYPE_CHECKING:
    from beambook.recipe._pipeline.performance import Performance

__all__ = ["Teller"]

ORDER = ("running", "queued", "failed", "killed", "lost", "missing")


class Teller:
    """Turns ticks of the job into progress of the parts."""

    def __init__(self, performance: Performance, reporter: Reporter) -> None:
        self._performance = performance
        self._reporter = reporter
        self._began = time.monotonic()
        self._ended, self._until = 0, 0.0

    def __call__(self, tick: Progress, /) -> None:
        outcomes = self._performance.outcomes()
        counts = Counter(o.status for o in outcomes)
        words = [f"{counts[kind]} {kind}" for kind in ORDER if counts[kind]]
        if all(o.status not in ("running", "queued") for o in outcomes):
            words.append("making the report")
        elif left := self._left(outcomes):
            words.append(f"about {left} left")
        seconds = time.monotonic() - self._began
        label = ", ".join(words)
        task = self._performance.asked.pipeline.recipe.name
        # Not the last step before the report is made: who shows progress ends with it.
        total = len(outcomes) + 1
        self._reporter(Progress(task, counts["done"], total, label, seconds))

    def _left(self, outcomes: tuple[Outcome, ...]) -> str:
        """From how long the parts that are done took; looked at anew when one has ended."""
        ended = [o for o in outcomes if o.status not in ("running", "queued")]
        done = [o for o in ended if o.is_done]
        running = sum(o.status == "running" for o in outcomes)
        now = time.monotonic() - self._began
        if running and len(ended) != self._ended and (expected := _work(done)) > 0:
            rate = sum(o.seconds for o in done) / expected
            left = _work(list(outcomes)) - _work(ended)
            self._ended, self._until = len(ended), now + rate * left / running
        left = self._until - now
        return duration(left) if left >= 1 else ""


def _work(outcomes: list[Outcome]) -> float:
    return sum(outcome.part.seconds for outcome in outcomes)
