"""What versions of NumPy, pandas and xarray word otherwise, although it is the same."""

from __future__ import annotations

import re

__all__ = ["MISSING", "one_missing", "unversioned"]

MISSING = frozenset({"None", "NaN", "nan", "<NA>", "NaT"})  # in tables: one thing, by type

_MISSING_WORD = re.compile(r"(?<!\S)(?:None|nan|<NA>|NaT)(?!\S)")
_ALWAYS = (
    (re.compile(r"\bnumpy\.(?=(?:datetime|timedelta)64\()"), "np."),
    (re.compile(r"(?<=\bdtype: )(?:object|str|string)\b"), "object"),
    (re.compile(r"(?<=\bdtype=')(?:object|str|string)(?=')"), "object"),
    (re.compile(r"(?<=Categories )\((\d+), (?:object|str|string)\)"), r"(\1, object)"),
    (re.compile(r"\b(datetime|timedelta)64\[(?:ns|us|ms|s)\b"), r"\g<1>64[ns"),
)
# The coordinates of xarray: as many numbers as the line has place for.
_ENDS = re.compile(r"^( *\*? *\w+ +\([^)\n]*\) +\S+ +\S+)[^\n]* \.\.\. (?:[^\n]* )?(\S+)$", re.M)
# Said by newer versions only: left out where but one of the two says it.
_NEWER = (
    (re.compile(r",\s*shape=\([\d, ]+\)"), re.compile(r",\s*shape=\([\d, ]+\)")),
    (re.compile(r"\bSize: \d"), re.compile(r"(?:\bSize: )?\b\d+(?:\.\d+)?[kMGT]?B\b")),
)


def one_missing(table: str) -> str:
    """A table in text with one word for what is missing."""
    return _MISSING_WORD.sub("NaN", table)


def unversioned(a: str, b: str) -> tuple[str, str]:
    """Both texts, without what only their versions of the libraries tell apart.

    Examples
    --------
    >>> unversioned("dtype: str", "dtype: object")
    ('dtype: object', 'dtype: object')
    >>> unversioned("[0. ... 9.], shape=(99,))", "[0. ... 9.])")
    ('[0. ... 9.])', '[0. ... 9.])')
    """
    for pattern, plain in _ALWAYS:
        a, b = pattern.sub(plain, a), pattern.sub(plain, b)
    for sign, pattern in _NEWER:
        if bool(sign.search(a)) != bool(sign.search(b)):
            a, b = (_ENDS.sub(r"\1 ... \2", pattern.sub("", text)) for text in (a, b))
    return a, b
