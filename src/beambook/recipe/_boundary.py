"""What a notebook in a sandbox did, or may have done, beyond its folder: for the record."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from beambook.recipe._foreign import PythonKernel
from beambook.recipe._own_file import links_out, read_own

__all__ = ["Boundary", "witness_text"]

LOOKED_AT_MOST = 50_000
SAID_MOST = 1_000_000
LISTED_MOST = 100
WITNESS = "witness.jsonl"
KINDS = ("wrote", "called", "started")


class Boundary:
    """Looks at what must not change, before a notebook runs and after it.

    Parameters
    ----------
    software : PythonKernel
        With a sandbox.
    folder : Path
        Of the execution.
    """

    def __init__(self, software: PythonKernel, folder: Path) -> None:
        box = software.sandbox
        self._own = list(dict.fromkeys([folder, box.work])) if box else []
        self._watched = tuple(box.watched) if box else ()
        self._links = self._links_out()
        self._before = dict(_states(self._watched))

    def account(self, private: Path) -> dict[str, Any]:
        """What was seen; links that the notebook made to the outside are gone afterwards.

        Parameters
        ----------
        private : Path
            Folder of the kernel, where the witness writes.
        """
        after = dict(_states(self._watched))
        names = {*self._before, *after}
        changed = sorted(n for n in names if self._before.get(n) != after.get(n))
        found = {**_witnessed(private), "changed": changed, "links": self._remove_links()}
        return {kind: _shortened(each) for kind, each in found.items() if each}

    def _links_out(self) -> dict[Path, str]:
        return {path: to for folder in self._own for path, to in links_out(folder).items()}

    def _remove_links(self) -> list[str]:
        made = {p: to for p, to in self._links_out().items() if self._links.get(p) != to}
        for path in made:
            path.unlink(missing_ok=True)
        return [f"{path} → {to}" for path, to in made.items()]


def witness_text(software: PythonKernel | None, own: Iterable[Path], private: Path) -> str:
    """Code for a kernel that nothing keeps from leaving its folder; empty for the others."""
    if software is None or software.sandbox is None or software.sandbox.confines:
        return ""
    source = Path(__file__).with_name("_witness.py").read_text(encoding="utf-8")
    allowed = [str(each) for each in (*own, private, software.sandbox.work)]
    return f"{source}\nALLOWED = {allowed!r}\nREPORT = {str(private / WITNESS)!r}\n"


def _states(folders: Iterable[Path]) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """Time, size and number of each file, of so many as can be looked at in half a second."""
    count = 0
    for folder in folders:
        for parent, _, files in os.walk(folder):
            for name in files:
                path = os.path.join(parent, name)
                try:
                    seen = os.lstat(path)
                except OSError:
                    continue
                yield path, (seen.st_mtime_ns, seen.st_size, seen.st_ino)
            count += len(files)
            if count > LOOKED_AT_MOST:
                return


def _witnessed(private: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {kind: [] for kind in KINDS}
    try:
        lines = read_own(private / WITNESS, SAID_MOST).decode(errors="replace").splitlines()
    except OSError:
        return found
    for line in lines:
        try:
            said = json.loads(line)
            found[said["kind"]].append(str(said["what"]))
        except (ValueError, KeyError, TypeError):  # whoever wrote that, it was not ours
            continue
    return found


def _shortened(names: list[str]) -> list[str]:
    more = len(names) - LISTED_MOST
    return [*names[:LISTED_MOST], f"… and {more} more"] if more > 0 else names
