"""A verification as JSON and back."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from beambook.publication._verify.leg import (
    CellOutcome,
    Leg,
    NotebookVerdict,
    PackageChange,
    Software,
)
from beambook.recipe import Verdict
from beambook.recipe._tally import Difference
from beambook.recipe._verdict import CellVerdict, OutputVerdict

__all__ = ["leg_document", "read_leg"]


def leg_document(leg: Leg, folder: Path, *, pictures: bool) -> dict[str, Any]:
    """A leg as JSON has it; paths of executions relative to `folder`."""
    return {
        "name": leg.name,
        "status": leg.status,
        "cause": leg.cause,
        "problem": leg.problem,
        "sandbox": leg.sandbox,
        "seconds": leg.seconds,
        "notes": list(leg.notes),
        "software": asdict(leg.software),
        "notebooks": [_notebook(each, folder, pictures=pictures) for each in leg.notebooks],
    }


def _notebook(notebook: NotebookVerdict, folder: Path, *, pictures: bool) -> dict[str, Any]:
    verdict = notebook.verdict
    return {
        "path": notebook.path,
        "status": notebook.status,
        "problem": notebook.problem,
        "execution": _from(notebook.execution, folder),
        "reference": _from(notebook.reference, folder),
        "seconds": notebook.seconds,
        "notes": list(notebook.notes),
        "cells": [asdict(cell) for cell in notebook.cells],
        "verdict": verdict._document(pictures=pictures) if verdict is not None else None,
    }


def _from(path: Path | None, folder: Path) -> str | None:
    if path is None:
        return None
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def read_leg(document: Mapping[str, Any], folder: Path) -> Leg:
    """The leg of a document; the inverse of `leg_document` with pictures."""
    software = dict(document["software"])
    software["changes"] = tuple(PackageChange(**each) for each in software["changes"])
    software["notes"] = tuple(software["notes"])
    return Leg(
        name=document["name"],
        software=Software(**software),
        sandbox=document["sandbox"],
        notebooks=tuple(_read_notebook(each, folder) for each in document["notebooks"]),
        problem=document["problem"],
        seconds=document["seconds"],
        notes=tuple(document["notes"]),
    )


def _read_notebook(document: Mapping[str, Any], folder: Path) -> NotebookVerdict:
    execution = document["execution"]
    return NotebookVerdict(
        path=document["path"],
        status=document["status"],
        problem=document["problem"],
        cells=tuple(CellOutcome(**cell) for cell in document["cells"]),
        execution=folder / execution if execution is not None else None,
        reference=folder / document["reference"],
        verdict=_read_verdict(document["verdict"]),
        seconds=document["seconds"],
        notes=tuple(document["notes"]),
    )


def _read_verdict(document: Mapping[str, Any] | None) -> Verdict | None:
    if document is None:
        return None
    return Verdict(
        status=document["status"],
        executed=document["executed"],
        reference=document["reference"],
        cells=tuple(_read_cell(cell) for cell in document["cells"]),
        rtol=document["tolerance"]["rtol"],
        atol=document["tolerance"]["atol"],
        notes=tuple(document["notes"]),
    )


def _read_cell(document: Mapping[str, Any]) -> CellVerdict:
    return CellVerdict(
        number=document["cell"],
        heading=document["heading"],
        status=document["status"],
        outputs=tuple(_read_output(output) for output in document["outputs"]),
        notes=tuple(document["notes"]),
        claim=document["claim"],
    )


def _read_output(document: Mapping[str, Any]) -> OutputVerdict:
    picture = document.get("picture")
    return OutputVerdict(
        status=document["status"],
        evidence=document["evidence"],
        name=document["name"],
        claim=document["claim"],
        compared=document["compared"],
        ignored=document["ignored"],
        differing=document["differing"],
        differences=tuple(Difference(**each) for each in document["differences"]),
        worst=document["largest_relative_difference"],
        notes=tuple(document["notes"]),
        picture=b64decode(picture) if picture is not None else None,
    )
