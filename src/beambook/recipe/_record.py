"""Results that a notebook states: kept in its outputs, compared with their own tolerance.

The MIME type is ``application/vnd.beambook.result+json``::

    {"version": 1, "name": "edge", "value": 8333.12, "unit": "eV", "claim": false,
     "error": 0.05, "tol": 0.1, "rtol": 1e-6}         the last three only where given

Values that JSON has are stored as they are; the others as an object with a ``"type"``::

    {"type": "float", "value": "nan"}                 nan, inf, -inf
    {"type": "complex", "value": [1.0, 2.0]}
    {"type": "datetime", "value": "2026-07-01T12:00:00"}
    {"type": "duration", "seconds": 1.5}
    {"type": "mapping", "items": [["name", value], …]}
    {"type": "array", "shape": […], …}                numbers as in a figure's fingerprint
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from beambook.errors import ParameterError
from beambook.recipe._fingerprint import pack_one

__all__ = ["RESULT", "encode", "record"]

RESULT = "application/vnd.beambook.result+json"
WHOLE = 10_000  # numbers of an array that are stored one by one


def record(
    name: str,
    value: Any,
    *,
    unit: str = "",
    error: Any = None,
    tol: float | None = None,
    rtol: float | None = None,
    claim: bool = False,
) -> None:
    """State a result: it is shown, stays in the notebook, and is what comparisons look at first.

    Outside a notebook (a script, a test) nothing is shown.

    Parameters
    ----------
    name : str
        What the result is called; once in a notebook.
    value : bool, int, float, complex, str, datetime, None, or an array, list or dict of them
        numpy and pandas scalars, numpy arrays, pandas Series and xarray.DataArray included.
        Values with a magnitude and units (pint, astropy) and with a standard deviation
        (uncertainties) bring `unit` and `error` along.
    unit : str
        A change of the unit is a difference.
    error : float or array, optional
        Standard uncertainty, shown beside the value; it is compared to 1 % unless a tolerance
        is given.
    tol : float, optional
        Absolute tolerance in the unit of the value: |value − reference| ≤ tol. It holds as well
        where the notebook prints the value, or shows it in a table.
    rtol : float, optional
        Relative tolerance. Where neither is given, that of the comparison holds.
    claim : bool
        The publication rests on this result.

    Raises
    ------
    ParameterError
        If the value is of no kind that can be written down, or a tolerance is negative.

    Examples
    --------
    >>> record("edge", 8333.12, unit="eV", tol=0.1)  # in a notebook: edge = 8333.12 eV
    """
    result = encode(name, value, unit=unit, error=error, tol=tol, rtol=rtol, claim=claim)
    shell = _shell()
    if shell is not None:
        shell.display_pub.publish(data={RESULT: result, "text/plain": _line(result)}, metadata={})


def encode(
    name: str,
    value: Any,
    *,
    unit: str = "",
    error: Any = None,
    tol: float | None = None,
    rtol: float | None = None,
    claim: bool = False,
) -> dict[str, Any]:
    """A result as the JSON document that `record` displays."""
    if not isinstance(name, str) or not name.strip():
        raise ParameterError(f"A result needs a name, not {name!r}")
    value, unit, error = _with_unit(value, unit, error)
    optional = {"error": error, "tol": _positive("tol", tol), "rtol": _positive("rtol", rtol)}
    return {
        "version": 1,
        "name": name,
        "value": _plain(value, name),
        "unit": str(unit),
        "claim": bool(claim),
        **{key: _plain(given, name) for key, given in optional.items() if given is not None},
    }


def _shell() -> Any:
    """IPython's shell, where this runs in one; IPython is not imported for the question."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def _positive(name: str, value: float | None) -> float | None:
    if value is not None and not 0 <= float(value) < math.inf:
        raise ParameterError(f"{name} is {value}; a tolerance is zero or more")
    return None if value is None else float(value)


def _with_unit(value: Any, unit: str, error: Any) -> tuple[Any, str, Any]:
    for number, of_unit in (("magnitude", "units"), ("value", "unit")):
        dated = isinstance(value, (date, timedelta))  # pandas' have a value and a unit, too
        if not dated and hasattr(value, number) and hasattr(value, of_unit):
            return getattr(value, number), unit or str(getattr(value, of_unit)), error
    if hasattr(value, "nominal_value") and hasattr(value, "std_dev"):
        return value.nominal_value, unit, value.std_dev if error is None else error
    if hasattr(value, "dims") and hasattr(value, "attrs"):
        return value, unit or str(value.attrs.get("units", "")), error
    return value, unit, error


def _plain(value: Any, name: str) -> Any:
    """JSON for a value."""
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item() if getattr(value, "dtype", None) is None else _scalar(value)
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"type": "float", "value": f"{value:g}"}
    if isinstance(value, complex):
        return {"type": "complex", "value": [_plain(v, name) for v in (value.real, value.imag)]}
    if isinstance(value, timedelta):
        return {"type": "duration", "seconds": value.total_seconds()}
    if isinstance(value, (date, datetime)):
        text = value.isoformat()
        return {"type": "datetime", "value": text} if text != "NaT" else None
    return _container(value, name)


def _scalar(value: Any) -> Any:
    """A numpy scalar or array without axes as Python's; dates as pandas has them."""
    import pandas as pd

    kind = value.dtype.kind
    if kind == "M":
        return pd.Timestamp(getattr(value, "values", value))
    if kind == "m":
        return pd.Timedelta(getattr(value, "values", value))
    return value.item()


def _container(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        items = [[str(key), _plain(each, name)] for key, each in value.items()]
        return {"type": "mapping", "items": items}
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=repr)
    if isinstance(value, (list, tuple)):
        return _sequence(value, name)
    if hasattr(value, "columns") and hasattr(value, "to_dict"):
        return _plain({str(c): value[c] for c in value.columns}, name)
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        array = getattr(value, "values", value)
        if getattr(array, "dtype", None) is not None and array.dtype.kind in "biufcmM":
            return {"type": "array", **pack_one(array, WHOLE)}
        return [_plain(each, name) for each in list(array)]
    raise ParameterError(
        f"{name!r} is a {type(value).__name__}, which cannot be recorded",
        hint="Record a number, a text, a date, or an array, list or dict of them",
    )


def _sequence(values: Any, name: str) -> Any:
    if len(values) > WHOLE and all(type(each) in (int, float) for each in values):
        return {"type": "array", **pack_one(values, WHOLE)}
    return [_plain(each, name) for each in values]


def _line(result: Mapping[str, Any]) -> str:
    """``edge = 8333.12 ± 0.05 eV``."""
    text = f"{result['name']} = {show(result['value'])}"
    if "error" in result:
        text += f" ± {show(result['error'])}"
    return f"{text} {result['unit']}".rstrip()


def show(value: Any) -> str:
    """A recorded value as people read it."""
    if isinstance(value, Mapping):
        kind = value.get("type")
        if kind == "array":
            return f"array of {' × '.join(map(str, value['shape']))}"
        if kind == "mapping":
            more = ", …" if len(value["items"]) > 8 else ""
            return "{" + ", ".join(f"{k}: {show(v)}" for k, v in value["items"][:8]) + more + "}"
        if kind == "complex":
            return "{} + {} i".format(*map(show, value["value"]))
        if kind == "duration":
            return f"{value['seconds']:g} s"
        return str(value.get("value"))
    if isinstance(value, list) and len(value) > 1 and all(isinstance(v, list) for v in value):
        return f"{len(value)} rows, the first is {show(value[0])}"
    if isinstance(value, list):
        more = ", …" if len(value) > 8 else ""
        return "[" + ", ".join(map(show, value[:8])) + more + "]"
    return f"{value:.10g}" if isinstance(value, float) else str(value)
