"""How kernels are compiled: once, and kept for the next process if there is a place for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

__all__ = ["compiled"]

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(**options: Any) -> Callable[[Kernel], Kernel]:
    """Decorator: machine code without the GIL, cached on disk.

    numba looks for a place beside the source, then in the user's cache folder. Where
    neither can be written (a read-only installation and no home), it raises; the code is
    then compiled in each process.

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
        return kernel

    return decorate
