"""Values of recorded results as Python had them: numbers, texts, lists, mappings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beambook.recipe._arrays import Packed

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
    if kind == "array" and (packed := Packed(value)).whole and value["dtype"][0] in "biuf":
        numbers = packed.values.reshape(packed.shape)
        return (numbers if value["dtype"][0] == "f" else numbers.astype(int)).tolist()
    return dict(value)
