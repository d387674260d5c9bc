"""Freeze software, and have it again: exact versions, checked by their hashes.

Names are imported when they are first used: ``import beambook.environment`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from beambook.first_use import at_first_use

if TYPE_CHECKING:
    from beambook.environment._capture.capture import capture as capture
    from beambook.environment._capture.wheelhouse import fetch_wheels as fetch_wheels
    from beambook.environment._containers import write_containers as write_containers
    from beambook.environment._declared.declared import Declared as Declared
    from beambook.environment._declared.imports import guess_requirements as guess_requirements
    from beambook.environment._declared.newest import newest as newest
    from beambook.environment._declared.read import read_declared as read_declared
    from beambook.environment._environment import Environment as Environment
    from beambook.environment._image import image as image
    from beambook.environment._kernel_python import kernel_python as kernel_python
    from beambook.environment._kernelspec import install_kernel as install_kernel
    from beambook.environment._mount import mounted as mounted
    from beambook.environment._package import Library as Library
    from beambook.environment._package import Package as Package
    from beambook.environment._recreate.recreate import recreate as recreate
    from beambook.environment._recreate.recreated import Recreated as Recreated
    from beambook.environment._sandbox import Sandbox as Sandbox
    from beambook.environment._sandbox import sandbox as sandbox

_HOME = {
    "Declared": "_declared.declared",
    "Environment": "_environment",
    "Library": "_package",
    "Package": "_package",
    "Recreated": "_recreate.recreated",
    "Sandbox": "_sandbox",
    "capture": "_capture.capture",
    "fetch_wheels": "_capture.wheelhouse",
    "guess_requirements": "_declared.imports",
    "image": "_image",
    "install_kernel": "_kernelspec",
    "mounted": "_mount",
    "newest": "_declared.newest",
    "read_declared": "_declared.read",
    "recreate": "_recreate.recreate",
    "kernel_python": "_kernel_python",
    "sandbox": "_sandbox",
    "write_containers": "_containers",
}

__all__ = sorted(_HOME)
__getattr__, __dir__ = at_first_use(__name__, _HOME)
