"""Put the modules of 100 frames together into pictures.

    python benchmarks/assemble.py [--frames 100] [--repeat 3] [--kinds AGIPD1M …] [--json]

float32 frames of EXtra-geom's example geometries; milliseconds a frame, each way in turn, best of
several; what was compiled before is not counted. The results are compared byte by byte. `again`
writes into a picture that was used before, as both libraries advise; `new` has one made, for which
EXtra-geom takes fresh memory, beambook what the one before the last has left. One thread is
compared with EXtra-geom by itself, two with the better of that and EXtra-geom with a pool of two
threads. The bound is numpy's copy of as many bytes as the frames have,
by one thread.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from extra_geom import AGIPD_1MGeometry, DSSC_1MGeometry, JUNGFRAUGeometry, LPD_1MGeometry

from beambook.detector import Geometry, assemble

KINDS = {
    "AGIPD1M": AGIPD_1MGeometry.example,
    "LPD1M": LPD_1MGeometry.example,
    "DSSC1M": DSSC_1MGeometry.example,
    "JUNGFRAU": lambda: JUNGFRAUGeometry.example(4),
}


def ways(kind: str, frames: int) -> dict[str, Callable[[], object]]:
    """The competitors, on the same frames."""
    theirs = KINDS[kind]()
    ours = Geometry.of(theirs)
    data = np.random.default_rng(0).random((frames, *ours.shape), np.float32)
    one = theirs.output_array_for_position((frames,), np.float32)
    two = one.copy()
    pool = ThreadPoolExecutor(2)
    flat, copy = data.reshape(-1), two.reshape(-1)[: data.size]

    def check() -> None:
        theirs.position_modules(data, out=one)
        two[:] = np.nan
        assemble(data, ours, out=two)
        if one.tobytes() != two.tobytes() or assemble(data, ours).tobytes() != one.tobytes():
            raise SystemExit(f"{kind}: the pictures differ")

    check()
    return {
        "EXtra-geom again": lambda: theirs.position_modules(data, out=one),
        "EXtra-geom again, pool 2": lambda: theirs.position_modules(data, one, pool),
        "beambook again, 1 thread": lambda: assemble(data, ours, out=one, threads=1),
        "beambook again, 2 threads": lambda: assemble(data, ours, out=one, threads=2),
        "EXtra-geom new": lambda: theirs.position_modules(data),
        "EXtra-geom new, pool 2": lambda: theirs.position_modules(data, None, pool),
        "beambook new, 1 thread": lambda: assemble(data, ours, threads=1),
        "beambook new, 2 threads": lambda: assemble(data, ours, threads=2),
        "copy, 1 thread": lambda: np.copyto(copy, flat),
    }


def measured(kind: str, frames: int, repeat: int) -> dict[str, float]:
    """Milliseconds a frame."""
    every = ways(kind, frames)
    best = dict.fromkeys(every, np.inf)
    for _ in range(repeat):
        for name, way in every.items():
            began = time.perf_counter()
            way()
            best[name] = min(best[name], (time.perf_counter() - began) / frames * 1e3)
    return best


def peer(name: str, best: dict[str, float]) -> float:
    """What a figure of ours is compared with."""
    kind = f"EXtra-geom {'again' if 'again' in name else 'new'}"
    if name.endswith("1 thread"):
        return best[kind]
    return min(v for k, v in best.items() if k.startswith(kind))


def report(results: dict[str, dict[str, float]], frames: int) -> None:
    """Print the table."""
    print(f"{frames} frames of float32, in one stack\n")
    print(f"{'':10}{'':28}{'ms/frame':>10}{'beambook is':>14}{'of the bound':>14}")
    for kind, best in results.items():
        for name, value in best.items():
            ours = name.startswith("beambook")
            ratio = f"{peer(name, best) / value:.2f} ×" if ours else ""
            bound = f"{best['copy, 1 thread'] / value:.0%}" if ours else ""
            print(f"{kind:10}{name:28}{value:10.3f}{ratio:>14}{bound:>14}")
        print()


def main() -> None:
    """Measure every kind, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--frames", type=int, default=100)
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
