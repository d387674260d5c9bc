"""``environment.yml``: conda's packages, asked for by the names that PyPI has for them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from beambook.environment._declared.found import Found, mapping, read_text, texts
from beambook.environment._declared.names import of_conda
from beambook.errors import EnvironmentProblem

__all__ = ["from_spec", "read_conda", "specs_and_pip"]

_SPEC = re.compile(
    r"(?:[\w./:-]+::)?"  # channel
    r"(?P<name>[\w.-]+)"
    r"(?:\[(?P<inside>[^]]*)\])?"
    r"\s*(?P<version>[=<>!~ ].*)?$"
)
_INSIDE = re.compile(r"version\s*=\s*['\"]?([^'\"\],]+)")
_PLAIN = re.compile(r"[\w.!+]+(\.?\*)?")


def read_conda(path: Path) -> tuple[Found, str]:
    """What an ``environment.yml`` declares, and its lines for pip.

    Raises
    ------
    EnvironmentProblem
        When it is no YAML.
    """
    try:
        said = mapping(yaml.safe_load(read_text(path)))
    except (yaml.YAMLError, RecursionError) as error:
        raise EnvironmentProblem(f"{path} is no YAML: {str(error).splitlines()[0]}") from error
    specs, pip = specs_and_pip(said.get("dependencies"))
    found = Found(files=(path.name,))
    for spec in specs:
        found += from_spec(spec)
    return found, "\n".join(pip)


def specs_and_pip(dependencies: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Conda's specifications, and the lines under ``pip:``."""
    if not isinstance(dependencies, list):
        return (), ()
    pip: tuple[str, ...] = ()
    for each in dependencies:
        pip += texts(mapping(each).get("pip"))
    return texts(dependencies), pip


def from_spec(spec: str) -> Found:
    """One of conda's specifications as a requirement.

    Examples
    --------
    >>> from_spec("conda-forge::pytables=3.5").requirements
    ('tables==3.5.*',)
    >>> from_spec("python=3.7.3").python
    '3.7.3'
    >>> from_spec("hdf5").unhonoured
    ('hdf5: a package of conda only',)
    """
    match = _SPEC.match(spec.strip())
    if match is None:
        return Found(unhonoured=(f"{spec!r} is no package of conda",))
    inside = _INSIDE.search(match["inside"] or "")
    version = inside[1] if inside else (match["version"] or "")
    name = match["name"].lower()
    specifier, lost = _specifier(version)
    try:
        SpecifierSet(specifier)
    except InvalidSpecifier:
        specifier, lost = "", ("its version cannot be asked for",)
    if name == "python":
        return Found(python=_python(specifier), unhonoured=lost)
    if name == "pip":
        return Found()
    on_pypi = of_conda(name)
    if not on_pypi:
        return Found(unhonoured=(f"{spec}: a package of conda only",))
    said = tuple(f"{spec}: {reason}" for reason in lost)
    return Found(requirements=(on_pypi + specifier,), optional=(on_pypi,), unhonoured=said)


def _specifier(version: str) -> tuple[str, tuple[str, ...]]:
    """Conda's versions in pip's words; and what could not be said in them."""
    version = version.strip()
    if not version or version in ("*", "=*", "==*"):
        return "", ()
    if "|" in version:
        return "", ("alternatives of versions cannot be asked for",)
    if version[0] not in "<>!~":
        exact = version.startswith("==")
        parts = re.split(r"[= ]+", version.lstrip("= "))
        number = parts[0].rstrip(",")
        if "," not in version and _PLAIN.fullmatch(number):
            # =1.16 is any 1.16; a build (=1.16.4=py37_0) means that very version
            fuzzy = not exact and len(parts) == 1 and not number.endswith("*")
            return f"=={_starred(number)}{'.*' if fuzzy else ''}", ()
    asked = [part.strip() for part in version.split(",")]
    return ",".join(_clause(part) for part in asked if part), ()


def _clause(part: str) -> str:
    """One of several: ``>=1.2`` is the same, ``1.2.*`` and ``=1.2`` are not."""
    if part[0] in "<>!~":
        return re.sub(r"\s+", "", part.rstrip("*").rstrip(".") if part[0] in "<>" else part)
    plain = part.lstrip("= ")
    return f"=={_starred(plain)}" if part.startswith("==") or "*" in part else f"=={plain}.*"


def _starred(number: str) -> str:
    """``1.16*`` is ``1.16.*``."""
    return re.sub(r"\.?\*$", ".*", number)


def _python(specifier: str) -> str:
    """``3.7`` of ``==3.7.*``; a range as it is."""
    exact = re.fullmatch(r"==([\d.]+?)(\.\*)?", specifier)
    return exact[1] if exact else specifier
