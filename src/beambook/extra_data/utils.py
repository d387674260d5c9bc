"""Small helpers that scripts import from EXtra-data."""

from __future__ import annotations

import os
import sys
from shutil import get_terminal_size

__all__ = ["available_cpu_cores", "default_num_threads", "isinstance_no_import", "progress_bar"]


def available_cpu_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def default_num_threads(fixed_limit: int = 16) -> int:
    """Threads to use: at most `fixed_limit`, the cores, and ``$EXTRA_NUM_THREADS``."""
    stated = os.environ.get("EXTRA_NUM_THREADS", "")
    limits = [fixed_limit, available_cpu_cores(), *([int(stated)] if stated.isdigit() else [])]
    return min(limits)


def progress_bar(done: int, total: int, suffix: str = " ") -> str:
    """A line that shows how much of the work is done."""
    start = f"Progress: {done}/{total}{suffix}"
    width = min(get_terminal_size().columns - len(start) - 2, 50)
    return f"{start}[{'#' * (width * done // total):<{max(width, 0)}}]"


def isinstance_no_import(obj: object, mod: str, cls: str) -> bool:
    """Whether `obj` is of a class of a module, which need not be imported to know."""
    module = sys.modules.get(mod)
    return module is not None and isinstance(obj, getattr(module, cls))
