"""The dark runs of a detector: which modules they have, and whether they belong together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from beambook.calibration._constants import Conditions, conditions_of
from beambook.calibration._dark.dark import Dark
from beambook.calibration._dark.detectors import (
    characterise_agipd,
    characterise_dssc,
    characterise_jungfrau,
    characterise_lpd,
)
from beambook.calibration._dark.mode import PARALLEL, Mode, expected, mode_of
from beambook.data import Detector, Run, open_run
from beambook.errors import DataError, ParameterError, SourceNotFound

__all__ = ["STAGES", "DarkRuns", "dark_runs"]

STAGES = ("high", "med", "low")

CHARACTERISE: Mapping[str, Callable[..., Dark]] = {
    "AGIPD": characterise_agipd,
    "LPD": characterise_lpd,
    "JUNGFRAU": characterise_jungfrau,
    "DSSC": characterise_dssc,
}


@dataclass(frozen=True, eq=False)
class DarkRuns:
    """Dark runs that belong together.

    Attributes
    ----------
    kind : str
        ``"AGIPD"``, ``"LPD"``, ``"JUNGFRAU"`` or ``"DSSC"``.
    detector : str
        ``"SPB_DET_AGIPD1M-1"``
    runs : tuple of Run
        In high, medium, low gain; or one.
    modes : tuple of Mode
        What the control device tells of each.
    modules : tuple of int
        Those that all runs have.
    problems : tuple of str
        Modules that are not in all runs, modes that are not known.
    control : str
        The control device, if it is not the usual one.
    """

    kind: str
    detector: str
    runs: tuple[Run, ...]
    modes: tuple[Mode, ...]
    modules: tuple[int, ...]
    problems: tuple[str, ...] = ()
    control: str = ""
    _found: tuple[Detector, ...] = field(default=(), repr=False)

    @property
    def fixed(self) -> bool:
        """Whether the gain was fixed, so that pixels could not have changed it."""
        return any(mode.fixed for mode in self.modes)

    @property
    def begin(self) -> np.datetime64:
        """When the first train was taken, UTC: from then on the constants are valid.

        Raises
        ------
        DataError
            The files do not say it.
        """
        times = np.concatenate([run.train_timestamps() for run in self.runs])
        times = times[~np.isnat(times)]
        if not len(times):
            raise DataError(
                f"{self.runs[0].name} does not say when it was taken", hint="Give creation_time."
            )
        return np.datetime64(times.min())

    def conditions(self, **known: Any) -> Conditions:
        """Under what conditions the constants hold.

        Parameters
        ----------
        **known
            What you know better, see `conditions_of`.

        Raises
        ------
        DataError
            They are not the same in all runs, or could not be found.
        """
        if self.kind in ("AGIPD", "JUNGFRAU"):  # the same constants hold for all stages
            known.setdefault("gain_mode", int(self.fixed))
        found = [
            conditions_of(run, self.detector, control=self.control, **known) for run in self.runs
        ]
        for run, other in zip(self.runs[1:], found[1:], strict=True):
            mine, theirs = found[0].as_dict(), other.as_dict()
            if wrong := [
                f"{n} {mine[n]} and {theirs.get(n)}" for n in mine if mine[n] != theirs.get(n)
            ]:
                raise DataError(
                    f"{self.runs[0].name} and {run.name} do not belong together: {', '.join(wrong)}"
                )
        return found[0]

    def of_module(self, module: int) -> tuple[Detector, ...]:
        """The runs of one module.

        Raises
        ------
        SourceNotFound
            It is not in all runs.
        """
        if module not in self.modules:
            raise SourceNotFound(
                f"{self.detector} module {module}", map(str, self.modules), where="all dark runs"
            )
        return tuple(found.select_modules([module]) for found in self._found)

    def select(self, modules: Sequence[int]) -> tuple[int, ...]:
        """Numbers of the modules that are meant; ``[-1]`` is all.

        Raises
        ------
        ParameterError
            One is in no run.
        """
        if -1 in modules:
            return self.modules
        known = {m for found in self._found for m in found.modules}
        if unknown := sorted(set(modules) - known):
            raise ParameterError(
                f"{self.detector} has no module {unknown}; there are {sorted(known)}"
            )
        return tuple(m for m in sorted(set(modules)) if m in self.modules)

    def characterise(self, module: int, *, max_trains: int = -1, **options: Any) -> Dark:
        """Constants of a module.

        Parameters
        ----------
        module : int
        max_trains : int
            Of each run, the first ones; -1 for all.
        **options
            Of `characterise_agipd`, `characterise_lpd`, `characterise_jungfrau` or
            `characterise_dssc`.
        """
        if self.kind == "AGIPD":
            options.setdefault("adaptive", not self.fixed)
        found = self.of_module(module)
        if max_trains >= 0:
            found = tuple(detector.select_trains(slice(max_trains)) for detector in found)
        return CHARACTERISE[self.kind](*found, **options)


def dark_runs(
    *folders: str | Path,
    karabo_id: str = "",
    control: str = "",
    modules: Sequence[int] = (-1,),
    check_modes: bool = True,
) -> DarkRuns:
    """Open dark runs and see whether they belong together.

    Parameters
    ----------
    *folders : str or Path
        Run folders in high, medium and low gain (JUNGFRAU: dynamic, forceswitchg1,
        forceswitchg2); a DSSC has one. Of an LPD in parallel gain, where each train
        has all three stages, they may be the same one.
    karabo_id : str
        The detector, where runs have several.
    control : str
        Its control device, if it is not the usual one.
    modules : sequence of int
        Those whose files are looked at, ``[-1]`` for all.
    check_modes : bool
        Whether runs have to be in the gain stage that they are given as.

    Raises
    ------
    DataError
        A run is in another gain stage than it is given as, or its detector is another one, or
        there is no module that all of them have.
    RunNotFound, SourceNotFound
        There is no such run or detector.

    Examples
    --------
    ::

        runs = dark_runs("raw/r0001", "raw/r0002", "raw/r0003")
        dark = runs.characterise(3)
        dark["Offset"]
    """
    runs = tuple(open_run(folder) for folder in folders)
    found = tuple(run.detector(karabo_id or None, raw=True) for run in runs)
    names = sorted({detector.name for detector in found})
    if len(names) > 1:
        raise DataError(f"Dark runs are of {' and '.join(names)}", hint="Give karabo_id.")
    kind = next((kind for kind in CHARACTERISE if found[0].kind.name.startswith(kind)), "")
    if not kind or len(runs) != (1 if kind == "DSSC" else 3):
        raise DataError(f"{len(runs)} dark runs do not do for {names[0]} ({found[0].kind.name})")
    modes = tuple(mode_of(run, kind, names[0], control) for run in runs)
    found = tuple(
        run.detector(name, raw=True, parallel_gain=True) if mode.told == PARALLEL else detector
        for run, mode, detector, name in zip(runs, modes, found, names * len(runs), strict=True)
    )
    common = set.intersection(*(set(detector.modules) for detector in found))
    if not common:
        raise DataError(f"No module of {names[0]} is in all dark runs")
    problems = [*_missing(found), *_wrong(runs, modes, kind, check_modes=check_modes)]
    return DarkRuns(
        kind, names[0], runs, modes, tuple(sorted(common)), tuple(problems), control, found
    )


def _missing(found: Sequence[Detector]) -> Iterator[str]:
    first = found[0].kind.first_module
    there = [set(detector.modules) for detector in found]
    if nowhere := set(range(first, first + found[0].n_modules)).difference(*there):
        yield f"{found[0].name} has no module {_numbers(nowhere)} in any dark run"
    for detector, mine in zip(found, there, strict=True):
        if lacking := set.union(*there) - mine:
            yield f"{detector.run.name} has no module {_numbers(lacking)} of {detector.name}"


def _numbers(modules: set[int]) -> str:
    """``0, 3 to 5``."""
    text: list[str] = []
    for m in sorted(modules):
        if m - 1 in modules and m + 1 in modules:
            continue
        follows = m - 1 in modules and m - 2 in modules
        text.append(f"{text.pop()} to {m}" if follows else str(m))
    return ", ".join(text)


def _wrong(
    runs: Sequence[Run], modes: Sequence[Mode], kind: str, *, check_modes: bool
) -> Iterator[str]:
    for stage, run, mode in zip(STAGES, runs, modes, strict=False):
        wanted = expected(kind, stage)
        if not mode.told:
            yield f"{run.name} does not tell its gain stage; it is taken as {wanted[0]}"
        elif mode.told not in wanted:
            text = f"{run.name} is in {mode.told}, but was given as run_{stage} ({wanted[0]})"
            if check_modes:
                raise DataError(text, hint="Are the runs in the right order?")
            yield text
