"""Parts of a text that change whenever it is made: durations, addresses, progress, places.

Two things say so. The looks: a memory address, ``Wall time: 1.2 s``. And the source: what
``print(f"took {time.time() - t0:.1f} s for {n} trains")`` writes is volatile in its first
slot and a result in its second (`_source`). Dates, paths and identifiers stay in the text;
`_text` judges them in pairs.
"""

from __future__ import annotations

import re

__all__ = ["GONE", "PROGRESS", "scrub"]

GONE = "⟨volatile⟩"

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_UNIT = r"(?:ns|µs|μs|us|ms|s|secs?|seconds?|mins?|minutes?|h|hours?|hrs?|milliseconds?|m)\b"
# Repetitions are bounded: a number of a million digits must not take a minute.
_NUMBER = r"[-+]?(?:\d{1,30}\.?\d{0,30}|\.\d{1,30})(?:e[-+]?\d{1,4})?"
_CLOCK = r"(?:\d{1,9} days?,? )?\d{1,9}:\d\d(?::\d\d(?:\.\d{1,9})?)?"
_SPAN = rf"(?:{_CLOCK}|{_NUMBER}\s*{_UNIT}(?:[, ]+(?:and )?{_NUMBER}\s*{_UNIT})*)"
_SPAN_OR_NUMBER = rf"(?:{_SPAN}|{_NUMBER}(?!\s*[\w%/]))"
_WORK = (
    r"(?:took|takes|taken|elapsed|wall[- ]?(?:clock)?[- ]?time|run[- ]?time|cpu[- ]?time|"
    r"(?:execution|computation|computing|calculation|processing|elapsed|total|loading|running)"
    r"[- ]time|time[- ](?:taken|elapsed|spent|needed|used)|ETA)"
)
_DONE = (
    r"(?:finished|done|completed|executed|loaded|computed|calculated|processed|ran|read|wrote|"
    r"written|saved|created|built|generated|imported|solved|simulated|trained|fetched|compiled)"
)

PROGRESS = re.compile(r"\d{1,3}%\|[^|\n]*\||[━█▏▎▍▌▋▊▉]{3,}")
_SCALAR = re.compile(
    r"\b(?:np|numpy)\.(?:(?:float|complex|int|uint)(?:\d+|p|c)?|longdouble|str_|bytes_)"
    r"\(([^()\n]{1,4000}|\([^()\n]{1,4000}\))\)|\b(?:np|numpy)\.(True|False)_\b"
)
_AXES = re.compile(r"<(?:matplotlib\.axes\.[\w.]{1,99}|AxesSubplot|Axes)(?:[:( ][^<>\n]{0,300})?>")
_LINE = re.compile(r"^.*(?:per loop \(mean|\d{1,3}%\|[^|\n]*\||[━█▏▎▍▌▋▊▉]{3,}).*$", re.M)
_PARTS = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        (rf"(?<=CPU times: ).*|(?<=Wall time: ){_SPAN}", 0),
        (r"The slowest run took .*\n.*cached\.?", 0),
        (rf"\b(?:best of \d+: ){_SPAN}.*per loop", 0),
        (rf"(\b{_WORK}\b[^\n\d]{{0,24}}){_SPAN_OR_NUMBER}", re.I),
        (rf"(\b{_DONE}\b[^\n]{{0,40}}?\bin (?:about )?){_SPAN}", re.I),
        (rf"(^|[│|]) *time *[=:] *{_NUMBER} *sec(?:ond)?s?\b", re.I | re.M),
        (rf"\bafter {_SPAN}(?= elapsed| of (?:computation|running|work))", re.I),
        (rf"\b{_NUMBER}\s*(?:it|iterations?|iter|rows|items|files|[kKMG]i?B)/s(?:ec)?\b", 0),
        (rf"\b{_NUMBER}\s*s/it\b", 0),
        (r"\b(?:pid|process id)[ =:]{1,3}\d{2,8}\b(?!\.\d)", re.I),
        (r"\b(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\]):\d+", 0),
        (r"\b(?:In|Out) ?\[\d+\]", 0),
        (r"(?<!\S)\S{0,300}?ipykernel_\d+/\d+\.py(?::\d+)?", 0),
        (r"<ipython-input-\d+-[0-9a-f]+>", 0),
        (rf"\bmemory usage: {_NUMBER}\+? ?\w+", 0),
        (r"\b(?:Python|CPython) \d+\.\d+\.\d+[^\n]*", 0),
        (r"\bkernel-[0-9a-f-]{8,}\b", 0),
        (r"(?<=\bThread-)\d{1,9}\b|(?<=PoolExecutor-)\d{1,9}_\d{1,9}\b", 0),
        (r"(?<=<U)\d{1,9}(?=['> ])", 0),  # NumPy's type of texts: length of the longest
    )
)


def scrub(text: str) -> tuple[str, int]:
    """`text` without colours, overwritten lines and what looks volatile; and how many parts.

    Scalars are written as before numpy 2, without their type: ``np.float64(1.5)`` is 1.5.
    """
    text = _ANSI.sub("", text).replace("\r\n", "\n")
    if "\r" in text or "\b" in text:
        text = "\n".join(_last_overwrite(line) for line in text.split("\n"))
    text = _SCALAR.sub(_plain_scalar, text)
    text = _AXES.sub("<Axes>", text)  # another one with each Matplotlib
    text, count = _LINE.subn("", text)
    for pattern in _PARTS:
        text, more = pattern.subn(rf"\1{GONE}" if pattern.groups else GONE, text)
        count += more
    return text, count


def _plain_scalar(match: re.Match[str]) -> str:
    value: str = match[1] or match[2]
    return f"({value})" if "complex" in match[0] else value


def _last_overwrite(line: str) -> str:
    """What a terminal shows of a line that was written over and over."""
    parts = [part for part in line.split("\r") if part.strip()]
    return parts[-1] if parts else ""
