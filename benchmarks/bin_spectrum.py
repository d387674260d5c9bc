"""Binning of 2.4 million pulses by photon energy, against pandas cut + groupby.

python benchmarks/bin_spectrum.py [--json] [--repeat 7]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from time import perf_counter

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from beambook.analysis._moments import Moments

TRAINS, PULSES, BINS = 6_000, 400, 80
EDGES = np.linspace(8300.0, 8420.0, BINS + 1)
UNEVEN = np.concatenate([EDGES[:40], np.linspace(EDGES[40], EDGES[-1], 30)])
Floats = NDArray[np.float64]


def with_pandas(energy: Floats, i0: Floats, i1: Floats) -> pd.DataFrame:
    """Mean and scatter of each bin, as public scripts have it (without the correlation)."""
    frame = pd.DataFrame({"energy": energy, "i0": i0, "i1": i1})
    groups = frame.groupby(pd.cut(frame.energy, EDGES, right=False), observed=False)
    return groups[["i0", "i1"]].agg(["mean", "std", "count"])


def with_bincount(energy: Floats, i0: Floats, i1: Floats) -> list[Floats]:
    """Plain sums, one weight after another."""
    place = np.digitize(energy, EDGES)
    products = (None, i0, i1, i0 * i0, i1 * i1, i0 * i1)
    return [np.bincount(place, weights, BINS + 2) for weights in products]


def with_moments(energy: Floats, i0: Floats, i1: Floats, edges: Floats = EDGES) -> Moments:
    moments = Moments(edges)
    moments.push(energy, i0, i1)
    return moments


def timed(work: Callable[[], object], repeat: int) -> list[float]:
    work()
    times = []
    for _ in range(repeat):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return sorted(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    energy = rng.uniform(EDGES[0], EDGES[-1], TRAINS)
    i0 = rng.gamma(4, 250, (TRAINS, PULSES))
    i1 = i0 * np.exp(-1.0) * (1 + 0.02 * rng.normal(size=i0.shape))
    each, flat0, flat1 = np.repeat(energy, PULSES), i0.ravel(), i1.ravel()
    own = each.reshape(i0.shape) + rng.normal(0, 0.3, i0.shape)
    moments, table = with_moments(energy, i0, i1), with_pandas(each, flat0, flat1)
    assert (moments.pulses.n == table["i0", "count"]).all()
    assert np.allclose(moments.pulses.mean[:, 0], table["i0", "mean"])
    ways: dict[str, Callable[[], object]] = {
        "pandas cut + groupby": lambda: with_pandas(each, flat0, flat1),
        "numpy digitize + bincount": lambda: with_bincount(each, flat0, flat1),
        "beambook, energy per train": lambda: with_moments(energy, i0, i1),
        "beambook, uneven bins": lambda: with_moments(energy, i0, i1, UNEVEN),
        "pandas, energy per pulse": lambda: with_pandas(own.ravel(), flat0, flat1),
        "beambook, energy per pulse": lambda: with_moments(own, i0, i1),
        "bound: read I0 and I1": lambda: (i0.sum(), i1.sum()),
    }
    times = {name: timed(work, options.repeat) for name, work in ways.items()}
    pandas = times["pandas cut + groupby"]
    rows = [
        {
            "way": name,
            "best_ms": 1e3 * took[0],
            "median_ms": 1e3 * took[len(took) // 2],
            "million_pulses_per_s": flat0.size / took[0] / 1e6,
            "times_as_fast": pandas[0] / took[0],
        }
        for name, took in times.items()
    ]
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'':28}{'best ms':>9}{'median ms':>11}{'Mpulse/s':>10}{'× pandas':>10}")
    for row in rows:
        print(
            f"{row['way']:28}{row['best_ms']:9.1f}{row['median_ms']:11.1f}"
            f"{row['million_pulses_per_s']:10.0f}{row['times_as_fast']:10.1f}"
        )


if __name__ == "__main__":
    main()
