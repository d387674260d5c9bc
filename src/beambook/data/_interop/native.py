"""What other libraries call a run, a source or a channel, as ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["accept", "native"]

_converters: dict[str, Callable[[Any], Any]] = {}


def accept(package: str, convert: Callable[[Any], Any]) -> None:
    """Say how the objects of a package become ours; see `native`.

    Parameters
    ----------
    package : str
        Name of the package that defines their classes.
    convert : callable
        Takes any of its objects; gives back what it has no answer for.
    """
    _converters[package] = convert


def native(thing: Any) -> Any:
    """Ours, where a thing of another library means the same.

    Parameters
    ----------
    thing : object
        One that has ``__beambook__()``, or a ``DataCollection``, ``SourceData`` or ``KeyData`` of
        EXtra-data.

    Returns
    -------
    Run, Source or Channel
        Of the same files, trains and keys; everything else as it is.

    Examples
    --------
    ::

        theirs = extra_data.open_run(900074, 487)
        run = native(theirs)                        # aliases and selection come with it
        run.aligned(i0=theirs["SA2_XTD1_XGM/XGM/DOOCS:output", "data.intensityTD"])
    """
    if (convert := getattr(type(thing), "__beambook__", None)) is not None:
        return convert(thing)
    for each in type(thing).__mro__:
        package = each.__module__.partition(".")[0]
        if package in _converters:
            return _converters[package](thing)
    return thing
