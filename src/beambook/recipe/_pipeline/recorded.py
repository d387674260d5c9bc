"""Values of recorded results as Python had them: numbers, texts, lists, mappings."""

from __future__ import annotations

import sys
from array import array
from base64 import b64decode
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

__all__ = ["decoded"]


def decoded(value: Any) -> Any:
    """The value that a notebook recorded; kinds that no parameter takes stay as they are.

    Examples
    --------
    >>> decoded([{"type": "mapping", "items": [["modules", [0]], ["_seconds", 40]]}])
    [{'modules': [0], '_seconds': 40}]
    """
    if isinstance(value, list):
        return [decoded(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    kind = value.get("type")
    if kind == "mapping":
        return {str(key): decoded(each) for key, each in value["items"]}
    if kind in ("float", "datetime"):
        return value["value"]  # as Parameters read them: "nan", ISO 8601
    if kind == "array" and "f8" in value and value["dtype"][0] in "iuf":
        return _nested(_numbers(value), value["shape"])
    return dict(value)


def _numbers(packed: Mapping[str, Any]) -> list[Any]:
    """All numbers of an array, see `beambook.recipe._fingerprint`; numpy is not needed for it."""
    numbers = array("d", b64decode(packed["f8"]))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist() if packed["dtype"][0] == "f" else [int(each) for each in numbers]


def _nested(numbers: list[Any], shape: Sequence[int]) -> Any:
    if not shape:
        return numbers[0]
    if len(shape) == 1:
        return numbers
    step = prod(shape[1:])
    return [_nested(numbers[k * step : (k + 1) * step], shape[1:]) for k in range(shape[0])]
