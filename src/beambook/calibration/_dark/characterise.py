"""Going through dark runs of one module, some memory cells at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.calibration._bad_pixels import BadPixels
from beambook.calibration._dark.blocks import Block, cells_of, frame_blocks
from beambook.calibration._dark.dark import Dark
from beambook.calibration._dark.flags import flag_levels, flag_values, threshold_between
from beambook.calibration._dark.levels import LevelStatistics, LevelValue
from beambook.calibration._dark.options import DarkOptions
from beambook.calibration._dark.statistics import DarkStatistics, DarkValue
from beambook.data import Detector
from beambook.errors import DataError, ParameterError

__all__ = ["MEMORY", "Stage", "characterise"]

MEMORY = 1 << 30  # bytes
LEVEL_BYTES = 18 + 16  # for each pixel and cell: sums, and what comes out
VALUE_BYTES = 24 + 24
NARROW = 255  # frames that are counted in one byte

Blocks = Callable[[Detector, Sequence[int], int], Iterator[Block]]


@dataclass(frozen=True)
class Stage:
    """A dark run of one module in one gain stage.

    Attributes
    ----------
    detector : Detector
    bits, code : int
        How many low bits are the value, and what the others have to be.
    levels : bool
        Whether frames have a second plane with digital gain levels.
    blocks : callable
        Gives the frames of some cells.
    """

    detector: Detector
    bits: int = 16
    code: int = 0
    levels: bool = False
    blocks: Blocks = frame_blocks

    def __post_init__(self) -> None:
        if len(self.detector.modules) != 1:
            raise DataError(
                f"Modules are characterised one by one; {self.detector.name} has "
                f"{len(self.detector.modules)} here",
                hint="Select one: detector.select_modules([0]).",
            )
        if not self.detector.is_raw:
            raise DataError(
                f"{self.detector.name} in {self.detector.run.name} is corrected data",
                hint="Open the raw run.",
            )

    @property
    def frames_per_cell(self) -> int:
        """How many frames a memory cell has at most."""
        return len(self.detector.train_ids)


@dataclass(eq=False)
class _Found:
    """What one stage brought for some cells."""

    value: DarkValue
    levels: LevelValue | None
    missing: int


def characterise(
    stages: Sequence[Stage],
    names: Sequence[str],
    options: DarkOptions,
    *,
    memory: int,
    threads: int | None,
) -> Dark:
    """Offset, noise, bad pixels and perhaps gain thresholds of a module.

    Parameters
    ----------
    stages : sequence of Stage
        High, medium, low; or fewer.
    names : sequence of str
        What offset, noise, bad pixels and gain thresholds are called; without a fourth there are
        no thresholds.
    options : DarkOptions
    memory : int
        Bytes to work in, beside the result.
    threads : int, optional
        That count; one more reads.
    """
    _same_module(stages)
    of_stage = [cells_of(stage.detector) for stage in stages]
    used = np.unique(np.concatenate(of_stage))
    axis = (
        used
        if len(used) == 1 and not stages[0].detector.kind.by_pulse
        else (np.arange(int(used.max()) + 1))
    )
    result = _empty(stages, names, axis)
    for group in _groups(used, stages, memory):
        found = [
            _count(stage, np.intersect1d(group, mine), group, memory, threads)
            for stage, mine in zip(stages, of_stage, strict=True)
        ]
        _put(result, names, np.searchsorted(axis, group), found, options)
    return result


def _same_module(stages: Sequence[Stage]) -> None:
    said = {(s.detector.kind.name, s.detector.name, s.detector.modules) for s in stages}
    if len(said) > 1:
        text = " and ".join(f"{name} module {modules[0]}" for _, name, modules in sorted(said))
        raise DataError(f"Dark runs of one module are needed, not {text}")


def _groups(
    cells: NDArray[np.int64], stages: Sequence[Stage], memory: int
) -> Iterator[NDArray[np.int64]]:
    """As many cells at a time as half of the memory holds."""
    most = max(stage.frames_per_cell for stage in stages)
    pixel = 194 if most <= NARROW else 386
    pixel += VALUE_BYTES * len(stages) + (LEVEL_BYTES * len(stages) if stages[0].levels else 0)
    each = pixel * int(np.prod(stages[0].detector.kind.module_shape))
    if memory < 2 * each:
        raise ParameterError(
            f"One memory cell takes {each >> 20} MiB; {memory >> 20} MiB are not twice as much"
        )
    number = memory // 2 // each
    parts = -(-len(cells) // number)  # of nearly the same size
    yield from np.array_split(cells, parts)


def _count(
    stage: Stage,
    there: NDArray[np.int64],
    group: NDArray[np.int64],
    memory: int,
    threads: int | None,
) -> _Found:
    shape = stage.detector.kind.module_shape
    cells: Any = group.tolist()
    dark = DarkStatistics(
        cells, shape, bits=stage.bits, stage=stage.code, frames=stage.frames_per_cell,
        threads=threads,
    )  # fmt: skip
    levels = LevelStatistics(cells, shape, threads=threads) if stage.levels else None
    missing = 0
    if len(there):
        for block in stage.blocks(stage.detector, there.tolist(), memory // 4):
            missing += block.missing
            values = block.values
            dark.push(values[:, 0] if values.ndim > 3 else values, block.cells)
            if levels is not None:
                levels.push(values[:, 1], block.cells)
    return _Found(dark.value, None if levels is None else levels.value, missing)


def _empty(stages: Sequence[Stage], names: Sequence[str], axis: NDArray[np.int64]) -> Dark:
    shape = (len(stages), len(axis), *stages[0].detector.kind.module_shape)
    nothing = BadPixels.NO_DARK_DATA | BadPixels.OFFSET_NOISE_EVAL_ERROR
    constants: dict[str, NDArray[Any]] = {
        names[0]: np.full(shape, np.nan, np.float32),
        names[1]: np.full(shape, np.nan, np.float32),
        names[2]: np.full(shape, np.uint32(nothing), np.uint32),
    }
    if len(names) > 3:
        constants[names[3]] = np.full((shape[0] - 1, *shape[1:]), np.nan, np.float32)
    counts = [np.zeros(shape[:n], np.int64) for n in (2, 1, 2)]
    return Dark(constants, axis, *counts)


def _put(
    result: Dark,
    names: Sequence[str],
    at: NDArray[np.intp],
    found: Sequence[_Found],
    options: DarkOptions,
) -> None:
    offset, noise, bad = (result[name] for name in names[:3])
    for stage, part in enumerate(found):
        value = part.value
        offset[stage, at], noise[stage, at] = value.offset, value.noise
        bad[stage, at] = flag_values(value, options, stage)
        result.frames[stage, at] = value.pushed
        result.missing[stage] += part.missing
        left_out = value.pushed[:, None, None] - value.count
        result.wrong_gain[stage, at] = left_out.sum(axis=(1, 2))
    # A pixel that does not tell the stage it was forced into cannot be trusted in any.
    wrong_gain = np.bitwise_or.reduce(bad[:, at]) & np.uint32(BadPixels.WRONG_GAIN_VALUE)
    bad[:, at] |= wrong_gain
    if len(names) > 3:
        for stage, (lower, upper) in enumerate(pairwise(found)):
            assert lower.levels is not None and upper.levels is not None  # noqa: S101, PT018
            result[names[3]][stage, at] = threshold_between(lower.levels, upper.levels)
            wrong = flag_levels(lower.levels, upper.levels, options)
            bad[stage, at] |= wrong
            bad[stage + 1, at] |= wrong
