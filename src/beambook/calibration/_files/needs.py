"""Which constants a correction needs, and which of its steps can be done with those found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from beambook.calibration._constants import Metadata, RetrievedConstants
from beambook.errors import ParameterError

__all__ = ["Needs", "needed_constants"]

DARK: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "AGIPD": ("Offset", "ThresholdsDark"),
        "LPD": ("Offset",),
        "DSSC": ("Offset",),
        "JUNGFRAU": ("Offset10Hz",),
    }
)
STEPS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "AGIPD": {"rel_gain": "SlopesPC", "xray_gain": "SlopesFF"},
        "LPD": {"rel_gain": "RelativeGain", "gain_amp_map": "GainAmpMap", "ff_map": "FFMap"},
        "DSSC": {},
        "JUNGFRAU": {"relative_gain": "RelativeGain10Hz"},
    }
)
BESIDE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Offset": ("BadPixelsDark", "Noise"),
        "Offset10Hz": ("BadPixelsDark10Hz", "Noise10Hz"),
        "SlopesPC": ("BadPixelsPC",),
        "SlopesCS": ("BadPixelsCS",),
        "SlopesFF": ("BadPixelsFF",),
        "RelativeGain": ("BadPixelsFF",),
        "RelativeGain10Hz": ("BadPixelsFF10Hz",),
    }
)


@dataclass(frozen=True)
class Needs:
    """Constants that correcting a kind of detector takes.

    Attributes
    ----------
    kind : str
        ``"AGIPD"``, ``"LPD"``, ``"JUNGFRAU"``, ``"DSSC"``.
    steps : mapping of str to bool or None
        Steps with a constant of their own, under the names of the options: ``rel_gain``,
        ``xray_gain`` (AGIPD), ``rel_gain``, ``gain_amp_map``, ``ff_map`` (LPD), ``relative_gain``
        (JUNGFRAU). None: if any module has the constant, then for all, so that all modules give
        the same unit.
    fixed_gain : bool
        Whether the gain stage is known, so that no thresholds are needed (AGIPD).
    rel_gain_mode : str
        ``"PC"`` or ``"CS"``: where the relative gain of an AGIPD is from.

    Examples
    --------
    >>> Needs("AGIPD", {"rel_gain": True}).required({"rel_gain": True})
    ('Offset', 'ThresholdsDark', 'SlopesPC')
    """

    kind: str
    steps: Mapping[str, bool | None] = field(default_factory=dict)
    fixed_gain: bool = False
    rel_gain_mode: str = "PC"

    def __post_init__(self) -> None:
        if self.kind not in DARK:
            raise ParameterError(f"No correction of {self.kind!r}", hint=f"Of {', '.join(DARK)}.")

    @property
    def _constants(self) -> dict[str, str]:
        """The constant of each step."""
        found = dict(STEPS[self.kind])
        if self.kind == "AGIPD" and self.rel_gain_mode == "CS":
            found["rel_gain"] = "SlopesCS"
        return found

    @property
    def calibrations(self) -> tuple[str, ...]:
        """All constants to ask for: those that must be there, and others that are used if so."""
        possible = {step: self.steps.get(step) is not False for step in self._constants}
        needed = self.required(possible)
        return tuple(dict.fromkeys([*needed, *self._beside(needed)]))

    def used(self, decided: Mapping[str, bool]) -> tuple[str, ...]:
        """Constants that the correction reads: those needed, and masks."""
        needed = self.required(decided)
        masks = (name for name in self._beside(needed) if name.startswith("BadPixels"))
        return tuple(dict.fromkeys([*needed, *masks]))

    def _beside(self, needed: tuple[str, ...]) -> list[str]:
        beside = [other for name in needed for other in BESIDE.get(name, ())]
        if self.kind == "DSSC":  # CalCat keeps no mask of it
            beside = [name for name in beside if not name.startswith("BadPixels")]
        return beside

    def required(self, decided: Mapping[str, bool]) -> tuple[str, ...]:
        """Constants without which a module is not corrected, for steps that are decided on."""
        dark = [n for n in DARK[self.kind] if not (self.fixed_gain and n == "ThresholdsDark")]
        return (*dark, *(name for s, name in self._constants.items() if decided.get(s)))

    def decide(self, found: RetrievedConstants) -> dict[str, bool]:
        """Which steps are done, with the constants that there are."""
        decided = {}
        for step, constant in self._constants.items():
            wanted = self.steps.get(step)
            there = any(constant in of_module for of_module in found.values())
            decided[step] = there if wanted is None else wanted
        return decided

    def lacking(self, found: RetrievedConstants) -> dict[str, tuple[str, ...]]:
        """Modules that cannot be corrected, and the constants that they lack."""
        required = self.required(self.decide(found))
        lacks = {m: tuple(n for n in required if n not in there) for m, there in found.items()}
        return {module: names for module, names in lacks.items() if names}


def needed_constants(metadata: Metadata) -> dict[str, tuple[str, ...]]:
    """Modules that could not be corrected as ``calibration_metadata.yml`` says, and why not.

    Parameters
    ----------
    metadata : Metadata
        As the notebook before the correction wrote it.

    Returns
    -------
    dict of str to tuple of str
        Aggregators, and the constants that they lack.
    """
    kind = next((k for k in DARK if k in metadata.retrieved.detector), "JUNGFRAU")
    said = metadata.configuration
    steps = {step: bool(said.get(step)) for step in STEPS[kind]}
    fixed = kind == "AGIPD" and bool(said.get("gain_mode"))
    mode = str(said.get("rel_gain_mode", "PC"))
    return Needs(kind, steps, fixed_gain=fixed, rel_gain_mode=mode).lacking(metadata.retrieved)
