"""The detectors of a made run: modules and control devices, by aggregator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import index

import numpy as np
from numpy.typing import NDArray

from beambook.errors import ParameterError
from beambook.testing._beam import Beam
from beambook.testing._checks import one_of, within
from beambook.testing._detector.agipd import agipd_module
from beambook.testing._detector.control import MODES, control_sources
from beambook.testing._detector.kind import MadeKind, kind_of
from beambook.testing._detector.module import MadeModule
from beambook.testing._detector.physics import DetectorPhysics
from beambook.testing._detector.truth import frame_energies
from beambook.testing._sources import Source

__all__ = ["Detectors", "Modules"]

Modules = int | Sequence[int]
BUNCH_RATE = 4.5  # MHz
OPTIONS = {"AGIPD1M": "agipd", "LPD1M": "lpd", "JUNGFRAU": "jungfrau", "DSSC1M": "dssc"}


@dataclass(frozen=True)
class Detectors:
    """What detectors a run shall have.

    Attributes
    ----------
    modules : mapping of str to tuple of int
        Numbers of the modules by kind of detector; none of most.
    frames : int
        Per train.
    physics : DetectorPhysics, optional
        By default that of each kind.
    dark : {"high", "med", "low"}, optional
        A run without light, in this gain stage.
    """

    modules: Mapping[str, tuple[int, ...]]
    frames: int
    physics: DetectorPhysics | None = None
    dark: str | None = None
    kinds: tuple[MadeKind, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        wanted = tuple(kind_of(name) for name, numbers in self.modules.items() if numbers)
        object.__setattr__(self, "kinds", wanted)
        if self.dark is not None:
            one_of("dark", self.dark, tuple(MODES))
        if self.physics is not None and len(wanted) > 1:
            raise ParameterError(
                f"One DetectorPhysics does not suit {' and '.join(k.name for k in wanted)}",
                hint="Make a run for each detector",
            )

    @classmethod
    def of(
        cls,
        modules: Mapping[str, Modules],
        *,
        frames: int,
        physics: DetectorPhysics | None,
        dark: str | None,
    ) -> Detectors:
        """From options of `make_run`: how many modules of each kind, or which.

        Raises
        ------
        ParameterError
        """
        numbers = {name: _numbers(kind_of(name), which) for name, which in modules.items()}
        most = [kind_of(name).cells for name, chosen in numbers.items() if chosen]
        return cls(numbers, within("frames", frames, 1, min(most, default=800)), physics, dark)

    def control(self, *, trains: int, pulse_step: int) -> list[Source]:
        """All control devices."""
        rate = round(BUNCH_RATE / pulse_step, 1)
        return [
            source
            for kind in self.kinds
            for source in control_sources(
                kind,
                trains=trains,
                cells=self.frames,
                rate=rate,
                dark=self.dark,
                parallel=False,
            )
        ]

    def aggregators(self, beam: Beam, *, seed: int, run: int) -> dict[str, list[Source]]:
        """Sources of all modules by aggregator."""
        i0 = frame_energies(beam.i0 * (self.dark is None), self.frames)
        pulse_ids = _pulse_ids(beam, self.frames)
        found: dict[str, list[Source]] = {}
        for kind in self.kinds:
            for number in self.modules[kind.name]:
                module = MadeModule(kind, self.physics or kind.physics, number, seed)
                found[kind.aggregator_of(number)] = [self._source(module, run, i0, pulse_ids)]
        return found

    def _source(
        self,
        module: MadeModule,
        run: int,
        i0: NDArray[np.float64],
        pulse_ids: NDArray[np.uint64],
    ) -> Source:
        stage = -1 if self.dark is None else MODES[self.dark]
        return agipd_module(module, run=run, i0=i0, pulse_ids=pulse_ids, stage=stage)


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
