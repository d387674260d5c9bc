"""The detectors of a made run: modules and control devices, by aggregator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import index

import numpy as np
from numpy.typing import NDArray

from beambook.errors import ParameterError
from beambook.testing._beam import Beam
from beambook.testing._checks import one_of, within
from beambook.testing._detector.agipd import agipd_module
from beambook.testing._detector.control import MODES, control_sources
from beambook.testing._detector.dssc import dssc_module
from beambook.testing._detector.jungfrau import jungfrau_module
from beambook.testing._detector.kind import MadeKind, kind_of
from beambook.testing._detector.light import Light
from beambook.testing._detector.lpd import lpd_module
from beambook.testing._detector.module import MadeModule
from beambook.testing._detector.physics import DetectorPhysics
from beambook.testing._detector.truth import frame_energies
from beambook.testing._sources import Source

__all__ = ["Detectors", "Modules"]

Modules = int | Sequence[int]
BUNCH_RATE = 4.5  # MHz
OPTIONS = {"AGIPD1M": "agipd", "LPD1M": "lpd", "JUNGFRAU": "jungfrau", "DSSC1M": "dssc"}


FRAMES, JUNGFRAU_CELLS = 8, (1, 16)


@dataclass(frozen=True)
class Detectors:
    """What detectors a run shall have.

    Attributes
    ----------
    modules : mapping of MadeKind to tuple of int
        Numbers of the modules by kind of detector.
    frames : int, optional
        Per train; by default 8, and 1 of a JUNGFRAU.
    physics : DetectorPhysics, optional
        By default that of each kind.
    dark : {"high", "med", "low"}, optional
        A run without light, in this gain stage.
    parallel : bool
        Whether an LPD sends all frames in three gain stages.
    """

    modules: Mapping[MadeKind, tuple[int, ...]]
    frames: int | None = None
    physics: DetectorPhysics | None = None
    dark: str | None = None
    parallel: bool = False

    def __post_init__(self) -> None:
        if self.dark is not None:
            one_of("dark", self.dark, tuple(MODES))
        if self.physics is not None and len(self.modules) > 1:
            raise ParameterError(
                f"One DetectorPhysics does not suit {' and '.join(k.name for k in self.modules)}",
                hint="Make a run for each detector",
            )
        for kind in self.modules:
            self._cells(kind)

    @classmethod
    def of(
        cls,
        modules: Mapping[str, Modules],
        *,
        frames: int | None,
        physics: DetectorPhysics | None,
        dark: str | None,
        parallel: bool,
    ) -> Detectors:
        """From options of `make_run`: how many modules of each kind, or which.

        Raises
        ------
        ParameterError
        """
        numbers = {kind_of(name): _numbers(kind_of(name), which) for name, which in modules.items()}
        if frames is not None:
            within("frames", frames, 1, max(kind.cells for kind in numbers))
        wanted = {kind: which for kind, which in numbers.items() if which}
        return cls(wanted, frames, physics, dark, parallel)

    def _cells(self, kind: MadeKind) -> int:
        if kind.name != "JUNGFRAU":
            return FRAMES if self.frames is None else within("frames", self.frames, 1, kind.cells)
        if self.frames not in (None, *JUNGFRAU_CELLS):
            raise ParameterError(f"A JUNGFRAU has 1 or 16 memory cells, not frames={self.frames}")
        return self.frames or 1

    def control(self, *, trains: int, pulse_step: int) -> list[Source]:
        """All control devices."""
        rate = round(BUNCH_RATE / pulse_step, 1)
        return [
            source
            for kind in self.modules
            for source in control_sources(
                kind,
                trains=trains,
                cells=self._cells(kind),
                rate=rate,
                dark=self.dark,
                parallel=self.parallel,
            )
        ]

    def aggregators(self, beam: Beam, *, seed: int, run: int) -> dict[str, list[Source]]:
        """Sources of all modules by aggregator."""
        found: dict[str, list[Source]] = {}
        for kind, numbers in self.modules.items():
            light = self._light(beam, run, self._cells(kind))
            for number in numbers:
                module = MadeModule(kind, self.physics or kind.physics, number, seed)
                found[kind.aggregator_of(number)] = [self._source(module, light)]
        return found

    def _light(self, beam: Beam, run: int, frames: int) -> Light:
        i0 = frame_energies(beam.i0 * (self.dark is None), frames)
        return Light(run, i0, _pulse_ids(beam, frames), MODES.get(self.dark or "", -1))

    def _source(self, module: MadeModule, light: Light) -> Source:
        if module.kind.name == "AGIPD1M":
            return agipd_module(module, light)
        if module.kind.name == "LPD1M":
            return lpd_module(module, light, parallel=self.parallel)
        if module.kind.name == "JUNGFRAU":
            return jungfrau_module(module, light)
        return dssc_module(module, replace(light, stage=0))


def _pulse_ids(beam: Beam, frames: int) -> NDArray[np.uint64]:
    """Those of the pulses that are seen; frames beyond them count on from 0."""
    ids = 4 * np.arange(frames, dtype=np.uint64)
    lit = min(frames, len(beam.pulse_ids))
    ids[:lit] = beam.pulse_ids[:lit]
    return ids


def _numbers(kind: MadeKind, which: Modules) -> tuple[int, ...]:
    option, end = OPTIONS[kind.name], kind.first + kind.modules - 1
    try:
        count = index(which)  # type: ignore[arg-type]
    except TypeError:
        found = [within(f"a module of {option}", n, kind.first, end) for n in which]  # type: ignore[union-attr]
        return tuple(sorted(set(found)))
    within(option, count, 0, kind.modules)
    return tuple(range(kind.first, kind.first + count))
