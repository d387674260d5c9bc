"""The sources of a made run other than the detectors: what each says of the beam."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from beambook.testing._beam import Beam, Physics
from beambook.testing._digitizer import Digitizer
from beambook.testing._sources import Column, Control, Instrument, Source, Unit

__all__ = ["BUNCH_SLOTS", "camera", "digitizer", "magnet", "mono", "motor", "timeserver", "xgm"]

XGM_LENGTH = 1000
BUNCH_SLOTS = 2700
EV = Unit("eV", "electronvolt")
MICROJOULE = Unit("J", "joule", "u", "micro")
MILLIMETRE = Unit("m", "meter", "m", "milli")
AMPERE = Unit("A", "ampere")
NANOMETRE = Unit("m", "meter", "n", "nano")

# One entry of the bunch pattern table, as the timing system codes it.
CHARGE_250_PC = 0x8
TO_SASE_2 = 2 << 18
TO_SASE_13 = 4 << 18
SOFT_KICK = 1 << 27


def _states(trains: int, state: str) -> NDArray[np.object_]:
    return np.full(trains, state, dtype=object)


def xgm(beam: Beam, physics: Physics, rng: np.random.Generator) -> list[Source]:
    """``SA2_XTD1_XGM/XGM/DOOCS``: measures I0 with noise and an offset; unused pulses read 1."""
    trains, pulses = beam.i0.shape
    noise = 1 + physics.i0_noise * rng.standard_normal(beam.i0.shape)
    measured = beam.i0 * noise + physics.i0_offset
    table = np.ones((trains, XGM_LENGTH), np.float32)
    table[:, :pulses] = measured
    mean = measured.mean(axis=1) if pulses else np.zeros(trains)
    position = 0.02 * rng.standard_normal((2, trains), np.float32)
    control = Control(
        "SA2_XTD1_XGM/XGM/DOOCS",
        "DoocsXGM",
        {
            "state": _states(trains, "ON"),
            "pulseEnergy.photonFlux": mean.astype(np.float32),
            "pulseEnergy.numberOfBunchesActual": np.full(trains, pulses, np.int32),
            "pulseEnergy.wavelengthUsed": (1239.84198 / beam.energy).astype(np.float32),
            "beamPosition.ixPos": position[0],
            "beamPosition.iyPos": position[1],
        },
        {
            "pulseEnergy.photonFlux": MICROJOULE,
            "pulseEnergy.wavelengthUsed": NANOMETRE,
            "beamPosition.ixPos": MILLIMETRE,
            "beamPosition.iyPos": MILLIMETRE,
        },
    )
    keys = {"intensityTD": table, "intensitySa2TD": table}
    units = {f"data.{key}": MICROJOULE for key in keys}
    return [control, Instrument(f"{control.name}:output", {"data": keys}, trains, units)]


def timeserver(beam: Beam) -> list[Source]:
    """``MID_RR_UTC/TSYS/TIMESERVER``: bunches to SASE2, and others to SASE1 and 3."""
    trains = len(beam.energy)
    table = np.zeros(BUNCH_SLOTS, np.uint32)
    table[0:100:4] = CHARGE_250_PC | TO_SASE_13
    table[2:100:4] = CHARGE_250_PC | TO_SASE_13 | SOFT_KICK
    table[beam.pulse_ids] = CHARGE_250_PC | TO_SASE_2
    name = "MID_RR_UTC/TSYS/TIMESERVER"
    tables = np.broadcast_to(table, (trains, BUNCH_SLOTS))
    control = Control(name, "TimeServer", {"state": _states(trains, "ON")})
    output: dict[str, Column] = {"bunchPatternTable": tables}
    return [control, Instrument(f"{name}:outputBunchPattern", {"data": output}, trains)]


def mono(beam: Beam, physics: Physics, rng: np.random.Generator) -> list[Source]:
    """``MID_OPT_MONO/MDL/PHOTON_ENERGY``: the energy as its encoder reads it."""
    trains = len(beam.energy)
    actual = beam.energy + physics.readback_noise * rng.standard_normal(trains)
    return [
        Control(
            "MID_OPT_MONO/MDL/PHOTON_ENERGY",
            "MonoMiddlelayer",
            {
                "state": _states(trains, "MOVING"),
                "actualEnergy": actual,
                "targetEnergy": beam.energy,
            },
            {"actualEnergy": EV, "targetEnergy": EV},
        )
    ]


def magnet(beam: Beam, *, current: float, rng: np.random.Generator) -> list[Source]:
    """``MID_EXP_MAGNET/PSU/SUPPLY``: ± `current` in A."""
    trains = len(beam.energy)
    actual = current * beam.polarisation + 0.002 * rng.standard_normal(trains)
    return [
        Control(
            "MID_EXP_MAGNET/PSU/SUPPLY",
            "PowerSupply",
            {"state": _states(trains, "ON"), "actualCurrent": actual},
            {"actualCurrent": AMPERE},
        )
    ]


def motor(name: str, position: float, trains: int, rng: np.random.Generator) -> list[Source]:
    """A motor at rest, ``MID_EXP_SAM/MOTOR/{name}``, in mm."""
    return [
        Control(
            f"MID_EXP_SAM/MOTOR/{name}",
            "BeckhoffMotor",
            {
                "state": _states(trains, "ON"),
                "actualPosition": position + 0.0005 * rng.standard_normal(trains),
                "targetPosition": np.full(trains, position),
            },
            {"actualPosition": MILLIMETRE, "targetPosition": MILLIMETRE},
            {"epsilon": 0.001},
        )
    ]


def digitizer(
    settings: Digitizer, beam: Beam, physics: Physics, rng: np.random.Generator
) -> list[Source]:
    """``MID_EXP_FASTADC/ADC/MCP``: traces and peaks of channel 3, and its settings."""
    trains = len(beam.energy)
    i1 = beam.i1 if beam.i1.shape[1] else np.zeros((trains, settings.pulses))
    traces = settings.traces(i1, physics, rng)
    name = "MID_EXP_FASTADC/ADC/MCP"
    told = {
        "initialDelay": settings.window[0],
        "peakSamples": settings.window[1] - settings.window[0],
        "baseStart": settings.base[0],
        "baseStop": settings.base[1],
        "pulsePeriod": settings.period,
        "numPulses": settings.pulses,
    }
    control = Control(
        name,
        "FastAdc",
        {
            "state": _states(trains, "ACQUIRING"),
            **{f"channel_3.{k}": np.full(trains, v, np.uint32) for k, v in told.items()},
        },
    )
    keys: dict[str, Column] = {"rawData": traces, "peaks": settings.integrate(traces)}
    return [control, Instrument(f"{name}:channel_3.output", {"data": keys}, trains)]


def camera(shape: tuple[int, int], beam: Beam, rng: np.random.Generator) -> list[Source]:
    """``MID_XTD6_IMGFEL/CAM/BEAMVIEW``: the spot of every second train, 12 bit."""
    trains = len(beam.energy)
    rows, columns = np.indices(shape, dtype=np.float32)
    centre = np.array(shape)[:, None] * (0.5 + 0.03 * rng.standard_normal((2, trains)))
    mean = beam.i0.mean(axis=1) if beam.i0.size else np.zeros(trains)
    width = min(shape) / 8
    pixels = np.empty((trains, *shape), np.uint16)
    for train, (row, column) in enumerate(centre.T):
        spot = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * width**2))
        counts = 60 + 1.2 * mean[train] * spot + 4 * rng.standard_normal(shape)
        pixels[train] = np.clip(counts, 0, 4095)
    name = "MID_XTD6_IMGFEL/CAM/BEAMVIEW"
    control = Control(name, "LimaBaslerCamera", {"state": _states(trains, "ACQUIRING")})
    output = Instrument(f"{name}:daqOutput", {"data": {"image.pixels": pixels}}, trains)
    return [control, output.without(np.arange(1, trains, 2))]
