"""Times in NeXus files: numbers with a unit from a start, and times as text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Times", "moment", "times_of_field"]

UNITS = {
    "": 10**9, "s": 10**9, "sec": 10**9, "secs": 10**9, "second": 10**9, "seconds": 10**9,
    "ms": 10**6, "msec": 10**6, "millisecond": 10**6, "milliseconds": 10**6,
    "us": 10**3, "µs": 10**3, "μs": 10**3, "usec": 10**3, "microsecond": 10**3,
    "microseconds": 10**3, "ns": 1, "nsec": 1, "nanosecond": 1, "nanoseconds": 1,
    "min": 60 * 10**9, "minute": 60 * 10**9, "minutes": 60 * 10**9,
    "h": 3600 * 10**9, "hour": 3600 * 10**9, "hours": 3600 * 10**9,
    "d": 86400 * 10**9, "day": 86400 * 10**9, "days": 86400 * 10**9,
}  # fmt: skip
ISO = re.compile(
    r"\s*(\d{4}-\d{2}-\d{2})(?:[T ]+(\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,9})\d*)?)?"
    r"\s*(Z|UTC|[+-]\d{2}:?\d{2})?\s*$"
)
UNIX = 3 * 10**8  # seconds: a number above it counts from 1970, not from the start of a run


@dataclass(frozen=True, eq=False)
class Times:
    """When each record of a log was.

    Attributes
    ----------
    ns : ndarray of int64, (records,)
        Since 1970 in UTC if `absolute`, else since an unknown start.
    absolute : bool
    """

    ns: NDArray[np.int64]
    absolute: bool


def moment(text: str) -> int | None:
    """A time as text (ISO 8601; UTC where it names no zone) in ns since 1970, or None.

    Examples
    --------
    >>> moment("1970-01-01T01:00:01.5+01:00")
    1500000000
    >>> moment("yesterday") is None
    True
    """
    found = ISO.match(text)
    if found is None:
        return None
    day, clock, fraction, zone = found.groups()
    try:
        seconds = int(np.datetime64(f"{day}T{clock or '00:00'}", "s").astype("i8"))
    except ValueError:
        return None
    if not -(2**33) < seconds < 2**33:  # years that 64 bits of ns do not reach
        return None
    return (seconds - _offset(zone)) * 10**9 + int((fraction or "0").ljust(9, "0"))


def _offset(zone: str | None) -> int:
    if zone is None or zone in ("Z", "UTC"):
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return (minutes if zone[0] == "+" else -minutes) * 60


def times_of_field(values: NDArray[Any], units: str, start: str, otherwise: str) -> Times | None:
    """When each record was, or None where it cannot be said.

    Parameters
    ----------
    values : ndarray, (records,)
        Numbers, or times as text.
    units : str
    start : str
        What the numbers count from, as the file says; empty when it says nothing.
    otherwise : str
        The start of the entry, for small numbers without a start.
    """
    if values.dtype.kind not in "iuf":
        return _texts(values)
    scale = UNITS.get(units.strip().lower())
    if scale is None or not np.isfinite(values).all():
        return None
    if values.dtype.kind == "f":
        with np.errstate(all="ignore"):
            scaled = np.rint(values.astype("f8") * scale)
        if len(scaled) and not np.abs(scaled).max() < 2.0**62:
            return None
        ns = scaled.astype(np.int64)
    else:
        if len(values) and max(abs(int(values.max())), abs(int(values.min()))) * scale >= 2**62:
            return None
        ns = values.astype(np.int64) * scale
    since = moment(start)
    if since is None and len(ns) and ns.min() > UNIX * 10**9:
        since = 0
    if since is None:
        since = moment(otherwise)
    return Times(ns, absolute=False) if since is None else Times(ns + since, absolute=True)


def _texts(values: NDArray[Any]) -> Times | None:
    texts = [v.decode(errors="replace") if isinstance(v, bytes) else str(v) for v in values]
    moments = [moment(text) for text in texts]
    if any(each is None for each in moments):
        return None
    return Times(np.array(moments, np.int64), absolute=True)
