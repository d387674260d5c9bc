"""Dark characterisation of each kind of detector: what runs it takes, and how frames are stored."""

from __future__ import annotations

from functools import partial

from beambook.calibration._dark.blocks import frame_blocks, packed_blocks
from beambook.calibration._dark.characterise import MEMORY, Stage, characterise
from beambook.calibration._dark.dark import Dark
from beambook.calibration._dark.options import DarkOptions
from beambook.data import Detector
from beambook.errors import DataError

__all__ = [
    "AGIPD_DARK",
    "DSSC_DARK",
    "JUNGFRAU_DARK",
    "LPD_DARK",
    "characterise_agipd",
    "characterise_dssc",
    "characterise_jungfrau",
    "characterise_lpd",
]

AGIPD_DARK = DarkOptions(
    thresholds_offset_hard=((3500, 6500), (4500, 9000), (4500, 9000)),
    thresholds_noise_hard=((4, 20), (4, 20), (4, 20)),
)
LPD_DARK = DarkOptions(
    thresholds_offset_hard=((400, 1500),),
    thresholds_noise_sigma=7.0,
    thresholds_noise_hard=((1, 35),),
)
JUNGFRAU_DARK = DarkOptions(
    thresholds_offset_sigma=5.0,
    thresholds_offset_hard=((1000, 8000), (10000, 15000), (10000, 15000)),
    thresholds_noise_sigma=5.0,
    thresholds_noise_hard=((1, 200),),
)
DSSC_DARK = DarkOptions()

LPD_BITS = 12
JUNGFRAU_BITS, JUNGFRAU_CODES = 14, (0, 1, 3)


def characterise_agipd(
    high: Detector,
    med: Detector,
    low: Detector,
    *,
    options: DarkOptions = AGIPD_DARK,
    adaptive: bool = True,
    memory: int = MEMORY,
    threads: int | None = None,
) -> Dark:
    r"""Dark constants of an AGIPD module, from runs in high, medium and low gain.

    Offset is the median over trains, noise the standard deviation, of the analog plane for each
    pixel, memory cell and gain stage. The threshold between two stages lies half way between the
    mean levels of the digital plane, :math:`T_i = (\bar d_i + \bar d_{i+1}) / 2`; where the levels
    are less than ``gain_separation_sigma_threshold`` times
    :math:`\sqrt{\sigma_i^2 + \sigma_{i+1}^2}` apart, both stages get GAIN_THRESHOLDING_ERROR.

    Parameters
    ----------
    high, med, low : Detector
        Of one module: ``run.detector().select_modules([3])``.
    options : DarkOptions
        When a pixel is bad.
    adaptive : bool
        False for runs in which the gain is fixed: there are no thresholds then.
    memory : int
        Bytes to work in, beside the constants (45 bytes for each pixel and cell). Cells are gone
        through in groups that fit, each of which reads its own part of the files.
    threads : int, optional
        That count, one more reads; by default ``BEAMBOOK_THREADS``, or as many as there are
        cores, up to 8.

    Returns
    -------
    Dark
        Offset, Noise, BadPixelsDark (3, cells, 512, 128), ThresholdsDark (2, cells, 512, 128).

    Raises
    ------
    DataError
        The detectors are not one and the same module with raw data.
    DamagedFile
        Rows that should be there cannot be read.
    ParameterError
        `memory` does not do for a single cell.
    """
    stages = [Stage(_of("AGIPD", run), levels=adaptive) for run in (high, med, low)]
    names = ["Offset", "Noise", "BadPixelsDark"] + ["ThresholdsDark"] * adaptive
    return characterise(stages, names, options, memory=memory, threads=threads)


def characterise_lpd(
    high: Detector,
    med: Detector,
    low: Detector,
    *,
    options: DarkOptions = LPD_DARK,
    memory: int = MEMORY,
    threads: int | None = None,
) -> Dark:
    """Dark constants of an LPD module, from runs in high, medium and low gain.

    A word has 12 bits of value and above them 2 of gain, 0 to 2. Values in another gain stage than
    that of the run are left out and counted; see `Dark.wrong_gain`. In parallel gain, where each
    train has all its frames in high, then in medium, then in low gain, the place tells the stage.

    Parameters
    ----------
    high, med, low : Detector
        Of one module. Opened with ``parallel_gain=True``, all three may be the same run.
    options, memory, threads
        See `characterise_agipd`.

    Returns
    -------
    Dark
        Offset, Noise, BadPixelsDark (3, cells, 256, 256).

    Raises
    ------
    DataError, DamagedFile, ParameterError
        See `characterise_agipd`.
    """
    stages = [_lpd_stage(_of("LPD", run), stage) for stage, run in enumerate((high, med, low))]
    names = ["Offset", "Noise", "BadPixelsDark"]
    return characterise(stages, names, options, memory=memory, threads=threads)


def _lpd_stage(run: Detector, stage: int) -> Stage:
    if run.parallel_gain:
        return Stage(run, LPD_BITS, blocks=partial(frame_blocks, only=stage))
    return Stage(run, LPD_BITS, stage)


def characterise_jungfrau(
    dynamic: Detector,
    forceswitchg1: Detector,
    forceswitchg2: Detector,
    *,
    options: DarkOptions = JUNGFRAU_DARK,
    memory: int = MEMORY,
    threads: int | None = None,
) -> Dark:
    """Dark constants of a JUNGFRAU module, from runs in its three modes.

    Values of 14 bits in another gain stage than that of the run (``data.gain`` 0, 1, 3) are left
    out and counted; see `Dark.wrong_gain`.

    Parameters
    ----------
    dynamic, forceswitchg1, forceswitchg2 : Detector
        Of one module. For fixed gain: runs in dynamic, fixg1 and fixg2.
    options, memory, threads
        See `characterise_agipd`.

    Returns
    -------
    Dark
        Offset10Hz, Noise10Hz, BadPixelsDark10Hz (3, cells, 512, 1024), with 1 or 16 cells. A
        single one may have any number: see ``Dark.cells``.

    Raises
    ------
    DataError
        See `characterise_agipd`; or memory cells are not in the same order in all trains.
    DamagedFile, ParameterError
        See `characterise_agipd`.
    """
    blocks = partial(packed_blocks, bits=JUNGFRAU_BITS)
    runs = (dynamic, forceswitchg1, forceswitchg2)
    stages = [
        Stage(_of("JUNGFRAU", run), JUNGFRAU_BITS, code, blocks=blocks)
        for run, code in zip(runs, JUNGFRAU_CODES, strict=True)
    ]
    names = ["Offset10Hz", "Noise10Hz", "BadPixelsDark10Hz"]
    return characterise(stages, names, options, memory=memory, threads=threads)


def characterise_dssc(
    dark: Detector,
    *,
    options: DarkOptions = DSSC_DARK,
    memory: int = MEMORY,
    threads: int | None = None,
) -> Dark:
    """Dark constants of a DSSC module, from one run.

    Parameters
    ----------
    dark : Detector
        Of one module.
    options, memory, threads
        See `characterise_agipd`.

    Returns
    -------
    Dark
        Offset, Noise, BadPixelsDark (1, cells, 128, 512).

    Raises
    ------
    DataError, DamagedFile, ParameterError
        See `characterise_agipd`.
    """
    names = ["Offset", "Noise", "BadPixelsDark"]
    stages = [Stage(_of("DSSC", dark))]
    return characterise(stages, names, options, memory=memory, threads=threads)


def _of(kind: str, detector: Detector) -> Detector:
    if not detector.kind.name.startswith(kind):
        raise DataError(f"{detector.name} is of kind {detector.kind.name}, not {kind}")
    return detector
