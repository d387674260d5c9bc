"""Names of a room that are imported when they are first used: ``import beambook`` is quick."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["at_first_use"]


def at_first_use(
    room: str, home: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Give a package the two functions by which it finds its names when they are asked for.

    Parameters
    ----------
    room
        The package's ``__name__``.
    home
        The module below the package that each public name is in.

    Returns
    -------
    tuple of callable
        What the package calls ``__getattr__`` and ``__dir__`` (PEP 562). The first raises
        AttributeError for a name that is not in `home`.

    Examples
    --------
    >>> find, names = at_first_use("json", {"JSONDecoder": "decoder"})
    >>> find("JSONDecoder").__module__, names()
    ('json.decoder', ['JSONDecoder'])
    """

    def find(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        return getattr(import_module(f"{room}.{home[name]}"), name)

    return find, lambda: sorted(home)
