"""The numbers behind the pixels of a made area detector."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from math import isfinite
from typing import Any

from beambook.errors import ParameterError

__all__ = ["BAD_KINDS", "DetectorPhysics"]

Stages = tuple[float, ...]
BAD_KINDS = ("hot", "dead", "noisy", "wrong_offset", "stuck_gain")


@dataclass(frozen=True)
class DetectorPhysics:
    """What the pixels of a made detector do; the defaults are those of an AGIPD1M.

    A pixel p of memory cell c that sees n photons in gain stage g reads

    a = O(g, c, p) + n · A(g, c, p) + cm + b + σ(g, c, p) · z,   rounded and limited,

    with z a normal number, cm the common mode of its ASIC and b the baseline shift of its module.
    A(g, c, p) = photon[g] · r(g, c, p) · x(c, p), with a relative gain r and an X-ray gain x. It
    leaves stage g where n · |A(g, c, p)| > switch[g].

    Attributes
    ----------
    offset : tuple of float
        Mean O of each gain stage (high, medium, low), ADU; as many stages as it has numbers.
    offset_pattern, offset_cells, offset_spread : float
        Rms of O from pixel to pixel, from cell to cell of a module, and from cell to cell of each
        pixel, ADU. Of the first, a part in ten differs between stages.
    noise : tuple of float
        Mean σ of each stage, ADU.
    noise_spread : float
        Relative rms of σ from pixel to pixel.
    photon : tuple of float
        Mean A of each stage, ADU per photon; negative where a signal lowers the value.
    photon_energy : float
        Of a photon, keV.
    xray_spread, gain_spread, gain_cells : float
        Relative rms of x from pixel to pixel, of r from pixel to pixel (r of the first stage is
        1), and of x from cell to cell.
    switch : tuple of float
        Signal at which a pixel leaves each stage but the last, ADU.
    level : tuple of float
        Digital gain level of each stage, ADU (AGIPD).
    level_pattern, level_noise : float
        Its rms from pixel to pixel, and its noise, ADU.
    common_mode : float
        Rms of what all pixels of an ASIC have in common in a frame, ADU.
    baseline_shift : float
        What all pixels of a module lose for each photon that its pixels see on average, ADU.
    saturation : int
        The largest value, ADU.
    hot, dead, noisy, wrong_offset, stuck_gain : float
        Parts of the pixels that are so planted: offset too high by `hot_offset`; a constant value
        without noise or signal; noise `noisy_factor` times too large; offset too low by half of
        `hot_offset`; the gain of the first stage told in all stages.
    hot_offset : float
        ADU.
    noisy_factor : float
    beam_photons, halo_photons : float
        Mean photons per pixel and mJ near the beam, and far around it.
    peaks : int
        Bragg peaks on each module, at places that depend on the seed alone.
    peak_photons, peak_width : float
        Mean photons per mJ in the middle of the brightest of them (others have down to a
        hundredth), and their rms width, pixels.
    """

    # So far apart that no pixel is within the 1000 ADU below which a correction doubts its stage.
    offset: Stages = (5400.0, 6900.0, 6800.0)
    offset_pattern: float = 120.0
    offset_cells: float = 25.0
    offset_spread: float = 15.0
    noise: Stages = (6.5, 8.0, 8.0)
    noise_spread: float = 0.08
    photon: Stages = (65.0, 2.2, 0.5)
    photon_energy: float = 9.2
    xray_spread: float = 0.03
    gain_spread: float = 0.02
    gain_cells: float = 0.003
    switch: Stages = (6000.0, 6000.0)
    level: Stages = (6000.0, 8200.0, 9700.0)
    level_pattern: float = 30.0
    level_noise: float = 25.0
    common_mode: float = 3.0
    baseline_shift: float = 0.0
    saturation: int = 16383
    hot: float = 2e-4
    dead: float = 2e-4
    noisy: float = 2e-4
    wrong_offset: float = 2e-4
    stuck_gain: float = 2e-4
    hot_offset: float = 4000.0
    noisy_factor: float = 6.0
    beam_photons: float = 1500.0
    halo_photons: float = 0.3
    peaks: int = 16
    peak_photons: float = 8000.0
    peak_width: float = 1.5

    def __post_init__(self) -> None:
        for name, value in self._numbers():
            if not isfinite(value) or (value < 0 and name not in ("photon", "baseline_shift")):
                raise ParameterError(f"DetectorPhysics.{name} cannot be {value}")
        stages = len(self.offset)
        if not 1 <= stages <= 3 or not len(self.noise) == len(self.photon) == stages:
            raise ParameterError("DetectorPhysics needs offset, noise and photon of 1 to 3 stages")
        if len(self.switch) != stages - 1 or len(self.level) not in (0, stages):
            raise ParameterError(
                f"DetectorPhysics of {stages} stages needs {stages - 1} values of switch, and "
                f"{stages} of level or none"
            )
        if sum(self.bad_parts.values()) > 0.5:
            raise ParameterError("DetectorPhysics cannot make more than half of the pixels bad")

    def _numbers(self) -> Iterator[tuple[str, float]]:
        for field in fields(self):
            value: Any = getattr(self, field.name)
            for number in value if isinstance(value, tuple) else (value,):
                yield field.name, number

    @property
    def bad_parts(self) -> dict[str, float]:
        """Part of the pixels by kind of bad pixel."""
        return {kind: getattr(self, kind) for kind in BAD_KINDS}
