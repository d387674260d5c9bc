"""Figures of plotly without what each of its versions writes otherwise."""

from __future__ import annotations

import re
from base64 import b64decode
from typing import Any

import numpy as np

__all__ = ["plain_figure"]


def plain_figure(figure: Any) -> Any:
    """A plotly figure without theme and settings, its numbers in lists; other JSON as it is.

    Examples
    --------
    >>> x = {"dtype": "i1", "bdata": "AQID"}
    >>> plain_figure({"data": [{"x": x}], "layout": {"template": {}}, "config": {}})
    {'data': [{'x': [1, 2, 3]}], 'layout': {}}
    """
    if not (isinstance(figure, dict) and isinstance(figure.get("layout"), dict)):
        return figure
    layout = {name: value for name, value in figure["layout"].items() if name != "template"}
    rest = {name: value for name, value in figure.items() if name != "config"}
    return _decoded({**rest, "layout": layout})


def _decoded(value: Any) -> Any:
    """Arrays as lists: plotly packs them from version 6 on."""
    if isinstance(value, list):
        return [_decoded(each) for each in value]
    if not isinstance(value, dict):
        return value
    if {"dtype", "bdata"} <= value.keys() and re.fullmatch("[fiu][1248]", str(value["dtype"])):
        array = np.frombuffer(b64decode(value["bdata"]), f"<{value['dtype']}")
        shape = [int(n) for n in str(value.get("shape", len(array))).split(",")]
        return array.reshape(shape).tolist()
    return {name: _decoded(each) for name, each in value.items()}
