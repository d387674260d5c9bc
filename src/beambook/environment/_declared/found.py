"""What one file declares, before all files are put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beambook.errors import EnvironmentProblem

__all__ = ["Found", "confined", "entries", "mapping", "read_text", "texts"]

MOST_BYTES = 20_000_000  # a uv.lock of a thousand packages has two


@dataclass(frozen=True)
class Found:
    """What one file says.

    Attributes
    ----------
    files : tuple of str
        It, and what it includes.
    requirements : tuple of str
        As PEP 508 has them: ``numpy>=1.20``.
    constraints : tuple of str
        Versions for what others ask for.
    python : str
        ``3.7``, ``3.7.3``, or a specifier, ``>=3.6``; empty if nothing is said.
    unhonoured : tuple of str
        What cannot be had from a package index, each with its reason.
    optional : tuple of str
        Names that were translated from conda's; those that no index has are left out.
    """

    files: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    python: str = ""
    unhonoured: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    def __add__(self, other: Found) -> Found:
        """Both; what is said first about Python counts."""
        return Found(
            self.files + other.files,
            self.requirements + other.requirements,
            self.constraints + other.constraints,
            self.python or other.python,
            self.unhonoured + other.unhonoured,
            self.optional + other.optional,
        )


def read_text(path: Path) -> str:
    """A file's text, in any encoding that a Windows shell may have put it into.

    Raises
    ------
    EnvironmentProblem
        When it cannot be read, or is too large to be what it says it is.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise EnvironmentProblem(f"{path} is too large for a file of requirements")
        raw = path.read_bytes()
    except OSError as error:
        raise EnvironmentProblem(f"Cannot read {path}: {error.strerror}") from error
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):  # PowerShell's `pip freeze > requirements.txt`
        return raw.decode("utf-16", errors="replace")
    return raw.decode("utf-8-sig", errors="replace")


def confined(path: Path, root: Path) -> bool:
    """Whether a file lies in the folder that it came with, links followed."""
    return path.resolve().is_relative_to(root.resolve())


def mapping(value: Any) -> Mapping[str, Any]:
    """`value` if it is a mapping, else an empty one: a foreign file can say anything."""
    return value if isinstance(value, Mapping) else {}


def entries(value: Any) -> tuple[Mapping[str, Any], ...]:
    """The mappings of a list, and nothing else."""
    if not isinstance(value, list):
        return ()
    return tuple(each for each in value if isinstance(each, Mapping))


def texts(value: Any) -> tuple[str, ...]:
    """The texts of a list; a text alone is a list of its lines."""
    if isinstance(value, str):
        value = value.splitlines()
    if not isinstance(value, Iterable) or isinstance(value, Mapping | bytes):
        return ()
    return tuple(each.strip() for each in value if isinstance(each, str) and each.strip())
