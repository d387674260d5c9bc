"""An execution as a document to read: HTML and PDF."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from beambook.card import Card, Described
from beambook.recipe._notebook import title_of, write_atomically
from beambook.recipe._pipeline.document import DOCUMENT
from beambook.recipe._pipeline.performance import Performance
from beambook.recipe._pipeline.subject import PerformanceSubject
from beambook.recipe._report_html import html_page
from beambook.recipe._report_pandoc import make_body
from beambook.recipe._report_pdf import pdf_bytes
from beambook.recipe._report_subject import Subject

__all__ = ["Report"]


class Report(Described):
    """A document of an execution: what was done with which values, what came out, and where.

    Parameters
    ----------
    source : Execution, Performance, str or Path
        An execution or the performance of a pipeline, its folder, or any notebook with its
        outputs.

    Raises
    ------
    RunNotFound
        If there is no such folder or notebook.
    NotebookError
        If the file is not a notebook.

    Examples
    --------
    >>> import nbformat, tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Nickel")])
    >>> nbformat.write(notebook, folder / "nickel.ipynb")
    >>> Report(folder / "nickel.ipynb").html(folder / "nickel.html").name
    'nickel.html'
    """

    def __init__(self, source: Any) -> None:
        self._subject = _subject_of(source)

    def html(self, path: str | Path, *, code: bool = False) -> Path:
        """Write one HTML file that needs no network and no script.

        Parameters
        ----------
        path : str or Path
        code : bool
            Show the code; it is folded else.

        Returns
        -------
        Path
            The file written.

        Raises
        ------
        MissingPackage
            If ``beambook[report]`` is not installed.
        ReportError
            If pandoc fails.
        """
        document = self._subject.document(code=True)
        body = make_body(document, target="html")
        page = html_page(self._subject, document, body, code=code)
        write_atomically(path, page.encode())
        return Path(path)

    def pdf(self, path: str | Path, *, code: bool = False) -> Path:
        """Write a PDF/A-3b with the executed notebook attached.

        Its date is that of the execution (or ``SOURCE_DATE_EPOCH``), so that the same
        execution gives the same bytes.

        Parameters
        ----------
        path : str or Path
        code : bool
            Show the code; it is left out else.

        Returns
        -------
        Path
            The file written.

        Raises
        ------
        MissingPackage
            If ``beambook[report]`` is not installed.
        ReportError
            If pandoc or typst fails.
        """
        document = self._subject.document(code=code)
        body = make_body(document, target="typst")
        with tempfile.TemporaryDirectory(prefix="beambook-report-") as folder:
            content = pdf_bytes(self._subject, document, body, Path(folder))
        write_atomically(path, content)
        return Path(path)

    def card(self) -> Card:
        """What the report is about."""
        subject = self._subject
        facts = {
            "notebook": str(subject.path),
            "status": subject.status or "not executed",
            "date": f"{subject.time:%Y-%m-%d}",
            "cells": str(len(subject.notebook.cells)),
            "errors": str(len(subject.errors())),
        }
        return Card(
            "Report",
            title_of(subject.notebook, subject.title),
            facts,
            hints=("report.html(path)", "report.pdf(path)"),
        )


def _subject_of(source: Any) -> Subject:
    if isinstance(source, Performance):
        return PerformanceSubject.of(source)
    folder = Path(getattr(source, "path", source))
    if (folder / DOCUMENT).is_file():
        return PerformanceSubject.of(Performance.load(folder))
    return Subject.load(source)
