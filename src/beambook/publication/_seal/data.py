"""Data: carried when it is small, else where it is, with sizes and checksums."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from beambook.checksum import sha256_of
from beambook.errors import PublicationError
from beambook.events import Progress, Reporter
from beambook.publication._contents import DataFile, DataReference
from beambook.publication._declaration import doi
from beambook.publication._names import why_unsafe
from beambook.publication._seal.address import with_addresses
from beambook.publication._seal.piece import Piece
from beambook.publication._seal.source import Source

__all__ = [
    "CARRIED",
    "Limits",
    "apart",
    "as_piece",
    "pieces_of",
    "portable",
    "settled",
    "with_what_was_read",
]

CARRIED = "data"
HASHED = 20 << 30  # bytes that are read for checksums; at 1 GB/s twenty seconds
_DOI = re.compile(r"(?:https?://(?:dx\.)?doi\.org/|doi:)?10\.\d{4,9}/", re.I)
_URL = re.compile(r"(?:https?|ftp|s3|root)://")
_RUN = re.compile(
    r"(?P<root>/.*?)/(?P<instrument>[A-Z0-9]+)/(?P<cycle>\d{6})/p(?P<proposal>\d{6})"
    r"/(?P<kind>raw|proc)/r(?P<run>\d{4})"
)
ALIASES = ("beambook-aliases.yml", "extra-data-aliases.yml")  # short names that a run opens with
_FACILITY = re.compile(r"p?(?P<proposal>\d{3,6})(?:[ /,]+r?(?P<run>\d{1,4}))?")


@dataclass(frozen=True)
class Limits:
    """How much data a publication carries, in bytes: in one file, and in all."""

    each: int = 100_000_000
    total: int = 1_000_000_000


def pieces_of(source: Source, given: Iterable[Any], large: Iterable[Piece] = ()) -> list[Piece]:
    """All data: as declared, as given, links that lead out, what executions have read, `large`."""
    found = [as_piece(each, source.root) for each in (*source.declaration.data, *given)]
    for name, path in source.links.items():
        found.append(_of_folder(Path(name).name, path, target=name))
    for execution in source.executions.values():
        for each in execution.inputs:
            if each.get("seen"):  # files that Python saw opened: `with_what_was_read`
                continue
            path = Path(str(each.get("path", "")))
            known = [piece.base for piece in found if piece.base is not None and piece.files]
            inside = path.is_relative_to(source.root) or path.is_relative_to(execution.path)
            if path.is_absolute() and not inside and not _is_known(path, found, known):
                found.append(_of_input(path, each))
    return _named_apart(_with_large(found, list(large), source))


def apart(source: Source) -> set[Path]:
    """Files of the folder that shall not be carried, as declared."""
    declared = (each for each in source.declaration.data if each.get("carry") is False)
    return {path for each in declared for path in as_piece(each, source.root).files.values()}


def _with_large(found: list[Piece], large: list[Piece], source: Source) -> list[Piece]:
    """Of declared data that lies among the notebooks, what does not go along with them anyhow."""
    waiting = {path: piece for piece in large for path in piece.files.values()}
    along = {source.root / name for name in source.files} - waiting.keys()
    done = []
    for piece in found:
        if piece.urls or not piece.carry:
            files = {name: path for name, path in piece.files.items() if path not in along}
            piece = replace(piece, files=files, urls=piece.urls if files else {})
            for path in files.values():
                waiting.pop(path, None)
        done.append(piece)
    return [*done, *waiting.values()]


def with_what_was_read(source: Source, pieces: list[Piece]) -> tuple[list[Piece], list[str]]:
    """Files that executions opened: those of a proposal go with its run, others are only told.

    Nobody has asked for them to leave, so nothing but what lies in the facility's folders, beside
    data that does leave, is taken along.
    """
    found, notes = list(pieces), []
    for execution in source.executions.values():
        for entry in filter(lambda each: each.get("seen"), execution.inputs):
            folder = Path(str(entry["path"]))
            inside = folder.is_relative_to(source.root) or folder.is_relative_to(execution.path)
            if inside or not folder.is_absolute():  # of a folder that was executed
                continue
            paths = [folder / str(file["name"]) for file in entry["files"]]
            number = next((n for n, p in enumerate(found) if _is_beside(folder, p)), None)
            if number is None:
                notes.append(
                    f"{folder}: {', '.join(p.name for p in paths[:3])} was read, and stays"
                )
                continue
            piece = found[number]
            more = {str(p.relative_to(piece.base or "")): p for p in paths if p.is_file()}
            found[number] = replace(piece, files={**piece.files, **more})
    return found, list(dict.fromkeys(notes))


def _is_beside(folder: Path, piece: Piece) -> bool:
    """Whether a folder is of the proposal of a run."""
    if piece.base is None or piece.reference.kind != "run" or not piece.files:
        return False
    proposal = Path(next(iter(piece.files))).parts[:3]  # INSTRUMENT/CYCLE/pPPPPPP
    return folder.is_relative_to(piece.base.joinpath(*proposal))


def _is_known(path: Path, found: list[Piece], bases: list[Path]) -> bool:
    files = {file for piece in found for file in piece.files.values()}
    return path in files or any(file.parent == path for file in files)


def as_piece(given: Any, root: Path) -> Piece:
    """Data as people name it: a DOI, an address, a proposal with its run, a folder or a file.

    A mapping may say both where it is here and where others find it.

    Raises
    ------
    PublicationError
        If nobody knows what is meant.
    """
    if isinstance(given, DataReference):
        return Piece(given)
    facts = dict(given) if isinstance(given, Mapping) else {"where": str(given)}
    return with_addresses(_as_piece(facts, root), facts, root)


def _as_piece(facts: Mapping[str, Any], root: Path) -> Piece:
    name, target = str(facts.get("name") or ""), str(facts.get("target") or "")
    if "proposal" in facts:
        return _of_proposal(facts, root)
    where = str(facts.get("folder") or facts.get("where") or facts.get("doi") or facts.get("url"))
    path = root / Path(where).expanduser()
    if not _URL.match(where) and not _DOI.match(where) and path.exists():
        return _of_folder(name or path.name, path, target=target)
    if _DOI.match(where):
        where = doi(where)
        return Piece(DataReference(name or where, "doi", where, target))
    if _URL.match(where):
        return Piece(
            DataReference(name or where.rstrip("/").rpartition("/")[2], "url", where, target)
        )
    if found := _FACILITY.fullmatch(where.strip()):
        return _of_proposal({**found.groupdict(), "name": name}, root)
    raise PublicationError(
        f"Data {where!r} is neither there, nor a DOI, an address, or a proposal and run",
        hint="Such as 10.5281/zenodo.1234567, https://…, 'p900074 r0487', or a folder",
    )


def _of_proposal(facts: Mapping[str, Any], root: Path) -> Piece:
    """A proposal's run, found through ``folder`` or ``BEAMBOOK_DATA`` if it is here."""
    proposal = int(str(facts["proposal"]).lstrip("p"))
    run = facts.get("run", facts.get("runs"))
    runs = [run] if not isinstance(run, list) else run
    numbers = [int(str(each).lstrip("r")) for each in runs if each is not None]
    where = " ".join([f"p{proposal:06d}", *(f"r{number:04d}" for number in numbers)])
    files: dict[str, Path] = {}
    for folder in _run_folders(facts.get("folder"), root, proposal, numbers):
        files |= _of_run(folder)[1]
    target = str(facts.get("target") or "")
    reference = DataReference(str(facts.get("name") or where), "run", where, target)
    return Piece(reference, _base(files), files)


def _run_folders(given: Any, root: Path, proposal: int, numbers: list[int]) -> list[Path]:
    roots = [root / str(given)] if given else []
    roots += [Path(r) for r in os.environ.get("BEAMBOOK_DATA", "").split(os.pathsep) if r]
    patterns = [f"r{number:04d}" for number in numbers] or ["r[0-9][0-9][0-9][0-9]"]
    found: dict[Path, None] = {}
    for folder in roots:
        for pattern in patterns:
            for start in ("*/*/", "*/", ""):
                for each in sorted(folder.glob(f"{start}p{proposal:06d}/[rp][ar][wo]*/{pattern}")):
                    found[each.absolute()] = None
    return [each for each in found if each.is_dir()]


def _of_run(folder: Path) -> tuple[str, dict[str, Path]]:
    """``p900074 r0487``, and its files as they lie below ``BEAMBOOK_DATA``."""
    found = _RUN.fullmatch(str(folder))
    base = Path(found["root"]) if found else folder.parent
    name = f"p{found['proposal']} r{found['run']}" if found else folder.name
    beside = (folder.parent.parent / "usr" / each for each in ALIASES if found)
    files = (each for each in (*sorted(folder.iterdir()), *beside) if each.is_file())
    return name, {str(each.relative_to(base)): each for each in files if each.name[0] != "."}


def _of_input(path: Path, entry: Mapping[str, Any]) -> Piece:
    """What a library says an execution has read: a run's folder, or a file."""
    if found := _RUN.fullmatch(str(path)):
        name, files = (
            _of_run(path) if path.is_dir() else (f"p{found['proposal']} r{found['run']}", {})
        )
        if not files:
            below = str(path.relative_to(found["root"]))
            kept = tuple(DataFile(f"{below}/{f['name']}", int(f["size"])) for f in entry["files"])
            return Piece(DataReference(name, "run", name, files=kept))
        label = name if found["kind"] == "raw" else f"{name} {found['kind']}"
        return Piece(DataReference(label, "run", name), _base(files), files)
    return _of_folder(path.name, path)


def _base(files: Mapping[str, Path]) -> Path | None:
    for name, path in files.items():
        return Path(str(path).removesuffix(f"/{name}"))
    return None


def _of_folder(name: str, path: Path, *, target: str = "") -> Piece:
    if path.is_dir():
        each = (file for file in sorted(path.rglob("*")) if file.is_file())
        files = {str(file.relative_to(path)): file for file in each}
        return Piece(DataReference(name, "folder", "", target), path.absolute(), files)
    # A file: what is named is the file itself, so its folder is the target's.
    target = str(Path(target).parent) if target and "/" in target else ""
    return Piece(
        DataReference(name, "folder", "", target), path.parent.absolute(), {path.name: path}
    )


def _named_apart(pieces: list[Piece]) -> list[Piece]:
    """Every piece under a name of its own that can be a folder's."""
    taken: set[str] = set()
    done = []
    for piece in pieces:
        base = re.sub(r"[^\w.+-]+", "-", piece.reference.name).strip("-.") or "data"
        name = base
        while name.lower() in taken:
            name = f"{base}-{sum(each.startswith(base.lower()) for each in taken) + 1}"
        taken.add(name.lower())
        done.append(replace(piece, reference=replace(piece.reference, name=name)))
    return done


def settled(
    pieces: list[Piece], limits: Limits, spent: int, *, reporter: Reporter | None = None
) -> tuple[list[Piece], list[str]]:
    """Decide what is carried; take sizes and checksums of all.

    Parameters
    ----------
    pieces : list of Piece
    limits : Limits
    spent : int
        Bytes that the publication has already.
    reporter : Reporter, optional

    Returns
    -------
    list of Piece, list of str
        And notes.
    """
    done, notes, hashed, began = [], [], 0, time.monotonic()
    for number, piece in enumerate(pieces):
        sizes = {name: path.stat().st_size for name, path in piece.files.items()}
        if piece.files:
            hashed += sum(sizes.values())
            sums = {n: sha256_of(p) for n, p in piece.files.items()} if hashed <= HASHED else {}
            files = tuple(
                DataFile(n, size, sums.get(n), piece.urls.get(n, "")) for n, size in sizes.items()
            )
            piece = replace(piece, reference=replace(piece.reference, files=files))
            carried = _fits(piece, sizes, limits, spent)
            spent += sum(sizes.values()) if carried else 0
            piece = _carried(piece) if carried else piece
            notes += _notes(piece, sums)
        elif piece.reference.kind == "run" and not piece.reference.files:
            notes.append(
                f"data {piece.reference.name} was not found here: nothing is known of its files; "
                "set BEAMBOOK_DATA, or say folder: in publication.yml"
            )
        done.append(piece)
        if reporter is not None:
            seconds = time.monotonic() - began
            reporter(Progress("data", number + 1, len(pieces), piece.reference.name, seconds))
    return done, notes


def _fits(piece: Piece, sizes: Mapping[str, int], limits: Limits, spent: int) -> bool:
    safe = piece.carry and not any(why_unsafe(name) for name in sizes)
    small = max(sizes.values(), default=0) <= limits.each
    return safe and small and spent + sum(sizes.values()) <= limits.total


def _carried(piece: Piece) -> Piece:
    reference = piece.reference
    where = f"{CARRIED}/{reference.name}"
    return replace(piece, carried=True, reference=replace(reference, kind="carried", where=where))


def _notes(piece: Piece, sums: Mapping[str, str]) -> list[str]:
    name, size = piece.reference.name, piece.reference.size
    if piece.carried:
        return []
    why = "it is too large" if piece.carry else "publication.yml says so"
    notes = [f"data {name} ({size:,} bytes) is not carried: {why}"]
    if piece.reference.kind == "folder":
        notes[0] += "; with doi: or url: in publication.yml others can fetch it"
    if not sums:
        notes.append(f"data {name}: no checksums were taken, sizes only: it is too large")
    return notes


def portable(value: Any, *, root: Path, folder: Path, pieces: Iterable[Piece]) -> Any:
    """A parameter's value without paths of this machine.

    What is below the source becomes relative to the notebook's folder; what is in a piece of
    data becomes ``data:NAME/rest``. All else stays as it is.
    """
    if isinstance(value, list):
        return [portable(each, root=root, folder=folder, pieces=pieces) for each in value]
    if isinstance(value, dict):
        return {k: portable(v, root=root, folder=folder, pieces=pieces) for k, v in value.items()}
    if not isinstance(value, str) or not value.startswith("/"):
        return value
    path = Path(os.path.realpath(value))
    if path.is_relative_to(root.resolve()):
        return os.path.relpath(path, folder.resolve())
    for piece in pieces:
        base = piece.base.resolve() if piece.base is not None else None
        if base is not None and path.is_relative_to(base):
            rest = path.relative_to(base).as_posix()
            return f"data:{piece.reference.name}" + (f"/{rest}" if rest != "." else "")
    return value
