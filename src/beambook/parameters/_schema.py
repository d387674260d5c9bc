"""Types as JSON schema (draft 2020-12), values as JSON."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from beambook.parameters._type import Type

__all__ = ["schema_of", "to_json"]

_SIMPLE: dict[str, dict[str, Any]] = {
    "any": {},
    "bool": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "float": {"type": "number"},
    "int": {"type": "integer"},
    "none": {"type": "null"},
    "path": {"type": "string", "format": "path"},
    "str": {"type": "string"},
}


def schema_of(
    kind: Type, *, minimum: float | None = None, maximum: float | None = None
) -> dict[str, Any]:
    """JSON schema of a type; bounds hold for every number in it.

    Parameters
    ----------
    kind : Type
    minimum, maximum : float, optional

    Returns
    -------
    dict

    Examples
    --------
    >>> schema_of(Type("list", (Type("int"),)), minimum=0)
    {'type': 'array', 'items': {'type': 'integer', 'minimum': 0}}
    """

    def inner(each: Type) -> dict[str, Any]:
        return schema_of(each, minimum=minimum, maximum=maximum)

    if kind.kind in _CONTAINERS:
        return _CONTAINERS[kind.kind]([inner(each) for each in kind.items])
    if kind.kind == "literal":
        return {"enum": [to_json(choice) for choice in kind.choices]}
    schema = dict(_SIMPLE[kind.kind])
    if kind.kind in {"int", "float", "any"}:
        bounds = {"minimum": minimum, "maximum": maximum}
        schema |= {name: bound for name, bound in bounds.items() if bound is not None}
    return schema


_CONTAINERS: dict[str, Callable[[list[dict[str, Any]]], dict[str, Any]]] = {
    "dict": lambda items: {"type": "object", "additionalProperties": items[1]},
    "list": lambda items: {"type": "array", "items": items[0]},
    "record": lambda items: {
        "type": "array",
        "prefixItems": items,
        "items": False,
        "minItems": len(items),
    },
    "set": lambda items: {"type": "array", "items": items[0], "uniqueItems": True},
    "tuple": lambda items: {"type": "array", "items": items[0]},
    "union": lambda items: {"anyOf": items},
}


def to_json(value: Any) -> Any:
    """A plain value as JSON has it: paths and dates as texts, nan as ``"nan"``, tuples as lists.

    Parameters
    ----------
    value : object

    Returns
    -------
    object

    Examples
    --------
    >>> to_json({1: (Path("/data"), float("inf"))})
    {'1': ['/data', 'inf']}
    """
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, set):
        return [to_json(each) for each in sorted(value, key=repr)]
    if isinstance(value, list | tuple):
        return [to_json(each) for each in value]
    if isinstance(value, dict):
        return {_key(key): to_json(each) for key, each in value.items()}
    return value


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return str(key).lower()
    return key if isinstance(key, str) else str(to_json(key))
