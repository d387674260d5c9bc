"""Numbers, times and texts as a table of facts shows them."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping
from typing import Any, TypeGuard

from beambook.recipe._record import show
from beambook.recipe._report_text import clean_text, plain_text

__all__ = [
    "duration",
    "is_number",
    "moment",
    "number",
    "one_line",
    "result_text",
    "short",
    "size",
    "with_error",
]

NUMBERS_SHOWN = 24
CHARACTERS_SHOWN = 300


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether `value` is an int or a float, and no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def number(value: float) -> str:
    """A float to six digits, or nine from 10⁵ to 10⁹."""
    digits = 9 if 1e5 <= abs(value) < 1e9 else 6
    return f"{value:.{digits}g}".replace("-", "−")


def with_error(value: float, error: float) -> str:
    """A value with its error, both to the second digit of the error.

    Examples
    --------
    >>> with_error(8333.1234, 0.0456)
    '8333.123 ± 0.046'
    >>> with_error(12345.6, 230.0)
    '12350 ± 230'
    """
    plain = f"{number(value)} ± {number(abs(error))}"
    if not (math.isfinite(value) and math.isfinite(error) and error):
        return plain
    digits = 1 - math.floor(math.log10(abs(error)))
    if not -8 <= digits <= 12:
        return plain
    rounded = (round(value, digits), round(abs(error), digits))
    return " ± ".join(f"{each:.{max(0, digits)}f}".replace("-", "−") for each in rounded)


def size(count: int) -> str:
    """A number of bytes as people say it.

    Examples
    --------
    >>> size(1_234_567)
    '1.23 MB'
    """
    left = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if abs(left) < 999.5:
            return f"{left:.3g} {unit}"
        left /= 1000
    return f"{left:.3g} TB"


def duration(seconds: float) -> str:
    """A time as people say it.

    Examples
    --------
    >>> duration(7.5), duration(75), duration(7500)
    ('7.5 s', '1 min 15 s', '2 h 5 min')
    """
    if seconds < 59.5:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def moment(value: Any) -> dt.datetime | None:
    """A time from ISO 8601 or seconds since 1970, with a zone (UTC if none is told)."""
    try:
        if is_number(value):
            return dt.datetime.fromtimestamp(int(value), dt.UTC)
        found = dt.datetime.fromisoformat(str(value)).replace(microsecond=0)
    except (ValueError, OverflowError, OSError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def short(value: Any) -> str:
    """Any value in one line of at most 300 characters."""
    text = one_line(_as_text(value))
    return text if len(text) <= CHARACTERS_SHOWN else text[: CHARACTERS_SHOWN - 1] + "…"


def one_line(value: Any) -> str:
    """Text without line breaks, colours and control characters."""
    return " ".join(plain_text(clean_text(str(value))).split())


def _as_text(value: Any) -> str:
    if isinstance(value, list | tuple) and all(map(is_number, value)):
        more = f", … ({len(value)} in all)" if len(value) > NUMBERS_SHOWN else ""
        return ", ".join(map(str, value[:NUMBERS_SHOWN])) + more
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return "" if value is None else str(value)


def result_text(result: Mapping[str, Any]) -> str:
    """A recorded result as people read it: its value and error, without the unit."""
    value, error = result.get("value"), result.get("error")
    if is_number(value) and is_number(error) and error:
        return with_error(float(value), float(error))
    if isinstance(value, float):
        return number(value)
    try:
        text = short(show(value))
        return text if error is None else f"{text} ± {short(show(error))}"
    except (KeyError, TypeError, ValueError):  # a result of another program
        return short(value)
