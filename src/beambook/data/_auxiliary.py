"""Sources beside the data: how it was reduced (REDUCTION), what was wrong with it (ERRATA)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import h5py

from beambook.data._euxfel.format import SECTIONS, Euxfel, entries_of
from beambook.data._euxfel.names import FileName
from beambook.data._format import Part
from beambook.data._hdf5 import StoredFile, pool
from beambook.data._store import Store
from beambook.errors import DamagedFile

__all__ = ["auxiliary_part", "auxiliary_store"]

LISTED = "METADATA/auxiliarySources"
KINDS = ("reduction", "errata")


@dataclass(frozen=True)
class _Entry:
    part: Part
    kind: str
    source: str

    @property
    def aggregator(self) -> str:
        name = FileName.of(self.part.file.path)
        return name.aggregator if name else self.part.file.path.stem


def auxiliary_store(parts: Iterable[Part], *, suspect: bool) -> Store:
    """The auxiliary sources of these files.

    Several aggregators may have auxiliary sources of the same name, which are not the same
    source: then ``AGGREGATOR@`` stands before it, as in EXtra-data. It does not where the name
    ends with that of a source of the same, only, aggregator.

    Parameters
    ----------
    parts : iterable of Part
    suspect : bool
        Whether trains with a doubtful id are taken.
    """
    entries = [entry for part in parts for entry in _entries(part)]
    by_source: dict[tuple[str, str], list[_Entry]] = {}
    for entry in entries:
        by_source.setdefault((entry.kind, entry.source), []).append(entry)
    named: dict[StoredFile, dict[str, _Entry]] = {}
    for found in by_source.values():
        prefix = _needs_prefix(found)
        for entry in found:
            name = f"{entry.aggregator}@{entry.source}" if prefix else entry.source
            named.setdefault(entry.part.file, {})[name] = entry
    return Store.of([_part(file, those) for file, those in named.items()], suspect=suspect)


def auxiliary_part(part: Part) -> Part:
    """What is beside the data in one file, under the names that are stored."""
    return _part(part.file, {entry.source: entry for entry in _entries(part)})


def _needs_prefix(entries: Sequence[_Entry]) -> bool:
    if len({entry.aggregator for entry in entries}) > 1:
        return True
    source = entries[0].source
    if "@" in source:  # written by us, with the aggregator it was from
        return False
    return not any(source.endswith(real) for entry in entries for real in entry.part.sources)


def _part(file: StoredFile, named: dict[str, _Entry]) -> Part:
    whole = Euxfel().read_part(file.path)
    guard = file.guard if file.guard[0] else whole.file.guard
    return replace(
        whole,
        file=replace(whole.file, guard=guard),
        sources={name: entry.kind for name, entry in named.items()},
        legacy={},
        stored_names={name: entry.source for name, entry in named.items()},
    )


def _entries(part: Part) -> list[_Entry]:
    with pool.open(part.file) as file:
        try:
            listed = {kind: _names(file, SECTIONS[kind]) for kind in KINDS}
        except (OSError, KeyError, RuntimeError, ValueError) as error:
            raise DamagedFile(
                f"{part.file.path.name} has no readable list of auxiliary sources ({error})"
            ) from error
    return [_Entry(part, kind, name) for kind, names in listed.items() for name in names]


def _names(file: h5py.File, section: str) -> list[str]:
    """``SECTION/source/group``, once for each group; without the group, each source once."""
    stored = [e for e in entries_of(file, f"{LISTED}/{section}") or () if isinstance(e, bytes)]
    texts = [entry.decode(errors="surrogateescape") for entry in stored]
    sources = [text.removeprefix(f"{section}/").rpartition("/")[0] for text in texts]
    return list(dict.fromkeys(filter(None, sources)))
