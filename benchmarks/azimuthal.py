"""Integrate 64 frames around the beam.

    python benchmarks/azimuthal.py [--frames 64] [--repeat 3] [--kinds AGIPD1M …] [--json]

float32 frames of nominal geometries, 500 bins, a mask of 3 % of the pixels, solid angle and
polarisation; milliseconds a frame, each way in turn, best of several, with bins that were worked
out before. pyFAI goes frame by frame, without splitting of pixels, in its two compiled ways; the
ratio is to the better one. `NaN`: as many pixels are NaN in every frame, as in corrected data. The
bound is numpy's sum of the frames, by one thread. The largest relative difference from pyFAI is
printed too.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
from pyFAI.integrator.azimuthal import AzimuthalIntegrator

from beambook.detector import Geometry, azimuthal

KINDS = {"AGIPD1M": None, "LPD1M": None, "DSSC1M": None, "JUNGFRAU": 2}
PYFAI = (("no", "csr", "cython"), ("no", "histogram", "cython"))
BINS, DISTANCE, ENERGY, POLARISATION = 500, 1.0, 9.3, 0.99


def ways(kind: str, frames: int) -> tuple[dict[str, Callable[[], object]], float]:
    """The competitors, and how much they differ."""
    geometry = Geometry.nominal(kind, KINDS[kind])
    rng = np.random.default_rng(0)
    data = rng.poisson(20, (frames, *geometry.shape)).astype(np.float32)
    mask = rng.random(geometry.shape) < 0.03
    holed = data.copy()
    holed[:, mask] = np.nan
    detector = geometry.extra_geom.to_pyfai_detector()
    theirs = AzimuthalIntegrator(
        DISTANCE, detector=detector, wavelength=12.398419843320026e-10 / ENERGY
    )
    flat = theirs.detector.shape

    def ours(values: np.ndarray = data, **options: object) -> np.ndarray:
        given = {"mask": mask, "errors": None, "threads": 1} | options
        return azimuthal(
            values, geometry, distance=DISTANCE, photon_energy=ENERGY, bins=BINS,
            polarisation=POLARISATION, **given,
        ).intensity.values  # fmt: skip

    def pyfai(method: tuple[str, str, str]) -> np.ndarray:
        return np.array([
            theirs.integrate1d_ng(
                frame.reshape(flat), BINS, mask=mask.reshape(flat), method=method,
                unit="q_A^-1", polarization_factor=POLARISATION,
            ).intensity
            for frame in data
        ])  # fmt: skip

    expected, found = pyfai(PYFAI[0]), ours()
    differ = np.nanmax(np.abs(found / np.where(np.isnan(found), np.nan, expected) - 1))
    return {
        "pyFAI no, csr, cython": lambda: pyfai(PYFAI[0]),
        "pyFAI no, histogram, cython": lambda: pyfai(PYFAI[1]),
        "beambook, 1 thread": ours,
        "beambook, 2 threads": lambda: ours(threads=2),
        "beambook, 1 thread, errors": lambda: ours(errors="azimuthal"),
        "beambook, 1 thread, NaN": lambda: ours(holed, mask=None),
        "sum, 1 thread": data.sum,
    }, float(differ)


def measured(kind: str, frames: int, repeat: int) -> dict[str, float]:
    """Milliseconds a frame."""
    every, differ = ways(kind, frames)
    best = dict.fromkeys(every, np.inf)
    for _ in range(repeat):
        for name, way in every.items():
            began = time.perf_counter()
            way()
            best[name] = min(best[name], (time.perf_counter() - began) / frames * 1e3)
    return {**best, "difference": differ}


def report(results: dict[str, dict[str, float]], frames: int) -> None:
    """Print the table."""
    print(f"{frames} frames of float32, {BINS} bins\n")
    print(f"{'':10}{'':30}{'ms/frame':>10}{'beambook is':>14}{'of the bound':>14}")
    for kind, found in results.items():
        best = dict(found)
        differ = best.pop("difference")
        peer = min(v for k, v in best.items() if k.startswith("pyFAI"))
        for name, value in best.items():
            ours = name.startswith("beambook")
            ratio = f"{peer / value:.1f} ×" if ours else ""
            bound = f"{best['sum, 1 thread'] / value:.0%}" if ours else ""
            print(f"{kind:10}{name:30}{value:10.3f}{ratio:>14}{bound:>14}")
        print(f"{kind:10}{'largest relative difference':30}{differ:10.1e}\n")


def main() -> None:
    """Measure every kind, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results = {kind: measured(kind, options.frames, options.repeat) for kind in options.kinds}
    if options.json:
        print(json.dumps(results))
    else:
        report(results, options.frames)


if __name__ == "__main__":
    main()
