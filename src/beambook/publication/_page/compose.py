"""From a verification to its page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from beambook import __version__
from beambook.publication._page.byline import byline
from beambook.publication._page.circumstances import circumstances, software_phrase
from beambook.publication._page.claims import Claimed, claim_blocks, heading, is_number
from beambook.publication._page.evidence import evidence_of
from beambook.publication._page.model import Block, Cell, Heading, Mark, Page, Paragraph, Table
from beambook.publication._page.notebooks import notebook_blocks, overview
from beambook.publication._page.pictures import Album
from beambook.publication._page.subject import Verified
from beambook.publication._page.words import (
    HEADLINES,
    MARKS,
    MEANINGS,
    STOPPED,
    count,
    listed,
    shown,
)
from beambook.publication._verify.leg import CellOutcome, Leg

__all__ = ["compose"]

ABOUT = (
    "Notebooks are documents that hold computer code, its results and the text between them. "
    "A program (beambook {version}) {done}"
)
EXECUTED = (
    "has executed them again from the beginning and compared what came out with what was "
    "published. This page says whether it is the same."
)
NOT_EXECUTED = (
    "executes them again, if they and what they need can be had as published, and compares "
    "what comes out. Here it could not, and nothing is known about their results: this page says "
    "why."
)


def compose(of: Verified) -> Page:
    """Put the page together: the answer, why, claims, notebooks, circumstances."""
    album = Album()
    found = list(_claimed(of.legs))
    blocks: list[Block] = [heading(len({each.where for each in found})), *_claims(of, found, album)]
    if any(leg.notebooks for leg in of.legs):
        blocks += [Heading("Notebooks"), *overview(of.legs)]
        blocks += [Heading("Every cell"), *notebook_blocks(of.legs, album)]
    blocks += circumstances(of)
    blocks += _words(of)
    if album.left_out:
        text = f"{count(album.left_out, 'more figure')} left out: a page holds 30."
        blocks.append(Paragraph(text, "left out"))
    return Page(
        title=shown(of.title, 140) or "Untitled",
        status=of.status,
        headline=STOPPED if of.stopped and of.status == "not verified" else HEADLINES[of.status],
        lead=list(_lead(of, found)),
        about=_about(executed=any(leg.notebooks for leg in of.legs)),
        blocks=blocks,
        date=of.date,
        version=__version__,
        byline=list(byline(of)),
    )


def _about(*, executed: bool) -> str:
    """For people who do not know what this page is about."""
    return ABOUT.format(version=__version__, done=EXECUTED if executed else NOT_EXECUTED)


def _claimed(legs: Sequence[Leg]) -> Iterator[Claimed]:
    """Claims in the order of notebooks and cells, of all legs next to each other."""
    found = [
        (position, cell.outcome.number, turn, Claimed(shown(notebook.path, 120), leg.name, cell))
        for turn, leg in enumerate(legs)
        for position, notebook in enumerate(leg.notebooks)
        if notebook.claims
        for cell in evidence_of(notebook)
        if cell.outcome.claim
    ]
    yield from (each[3] for each in sorted(found, key=lambda each: each[:3]))


def _claims(of: Verified, found: Sequence[Claimed], album: Album) -> Iterator[Block]:
    if found:
        yield from claim_blocks(found, album, legs=len(of.legs))
        return
    if not any(leg.notebooks for leg in of.legs):
        yield Paragraph("Nothing was executed, so that nothing can be said about any.")
        return
    yield Paragraph("The authors marked no numbers, tables or figures as those that they rest on.")
    recorded = list(_recorded(of.legs))
    if recorded:
        yield Paragraph("These are the values that the notebooks record by name:")
        yield from claim_blocks(recorded, album, legs=len(of.legs))


def _recorded(legs: Sequence[Leg]) -> Iterator[Claimed]:
    """Cells that record values, where nothing is marked as a claim."""
    for leg in legs:
        for notebook in leg.notebooks:
            for cell in evidence_of(notebook):
                kept = tuple(each for each in cell.outputs if is_number(each))
                if kept:
                    only = type(cell)(cell.outcome, kept, cell.rtol, cell.atol)
                    yield Claimed(shown(notebook.path, 120), leg.name, only)


def _lead(of: Verified, claims: Sequence[Claimed]) -> Iterator[str]:
    if of.integrity:
        yield "It is not what was sealed: files were changed since. Nothing was executed."
    if of.stopped:
        yield "This page is incomplete: it says what was known when somebody stopped it."
    if of.cause:
        said = "First cause" if of.status == "different" else "Why"
        yield f"{said}: {shown(of.cause, 400).rstrip('.')}."
    leg = next((leg for leg in of.legs if leg.ran), None)
    if leg is not None:
        yield from _about_claims([c for c in claims if c.leg == leg.name])
        yield _executed(leg)
    if of.pair:
        yield f"{of.pair}."


def _executed(leg: Leg) -> str:
    cells = [cell for notebook in leg.notebooks for cell in notebook.cells]
    number = sum(notebook.execution is not None for notebook in leg.notebooks)
    all_ = len(leg.notebooks)
    notebooks = count(all_, "notebook")
    notebooks = notebooks if number == all_ else f"{number} of {notebooks}"
    told = [
        f"{n} {words}"
        for n, words in (
            (_number(cells, "same"), "came out the same"),
            (_number(cells, "within tolerance"), "within tolerance"),
            (_number(cells, "different"), "differently"),
            (_number(cells, "error", "missing software"), "stopped with an error"),
            (_number(cells, "not reached"), "not reached"),
            (_number(cells, "not comparable"), "not comparable"),
            (_number(cells, "no output"), "with nothing to show"),
        )
        if n or words == "came out the same"
    ]
    among = f"of {count(len(cells), 'cell')} with code {listed(told)}"
    return f"{notebooks} executed in {software_phrase(leg)}: {among}."


def _number(cells: Sequence[CellOutcome], *statuses: str) -> int:
    return sum(cell.status in statuses for cell in cells)


def _about_claims(claims: Sequence[Claimed]) -> Iterator[str]:
    if not claims:
        return
    good = [c for c in claims if c.cell.outcome.status in ("same", "within tolerance")]
    bad = [c for c in claims if c not in good]
    number = {0: "None", len(claims): "All"}.get(len(good), str(len(good)))
    said = f"{number} of the {len(claims)} claims of the authors came out"
    if len(claims) == 1:
        said = f"The claim of the authors {'came' if good else 'did not come'} out"
    if bad:
        named = [f"{c.cell.outcome.where} is {c.cell.outcome.status}" for c in bad[:3]]
        more = [f"{len(bad) - 3} more did not come out"] if len(bad) > 3 else []
        said += f"; {listed([shown(each, 120) for each in (*named, *more)])}"
    yield f"{said}."


def _words(of: Verified) -> Iterator[Block]:
    """What the words mean that are on this page."""
    cells = [cell.status for leg in of.legs for n in leg.notebooks for cell in n.cells]
    used = {of.status, *cells, *(n.status for leg in of.legs for n in leg.notebooks)}
    yield Heading("What the words mean")
    rows: list[list[Cell]] = [[Mark(w), MEANINGS[w]] for w in MARKS if w in used]
    yield Table(("word", "meaning"), rows)
    yield Paragraph(
        "Times, addresses, names of temporary files and the like do not count. A relative "
        "difference is the difference of two numbers divided by the larger of them."
    )
