"""Runs in the Python that is looked at, read from its standard input; imports nothing but stdlib.

Works from Python 3.8 on. Says what it finds as JSON behind a line of its own, because a
``sitecustomize`` may print before us.
"""

from __future__ import annotations

import importlib.metadata as metadata
import json
import os
import platform
import re
import site
import sys
import sysconfig
from collections.abc import Iterable
from typing import Any

MARK = "--- beambook found ---"


def inside(path: str, folders: Iterable[str]) -> bool:
    """Whether `path` is one of `folders` or below one."""
    return any(path == each or path.startswith(each.rstrip(os.sep) + os.sep) for each in folders)


def read(distribution: metadata.Distribution, name: str) -> str:
    """A file of the package's metadata, or nothing."""
    try:
        return distribution.read_text(name) or ""
    except OSError:
        return ""


def loads(text: str) -> Any:
    """What a JSON file says; nothing when it is damaged."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


def described(distribution: metadata.Distribution) -> dict[str, Any]:
    """What is known of one installed package."""
    wheel = read(distribution, "WHEEL")
    return {
        "name": distribution.metadata["Name"],
        "version": distribution.version,
        "metadata": str(getattr(distribution, "_path", "")),
        "folder": os.path.realpath(str(distribution.locate_file(""))),
        "installer": read(distribution, "INSTALLER").strip(),
        "direct_url": loads(read(distribution, "direct_url.json")),
        "recorded": bool(read(distribution, "RECORD")),
        "tags": re.findall(r"(?m)^Tag: *(\S+)", wheel),
        "requires": list(distribution.requires or ()),
    }


def packages() -> tuple[list[dict[str, Any]], list[str]]:
    """All installed packages, of several copies the one that Python finds; and what is odd."""
    found: dict[str, dict[str, Any]] = {}
    odd = []
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if not name:
            odd.append(os.path.basename(str(getattr(distribution, "_path", "?"))) + " is damaged")
            continue
        said = described(distribution)
        kept = found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), said)
        if kept is not said and kept["folder"] == said["folder"]:
            odd.append(f"{name} is installed as {kept['version']} and {said['version']}")
    return [found[key] for key in sorted(found)], sorted(odd)


def kernel() -> Any:
    """The kernelspec that ipykernel has brought along."""
    path = os.path.join(sys.prefix, "share", "jupyter", "kernels", "python3", "kernel.json")
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def system() -> str:
    """The machine's name for itself."""
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except (AttributeError, OSError):
        return ""


def user_site() -> str:
    """Packages of this user only, which an isolated Python does not show."""
    try:
        folder = site.getusersitepackages()
    except Exception:
        return ""
    return folder if sys.prefix == sys.base_prefix and os.path.isdir(folder) else ""


def found() -> dict[str, Any]:
    """All that a freeze needs to know."""
    folders = [os.path.realpath(p) for p in sys.path if os.path.isdir(p)]
    own = user_site()
    if own:
        sys.path.insert(0, own)
        folders.insert(0, os.path.realpath(own))
    known, odd = packages()
    standard = os.path.realpath(sysconfig.get_path("stdlib"))
    places = [sys.prefix, sys.base_prefix] + ([site.getuserbase()] if own else [])
    prefixes = sorted({os.path.realpath(place) for place in places})
    return {
        "python": ".".join(map(str, sys.version_info[:3])),
        "implementation": sys.implementation.name,
        "platform": sysconfig.get_platform(),
        "libc": list(platform.libc_ver()),
        "system": system(),
        "executable": sys.executable,
        "prefixes": prefixes,
        "standard": standard,
        "sites": [f for f in folders if not inside(f, [standard]) or f.endswith("-packages")],
        "outside": [f for f in folders if not inside(f, prefixes) and f != os.path.realpath(own)],
        "user_site": own,
        "conda": sys.prefix if os.path.isdir(os.path.join(sys.prefix, "conda-meta")) else "",
        "kernel": kernel(),
        "packages": known,
        "odd": odd,
    }


if __name__ == "__main__":
    sys.stdout.write(f"\n{MARK}\n{json.dumps(found())}\n")
