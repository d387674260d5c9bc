"""Seal notebooks with their software, data and results, and verify that they come out again.

Names are imported when they are first used: ``import beambook.publication`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from beambook.first_use import at_first_use

if TYPE_CHECKING:
    from beambook.publication._executed.execute import execute_folder as execute_folder
    from beambook.publication._executed.folder import ExecutedFolder as ExecutedFolder
    from beambook.publication._manifest import Problem as Problem
    from beambook.publication._publication import Publication as Publication
    from beambook.publication._rerun import rerun as rerun
    from beambook.publication._seal.seal import seal as seal
    from beambook.publication._secrets import Leak as Leak
    from beambook.publication._secrets import find_secrets as find_secrets
    from beambook.publication._verify.verification import Verification as Verification
    from beambook.publication._verify.verify import verify as verify

_HOME = {
    "ExecutedFolder": "_executed.folder",
    "Leak": "_secrets",
    "Problem": "_manifest",
    "Publication": "_publication",
    "Verification": "_verify.verification",
    "execute_folder": "_executed.execute",
    "find_secrets": "_secrets",
    "rerun": "_rerun",
    "seal": "_seal.seal",
    "verify": "_verify.verify",
}

__all__ = sorted(_HOME)
__getattr__, __dir__ = at_first_use(__name__, _HOME)
