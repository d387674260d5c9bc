"""When a pixel counts as bad in the dark; names as in the facility's pipelines."""

from __future__ import annotations

from dataclasses import dataclass

from beambook.errors import ParameterError

__all__ = ["DarkOptions"]

Limits = tuple[float, float]


@dataclass(frozen=True)
class DarkOptions:
    """Limits of offset, noise and separation of gain levels.

    Attributes
    ----------
    thresholds_offset_sigma, thresholds_noise_sigma : float
        An offset (noise) x is bad where |x − median(x)| > sigma · std(x), over all pixels of the
        module in one memory cell and gain stage.
    thresholds_offset_hard, thresholds_noise_hard : tuple of (float, float)
        Lowest and highest good value of each gain stage, or one pair for all; ADU. (0, 0) is no
        limit.
    gain_separation_sigma_threshold : float
        Digital levels of neighbouring gain stages are to be so many times their noise apart.
    wrong_gain_share : float
        A pixel is bad if more than this share of its values was not in the gain stage of the run.
    """

    thresholds_offset_sigma: float = 3.0
    thresholds_offset_hard: tuple[Limits, ...] = ((0, 0),)
    thresholds_noise_sigma: float = 5.0
    thresholds_noise_hard: tuple[Limits, ...] = ((0, 0),)
    gain_separation_sigma_threshold: float = 5.0
    wrong_gain_share: float = 0.01

    def __post_init__(self) -> None:
        for name in ("thresholds_offset_hard", "thresholds_noise_hard"):
            pairs = tuple(tuple(float(limit) for limit in pair) for pair in getattr(self, name))
            if not pairs or any(len(pair) != 2 or pair[0] > pair[1] for pair in pairs):
                raise ParameterError(f"{name} is (lowest, highest) of each stage, not {pairs}")
            object.__setattr__(self, name, pairs)

    def hard(self, what: str, stage: int) -> Limits | None:
        """Limits of ``"offset"`` or ``"noise"`` in a stage; None for no limits."""
        pairs: tuple[Limits, ...] = getattr(self, f"thresholds_{what}_hard")
        if len(pairs) > 1 and stage >= len(pairs):
            raise ParameterError(f"thresholds_{what}_hard has {len(pairs)} pairs, none for {stage}")
        pair = pairs[stage] if len(pairs) > 1 else pairs[0]
        return None if pair == (0, 0) else pair
