"""The text of a spectrum's file as a table: header, numbers, meaning of the columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from beambook.errors import DataError

__all__ = ["Table", "read_table"]

Floats = NDArray[np.float64]

# Names that files of the XAS Data Library and their relatives use, in lower case.
SYNONYMS = {
    "energy": ("energy", "e", "en", "ev", "mono_energy", "photon_energy", "energy_ev"),
    "angle": ("angle", "theta", "bragg", "mono_angle"),
    "i0": ("i0", "io", "i_0", "izero", "monitor", "i0_raw"),
    "itrans": ("itrans", "i1", "it", "i_t", "itransmission", "trans", "transmission"),
    "mutrans": ("mutrans", "mu", "xmu", "mux", "mu_trans", "absorbance", "mut", "mud", "ln"),
    "ifluor": ("ifluor", "if", "i_f", "iff", "fluor", "fluorescence", "ifluo", "itey", "iey"),
    "mufluor": ("mufluor", "mu_fluor", "muf", "mutey", "norm", "normtrans", "normfluor", "flat"),
}
BY_SYNONYM = {each: name for name, group in SYNONYMS.items() for each in group}


@dataclass(frozen=True)
class Table:
    """What the text of a file holds: numbers, and what the columns mean.

    Attributes
    ----------
    name : str
        File name.
    header : dict
        Fields in lower case, ``{"element.symbol": "Ni"}``.
    numbers : ndarray (rows, columns)
    places, units : dict
        Column and unit by meaning: ``{"energy": 0}``, ``{"energy": "ev"}``.
    dropped : int
        Lines that are not numbers, or too short.
    """

    name: str
    header: dict[str, str]
    numbers: Floats
    places: dict[str, int]
    units: dict[str, str]
    dropped: int

    def __getitem__(self, column: str) -> Floats:
        return self.numbers[:, self.places[column]]


def read_table(path: Path, columns: Sequence[str] | None) -> Table:
    """Read whatever looks like an XDI file.

    Raises
    ------
    DataError
        If there are no two columns of numbers.
    """
    header, labels, rows = _parse(_text(path))
    numbers = [row for row in map(_numbers, rows) if row]
    widths = [len(row) for row in numbers]
    if max(widths, default=0) < 2:
        raise DataError(f"{path.name} has no table of numbers")
    width = max(set(widths), key=widths.count)
    kept = np.array([row[:width] for row in numbers if len(row) >= width])
    names, units = _names(header, columns or labels, width, named=columns is not None)
    places: dict[str, int] = {}
    for place, name in names.items():
        places.setdefault(_meaning(name), place)
    return Table(path.name, header, kept, places, units, len(rows) - len(kept))


def _text(path: Path) -> str:
    raw = path.read_bytes()
    if b"\0" in raw[:4096]:
        raise DataError(f"{path.name} is not a text file")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _parse(text: str) -> tuple[dict[str, str], list[str], list[list[str]]]:
    """Header fields, labels in the last line of text before the data, rows of words."""
    header: dict[str, str] = {}
    labels: list[str] = []
    rows: list[list[str]] = []
    for line in (line.strip() for line in re.split(r"\r\n|\r|\n", text)):
        is_comment = line[:1] in {"#", ";", "%", "!"}
        words = re.split(r"[\s,;]+", line.strip("#%!,; \t"))
        if is_comment and (match := re.match(r"[#;%! ]*(\w+\.\w+)\s*:\s*(.*)", line)):
            header[match[1].lower()] = match[2].strip()
        elif is_comment or (not rows and not _numbers(words)):
            if not rows and not set("".join(words)) <= set("-=/_*"):
                labels = words
        elif line:
            rows.append(words)
    return header, labels, rows


def _numbers(words: list[str]) -> list[float]:
    try:
        return [float(word.replace("D", "E").replace("d", "e")) for word in words]
    except ValueError:
        return []


def _names(
    header: dict[str, str], labels: Sequence[str], width: int, *, named: bool
) -> tuple[dict[int, str], dict[str, str]]:
    """Name of each column by its place, and the units that the header declares."""
    declared = {
        int(key.split(".")[1]) - 1: value.split()
        for key, value in header.items()
        if re.fullmatch(r"column\.\d+", key) and value
    }
    units = {_meaning(words[0]): "".join(words[1:2]).lower() for words in declared.values()}
    if named:
        return dict(enumerate(labels[:width])), units
    trusted = len(labels) == width and any(_meaning(x) in SYNONYMS for x in labels)
    names = dict(enumerate(labels)) if trusted else {}
    names |= {place: words[0] for place, words in declared.items() if place < width}
    if names:
        return names, units
    return dict(enumerate(("energy", "mutrans") if width == 2 else ("energy", "i0", "itrans"))), {}


def _meaning(name: str) -> str:
    plain = re.sub(r"[\[({/].*", "", name.lower()).strip("_:. ")
    return BY_SYNONYM.get(plain, plain)
