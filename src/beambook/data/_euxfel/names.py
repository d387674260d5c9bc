"""What sources and keys at the European XFEL are called, and what follows from it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

__all__ = [
    "BUNCH_PATTERN",
    "MODULE",
    "FileName",
    "entry_dims",
    "is_text",
    "storage_class",
    "units",
]

FILE_NAME = re.compile(
    r"(?P<category>[A-Z]+)-R(?P<run>\d+)-(?P<aggregator>.+?)(?:-S(?P<sequence>\d+))?\.h5$"
)
STORAGE = (
    re.compile(r"/gpfs/exfel/exp/\w+/\d{6}/p\d{6}/(?P<class>[a-z]+)/"),
    re.compile(
        r"/(?:gpfs/exfel/[du]|pnfs/xfel\.eu/exfel/archive/XFEL)/(?P<class>[a-z]+)/\w+/\d{6}/p"
    ),
)

MODULE = re.compile(
    r"(?P<detector>[^/]+)/(?:DET|CORR)/(?P<module>(?:MODULE_|RECEIVER-|JNGFR)?\d+)(?:CH\d+)?:"
)
BUNCH_PATTERN = (
    re.compile(r".+/TSYS/TIMESERVER(?P<output>:outputBunchPattern)?$"),
    {":outputBunchPattern": "data.bunchPatternTable", None: "bunchPatternTable"},
)

PULSES = re.compile(r"(?:TD|[pP]ulse\w*|peaks|bunchPatternTable)$")
SAMPLES = re.compile(r"(?:raw\w*|\w*[sS]amples|trace\w*|waveform\w*)$")
PIXELS = re.compile(r"(?:^|\.)(?:image\.(?:pixels|data)|pixels)$")


@dataclass(frozen=True)
class FileName:
    """What the name of a file says: ``RAW-R0487-AGIPD07-S00002.h5``.

    Attributes
    ----------
    category : str
        Kind of data: ``RAW``, ``CORR`` …
    run : int
    aggregator : str
        The process that wrote it: ``DA01``, ``AGIPD07``.
    sequence : int or None
        Number of the file among the aggregator's.
    """

    category: str
    run: int
    aggregator: str
    sequence: int | None

    @classmethod
    def of(cls, path: Path) -> FileName | None:
        """Read a name; None where it is not of this form.

        Examples
        --------
        >>> FileName.of(Path("CORR-R0487-AGIPD07-S00002.h5"))
        FileName(category='CORR', run=487, aggregator='AGIPD07', sequence=2)
        """
        found = FILE_NAME.match(path.name)
        if found is None:
            return None
        sequence = found["sequence"]
        return cls(
            found["category"],
            int(found["run"]),
            found["aggregator"],
            None if sequence is None else int(sequence),
        )


def storage_class(path: Path) -> str | None:
    """Where the facility keeps a file: ``raw``, ``proc``, ``xfel`` …; None elsewhere."""
    folder = f"{path.resolve().parent}/"
    found = next(filter(None, (pattern.match(folder) for pattern in STORAGE)), None)
    return found["class"] if found else None


def entry_dims(
    source: str, key: str, entry_shape: tuple[int, ...], *, by_pulse: bool
) -> tuple[str, ...]:
    """Name the axes of an entry by what source and key are.

    Modules of area detectors: ``plane`` (of length 1) or ``data_gain``, ``cell``,
    ``slow_scan``, ``fast_scan``; cameras: ``y``, ``x``; one axis of pulses or samples where
    the key says so; anything else is numbered after the key: ``spectrum_0``.

    Parameters
    ----------
    source, key : str
    entry_shape : tuple of int
    by_pulse : bool
        Whether the rows are pulses (a pulse id is stored beside each).

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> entry_dims("SA2_XTD1_XGM/XGM/DOOCS:output", "data.intensityTD", (1000,), by_pulse=False)
    ('pulse',)
    >>> entry_dims("A/DET/0CH0:xtdf", "image.data", (2, 512, 128), by_pulse=True)
    ('data_gain', 'slow_scan', 'fast_scan')
    >>> entry_dims("LASER/SPEC:output", "data.spectrum", (2048,), by_pulse=False)
    ('spectrum_0',)
    """
    name = key.removesuffix(".value")
    leaf = name.rpartition(".")[2]
    if not entry_shape:
        return ()
    if MODULE.match(source):
        return _module_dims(leaf, entry_shape, by_pulse=by_pulse)
    if PIXELS.search(name) and len(entry_shape) in (2, 3):
        return ("y", "x", "colour")[: len(entry_shape)]
    if len(entry_shape) == 1 and PULSES.search(leaf):
        return ("pulse",)
    if len(entry_shape) == 1 and SAMPLES.match(leaf):
        return ("sample",)
    return _numbered(leaf, entry_shape)


def _module_dims(leaf: str, shape: tuple[int, ...], *, by_pulse: bool) -> tuple[str, ...]:
    if not by_pulse and leaf == "data":  # the XTDF group "detector": bytes
        return _numbered(leaf, shape)
    lead = "cell" if not by_pulse else "plane" if shape[0] == 1 else "data_gain"
    if len(shape) == 1:
        return (lead,) if by_pulse or leaf == "memoryCell" else _numbered(leaf, shape)
    if len(shape) in (2, 3):
        return (lead, "slow_scan", "fast_scan")[-len(shape) :]
    return _numbered(leaf, shape)


def _numbered(leaf: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(f"{leaf}_{axis}" for axis in range(len(shape)))


def is_text(dtype: np.dtype[Any]) -> bool:
    """Whether values are strings of any length."""
    return dtype.kind == "O" and h5py.check_string_dtype(dtype) is not None


def units(file: h5py.File, dataset: h5py.h5d.DatasetID, path: str) -> str:
    """Units with their metric prefix, from Karabo's attributes; empty where there are none.

    CONTROL keys carry them on the group around ``value``, which wins.
    """
    found = _attributes(dataset)
    if path.startswith("CONTROL/") and path.endswith("/value"):
        group = path.rpartition("/")[0].encode(errors="surrogateescape")
        found |= _attributes(h5py.h5o.open(file.id, group))
    unit = found.get("unitSymbol", "")
    prefix = found.get("metricPrefixSymbol", "") if unit else ""
    return f"{'µ' if prefix == 'u' else prefix}{unit}"


def _attributes(item: h5py.h5g.GroupID | h5py.h5d.DatasetID) -> dict[str, str]:
    if h5py.h5a.get_num_attrs(item) == 0:
        return {}
    stored = h5py.AttributeManager(_Owner(item))
    wanted = ("unitSymbol", "metricPrefixSymbol")
    return {name: _text(stored[name]) for name in wanted if name in stored}


@dataclass(frozen=True)
class _Owner:
    id: Any


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
