"""The area detectors of the European XFEL, and finding them in a run."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from beambook.data._detector.detector import Detector
from beambook.data._detector.kind import Kind
from beambook.errors import DataError, SourceNotFound

if TYPE_CHECKING:
    from beambook.data._run import Run

__all__ = [
    "AGIPD1M",
    "AGIPD500K",
    "DETECTOR_TYPES",
    "DSSC1M",
    "JUNGFRAU",
    "LPD1M",
    "DetectorType",
    "LPDMini",
    "LPDSolo",
    "find_detector",
    "identify_detectors",
]


@dataclass(frozen=True)
class DetectorType(Kind):
    """A kind of area detector; calling it finds one in a run: ``AGIPD1M(run)``."""

    def __call__(
        self,
        run: Run,
        detector_name: str | None = None,
        modules: Collection[int] | None = None,
        *,
        min_modules: int = 1,
        raw: bool | None = None,
        parallel_gain: bool = False,
        n_modules: int | None = None,
        first_modno: int | None = None,
        match_pulses: bool = True,
    ) -> Detector:
        """The detector of this kind in a run.

        Parameters
        ----------
        run : Run
        detector_name : str, optional
            Needed only if the run has several.
        modules : collection of int, optional
            Take only these, by the numbers in the names of their sources, and the trains that any
            of them has.
        min_modules : int
            Leave out trains with data of fewer modules.
        raw : bool, optional
            True for raw data, False for corrected; by default corrected data if there is any.
        parallel_gain : bool
            Whether trains hold high, medium and low gain one after another (LPD).
        n_modules : int, optional
            Of the complete detector; known for most, else as many as the largest number says.
        first_modno : int, optional
            The number in the name of the source of the first module, where modules are not
            numbered from the usual one on: 3 if the modules of a JUNGFRAU are ``JNGFR03`` to
            ``JNGFR04``. It is module 1 then.
        match_pulses : bool
            Whether frames of modules that disagree about the pulse id are left out.

        Raises
        ------
        SourceNotFound
            There is no such detector, or no such module.
        DataError
            There are several; or no train has data of enough modules.

        Examples
        --------
        ::

            agipd = AGIPD1M(run, modules=[3, 4], min_modules=2)
            jungfrau = JUNGFRAU(run, "FXE_XAD_JF500K", first_modno=3)
        """
        name = detector_name or self._only_name(run)
        found = self.modules(run, name, raw=raw)
        shift = 0 if first_modno is None else self.first_module - first_modno
        largest = max(found) + shift - self.first_module + 1
        sources = {m + shift: s for m, s in found.items() if modules is None or m in modules}
        if not sources:
            numbers = ", ".join(map(str, found))
            raise SourceNotFound(
                f"{name} module {sorted(modules or ())}", where=run.name,
                hint=f"There are modules {numbers}.",
            )  # fmt: skip
        return Detector.of(
            run,
            self,
            name,
            sources,
            n_modules=n_modules or self.n_modules or largest,
            min_modules=min_modules,
            parallel_gain=parallel_gain,
            match_pulses=match_pulses,
        )

    def _only_name(self, run: Run) -> str:
        names = self.names(run)
        if not names:
            raise SourceNotFound(self.name, run.detectors, where=run.name)
        if len(names) > 1:
            raise DataError(
                f"{run.name} has {len(names)} detectors of kind {self.name}: {', '.join(names)}",
                hint="Say which one.",
            )
        return names[0]


AGIPD1M = DetectorType("AGIPD1M", r"[^/]+_AGIPD1M[^/]*", 16, (512, 128), raw_has_gain_plane=True)
AGIPD500K = DetectorType(
    "AGIPD500K", r"[^/]+AGIPD500K[^/]*", 8, (512, 128), raw_has_gain_plane=True
)
DSSC1M = DetectorType("DSSC1M", r"[^/]+_DSSC1M[^/]*", 16, (128, 512))
LPD1M = DetectorType("LPD1M", r"[^/]+_LPD1M[^/]*", 16, (256, 256))
LPDSolo = DetectorType("LPDSolo", r"[^/]+_LPD_SOLO[^/]*", 1, (256, 256))
LPDMini = DetectorType("LPDMini", r"[^/]+_LPD_MINI[^/]*", 0, (32, 128))
JUNGFRAU = DetectorType(
    "JUNGFRAU",
    r"[^/]+_(?:JNGFR|JF[14]M|JUNGF|JF|JF500K\d?)",
    0,
    (512, 1024),
    r"(?:MODULE_|RECEIVER-|JNGFR)(?P<number>\d+)",
    first_module=1,
    main_key="data.adc",
    mask_key="data.mask",
    by_pulse=False,
)
DETECTOR_TYPES = (AGIPD1M, AGIPD500K, DSSC1M, LPD1M, LPDSolo, LPDMini, JUNGFRAU)


def identify_detectors(
    run: Run, types: Iterable[DetectorType] = DETECTOR_TYPES
) -> dict[str, DetectorType]:
    """Names of the area detectors in a run, and their kinds."""
    return {name: kind for kind in types for name in kind.names(run)}


def find_detector(run: Run, name: str | None = None, **options: Any) -> Detector:
    """An area detector of a run.

    Parameters
    ----------
    run : Run
    name : str, optional
        Its full name, or its kind; may be left out if there is one.
    **options
        As of `DetectorType.__call__`.

    Raises
    ------
    SourceNotFound
        There is none of this name or kind.
    DataError
        There are several or none, or no train has data.
    """
    there = identify_detectors(run)
    fit = {n: k for n, k in there.items() if name in (None, n, k.name)}
    if not fit:
        if name is None:
            raise DataError(f"There is no area detector in {run.name}")
        known = [*there, *(kind.name for kind in there.values())]
        raise SourceNotFound(name, known, where=run.name)
    if len(fit) > 1:
        raise DataError(
            f"{run.name} has {len(fit)} area detectors: {', '.join(sorted(fit))}",
            hint=f"Say which one: run.detector({min(fit)!r}).",
        )
    found, kind = next(iter(fit.items()))
    return kind(run, found, **options)
