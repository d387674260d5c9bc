"""Python values made plain: what goes into a notebook, a JSON document, a record."""

from __future__ import annotations

import datetime
import enum
import math
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from beambook.errors import close_names
from beambook.parameters._type import ANY, Type, infer_type, is_number

__all__ = ["NotFitting", "no_choice", "plain", "same", "show"]

_DIGITS = 4000  # Python neither writes nor reads an integer of more than 4300 digits
_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class NotFitting(ValueError):
    """A value that is not of the type; its text completes the sentence "NAME: …"."""


def plain(value: Any, kind: Type = ANY) -> Any:
    """Check a value against a type and give it as a plain Python value.

    Parameters
    ----------
    value : object
        Numpy scalars and arrays, enum members, paths, dates and subclasses are made plain.
    kind : Type

    Returns
    -------
    object
        None, bool, int, float, str, Path, date, datetime, or a list, tuple, set or dict of them.

    Raises
    ------
    NotFitting
        If the value is not of the type.

    Examples
    --------
    >>> import numpy as np
    >>> plain([np.float64(2.0), 3], Type("list", (Type("float"),)))
    [2.0, 3.0]
    """
    try:
        return _PLAIN[kind.kind](_unwrap(value), kind)
    except RecursionError:
        raise NotFitting("is nested too deeply") from None


def same(one: Any, other: Any) -> bool:
    """Whether two plain values are the same: 1 is not True, nan is nan.

    Examples
    --------
    >>> same([float("nan")], [float("nan")]), same(1, True), same(1, 1.0)
    (True, False, False)
    """
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    if isinstance(one, set):
        return same(sorted(one, key=repr), sorted(other, key=repr))
    if isinstance(one, float):  # and −0.0 is not 0.0
        return repr(one) == repr(other)
    return bool(one == other)


def show(value: Any, *, most: int = 60) -> str:
    """A value in a message, cut to a length that leaves the message readable."""
    text = repr(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _unwrap(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        value = value.value
    if type(value).__module__ == "numpy" and type(value).__name__ == "datetime64":
        value = value.astype("datetime64[us]")
    return value.tolist() if hasattr(value, "tolist") else value


def _bool(value: Any, kind: Type) -> bool:
    if isinstance(value, bool):
        return value
    raise NotFitting(f"{show(value)} is not true or false")


def _int(value: Any, kind: Type) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise NotFitting(f"{show(value)} is not an integer")
    if value.bit_length() > _DIGITS * 3.3:
        raise NotFitting("is an integer of too many digits")
    return int(value)


def _float(value: Any, kind: Type) -> float:
    if isinstance(value, str) and value in _NOT_FINITE:  # how JSON gets them
        return _NOT_FINITE[value]
    if not is_number(value):
        raise NotFitting(f"{show(value)} is not a number")
    try:
        return float(value)
    except OverflowError:
        raise NotFitting("is too large a number") from None


def _str(value: Any, kind: Type) -> str:
    if isinstance(value, str):
        return "".join(value)  # a plain str of a subclass
    if isinstance(value, os.PathLike):
        return str(os.fspath(value))
    raise NotFitting(f"{show(value)} is not a text")


def _path(value: Any, kind: Type) -> Path:
    if not isinstance(value, str | os.PathLike) or isinstance(os.fspath(value), bytes):
        raise NotFitting(f"{show(value)} is not a path")
    if "\0" in str(value):
        raise NotFitting(f"{show(value)} has a null byte")
    return Path(str(value))


def _date(value: Any, kind: Type) -> datetime.date:
    if isinstance(value, str):
        value = _from_iso(value, datetime.date.fromisoformat, "a date, e.g. 2026-05-31")
    if isinstance(value, datetime.datetime):
        if value.time() != datetime.time():
            raise NotFitting(f"{value.isoformat()} is not a date: it has a time of day")
        value = value.date()
    if isinstance(value, datetime.date):
        return datetime.date(value.year, value.month, value.day)
    raise NotFitting(f"{show(value)} is not a date, e.g. 2026-05-31")


def _datetime(value: Any, kind: Type) -> datetime.datetime:
    what = "a date and time, e.g. 2026-05-31T14:00:00"
    if isinstance(value, datetime.date):
        value = value.isoformat()
    if not isinstance(value, str):
        raise NotFitting(f"{show(value)} is not {what}")
    read: datetime.datetime = _from_iso(value, datetime.datetime.fromisoformat, what)
    return read


def _from_iso(text: str, read: Callable[[str], Any], what: str) -> Any:
    try:
        return read(text.strip())
    except ValueError:
        raise NotFitting(f"{show(text)} is not {what}") from None


def _none(value: Any, kind: Type) -> None:
    if value is not None:
        raise NotFitting(f"{show(value)} is not None")


def _literal(value: Any, kind: Type) -> Any:
    for choice in kind.choices:
        try:
            if same(plain(value, infer_type(choice)), choice):
                return choice
        except NotFitting:
            continue
    raise NotFitting(no_choice(value, kind.choices))


def no_choice(value: Any, choices: tuple[Any, ...]) -> str:
    """That a value is none of the choices, and which one it looks like."""
    close = close_names(value, map(str, choices), most=1) if isinstance(value, str) else []
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"{show(value)} is not one of {', '.join(map(repr, choices))}{hint}"


def _union(value: Any, kind: Type) -> Any:
    reasons, fitting = [], []
    for each in kind.items:
        try:
            fitting.append(plain(value, each))
        except NotFitting as error:
            reasons.append(str(error))
    exact = [each for each in fitting if type(each) is type(value)]
    if fitting:
        return (exact or fitting)[0]
    others = [reason for reason in reasons if not reason.endswith("is not None")]
    raise NotFitting(", and ".join(dict.fromkeys(others)))


def _each(values: Iterable[Any], kinds: Iterable[Type]) -> list[Any]:
    done = []
    for index, (value, kind) in enumerate(zip(values, kinds, strict=False)):
        try:
            done.append(plain(value, kind))
        except NotFitting as error:
            raise NotFitting(f"[{index}] {error}") from None
    return done


def _members(value: Any, name: str, accepted: tuple[type[Any], ...]) -> list[Any]:
    if not isinstance(value, accepted):
        raise NotFitting(f"{show(value)} is not a {name}")
    if isinstance(value, range) and len(value) > 10**6:
        raise NotFitting("is a range of over a million values")
    members: list[Any] = list(value)
    return members


def _list(value: Any, kind: Type) -> list[Any]:
    members = _members(value, "list", (list, tuple, range))
    return _each(members, kind.items * len(members))


def _tuple(value: Any, kind: Type) -> tuple[Any, ...]:
    members = _members(value, "tuple", (list, tuple, range))
    return tuple(_each(members, kind.items * len(members)))


def _record(value: Any, kind: Type) -> tuple[Any, ...]:
    members = _members(value, "tuple", (list, tuple, range))
    if len(members) != len(kind.items):
        raise NotFitting(f"{show(value)} has {len(members)} values, not {len(kind.items)}")
    return tuple(_each(members, kind.items))


def _set(value: Any, kind: Type) -> set[Any]:
    members = _members(value, "set", (set, frozenset, list, tuple, range))
    try:
        return set(_each(members, kind.items * len(members)))
    except TypeError:
        raise NotFitting(f"{show(value)} holds lists; a set cannot") from None


def _dict(value: Any, kind: Type) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        raise NotFitting(f"{show(value)} is not a dict")
    done = {}
    for key, each in value.items():
        try:
            done[_key(key, kind.items[0])] = plain(each, kind.items[1])
        except NotFitting as error:
            raise NotFitting(f"[{show(key)}] {error}") from None
    return done


def _key(key: Any, kind: Type) -> Any:
    """A key; the keys of a JSON object are texts, whatever they were."""
    if isinstance(key, str) and kind.kind in _KEYS:
        try:
            return _KEYS[kind.kind](key)
        except (ValueError, KeyError):
            raise NotFitting(f"{show(key)} is not of type {kind.kind}") from None
    made = plain(key, kind)
    try:
        hash(made)
    except TypeError:
        raise NotFitting("has a key that is a list") from None
    return made


_KEYS: dict[str, Callable[[str], Any]] = {
    "bool": {"true": True, "false": False}.__getitem__,
    "float": float,
    "int": int,
}


def _any(value: Any, kind: Type) -> Any:
    for accepted, name in _AS_IS:
        if isinstance(value, accepted):
            return _PLAIN[name](value, Type(name, (ANY, ANY) if name == "dict" else (ANY,)))
    if value is None:
        return None
    if isinstance(value, datetime.date):
        return value.isoformat()
    raise NotFitting(f"a {type(value).__name__} cannot be written into a notebook")


_AS_IS: tuple[tuple[Any, str], ...] = (
    (bool, "bool"),
    (int, "int"),
    (float, "float"),
    (str | os.PathLike, "str"),
    (list | range, "list"),
    (tuple, "tuple"),
    (set | frozenset, "set"),
    (Mapping, "dict"),
)
_PLAIN: dict[str, Callable[[Any, Type], Any]] = {
    "any": _any,
    "bool": _bool,
    "date": _date,
    "datetime": _datetime,
    "dict": _dict,
    "float": _float,
    "int": _int,
    "list": _list,
    "literal": _literal,
    "none": _none,
    "path": _path,
    "record": _record,
    "set": _set,
    "str": _str,
    "tuple": _tuple,
    "union": _union,
}
