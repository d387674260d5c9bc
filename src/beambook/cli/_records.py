"""Folders in which something was executed: a notebook, a pipeline, a folder of notebooks."""

from __future__ import annotations

import glob
from pathlib import Path

__all__ = ["EXECUTION", "FOLDER", "PIPELINE", "records"]

EXECUTION = "execution.json"
PIPELINE = "pipeline.json"
FOLDER = "executions/folder.json"


def records(root: Path, *kinds: str, begin: str = "") -> list[Path]:
    """Their records below `root`, the newest last.

    Parameters
    ----------
    root : Path
    *kinds : str
        Names of records; all if there is none.
    begin : str
        How the folder's name begins. What has a slash is a path and begins no name.

    Returns
    -------
    list of Path
    """
    if "/" in begin:
        return []
    start = glob.escape(begin)
    kinds = kinds or (EXECUTION, PIPELINE, FOLDER)
    found = [path for kind in kinds for path in root.glob(f"{start}*/{kind}")]
    return sorted(found, key=lambda path: path.stat().st_mtime)
