"""All of a corrected file but its pixels: trains, index, sources, what is small."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from beambook.calibration._files.raw import RawFile
from beambook.data._euxfel.names import FileName
from beambook.data._write.index import write_metadata, write_trains
from beambook.errors import DataError

__all__ = ["corrected_name", "write_structure"]


def corrected_name(raw: Path) -> str:
    """The name of the corrected file.

    Raises
    ------
    DataError
        The raw file is not called as the facility's are.

    Examples
    --------
    >>> corrected_name(Path("raw/r0009/RAW-R0009-AGIPD00-S00000.h5"))
    'CORR-R0009-AGIPD00-S00000.h5'
    """
    found = FileName.of(raw)
    if found is None or found.category == "CORR":
        raise DataError(f"{raw.name} is no raw file: they are called RAW-R0009-AGIPD00-S00000.h5")
    return f"CORR{raw.name.removeprefix(found.category)}"


def write_structure(out: h5py.File, raw: RawFile, path: Path, template: str) -> None:
    """Write INDEX, METADATA and the keys of frames that are not pixels.

    Parameters
    ----------
    out : h5py.File
    raw : RawFile
    path : Path
        Of the raw file.
    template : str
        Of the corrected source.
    """
    form, source = raw.module.form, raw.module.corrected(template)
    write_trains(out, raw.run)
    counts = (raw.rows if form.by_train else raw.counts).astype(np.uint64)
    index = out.create_group(f"INDEX/{source}/{form.group}")
    index["first"] = (np.cumsum(counts) - counts).astype(np.uint64)
    index["count"] = counts
    group = out.create_group(f"INSTRUMENT/{source}/{form.group}")
    for key in _small_keys(raw):
        group[key] = _taken(raw, key)
    listed = [f"INSTRUMENT/{source}/{form.group}"]
    if source != raw.module.name:  # readers of before 2026 know the raw name only
        for section in ("INDEX", "INSTRUMENT"):
            out[f"{section}/{raw.module.name}"] = h5py.SoftLink(f"/{section}/{source}")
        listed.append(f"INSTRUMENT/{raw.module.name}/{form.group}")
    write_metadata(out, raw.run, listed, ())
    name = FileName.of(path)
    out["METADATA/sequenceNumber"][0] = name.sequence or 0 if name else 0


def _small_keys(raw: RawFile) -> list[str]:
    form, keys = raw.module.form, raw.run[raw.module.name].keys()
    names = (k.removeprefix(f"{form.group}.") for k in keys if k.startswith(f"{form.group}."))
    return sorted(set(names) - {form.pixels, "gain", "mask"})


def _taken(raw: RawFile, key: str) -> NDArray[Any]:
    return raw.channel(key).ndarray() if raw.module.form.by_train else raw.of_frames(key)
