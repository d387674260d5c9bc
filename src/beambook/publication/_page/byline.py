"""The lines below the title: by whom it is, which one it is."""

from __future__ import annotations

from collections.abc import Iterator

from beambook.publication._page.subject import Verified
from beambook.publication._page.words import count, listed, shown

__all__ = ["byline"]

AUTHORS_MOST = 8


def byline(of: Verified) -> Iterator[str]:
    """Authors; then day, version, DOI and checksum, as far as they are known."""
    authors = [shown(name, 60) for name in of.imprint.authors]
    if len(authors) > AUTHORS_MOST:
        more = count(len(authors) - AUTHORS_MOST + 1, "other")
        authors = [*authors[: AUTHORS_MOST - 1], more]
    if authors:
        yield listed(authors)
    facts = (
        ("published", of.imprint.date, 40),
        ("version", of.imprint.version, 40),
        ("doi", of.imprint.doi, 120),
    )
    said = [f"{name} {shown(fact, most)}" for name, fact, most in facts if fact]
    if said:
        yield " · ".join(said)
    if of.checksum:
        yield f"SHA-256 {shown(of.checksum, 80)}"
