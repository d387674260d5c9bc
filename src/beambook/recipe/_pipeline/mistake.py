"""Errors of notebooks, told apart by their names: mistakes in what was asked, and failures."""

from __future__ import annotations

from beambook import errors

__all__ = ["is_mistake"]

MISTAKE = 2


def is_mistake(name: str) -> bool:
    """Whether an error of this name says that something was asked which cannot be.

    A kernel tells no more than the name of what was raised in it.

    Examples
    --------
    >>> is_mistake("RunNotFound"), is_mistake("DamagedFile"), is_mistake("RuntimeError")
    (True, False, False)
    """
    found = getattr(errors, name, None)
    if not (isinstance(found, type) and issubclass(found, errors.BeambookError)):
        return False
    # A constant that one of many modules lacks is no mistake, and so has another exit status;
    # but before any part is known, nothing at all can be done with what was asked for.
    return found.exit_code == MISTAKE or issubclass(found, errors.NameNotFound)
