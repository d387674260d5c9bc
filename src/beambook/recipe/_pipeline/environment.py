"""What a task's environment has besides what every task gets: a list, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["environment"]

OURS = "BEAMBOOK_"
OF_A_TASK = ("BEAMBOOK_ATTEMPT", "BEAMBOOK_BATCH", "BEAMBOOK_TASK")  # of the task we are in
# Where kernels of notebooks, modules and caches are found; dates that reports are given.
PASSED = (
    "IPYTHONDIR",
    "JUPYTER_DATA_DIR",
    "JUPYTER_PATH",
    "MPLCONFIGDIR",
    "NUMBA_CACHE_DIR",
    "PYTHONPATH",
    "SOURCE_DATE_EPOCH",
    "XDG_CACHE_HOME",
)
LISTS = ("BEAMBOOK_DATA", "JUPYTER_PATH", "PYTHONPATH")
FOLDERS = ("BEAMBOOK_INDEX", "BEAMBOOK_SITE", "IPYTHONDIR", "JUPYTER_DATA_DIR", "MPLCONFIGDIR")
THREADS = ("BEAMBOOK_THREADS", "OMP_NUM_THREADS")


def environment(*, threads: int) -> dict[str, str]:
    """Environment of the tasks, in which paths are absolute.

    Parameters
    ----------
    threads : int
        Cores of a task; what the caller has set himself goes before.
    """
    ours = {name for name in os.environ if name.startswith(OURS)} - {*OF_A_TASK}
    found = {name: os.environ[name] for name in sorted({*PASSED, *ours}) if os.environ.get(name)}
    for name in LISTS:
        if name in found:
            paths = filter(None, found[name].split(os.pathsep))
            found[name] = os.pathsep.join(str(Path(path).absolute()) for path in paths)
    for name in FOLDERS:
        if name in found:
            found[name] = str(Path(found[name]).absolute())
    return found | {name: os.environ.get(name) or str(threads) for name in THREADS}
