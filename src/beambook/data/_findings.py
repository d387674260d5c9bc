"""What is wrong with stored data, said with counts."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from beambook.card import Card, Described, Table

__all__ = ["DataWarning", "Finding", "Findings", "findings_table", "summary", "warn"]


OPTIONAL = frozenset({  # what a NeXus file need not say, and what is looked for in other ways
    "no title", "no instrument", "no sample", "no start time", "no NX_class", "no NXentry",
    "no NeXus attributes", "nothing to show", "default plot", "link not followed",
})  # fmt: skip


class DataWarning(UserWarning):
    """Something in the files is not as it should be; what was left out is counted."""


def warn(text: str, kind: type[Warning] = DataWarning) -> None:
    """Warn, pointing at the line which called beambook."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and _is_between(frame.f_back.f_globals.get("__name__", "")):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, kind, stacklevel=level + 1)


def _is_between(module: str) -> bool:
    """Whether a frame is ours, or of what we were called through: `functools`, a thread pool."""
    name = module.partition(".")[0]
    return name == "beambook" or (name in sys.stdlib_module_names and name != "__main__")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes
    ----------
    what : str
        The kind of fault, the same words for the same fault: ``"unreadable file"``.
    where : str
        A file, an aggregator, a source or a key.
    count : int
        How many trains, files or rows are concerned.
    detail : str
        An example or the cause.
    """

    what: str
    where: str
    count: int
    detail: str = ""

    @property
    def fault(self) -> bool:
        """Whether something is wrong; else it is optional, and only said."""
        return self.what not in OPTIONAL

    def line(self) -> str:
        """One line for people."""
        detail = f": {self.detail}" if self.detail else ""
        return f"{self.what}, {self.where} ({self.count}){detail}"


@dataclass(frozen=True, repr=False)
class Findings(Described):
    """The result of `check`: everything that was found wrong, or nothing.

    Attributes
    ----------
    path : str
        What was checked.
    trains, sources, files : int
        How much was looked at.
    findings : tuple of Finding
    event : str
        What `trains` counts: in files of other facilities ``"point"`` or ``"time"``.
    """

    path: str
    trains: int
    sources: int
    files: int
    findings: tuple[Finding, ...] = ()
    event: str = "train"

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; things that a file need not say may be missing."""
        return not self.faults

    @property
    def faults(self) -> tuple[Finding, ...]:
        """What is wrong, without what is optional."""
        return tuple(finding for finding in self.findings if finding.fault)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**asdict(self), "findings": [asdict(f) | {"fault": f.fault} for f in self.findings],
                "ok": self.ok}  # fmt: skip

    def json(self) -> str:
        """Face for programs."""
        return json.dumps(self.as_dict())

    def card(self) -> Card:
        """Describe what was found."""
        found = "nothing wrong" if self.ok else f"{len(self.faults)} kinds of fault"
        if optional := len(self.findings) - len(self.faults):
            found += f"; {optional} things that are optional are not there"
        facts = {
            "looked at": f"{self.trains} {self.event}s, {self.sources} sources, {self.files} files",
            "found": found,
        }
        tables = (findings_table(self.findings),) if self.findings else ()
        return Card("Check", self.path, facts, tables)


def findings_table(findings: Iterable[Finding], *, title: str = "findings") -> Table:
    """Findings as rows."""
    rows = tuple((f.what, f.where, f.count, f.detail) for f in findings)
    return Table(("what", "where", "count", "detail"), rows, title)


def summary(findings: Iterable[Finding]) -> str:
    """Kinds and counts in one line: ``2 × unreadable file, 1 × missing sequence``."""
    kinds: dict[str, int] = {}
    for finding in findings:
        kinds[finding.what] = kinds.get(finding.what, 0) + 1
    return ", ".join(f"{number} × {what}" for what, number in kinds.items())
