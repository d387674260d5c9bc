"""A FastADC behind an MCP: raw traces of negative peaks, and what its firmware integrates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from beambook.testing._beam import Physics

__all__ = ["SAMPLES_PER_SLOT", "Digitizer"]

SAMPLES_PER_SLOT = 24  # 108.3 MHz over 4.5 MHz
RISE, DECAY = 1.0, 3.0  # samples
ONSET = 100
TAIL = 40  # samples until a pulse is gone
BLOCK = 64  # trains made at once


@dataclass(frozen=True)
class Digitizer:
    """The settings of one channel, as its control source tells them.

    Pulse `k` rises at sample ``initial_delay + k * period``. Its firmware gives
    Σ trace[start:stop] − (stop − start) · mean(trace[base_start:base_stop]),
    each window moved by ``k * period``.

    Attributes
    ----------
    period : int
        Samples between pulses.
    pulses : int
        Pulses that are sampled and integrated.
    """

    period: int
    pulses: int

    @property
    def window(self) -> tuple[int, int]:
        """Integration window of the first pulse, samples."""
        start = ONSET - 1
        return start, start + min(18, self.period - self._base_length - 2)

    @property
    def base(self) -> tuple[int, int]:
        """Base window of the first pulse, samples; ends three samples before its rise."""
        return ONSET - 3 - self._base_length, ONSET - 3

    @property
    def _base_length(self) -> int:
        return min(20, self.period // 4)

    @property
    def samples(self) -> int:
        """Length of a trace: from 100 samples before the first pulse to behind the last window."""
        return self.window[1] + self.period * (self.pulses - 1) + 10

    def traces(
        self, i1: NDArray[np.float64], physics: Physics, rng: np.random.Generator
    ) -> NDArray[np.int16]:
        """Raw traces of the pulses `i1` (trains, pulses) in µJ."""
        i1 = i1[:, : self.pulses]
        trains = len(i1)
        heights = physics.mcp_gain * i1 * (1 + physics.i1_noise * rng.standard_normal(i1.shape))
        heights = heights - physics.i1_offset
        baseline = physics.baseline + physics.baseline_drift * rng.standard_normal(trains)
        traces = np.empty((trains, self.samples), np.int16)
        for start in range(0, trains, BLOCK):
            block = slice(start, start + BLOCK)
            analog = baseline[block, None] - self._peaks(heights[block])
            analog += physics.adc_noise * rng.standard_normal(analog.shape, np.float32)
            traces[block] = np.clip(np.rint(analog), -32768, 32767)
        return traces

    def integrate(self, traces: NDArray[np.int16]) -> NDArray[np.float32]:
        """What the firmware makes of the traces: (trains, pulses), negative as the signal."""
        starts = self.period * np.arange(self.pulses)[:, None]
        peak, base = starts + np.arange(*self.window), starts + np.arange(*self.base)
        peaks = np.empty((len(traces), self.pulses), np.float32)
        for start in range(0, len(traces), BLOCK):
            block = traces[start : start + BLOCK]
            level = block[:, base].mean(axis=-1, dtype=np.float64)
            area = block[:, peak].sum(axis=-1, dtype=np.float64)
            peaks[start : start + BLOCK] = area - peak.shape[1] * level
        return peaks

    def _peaks(self, heights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pulses of these areas, side by side, each over the tail of those before it."""
        summed = np.zeros((len(heights), self.samples + TAIL))
        last = ONSET + self.period * heights.shape[1]
        for sample, part in enumerate(self._shape()):
            summed[:, ONSET + sample : last + sample : self.period] += heights * part
        return summed[:, : self.samples]

    def _shape(self) -> NDArray[np.float64]:
        """One pulse, its area within the window 1."""
        time = np.arange(TAIL)
        shape = np.exp(-time / DECAY) - np.exp(-time / RISE)
        area: float = shape[: self.window[1] - ONSET].sum()
        return shape / area
