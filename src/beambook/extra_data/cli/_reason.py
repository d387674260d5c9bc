"""Commands that end with one line when they fail for a known reason."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from beambook.errors import BeambookError

__all__ = ["ends_with_reason"]

P = ParamSpec("P")
R = TypeVar("R")


def ends_with_reason(command: Callable[P, R]) -> Callable[P, R]:
    """Say what is wrong on stderr, and end with status 1, instead of a traceback."""

    @wraps(command)
    def ended(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except BeambookError as error:
            sys.exit(f"ERROR: {error}")

    return ended
