"""Some frames of a corrected file beside the raw ones, to be looked at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beambook.calibration._files.form import module_source
from beambook.calibration._files.result import CorrectedFile
from beambook.data import Channel, open_file
from beambook.errors import DataError

__all__ = ["Sample", "mean_frame", "sample"]

MOST = 256  # frames


@dataclass(frozen=True)
class Sample:
    """Frames of some trains of a module.

    Attributes
    ----------
    raw : ndarray of uint16, (frames, slow, fast)
        As the detector sent them; of AGIPD the analogue plane.
    data : ndarray, (frames, slow, fast)
    gain : ndarray of uint8, (frames, slow, fast)
    mask : ndarray of uint32, (frames, slow, fast)
    cells : ndarray of int, (frames,)
    """

    raw: NDArray[Any]
    data: NDArray[Any]
    gain: NDArray[np.uint8]
    mask: NDArray[np.uint32]
    cells: NDArray[Any]

    @property
    def good(self) -> NDArray[np.float32]:
        """Values of good pixels, NaN for the others: (frames, slow, fast)."""
        values: NDArray[np.float32] = np.where(self.mask == 0, self.data, np.float32(np.nan))
        return values

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean over the frames in which a pixel is good, NaN where it never is: (slow, fast)."""
        return _mean(self.data, self.mask)


def sample(done: CorrectedFile, *, most: int = MOST) -> Sample:
    """Read frames of trains that lie evenly in a file.

    Parameters
    ----------
    done : CorrectedFile
    most : int
        About so many frames; whole trains, at least one.

    Raises
    ------
    DataError
        The file was not written.
    """
    if done.path is None:
        raise DataError(f"Nothing of {done.raw.name} could be corrected")
    raw, corrected = open_file(done.raw), open_file(done.path)
    module = module_source(raw)
    form, ids = module.form, corrected.train_ids
    number = max(1, min(len(ids), most * len(ids) // max(1, done.frames)))
    chosen = ids[np.linspace(0, len(ids) - 1, number).astype(int)]

    def frames(key: str) -> NDArray[Any]:
        channel: Channel = corrected[done.source, f"{form.group}.{key}"]
        return _frames(channel, chosen, by_train=form.by_train)

    cells = frames(form.cells).reshape(-1)
    source: Channel = raw[module.name, f"{form.group}.{form.pixels}"]
    values = _frames(source, chosen, by_train=form.by_train)
    values = values.reshape(len(values), -1, *form.module_shape)[:, 0]
    if len(values) != len(cells):  # some frames were not chosen
        stored = _frames(raw[module.name, f"{form.group}.pulseId"], chosen, by_train=False)
        kept = _frames(corrected[done.source, f"{form.group}.pulseId"], chosen, by_train=False)
        values = values[np.isin(stored.reshape(-1), kept.reshape(-1))]
    return Sample(values, frames(form.pixels), frames("gain"), frames("mask"), cells)


def mean_frame(path: str | Path, *, most: int = MOST) -> tuple[int, NDArray[np.float64]]:
    """The mean of some frames of a corrected file, which lie evenly in it.

    Parameters
    ----------
    path : str or Path
        ``CORR-R0009-AGIPD00-S00000.h5``.
    most : int
        About so many frames; whole trains, at least one.

    Returns
    -------
    (int, ndarray of float64)
        Number of the module; mean of the values of each pixel that are good, NaN where none is.
    """
    detector = open_file(path).detector(raw=False)
    (module,) = detector.sources
    keys = detector.kind.main_key, detector.kind.mask_key
    ids = detector.run.train_ids
    frames = max(1, int(np.prod(detector[keys[0]].shape[1:-2])))
    number = max(1, min(len(ids), most * len(ids) // frames))
    chosen = detector.select_trains(np.linspace(0, len(ids) - 1, number).astype(int))
    data, mask = (chosen[key].ndarray()[0] for key in keys)
    shape = data.shape[-2:]
    return module, _mean(data.reshape(-1, *shape), mask.reshape(-1, *shape))


def _mean(data: NDArray[Any], mask: NDArray[np.uint32]) -> NDArray[np.float64]:
    good = mask == 0
    number = good.sum(axis=0)
    total = np.sum(data, axis=0, where=good, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        mean: NDArray[np.float64] = total / np.where(number, number, np.nan)
    return mean


def _frames(channel: Channel, trains: NDArray[np.uint64], *, by_train: bool) -> NDArray[Any]:
    part = channel[np.isin(channel.train_ids, trains)]
    values = part.ndarray()
    return values.reshape(-1, *values.shape[2:]) if by_train and values.ndim > 2 else values
