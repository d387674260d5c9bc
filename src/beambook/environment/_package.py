"""What an environment is made of: packages, and the libraries that they find on the machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from beambook.errors import EnvironmentProblem

__all__ = ["Library", "Package", "canonical", "is_version", "is_wheel_name"]

ORIGINS = ("index", "wheel", "absent")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*")
_PEP440 = re.compile(
    r"v?(\d+!)?\d+(\.\d+)*([-_.]?(a|b|c|rc|alpha|beta|pre|preview)[-_.]?\d*)?"
    r"(-\d+|[-_.]?(post|rev|r)[-_.]?\d*)?([-_.]?dev[-_.]?\d*)?(\+[a-z0-9]+([-_.][a-z0-9]+)*)?"
)
_HASH = re.compile(r"sha(256|384|512):[0-9a-f]{64,128}")
_WHEEL = re.compile(r"[A-Za-z0-9_.!+-]+\.whl")


def is_version(text: str) -> bool:
    """Whether indexes take this for a version (PEP 440).

    Examples
    --------
    >>> is_version("2.1.0rc1+cu118"), is_version("2.1-final-edition")
    (True, False)
    """
    return bool(_PEP440.fullmatch(text.lower()))


def is_wheel_name(name: str) -> bool:
    """Whether a file may be called so in ``wheels/``: nothing that leads out of it.

    Examples
    --------
    >>> is_wheel_name("six-1.17.0-py2.py3-none-any.whl"), is_wheel_name("../six.whl")
    (True, False)
    """
    return bool(_WHEEL.fullmatch(name))


def canonical(name: str) -> str:
    """A package's name as indexes compare it: ``Jupyter_Client`` is ``jupyter-client``.

    Examples
    --------
    >>> canonical("Jupyter_Client")
    'jupyter-client'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


@dataclass(frozen=True)
class Package:
    """One package at one version.

    Attributes
    ----------
    name, version : str
        The name as indexes compare it.
    hashes : tuple of str
        ``sha256:…`` of every file that may be installed for it, sorted.
    origin : str
        ``index``: any index has it; ``wheel``: no index does (an editable, local or changed
        package), its wheel is carried along; ``absent``: it was installed, and cannot be had again.
    wheel : str
        Name of its file in ``wheels/``, if that is carried.
    source : mapping
        Where a carried wheel comes from: ``how``, ``commit``, ``dirty``, ``remote``.
    top_level : bool
        Whether no other package asks for it.

    Examples
    --------
    >>> Package("numpy", "2.4.6", ("sha256:" + 64 * "0",)).pin
    'numpy==2.4.6'
    """

    name: str
    version: str
    hashes: tuple[str, ...] = ()
    origin: str = "index"
    wheel: str = ""
    source: Mapping[str, Any] = field(default_factory=dict)
    top_level: bool = False

    @property
    def pin(self) -> str:
        """``name==version``, as requirement files have it."""
        return f"{self.name}=={self.version}"

    def to_json(self) -> dict[str, Any]:
        """What ``environment.json`` says of it; nothing that is empty."""
        said = {
            "name": self.name,
            "version": self.version,
            "origin": self.origin,
            "hashes": list(self.hashes),
            "wheel": self.wheel,
            "source": dict(self.source),
            "top_level": self.top_level,
        }
        return {key: value for key, value in said.items() if value not in ("", {}, False)}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Package:
        """The package that ``environment.json`` tells of.

        Raises
        ------
        EnvironmentProblem
            If a name, version, hash or file name is none: each of them becomes part of a command
            or a path.
        """
        package = cls(
            name=str(said["name"]),
            version=str(said["version"]),
            hashes=tuple(map(str, said["hashes"])),
            origin=str(said["origin"]),
            wheel=str(said.get("wheel", "")),
            source=dict(said.get("source", {})),
            top_level=bool(said.get("top_level", False)),
        )
        package._check()
        return package

    def _check(self) -> None:
        wrong = [
            word
            for rule, words in (
                (_NAME, (self.name,)),
                (_VERSION, (self.version,)),
                (_HASH, self.hashes),
                (_WHEEL, (self.wheel,) if self.wheel else ()),
            )
            for word in words
            if not rule.fullmatch(word)
        ]
        if self.origin not in ORIGINS:
            wrong.append(self.origin)
        if wrong:
            raise EnvironmentProblem(f"A package of the environment says {wrong[0]!r}")
        if not self.hashes and self.origin != "absent":
            raise EnvironmentProblem(f"Package {self.pin} of the environment has no hash")


@dataclass(frozen=True)
class Library:
    """A shared library of the machine that no wheel brings.

    Attributes
    ----------
    name : str
        What is asked for: ``libz.so.1``.
    file : str
        The file that answered, which often has the version in its name: ``libz.so.1.2.13``.
    package : str
        The distribution's package and its version: ``zlib1g 1:1.2.13.dfsg-1``; empty if it has
        none.
    """

    name: str
    file: str = ""
    package: str = ""

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Library:
        """The library that ``environment.json`` tells of."""
        return cls(*(str(said[key]) for key in ("name", "file", "package")))
