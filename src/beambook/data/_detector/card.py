"""What is said about a detector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from beambook.card import Card, Table
from beambook.data._findings import findings_table

if TYPE_CHECKING:
    from beambook.data._detector.detector import Detector

__all__ = ["detector_card"]


def detector_card(detector: Detector) -> Card:
    """Describe a detector; reads the index, no data."""
    stack, modules = detector.stack, len(detector.modules)
    facts = {
        "kind": f"{detector.kind.name}, {'raw' if detector.is_raw else 'corrected'}",
        "modules": f"{modules} of {detector.n_modules}",
        "trains": str(len(detector.train_ids)),
        "frames": _frames(detector),
    }
    if missing := int(np.count_nonzero(~stack.valid)):
        facts["missing"] = f"{missing} of {stack.valid.size} trains of modules"
    if detector.parallel_gain:
        facts["gain"] = "three stages in each train"
    if detector.geometry is not None:
        facts["geometry"] = detector.geometry.title
    lacking = np.count_nonzero(~stack.valid, axis=1)
    rows = tuple(
        (module, source, int(number))
        for (module, source), number in zip(detector.sources.items(), lacking, strict=True)
    )
    tables = [Table(("module", "source", "trains missing"), rows, "modules")]
    if detector.findings:
        tables.append(findings_table(detector.findings))
    return Card("Detector", detector.name, facts, tuple(tables))


def _frames(detector: Detector) -> str:
    counts = detector.stack.rows * detector.cells_per_row
    if not len(counts):
        return "none"
    low, high = counts.min(), counts.max()
    in_each = f"{low} in each train" if low == high else f"{low} to {high} in a train"
    return f"{counts.sum()}, {in_each}"
