"""What an AGIPD correction does, under the facility's names."""

from __future__ import annotations

from dataclasses import dataclass

from beambook.errors import ParameterError

__all__ = ["AGIPDOptions"]


@dataclass(frozen=True, kw_only=True)
class AGIPDOptions:
    """Steps and limits of `correct_agipd`; names and defaults are those of European XFEL.

    Attributes
    ----------
    only_offset : bool
        Gain stage and offset, nothing else.
    gain_mode : int
        0 adaptive: the stage by thresholds; 1, 2, 3: fixed in high, medium, low gain.
    force_mg_if_below, force_hg_if_below : bool
        Take back a stage: low to medium where the analogue value is less than
        `mg_hard_threshold` ADU above the offset of medium gain; then any to high where it is
        less than `hg_hard_threshold` above that of high gain.
    low_medium_gap : bool
        Low gain is never chosen where the second threshold is not 5 % above the first.
    common_mode : bool
        See `cm_n_itr` (rounds), `cm_dark_range` (ADU) and `cm_dark_fraction` (more than this
        fraction of an ASIC's pixels must be dark).
    rel_gain : bool
        Bring medium and low gain to ADU of high gain.
    rel_gain_mode : str
        ``"PC"`` by SlopesPC (or RelativeGain), ``"CS"`` by SlopesCS, ``"off"`` not at all. (At
        the facility the mode is ``"off"`` unless chosen; here `rel_gain` is enough.)
    adjust_mg_baseline : bool
        With `rel_gain`: add to medium gain what the fits in both stages differ at no charge
        (PC), or `cs_mg_adjust` (CS).
    blc_set_min : bool
        Medium gain below 0 becomes 0.
    xray_gain : bool
        Divide by SlopesFF, multiply by `ff_gain`. A slope in ADU/keV and ``ff_gain=1`` give
        keV. With ``ff_gain=0`` slopes are taken relative to their median in each cell.
    blc_noise, blc_stripes, blc_hmatch : bool
        Baseline shift of a frame: by the peak of the dark pixels (where the mean signal is
        below `blc_noise_threshold` ADU), by pixels under the stripes, by matching that peak of
        the histogram to the first frame of the train.
    mask_noisy_adc : bool
        Mask whole ADC channels of which more than `noisy_adc_threshold` is noisy.
    mask_zero_std : bool
        Mask pixels whose analogue value never changes within the block.
    round_photons : bool
        Whole photons of `photon_energy` (the unit of the corrected data): rounded up from a
        fraction of `rounding_threshold`; never negative.
    zero_nans, zero_orange : bool
        Put 0 for NaN; for what is beyond ±10⁷. Both are masked in any case.

    Raises
    ------
    ParameterError
        A value out of range, or one that needs another.
    """

    only_offset: bool = False
    gain_mode: int = 0
    force_hg_if_below: bool = True
    force_mg_if_below: bool = True
    hg_hard_threshold: float = 1000
    mg_hard_threshold: float = 1000
    low_medium_gap: bool = True
    common_mode: bool = True
    cm_n_itr: int = 4
    cm_dark_range: tuple[float, float] = (-30.0, 30.0)
    cm_dark_fraction: float = 0.15
    rel_gain: bool = False
    rel_gain_mode: str = "PC"
    adjust_mg_baseline: bool = True
    cs_mg_adjust: float = 7000.0
    blc_set_min: bool = True
    xray_gain: bool = False
    ff_gain: float = 1.0
    blc_noise: bool = False
    blc_noise_threshold: float = 5000
    blc_stripes: bool = False
    blc_hmatch: bool = False
    mask_noisy_adc: bool = False
    noisy_adc_threshold: float = 0.25
    mask_zero_std: bool = False
    round_photons: bool = False
    photon_energy: float = -1.0
    rounding_threshold: float = 0.5
    zero_nans: bool = False
    zero_orange: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "cm_dark_range", tuple(self.cm_dark_range))
        _require(self.gain_mode in (0, 1, 2, 3), "gain_mode", self.gain_mode, "0, 1, 2 or 3")
        modes = ("off", "PC", "CS")
        _require(self.rel_gain_mode in modes, "rel_gain_mode", self.rel_gain_mode, "off, PC or CS")
        _require(self.cm_n_itr >= 0, "cm_n_itr", self.cm_n_itr, "0 or more")
        low_high = len(self.cm_dark_range) == 2 and self.cm_dark_range[0] < self.cm_dark_range[1]
        _require(low_high, "cm_dark_range", self.cm_dark_range, "two numbers, the lower first")
        _fraction("cm_dark_fraction", self.cm_dark_fraction)
        _fraction("noisy_adc_threshold", self.noisy_adc_threshold)
        _fraction("rounding_threshold", self.rounding_threshold)
        _require(self.ff_gain >= 0, "ff_gain", self.ff_gain, "0 or more")
        energy = self.photon_energy > 0 or not self.round_photons
        _require(energy, "photon_energy", self.photon_energy, "above 0 to count photons")

    @property
    def unit(self) -> str:
        """Of the corrected values: SlopesFF are in ADU/keV, unless they are taken as relative."""
        if self.only_offset:
            return "ADU"
        if self.round_photons:
            return "photons"
        return "keV" if self.xray_gain and self.ff_gain else "ADU"

    @property
    def scales(self) -> bool:
        """Whether the relative gain is applied."""
        return self.rel_gain and self.rel_gain_mode != "off" and not self.only_offset


def _require(condition: bool, name: str, value: object, wanted: str) -> None:  # noqa: FBT001
    if not condition:
        raise ParameterError(f"{name}={value!r}", hint=f"It is {wanted}.")


def _fraction(name: str, value: float) -> None:
    _require(0 <= value <= 1, name, value, "from 0 to 1")
