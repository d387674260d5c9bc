"""Many files fetched at once; Ctrl-C ends that, whatever a server is about to answer."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from beambook.environment._capture.fetch import File, fetch
from beambook.events import Progress, Reporter

__all__ = ["fetch_all"]

AT_ONCE = 8
PATIENCE_S = 2.0  # for a thread that may still remove its half of a file


def fetch_all(wanted: Sequence[File], folder: Path, reuse: Path | None, reporter: Reporter) -> None:
    """Put files into a folder, each complete and checked.

    Parameters
    ----------
    wanted : sequence of File
    folder : Path
    reuse : Path or None
        Another folder that may have some of them.
    reporter : Reporter

    Raises
    ------
    EnvironmentProblem
        If one cannot be had, or is another than was locked.
    """
    work = _Work(wanted, folder, reuse)
    # daemons, not an executor: Python waits for that one's threads, and they for their servers
    threads = [threading.Thread(target=work.go_on, daemon=True) for _ in wanted[:AT_ONCE]]
    for thread in threads:
        thread.start()
    try:
        _await(work, wanted, reporter)
    finally:
        work.stop.set()
        until = time.monotonic() + PATIENCE_S
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))


class _Work:
    """What is still to be fetched, and what was."""

    def __init__(self, wanted: Sequence[File], folder: Path, reuse: Path | None) -> None:
        self.folder, self.reuse = folder, reuse
        self.stop = threading.Event()
        self.ended: queue.SimpleQueue[tuple[File, BaseException | None]] = queue.SimpleQueue()
        self._open: queue.SimpleQueue[File] = queue.SimpleQueue()
        for file in wanted:
            self._open.put(file)

    def go_on(self) -> None:
        """Fetch one after the other, until none is left or nobody waits for them."""
        while not self.stop.is_set():
            try:
                file = self._open.get_nowait()
            except queue.Empty:
                return
            try:
                fetch(file, self.folder, reuse=self.reuse, stop=self.stop)
            except BaseException as error:  # for the thread that waits
                self.ended.put((file, error))
                return
            self.ended.put((file, None))


def _await(work: _Work, wanted: Sequence[File], reporter: Reporter) -> None:
    began = time.monotonic()
    total = max(1, sum(file.size for file in wanted) // 1_000_000)
    done = 0
    for _ in wanted:
        file, error = work.ended.get()
        if error is not None:
            raise error
        done += file.size
        at = min(done // 1_000_000, total)
        reporter(Progress("wheels (MB)", at, total, file.name, time.monotonic() - began))
