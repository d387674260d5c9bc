"""The devices of a detector in a run, and reading values from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from beambook.data import Run
from beambook.data._source import Source
from beambook.errors import DataError, KeyNotFound, SourceNotFound

__all__ = [
    "Devices",
    "device_pattern",
    "filled",
    "first_told",
    "single",
    "text",
    "value_at_start",
    "value_of",
]


@dataclass(frozen=True)
class Devices:
    """A detector's sources in a run.

    Attributes
    ----------
    run : Run
    detector : str
    control : str
        The main control device or its domain, if it is not the usual one.
    """

    run: Run
    detector: str
    control: str

    def main(self, pattern: str, device: str) -> Source | None:
        """The device that has most conditions: the one that was said, or the usual one."""
        if not self.control:
            return self.only(pattern)
        name = self.control if "/" in self.control else f"{self.control}{device}"
        if name not in self.run.control_sources:
            raise SourceNotFound(name, self.run.control_sources, where=self.run.name)
        return self.run.source_data(name)

    def only(self, pattern: str) -> Source | None:
        """The only control device of this pattern, if there is one."""
        names = self._named(pattern)
        if len(names) > 1:
            raise DataError(
                f"{self.run.name} has {len(names)} devices for {self.detector}: {', '.join(names)}",
                hint="Say which one: control=…",
            )
        return self.run.source_data(names[0]) if names else None

    def _named(self, pattern: str) -> list[str]:
        matches = re.compile(pattern).fullmatch
        return sorted(filter(matches, self.run.control_sources))

    def modules(self) -> Iterator[Source]:
        """The modules that have data."""
        start = f"{self.detector}/DET/"
        for name in sorted(self.run.instrument_sources, key=_number):
            if name.startswith(start) and name.endswith(":xtdf"):
                yield self.run.source_data(name)


def _number(name: str) -> tuple[int, str]:
    found = re.search(r"/(\d+)CH", name)
    return (int(found[1]) if found else -1), name


def device_pattern(detector: str, device: str) -> str:
    """Pattern of a device of the same instrument whose domain names the same detector.

    The control devices of SPB_DET_AGIPD1M-1 are in the domain SPB_IRU_AGIPD1M1, those of
    HED_DET_AGIPD500K2G in HED_EXP_AGIPD500K2G.
    """
    instrument, _, rest = detector.partition("_")
    kind = re.search(r"(AGIPD|LPD|DSSC)\w*", rest)
    return rf"{re.escape(instrument)}_[^/]*{kind[0] if kind else ''}[^/]*{re.escape(device)}"


def first_told(seen: Devices, read: Callable[[Source], Any]) -> Any:
    """What the first module that tells it says."""
    return next((v for module in seen.modules() if (v := read(module)) is not None), None)


def filled(module: Source, key: str) -> NDArray[Any]:
    """Values of all frames that there are."""
    values: NDArray[Any] = module[key].drop_empty_trains().ndarray().ravel()
    return values


def single(source: Source, key: str, **options: Any) -> Any:
    """The value of a key, which must not change in the run."""
    return source[key].as_single_value(**options)


def value_of(source: Source, key: str, **options: Any) -> Any:
    """The same, or None where there is no such key."""
    return single(source, key, **options) if key in source else None


def text(value: Any) -> str:
    """A stored text."""
    return value.decode() if isinstance(value, bytes) else str(value)


def value_at_start(source: Source, key: str) -> Any:
    """The value at the start of the run, or None where there is no such key."""
    try:
        return source.run_value(key)
    except KeyNotFound:
        return None
