"""How kernels are compiled: once, and kept for the next process if there is a place for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from numba import njit

__all__ = ["compiled"]

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(**options: Any) -> Callable[[Kernel], Kernel]:
    """Decorator: machine code without the GIL, cached on disk.

    numba looks for a place beside the source, then in the user's cache folder. Where
    neither can be written (a read-only installation and no home), it raises; the code is
    then compiled in each process. numba looks whether the file of a kernel has changed, but not
    those of the kernels that it calls: here a change of any ``*kernel*.py`` in its folder
    makes what is kept stale.

    Parameters
    ----------
    **options
        Of `numba.njit`.
    """

    def decorate(function: Kernel) -> Kernel:
        try:
            kernel: Kernel = njit(cache=True, nogil=True, **options)(function)
        except RuntimeError:
            kernel = njit(nogil=True, **options)(function)
        _depend_on_all(kernel, Path(function.__code__.co_filename).parent)
        return kernel

    return decorate


def _depend_on_all(kernel: Any, folder: Path) -> None:
    """Make the stamp of what is kept that of all kernels in the folder."""
    index = getattr(getattr(kernel, "_cache", None), "_cache_file", None)
    if index is None or not hasattr(index, "_source_stamp"):
        return  # nothing is kept, or numba keeps it otherwise than in the versions we know
    files = ((each.name, each.stat()) for each in sorted(folder.glob("*kernel*.py")))
    stamps = tuple((name, stat.st_mtime, stat.st_size) for name, stat in files)
    index._source_stamp = (index._source_stamp, stamps)
