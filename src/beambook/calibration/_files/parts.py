"""The files of a detector's modules in a run's folder: what there is to correct."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from beambook.calibration._files.form import ModuleSource, module_source
from beambook.data import open_file
from beambook.data._euxfel.names import FileName
from beambook.errors import DataError, RunNotFound

__all__ = ["RawFiles", "RawPart", "raw_files"]


@dataclass(frozen=True)
class RawPart:
    """A raw file of a module.

    Attributes
    ----------
    path : Path
    aggregator : str
        ``"AGIPD00"``.
    sequence : int
    module : int
        Its number.
    bytes : int
        Size of the file.
    problem : str
        Why it cannot be read; empty if it can.
    """

    path: Path
    aggregator: str
    sequence: int
    module: int
    bytes: int
    problem: str = ""


@dataclass(frozen=True)
class RawFiles:
    """The raw files of a detector in a run.

    Attributes
    ----------
    detector : str
        ``"SPB_DET_AGIPD1M-1"``.
    kind : str
        ``"AGIPD"``.
    parts : tuple of RawPart
        By module and sequence, also those that cannot be read.
    others : tuple of Path
        The other files of the run.
    """

    detector: str
    kind: str
    parts: tuple[RawPart, ...]
    others: tuple[Path, ...]

    @property
    def modules(self) -> dict[int, str]:
        """Aggregators by the number of the module."""
        return dict(sorted({p.module: p.aggregator for p in self.parts}.items()))

    @property
    def sequences(self) -> tuple[int, ...]:
        """Numbers of all sequences."""
        return tuple(sorted({p.sequence for p in self.parts}))

    @property
    def absent(self) -> tuple[int, ...]:
        """Modules of the complete detector of which there is no file."""
        kinds = (("AGIPD500K", 8), ("AGIPD1M", 16), ("LPD1M", 16), ("DSSC1M", 16))
        number = next((n for name, n in kinds if name in self.detector), 0)
        return tuple(m for m in range(number) if m not in self.modules)

    @property
    def missing(self) -> tuple[tuple[str, int], ...]:
        """Aggregators and sequences that others have, but not these."""
        there = {(p.aggregator, p.sequence) for p in self.parts}
        wanted = ((a, s) for a in self.modules.values() for s in self.sequences)
        return tuple(pair for pair in wanted if pair not in there)

    def select(self, modules: Iterable[int] = (-1,), sequences: Iterable[int] = (-1,)) -> RawFiles:
        """Some of the modules and sequences; -1 stands for all, as at the facility."""
        wanted, numbers = set(modules), set(sequences)
        chosen = tuple(
            p
            for p in self.parts
            if (-1 in wanted or p.module in wanted) and (-1 in numbers or p.sequence in numbers)
        )
        return RawFiles(self.detector, self.kind, chosen, self.others)


def raw_files(folder: str | Path, karabo_id: str = "") -> RawFiles:
    """Find the raw files of a detector.

    Parameters
    ----------
    folder : str or Path
        Of the raw run.
    karabo_id : str
        The detector; needed if there are several.

    Raises
    ------
    RunNotFound
        There is no such folder, or no file of a detector in it.
    DataError
        There are several detectors.
    """
    place = Path(folder).expanduser()
    if not place.is_dir():
        raise RunNotFound(f"There is no run folder {place}")
    files = [(path, name) for path in sorted(place.glob("*.h5")) if (name := FileName.of(path))]
    looked = {path: _look(path, name.aggregator) for path, name in files}
    found = [each for each in looked.values() if isinstance(each, ModuleSource)]
    detector = _only({each.detector for each in found}, karabo_id, place)
    kind = next(each.form.kind for each in found if each.detector == detector)
    numbers = _numbers(files, looked, detector)
    parts = [
        _part(path, name, numbers[name.aggregator], looked[path])
        for path, name in files
        if name.aggregator in numbers
    ]
    parts.sort(key=lambda part: (part.module, part.sequence))
    of_modules = {n.aggregator for p, n in files if isinstance(looked[p], ModuleSource)}
    others = (p for p, n in files if n.aggregator not in of_modules | numbers.keys())
    return RawFiles(detector, kind, tuple(parts), tuple(others))


def _part(path: Path, name: FileName, module: int, looked: ModuleSource | str) -> RawPart:
    problem = looked if isinstance(looked, str) else ""
    size = path.stat().st_size
    return RawPart(path, name.aggregator, name.sequence or 0, module, size, problem)


def _look(path: Path, aggregator: str) -> ModuleSource | str:
    """The module in a file, or why there is none to be found."""
    if aggregator.startswith("DA"):  # general data: control devices, cameras, digitizers
        return ""
    try:
        return module_source(open_file(path))
    except DataError as error:
        return error.message


def _numbers(
    files: Sequence[tuple[Path, FileName]], looked: dict[Path, ModuleSource | str], detector: str
) -> dict[str, int]:
    """Aggregators of a detector's modules and their numbers, also where no file is readable."""
    found = {}
    for path, name in files:
        module = looked[path]
        if isinstance(module, ModuleSource) and module.detector == detector:
            found[name.aggregator] = module.number
    stems = {aggregator.rstrip("0123456789") for aggregator in found}
    known = {n.aggregator for p, n in files if isinstance(looked[p], ModuleSource)}
    for _, name in files:
        stem = name.aggregator.rstrip("0123456789")
        if stem in stems and name.aggregator not in known and stem != name.aggregator:
            found[name.aggregator] = int(name.aggregator.removeprefix(stem))
    return found


def _only(detectors: set[str], wanted: str, place: Path) -> str:
    if wanted and wanted in detectors:
        return wanted
    names = ", ".join(sorted(detectors)) or "none"
    if wanted or not detectors:
        raise RunNotFound(f"No files of {wanted or 'a detector'} in {place}; there is: {names}")
    if len(detectors) > 1:
        raise DataError(f"{place} has several detectors: {names}", hint="Say which: karabo_id=…")
    return detectors.pop()
