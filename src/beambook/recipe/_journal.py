"""What an execution writes while it goes on: its folder, record, notebook and log."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import secrets
from pathlib import Path
from typing import Any

from beambook.errors import ExecutionError
from beambook.recipe._execution import LOG, NOTEBOOK, RECORD, Execution
from beambook.recipe._notebook import dumps, write_atomically, write_notebook
from beambook.recipe._own_file import open_own
from beambook.recipe._provenance import now

__all__ = ["FULL", "Journal", "fresh_folder"]

RESERVE = ".reserve"
RESERVE_BYTES = 1 << 16
LOG_MOST = 10_000_000
NAME_MOST = 80
FULL = (errno.ENOSPC, errno.EDQUOT)


class Journal:
    """Keeps the folder of one execution true at every moment.

    A small file keeps some space on the disk, so that even when the disk is
    full the record can say so.

    Parameters
    ----------
    into : Path
        Folder of executions.
    name : str
        Of the recipe.
    record : dict
        What is known before it begins.

    Raises
    ------
    ExecutionError
        If the folder cannot be made.
    """

    def __init__(self, into: Path, name: str, record: dict[str, Any]) -> None:
        self.record = record
        try:
            self.folder = fresh_folder(into, name)
            (self.folder / RESERVE).write_bytes(os.urandom(RESERVE_BYTES))
            record["id"] = self.folder.name
            self.save()
        except OSError as error:
            raise ExecutionError(
                f"Cannot write executions into {str(into)!r}: {error.strerror or error}",
                hint="Give another folder as into (beambook run … --into FOLDER)",
            ) from error
        self._log_size = 0
        self._dropped = 0
        self._pipe: int | None = None

    def execution(self) -> Execution:
        """What is known now."""
        return Execution(self.folder, dict(self.record))

    def save(self) -> None:
        """Write the record."""
        content = dumps(self.record)
        try:
            write_atomically(self.folder / RECORD, content)
        except OSError as error:
            if error.errno not in FULL:
                raise
            (self.folder / RESERVE).unlink(missing_ok=True)
            write_atomically(self.folder / RECORD, content)

    def save_notebook(self, notebook: Any) -> None:
        """Write the notebook; the earlier version stays if that fails."""
        write_notebook(notebook, self.folder / NOTEBOOK)

    def close(self) -> None:
        """Write what is left and give the reserve back."""
        if self._dropped:
            self.log(f"{self._dropped:,} more bytes of the kernel's log are lost", force=True)
        (self.folder / RESERVE).unlink(missing_ok=True)

    def log(self, line: str, *, force: bool = False) -> None:
        """Add a line of ours to the log."""
        self._append(f"[{now():%H:%M:%S.%f}"[:-3] + f"] {line}\n", force=force)

    def open_pipe(self) -> int:
        """A pipe into the log; gives the end for the kernel, to be closed here once it has it."""
        self._pipe, kernel_end = os.pipe()
        os.set_blocking(self._pipe, False)
        asyncio.get_running_loop().add_reader(self._pipe, self._drain)
        return kernel_end

    def close_pipe(self) -> None:
        """Take the rest out of the pipe."""
        if self._pipe is not None:
            self._drain()
        if self._pipe is not None:
            self._end_pipe()

    def _drain(self) -> None:
        assert self._pipe is not None  # noqa: S101
        for _ in range(64):
            try:
                data = os.read(self._pipe, 1 << 16)
            except BlockingIOError:
                return
            if not data:
                self._end_pipe()
                return
            self._append(data.decode(errors="replace"))

    def _end_pipe(self) -> None:
        assert self._pipe is not None  # noqa: S101
        asyncio.get_running_loop().remove_reader(self._pipe)
        os.close(self._pipe)
        self._pipe = None

    def _append(self, text: str, *, force: bool = False) -> None:
        data = text.encode(errors="replace")
        if self._log_size > LOG_MOST and not force:
            self._dropped += len(data)
            return
        self._log_size += len(data)
        try:
            with open_own(self.folder / LOG, append=True) as file:
                file.write(data)
        except OSError:  # a log that cannot be written must not end the work
            self._dropped += len(data)


def fresh_folder(into: Path, name: str) -> Path:
    """Make a folder ``<name>-<date>-<time>-<4 digits>`` that nobody had before."""
    slug = re.sub(r"[^\w.-]+", "-", name).strip("-.")[:NAME_MOST] or "notebook"
    into.mkdir(parents=True, exist_ok=True)
    while True:
        folder = into.absolute() / f"{slug}-{now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
