"""Figures that stand in the scripts of some HTML: Vega charts as Altair writes them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["VEGA", "is_loader", "vega_in"]

VEGA = "application/vnd.vega-in-html+json"
_STARTS = re.compile(r"(?:\)\(|=)\s*(?=\{)")  # of an argument, of a value
_OWN = ("$schema", "config", "usermeta")  # another one with each version


def vega_in(html: str) -> dict[str, Any]:
    """The specification of a Vega chart in the scripts of `html`; empty where there is none.

    Examples
    --------
    >>> schema = '"$schema": "https://vega.github.io/schema/vega-lite/v6.json"'
    >>> vega_in('<script>(function(s) {})({"mark": "bar", ' + schema + "});</script>")
    {'mark': 'bar'}
    """
    if "vega.github.io/schema" not in html:
        return {}
    decoder = json.JSONDecoder()
    for start in _STARTS.finditer(html):
        try:
            found, _ = decoder.raw_decode(html, start.end())
        except ValueError:
            continue
        if isinstance(found, dict) and "$schema" in found:
            return {name: value for name, value in found.items() if name not in _OWN}
    return {}


def is_loader(data: Mapping[str, Any]) -> bool:
    """Whether an output shows nothing, and only brings plotly's scripts."""
    start = str(data.get("text/html", "")).lstrip()[:300]
    only = set(data) <= {"text/html", "text/plain"}
    return only and start.startswith("<script") and "window.PlotlyConfig" in start
