"""How often the interval of the edge covers it: six measured scans and six shapes, binned.

python benchmarks/edge_coverage.py [--json] [--seeds 12]
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from beambook.analysis import edge_of
from beambook.analysis._edge import locate_edge
from beambook.testing import read_xdi, shipped_scans

Floats = NDArray[np.float64]
Columns = tuple[Floats, Floats, Floats, Floats]
FINE = np.arange(-80.0, 100.0, 0.02)
CONFIDENCES = (0.68, 0.95)


def step(x: Floats, width: float) -> Floats:
    return 0.5 + np.arctan(x / width) / np.pi


def bump(x: Floats, centre: float, width: float) -> Floats:
    return np.exp(-0.5 * ((x - centre) / width) ** 2)


SHAPES = {
    "arctan": step(FINE, 1.2),
    "erf": 0.5 + 0.5 * erf(FINE / 2.5),
    "broad erf": 0.5 + 0.5 * erf(FINE / 4.0),
    "white line": step(FINE, 1.0) + bump(FINE, 3.0, 1.5),
    "sharp white line": step(FINE, 0.4) + 2 * bump(FINE, 1.8, 0.9),
    "pre-edge peak": step(FINE, 1.0) + 0.2 * bump(FINE, -7.0, 1.2),
}


def curves() -> dict[str, tuple[Floats, Floats]]:
    scans = {name: read_xdi(name) for name in shipped_scans()}
    measured = {name: (scan.energy, scan.absorbance) for name, scan in scans.items()}
    return measured | {name: (FINE + 0.37, 0.4 + shape) for name, shape in SHAPES.items()}


def binned(energy: Floats, absorbance: Floats, width: float, noise: float, seed: int) -> Columns:
    """Energy, spread, value and error of bins from 35 eV below the edge to 45 eV above."""
    rng = np.random.default_rng(seed)
    centre = edge_of(energy, absorbance)
    edges = np.arange(centre - 35 + rng.uniform(0, width), centre + 45, width)
    inside = edges[:-1, None] + width * (np.arange(20) + 0.5) / 20
    light = np.exp(-np.interp(inside, energy, absorbance)).mean(axis=1)
    error = np.full(len(light), noise * np.ptp(absorbance[np.abs(energy - centre) < 40]))
    value = -np.log(light) + error * rng.normal(size=len(error))
    return inside.mean(axis=1), inside.std(axis=1), value, error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seeds", type=int, default=12)
    options = parser.parse_args()
    rows = []
    for noise in (0.0005, 0.002, 0.005, 0.01, 0.02):
        for width in (0.5, 1.0, 2.0):
            rows.append(row(noise, width, options.seeds))
            if not options.json:
                show(rows[-1], first=len(rows) == 1)
    if options.json:
        print(json.dumps(rows, indent=1))


def row(noise: float, width: float, seeds: int) -> dict[str, object]:
    """Coverage of `edge_of` and of the largest gradient of the table; median width."""
    covered: dict[str, list[bool]] = defaultdict(list)
    by_curve: dict[str, list[bool]] = defaultdict(list)
    widths, off = [], []
    for name, (energy, absorbance) in curves().items():
        true = edge_of(energy, absorbance)
        tabulated = energy[np.argmax(np.gradient(absorbance, energy))]
        for seed in range(seeds):
            mean, spread, value, error = binned(energy, absorbance, width, noise, seed)
            for confidence in CONFIDENCES:
                edge = locate_edge(
                    mean,
                    value,
                    error,
                    spread=spread,
                    logarithmic=True,
                    confidence=confidence,
                    seed=0,
                )
                covered[f"{confidence:.0%}"].append(edge.low <= true <= edge.high)
            covered["95% of table"].append(edge.low <= tabulated <= edge.high)
            by_curve[name].append(edge.low <= true <= edge.high)
            widths.append(edge.high - edge.low)
            off.append(abs(edge.energy - true))
    worst = min(by_curve, key=lambda name: np.mean(by_curve[name]))
    return {
        "noise": noise,
        "bin_eV": width,
        **{name: float(np.mean(hits)) for name, hits in covered.items()},
        "width_eV": float(np.median(widths)),
        "off_eV": float(np.median(off)),
        "worst": f"{worst} {np.mean(by_curve[worst]):.0%}",
    }


def show(values: dict[str, object], *, first: bool) -> None:
    if first:
        print("  ".join(f"{name:>12}" for name in values))
    cells = (f"{v:.4g}" if isinstance(v, float) else str(v) for v in values.values())
    print("  ".join(f"{cell:>12}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
