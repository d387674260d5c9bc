"""XDI files (XAFS Data Interchange 1.0), read as people write them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from beambook.errors import DataError, NameNotFound, ParameterError, RunNotFound
from beambook.testing._scan import Scan, find_edge, level, pre_edge
from beambook.testing._xdi_table import Table, read_table

__all__ = ["read_xdi", "shipped_scans"]

Floats = NDArray[np.float64]
HC_EV_ANGSTROM = 12398.41984
FEWEST_POINTS = 10
LARGEST_KEV = 130.0  # a column without unit that stays below it is in keV
NAME_COLUMNS = 'Name the columns: read_xdi(path, columns=("energy", "i0", "itrans"))'


@dataclass(frozen=True)
class _Way:
    """One way from columns to absorbance."""

    needed: tuple[str, ...]
    mode: str
    formula: Callable[..., Floats]


# In the order of preference: measured intensities before what somebody made of them.
WAYS = (
    _Way(("i0", "itrans"), "transmission", lambda i0, i1: np.log(i0 / i1)),
    _Way(("mutrans",), "transmission", lambda mu: mu),
    _Way(("i0", "ifluor"), "fluorescence", lambda i0, fluor: fluor / i0),
    _Way(("mufluor",), "fluorescence", lambda mu: mu),
)


def shipped_scans() -> dict[str, Path]:
    """Scans that come with beambook, by short name.

    Returns
    -------
    dict of str to Path
        ``{"Cu": …/cu_metal_rt.xdi, "Cu2S": …, "Fe": …, "Fe2O3": …, "Ni": …, "NiOH2": …}``

    Examples
    --------
    >>> sorted(shipped_scans())
    ['Cu', 'Cu2S', 'Fe', 'Fe2O3', 'Ni', 'NiOH2']
    """
    folder = Path(__file__).parent / "spectra"
    return {_short(path): path for path in sorted(folder.glob("*.xdi"))}


def _short(path: Path) -> str:
    name = path.stem.split("_")[0]
    return name[0].upper() + name[1:]


def read_xdi(
    path: str | Path, *, columns: Sequence[str] | None = None, mode: str | None = None
) -> Scan:
    """Read an absorption spectrum from an XDI file or a shipped scan.

    The absorbance is ln(i0/itrans) if the file has both, else ``mutrans``, else
    ``ifluor/i0`` or ``mufluor`` scaled to an edge step of 1; the first of these
    that shows an edge. The meaningless constant (the ratio of two amplifier
    gains) is replaced so that the median shortly before the edge is 0.2.
    Energies may be in eV or keV, or come as Bragg angle with
    ``Mono.d_spacing``; they are sorted, duplicates averaged. Rows without
    numbers or light are counted in `Scan.dropped`.

    Parameters
    ----------
    path : str or Path
        A file, or one of `shipped_scans`.
    columns : sequence of str, optional
        Names of the file's columns, if its header has none or wrong ones:
        ``("energy", "i0", "itrans")``. Without any names the first column is the
        energy, and two more are i0 and itrans, one more is mutrans.
    mode : {"transmission", "fluorescence"}, optional
        Which to take if a file has both.

    Returns
    -------
    Scan

    Raises
    ------
    NameNotFound, RunNotFound
        No such shipped scan, no such file.
    ParameterError
        An unknown mode.
    DataError
        The file holds no absorption spectrum; the message says what is missing.

    Examples
    --------
    >>> scan = read_xdi("Ni")
    >>> scan.element, scan.edge, round(scan.edge_energy)
    ('Ni', 'K', 8331)
    """
    if mode not in (None, "transmission", "fluorescence"):
        raise ParameterError(f"mode must be transmission or fluorescence, not {mode!r}")
    path = _find(path)
    table = read_table(path, columns)
    energy = _energy(table)
    problems = []
    for way in _ways(table, mode):
        try:
            return _scan(table, energy, way)
        except DataError as error:
            problems.append(error)
    raise problems[0]


def _find(path: str | Path) -> Path:
    shipped = shipped_scans()
    if str(path) in shipped:
        return shipped[str(path)]
    if Path(path).is_file():
        return Path(path)
    if isinstance(path, str) and not re.search(r"[/.\\]", path):
        raise NameNotFound(path, shipped, where="the shipped spectra")
    raise RunNotFound(f"No spectrum file {str(path)!r}")


def _energy(table: Table) -> Floats:
    """Photon energies, eV."""
    if "energy" in table.places:
        energy = table["energy"]
        unit = table.units.get("energy", "")
        in_kev = unit.startswith("kev") or (not unit and np.nanmax(energy) < LARGEST_KEV)
        return energy * 1000 if in_kev else energy
    if "angle" in table.places:
        angle = table["angle"]
        radians = angle if table.units.get("angle", "").startswith("rad") else np.deg2rad(angle)
        return HC_EV_ANGSTROM / (2 * _spacing(table) * np.sin(radians))
    raise DataError(
        f"{table.name} has no energy column, only {', '.join(table.places)}", hint=NAME_COLUMNS
    )


def _spacing(table: Table) -> float:
    try:
        return float(table.header["mono.d_spacing"].split()[0])
    except (KeyError, ValueError, IndexError) as error:
        raise DataError(
            f"{table.name} has Bragg angles, but no number in Mono.d_spacing (Å)"
        ) from error


def _ways(table: Table, mode: str | None) -> list[_Way]:
    ways = [
        way
        for way in WAYS
        if mode in (None, way.mode) and all(name in table.places for name in way.needed)
    ]
    if not ways:
        raise DataError(
            f"{table.name} has no column of {mode or 'absorption'}, only {', '.join(table.places)}",
            hint=f"It needs i0 and itrans, mutrans, i0 and ifluor, or mufluor. {NAME_COLUMNS}",
        )
    return ways


def _scan(table: Table, energy: Floats, way: _Way) -> Scan:
    with np.errstate(all="ignore"):
        absorbance = way.formula(*(table[name] for name in way.needed))
    good = np.isfinite(energy) & np.isfinite(absorbance) & (energy > 0)
    dropped = table.dropped + int((~good).sum())
    energy, absorbance = _ordered(energy[good], absorbance[good])
    if len(energy) < FEWEST_POINTS:
        raise DataError(f"{table.name} has {len(energy)} usable points; {dropped} rows are not")
    return Scan(
        energy,
        _scaled(table.name, energy, absorbance, way.mode),
        table.header.get("element.symbol", ""),
        table.header.get("element.edge", ""),
        way.mode,
        table.name,
        table.header,
        dropped,
    )


def _ordered(energy: Floats, absorbance: Floats) -> tuple[Floats, Floats]:
    """Ascending; the mean where an energy occurs several times."""
    unique, place, counts = np.unique(energy, return_inverse=True, return_counts=True)
    return unique, np.bincount(place, absorbance, len(unique)) / counts


def _scaled(name: str, energy: Floats, absorbance: Floats, mode: str) -> Floats:
    try:
        edge = find_edge(energy, absorbance)
    except DataError as error:
        raise DataError(f"{name} shows no absorption edge", hint=error.hint) from error
    if mode == "fluorescence":
        above = absorbance[(energy > edge) & (energy < edge + 100)]
        below = absorbance[pre_edge(energy, edge)]
        absorbance = absorbance / (np.median(above) - np.median(below))
    return level(energy, absorbance)
