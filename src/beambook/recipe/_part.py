"""What a task of a pipeline runs: ``python -m beambook.recipe._part FOLDER 0 16 32``.

The numbers are those of parts in ``pipeline.json``; ``finish`` instead of them is what comes
after all tasks have ended. They are executed one after another in this process, so that all
kernels but the first are forked from one that has imported everything. Exits with 1 if any
of the parts is not done in the end.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from beambook.recipe._pipeline.work import execute_parts, finish

__all__ = ["main"]

FINISH = "finish"


def main(arguments: Sequence[str]) -> int:
    """Execute parts, or finish; gives the exit status."""
    folder, *words = arguments
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        if words == [FINISH]:
            return int(not finish(Path(folder)))
        return int(not execute_parts(Path(folder), map(int, words)))
    except KeyboardInterrupt:  # the kernels are gone and the records say so: end as one asked
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
        return 1


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
