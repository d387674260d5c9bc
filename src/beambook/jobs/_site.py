"""What beambook has to know of a cluster: one small file, all of it optional."""

from __future__ import annotations

import os
import re
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from beambook.card import Card, Described
from beambook.errors import ParameterError, ParameterNotFound, RunNotFound

__all__ = ["Site", "as_bytes", "as_seconds"]

VARIABLE = "BEAMBOOK_SITE"
USERS = Path(".config/beambook/site.toml")
MACHINES = Path("/etc/beambook/site.toml")
MIN_TASK_SECONDS = 30.0
QUOTED = '"…"'
_FORMS = {"cores": "…", "memory": '"…G"', "sbatch": '["…"]', "time": '"…h"'}  # as TOML has them
_TIME_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_MEMORY_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@dataclass(frozen=True, repr=False)
class Site(Described):
    """What beambook has to know of a cluster.

    Attributes
    ----------
    partition, account, qos : str
        As for ``sbatch``; empty: the cluster's own default.
    memory : int, optional
        Bytes for each task that does not say what it needs. In the file ``"8G"`` or bytes.
    time : float, optional
        Time limit of a task in s. In the file ``"2h"``, ``"10m"``, ``"1:30:00"`` or seconds.
    cores : int, optional
        Cores for each task that does not say what it needs.
    preamble : str
        Lines of shell before each task, such as ``module load``.
    sbatch : tuple of str
        More options of ``sbatch``, such as ``--constraint=…``.
    at_once : int, optional
        Most tasks of one batch at once.
    min_task_seconds : float
        Shorter pieces of work are put together until a task lasts this long, in s.
    interface : str
        The network that the nodes see, such as ``ib0``; only `cluster` needs to know.
    python : str
        The interpreter on the nodes; this one if it has the same path there.
    path : Path, optional
        The file that says so.

    Examples
    --------
    >>> Site(partition="upex", time=7200.0)
    <Site built in: partition upex, time 7200 s, tasks of at least 30 s>
    """

    partition: str = ""
    account: str = ""
    qos: str = ""
    memory: int | None = None
    time: float | None = None
    cores: int | None = None
    preamble: str = ""
    sbatch: tuple[str, ...] = ()
    at_once: int | None = None
    min_task_seconds: float = MIN_TASK_SECONDS
    interface: str = ""
    python: str = sys.executable
    path: Path | None = None

    @classmethod
    def load(cls, path: str | Path | None = None) -> Site:
        """Read the site file.

        Parameters
        ----------
        path : str or Path, optional
            Else what ``$BEAMBOOK_SITE`` names, ``~/.config/beambook/site.toml`` or
            ``/etc/beambook/site.toml``; without any of them all is the cluster's default.

        Returns
        -------
        Site

        Raises
        ------
        RunNotFound
            If the file that was named is not there.
        ParameterNotFound, ParameterError
            If it says what nobody understands.
        """
        file = _site_file(path)
        if file is None:
            return cls()
        try:
            document = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ParameterError(f"The site file {str(file)!r} cannot be read: {error}") from error
        return cls(**_checked(document, file), path=file)

    def line_of(self, key: str) -> str:
        """Where a key of the site file is to be changed, or written for the first time."""
        line = f"{key} = {_FORMS.get(key, QUOTED)}"
        if self.path is None:
            return f"Write {line} into ~/{USERS}"
        for number, line in enumerate(self.path.read_text(encoding="utf-8").splitlines(), 1):
            if re.match(rf"\s*{key}\s*=", line):
                return f"Change line {number} of {self.path}: {line.strip()}"
        return f"Write {line} into {self.path}"

    def card(self) -> Card:
        """What it says, without what it leaves to the cluster."""
        facts = {
            key: str(getattr(self, key))
            for key in ("partition", "account", "qos", "memory", "cores", "at_once")
            if getattr(self, key)
        }
        if self.time:
            facts["time"] = f"{self.time:g} s"
        if self.sbatch:
            facts["sbatch"] = " ".join(self.sbatch)
        if self.preamble:
            facts["preamble"] = "; ".join(self.preamble.strip().splitlines())
        facts["tasks of"] = f"at least {self.min_task_seconds:g} s"
        return Card("Site", str(self.path or "built in"), facts)


def _site_file(path: str | Path | None) -> Path | None:
    named = path or os.environ.get(VARIABLE)
    if named:
        if not Path(named).is_file():
            where = "" if path else f" (${VARIABLE})"
            raise RunNotFound(f"No site file {str(named)!r}{where}")
        return Path(named).absolute()
    return next((file for file in (Path.home() / USERS, MACHINES) if file.is_file()), None)


def _checked(document: Mapping[str, Any], file: Path) -> dict[str, Any]:
    known = {field.name for field in fields(Site)} - {"path"}
    for key in document:
        if key not in known:
            raise ParameterNotFound(key, known, where=f"the site file {file}")
    values = {}
    for key, value in document.items():
        try:
            values[key] = _READ[key](value)
        except (TypeError, ValueError) as error:
            raise ParameterError(f"{key} = {value!r} in {file}: {error}") from None
    return values


def as_bytes(value: object) -> int:
    """Memory as Slurm writes it, in bytes.

    Examples
    --------
    >>> as_bytes("8G"), as_bytes("500 MB")
    (8589934592, 524288000)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", str(value).strip(), re.I)
    if not match or isinstance(value, bool) or float(match[1]) <= 0:
        raise ValueError('not a memory size; write "8G"')
    return int(float(match[1]) * _MEMORY_UNITS[match[2].upper()])


def as_seconds(value: object) -> float:
    """A time with a unit, as ``[days-]hours:minutes:seconds``, or in seconds.

    Examples
    --------
    >>> as_seconds("2h"), as_seconds("1-00:30:00"), as_seconds(90)
    (7200.0, 88200.0, 90.0)
    """
    text = str(value).strip()
    if match := re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|d)?", text):
        seconds = float(match[1]) * _TIME_UNITS[match[2] or "s"]
    elif match := re.fullmatch(r"(?:(\d+)-)?(\d+):(\d\d):(\d\d)", text):
        days, hours, minutes, rest = (int(part or 0) for part in match.groups())
        seconds = float(((days * 24 + hours) * 60 + minutes) * 60 + rest)
    else:
        raise ValueError('not a time; write "2h", "10m" or "1:30:00"')
    if seconds <= 0:
        raise ValueError("a time is more than 0 s")
    return seconds


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("this is a text")
    return value


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("this is a number from 1")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise TypeError("this is a list of texts")
    return tuple(value)


def _lines(value: object) -> str:
    return value if isinstance(value, str) else "\n".join(_texts(value))


def _min_seconds(value: object) -> float:
    return 0.0 if value == 0 else as_seconds(value)


_READ: Mapping[str, Callable[[object], object]] = {
    "partition": _text,
    "account": _text,
    "qos": _text,
    "memory": as_bytes,
    "time": as_seconds,
    "cores": _count,
    "preamble": _lines,
    "sbatch": _texts,
    "at_once": _count,
    "min_task_seconds": _min_seconds,
    "interface": _text,
    "python": _text,
}
