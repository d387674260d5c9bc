"""What is in the folder of a proposal."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from beambook.card import Card, Described, Table

__all__ = ["ProposalFolders", "find_proposals"]

KINDS = ("raw", "proc")


@dataclass(frozen=True, repr=False)
class ProposalFolders(Described):
    """A proposal's folders, below one root or several."""

    folders: tuple[Path, ...]

    def card(self) -> Card:
        """List its runs."""
        runs = sorted(
            {run.name for f in self.folders for kind in KINDS for run in (f / kind).glob("r[0-9]*")}
        )
        rows = tuple(self._row(run) for run in runs)
        facts = {"folder": ", ".join(map(str, self.folders)), "runs": str(len(runs))}
        columns = ("run", "data", "files", "size", "written")
        number = int(self.folders[0].name[1:])
        hints = (f"beambook show {number} {int(runs[-1][1:])}",) if runs else ()
        return Card("Proposal", self.folders[0].name, facts, (Table(columns, rows, "runs"),), hints)

    def _row(self, run: str) -> tuple[str, ...]:
        found = [f / kind / run for f in self.folders for kind in KINDS]
        files = [file for folder in found for file in folder.glob("*.h5")]
        stats = [file.stat() for file in files]
        newest = max((stat.st_mtime for stat in stats), default=0.0)
        return (
            run,
            ", ".join(dict.fromkeys(folder.parent.name for folder in found if folder.is_dir())),
            str(len(files)),
            f"{sum(stat.st_size for stat in stats) / 1e6:,.1f} MB",
            datetime.fromtimestamp(newest, UTC).strftime("%Y-%m-%d %H:%M UTC") if stats else "",
        )


def find_proposals(name: str) -> tuple[Path, ...]:
    """The folders that are meant by a proposal's number or folder; none if it is something else."""
    path = Path(name)
    if path.is_dir():
        is_proposal = any((path / kind).is_dir() for kind in KINDS)
        return (
            (path.absolute(),) if is_proposal and re.match(r"p\d{6}$", path.absolute().name) else ()
        )
    if re.match(r"p?\d{1,6}$", name):
        from beambook.data import find_proposal

        return find_proposal(name)
    return ()
