"""Where runs are: ``ROOT/INSTRUMENT/CYCLE/pPPPPPP/{raw,proc}/rRRRR``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from beambook.errors import RunNotFound

__all__ = [
    "alias_files",
    "find_proposal",
    "find_runs",
    "proposal_above",
    "proposal_of",
    "search_roots",
]

FACILITY = Path("/gpfs/exfel/exp")
ALIAS_FILES = ("usr/beambook-aliases.yml", "usr/extra-data-aliases.yml")
SHOWN = 6


def search_roots(roots: str | Path | Sequence[str | Path] | None = None) -> tuple[Path, ...]:
    """Folders that proposals are searched in.

    Parameters
    ----------
    roots : path or paths, optional
        By default ``$BEAMBOOK_DATA`` (separated as ``$PATH`` is), else the facility's own.

    Raises
    ------
    RunNotFound
        There is none.
    """
    if roots is None:
        stated = filter(None, os.environ.get("BEAMBOOK_DATA", "").split(os.pathsep))
        roots = [*stated] or ([FACILITY] if FACILITY.is_dir() else [])
    elif isinstance(roots, str | Path):
        roots = [roots]
    if not roots:
        raise RunNotFound(
            "Nobody says where proposals are",
            hint="Set BEAMBOOK_DATA to the folder above INSTRUMENT/CYCLE/pPPPPPP, or give roots=.",
        )
    return tuple(Path(root).expanduser().absolute() for root in roots)


def find_proposal(
    proposal: int | str | Path, roots: Sequence[str | Path] | str | Path | None = None
) -> tuple[Path, ...]:
    """Folders of a proposal, in the order of the roots.

    Parameters
    ----------
    proposal : int, str or Path
        ``900074``, ``"p900074"``, or the folder itself.
    roots : path or paths, optional
        See `search_roots`.

    Raises
    ------
    RunNotFound
        Says which proposals there are.
    """
    if isinstance(proposal, Path) or os.sep in str(proposal):
        folder = Path(str(proposal))
        if not folder.is_dir():
            raise RunNotFound(
                f"There is no folder {folder}", hint="Give that of a proposal, or its number"
            )
        return (folder,)
    name = folder_name(proposal, "p", 6)
    places = search_roots(roots)
    found = tuple(p for root in places for p in sorted(root.glob(f"*/*/{name}")) if p.is_dir())
    if found:
        return found
    where = ", ".join(map(str, places))
    gone = [str(p) for p in places if not p.is_dir()]
    if gone:
        raise RunNotFound(f"No proposal {name} below {where}", hint=f"Not a folder: {gone[0]}")
    known = {p.name for root in places for p in root.glob("*/*/p" + "[0-9]" * 6)}
    raise RunNotFound(f"No proposal {name} below {where}", hint=_existing(name, known))


def find_runs(
    proposals: Iterable[Path], run: int | str, kinds: Sequence[str]
) -> tuple[Path, dict[str, Path]]:
    """The first proposal folder with a run, and the run's folder for each kind of data.

    Parameters
    ----------
    proposals : iterable of Path
    run : int or str
        ``487``, ``"487"`` or ``"r0487"``.
    kinds : sequence of str
        Folders below the proposal: ``raw``, ``proc`` …

    Raises
    ------
    RunNotFound
        Says which runs there are.
    """
    name = folder_name(run, "r", 4)
    known: set[str] = set()
    folders = list(proposals)
    for proposal in folders:
        found = {k: proposal / k / name for k in kinds if (proposal / k / name).is_dir()}
        if found:
            return proposal, found
        known |= {p.name for k in kinds for p in (proposal / k).glob("r[0-9]*")}
    where = " and ".join(str(p / k) for p in folders for k in kinds)
    others = sorted({str(f.parent) for p in folders for f in p.glob(f"*/{name}")})
    hint = f"It is in {' and '.join(others)}" if others else _existing(name, known)
    raise RunNotFound(f"No run {name} in {where}", hint=hint)


def folder_name(number: int | str, letter: str, digits: int) -> str:
    """``r0487`` from ``487``, ``"487"`` or ``"r0487"``.

    Raises
    ------
    RunNotFound
        It is no number.
    """
    found = re.fullmatch(rf"{letter}?0*(\d+)", str(number).strip())
    if found is None:
        kind = "proposal" if letter == "p" else "run"
        raise RunNotFound(f"{number!r} is no {kind} number", hint=f"Write e.g. {letter}0123.")
    return f"{letter}{int(found[1]):0{digits}d}"


def _existing(name: str, known: Iterable[str]) -> str:
    numbers = sorted({int(k[1:]) for k in known if k[1:].isdigit()})
    if not numbers:
        return "There are none."
    wanted = int(name[1:])
    close = sorted(sorted(numbers, key=lambda n: abs(n - wanted))[:SHOWN])
    names = ", ".join(f"{name[0]}{n:0{len(name) - 1}d}" for n in close)
    there = "There are" if len(close) > 1 else "There is"
    return f"{there} {names}." if len(numbers) <= SHOWN else f"Closest of {len(numbers)}: {names}."


def proposal_of(path: Path) -> Path | None:
    """The folder of the proposal that a run's folder or file is in, if it is in one."""
    for folder in (path, *path.parents)[:4]:
        if re.fullmatch(r"p\d{6}", folder.name):
            return folder
    return None


def proposal_above(path: Path) -> Path | None:
    """The folder of the proposal that a file is in, however deep."""
    inside = (each for each in path.parents if re.fullmatch(r"p\d{6}", each.name))
    return next(inside, None)


def alias_files(proposal: Path | None) -> tuple[Path, ...]:
    """The alias file of a proposal: its own, else EXtra-data's."""
    if proposal is None:
        return ()
    found = [proposal / name for name in ALIAS_FILES if (proposal / name).is_file()]
    return tuple(found[:1])
