"""The lock: exact versions and hashes, as the two kinds of file that installers read."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from beambook.environment._package import Package

__all__ = ["digest_of", "disagreements", "pylock", "requirements"]

HEAD = """\
# Frozen by beambook: exact versions, and the sha256 of every file that may be installed.
# uv pip install --no-deps --require-hashes -r requirements.txt
"""


def digest_of(python: str, packages: Iterable[Package]) -> str:
    """One checksum for the software: Python's minor version, and all packages with their hashes.

    Parameters
    ----------
    python : str
        ``3.11.7``.
    packages : iterable of Package

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    content = {
        "python": python.rsplit(".", 1)[0] if python.count(".") > 1 else python,
        "packages": sorted((p.name, p.version, sorted(p.hashes)) for p in installable(packages)),
    }
    text = json.dumps(content, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def installable(packages: Iterable[Package]) -> list[Package]:
    """Those that can be had, by name."""
    return sorted((p for p in packages if p.origin != "absent"), key=lambda p: p.name)


def requirements(packages: Iterable[Package]) -> str:
    """``requirements.txt``: what pip and uv install with ``--require-hashes``."""
    known = installable(packages)
    lines = ["--find-links ./wheels"] if any(p.wheel for p in known) else []
    lines += [
        " \\\n    ".join([package.pin, *(f"--hash={h}" for h in package.hashes)])
        for package in known
    ]
    return HEAD + "".join(f"{line}\n" for line in lines)


def pylock(python: str, packages: Iterable[Package], files: Mapping[str, Mapping[str, Any]]) -> str:
    """``pylock.toml`` as PEP 751 has it.

    Parameters
    ----------
    python : str
        ``3.11.7``.
    packages : iterable of Package
    files : mapping
        For each name the entries ``sdist`` and ``wheels`` that uv gave; a package whose wheel is
        carried needs none.

    Returns
    -------
    str
    """
    minor = ".".join(python.split(".")[:2])
    lines = [
        'lock-version = "1.0"',
        'created-by = "beambook"',
        f'requires-python = "=={minor}.*"',
    ]
    known = installable(packages)
    lines += [] if known else ["packages = []"]  # PEP 751 wants the key in any case
    for package in known:
        lines += ["", "[[packages]]"]
        entry = {"name": package.name, "version": package.version, **_files(package, files)}
        lines += [f"{key} = {_toml(value)}" for key, value in entry.items()]
    return "\n".join(lines) + "\n"


def disagreements(text: str, packages: Iterable[Package]) -> list[str]:
    """In what a ``pylock.toml`` differs from the packages.

    Parameters
    ----------
    text : str
        Of the file.
    packages : iterable of Package

    Returns
    -------
    list of str
        A line for each; empty when both say the same.
    """
    known = {package.name: package for package in installable(packages)}
    try:
        entries = {str(entry["name"]): entry for entry in tomllib.loads(text)["packages"]}
        odd = sorted(entries.keys() ^ known.keys())
        odd += [n for n in sorted(entries.keys() & known.keys()) if _differs(entries[n], known[n])]
    except (ValueError, KeyError, TypeError, AttributeError):
        return ["pylock.toml is damaged"]
    return [f"pylock.toml says something else of {name}" for name in odd]


def _differs(entry: Mapping[str, Any], package: Package) -> bool:
    files = [*entry.get("wheels", ()), *([entry["sdist"]] if "sdist" in entry else [])]
    hashes = {f"{kind}:{value}" for file in files for kind, value in file["hashes"].items()}
    return entry["version"] != package.version or not hashes or not hashes <= set(package.hashes)


def _files(package: Package, files: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    if not package.wheel:
        return files.get(package.name, {})
    path = f"wheels/{package.wheel}"
    size = package.source.get("size")
    sha256 = str(package.source.get("sha256", ""))
    known: dict[str, Any] = {"name": package.wheel, "path": path}
    if size:
        known["size"] = size
    return {"wheels": [{**known, "hashes": {"sha256": sha256}}]}


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)  # TOML's strings and integers are JSON's
