"""The sample of a made run: a known absorbance, and the file that tells it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.errors import DataError, ParameterError
from beambook.testing._beam import Physics
from beambook.testing._scan import Scan
from beambook.testing._xdi import read_xdi

__all__ = ["Sample", "make_sample", "write_truth"]

Floats = NDArray[np.float64]
BELOW_EDGE, ABOVE_EDGE = 30.0, 90.0  # eV
EMPTY_ENERGY = 9000.0  # eV, where nothing is scanned


@dataclass(frozen=True)
class Sample:
    """What stands in the beam, and over which energies it is scanned.

    Attributes
    ----------
    scan : Scan
    low, high : float
        Energy range of the run, eV.
    thickness : float
        Factor on the whole absorbance.
    dichroism : callable, optional
        Energies (eV) → absorbance with positive less that with negative magnet current.
    """

    scan: Scan
    low: float
    high: float
    thickness: float = 1.0
    dichroism: Callable[[Floats], Floats] | None = None

    def absorbance(self, energy: Floats, polarisation: Floats | float = 0.0) -> Floats:
        """Absorbance µ(E)d at these energies (eV) for magnet currents of this sign."""
        mean = self.thickness * self.scan.at(energy)
        if self.dichroism is None:
            return mean
        return mean + 0.5 * polarisation * np.asarray(self.dichroism(energy))


def make_sample(
    spectrum: Any,
    energy_range: tuple[float, float] | None,
    thickness: float,
    dichroism: Callable[[Floats], Floats] | None,
) -> Sample:
    """Turn what the caller of `make_run` calls a spectrum into a `Sample`."""
    if not (np.isfinite(thickness) and thickness > 0):
        raise ParameterError(f"thickness must be above 0, not {thickness}")
    if spectrum is None:
        low, high = (EMPTY_ENERGY, EMPTY_ENERGY) if energy_range is None else _pair(energy_range)
        empty = Scan(np.array([low - 1, high + 1]), np.zeros(2), name="no sample")
        return Sample(empty, low, high)
    scan = _as_scan(spectrum)
    low, high = _around_edge(scan) if energy_range is None else _pair(energy_range)
    if not scan.energy[0] <= low < high <= scan.energy[-1]:
        raise ParameterError(
            f"The energy range {low:g} … {high:g} eV is not within the spectrum",
            hint=f"{scan.name} covers {scan.energy[0]:.1f} … {scan.energy[-1]:.1f} eV",
        )
    return Sample(scan, float(low), float(high), thickness, dichroism)


def _pair(energy_range: tuple[float, float]) -> tuple[float, float]:
    try:
        low, high = (float(end) for end in energy_range)
    except (TypeError, ValueError):
        low = high = float("nan")
    if not 0 < low < high < float("inf"):
        raise ParameterError(f"energy_range must be (low, high) in eV, not {energy_range!r}")
    return low, high


def _around_edge(scan: Scan) -> tuple[float, float]:
    edge = scan.edge_energy
    return max(edge - BELOW_EDGE, scan.energy[0]), min(edge + ABOVE_EDGE, scan.energy[-1])


def _as_scan(spectrum: Any) -> Scan:
    if isinstance(spectrum, Scan):
        return spectrum
    if isinstance(spectrum, str | Path):
        return read_xdi(spectrum)
    if hasattr(spectrum, "energy") and hasattr(spectrum, "absorbance"):
        spectrum = spectrum.energy, spectrum.absorbance
    try:
        energy, absorbance = (np.asarray(x, dtype=np.float64) for x in spectrum)
    except (TypeError, ValueError) as error:
        raise ParameterError(
            f"A spectrum cannot be made of {type(spectrum).__name__}",
            hint="Give the name of a shipped scan, an XDI file, or (energy in eV, absorbance)",
        ) from error
    return _given(energy, absorbance)


def _given(energy: Floats, absorbance: Floats) -> Scan:
    if energy.ndim != 1 or energy.shape != absorbance.shape or len(energy) < 2:
        raise ParameterError(
            f"energy and absorbance need one length, not {energy.shape} and {absorbance.shape}"
        )
    if not (np.isfinite(energy).all() and np.isfinite(absorbance).all()):
        raise DataError("The spectrum has values that are not finite")
    order = np.argsort(energy)
    if (np.diff(energy[order]) <= 0).any():
        raise DataError("The spectrum has an energy twice")
    return Scan(energy[order], absorbance[order], name="the given spectrum")


def write_truth(path: Path, sample: Sample, physics: Physics, header: dict[str, str]) -> None:
    """Write the absorbance that the run contains, exactly: straight lines join the points."""
    inside = (sample.scan.energy > sample.low) & (sample.scan.energy < sample.high)
    energy = np.unique(np.concatenate([[sample.low], sample.scan.energy[inside], [sample.high]]))
    facts = {
        **header,
        "spectrum": sample.scan.name,
        "element": f"{sample.scan.element} {sample.scan.edge}".strip() or "not said",
        "edge_energy_eV": _edge(energy, sample),
        "thickness": f"{sample.thickness:g}",
        "i0_offset": f"{physics.i0_offset:g} (µJ, added to data.intensityTD)",
        "i1_offset": f"{physics.i1_offset:g} (added to data.peaks)",
        "mcp_gain": f"{physics.mcp_gain:g} (data.peaks − i1_offset = −mcp_gain · I1 in µJ)",
    }
    columns = {"energy_eV": energy, "absorbance": sample.absorbance(energy)}
    if sample.dichroism is not None:
        columns["dichroism"] = np.asarray(sample.dichroism(energy))
    lines = [f"# {name}: {text}" for name, text in facts.items()]
    lines.append(",".join(columns))
    rows = zip(*columns.values(), strict=True)
    lines += [",".join(repr(float(value)) for value in row) for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    temporary.replace(path)


def _edge(energy: Floats, sample: Sample) -> str:
    try:
        edge = sample.scan.edge_energy
    except DataError:
        return "none"
    return f"{edge:.3f}" if energy[0] <= edge <= energy[-1] else f"{edge:.3f} (outside the run)"
