"""Requirements to an environment: versions found, sources built, the folder written."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from beambook.environment._build import Builder, only_sources
from beambook.environment._capture.index import Locked, lock
from beambook.environment._declared.resolve import (
    Resolution,
    carry_along,
    resolve,
    until,
)
from beambook.environment._declared.wanted import Wanted, choose_python, with_kernel
from beambook.environment._environment import WHEELS, Environment
from beambook.environment._package import Package
from beambook.environment._recreate.interpreters import Interpreter
from beambook.environment._write import fresh_folder, write_lock
from beambook.errors import EnvironmentProblem
from beambook.events import Progress, Reporter, Silent

__all__ = ["freeze"]

INLINE = "matplotlib-inline"


def freeze(wanted: Wanted, into: Path, *, reporter: Reporter | None = None) -> Environment:
    """Resolve, and write the environment's folder.

    Raises
    ------
    EnvironmentProblem
        When the Python is not here, no versions satisfy everything, or a source does not build.
    """
    begin = time.perf_counter()
    tell = reporter or Silent()
    tell(Progress("lock", 0, 3, "find versions"))
    python, notes = choose_python(wanted)
    asked, added = with_kernel(wanted)
    made = Builder(python, anywhere=wanted.build, reporter=tell)
    with closing(made) as builder, fresh_folder(into) as folder:
        found = _with_figures(resolve(wanted, asked, python, builder), wanted, asked, builder)
        count = f"{len(found.pins)} packages"
        tell(Progress("lock", 1, 3, count, time.perf_counter() - begin))
        own = {package.name for package in wanted.carried}
        locked = lock([pin for pin in found.pins if pin.name not in own], python.path)
        sources = only_sources(found.pins, locked.files)
        names = ", ".join(pin.name for pin in sources)
        tell(Progress("lock", 2, 3, names and f"build {names}", time.perf_counter() - begin))
        carry_along(wanted, folder / WHEELS)
        built: tuple[Package, ...] = ()
        if sources:
            what = (sources, locked.hashes, locked.files, folder / WHEELS)
            built = builder.wheels(*what, *until(wanted))
        said = (f"{p.pin} was built from its source ({builder.kind})" for p in built)
        environment = _environment(
            python,
            _packages(found, locked, (*wanted.carried, *built)),
            (*wanted.notes, *notes, *added, *found.lost, *said),
            folder,
        )
        write_lock(environment, locked.files)
    tell(Progress("lock", 3, 3, "", time.perf_counter() - begin))
    return replace(environment, path=into)


def _with_figures(
    found: Resolution, wanted: Wanted, asked: list[str], builder: Builder
) -> Resolution:
    """The same with matplotlib-inline, by which kernels are started; ipykernel has it since 6."""
    versions = {pin.name: pin.version for pin in found.pins}
    if INLINE in versions or not versions.get("ipykernel", "6").startswith(("4.", "5.")):
        return found
    try:
        again = resolve(wanted, [*asked, INLINE], builder.python, builder)
    except EnvironmentProblem:
        return found
    return replace(again, lost=(*again.lost, f"{INLINE} was added: figures need it"))


def _packages(found: Resolution, locked: Locked, own: Sequence[Package]) -> tuple[Package, ...]:
    """All of them by name, those of wheels of our own as these are."""
    carried = {package.name: package for package in own}
    packages = [
        carried.get(pin.name) or Package(pin.name, pin.version, locked.hashes[pin.name])
        for pin in sorted(found.pins, key=lambda pin: pin.name)
        if pin.name in locked.hashes or pin.name in carried
    ]
    return tuple(replace(each, top_level=each.name in found.roots) for each in packages)


def _environment(
    python: Interpreter, packages: tuple[Package, ...], notes: tuple[str, ...], folder: Path
) -> Environment:
    return Environment(
        path=folder,
        python=python.version,
        implementation="cpython",
        platform=f"linux-{platform.machine()}, {' '.join(platform.libc_ver())}",
        packages=packages,
        notes=notes,
    )
