"""How NeXus files write names, texts and lists of names."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import Any

import numpy as np

__all__ = ["class_of", "names_of", "number_of", "numbers_of", "plain", "text_of"]

CANSAS = {
    "SASroot": "NXroot",
    "SASentry": "NXentry",
    "SASdata": "NXdata",
    "SASsample": "NXsample",
    "SASinstrument": "NXinstrument",
    "SASdetector": "NXdetector",
    "SASsource": "NXsource",
    "SASprocess": "NXprocess",
    "SASnote": "NXnote",
}
SEPARATORS = re.compile(r"[:,;\s]+")


def plain(value: Any) -> Any:
    """A value of an attribute as str, number, or a tuple of them; arrays of one become the one.

    Examples
    --------
    >>> plain(np.array([b"signal"], dtype=object)), plain(np.array([1, 2]))
    ('signal', (1, 2))
    """
    if isinstance(value, bytes):
        return decoded(value)
    if isinstance(value, np.ndarray):
        items = tuple(plain(item) for item in value.ravel().tolist())
        return items[0] if len(items) == 1 else items
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, str):
        return value.split("\0", 1)[0]
    return value if isinstance(value, int | float | tuple) else ""


def decoded(value: bytes) -> str:
    """Bytes as text: UTF-8 or, as old files have it, Latin-1; padding is dropped."""
    value = value.split(b"\0", 1)[0]
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def text_of(value: Any) -> str:
    """A value as text; empty for nothing, the first of several."""
    if isinstance(value, tuple | list):
        return text_of(value[0]) if value else ""
    return value.strip() if isinstance(value, str) else "" if value is None else str(value)


def names_of(value: Any, known: Container[str] = ()) -> tuple[str, ...]:
    """Names in a list, be it an array or a text like ``"x:y"``, ``"[x,y]"`` or ``"x, y"``.

    Parameters
    ----------
    value : str or tuple
    known : container of str
        Names that exist; one with a blank in it is not cut.

    Examples
    --------
    >>> names_of("[x,y]"), names_of(("x", ".")), names_of("two theta", {"two theta"})
    (('x', 'y'), ('x', '.'), ('two theta',))
    """
    if isinstance(value, tuple | list):
        return tuple(text_of(item) or "." for item in value)
    if not isinstance(value, str):
        return ()
    text = value.strip()
    if text in known:
        return (text,)
    return tuple(name for name in SEPARATORS.split(text.strip("[]() ")) if name)


def numbers_of(value: Any) -> tuple[int, ...]:
    """Whole numbers in an attribute, be it one, several or a text; none for anything else."""
    if isinstance(value, tuple | list):
        return tuple(number for item in value for number in numbers_of(item))
    if isinstance(value, str):
        words = names_of(value)
        return tuple(map(int, words)) if all(re.fullmatch(r"-?\d{1,9}", w) for w in words) else ()
    whole = isinstance(value, int | float) and value == value and abs(value) < 2**31
    return (int(value),) if whole else ()


def number_of(value: Any) -> int | None:
    """One whole number in an attribute."""
    found = numbers_of(value)
    return found[0] if found else None


def class_of(attrs: Mapping[str, Any]) -> str:
    """The NeXus class that a group says it is, also in the words of canSAS; empty if it does not.

    Examples
    --------
    >>> class_of({"canSAS_class": "SASdata"})
    'NXdata'
    """
    stated = text_of(attrs.get("NX_class"))
    if stated:
        return stated
    cansas = text_of(attrs.get("canSAS_class")) or text_of(attrs.get("SAS_class"))
    return CANSAS.get(cansas, cansas)
