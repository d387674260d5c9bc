"""Drawings (SVG) as pixels, to see where they differ."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from beambook.recipe._report_images import Image

__all__ = ["as_pixels"]

WORKER = Path(__file__).with_name("drawing_worker.py")
SECONDS = 20
RATIO = 4  # of height to width, from which on the pixels would be too many


def as_pixels(drawings: tuple[Image, Image]) -> tuple[bytes, bytes] | None:
    """Both as PNG; None where that is not possible."""
    if not all(0 < each.height <= RATIO * each.width for each in drawings):
        return None
    with tempfile.TemporaryDirectory(prefix="beambook-page-") as folder:
        for number, drawing in enumerate(drawings):
            Path(folder, f"{number}.svg").write_bytes(drawing.content)
        try:
            subprocess.run(  # noqa: S603 our own interpreter and script
                [sys.executable, "-P", str(WORKER), folder],
                input=json.dumps(sys.path).encode(),
                capture_output=True,
                timeout=SECONDS,
                check=True,
            )
            return Path(folder, "0.png").read_bytes(), Path(folder, "1.png").read_bytes()
        except (subprocess.SubprocessError, OSError):  # no typst, or a drawing that it refuses
            return None
