"""A folder of constants and their versions: the store that needs no data base."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from beambook.calibration._constants.conditions import Conditions
from beambook.calibration._constants.constant import Constant
from beambook.calibration._constants.match import (
    Strategy,
    Time,
    best,
    check_strategy,
    differences,
    nearest,
    utc,
)
from beambook.calibration._constants.record import Index
from beambook.calibration._constants.version_file import (
    check_name,
    check_text,
    checked,
    fault,
    file_name,
    write,
)
from beambook.card import Card, Described, Table
from beambook.errors import ConstantNotFound

__all__ = ["Constants"]


@dataclass(frozen=True, eq=False, repr=False)
class Constants(Described):
    """A folder of constants by module, conditions and time of validity.

    Files are laid out as those of the facility's data base:
    ``xfel/cal/<type>/<physical name>/cal.<time>.h5`` with the data set
    ``/<physical name>/<calibration>/0/data``, and its attribute ``dims``. Many processes on many
    nodes may inject and query at once; a version is there as a whole or not at all, and is never
    changed.

    Attributes
    ----------
    folder : Path

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from beambook.calibration import AGIPDConditions
    >>> constants = Constants(tempfile.mkdtemp())
    >>> conditions = AGIPDConditions(300, 2, 4.5, gain_setting=0, gain_mode=0)
    >>> module = {"detector": "SPB_DET_AGIPD1M-1", "module": "AGIPD00"}
    >>> offset = np.full((3, 2, 512, 128), 5400, "f4")
    >>> made = constants.inject(
    ...     "Offset", offset, **module, physical_name="AGIPD_M305", conditions=conditions,
    ...     begin="2026-03-01T08:00:00+01:00")
    >>> found = constants.query(
    ...     "Offset", **module, conditions=conditions, at="2026-03-02T12:00:00+01:00")
    >>> found.ndarray().shape, found.dataset
    ((3, 2, 512, 128), '/AGIPD_M305/Offset/0')
    """

    folder: Path
    _index: Index = field(init=False)

    def __post_init__(self) -> None:
        folder = Path(self.folder).absolute()
        object.__setattr__(self, "folder", folder)
        object.__setattr__(self, "_index", Index(folder))

    def __iter__(self) -> Iterator[Constant]:
        """All versions, in the order in which they were injected."""
        return iter(sorted(self._index.constants(), key=lambda c: c.id))

    def __len__(self) -> int:
        return len(self._index.constants())

    # --- asking -----------------------------------------------------------

    def query(
        self,
        calibration: str,
        *,
        detector: str,
        module: str,
        conditions: Conditions,
        at: Time | None = None,
        strategy: Strategy = "closest",
        snapshot_at: Time | None = None,
    ) -> Constant:
        """The version of a constant that holds for a module at a time.

        Constants belong to the module itself, not to its place: those of the module are looked
        for that was in this place at that time (`physical_name`), wherever they were measured.

        Parameters
        ----------
        calibration, detector, module, conditions, at, strategy, snapshot_at
            See `ConstantSource.query`.

        Returns
        -------
        Constant

        Raises
        ------
        ConstantNotFound
            There is none; the message tells what comes closest and in what it differs.
        """
        check_strategy(strategy)
        wanted, time = conditions.parameters(calibration), utc(at)
        known = self._injected_until(snapshot_at)
        unit = _unit(known, detector, module, time)
        of_module = [c for c in known if c.physical_name == unit]
        candidates = [c for c in of_module if c.calibration == calibration]
        found = best(candidates, wanted, time, strategy)
        if found is None:
            near = nearest(candidates, wanted, time)
            raise ConstantNotFound(
                calibration,
                where=f"{self.folder} for {detector} {module} at {time:%Y-%m-%d %H:%M:%S} UTC",
                hint=_told(near, wanted, time, strategy)
                if near
                else _nothing(self, known, of_module),
            )
        return found

    def physical_name(
        self, detector: str, module: str, at: Time | None = None, snapshot_at: Time | None = None
    ) -> str:
        """Which module was in a place at a time: that of the last constant from there until then.

        Before the first constant, that of the first; empty if there is none.
        """
        return _unit(self._injected_until(snapshot_at), detector, module, utc(at))

    def _injected_until(self, time: Time | None) -> list[Constant]:
        everything = self._index.constants()
        if time is None:
            return everything
        last = utc(time)
        return [c for c in everything if c.created is not None and c.created <= last]

    # --- adding -----------------------------------------------------------

    def inject(
        self,
        calibration: str,
        array: ArrayLike,
        *,
        detector: str,
        module: str,
        physical_name: str,
        conditions: Conditions,
        begin: Time,
        end: Time | None = None,
        deviations: Mapping[str, tuple[float, float]] | None = None,
        dims: tuple[str, ...] | None = None,
        raw_data: str = "",
    ) -> Constant:
        """Add a version; what is there stays as it is.

        Parameters
        ----------
        calibration : str
            ``"Offset"``
        array : array_like, (gain, cell, slow scan, fast scan)
            Without the first axes where the constant does not have them. Stored as float32, or
            uint32 for ``BadPixels…``.
        detector, module : str
            ``"SPB_DET_AGIPD1M-1"``, ``"AGIPD00"``. Empty for one that was not in a detector.
        physical_name : str
            The module itself: constants follow it when it is moved.
        conditions : Conditions
        begin : datetime, numpy.datetime64 or str
            From when on it is valid: the time at which its data was taken.
        end : datetime, numpy.datetime64 or str, optional
        deviations : mapping of str to (float, float), optional
            By how much less and more it may be asked for, by the name of the parameter;
            `Conditions.deviations` by default.
        dims : tuple of str, optional
            Names of the axes, if they are others.
        raw_data : str
            What it was made from: ``"proposal:p900074 runs:1 2 3"``.

        Returns
        -------
        Constant

        Raises
        ------
        DataError
            The array does not have the pixels of a module.
        ParameterError
            A name cannot be that of a file or module, or a time has no zone.
        """
        for name in (calibration, physical_name):
            check_name(name)
        for text in (detector, module):
            check_text(text)
        wanted = conditions.parameters(calibration)
        values, axes = checked(calibration, array, dims, conditions)
        number = self._index.reserve()
        path = self.folder / file_name(conditions.detector_type, physical_name, number)
        constant = Constant(
            calibration,
            detector,
            module,
            physical_name,
            path,
            f"/{physical_name}/{calibration}/0",
            number,
            utc(begin),
            None if end is None else utc(end),
            datetime.now(UTC),
            wanted,
            conditions.deviations(calibration) if deviations is None else dict(deviations),
            raw_data,
        )
        try:
            sha256 = write(constant, values, axes)
            constant = replace(constant, sha256=sha256)
            self._index.add(constant)
        except BaseException:
            self._index.release(number)
            path.unlink(missing_ok=True)
            raise
        return constant

    # --- looking ----------------------------------------------------------

    def check(self) -> list[str]:
        """What is wrong: files that are missing, or are not what was injected. Reads everything.

        Versions that were begun and are not there (yet) are named too, and files that were being
        written when somebody was killed, each with its age. They do no harm, and old ones can be
        removed.
        """
        wrong = [f"{c.path}: {why}" for c in self if (why := fault(c))]
        begun = [*self._index.unfinished(), *sorted(self.folder.rglob("*.partial"))]
        return wrong + [f"{path}: begun {_age(path)} ago, not finished" for path in begun]

    def card(self) -> Card:
        """What is in it, by detector and calibration."""
        everything = self._index.constants()
        groups: dict[tuple[str, str], list[Constant]] = {}
        for constant in everything:
            groups.setdefault((constant.detector, constant.calibration), []).append(constant)
        rows = tuple(
            (*names, len(found), len({c.physical_name for c in found}), _span(found))
            for names, found in sorted(groups.items())
        )
        columns = ("detector", "calibration", "versions", "modules", "valid from")
        types = Counter(c.detector for c in everything)
        facts = {
            "versions": str(len(everything)),
            "detectors": ", ".join(types) or "none",
            "modules": str(len({c.physical_name for c in everything})),
        }
        return Card("Constants", str(self.folder), facts, (Table(columns, rows, "Contents"),))


def _unit(known: Iterable[Constant], detector: str, module: str, at: datetime) -> str:
    placed = [c for c in known if c.module == module and c.detector == detector]
    before = [c for c in placed if c.begin <= at]
    if before:
        return max(before, key=lambda c: (c.begin, c.id)).physical_name
    return min(placed, key=lambda c: (c.begin, -c.id)).physical_name if placed else ""


def _told(near: Constant, wanted: Mapping[str, Any], at: datetime, strategy: Strategy) -> str:
    """In what the closest one differs."""
    there = differences(near, wanted)
    if not there:
        why = "it is valid no more" if near.end is not None and at >= near.end else "it is later"
        there = (f"{why} (strategy {strategy!r})",)
    return f"The closest is from {near.begin:%Y-%m-%d %H:%M:%S} UTC: {'; '.join(there)}."


def _nothing(store: Constants, known: list[Constant], of_module: list[Constant]) -> str:
    """What there is instead: of the module, of others, or that dark runs come first."""
    if not store.folder.is_dir():
        return f"There is no folder {store.folder}; a dark characterisation makes the first ones."
    if of_module:
        return f"It has {', '.join(sorted({c.calibration for c in of_module}))}."
    places = sorted({f"{c.detector} {c.module}" for c in known})
    return f"It has constants of {', '.join(places[:3]) or 'nothing'}{' …' * (len(places) > 3)}."


def _age(path: Path) -> str:
    """How long ago a file was written to; it may be gone in the meantime."""
    try:
        seconds = max(0.0, time.time() - path.stat().st_mtime)
    except FileNotFoundError:
        return "a moment"
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _span(constants: list[Constant]) -> str:
    first, last = min(c.begin for c in constants), max(c.begin for c in constants)
    return f"{first:%Y-%m-%d}" + (f" to {last:%Y-%m-%d}" if last.date() != first.date() else "")
