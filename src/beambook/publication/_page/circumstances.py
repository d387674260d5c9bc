"""Integrity, software, sandbox, data and times: what the answer rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from beambook.publication._page.model import Block, Cell, Heading, Mark, Paragraph, Table
from beambook.publication._page.notebooks import tally
from beambook.publication._page.subject import Verified
from beambook.publication._page.words import count, duration, shown
from beambook.publication._verify.leg import Leg

__all__ = ["circumstances", "software_phrase"]

FILES_MOST = 40
CHANGES_MOST = 40
NOTES_MOST = 20
HOW = {
    "image": "from the image that the publication carries",
    "wheels": "installed from the packages that the publication carries, each checked by its hash",
    "cache": "installed before from the same list of packages and hashes, and still as it was",
    "index": "downloaded from a package index, each file checked by its hash",
    "here": "what beambook itself runs in, not what the authors used",
}
LEGS = {
    "preserved": "the software as it was preserved",
    "recreated": "the preserved versions installed anew",
    "newest": "the newest versions of what the notebooks ask for",
    "here": "the software of this machine",
}


def software_phrase(leg: Leg) -> str:
    """Which software, within a sentence."""
    return LEGS.get(leg.name, f"the {shown(leg.name, 40)} software")


def circumstances(of: Verified) -> Iterator[Block]:
    """All parts after the notebooks."""
    yield Heading("Integrity")
    yield from _integrity(of)
    if of.legs:
        yield Heading("Software and sandbox")
        yield from _legs(of)
    yield Heading("Data")
    yield from _data(of)
    yield Heading("Times")
    yield _times(of)


def _integrity(of: Verified) -> Iterator[Block]:
    if of.kind != "publication":
        yield Paragraph(
            "Nobody sealed this: the outputs stored in the notebooks are taken for the published "
            "ones, and nothing shows whether files were changed since."
        )
        return
    if of.integrity:
        rows = [[shown(path, 160), shown(what)] for path, what in of.integrity[:FILES_MOST]]
        yield Paragraph("These files are not as they were sealed. Nothing was executed.")
        yield Table(("file", "what"), rows)
        if len(of.integrity) > FILES_MOST:
            more = count(len(of.integrity) - FILES_MOST, "more file")
            yield Paragraph(f"{more} left out; verdict.json has all of them.", "left out")
    else:
        yield Paragraph("Every file is, byte for byte, as it was sealed (SHA-256).")
    if of.checksum:
        yield Table(
            ("", ""), [["checksum of the publication", of.checksum]], "", "facts", frozenset({1})
        )


def _legs(of: Verified) -> Iterator[Block]:
    """The legs side by side, and the sentence that explains them."""
    if of.pair:
        yield Paragraph(f"{of.pair}.")
    facts = [dict(_facts(leg, sealed=of.kind == "publication")) for leg in of.legs]
    names = list(dict.fromkeys(name for each in facts for name in each))
    rows: list[list[Cell]] = [[name, *(f.get(name, "—") for f in facts)] for name in names]
    several = len(of.legs) > 1
    columns = ["", *(f"{shown(leg.name, 40)} software" if several else "" for leg in of.legs)]
    yield Table(columns, rows, "", "" if several else "facts")
    for leg in of.legs:
        yield from _changes(leg, several=several)
    yield from _notes(of)


def _facts(leg: Leg, *, sealed: bool) -> Iterator[tuple[str, str | Mark]]:
    software = leg.software
    yield "result", Mark(leg.status)
    yield "what it is", software_phrase(leg)
    if leg.problem:
        yield "problem", shown(leg.problem)
    if software.how:
        yield "how it was had", HOW.get(software.how, shown(software.how, 80))
    if software.python:
        yield "Python", shown(software.python, 40)
    if software.packages:
        yield "packages", f"{len(software.packages)} (names and versions: verdict.json)"
    if software.packages and sealed:
        unlike = len(software.changes)
        yield "other than sealed", count(unlike, "package") if unlike else "none"
    if software.digest:
        yield "digest of the lock", software.digest
    if leg.sandbox:
        yield "sandbox", _sandbox(leg.sandbox)
    yield "cells", tally([cell for notebook in leg.notebooks for cell in notebook.cells])
    yield "time", f"{duration(leg.seconds)}, and {duration(software.seconds)} to have the software"


def _sandbox(said: str) -> str:
    if said == "bubblewrap":
        return (
            "bubblewrap: the notebooks saw their own files, their software and their data, could "
            "write into their own folder only, and had no network"
        )
    return shown(said, 500)


def _changes(leg: Leg, *, several: bool) -> Iterator[Block]:
    changes = leg.software.changes
    if not changes:
        return
    rows = [
        [shown(c.name, 60), shown(c.reference, 40) or "—", shown(c.version, 40) or "not there"]
        for c in changes[:CHANGES_MOST]
    ]
    caption = "Packages that are not as they were sealed"
    caption += f", {leg.name} software" if several else ""
    yield Table(("package", "sealed", "executed again with"), rows, caption)
    if len(changes) > CHANGES_MOST:
        more = count(len(changes) - CHANGES_MOST, "more package")
        yield Paragraph(f"{more} left out; verdict.json has all of them.", "left out")


def _notes(of: Verified) -> Iterator[Block]:
    notes = [note for leg in of.legs for note in (*leg.notes, *leg.software.notes)]
    notes = list(dict.fromkeys(shown(note, 400) for note in notes))
    if not notes:
        return
    yield from (Paragraph(note, "note") for note in notes[:NOTES_MOST])
    if len(notes) > NOTES_MOST:
        more = count(len(notes) - NOTES_MOST, "more remark")
        yield Paragraph(f"{more} left out; verdict.json has all of them.", "left out")


def _data(of: Verified) -> Iterator[Block]:
    if of.data:
        rows = [[shown(name, 80), shown(what)] for name, what in of.data[:FILES_MOST]]
        yield Table(("data", "what it is, and whether it was here"), rows)
        if len(of.data) > FILES_MOST:
            yield Paragraph(f"{len(of.data) - FILES_MOST} more left out.", "left out")
    else:
        yield Paragraph("No data is named besides the files that lie with the notebooks.")
    yield from (Paragraph(shown(note, 400), "note") for note in of.notes[:NOTES_MOST])


def _times(of: Verified) -> Table:
    rows: list[Sequence[str]] = [
        ["begun", shown(of.date, 40)],
        ["in all", duration(of.seconds)],
    ]
    rows += [
        [f"software, {leg.name}", duration(leg.software.seconds)]
        for leg in of.legs
        if leg.software.seconds
    ]
    return Table(("", ""), rows, "", "facts")
