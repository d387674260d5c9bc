"""Names of files that are safe on every machine, and those that are refused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable

from beambook.errors import PublicationError

__all__ = ["check_names", "folded", "twins", "why_unsafe"]

LONGEST_PART = 255
LONGEST = 1000
DEEPEST = 64
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)")
_FORBIDDEN = re.compile(r'[<>:"|?*\\]')


def why_unsafe(name: str) -> str:
    r"""Why a name must not become a file below a folder; empty if it may.

    Parameters
    ----------
    name : str
        Relative, its parts divided by ``/``.

    Returns
    -------
    str

    Examples
    --------
    >>> why_unsafe("work/../../etc/passwd")
    "climbs out with '..'"
    >>> why_unsafe("work/data/run 487.csv")
    ''
    """
    if not name or name.startswith("/"):
        return "is absolute" if name else "is empty"
    if len(name) > LONGEST or name.count("/") >= DEEPEST:
        return "is too long" if len(name) > LONGEST else "is too deep"
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for c in name):
        return "has control characters, or ones that cannot be seen"
    return next((why for part in name.split("/") if (why := _why_part(part))), "")


def _why_part(part: str) -> str:
    if part in ("", ".", ".."):
        return "climbs out with '..'" if part == ".." else "has an empty part"
    if found := _FORBIDDEN.search(part):
        return f"has {found[0]!r} in it, which other systems read as more than a letter"
    if _DEVICES.match(part):
        return f"has {part!r} in it, which is a device on Windows"
    if part.endswith((".", " ")) or part.startswith(" "):
        return "has a part that begins or ends in a way that other systems drop"
    return "has too long a part" if len(part.encode()) > LONGEST_PART else ""


def check_names(names: Collection[str], *, below: str) -> None:
    """Refuse names that cannot be published.

    Parameters
    ----------
    names : collection of str
    below : str
        The folder of the publication that the files will be in.

    Raises
    ------
    PublicationError
        If a name is not safe on every machine, or two are one where case does not count.

    Examples
    --------
    >>> check_names(["a.csv", "A.csv"], below="work")
    Traceback (most recent call last):
    beambook.errors.PublicationError: 'a.csv' and 'A.csv' are one file where case does not count...
    """
    for name in names:
        if why := why_unsafe(f"{below}/{name}"):
            raise PublicationError(f"The file name {name!r} {why}", hint="Rename or exclude it")
    for first, second in twins(names):
        raise PublicationError(
            f"{first!r} and {second!r} are one file where case does not count",
            hint="Rename one of them",
        )


def folded(name: str) -> str:
    """The name as a file system that knows no case and one form of each letter has it."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def twins(names: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of names that are one file where case does not count, also as folders of each other.

    Examples
    --------
    >>> twins(["work/a.csv", "work/A.csv", "Work/b"])
    [('work/a.csv', 'work/A.csv'), ('work', 'Work')]
    """
    spelt: dict[str, str] = {}
    found: dict[tuple[str, str], None] = {}
    for name in names:
        parts = name.split("/")
        for depth in range(len(parts), 0, -1):
            part = "/".join(parts[:depth])
            first = spelt.setdefault(folded(part), part)
            if first != part and first.split("/")[-1] != part.split("/")[-1]:
                found[first, part] = None
    return list(found)
