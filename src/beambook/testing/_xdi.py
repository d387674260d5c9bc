"""XDI files (XAFS Data Interchange 1.0), read as people write them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from beambook.errors import DataError, NameNotFound, RunNotFound
from beambook.testing._scan import Scan, find_edge, level

__all__ = ["read_xdi", "shipped_scans"]

Floats = NDArray[np.float64]
HC_EV_ANGSTROM = 12398.41984
FEWEST_POINTS = 10

# Names that files of the XAS Data Library and their relatives use, in lower case.
SYNONYMS = {
    "energy": ("energy", "e", "en", "e(ev)", "ev", "energy(ev)", "mono_energy", "photon_energy"),
    "angle": ("angle", "theta", "bragg", "mono_angle"),
    "i0": ("i0", "io", "i_0", "izero", "monitor", "i0_raw"),
    "itrans": ("itrans", "i1", "it", "i_t", "itransmission", "trans", "transmission"),
    "mutrans": ("mutrans", "mu", "xmu", "mux", "mu_trans", "absorbance", "mut", "mud", "normtrans"),
    "ifluor": ("ifluor", "if", "i_f", "iff", "fluor", "fluorescence", "ifluo", "itey", "iey"),
    "mufluor": ("mufluor", "mu_fluor", "muf", "normfluor", "mutey", "norm", "flat"),
}
BY_SYNONYM = {each: name for name, group in SYNONYMS.items() for each in group}

Recipe = tuple[tuple[str, ...], str, Callable[..., Floats]]
# What to compute from which columns; the first that is possible is taken.
RECIPES: tuple[Recipe, ...] = (
    (("i0", "itrans"), "transmission", lambda i0, i1: np.log(i0 / i1)),
    (("mutrans",), "transmission", lambda mu: mu),
    (("i0", "ifluor"), "fluorescence", lambda i0, fluor: fluor / i0),
    (("mufluor",), "fluorescence", lambda mu: mu),
)


def shipped_scans() -> dict[str, Path]:
    """Scans that come with beambook, by short name.

    Returns
    -------
    dict of str to Path
        ``{"Cu": …/cu_metal_rt.xdi, "Cu2S": …, "Fe": …, "Fe2O3": …, "Ni": …, "NiOH2": …}``
    """
    folder = Path(__file__).parent / "spectra"
    return {_short(path): path for path in sorted(folder.glob("*.xdi"))}


def _short(path: Path) -> str:
    name = path.stem.split("_")[0]
    return name[0].upper() + name[1:]


def read_xdi(path: str | Path, *, columns: Sequence[str] | None = None) -> Scan:
    """Read an absorption spectrum from an XDI file or a shipped scan.

    The absorbance is ln(i0/itrans) if the file has both, else ``mutrans``, else
    ``ifluor/i0`` or ``mufluor`` scaled to an edge step of 1. The meaningless
    constant (the ratio of two amplifier gains) is replaced so that the median
    before the edge is 0.2. Energies may be in eV or keV, or come as Bragg angle
    with ``Mono.d_spacing``; they are sorted, duplicates averaged. Rows without
    numbers or light are counted in `Scan.dropped`.

    Parameters
    ----------
    path : str or Path
        A file, or one of `shipped_scans`.
    columns : sequence of str, optional
        Names of the file's columns, if its header has none or wrong ones:
        ``("energy", "i0", "itrans")``. Without any names the first column is the
        energy, and two more are i0 and itrans, one more is mutrans.

    Returns
    -------
    Scan

    Raises
    ------
    NameNotFound, RunNotFound
        No such shipped scan, no such file.
    DataError
        The file holds no absorption spectrum; the message says what is missing.

    Examples
    --------
    >>> scan = read_xdi("Ni")
    >>> scan.element, scan.edge, round(scan.edge_energy)
    ('Ni', 'K', 8331)
    """
    path = _find(path)
    header, labels, rows = _parse(_text(path))
    table, dropped = _table(path, rows)
    names, units = _columns(path, header, columns or labels, table.shape[1])
    energy = _energy(path, names, units, header, table)
    mode, absorbance = _absorbance(path, names, table)
    good = np.isfinite(energy) & np.isfinite(absorbance) & (energy > 0)
    dropped += int((~good).sum())
    energy, absorbance = _ordered(energy[good], absorbance[good])
    if len(energy) < FEWEST_POINTS:
        raise DataError(f"{path.name} has {len(energy)} usable points; {dropped} rows were not")
    return Scan(
        energy,
        _scaled(path, energy, absorbance, mode),
        header.get("element.symbol", ""),
        header.get("element.edge", ""),
        mode,
        path.stem,
        header,
        dropped,
    )


def _find(path: str | Path) -> Path:
    shipped = shipped_scans()
    if str(path) in shipped:
        return shipped[str(path)]
    if Path(path).is_file():
        return Path(path)
    if isinstance(path, str) and not re.search(r"[/.\\]", path):
        raise NameNotFound(path, shipped, where="the shipped spectra")
    raise RunNotFound(f"No spectrum file {str(path)!r}")


def _text(path: Path) -> str:
    raw = path.read_bytes()
    if b"\0" in raw[:4096]:
        raise DataError(f"{path.name} is not a text file")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _parse(text: str) -> tuple[dict[str, str], list[str], list[list[str]]]:
    """Header fields, labels in the last comment before the data, rows of words."""
    header: dict[str, str] = {}
    labels: list[str] = []
    rows: list[list[str]] = []
    for line in (line.strip() for line in re.split(r"\r\n|\r|\n", text)):
        if line[:1] in {"#", ";", "%"}:
            comment = line.lstrip("#;% ").strip()
            if match := re.match(r"([A-Za-z]\w*\.\w+)\s*:\s*(.*)", comment):
                header[match[1].lower()] = match[2].strip()
            elif comment and not rows and not set(comment) <= set("-=/"):
                labels = re.split(r"[\s,]+", comment)
        elif line:
            rows.append(re.split(r"[\s,;]+", line.strip(",;")))
    return header, labels, rows


def _table(path: Path, rows: list[list[str]]) -> tuple[Floats, int]:
    """Rows as numbers, all of the most frequent width; how many were not."""
    numbers = [row for row in map(_numbers, rows) if row]
    widths = [len(row) for row in numbers]
    if not widths or max(widths) < 2:
        raise DataError(f"{path.name} has no table of numbers")
    width = max(set(widths), key=widths.count)
    kept = [row[:width] for row in numbers if len(row) >= width]
    return np.array(kept, dtype=np.float64), len(rows) - len(kept)


def _numbers(words: list[str]) -> list[float]:
    try:
        return [float(word.replace("D", "E").replace("d", "e")) for word in words]
    except ValueError:
        return []


def _columns(
    path: Path, header: dict[str, str], labels: Sequence[str], width: int
) -> tuple[dict[str, int], dict[str, str]]:
    """Place and unit of each known column."""
    declared = {
        int(key.split(".")[1]) - 1: value.split()
        for key, value in header.items()
        if re.fullmatch(r"column\.\d+", key) and value
    }
    names = {place: words[0] for place, words in declared.items() if place < width}
    if not names and len(labels) == width and any(x.lower() in BY_SYNONYM for x in labels):
        names = dict(enumerate(labels))
    if not names:
        names = dict(enumerate(("energy", "mutrans") if width == 2 else ("energy", "i0", "itrans")))
    found: dict[str, int] = {}
    units: dict[str, str] = {}
    for place, name in names.items():
        meaning = BY_SYNONYM.get(name.lower(), name.lower())
        found.setdefault(meaning, place)
        units.setdefault(meaning, " ".join(declared.get(place, [])[1:]).lower())
    return found, units


def _energy(
    path: Path,
    names: dict[str, int],
    units: dict[str, str],
    header: dict[str, str],
    table: Floats,
) -> Floats:
    if "energy" in names:
        energy = table[:, names["energy"]]
        unit = units["energy"]
        kilo = unit.startswith("kev") or (not unit and np.nanmax(energy) < 130)
        return energy * 1000 if kilo else energy
    if "angle" in names and (spacing := header.get("mono.d_spacing")):
        angle = table[:, names["angle"]]
        radians = angle if units["angle"].startswith("rad") else np.deg2rad(angle)
        return HC_EV_ANGSTROM / (2 * float(spacing.split()[0]) * np.sin(radians))
    raise DataError(
        f"{path.name} has no energy column, only {', '.join(names)}",
        hint='Name its columns: read_xdi(path, columns=("energy", "i0", "itrans"))',
    )


def _absorbance(path: Path, names: dict[str, int], table: Floats) -> tuple[str, Floats]:
    for needed, mode, formula in RECIPES:
        if all(name in names for name in needed):
            with np.errstate(divide="ignore", invalid="ignore"):
                return mode, formula(*(table[:, names[name]] for name in needed))
    raise DataError(
        f"{path.name} has no column of absorption, only {', '.join(names)}",
        hint="It needs i0 and itrans, mutrans, i0 and ifluor, or mufluor",
    )


def _ordered(energy: Floats, absorbance: Floats) -> tuple[Floats, Floats]:
    """Ascending; the mean where an energy occurs several times."""
    unique, place, counts = np.unique(energy, return_inverse=True, return_counts=True)
    return unique, np.bincount(place, absorbance, len(unique)) / counts


def _scaled(path: Path, energy: Floats, absorbance: Floats, mode: str) -> Floats:
    try:
        edge = find_edge(energy, absorbance)
    except DataError as error:
        raise DataError(f"{path.name}: {error.message[0].lower()}{error.message[1:]}") from error
    if mode == "fluorescence":
        above = absorbance[(energy > edge) & (energy < edge + 100)]
        below = absorbance[energy < edge - 5]
        absorbance = absorbance / (np.median(above) - np.median(below))
    return level(energy, absorbance)
