"""The conditions under which constants hold, in the words of the facility's data base.

The names, and which parameters matter for which constant, are those of the calibration catalogue
(CalCat) as EXtra states them (``extra.calibration``, 2026.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, ClassVar

from beambook.errors import ConstantNotFound, ParameterError

__all__ = [
    "AGIPDConditions",
    "Conditions",
    "DSSCConditions",
    "JungfrauConditions",
    "LPDConditions",
    "Value",
    "conditions_class",
]

Value = float | str

UNITS: Mapping[str, str] = MappingProxyType(
    {
        "sensor_bias_voltage": "V", "acquisition_rate": "MHz", "source_energy": "keV",
        "feedback_capacitor": "pF", "sensor_temperature": "K",
    }
)  # fmt: skip

# Recorded conditions of the facility's darks allow no deviation at all. Ours do where numbers are
# cut or rounded on the way: a bias of 299.8 V is read as 299 V, an exposure time is stored as a
# float of 32 bit.
DEVIATIONS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"Sensor Bias Voltage": (1.0, 1.0), "Integration Time": (0.025, 0.025)}
)


@dataclass(frozen=True)
class Conditions:
    """Conditions of a detector. Use one of the classes of a kind of detector.

    Numbers are in the data base's units: volts, MHz, keV, kelvin; the integration time is in µs
    for JUNGFRAU and a setting for AGIPD. None stands for what is not known: it is left out of
    `parameters`.
    """

    kind: ClassVar[str] = ""
    detector_type: ClassVar[str] = ""
    aggregator: ClassVar[str] = ""  # how the modules' data aggregators are numbered
    module_shape: ClassVar[tuple[int, int]] = (0, 0)  # pixels: slow scan, fast scan
    calibrations: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    unwritten: ClassVar[Mapping[str, float]] = {}

    def parameters(self, calibration: str) -> dict[str, Value]:
        """What matters for a constant, under the names of the data base.

        Parameters
        ----------
        calibration : str
            ``"Offset"``

        Raises
        ------
        ConstantNotFound
            There is no such constant for this kind of detector.

        Examples
        --------
        >>> conditions = AGIPDConditions(300, 352, 4.5, gain_setting=0, gain_mode=0)
        >>> conditions.parameters("SlopesFF")["Source energy"]
        9.2
        >>> "Gain mode" in conditions.parameters("Offset")  # 0 is never written there
        False
        """
        try:
            names = self.calibrations[calibration]
        except KeyError:
            raise ConstantNotFound(calibration, self.calibrations, where=self.kind) from None
        found = {name: self._value(name) for name in names}
        return {n: v for n, v in found.items() if v is not None and v != self.unwritten.get(n)}

    def _value(self, name: str) -> Value | None:
        value = getattr(self, name.lower().replace(" ", "_"))
        return value if value is None or isinstance(value, str) else float(value)

    def deviations(self, calibration: str) -> dict[str, tuple[float, float]]:
        """By how much less or more a constant may be asked for: the default when injecting."""
        return {n: DEVIATIONS[n] for n in self.parameters(calibration) if n in DEVIATIONS}

    def as_dict(self) -> dict[str, Any]:
        """Under the names of the attributes, without what is not known."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def with_units(self) -> dict[str, Any]:
        """As `as_dict`, with the unit behind each name: ``sensor_bias_voltage (V)``."""
        more = {"integration_time": "µs"} if self.kind == "JUNGFRAU" else {}
        units = {**UNITS, **more}
        named = {n: f"{n} ({units[n]})" if n in units else n for n in self.as_dict()}
        return {named[n]: value for n, value in self.as_dict().items()}

    @classmethod
    def module_name(cls, number: int) -> str:
        """The data aggregator (``karabo_da``) of a module: ``AGIPD07``."""
        return cls.aggregator.format(number)


_AGIPD = (
    "Sensor Bias Voltage", "Pixels X", "Pixels Y", "Memory cells", "Acquisition rate",
    "Gain setting",
)  # fmt: skip
_AGIPD_DARK = (*_AGIPD, "Gain mode", "Integration time")
_AGIPD_GAIN = (*_AGIPD, "Integration time")
_AGIPD_LIT = (*_AGIPD_GAIN, "Source energy")


@dataclass(frozen=True)
class AGIPDConditions(Conditions):
    """Conditions of an AGIPD.

    Attributes
    ----------
    sensor_bias_voltage : float
        V.
    memory_cells : int
    acquisition_rate : float
        MHz: 1.1, 2.2 or 4.5.
    gain_setting : int or None
        0, or 1 for the high gain of correlated double sampling.
    gain_mode : int or None
        0 adaptive, 1 to 3 fixed to high, medium, low.
    source_energy : float
        keV of the photons with which the gain was measured.
    integration_time : int
        A setting; 12 is the usual one.
    pixels_x, pixels_y : int
    """

    kind = "AGIPD"
    detector_type = "AGIPD-Type"
    aggregator = "AGIPD{:02d}"
    module_shape = (512, 128)
    calibrations = MappingProxyType(
        {
            **dict.fromkeys(("Offset", "Noise", "ThresholdsDark", "BadPixelsDark"), _AGIPD_DARK),
            **dict.fromkeys(("SlopesPC", "BadPixelsPC"), _AGIPD_GAIN),
            **dict.fromkeys(("SlopesFF", "BadPixelsFF"), _AGIPD_LIT),
            **dict.fromkeys(("SlopesCS", "BadPixelsCS"), _AGIPD),
        }
    )
    unwritten = MappingProxyType({"Gain mode": 0, "Integration time": 12})

    sensor_bias_voltage: float
    memory_cells: int
    acquisition_rate: float
    gain_setting: int | None = None
    gain_mode: int | None = None
    source_energy: float = 9.2
    integration_time: int = 12
    pixels_x: int = 512
    pixels_y: int = 128


_LPD = ("Sensor Bias Voltage", "Memory cells", "Pixels X", "Pixels Y", "Feedback capacitor")
_LPD_DARK = (*_LPD, "Memory cell order", "Parallel gain")
_LPD_LIT = (*_LPD, "Source Energy", "category")


@dataclass(frozen=True)
class LPDConditions(Conditions):
    """Conditions of an LPD; the defaults are those of the facility's pipeline.

    Attributes
    ----------
    sensor_bias_voltage : float
        V.
    memory_cells : int
    memory_cell_order : str or None
        ``"0,1,2,"``: given only where cells are not read in ascending order.
    feedback_capacitor : float
        pF.
    source_energy : float
        keV of the photons with which the gain was measured.
    category : int
    pixels_x, pixels_y : int
    parallel_gain : bool
        Whether all three gain stages are stored.
    """

    kind = "LPD"
    detector_type = "LPD-Type"
    aggregator = "LPD{:02d}"
    module_shape = (256, 256)
    calibrations = MappingProxyType(
        {
            **dict.fromkeys(("Offset", "Noise", "BadPixelsDark"), _LPD_DARK),
            **dict.fromkeys(("RelativeGain", "GainAmpMap", "FFMap", "BadPixelsFF"), _LPD_LIT),
        }
    )
    unwritten = MappingProxyType({"Parallel gain": 0})

    sensor_bias_voltage: float = 250.0
    memory_cells: int = 512
    memory_cell_order: str | None = None
    feedback_capacitor: float = 5.0
    source_energy: float = 9.3
    category: int = 0
    pixels_x: int = 256
    pixels_y: int = 256
    parallel_gain: bool = False


_JUNGFRAU = (
    "Sensor Bias Voltage", "Memory Cells", "Pixels X", "Pixels Y", "Integration Time",
    "Sensor temperature", "Gain Setting", "Gain mode",
)  # fmt: skip
_JUNGFRAU_DARK = (*_JUNGFRAU, "Exposure timeout")


@dataclass(frozen=True)
class JungfrauConditions(Conditions):
    """Conditions of a JUNGFRAU.

    Attributes
    ----------
    sensor_bias_voltage : float
        V.
    memory_cells : int
        1 or 16.
    integration_time : float
        µs.
    gain_setting : int
        1 for high gain in the first stage (``highgain0``), else 0.
    gain_mode : int or None
        0 dynamic, 1 to 3 fixed to G0, G1, G2.
    exposure_timeout : int
        A setting; 25 is the usual one.
    sensor_temperature : float
        K.
    pixels_x, pixels_y : int
    """

    kind = "JUNGFRAU"
    detector_type = "jungfrau-Type"
    aggregator = "JNGFR{:02d}"
    module_shape = (512, 1024)
    calibrations = MappingProxyType(
        {
            **dict.fromkeys(("Offset10Hz", "Noise10Hz", "BadPixelsDark10Hz"), _JUNGFRAU_DARK),
            **dict.fromkeys(("RelativeGain10Hz", "BadPixelsFF10Hz"), _JUNGFRAU),
        }
    )
    unwritten = MappingProxyType({"Gain mode": 0, "Exposure timeout": 25})

    sensor_bias_voltage: float
    memory_cells: int
    integration_time: float
    gain_setting: int = 0
    gain_mode: int | None = None
    exposure_timeout: int = 25
    sensor_temperature: float = 291
    pixels_x: int = 1024
    pixels_y: int = 512


_DSSC = (
    "Sensor Bias Voltage", "Memory cells", "Pixels X", "Pixels Y", "Pulse id checksum",
    "Acquisition rate", "Target gain", "Encoded gain",
)  # fmt: skip


@dataclass(frozen=True)
class DSSCConditions(Conditions):
    """Conditions of a DSSC.

    Attributes
    ----------
    sensor_bias_voltage : float
        V.
    memory_cells : int
    pulse_id_checksum : float or None
        Of the ids of the pulses that are kept.
    acquisition_rate : float or None
        MHz.
    target_gain, encoded_gain : int or None
    pixels_x, pixels_y : int

    Notes
    -----
    ``BadPixelsDark`` is ours: the facility's data base has offset and noise only.
    """

    kind = "DSSC"
    detector_type = "DSSC-Type"
    aggregator = "DSSC{:02d}"
    module_shape = (128, 512)
    calibrations = MappingProxyType(dict.fromkeys(("Offset", "Noise", "BadPixelsDark"), _DSSC))

    sensor_bias_voltage: float
    memory_cells: int
    pulse_id_checksum: float | None = None
    acquisition_rate: float | None = None
    target_gain: int | None = None
    encoded_gain: int | None = None
    pixels_x: int = 512
    pixels_y: int = 128


_NAMES = {
    "AGIPD": AGIPDConditions,
    "LPD": LPDConditions,
    "DSSC": DSSCConditions,
    "JUNGFRAU": JungfrauConditions,
    "JNGFR": JungfrauConditions,
    "JUNGF": JungfrauConditions,
    "_JF": JungfrauConditions,
}


def conditions_class(detector: str) -> type[Conditions]:
    """The kind of a detector by its name.

    Raises
    ------
    ParameterError
        It is none of those that are known.

    Examples
    --------
    >>> conditions_class("SPB_IRDA_JF4M").kind
    'JUNGFRAU'
    """
    for part, kind in _NAMES.items():
        if part in detector.upper():
            return kind
    raise ParameterError(
        f"{detector!r} is no detector of a known kind",
        hint="AGIPD, LPD, DSSC and JUNGFRAU are known.",
    )
