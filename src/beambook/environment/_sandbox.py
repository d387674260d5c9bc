"""Where code of others is executed: what it can see, and what it can change."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from beambook.environment._bubblewrap import Bubblewrap, why_not
from beambook.environment._interpreter import added_folders
from beambook.environment._landlock import Landlock, landlock_version
from beambook.environment._private import make_private, private_env
from beambook.errors import EnvironmentProblem

__all__ = ["PlainFolder", "Sandbox", "sandbox"]


class Sandbox(Protocol):
    """Wraps a command so that it can do less than who starts it.

    Attributes
    ----------
    kind : str
        ``"bubblewrap"``, ``"landlock"`` or ``"folder"``.
    why : str
        Why it is not a better one; empty if it is the best there is.
    work : Path
        The folder that the command may change.
    confines : bool
        Whether the operating system keeps the command from what it must not change.
    lets : tuple of str
        What it does not prevent, in words.
    watched : tuple of Path
        Folders that must stay as they are, and that are looked at after the command.
    """

    @property
    def kind(self) -> str: ...
    @property
    def why(self) -> str: ...
    @property
    def work(self) -> Path: ...
    @property
    def confines(self) -> bool: ...
    @property
    def lets(self) -> tuple[str, ...]: ...
    @property
    def watched(self) -> tuple[Path, ...]: ...

    def argv(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        private: Path,
        writable: Sequence[Path] = (),
        readable: Sequence[Path] = (),
    ) -> list[str]:
        """The command line that runs `command` inside.

        Parameters
        ----------
        command : sequence of str
            Begins with an absolute path; of a Python everything that it needs is readable.
        cwd : Path
            Where it runs: in the work folder, or in one that is writable.
        private : Path
            An empty folder for this command alone: gets its home and its temporary files.
        writable, readable : sequence of Path
            Besides the work folder and what the sandbox was made with.

        Returns
        -------
        list of str
        """
        ...

    def env(self, private: Path) -> dict[str, str]:
        """The whole environment of the command: nothing of the caller's but what is harmless."""
        ...


@dataclass(frozen=True)
class PlainFolder:
    """No sandbox: a clean environment and a home of its own, but the whole machine is there.

    Attributes
    ----------
    work : Path
    why : str
        Why it is not bubblewrap.
    watched : tuple of Path
        Data: what must stay as it is.
    """

    work: Path
    why: str = ""
    watched: tuple[Path, ...] = ()

    kind = "folder"
    confines = False
    lets = (
        "reading everything that this user can read",
        "writing everywhere that this user can write",
        "network",
    )

    def argv(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        private: Path,
        writable: Sequence[Path] = (),
        readable: Sequence[Path] = (),
    ) -> list[str]:
        """`command` as it is."""
        del cwd, writable, readable
        make_private(private)
        return list(command)

    def env(self, private: Path) -> dict[str, str]:
        """A clean environment, with home and temporary files in `private`."""
        # The environment stays as it is: nothing keeps Python from writing into it.
        return {**private_env(private), "PYTHONDONTWRITEBYTECODE": "1"}


def sandbox(
    work: str | Path,
    *,
    readable: Sequence[str | Path] = (),
    network: bool = False,
    plain: bool = False,
    python: str | Path | None = None,
) -> Sandbox:
    """The best sandbox that works here.

    bubblewrap hides everything but the system's programs and libraries, the Python that is
    started, and what is named here; there is no network and no way to other processes. Where
    the machine does not allow that, Landlock takes the same rights away, as far as it can. Where
    there is neither, a plain folder is what is left. ``why`` and ``lets`` say so.

    Parameters
    ----------
    work : str or Path
        The only folder that can be changed.
    readable : sequence of str or Path, optional
        Data, and whatever else must be seen.
    network : bool
        Let it use the network.
    plain : bool
        Do not even try.
    python : str or Path, optional
        A Python of your own: packages that it imports from elsewhere (installed as editable)
        can be read, too. Not for one that others made: they would choose what can be read.

    Returns
    -------
    Sandbox

    Raises
    ------
    EnvironmentProblem
        If one of the folders is not there.

    Examples
    --------
    >>> sandbox(".", plain=True).kind
    'folder'
    """
    folder = Path(work).absolute()
    others = tuple(Path(each).absolute() for each in readable)
    others += added_folders(Path(python)) if python else ()
    for each in (folder, *others):
        if not each.exists():
            raise EnvironmentProblem(f"{str(each)!r}, which the notebook needs, is not there")
    if plain:
        return PlainFolder(folder, "a plain folder was asked for", others)
    program = shutil.which("bwrap") or ""
    if not (why := why_not(program)):
        return Bubblewrap(folder, others, network, program)
    if landlock_version():
        return Landlock(folder, others, network, why)
    return PlainFolder(folder, f"{why}; there is no Landlock", others)
