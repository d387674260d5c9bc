"""Peak integration: 600 trains × 60,000 int16 samples, 400 pulses, against ways to write it down.

python benchmarks/integrate_peaks.py [--json] [--repeat 7]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from time import perf_counter

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from beambook.analysis import PeakWindow, integrate_peaks

TRAINS, SAMPLES = 600, 60_000
WINDOW = PeakWindow(60, 110, 20, 58, period=149, npulses=400)


def pulse_by_pulse(traces: NDArray[np.int16], window: PeakWindow) -> NDArray[np.float64]:
    """The loop over pulses that the SCS toolbox has."""
    areas = np.empty((len(traces), window.pulses))
    for pulse, shift in enumerate(window.shifts):
        peak = traces[:, window.start + shift : window.stop + shift]
        base = traces[:, window.base_start + shift : window.base_stop + shift].mean(axis=1)
        areas[:, pulse] = np.trapezoid(peak, axis=1) - base * (peak.shape[1] - 1)
    return areas


def strided(traces: NDArray[np.int16], window: PeakWindow) -> NDArray[np.float64]:
    """All pulses at once, as views of the traces."""
    length = window.stop - window.start
    peaks = sliding_window_view(traces, length, axis=1)[:, window.start :: window.period]
    bases = sliding_window_view(traces, window.base_stop - window.base_start, axis=1)[
        :, window.base_start :: window.period
    ]
    peaks, bases = peaks[:, : window.pulses], bases[:, : window.pulses]
    return np.trapezoid(peaks, axis=2) - bases.mean(axis=2) * (length - 1)


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
    traces = np.random.default_rng(0).integers(-500, 500, (TRAINS, SAMPLES), dtype=np.int16)
    target = np.empty_like(traces)
    areas = integrate_peaks(traces, WINDOW)
    assert np.allclose(areas, pulse_by_pulse(traces, WINDOW))
    assert np.allclose(areas[:20], strided(traces[:20], WINDOW))
    ways: dict[str, Callable[[], object]] = {
        "numpy, pulse by pulse": lambda: pulse_by_pulse(traces, WINDOW),
        "numpy, strided view": lambda: strided(traces, WINDOW),
        "beambook, 1 thread": lambda: integrate_peaks(traces, WINDOW, threads=1),
        "beambook": lambda: integrate_peaks(traces, WINDOW),
        "bound: copy all samples": lambda: np.copyto(target, traces),
    }
    times = {name: timed(work, options.repeat) for name, work in ways.items()}
    loop = times["numpy, pulse by pulse"]
    rows = [
        {
            "way": name,
            "best_ms": 1e3 * took[0],
            "median_ms": 1e3 * took[len(took) // 2],
            "input_gb_per_s": traces.nbytes / took[0] / 1e9,
            "times_as_fast": loop[0] / took[0],
        }
        for name, took in times.items()
    ]
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'':26}{'best ms':>9}{'median ms':>11}{'GB/s':>8}{'× loop':>9}")
    for row in rows:
        print(
            f"{row['way']:26}{row['best_ms']:9.1f}{row['median_ms']:11.1f}"
            f"{row['input_gb_per_s']:8.1f}{row['times_as_fast']:9.1f}"
        )


if __name__ == "__main__":
    main()
