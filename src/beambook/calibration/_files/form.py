"""What files of the modules of a detector look like, raw and corrected."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from beambook.errors import DataError

if TYPE_CHECKING:
    from beambook.data import Run

__all__ = ["FORMS", "Form", "ModuleSource", "module_source"]

SOURCE = re.compile(
    r"(?P<detector>[^/]+)/DET/(?P<receiver>(?:MODULE_|RECEIVER-|JNGFR)?(?P<number>\d+)(?:CH\d+)?)"
    r":(?P<output>\w+)$"
)


@dataclass(frozen=True)
class Form:
    """Where a kind of detector keeps its pixels.

    Attributes
    ----------
    kind : str
        ``"AGIPD"``, as in the names of detectors.
    group : str
        Of the keys that have a row for each frame.
    pixels : str
        The key of the pixel values in that group, raw and corrected.
    cells : str
        The key of the memory cells.
    corrected : str
        Template of the source of corrected data, for detector and receiver.
    module_shape : tuple of int
        Slow scan, fast scan.
    planes : int
        Values that a raw frame has of each pixel: 2 for AGIPD, signal and gain.
    raw_gain : bool
        Whether the gain stage is in a key ``gain`` of its own (JUNGFRAU).
    by_train : bool
        Whether a row is a train with an axis of memory cells (JUNGFRAU), rather than a frame.
    """

    kind: str
    group: str
    pixels: str
    cells: str
    corrected: str
    module_shape: tuple[int, int]
    planes: int = 1
    raw_gain: bool = False
    by_train: bool = False

    @property
    def raw_bytes(self) -> int:
        """Of a raw frame."""
        pixels = self.module_shape[0] * self.module_shape[1]
        return pixels * (2 * self.planes + self.raw_gain)

    @property
    def frame_bytes(self) -> int:
        """Of a frame in memory: raw, and float32 values, uint8 gain stages and uint32 mask."""
        return self.raw_bytes + self.module_shape[0] * self.module_shape[1] * 9


XTDF = "{}/CORR/{}:output"
FORMS = (
    Form("AGIPD", "image", "data", "cellId", XTDF, (512, 128), planes=2),
    Form("LPD", "image", "data", "cellId", XTDF, (256, 256)),
    Form("DSSC", "image", "data", "cellId", XTDF, (128, 512)),
    Form(
        "JUNGFRAU", "data", "adc", "memoryCell", "{}/CORR/{}:daqOutput", (512, 1024),
        raw_gain=True, by_train=True,
    ),
)  # fmt: skip
JUNGFRAU = re.compile(r"_(?:JNGFR|JF[14]M|JUNGF|JF|JF500K\d?)$")


@dataclass(frozen=True)
class ModuleSource:
    """The source of a module in a raw file.

    Attributes
    ----------
    name : str
        ``"SPB_DET_AGIPD1M-1/DET/0CH0:xtdf"``.
    detector, receiver : str
        ``"SPB_DET_AGIPD1M-1"``, ``"0CH0"``.
    number : int
        Of the module, as in the name.
    form : Form
    """

    name: str
    detector: str
    receiver: str
    number: int
    form: Form

    def corrected(self, template: str = "") -> str:
        """The name that corrected data gets; by default that of the kind of detector."""
        return (template or self.form.corrected).format(self.detector, self.receiver)


def module_source(run: Run) -> ModuleSource:
    """The module that a raw file holds.

    Raises
    ------
    DataError
        There is none, or more than one.
    """
    found = [m for m in map(_module, sorted(run.instrument_sources)) if m]
    if len(found) != 1:
        names = ", ".join(m.name for m in found[:3]) or "none"
        raise DataError(f"{run.name} should hold one detector module; there is: {names}")
    return found[0]


def _module(source: str) -> ModuleSource | None:
    found = SOURCE.match(source)
    form = found and _form(found["detector"])
    if not (found and form):
        return None
    return ModuleSource(source, found["detector"], found["receiver"], int(found["number"]), form)


def _form(detector: str) -> Form | None:
    kind = "JUNGFRAU" if JUNGFRAU.search(detector) else detector
    return next((form for form in FORMS if form.kind in kind), None)
