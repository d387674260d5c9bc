"""What goes to the terminal: progress and errors on stderr, answers on stdout."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from beambook.events import Progress

__all__ = ["ProgressLine", "say", "say_files", "say_json", "shown"]


class ProgressLine:
    """A Reporter that keeps one line on stderr, and is silent when that is not a terminal."""

    def __init__(self) -> None:
        self._open = False
        self._live = sys.stderr.isatty()

    def __call__(self, progress: Progress, /) -> None:
        """Redraw the line; the last step ends it."""
        if not self._live:
            return
        of = f"/{progress.total}" if progress.total else ""
        text = f"{progress.task}  {progress.done}{of}  {progress.label}  {progress.seconds:.1f} s"
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"\r\x1b[2K{text[:width]}")
        self._open = True
        if progress.total and progress.done >= progress.total:
            self.close()
        sys.stderr.flush()

    def close(self) -> None:
        """End the line, so that what follows starts on its own."""
        if self._open:
            sys.stderr.write("\r\x1b[2K")
            self._open = False


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
