"""Looks at a kernel while it works: its memory, its time, and whether it is still wanted."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from dataclasses import dataclass, field

from beambook.recipe._kernel import Kernel
from beambook.recipe._memory import Memory, MemoryGroups, as_size, memory_of
from beambook.recipe._plan import Limits

__all__ = ["Watch"]

LOOK_SECONDS = 0.1
NEARLY = 0.8


@dataclass
class Watch:
    """Interrupts or kills a kernel when its time is over or when it is not wanted any more.

    Attributes
    ----------
    kernel : Kernel
    limits : Limits
    stop : threading.Event
        Set when the one who asked for the execution has gone, e.g. by Ctrl-C.
    over : str
        Which limit was passed, in words; empty as long as none is.
    killed : bool
        Whether the kernel was killed from here.
    memory : Memory
        When it was last looked at.
    """

    kernel: Kernel
    limits: Limits
    stop: threading.Event
    over: str = ""
    killed: bool = False
    memory: Memory = field(default_factory=Memory)

    def __post_init__(self) -> None:
        self._began = time.monotonic()
        self._cell_began: float | None = None
        self._interrupted: float | None = None
        self._groups = MemoryGroups()
        self._look()

    def begin_cell(self) -> None:
        """A cell begins to run."""
        self._cell_began = time.monotonic()
        self._interrupted = None

    def end_cell(self) -> None:
        """The cell has ended."""
        self._cell_began = None
        self._look()

    async def run(self) -> None:
        """Watch until cancelled, or until the kernel is killed."""
        while not self.killed:
            await asyncio.sleep(LOOK_SECONDS)
            self._look()
            if self.stop.is_set():
                await self._kill()
            elif self._interrupted is not None:
                if self._cell_began and time.monotonic() - self._interrupted > self.limits.grace:
                    await self._kill()
            elif self._is_over():
                self._interrupted = time.monotonic()
                await self.kernel.interrupt()

    def _is_over(self) -> bool:
        if self._cell_began is None:
            return False
        self.over = self.over or self.time_is_over()
        return bool(self.over)

    def time_is_over(self) -> str:
        """Which time limit has passed, in words, or an empty string."""
        time_now = time.monotonic()
        limits = self.limits
        if limits.seconds is not None and time_now - self._began > limits.seconds:
            return f"the execution's time limit of {limits.seconds:g} s is over"
        if limits.cell_seconds is not None and self._cell_began is not None:
            if time_now - self._cell_began > limits.cell_seconds:
                return f"the cell's time limit of {limits.cell_seconds:g} s is over"
        return ""

    def obituary(self) -> str:
        """Why the kernel ended by itself, as far as it can be known."""
        code = self.kernel.returncode
        peak = max(self.memory.peak, self.kernel.peak)
        with_memory = f" with {as_size(peak)} of memory" if peak else ""
        if code is None or code >= 0:
            end = "by itself" if not code else f"by itself with exit status {code}"
            return f"the kernel ended {end}{with_memory}"
        text = f"the kernel was ended by {signal_name(code)}{with_memory}"
        if code != -signal.SIGKILL:
            return text
        limit = self._groups.limit()
        if self._groups.have_killed():
            return f"{text}: out of memory (there is {as_size(limit)})"
        if peak > NEARLY * limit:
            return f"{text}: probably out of memory (there is {as_size(limit)})"
        return text

    def _look(self) -> None:
        if self.kernel.pid and (seen := memory_of(self.kernel.pid)).now:
            self.memory = seen
            self._groups.look(self.kernel.pid)

    async def _kill(self) -> None:
        self.killed = True
        await self.kernel.kill()


def signal_name(returncode: int) -> str:
    """Name of the signal in a negative exit status."""
    try:
        return signal.Signals(-returncode).name
    except ValueError:
        return f"signal {-returncode}"
