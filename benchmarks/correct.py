"""Correction of one module's frames in memory: beambook against numpy and a plain numba loop.

    python benchmarks/correct.py [--trains 16] [--repeat 5] [--json]

AGIPD: 64 memory cells, 16 trains, so 0.27 GB of raw frames; out come data (float32), gain
(uint8) and mask (uint32), into arrays that are used again. "Base" is gain stage by thresholds,
offset, relative gain, X-ray gain and mask; the same is done by numpy frame by frame (64 frames,
scaled up) and by a numba loop over pixels with if and else; results are compared first. The
bound reads the 4 bytes of each pixel and writes 9, without constants: by as many threads. Then what
each step adds to the base, and other detectors. Ways take turns; best of several by the clock,
and by processor time, which others on the machine disturb less.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from time import perf_counter, process_time

import numpy as np
from numba import njit

from beambook.calibration import (
    AGIPDConstants,
    AGIPDOptions,
    Corrected,
    DSSCConstants,
    JungfrauConstants,
    LPDConstants,
    correct_agipd,
    correct_dssc,
    correct_jungfrau,
    correct_lpd,
)

CELLS = 64
SHAPE = (512, 128)
BASE = AGIPDOptions(
    rel_gain=True,
    xray_gain=True,
    common_mode=False,
    blc_set_min=False,
    force_hg_if_below=False,
    force_mg_if_below=False,
)
STEPS = {
    "forced stages": {"force_hg_if_below": True, "force_mg_if_below": True},
    "medium not below 0": {"blc_set_min": True},
    "photons": {"round_photons": True, "photon_energy": 9.2},
    "pixels without noise": {"mask_zero_std": True},
    "common mode": {"common_mode": True},
    "baseline by noise": {"blc_noise": True},
    "baseline by stripes": {"blc_stripes": True},
    "baseline by histogram": {"blc_hmatch": True},
}


def made_constants(rng: np.random.Generator) -> dict[str, np.ndarray]:
    whole = (CELLS, *SHAPE)
    levels = (5000, 6900, 6800)
    stages = ((6500, 50), (7500, 50))
    return {
        "Offset": np.stack([rng.normal(level, 100, whole) for level in levels]).astype("f4"),
        "ThresholdsDark": np.stack([rng.normal(*each, whole) for each in stages]).astype("f4"),
        "RelativeGain": np.stack(
            [np.ones(whole), rng.normal(30, 1, whole), rng.normal(130, 4, whole)]
        ).astype("f4"),
        "SlopesFF": rng.normal(7.2, 0.1, whole).astype("f4"),
        "BadPixelsDark": np.where(rng.random((3, *whole)) < 0.02, 2, 0).astype("u4"),
        "Noise": np.full((3, 1, *SHAPE), 6, "f4"),
        "Stripes": np.arange(SHAPE[1])[None, :].repeat(SHAPE[0], 0) % 64 < 2,
    }


def made_frames(rng: np.random.Generator, constants: dict, trains: int) -> np.ndarray:
    """Noise, a photon here and there, and a few pixels in other stages."""
    raw = np.empty((trains * CELLS, 2, *SHAPE), "u2")
    for train in range(trains):
        part = raw[train * CELLS : (train + 1) * CELLS]
        lit = 65 * (rng.random((CELLS, *SHAPE)) < 0.1)
        part[:, 0] = constants["Offset"][0] + rng.normal(0, 6, (CELLS, *SHAPE)) + lit
        stage = rng.choice(3, (CELLS, *SHAPE), p=[0.94, 0.05, 0.01])
        part[:, 0] += (2500 * (stage > 0)).astype("u2")
        part[:, 1] = 6000 + 1000 * stage
    return raw


def numpy_frames(raw: np.ndarray, cells: np.ndarray, given: dict, out: Corrected) -> None:
    for frame, cell in enumerate(cells):
        analog, digital = raw[frame].astype(np.float32)
        stage = (digital > given["ThresholdsDark"][0, cell]).astype(np.uint8)
        stage[digital > given["ThresholdsDark"][1, cell]] = 2
        data = analog - np.choose(stage, given["Offset"][:, cell])
        data *= np.choose(stage, given["RelativeGain"][:, cell])
        data /= given["SlopesFF"][cell]
        mask = np.choose(stage, given["BadPixelsDark"][:, cell])
        mask[np.isnan(data)] |= 1 << 11
        mask[np.abs(data) > 1e7] |= 1 << 12
        out.data[frame], out.gain[frame], out.mask[frame] = data, stage, mask


@njit(nogil=True, boundscheck=False)
def pixel_by_pixel(raw, cells, limits, offset, scale, xray, bad, data, gain, mask):
    for f in range(len(raw)):
        c = cells[f]
        for p in range(raw.shape[2]):
            level, stage = np.float32(raw[f, 1, p]), 0
            if level > limits[1, c, p]:
                stage = 2
            elif level > limits[0, c, p]:
                stage = 1
            value = np.float32(raw[f, 0, p]) - offset[stage, c, p]
            value = value * scale[stage, c, p] / xray[c, p]
            flags = bad[stage, c, p]
            if np.isnan(value):
                flags |= np.uint32(1 << 11)
            elif abs(value) > 1e7:
                flags |= np.uint32(1 << 12)
            data[f, p], gain[f, p], mask[f, p] = value, stage, flags


@njit(nogil=True, boundscheck=False)
def traffic(raw, data, gain, mask):
    for f in range(len(raw)):
        one, two = raw[f, 0], raw[f, 1]
        into, stage, flags = data[f], gain[f], mask[f]
        for p in range(len(one)):
            into[p] = np.float32(one[p])
        for p in range(len(one)):
            stage[p] = two[p] & 3
        for p in range(len(one)):
            flags[p] = two[p]


def flat_traffic(raw: np.ndarray, out: Corrected, threads: int) -> None:
    flat = raw.reshape(len(raw), 2, -1), *(each.reshape(len(raw), -1) for each in arrays(out))
    edges = np.linspace(0, len(raw), threads + 1).astype(int)
    with ThreadPoolExecutor(threads) as pool:
        parts = [[each[a:b] for each in flat] for a, b in itertools.pairwise(edges)]
        list(pool.map(lambda part: traffic(*part), parts))


def arrays(out: Corrected) -> tuple[np.ndarray, ...]:
    return out.data, out.gain, out.mask


def others(rng: np.random.Generator) -> dict[str, tuple[int, Callable[[int], object]]]:
    """Input bytes and work of other detectors, by threads."""
    lpd_shape, jf_shape, dssc_shape = (256, 256), (512, 1024), (128, 512)
    stages = (3, 32, *lpd_shape)
    lpd = LPDConstants.from_mapping(
        {
            "Offset": rng.normal(700, 30, stages).astype("f4"),
            "BadPixelsDark": np.zeros(stages, "u4"),
            **{name: np.ones(stages, "f4") for name in ("RelativeGain", "GainAmpMap", "FFMap")},
        }
    )
    one = (3, 1, *jf_shape)
    jungfrau = JungfrauConstants.from_mapping(
        {
            "Offset10Hz": rng.normal(2900, 30, one).astype("f4"),
            "RelativeGain10Hz": rng.normal(41, 1, one).astype("f4"),
            "BadPixelsDark10Hz": np.zeros(one, "u4"),
        }
    )
    dssc = DSSCConstants.from_mapping({"Offset": np.full((1, 64, *dssc_shape), 42, "f4")})
    words = rng.integers(0, 3 << 12, (512, *lpd_shape), "u2")
    adc = rng.integers(0, 1 << 14, (64, *jf_shape), "u2")
    bits = np.array([0, 1, 3], "u1")[rng.choice(3, adc.shape, p=[0.9, 0.08, 0.02])]
    small = rng.integers(0, 512, (512, *dssc_shape), "u2")
    cells = np.arange(512)
    outs = [Corrected.empty(len(each), each.shape[1:]) for each in (words, adc, small)]
    zeros = np.zeros(len(adc), int)
    return {
        "LPD": (
            words.nbytes,
            lambda n: correct_lpd(words, cells % 32, lpd, out=outs[0], threads=n),
        ),
        "JUNGFRAU": (
            adc.nbytes + bits.nbytes,
            lambda n: correct_jungfrau((adc, bits), zeros, jungfrau, out=outs[1], threads=n),
        ),
        "DSSC": (
            small.nbytes,
            lambda n: correct_dssc(small, cells % 64, dssc, out=outs[2], threads=n),
        ),
    }


def timed(ways: dict, repeat: int) -> dict[str, tuple[float, float]]:
    """Best by the clock and by processor time; the ways take turns."""
    best = dict.fromkeys(ways, (np.inf, np.inf))
    for _, work, _ in ways.values():
        work()
    for _ in range(repeat):
        for name, (_, work, scale) in ways.items():
            clock, cpu = perf_counter(), process_time()
            work()
            took = scale * (perf_counter() - clock), scale * (process_time() - cpu)
            best[name] = tuple(map(min, best[name], took))
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trains", type=int, default=16)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    given = made_constants(rng)
    raw = made_frames(rng, given, options.trains)
    cells = np.tile(np.arange(CELLS), options.trains)
    constants = AGIPDConstants.from_mapping(given)
    out, theirs = (Corrected.empty(len(raw), SHAPE) for _ in range(2))
    flat = [given[name].reshape(-1, CELLS, 512 * 128) for name in
            ("ThresholdsDark", "Offset", "RelativeGain", "SlopesFF", "BadPixelsDark")]  # fmt: skip
    flat[3] = flat[3][0]
    plain = partial(pixel_by_pixel, raw.reshape(len(raw), 2, -1), cells, *flat,
                    *(each.reshape(len(raw), -1) for each in arrays(theirs)))  # fmt: skip
    ours = partial(correct_agipd, raw, cells, constants, out=out)
    some = min(64, len(raw))
    ours(options=BASE)
    plain()
    compare(arrays(theirs), arrays(out))
    numpy_frames(raw[:some], cells[:some], given, theirs)
    compare([each[:some] for each in arrays(theirs)], [each[:some] for each in arrays(out)])
    size = raw.nbytes
    ways: dict[str, tuple[int, Callable[[], object], float]] = {
        "AGIPD base, numpy by frame": (
            size,
            lambda: numpy_frames(raw[:some], cells[:some], given, theirs),
            len(raw) / some,
        ),
        "AGIPD base, plain numba loop": (size, plain, 1),
        "AGIPD base, beambook, 1 thread": (size, partial(ours, options=BASE, threads=1), 1),
        "AGIPD base, beambook, 2 threads": (size, partial(ours, options=BASE, threads=2), 1),
        "bound, 1 thread": (size, partial(flat_traffic, raw, out, 1), 1),
        "bound, 2 threads": (size, partial(flat_traffic, raw, out, 2), 1),
    }
    for step, more in STEPS.items():
        with_ = replace(BASE, **more)
        ways[f"base and {step}, 1 thread"] = (size, partial(ours, options=with_, threads=1), 1)
    few = partial(correct_agipd, raw[: 7 * CELLS], cells[: 7 * CELLS], constants, out=out)
    short = replace(BASE, common_mode=True)
    ways["base and common mode of ASICs only"] = (
        raw[: 7 * CELLS].nbytes,
        partial(few, options=short, threads=1),
        1,
    )
    for name, (bytes_, work) in others(rng).items():
        for threads in (1, 2):
            ways[f"{name}, {threads} thread{'s' * (threads > 1)}"] = (
                bytes_,
                partial(work, threads),
                1,
            )
    show(ways, timed(ways, options.repeat), as_json=options.json)


def compare(expected: object, found: object) -> None:
    (data, gain, mask), (ours, our_gain, our_mask) = expected, found
    np.testing.assert_array_equal(our_gain, gain)
    np.testing.assert_array_equal(our_mask, mask)
    np.testing.assert_allclose(ours, data, rtol=1e-5)


def show(ways: dict, best: dict, *, as_json: bool) -> None:
    rates = {name: ways[name][0] / took[0] / 1e9 for name, took in best.items()}
    cpu = {name: ways[name][0] / took[1] / 1e9 for name, took in best.items()}
    first = rates["AGIPD base, numpy by frame"]
    if as_json:
        rows = [
            {
                "way": n,
                "gb_per_s": rates[n],
                "gb_per_cpu_s": cpu[n],
                "times_numpy": rates[n] / first,
            }
            for n in ways
        ]
        print(json.dumps(rows, indent=1))
        return
    print(f"{'':42}{'GB/s in':>9}{'GB/cpu s':>10}{'× numpy':>9}")
    for name in ways:
        times = f"{rates[name] / first:9.1f}" if "AGIPD" in name or "bound" in name else ""
        print(f"{name:42}{rates[name]:9.2f}{cpu[name]:10.2f}{times}")


if __name__ == "__main__":
    main()
