"""A typst document into a PDF, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

__all__ = ["SECONDS", "WORKER", "typeset"]

SECONDS = 300
WORKER = Path(__file__).with_name("_typst_worker.py")


def typeset(folder: Path, timestamp: int) -> dict[str, str] | None:
    """Compile ``main.typ`` in a folder.

    Parameters
    ----------
    folder : Path
    timestamp : int
        That the document bears, in s since the epoch.

    Returns
    -------
    dict of str, or None
        What typst says, with an empty message if all went well; None if it died without a word.

    Raises
    ------
    subprocess.TimeoutExpired
        If it has not ended within `SECONDS`.
    """
    job, answer = folder / "job.json", folder / "answer.json"
    job.write_text(json.dumps({"timestamp": timestamp, "path": sys.path}))
    answer.unlink(missing_ok=True)
    subprocess.run(  # noqa: S603 our own interpreter and script
        [sys.executable, "-P", str(WORKER), str(job)],
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    if not answer.is_file():
        return None
    told: dict[str, str] = json.loads(answer.read_text(encoding="utf-8"))
    return told
