"""A train that is pushed: as a `Train`, or as streams and loops give it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beambook.errors import DataError

__all__ = ["data_of", "id_of"]

Data = Mapping[str, Any]


def data_of(train: Any) -> Data:
    """Sources and their keys.

    Parameters
    ----------
    train : Train, mapping, or (int, mapping)
        As of ``for train in stream`` or ``for pair in run.trains()``.

    Raises
    ------
    DataError
        It is neither.
    """
    data = train[1] if isinstance(train, tuple) and len(train) == 2 else train
    if not isinstance(data, Mapping):
        raise DataError(
            f"{type(data).__name__} is no train",
            hint="Push a Train, a mapping of sources to mappings of keys, or (train id, mapping).",
        )
    return data


def id_of(train: Any, source: str) -> int:
    """Its train id.

    Raises
    ------
    DataError
        It does not say.
    """
    if isinstance(train, tuple) and len(train) == 2:
        return int(train[0])
    data = data_of(train)
    if (known := getattr(data, "id", None)) is not None:
        return int(known)
    told = data[source].get("metadata", {}).get("timestamp.tid")
    if told is None:
        raise DataError(
            f"The data of {source} do not tell their train", hint="Push (train id, mapping)."
        )
    return int(told)
