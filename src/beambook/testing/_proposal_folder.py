"""Where the facility keeps the folder of an experiment, and what is in it."""

from __future__ import annotations

import re
from pathlib import Path

from beambook.errors import ParameterError
from beambook.testing._checks import within

__all__ = ["FOLDERS", "proposal_path"]

FOLDERS = ("raw", "proc", "scratch", "usr")


def proposal_path(root: str | Path, instrument: str, cycle: str, proposal: int) -> Path:
    """``root/MID/202631/p900074``.

    Raises
    ------
    ParameterError
        The facility has no such folder.
    """
    within("proposal", proposal, 1, 999_999)
    if not (re.fullmatch(r"[A-Z0-9]+", instrument) and re.fullmatch(r"\d{6}", cycle)):
        raise ParameterError(
            f"No folder of the facility is {instrument}/{cycle}", hint="Give, e.g., MID and 202631"
        )
    return Path(root) / instrument / cycle / f"p{proposal:06d}"
