"""The newest of everything that a frozen environment was made for."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from beambook.environment._declared.declared import Declared
from beambook.environment._declared.freeze import freeze
from beambook.environment._declared.wanted import Wanted
from beambook.environment._environment import Environment
from beambook.environment._lock import installable
from beambook.events import Reporter

__all__ = ["newest"]


def newest(
    what: Environment | Declared,
    into: str | PathLike[str],
    *,
    offline: bool = False,
    build: bool = False,
    reporter: Reporter | None = None,
) -> Environment:
    """Lock the newest versions of what somebody asked for, and what they need.

    Does a notebook still come out in the software of today? What no index has (the authors'
    own packages) stays as it was.

    Parameters
    ----------
    what : Environment or Declared
        Of an environment, the packages that no other asks for count.
    into : path
        Folder of the new environment.
    offline : bool
        Ask no index but what uv remembers.
    build : bool
        Build packages that have no wheel even where there is no sandbox.
    reporter : Reporter, optional

    Returns
    -------
    Environment

    Raises
    ------
    EnvironmentProblem
        When no versions go together.

    Examples
    --------
    >>> newest(Environment.load("environment"), "newest")   # doctest: +SKIP
    """
    if isinstance(what, Declared):
        return what.lock(into, newest=True, offline=offline, build=build, reporter=reporter)
    known = installable(what.packages)
    roots = [p for p in known if p.top_level or p.name == "ipykernel"] or known
    wanted = Wanted(
        requirements=tuple(p.name for p in roots if p.origin == "index"),
        newest=True,
        offline=offline,
        build=build,
        carried=tuple(p for p in known if p.origin == "wheel"),
        wheels=what.wheels,
    )
    return freeze(wanted, Path(into), reporter=reporter)
