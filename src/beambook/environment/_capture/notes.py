"""What a person should know of an environment that no lock can hold."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from beambook.environment._capture.local import folder_of
from beambook.environment._capture.loose import loose_modules
from beambook.environment._capture.probe import Probed
from beambook.environment._package import Package
from beambook.words import few

__all__ = ["CHANGED", "MUST_BE_BUILT", "notes_on"]

STANDARD = "cpython"
CHANGED = "edited after it was installed; made of the installed files"
MUST_BE_BUILT = "only the source is to be had, which must be built"
FEW = 5


def notes_on(probed: Probed, packages: Sequence[Package], missing: Sequence[str]) -> Iterator[str]:
    """Say what was not frozen, or not from where it came.

    Parameters
    ----------
    probed : Probed
    packages : sequence of Package
    missing : sequence of str
        Libraries that were not found.

    Yields
    ------
    str
    """
    yield from _of_packages(packages)
    if probed.implementation != STANDARD:
        yield f"This is {probed.implementation}, and not the usual CPython"
    if not any(p.name == "ipykernel" for p in packages):
        yield "There is no ipykernel in it: notebooks cannot be executed with it"
    yield from _of_conda(probed)
    if probed.odd:
        yield f"The installation is not in order: {few(probed.odd, FEW)}"
    if loose := loose_modules(probed):
        yield f"Modules that belong to no package are not frozen: {few(loose, FEW)}"
    if probed.user_site:
        yield "Packages of the user's own folder (pip install --user) are frozen, too"
    known = [folder for package in probed.packages if (folder := folder_of(package))]
    folders = [p for p in probed.outside if not any(p.is_relative_to(f) for f in known)]
    if folders:
        yield f"{len(folders)} folder(s) outside of the environment are imported from, not frozen"
    if stated := [f for f in os.environ.get("PYTHONPATH", "").split(os.pathsep) if f]:
        yield f"PYTHONPATH is set here: its {len(stated)} folder(s) are not frozen"
    if missing:
        yield f"Libraries that are asked for and not found: {few(missing, FEW)}"


def _of_packages(packages: Sequence[Package]) -> Iterator[str]:
    for package in packages:
        if package.origin == "absent":
            yield f"{package.pin} cannot be frozen, no index has it: {package.source['how']}"
    if built := [p.pin for p in packages if p.source.get("how") == MUST_BE_BUILT]:
        yield f"{MUST_BE_BUILT.capitalize()}: {few(built, FEW)}"
    if edited := [p.pin for p in packages if p.source.get("how") == CHANGED]:
        yield f"Edited after they were installed, and carried as they are: {few(edited, FEW)}"
    if other := [file for p in packages for file in p.source.get("changed", ())]:
        yield f"Files that are not as they were installed, and are not carried: {few(other, FEW)}"
    dirty = [p.pin for p in packages if p.source.get("dirty")]
    if dirty:
        yield f"Built of a folder that differs from its commit: {few(dirty, FEW)}"


def _of_conda(probed: Probed) -> Iterator[str]:
    ours = [p for p in probed.packages if p.installer == "conda"]
    if probed.conda:
        yield (
            "This is a conda environment: its Python packages are pinned to the same versions of "
            "the package index, whose wheels may be built in another way"
            + (f" ({len(ours)} of them)" if ours else "")
        )
        yield "What conda has installed besides Python packages is listed, and is not made again"
