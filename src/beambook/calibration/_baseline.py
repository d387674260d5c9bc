"""Baseline shift of AGIPD frames."""

from __future__ import annotations

from typing import Any

__all__ = ["correct_baseline"]


def correct_baseline(job: Any, constants: Any) -> int:
    """Not there yet."""
    raise NotImplementedError
