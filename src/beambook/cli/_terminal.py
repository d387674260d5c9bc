"""What goes to the terminal: progress and errors on stderr, answers on stdout."""

from __future__ import annotations

import atexit
import json
import shutil
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from beambook.events import Progress

__all__ = ["ProgressLine", "say", "say_files", "say_json", "shown"]

ERASE = "\r\x1b[2K"
TICK_SECONDS = 1.0


class ProgressLine:
    """A Reporter that keeps one line on stderr, and is silent when that is not a terminal.

    The seconds go on while a step lasts: what stands still looks dead.
    """

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._lock = threading.Lock()  # steps may come from several threads
        self._ticker: tuple[threading.Thread, threading.Event] | None = None

    def __call__(self, progress: Progress, /) -> None:
        """Redraw the line; the last step ends it."""
        if not self._live:
            return
        is_last = bool(progress.total) and progress.done >= progress.total
        with self._lock:
            self._step, self._since = progress, time.monotonic()
            _draw(progress)
            if self._ticker is None and not is_last:
                self._begin()
        if is_last:
            self.close()

    def _begin(self) -> None:
        ended = threading.Event()
        thread = threading.Thread(target=self._tick, args=(ended,), daemon=True)
        self._ticker = thread, ended
        thread.start()
        atexit.register(self.close)  # an error may leave nobody else to do it

    def _tick(self, ended: threading.Event) -> None:
        while not ended.wait(TICK_SECONDS):
            with self._lock:
                lasted = time.monotonic() - self._since
                _draw(replace(self._step, seconds=self._step.seconds + lasted))

    def close(self) -> None:
        """End the line, so that what follows starts on its own."""
        with self._lock:
            ticker, self._ticker = self._ticker, None
        if ticker is not None:
            thread, ended = ticker
            ended.set()
            thread.join()
            atexit.unregister(self.close)
        if self._live:
            sys.stderr.write(ERASE)
            sys.stderr.flush()


def _draw(progress: Progress) -> None:
    of = f"/{progress.total}" if progress.total else ""
    text = f"{progress.task}  {progress.done}{of}  {progress.label}  {progress.seconds:.1f} s"
    width = shutil.get_terminal_size().columns - 1
    sys.stderr.write(f"{ERASE}{text[:width]}")
    sys.stderr.flush()


def say(text: str) -> None:
    """One answer on stdout."""
    click.echo(text)


def say_json(document: Any) -> None:
    """An answer for machines."""
    click.echo(json.dumps(document, indent=1, ensure_ascii=False, default=str))


def say_files(files: Iterable[Path]) -> None:
    """Last line of a command that wrote files: all of their names."""
    if names := [shown(file) for file in files]:
        click.echo(f"Wrote {', '.join(names)}")


def shown(path: str | Path) -> str:
    """The path as one would type it from here: relative when that is shorter."""
    path = Path(path)
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
