"""Absolute paths in what is shown: their folders are where somebody worked, not what came out."""

from __future__ import annotations

import re
from collections.abc import Iterable

from beambook.recipe._elided import CUT

__all__ = ["HERE", "PATH", "RANDOM_NAME", "learned_folders", "placed", "same_path"]

HERE = "/work/here"  # stands for the folder of an execution, whatever letters it has

_ROOTS = (
    "tmp var home Users root private scratch dev run mnt media opt usr work workspace workspaces "
    "content srv data app builds gpfs beegfs asap3 afs nfs lustre cephfs project projects"
).split()
_TOP = rf"(?:{'|'.join(_ROOTS)})"
_PART = r"[\w.@+=%~-]+"
PATH = (
    rf"(?<=['\"`])(?:[A-Za-z]:)?/{_TOP}/[^'\"`\n]{{1,400}}(?=['\"`])"  # may have spaces
    rf"|(?:(?<=file://)|(?<![\w./:~\\]))(?:~|[A-Za-z]:)?(?:/{_PART}){{2,}}[/…]?"
    rf"|(?<![\w./:~\\])/{_TOP}/?(?![\w./\\-])"
    rf"|[A-Za-z]:(?:\\{_PART}){{2,}}"
)
_TEMPORARY = re.compile(r"^(?:/private)?/(?:tmp|var/tmp|var/folders|dev/shm|run/user)(?:/|$)")
_HOME = re.compile(r"(?:[A-Za-z]:)?/(?:home|Users)/[^/]+|/root|~")
_FOLDER = re.compile(rf"(?:[A-Za-z]:)?/{_TOP}(?:/[^/\n<>'\":|]+)*/?")
RANDOM_NAME = re.compile(r"(?:tmp|temp)[\w-]{4,}")


def same_path(a: str, b: str) -> bool:
    """Whether two paths may be one thing in two places.

    Folders do not count, the last part does; but folders themselves that belong to a person
    or to an execution are one another's like.

    Examples
    --------
    >>> same_path("/home/anna/r0487.h5", "/tmp/x/r0487.h5")
    True
    >>> same_path("/home/anna/r0487.h5", "/home/anna/r0488.h5")
    False
    """
    one, two = (_parts(path) for path in (a, b))
    if not all(parts[0] or parts[1] in _ROOTS for parts in (one, two)):
        return False
    if one[-1] == two[-1] or any(path.endswith(("...", "…")) for path in (a, b)):
        return True  # of a path that was cut short nobody sees the end
    if HERE in (a.rstrip("/"), b.rstrip("/")) or all(map(_personal, (one, two))):
        return True
    return bool(RANDOM_NAME.match(one[-1]) and RANDOM_NAME.match(two[-1]))


def _parts(path: str) -> list[str]:
    return path.replace("\\", "/").rstrip("/").split("/")


def _personal(parts: list[str]) -> bool:
    path = "/".join(parts)
    return bool(_HOME.fullmatch(path) or (_TEMPORARY.match(path) and "." not in parts[-1]))


def learned_folders(lines: Iterable[tuple[str, str]], folders: Iterable[str]) -> set[str]:
    """Folders of a reference: what stands there where this execution shows its own.

    Parameters
    ----------
    lines : iterable of tuple of str
        Lines of this execution and of the reference that belong together.
    folders : iterable of str
        Where this one was executed.

    Examples
    --------
    >>> line = "read /tmp/x/r1.h5", "read /home/anna/beam time/r1.h5"
    >>> learned_folders([line], ["/tmp/x"])
    {'/home/anna/beam time'}
    """
    found = set()
    for mine, theirs in lines:
        for folder in folders:
            before, there, after = mine.partition(folder)
            middle = theirs[len(before) : len(theirs) - len(after)]
            around = theirs.startswith(before) and theirs.endswith(after)
            if there and around and _FOLDER.fullmatch(middle) and not after[:1].isalnum():
                found.add(middle.rstrip("/"))
    return {folder for folder in found if folder.count("/") > 1}


def placed(text: str, folders: Iterable[str]) -> str:
    """`text` with `HERE` for each of the folders.

    Examples
    --------
    >>> placed("read /home/anna/beam time/r1.h5", ["/home/anna/beam time"])
    'read /work/here/r1.h5'
    """
    for folder in folders:
        if folder in text:
            text = re.sub(rf"(?<![\w/]){re.escape(folder)}(?![\w-]|\.\w)", HERE, text)
        if CUT.search(text):
            text = _placed_in_part(text, folder)
    return text


def _placed_in_part(text: str, folder: str) -> str:
    """`HERE` also for the beginning of a folder that was cut short."""
    pieces, end = [], 0
    for mark in CUT.finditer(text):
        before = text[end : mark.start()]
        start = before.rfind(_top_of(folder))
        part = before[start:] if start >= 0 else ""
        if part and folder.startswith(part):
            before = before[:start] + HERE
        pieces += [before, mark[0]]
        end = mark.end()
    return "".join([*pieces, text[end:]])


def _top_of(folder: str) -> str:
    """The first two parts: less could be of any folder."""
    return "/".join(folder.split("/")[:3])
