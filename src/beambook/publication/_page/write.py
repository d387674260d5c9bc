"""Write the page of a verification: HTML and PDF."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from beambook.errors import MissingPackage, ReportError
from beambook.publication._page.compose import compose
from beambook.publication._page.html import html_page
from beambook.publication._page.pdf import pdf_bytes
from beambook.publication._page.subject import Verified
from beambook.recipe._notebook import write_atomically

__all__ = ["HTML", "PDF", "write_pages"]

HTML, PDF = "verdict.html", "verdict.pdf"


def write_pages(verification: Verified) -> tuple[Path, ...]:
    """Write ``verdict.html`` and ``verdict.pdf`` into the folder of the verification.

    Where no PDF can be made the HTML says why.

    Parameters
    ----------
    verification : Verification

    Returns
    -------
    tuple of Path
        The files written.
    """
    page = compose(verification)
    html, pdf = verification.path / HTML, verification.path / PDF
    written = [html]
    try:
        write_atomically(pdf, pdf_bytes(page))
        written.append(pdf)
    except (MissingPackage, ReportError) as error:
        pdf.unlink(missing_ok=True)  # not one of an earlier save beside a new answer
        page = replace(page, foot=(*page.foot, f"There is no PDF: {error}"))
    write_atomically(html, html_page(page).encode())
    return tuple(written)
