"""The kinds of area detectors that can be made: names, shapes, and their usual physics."""

from __future__ import annotations

from dataclasses import dataclass

from beambook.errors import NameNotFound
from beambook.testing._detector.physics import DetectorPhysics

__all__ = ["KINDS", "MadeKind", "kind_of"]


@dataclass(frozen=True)
class MadeKind:
    """A kind of detector, and the one of it that made runs have.

    Attributes
    ----------
    name : str
        ``"AGIPD1M"``.
    detector : str
        ``"MID_DET_AGIPD1M-1"``.
    control : str
        Domain of its control devices.
    source, aggregator : str
        To be formatted with the number of a module.
    shape, asic : tuple of int
        Pixels of a module and of an ASIC: slow scan, fast scan.
    first, modules : int
        Number of the first module, and how many there are.
    cells : int
        Most memory cells.
    physics : DetectorPhysics
    """

    name: str
    detector: str
    control: str
    source: str
    aggregator: str
    shape: tuple[int, int]
    asic: tuple[int, int]
    first: int
    modules: int
    cells: int
    physics: DetectorPhysics

    def source_of(self, module: int) -> str:
        """Name of a module's source."""
        return f"{self.detector}/DET/{self.source.format(module)}"

    def aggregator_of(self, module: int) -> str:
        """Name of the aggregator that writes a module's files."""
        return self.aggregator.format(module)


_LPD = DetectorPhysics(
    offset=(680.0, 720.0, 750.0),
    offset_pattern=25.0,
    offset_cells=6.0,
    offset_spread=4.0,
    noise=(4.0, 3.5, 3.5),
    photon=(40.0, 4.0, 0.4),
    photon_energy=9.3,
    switch=(3000.0, 3000.0),
    level=(),
    common_mode=1.0,
    saturation=4095,
    hot_offset=1200.0,
)
_JUNGFRAU = DetectorPhysics(
    offset=(2800.0, 14600.0, 14300.0),
    offset_pattern=120.0,
    offset_cells=30.0,
    offset_spread=10.0,
    noise=(16.0, 9.0, 9.0),
    photon=(41.0 * 9.2, -1.44 * 9.2, -0.11 * 9.2),
    switch=(9500.0, 9500.0),
    level=(),
    common_mode=4.0,
    hot_offset=6000.0,
)
_DSSC = DetectorPhysics(
    offset=(42.0,),
    offset_pattern=3.0,
    offset_cells=0.5,
    offset_spread=0.3,
    noise=(1.2,),
    photon=(12.0,),
    photon_energy=0.78,
    switch=(),
    level=(),
    common_mode=0.2,
    saturation=511,
    stuck_gain=0.0,
    hot_offset=60.0,
    beam_photons=60.0,
    peak_photons=30.0,
)
XTDF = "{}CH0:xtdf"
KINDS = {
    kind.name: kind
    for kind in (
        MadeKind(
            "AGIPD1M", "MID_DET_AGIPD1M-1", "MID_EXP_AGIPD1M1", XTDF, "AGIPD{:02d}",
            (512, 128), (64, 64), 0, 16, 352, DetectorPhysics(),
        ),
        MadeKind(
            "LPD1M", "FXE_DET_LPD1M-1", "FXE_DET_LPD1M-1", XTDF, "LPD{:02d}",
            (256, 256), (32, 16), 0, 16, 512, _LPD,
        ),
        MadeKind(
            "JUNGFRAU", "SPB_IRDA_JF4M", "SPB_IRDA_JF4M", "JNGFR{:02d}:daqOutput", "JNGFR{:02d}",
            (512, 1024), (256, 256), 1, 8, 16, _JUNGFRAU,
        ),
        MadeKind(
            "DSSC1M", "SCS_DET_DSSC1M-1", "SCS_CDIDET_DSSC", XTDF, "DSSC{:02d}",
            (128, 512), (64, 64), 0, 16, 800, _DSSC,
        ),
    )
}  # fmt: skip


def kind_of(name: str) -> MadeKind:
    """The kind of this name.

    Raises
    ------
    NameNotFound
    """
    if name not in KINDS:
        raise NameNotFound(name, KINDS, where="the detectors that can be made")
    return KINDS[name]
