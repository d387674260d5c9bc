"""One run, as the DAQ would have written it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.errors import ParameterError
from beambook.events import Reporter, Silent
from beambook.testing import _devices as devices
from beambook.testing._beam import Beam, Physics, energy_sweep, make_beam, random
from beambook.testing._checks import one_of, within
from beambook.testing._daq import Recording, appearing, record_run
from beambook.testing._detector.detectors import Detectors, Modules
from beambook.testing._detector.physics import DetectorPhysics
from beambook.testing._digitizer import SAMPLES_PER_SLOT, Digitizer
from beambook.testing._exdf import VERSIONS
from beambook.testing._faults import Fault, damage_sources
from beambook.testing._sample import make_sample, write_truth
from beambook.testing._sources import Source

__all__ = ["make_run"]

T0 = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
FIRST_TRAIN = 2_300_000_000
MAGNET_CURRENT = 3.0  # A
MOTORS = {"X": 12.35, "Y": -4.2, "Z": 101.0}  # mm


def make_run(
    path: str | Path,
    *,
    run: int = 1,
    proposal: int = 900074,
    format_version: str = "1.2",
    trains: int = 100,
    pulses: int = 50,
    first_pulse: int = 200,
    pulse_step: int = 4,
    mcp_pulses: int | None = None,
    suppressed: int = 0,
    spectrum: Any = "Ni",
    energy_range: tuple[float, float] | None = None,
    sweep: str = "triangle",
    passes: int = 2,
    thickness: float = 1.0,
    dichroism: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None,
    physics: Physics | None = None,
    agipd: Modules = 0,
    lpd: Modules = 0,
    jungfrau: Modules = 0,
    dssc: Modules = 0,
    frames: int | None = None,
    dark: str | None = None,
    parallel_gain: bool = False,
    detector: DetectorPhysics | None = None,
    camera: tuple[int, int] | None = (48, 64),
    extra_motors: int = 0,
    sequences: int = 1,
    faults: Sequence[Fault] = (),
    seed: int = 0,
    start: datetime | None = None,
    first_train: int | None = None,
    truth: str | Path | None = None,
    reporter: Reporter | None = None,
) -> Path:
    """Write a run of which the answer is known, in the facility's own format.

    I0 of each pulse follows the gamma law of SASE light; the sample passes
    I1 = I0 · exp(−µ(E)d) of a measured spectrum while the monochromator sweeps
    the energy. An XGM measures I0 and an MCP with a FastADC I1, with noise and
    known offsets (`Physics`). Sources and files: ``docs/explanation/made-runs.md``.

    Parameters
    ----------
    path : str or Path
        Run folder to be made, e.g. ``…/raw/r0487``; must be absent or empty. It
        appears when all files are complete.
    run, proposal : int
        Numbers in file names and METADATA.
    format_version : {"1.2", "1.1", "1.0", "0.5"}
    trains : int
        At 10 Hz.
    pulses : int
        X-ray pulses per train, 0 … 1000.
    first_pulse, pulse_step : int
        Their pulse ids: slots at 4.5 MHz in the bunch pattern; step 4 is 1.1 MHz.
    mcp_pulses : int, optional
        Pulses that the digitizer covers; all by default.
    suppressed : int
        Pulses at the end of each train that are kept from lasing, for the ratio of on and off.
    spectrum : str, Path, Scan, Spectrum or (energy, absorbance), optional
        Name of a shipped scan, an XDI file, an object with these attributes, or
        two arrays (eV, µd). None: no sample.
    energy_range : (float, float), optional
        eV; the edge −30 … +90 eV by default, as far as the spectrum goes.
    sweep : {"triangle", "steps"}
        Continuous motion of the monochromator, or 40 stops per pass.
    passes : int
        Times that the range is crossed, up and down by turns.
    thickness : float
        Factor on the absorbance.
    dichroism : callable, optional
        XMCD: energies (eV) → absorbance at positive less that at negative magnet
        current. The magnet (±3 A) is reversed after each pass.
    physics : Physics, optional
        Means, noises and offsets.
    agipd, lpd, jungfrau, dssc : int or sequence of int
        How many modules of an AGIPD1M, LPD1M, JUNGFRAU 4M or DSSC1M there are, or their numbers:
        from 0 on, of a JUNGFRAU from 1 on.
    frames : int, optional
        Frames per train of each module, in memory cells 0, 1 … By default 8; a JUNGFRAU has 1
        or 16, by default 1.
    dark : {"high", "med", "low"}, optional
        Make the detectors' frames dark, in this gain stage (JUNGFRAU: dynamic, forceswitchg1,
        forceswitchg2).
    parallel_gain : bool
        Whether an LPD stores each frame in high, then in medium, then in low gain.
    detector : DetectorPhysics, optional
        What the pixels do; by default what suits the detector.
    camera : (int, int), optional
        Rows and columns of the beam camera; None leaves it out.
    extra_motors : int
        Further motors, to make a run of many sources.
    sequences : int
        Files per aggregator; aggregators break at different trains.
    faults : sequence of Fault
        What shall be wrong with the run.
    seed : int
        The same seed gives the same numbers.
    start : datetime, optional
        Begin of the run, UTC unless it says otherwise; by default 2026-03-10 09:00 and 10 min
        later with each run.
    first_train : int, optional
        Train id of the first train.
    truth : str or Path, optional
        Where to write the exact absorbance as CSV.
    reporter : Reporter, optional

    Returns
    -------
    Path
        The run folder.

    Raises
    ------
    ParameterError
        An option out of range, a folder that is not empty, a fault that does not fit.
    NameNotFound, RunNotFound, DataError
        A spectrum that is not there or cannot be used.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     made = make_run(f"{folder}/r0001", trains=10, pulses=5, spectrum="Cu")
    ...     sorted(file.name for file in made.iterdir())[0]
    'RAW-R0001-DA01-S00000.h5'
    """
    physics = physics or Physics()
    within("seed", seed, 0, 2**63)
    recording = Recording(
        one_of("format_version", format_version, VERSIONS),
        within("proposal", proposal, 1, 999_999),
        within("run", run, 1, 9999),
        within("trains", trains, 1, 1_000_000),
        within("sequences", sequences, 1, min(trains, 100_000)),
        _utc(start) if start else T0 + timedelta(minutes=10 * (run % 1000)),
        _first_train(first_train, run),
    )
    sample = make_sample(spectrum, energy_range, thickness, dichroism)
    rng = partial(random, seed, run)
    energy, number = energy_sweep(
        trains,
        sample.low,
        sample.high,
        sweep=one_of("sweep", sweep, ("triangle", "steps")),
        passes=within("passes", passes, 1 if dichroism is None else 2, max(2, trains)),
    )
    beam = make_beam(
        energy,
        np.where(number % 2 == 0, 1.0, -1.0),
        _pulse_ids(first_pulse, pulse_step, pulses),
        sample.absorbance,
        physics,
        rng("beam"),
        suppressed=within("suppressed", suppressed, 0, pulses),
    )
    detectors = Detectors.of(
        {"AGIPD1M": agipd, "LPD1M": lpd, "JUNGFRAU": jungfrau, "DSSC1M": dssc},
        frames=frames,
        physics=detector,
        dark=dark,
        parallel=parallel_gain,
    )
    adc = Digitizer(pulse_step * SAMPLES_PER_SLOT, _sampled(mcp_pulses, pulses))
    current = 0.0 if dichroism is None else MAGNET_CURRENT
    aggregators: dict[str, list[Source]] = {
        "DA01": [*devices.xgm(beam, physics, rng("xgm")), *devices.timeserver(beam)],
        "DA02": [
            *devices.mono(beam, physics, rng("mono")),
            *devices.magnet(beam, current=current, rng=rng("magnet")),
            *_motors(trains, within("extra_motors", extra_motors, 0, 10_000), rng),
            *detectors.control(trains=trains, pulse_step=pulse_step),
        ],
        "DA03": devices.digitizer(adc, beam, physics, rng("mcp")),
        **_camera(camera, beam, rng),
        **detectors.aggregators(beam, seed=seed, run=run),
    }
    aggregators = damage_sources(aggregators, faults, trains, version=format_version)
    with appearing(Path(path)) as folder:
        record_run(folder, recording, aggregators, faults, reporter or Silent())
        if truth is not None:
            write_truth(Path(truth), sample, physics, {"run": f"p{proposal:06d} r{run:04d}"})
    return Path(path)


def _sampled(mcp_pulses: int | None, pulses: int) -> int:
    """Pulses that the digitizer looks at; without beam it still looks at one slot."""
    most = max(1, pulses)
    return most if mcp_pulses is None else within("mcp_pulses", mcp_pulses, 1, most)


def _camera(
    shape: tuple[int, int] | None, beam: Beam, rng: Callable[[str], np.random.Generator]
) -> dict[str, list[Source]]:
    if shape is None:
        return {}
    rows, columns = (within("a side of the camera", side, 1, 4096) for side in shape)
    return {"DA04": devices.camera((rows, columns), beam, rng("camera"))}


def _motors(trains: int, extra: int, rng: Callable[[str], np.random.Generator]) -> list[Source]:
    positions = MOTORS | {f"M{n:03d}": float(n) for n in range(extra)}
    return [
        source
        for name, position in positions.items()
        for source in devices.motor(name, position, trains, rng(f"motor {name}"))
    ]


def _pulse_ids(first: int, step: int, pulses: int) -> NDArray[np.intp]:
    within("pulses", pulses, 0, devices.XGM_LENGTH)
    within("pulse_step", step, 1, devices.BUNCH_SLOTS)
    last = devices.BUNCH_SLOTS - 1 - step * max(0, pulses - 1)
    if last < 0:
        raise ParameterError(
            f"{pulses} pulses at every {step}th slot do not fit in a train",
            hint=f"A train has {devices.BUNCH_SLOTS} slots",
        )
    return within("first_pulse", first, 0, last) + step * np.arange(pulses)


def _utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _first_train(first: int | None, run: int) -> int:
    if first is None:
        return FIRST_TRAIN + 20_000 * run
    return within("first_train", first, 1, 2**62)
