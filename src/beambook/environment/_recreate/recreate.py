"""Have frozen software again: from the cache, else from wheels or an index."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beambook.checksum import sha256_of
from beambook.environment._lock import digest_of
from beambook.environment._recreate.install import compile_bytecode, install, make_venv
from beambook.environment._recreate.interpreters import find_python, minor
from beambook.environment._recreate.recreated import Recreated
from beambook.environment._recreate.slot import Slot, cache_folder
from beambook.events import Progress, Reporter, Silent

if TYPE_CHECKING:
    from beambook.environment._environment import Environment

__all__ = ["recreate"]

STEPS = ("find Python", "install packages", "compile", "take inventory")


def recreate(
    environment: Environment,
    *,
    offline: bool = False,
    cache: str | PathLike[str] | None = None,
    closest: bool = False,
    compiled: bool = True,
    reporter: Reporter | None = None,
) -> Recreated:
    """Install what is locked, or find it installed, and check it.

    The same software is kept once, by its digest, in ``$XDG_CACHE_HOME/beambook``: a second
    call reads and compares every file (half a second for 15,000 of them) and installs
    nothing. Two processes may ask at once; one that is killed leaves nothing half.

    Parameters
    ----------
    environment : Environment
    offline : bool
        Use no network: the wheels beside the lock, or what is in uv's cache.
    cache : path, optional
        Where to keep it.
    closest : bool
        Take the nearest minor version of Python where the frozen one is not here, and note it.
    compiled : bool
        Compile the packages to bytecode: ten seconds once, of which each kernel saves a few.
    reporter : Reporter, optional

    Raises
    ------
    EnvironmentProblem
        When the Python or a package cannot be had, or is not what the lock says.

    Examples
    --------
    >>> from beambook.environment import Environment
    >>> here = recreate(Environment.load("publication/environment"))  # doctest: +SKIP
    >>> here.python, here.how, here.seconds                           # doctest: +SKIP
    (PosixPath('/home/me/.cache/beambook/environments/3f2a…/tree/bin/python'), 'cache', 0.6)
    """
    begin = time.perf_counter()
    slot = _slot(environment, cache_folder(cache), closest=closest)
    work = _Building(environment, reporter or Silent(), offline, closest, compiled)
    with slot.locked():
        found = _problem(slot)
        if found is not None:
            slot.make(work)
        record = slot.record or {}
    notes = tuple(map(str, record.get("notes", ())))
    return Recreated(
        slot.folder / "tree" / "bin" / "python",
        environment,
        "cache" if found is None else str(record.get("how")),
        time.perf_counter() - begin,
        (*notes, found) if found else notes,
    )


def _slot(environment: Environment, cache: Path, *, closest: bool) -> Slot:
    """Where it is kept: with another minor version of Python it is something else."""
    # computed here, not taken from what the folder says of itself: the cache is shared
    digest = digest_of(environment.python, environment.packages)
    slot = Slot(cache / digest)
    if closest and slot.record is None:
        python, _ = find_python(environment.python, closest=True)
        if python.minor != minor(environment.python):
            return Slot(cache / f"{digest}-{python.minor}")
    return slot


def _problem(slot: Slot) -> str | None:
    """Why the slot has to be made: None if it is fine, empty if there is nothing to say."""
    record = slot.record
    if record is None:
        return ""
    base = record.get("base", {})
    if _checksum(Path(base.get("path", ""))) != base.get("sha256"):
        return f"made anew: {base.get('path')} is another one than before"
    changes = slot.check()
    return (
        f"what was in the cache had been changed, made anew: {changes.line()}" if changes else None
    )


def _checksum(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError:
        return ""


@dataclass(frozen=True)
class _Building:
    """How a slot is filled, told step by step."""

    environment: Environment
    reporter: Reporter
    offline: bool
    closest: bool
    compiled: bool

    began: float = field(default_factory=time.perf_counter)

    def __call__(self, tree: Path) -> dict[str, Any]:
        """Fill `tree`; what is to note of it."""
        self._tell(0)
        base, of_python = find_python(self.environment.python, closest=self.closest)
        python = make_venv(base.path, tree)
        self._tell(1)
        how, of_packages = install(
            self.environment, python, base, offline=self.offline, reporter=self.reporter
        )
        self._tell(2)
        if self.compiled:
            compile_bytecode(base.path, tree)
        self._tell(3)
        real = base.path.resolve()
        return {
            "how": how,
            "notes": [*of_python, *of_packages, *self._lacking()],
            "python": base.version,
            "base": {"path": str(real), "sha256": _checksum(real)},
        }

    def _tell(self, done: int) -> None:
        seconds = time.perf_counter() - self.began
        self.reporter(Progress("environment", done, len(STEPS), STEPS[done], seconds))

    def _lacking(self) -> Iterator[str]:
        absent = [p.pin for p in self.environment.packages if p.origin == "absent"]
        if absent:
            yield f"could not be frozen, so is not there: {', '.join(absent)}"
