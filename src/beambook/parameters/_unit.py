"""Which words are units, so that no prose in brackets is taken for one."""

from __future__ import annotations

import re
from functools import cache

__all__ = ["is_unit"]

_PREFIX = r"(?:da|[yzafpnuµμmcdhkMGTPE])"
_SCALED = (
    "m|s|g|A|K|mol|eV|J|W|V|C|F|Ω|Ohm|ohm|S|T|H|Hz|N|Pa|bar|rad|sr|L|Gy|Sv|cd|Da|bit|byte|px|barn"
)
_WHOLE = (
    "Å|Angstroms?|angstroms?|AA|A|°|deg|degrees?|°C|degC|%|‰|px|pixels?|counts?|cts|photons?"
    "|pulses?|trains?|bunch|bunches|frames?|samples?|bins?|events?|shots?|steps?|cells?|points?"
    "|ADU|adu|arb|au|a\\.u\\.|arb\\.?\\s?u(?:\\.|nits?)?|min|minutes?|h|hours?|days?|sec|seconds?"
    "|Torr|torr|amu|dB|rpm|ph|cps|fps|rms|RMS|FWHM|sigma|cm-1"
)
_POWER = r"(?:\s?(?:\^|\*\*)?\s?[-−+]?\d+|[⁺⁻]?[⁰¹²³⁴-⁹]+)?"
_ONE = rf"(?:{_PREFIX}?(?:{_SCALED})|{_WHOLE}){_POWER}"


@cache  # compiled at the first comment, not at import
def _pattern() -> re.Pattern[str]:
    first = r"(?:1\s?/\s?|10(?:\^|\*\*)?[-−]?\d*\s)?"
    return re.compile(rf"{first}\(?{_ONE}(?:\s?[\s*/·⋅×]\s?\(?{_ONE}\)?)*\)?")


def is_unit(text: str) -> bool:
    """Whether `text` is a unit as people write them.

    Examples
    --------
    >>> [is_unit(text) for text in ("eV", "µJ", "1/Å", "photons/pulse", "m s^-1", "arb. units")]
    [True, True, True, True, True, True]
    >>> [is_unit(text) for text in ("-1", "optional", "0, 352, 1", "see docs", "image", "")]
    [False, False, False, False, False, False]
    """
    return len(text) <= 30 and _pattern().fullmatch(text.strip()) is not None
