"""What the modules of a run see, train by train."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from beambook.testing._detector.module import Exposure, MadeModule

__all__ = ["Light"]


@dataclass(frozen=True, eq=False)
class Light:
    """The light of a run, or its absence.

    Attributes
    ----------
    run : int
    i0 : ndarray (train, frame)
        Pulse energies, µJ; 0 without light.
    pulse_ids : ndarray (frame,)
    stage : int
        Gain stage of all pixels; negative: as the signal wants.
    """

    run: int
    i0: NDArray[np.float64]
    pulse_ids: NDArray[np.uint64]
    stage: int = -1

    @property
    def trains(self) -> int:
        """Number of trains."""
        return len(self.i0)

    @property
    def cells(self) -> NDArray[np.intp]:
        """Memory cell of each frame."""
        return np.arange(self.i0.shape[1])

    def on(self, module: MadeModule, train: int) -> Exposure:
        """What a module sees in a train."""
        return module.expose(self.run, train, self.i0[train])

    def values(
        self,
        module: MadeModule,
        train: int,
        *,
        stage: int | None = None,
        out: NDArray[np.uint16] | None = None,
    ) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
        """Values of pixels, and their gain stages: ndarrays (frame, slow, fast).

        Parameters
        ----------
        module : MadeModule
        train : int
        stage : int, optional
            Instead of that of the run.
        out : ndarray (frame, slow, fast) of uint16, optional
            For the values.
        """
        exposure = self.on(module, train)
        if out is None:
            out = np.empty(exposure.photons.shape, np.uint16)
        wanted = self.stage if stage is None else stage
        return out, module.read(exposure, self.run, train, self.cells, wanted, out)
