"""Who made it: names, ORCID and ROR identifiers, whose checksums are checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from beambook.errors import PublicationError, close_names

__all__ = ["Author", "orcid", "ror"]

_KEYS = ("name", "given", "family", "orcid", "affiliation", "ror")
_ORCID = re.compile(r"(?:https?://orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])/?", re.I)
_ROR = re.compile(r"(?:https?://ror\.org/)?(0[a-hjkmnp-tv-z0-9]{6}\d{2})/?", re.I)
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32


@dataclass(frozen=True)
class Author:
    """An author.

    Attributes
    ----------
    given, family : str
        `given` is empty where only one name is known.
    orcid : str
        ``0000-0002-1825-0097``, or empty.
    affiliation : str
    ror : str
        ``01wp2jz98`` of the affiliation, or empty.

    Examples
    --------
    >>> Author.of("Josiah Carberry").family
    'Carberry'
    >>> Author.of({"name": "van der Waals, Johannes"}).given
    'Johannes'
    """

    given: str
    family: str
    orcid: str = ""
    affiliation: str = ""
    ror: str = ""

    @property
    def name(self) -> str:
        """As it is written above a paper."""
        return f"{self.given} {self.family}".strip()

    @classmethod
    def of(cls, document: Any) -> Author:
        """Read an author as the author's declaration has it: a name, or a mapping.

        Raises
        ------
        PublicationError
            If there is no name, a key is unknown, or an identifier is mistyped.
        """
        if isinstance(document, Author):
            return document
        facts = {"name": document} if isinstance(document, str) else document
        if not isinstance(facts, Mapping):
            raise PublicationError(f"An author is a name or a mapping, not {document!r:.80}")
        for key in facts:
            if key not in _KEYS:
                close = " or ".join(close_names(str(key), _KEYS)) or ", ".join(_KEYS)
                raise PublicationError(f"Authors have no {key!r}", hint=f"Did you mean {close}?")
        given, family = _names(facts)
        return cls(
            given, family,
            orcid=orcid(str(facts.get("orcid") or "")),
            affiliation=str(facts.get("affiliation") or ""),
            ror=ror(str(facts.get("ror") or "")),
        )  # fmt: skip

    def document(self) -> dict[str, str]:
        """As ``publication.json`` has it; nothing that is empty."""
        facts = {"name": self.name, **{k: getattr(self, k) for k in _KEYS[1:]}}
        return {key: value for key, value in facts.items() if value}


def _names(facts: Mapping[str, Any]) -> tuple[str, str]:
    """Given and family name; ``Family, Given`` says where a name of many words is cut."""
    given, family = (str(facts.get(key) or "").strip() for key in ("given", "family"))
    name = " ".join(str(facts.get("name") or "").split())
    if not family and "," in name:
        family, _, given = (part.strip() for part in name.partition(","))
    elif not family:
        given, _, family = (part.strip() for part in name.rpartition(" "))
    if not family:
        raise PublicationError(f"An author has no name: {dict(facts)!r:.80}")
    return given, family


def orcid(text: str) -> str:
    """The identifier in its short form.

    Parameters
    ----------
    text : str
        With or without its address; an empty one stays empty.

    Returns
    -------
    str

    Raises
    ------
    PublicationError
        If it is none: the last character is computed from the others (ISO 7064).

    Examples
    --------
    >>> orcid("https://orcid.org/0000-0002-1825-0097")
    '0000-0002-1825-0097'
    """
    if not text:
        return ""
    found = _ORCID.fullmatch(text.strip())
    if found is None:
        raise PublicationError(f"{text!r} is no ORCID", hint="It looks like 0000-0002-1825-0097")
    short = found[1].upper()
    total = 0
    for digit in short[:-1].replace("-", ""):
        total = (total + int(digit)) * 2
    check = (12 - total % 11) % 11
    if short[-1] != ("X" if check == 10 else str(check)):
        raise PublicationError(f"{short} is no ORCID: its last digit does not fit, so one is wrong")
    return short


def ror(text: str) -> str:
    """The identifier of an organisation in its short form; its checksum is checked.

    Raises
    ------
    PublicationError
        If it is none.

    Examples
    --------
    >>> ror("https://ror.org/01wp2jz98")
    '01wp2jz98'
    """
    if not text:
        return ""
    found = _ROR.fullmatch(text.strip())
    if found is None:
        raise PublicationError(
            f"{text!r} is no ROR", hint="It looks like https://ror.org/01wp2jz98"
        )
    short = found[1].lower()
    number = 0
    for digit in short[1:-2]:
        number = number * 32 + _DIGITS.index(digit)
    if int(short[-2:]) != 98 - number * 100 % 97:
        raise PublicationError(f"{short} is no ROR: its last two digits do not fit the others")
    return short
