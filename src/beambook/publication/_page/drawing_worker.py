"""Turn two drawings into pixels by typst, in a process of its own.

Run as ``python -P drawing_worker.py FOLDER``: of ``0.svg`` and ``1.svg`` it makes ``0.png``
and ``1.png``. The paths that modules are in come by standard input, as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

WIDTH = 450  # pt
PPI = 144.0


def main(folder: str) -> None:
    """Draw both."""
    sys.path[:] = json.load(sys.stdin)  # typst is where the parent found it
    import typst

    for number in (0, 1):
        source = Path(folder) / "main.typ"
        source.write_text(
            "#set page(width: auto, height: auto, margin: 0pt, fill: white)\n"
            f'#image("/{number}.svg", width: {WIDTH}pt)\n'
        )
        typst.compile(
            str(source), root=folder, output=str(Path(folder) / f"{number}.png"), format="png",
            ppi=PPI, ignore_system_fonts=True,
        )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1])
