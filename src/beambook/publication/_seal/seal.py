"""Seal: put a publication together beside its place, look for secrets, then move it there."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date as Date  # noqa: N812 `date` is the argument that users give
from pathlib import Path
from typing import Any

from beambook.environment import Environment
from beambook.errors import PublicationError, close_names
from beambook.events import Reporter
from beambook.publication._author import Author
from beambook.publication._contents import DataReference
from beambook.publication._manifest import MANIFEST, checksums, manifest_text
from beambook.publication._publication import RECORD, Publication
from beambook.publication._seal.completed import completed
from beambook.publication._seal.data import Limits
from beambook.publication._seal.draft import Draft
from beambook.publication._seal.source import find_source
from beambook.publication._secrets import KINDS, Leak
from beambook.recipe import Execution

__all__ = ["WOULD_LEAK", "seal"]

LEAKS_SHOWN = 20
WOULD_LEAK = "Not sealed, this would leave with it:"


def seal(
    source: str | Path | Execution,
    into: str | Path,
    *,
    title: str | None = None,
    authors: Sequence[Author | str | Mapping[str, str]] = (),
    licence: str | None = None,
    description: str = "",
    keywords: Sequence[str] = (),
    data: Sequence[str | Path | Mapping[str, Any] | DataReference] = (),
    environment: Environment | str | Path | None = None,
    wheels: bool = False,
    values: Mapping[str, Any] | None = None,
    date: str | Date | None = None,
    allow: Iterable[str] = (),
    limits: Limits | None = None,
    reporter: Reporter | None = None,
) -> Publication:
    """Seal notebooks with their executed outputs, values, software, data and claims.

    Nothing is executed. What is not given is taken from ``publication.yml`` beside the
    notebooks, then from the notebooks and their executions.

    Parameters
    ----------
    source : str, Path or Execution
        A notebook, a folder of notebooks, or an Execution (its folder).
    into : str or Path
        The folder that is made; a publication that is there is replaced. A name that ends in
        ``.zip`` gives the same as one file.
    title, licence, description : str, optional
        `licence` is an SPDX identifier; ``CC-BY-4.0`` if nobody says anything.
    authors : sequence of Author, str or mapping
        ``"Jane Doe"``, or ``{"name": …, "orcid": …, "affiliation": …, "ror": …}``.
    keywords : sequence of str
    data : sequence
        DOIs, addresses, ``"p900074 r0487"``, folders, files.
    environment : Environment, str, Path, optional
        A frozen environment or its folder, or a Python to be frozen now; ``"none"`` for none. If
        not given, what ``beambook freeze`` wrote beside the notebooks, else the Python that
        executed them, else this one.
    wheels : bool
        Carry the wheels of all packages, so that no index is needed to verify.
    values : mapping, optional
        Of the parameters of a single notebook.
    date : str or datetime.date, optional
        Else ``SOURCE_DATE_EPOCH``, the end of the newest execution, the commit, today.
    allow : iterable of str
        Kinds of secrets (see `find_secrets`) that may leave.
    limits : Limits, optional
        Data that is carried: 100 MB a file and 1 GB in all; larger data goes by reference.
    reporter : Reporter, optional

    Returns
    -------
    Publication

    Raises
    ------
    RunNotFound
        If there is no such notebook, folder or execution.
    PublicationError
        If something that should not leave was found, what is declared cannot be understood, or
        there is something else at `into`.
    EnvironmentProblem
        If the software cannot be frozen.

    Examples
    --------
    >>> made = seal("analysis/", "edge-of-nickel", authors=["Jane Doe"])  # doctest: +SKIP
    >>> made.checksum[:12]  # doctest: +SKIP
    '41d2b1c9f0aa'
    """
    allowed = _allowed(allow)
    target = _target(Path(into))
    given = source.path if isinstance(source, Execution) else source
    found = find_source(given, into=target)
    found = replace(found, declaration=completed(
        found, title=title, authors=tuple(map(Author.of, authors)), licence=licence,
        description=description, keywords=tuple(keywords), values=values,
    ))  # fmt: skip
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as scratch:
        folder = Path(scratch) / "publication"
        folder.mkdir()
        draft = Draft(found, folder, limits or Limits(), reporter)
        draft.fill(data, environment, date, wheels=wheels)
        _refuse_leaks(draft.secrets(), allowed)
        _close(folder, reporter)
        if target.suffix == ".zip":
            Publication.open(folder).zip(target, reporter=reporter)
        else:
            _replace(folder, target)
    return Publication.open(target)


def _allowed(allow: Iterable[str]) -> set[str]:
    allowed = {allow} if isinstance(allow, str) else set(allow)
    for kind in sorted(allowed - set(KINDS)):
        close = " or ".join(close_names(kind, KINDS)) or ", ".join(KINDS)
        raise PublicationError(
            f"There is no kind of secret {kind!r}", hint=f"Did you mean {close}?"
        )
    return allowed


def _target(into: Path) -> Path:
    target = into.absolute()
    if target.suffix == ".zip" and not target.is_dir():
        return target
    if target.is_dir() and any(target.iterdir()) and not (target / RECORD).is_file():
        raise PublicationError(
            f"{str(into)!r} has files and is no publication", hint="Name a folder that is not there"
        )
    if target.exists() and not target.is_dir():
        raise PublicationError(f"{str(into)!r} is a file")
    return target


def _refuse_leaks(leaks: Sequence[Leak], allowed: set[str]) -> None:
    kept = [leak for leak in leaks if leak.kind not in allowed]
    if not kept:
        return
    lines = [f"  {leak}" for leak in kept[:LEAKS_SHOWN]]
    if len(kept) > LEAKS_SHOWN:
        lines.append(f"  and {len(kept) - LEAKS_SHOWN} more")
    kinds = " ".join(f"--allow {kind}" for kind in sorted({leak.kind for leak in kept}))
    lines.append(f"Remove them and execute the notebooks again, or let them leave: {kinds}")
    raise PublicationError("\n".join([WOULD_LEAK, *lines]))


def _close(folder: Path, reporter: Reporter | None) -> None:
    """The manifest, which is the last file that is written."""
    (folder / MANIFEST).write_bytes(manifest_text(checksums(folder, reporter=reporter)))


def _replace(folder: Path, target: Path) -> None:
    """Put the finished folder at its place; what was there goes only then."""
    if not target.exists():
        folder.rename(target)
        return
    old = folder.with_name("old")
    target.rename(old)
    try:
        folder.rename(target)
    except OSError:
        old.rename(target)  # else it would go with the scratch folder
        raise
