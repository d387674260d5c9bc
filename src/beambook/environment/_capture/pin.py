"""From what is installed to what is locked: the index's files, or a wheel that is carried along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from beambook.environment._capture.index import Locked
from beambook.environment._capture.local import carried, is_local
from beambook.environment._capture.notes import CHANGED, MUST_BE_BUILT
from beambook.environment._capture.probe import Installed, Probed
from beambook.environment._capture.wheelhouse import carry
from beambook.environment._package import Package
from beambook.errors import EnvironmentProblem
from beambook.events import Silent

__all__ = ["Pinning"]

NOT_THE_INDEXS = "no index has this version; made of the installed files"
ONLY_SOURCE = "the index has only its source; made of the installed files"
FROM_A_FOLDER = "copied from a folder of wheels"
CODE = (".py", ".so", ".pyd")
MOST = 5


@dataclass(frozen=True)
class Pinning:
    """Decides for each package what can be had again.

    Attributes
    ----------
    probed : Probed
    locked : Locked
        What the index has.
    changed : mapping
        Names of packages to their files that are no longer those that were installed.
    wheels : Path
        Where carried wheels go.
    """

    probed: Probed
    locked: Locked
    changed: Mapping[str, Sequence[str]]
    wheels: Path

    def packages(self) -> tuple[Package, ...]:
        """All packages by name."""
        roots = _roots(self.probed.packages)
        pinned = (self.pin(package) for package in self.probed.packages)
        ordered = sorted(pinned, key=lambda package: package.name)
        return tuple(replace(p, top_level=p.name in roots) for p in ordered)

    def pin(self, package: Installed) -> Package:
        """One package: exactly what is installed, wherever it can be had."""
        if is_local(package):
            return carried(package, self.probed, self.wheels)
        files = self.changed.get(package.name, ())
        if any(file.endswith(CODE) for file in files) and (own := self._as_it_is(package)):
            return own
        if "wheels" not in self.locked.files.get(package.name, {}):
            return self._without_wheel(package)
        pinned = self._of_index(package)
        changed = {"changed": list(files[:MOST])} if files else {}
        return replace(pinned, source={**pinned.source, **changed})

    def _of_index(self, package: Installed) -> Package:
        """A package that an index has; a folder of wheels on this machine is none for others."""
        pinned = Package(package.name, package.version, self.locked.hashes[package.name])
        if not self.locked.is_here(package.name):
            return pinned
        here = replace(pinned, origin="wheel", source={"how": FROM_A_FOLDER})
        return carry([here], self.locked.files, self.wheels, reporter=Silent())[0]

    def _as_it_is(self, package: Installed) -> Package | None:
        """A package whose code somebody has edited in place; None if it is past carrying."""
        try:
            return carried(package, self.probed, self.wheels, why=CHANGED)
        except EnvironmentProblem:
            return None

    def _without_wheel(self, package: Installed) -> Package:
        """A package that no index has as a wheel: of its files, else its source, else absent."""
        known = self.locked.hashes.get(package.name, ())
        why = ONLY_SOURCE if known else NOT_THE_INDEXS
        try:
            made = carried(package, self.probed, self.wheels, why=why)
        except EnvironmentProblem as error:
            how = MUST_BE_BUILT if known else str(error)
            origin = "index" if known else "absent"
            return Package(package.name, package.version, known, origin, source={"how": how})
        return replace(made, hashes=tuple(sorted({*made.hashes, *known})))


def _roots(packages: Sequence[Installed]) -> set[str]:
    """Packages that no other asks for: what a person has wanted."""
    asked = {name for package in packages for name in package.requires if name != package.name}
    return {package.name for package in packages} - asked
