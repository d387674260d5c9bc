"""Runs of small area detectors, faults included. A pixel tells its module, train, pulse, place."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

FIRST = 1000
PIXELS = (3, 2)


@dataclass
class Made:
    """A detector: what its modules wrote."""

    kind: str = "AGIPD1M"
    corrected: bool = False
    modules: tuple = (0, 1, 2)
    pulses: list = field(default_factory=lambda: [[0, 4, 8]] * 4)  # of each train; may differ
    missing: dict = field(default_factory=dict)  # module: positions of trains it lacks
    breaks: dict = field(default_factory=dict)  # module: where its second sequence begins
    suspect: dict = field(default_factory=dict)  # module: positions of doubtful trains
    gap: int = 0  # unused rows before each train's
    pulses_of: dict = field(default_factory=dict)  # (module, position): other pulse ids
    version: str = "1.2"

    @property
    def trains(self):
        return np.arange(FIRST, FIRST + len(self.pulses))

    @property
    def name(self):
        return {
            "AGIPD1M": "SPB_DET_AGIPD1M-1", "AGIPD500K": "HED_DET_AGIPD500K2G",
            "LPD1M": "FXE_DET_LPD1M-1", "DSSC1M": "SCS_DET_DSSC1M-1", "JUNGFRAU": "SPB_IRDA_JF4M",
        }[self.kind]  # fmt: skip

    def source(self, module):
        if self.kind == "JUNGFRAU":
            return f"{self.name}/{'CORR' if self.corrected else 'DET'}/JNGFR{module:02d}:daqOutput"
        new = self.corrected == "CORR"
        return f"{self.name}/{'CORR' if new else 'DET'}/{module}CH0:{'output' if new else 'xtdf'}"

    @property
    def planes(self):
        return () if self.corrected else (2,) if self.kind.startswith("AGIPD") else (1,)

    def write(self, exdf, folder):
        """All files."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        for module in self.modules:
            there = [t for t in range(len(self.pulses)) if t not in self.missing.get(module, ())]
            middle = self.breaks.get(module, len(there))
            for sequence, some in enumerate((there[:middle], there[middle:])):
                if some or sequence == 0:
                    self._write_file(exdf, Path(folder), module, sequence, some)
        return Path(folder)

    def _write_file(self, exdf, folder, module, sequence, positions):
        trains = [int(self.trains[t]) for t in positions]
        jungfrau = self.kind == "JUNGFRAU"
        group = self._cells if jungfrau else self._frames
        groups = [group(exdf, module, positions)]
        if not jungfrau:
            count = np.arange(len(positions), dtype="u8") + module
            groups.append(exdf.instrument(
                f"{self.source(module)}/header", {"pulseCount": ((), "u8"), "dataId": ((3,), "i2")},
                data={"pulseCount": count, "dataId": np.arange(3 * len(count)).reshape(-1, 3)},
            ))  # fmt: skip
        kind = "CORR" if self.corrected else "RAW"
        flags = [int(t not in self.suspect.get(module, ())) for t in positions]
        name = f"{kind}-R0001-MOD{module:02d}-S{sequence:05d}.h5"
        exdf.write(folder / name, trains, groups, flags=flags, version=self.version, pad=2)

    def _frames(self, exdf, module, positions):
        ids = [self.pulses_of.get((module, t), self.pulses[t]) for t in positions]
        rows, stored = [], []
        for t, pulses in zip(positions, ids, strict=True):
            rows += [(0, 0)] * (self.gap if len(pulses) else 0)
            rows += [(int(self.trains[t]), p) for p in pulses]
        flat = () if self.corrected else (1,)
        pulse = np.array([p for _, p in rows], "u8").reshape(-1, *flat)
        entry = (*self.planes, *PIXELS)
        stored = [self.frame(module, t, p, entry) for t, p in rows]
        kind = "f4" if self.corrected else "u2"
        keys = {"data": (entry, kind), "pulseId": (flat, "u8"), "cellId": (flat, "u2")}
        data = {"data": stored, "pulseId": pulse, "cellId": pulse // 2}
        if self.corrected:
            keys |= {"mask": (entry, "u4"), "gain": (entry, "u1")}
            data["mask"] = [(np.asarray(f) % 4).astype("u4") for f in stored]
            data["gain"] = [(np.asarray(f) % 3).astype("u1") for f in stored]
        return exdf.instrument(
            f"{self.source(module)}/image", keys, [len(p) for p in ids], gap=self.gap, data=data,
            kwargs={"chunks": True},
        )  # fmt: skip

    @staticmethod
    def frame(module, train, pulse, entry):
        place = np.arange(int(np.prod(entry))).reshape(entry)
        return (train % 100) * 500 + pulse * 20 + module * 5 + place

    def _cells(self, exdf, module, positions):
        cells = self.pulses[0]
        entry = (len(cells), *PIXELS)
        stored = [
            np.stack([self.frame(module, int(self.trains[t]), c, PIXELS) for c in cells])
            for t in positions
        ]
        keys = {"adc": (entry, "f4" if self.corrected else "u2"), "gain": (entry, "u1"),
                "mask": (entry, "u4"), "memoryCell": ((len(cells),), "u1")}  # fmt: skip
        data = {"adc": stored, "gain": [f % 3 for f in stored], "mask": [f % 4 for f in stored],
                "memoryCell": [cells for _ in stored]}  # fmt: skip
        for name, values in data.items():
            padded = np.zeros((len(values) * (1 + self.gap), *keys[name][0]))
            padded[self.gap :: 1 + self.gap] = values if len(values) else 0
            data[name] = padded
        return exdf.instrument(
            f"{self.source(module)}/data", keys, [1] * len(positions), gap=self.gap, data=data
        )


@st.composite
def detectors(draw, kinds=("AGIPD1M", "LPD1M", "DSSC1M", "JUNGFRAU"), *, parallel_gain=False):
    """Any detector that EXtra-data takes: modules have the same frames or none."""
    kind = draw(st.sampled_from(kinds))
    jungfrau = kind == "JUNGFRAU"
    number = draw(st.integers(1, 6))
    low = 1 if jungfrau else 0
    modules = draw(st.sets(st.integers(low, low + 5), min_size=1, max_size=4))
    ids = st.sets(st.integers(0, 6), min_size=low, max_size=4).map(sorted)
    pulses = [[4 * p for p in draw(ids)]] * number
    if not jungfrau and draw(st.booleans()):
        pulses = [[4 * p for p in draw(ids)] for _ in range(number)]
    if parallel_gain:
        pulses = [list(p) + [0] * (2 * len(p)) for p in pulses]
    positions = st.sets(st.integers(0, number - 1), max_size=number)
    corrected = draw(st.sampled_from([False, True] if jungfrau else [False, "DET", "CORR"]))
    return Made(
        kind,
        False if parallel_gain else corrected,
        tuple(sorted(modules)),
        pulses,
        missing={m: draw(positions) for m in modules if draw(st.booleans())},
        breaks={m: draw(st.integers(0, number)) for m in modules if draw(st.booleans())},
        suspect={m: draw(positions) for m in modules if draw(st.integers(0, 4)) == 0},
        version=draw(st.sampled_from(["0.5", "1.0", "1.2"])),
    )
