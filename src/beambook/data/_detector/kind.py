"""What area detectors at the European XFEL are called, and how their modules are numbered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from beambook.errors import DataError, KeyNotFound, SourceNotFound

if TYPE_CHECKING:
    from beambook.data._format import Signal
    from beambook.data._run import Run

__all__ = ["Kind"]


@dataclass(frozen=True)
class Kind:
    """A kind of area detector made of modules, each a source of its own.

    Attributes
    ----------
    name : str
        ``"AGIPD1M"``.
    pattern : str
        Regular expression of the names of such detectors.
    n_modules : int
        Of a complete detector; 0 where it is as many as are found.
    module_shape : tuple of int
        Pixels of a module: slow scan, fast scan.
    module_pattern : str
        Regular expression of what follows ``/DET/`` or ``/CORR/``, with the group ``number``.
    first_module : int
        The number of the first module.
    main_key, mask_key : str
        Keys of the pixel values and, in corrected data, of what is wrong with pixels.
    by_pulse : bool
        Whether the rows of the group ``image`` are frames (AGIPD, LPD, DSSC), rather than trains
        with an axis of memory cells (JUNGFRAU).
    raw_has_gain_plane : bool
        Whether raw data is known by its additional axis (AGIPD), rather than by whole numbers.
    """

    name: str
    pattern: str
    n_modules: int
    module_shape: tuple[int, int]
    module_pattern: str = r"(?P<number>\d+)CH"
    first_module: int = 0
    main_key: str = "image.data"
    mask_key: str = "image.mask"
    by_pulse: bool = True
    raw_has_gain_plane: bool = False

    def names(self, run: Run) -> tuple[str, ...]:
        """Names of the detectors of this kind in a run."""
        match = re.compile(
            rf"(?P<detector>{self.pattern})/(?:DET|CORR)/{self.module_pattern}"
        ).match
        found = filter(None, map(match, run.instrument_sources))
        return tuple(sorted({m["detector"] for m in found}))

    def modules(self, run: Run, detector: str, *, raw: bool | None = None) -> dict[int, str]:
        """Sources of a detector's modules by the numbers in their names.

        Parameters
        ----------
        run : Run
        detector : str
            Its full name.
        raw : bool, optional
            True for raw data, False for corrected; by default corrected data if there is any.

        Raises
        ------
        SourceNotFound
            There are no such modules.
        DataError
            Two sources are the same module, or raw data is asked for and there is corrected
            data under the same names.
        """
        corrected = {} if raw else self._sources(run, f"{re.escape(detector)}/CORR/")
        if corrected:
            return corrected
        found = self._sources(run, f"{re.escape(detector)}/DET/")
        if raw is not None and found:
            stored_raw = [self.is_raw(run, source) for source in found.values()]
            if raw and not all(stored_raw):
                raise DataError(
                    f"{detector} has no raw data in {run.name}: what is called "
                    f"{detector}/DET/… is corrected data",
                    hint="Pass raw=False, or open the raw run.",
                )
            if not raw and any(stored_raw):
                found = {}
        if not found:
            where = {None: "(DET|CORR)", True: "DET", False: "CORR"}[raw]
            raise SourceNotFound(f"{detector}/{where}/…", run.instrument_sources, where=run.name)
        return found

    def _sources(self, run: Run, prefix: str) -> dict[int, str]:
        found: dict[int, str] = {}
        for number, source in self._numbered(run, prefix):
            if number in found:
                raise DataError(
                    f"{found[number]} and {source} are the same module, {number}",
                    hint="Select one of them: run.deselect(…).",
                )
            found[number] = source
        return dict(sorted(found.items()))

    def _numbered(self, run: Run, prefix: str) -> Iterator[tuple[int, str]]:
        match = re.compile(prefix + self.module_pattern).match
        for source in sorted(run.instrument_sources):
            if found := match(source):
                yield int(found["number"]), source

    def is_raw(self, run: Run, source: str) -> bool:
        """Whether a module's data is as the detector sent it.

        Raises
        ------
        KeyNotFound
            It has no pixel values.
        """
        if "/CORR/" in source:  # corrected data is always called so since 2026
            return False
        signal = self._signal(run, source)
        if signal is None:
            raise KeyNotFound(self.main_key, run.source_data(source).keys(), where=source)
        return len(signal.shape) == 4 if self.raw_has_gain_plane else signal.dtype.kind in "iu"

    def _signal(self, run: Run, source: str) -> Signal | None:
        store = run.store
        found = (store.parts[n].signal(source, self.main_key) for n in store.sources[source])
        return next(filter(None, found), None)

    def sized(self, n_modules: int) -> Kind:
        """The same kind with so many modules."""
        return replace(self, n_modules=n_modules)
