"""Where others find data: the DOI or the addresses that its author declares."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from beambook.errors import PublicationError, close_names
from beambook.publication._contents import DataFile
from beambook.publication._declaration import doi
from beambook.publication._fetch.archive import doi_address
from beambook.publication._names import why_unsafe
from beambook.publication._seal.piece import Piece

__all__ = ["with_addresses"]

_SHA256 = re.compile(r"[0-9a-f]{64}")


def with_addresses(piece: Piece, facts: Mapping[str, Any], root: Path) -> Piece:
    """A piece with what its declaration says of its files: their addresses, whether to carry it.

    Parameters
    ----------
    piece : Piece
    facts : mapping
        As in ``publication.yml``: ``doi``, ``url``, ``files``, ``carry``, ``size``, ``sha256``.
    root : Path
        Of what is published.

    Raises
    ------
    PublicationError
        If it names a file that is not there, or says half of what is needed.
    """
    carry = facts.get("carry", True)
    if not isinstance(carry, bool):
        raise PublicationError(f"data {piece.reference.name}: carry is {carry!r}, not yes or no")
    piece = replace(piece, carry=carry)
    if not piece.files:
        return _stated(piece, facts)
    urls = _urls(piece, facts)
    if not urls and carry:
        return piece
    reference = piece.reference
    if reference.kind == "folder" and facts.get("doi"):
        reference = replace(reference, kind="doi", where=doi(str(facts["doi"])))
    elif reference.kind == "folder" and facts.get("url"):
        reference = replace(reference, kind="url", where=str(facts["url"]))
    return replace(piece, urls=urls, reference=replace(reference, target=_place(piece, root)))


def _place(piece: Piece, root: Path) -> str:
    """Where it lies among the notebooks, if it does, so that they find it there again."""
    base = Path(os.path.abspath(piece.base or ""))
    known = piece.reference.target or piece.reference.kind == "run"  # that is found by its root
    if known or piece.base is None or not base.is_relative_to(root):
        return piece.reference.target
    place = base.relative_to(root).as_posix()
    return "" if place == "." else place


def _urls(piece: Piece, facts: Mapping[str, Any]) -> dict[str, str]:
    """The address of each file: its own, else below that of the folder, else by the DOI."""
    own = facts.get("files") or {}
    if not isinstance(own, Mapping):
        raise PublicationError(f"data {piece.reference.name}: files are names with addresses")
    for name in own:
        if name not in piece.files:
            close = close_names(str(name), piece.files) or sorted(piece.files)[:3]
            raise PublicationError(
                f"data {piece.reference.name} has no file {name!r}",
                hint=f"Did you mean {' or '.join(close)}?",
            )
    url, found = str(facts.get("url") or ""), {}
    for name in piece.files:
        if name in own:
            found[name] = str(own[name])
        elif url and len(piece.files) == 1 and not url.endswith("/"):
            found[name] = url
        elif url:
            found[name] = f"{url.rstrip('/')}/{quote(name)}"
        elif facts.get("doi"):
            found[name] = doi_address(doi(str(facts["doi"])), name)
    return found


def _stated(piece: Piece, facts: Mapping[str, Any]) -> Piece:
    """One file that the author has not here: its size and checksum are taken on his word."""
    name = piece.reference.name
    if facts.get("files"):
        raise PublicationError(
            f"data {name}: none of its files is here", hint="Say folder: with where they are"
        )
    said = {key: facts[key] for key in ("size", "sha256") if key in facts}
    if not said:
        return piece
    size, sha256 = said.get("size"), str(said.get("sha256") or "").lower()
    if not isinstance(size, int) or size < 0 or not _SHA256.fullmatch(sha256):
        raise PublicationError(
            f"data {name}: size (a number of bytes) and sha256 (64 digits) are said together"
        )
    url = str(facts.get("url") or "")
    last = unquote(urlsplit(url).path).rpartition("/")[2]
    place = Path(piece.reference.target or last or name)
    if why := why_unsafe(place.as_posix()):
        raise PublicationError(f"data {name}: {place.as_posix()!r} {why}", hint="Say target:")
    address = url or doi_address(doi(str(facts.get("doi"))), last or name)
    folder = place.parent.as_posix()
    return replace(
        piece,
        reference=replace(
            piece.reference,
            target="" if folder == "." else folder,
            files=(DataFile(place.name, size, sha256, address),),
        ),
    )
