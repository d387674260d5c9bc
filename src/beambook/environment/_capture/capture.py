"""Freeze what is installed in a Python."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from beambook.environment._capture.changed import changed
from beambook.environment._capture.conda import conda_packages
from beambook.environment._capture.index import lock
from beambook.environment._capture.libraries import system_libraries
from beambook.environment._capture.local import is_local
from beambook.environment._capture.notes import notes_on
from beambook.environment._capture.pin import Pinning
from beambook.environment._capture.probe import Probed, probe
from beambook.environment._capture.wheelhouse import fetch_wheels
from beambook.environment._environment import WHEELS, Environment
from beambook.environment._image import image as make_image
from beambook.environment._package import Package
from beambook.environment._write import fresh_folder, write_lock
from beambook.errors import EnvironmentProblem
from beambook.events import Progress, Reporter, Silent

__all__ = ["capture"]


def capture(
    python: str | Path = sys.executable,
    *,
    into: str | Path = "environment",
    wheels: bool = False,
    image: bool = False,
    reporter: Reporter | None = None,
) -> Environment:
    """Freeze exactly what is installed in a Python.

    Every package is pinned to its version and to the sha256 of its files. What no index has
    (editable, local, from a repository, no longer there) is carried along as a wheel.

    Parameters
    ----------
    python : str or Path
        The executable: of a virtual environment, a kernel, a conda environment.
    into : str or Path
        Folder to be written; an environment that is there is replaced when all went well.
    wheels : bool
        Carry the wheels of all packages, so that no index is needed later.
    image : bool
        Make a single-file image of it, too.
    reporter : Reporter, optional

    Returns
    -------
    Environment

    Raises
    ------
    EnvironmentProblem
        If the Python does not answer, an editable package does not build, no index can be
        reached, or there is no program to make an image.

    Examples
    --------
    >>> from beambook.environment import capture
    >>> software = capture(into="environment", wheels=True)  # doctest: +SKIP
    >>> software.package("numpy").pin  # doctest: +SKIP
    'numpy==2.4.6'
    """
    say = _Steps(reporter or Silent())
    say("what is installed")
    probed = probe(_executable(python))
    with fresh_folder(Path(into)) as folder:
        say("the package index")
        local = [package for package in probed.packages if is_local(package)]
        others = [package for package in probed.packages if not is_local(package)]
        locked = lock(others, probed.executable)
        say(f"wheels of {', '.join(p.name for p in local) or 'what no index has'}")
        pinning = Pinning(probed, locked, changed(others), folder / WHEELS)
        packages = pinning.packages()
        say("libraries of the system")
        environment = _environment(probed, packages, folder)
        write_lock(environment, locked.files)
        if wheels:
            had = Path(into) / WHEELS
            environment = fetch_wheels(environment, reuse=had, reporter=reporter)
        if image:
            make_image(environment, reporter=reporter)
    say.end()
    return replace(environment, path=Path(into).absolute())


def _environment(probed: Probed, packages: tuple[Package, ...], folder: Path) -> Environment:
    libraries, missing = system_libraries(probed)
    return Environment(
        path=folder,
        python=probed.python,
        implementation=probed.implementation,
        platform=probed.platform,
        packages=packages,
        system=libraries,
        distribution=probed.system,
        conda=conda_packages(probed.conda),
        kernel=_kernel(probed.kernel),
        notes=tuple(notes_on(probed, packages, missing)),
    )


def _kernel(spec: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A kernelspec that names no path of this machine."""
    if spec is None:
        return None
    kept = ("display_name", "language", "metadata", "interrupt_mode", "kernel_protocol_version")
    argv = ["python", *map(str, spec.get("argv", ())[1:])]
    return {"argv": argv, **{key: spec[key] for key in kept if key in spec}}


def _executable(python: str | Path) -> Path:
    found = shutil.which(str(python))
    if found is None:
        raise EnvironmentProblem(
            f"There is no Python {str(python)!r}", hint="Name the executable of a Python"
        )
    return Path(found).absolute()


class _Steps:
    """Says the steps of a freeze one after another."""

    TOTAL = 4

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._began = time.monotonic()
        self._done = 0

    def __call__(self, label: str) -> None:
        seconds = time.monotonic() - self._began
        self._reporter(Progress("freeze", self._done, self.TOTAL, label, seconds))
        self._done += 1

    def end(self) -> None:
        seconds = time.monotonic() - self._began
        self._reporter(Progress("freeze", self.TOTAL, self.TOTAL, "frozen", seconds))
