"""What a folder that nobody froze says of its software."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

from beambook.card import Card, Described, Table
from beambook.environment._declared.freeze import freeze
from beambook.environment._declared.hints import dates_of, python_of
from beambook.environment._declared.wanted import Wanted
from beambook.environment._environment import Environment
from beambook.events import Reporter

__all__ = ["Declared"]


@dataclass(frozen=True, repr=False)
class Declared(Described):
    """Requirements, as files of many kinds declare them or imports let us guess.

    Attributes
    ----------
    files : tuple of str
        Where they stand, relative to the folder.
    requirements : tuple of str
        What is asked for: ``numpy>=1.20``.
    constraints : tuple of str
        Versions of what comes with it, of lock files.
    python : str or None
        ``3.7``, or ``>=3.6``; None if nothing is said.
    unhonoured : tuple of str
        What cannot be had from a package index (conda's own packages, ``apt.txt``,
        ``postBuild``, source code), each with its reason.
    guessed : bool
        Whether it comes from imports, not from a declaration.
    python_hint : str
        The Python that the notebooks' outputs were made with.
    date : date or None
        The day when the notebooks were last executed, if they say it.
    optional : tuple of str
        Names that were translated or guessed: one that no index has is left out, and said.

    Examples
    --------
    >>> Declared(requirements=("numpy<2", "xarray"), python="3.11")
    <Declared requirements: python 3.11, packages 2>
    """

    files: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    python: str | None = None
    unhonoured: tuple[str, ...] = ()
    guessed: bool = False
    python_hint: str = ""
    date: datetime.date | None = None
    optional: tuple[str, ...] = ()

    def hinted(self, notebooks: Iterable[Path]) -> Declared:
        """The same, with what the notebooks' outputs tell of Python and date."""
        paths = list(notebooks)
        return replace(self, python_hint=python_of(paths), date=dates_of(paths))

    def lock(
        self,
        into: str | PathLike[str],
        *,
        before: datetime.date | None = None,
        newest: bool = False,
        offline: bool = False,
        build: bool = False,
        closest: bool = False,
        reporter: Reporter | None = None,
    ) -> Environment:
        """Find exact versions that satisfy it, and write them as an environment.

        ipykernel is added where it is not asked for, as no notebook runs without.

        Parameters
        ----------
        into : path
            Folder of the environment.
        before : date, optional
            Only versions that were published before the end of this day.
        newest : bool
            Forget versions: the newest of every package that is asked for, in this Python.
        offline : bool
            Ask no index but what uv remembers.
        build : bool
            Build packages that have no wheel even where there is no sandbox.
        closest : bool
            Take the nearest minor version of Python where the wanted one is not here.
        reporter : Reporter, optional

        Returns
        -------
        Environment
            Its notes say what was left out, and why.

        Raises
        ------
        EnvironmentProblem
            When the Python is not here, or no versions satisfy everything.

        Examples
        --------
        >>> from beambook.environment import read_declared
        >>> declared = read_declared("paper")                   # doctest: +SKIP
        >>> declared.lock("environment", before=declared.date)  # doctest: +SKIP
        """
        wanted = Wanted(
            requirements=self.requirements,
            constraints=() if newest else self.constraints,
            python=self.python or "",
            hint=self.python_hint,
            optional=self.optional,
            notes=(*self._origin(), *self.unhonoured),
            before=before,
            newest=newest,
            offline=offline,
            build=build,
            closest=closest,
        )
        return freeze(wanted, Path(into), reporter=reporter)

    def card(self) -> Card:
        """Where it stands, how many packages, what cannot be honoured."""
        facts = {
            "from": "a guess from imports" if self.guessed else ", ".join(self.files),
            "python": self.python
            or (f"{self.python_hint} (of the outputs)" * bool(self.python_hint)),
            "packages": str(len(self.requirements)),
            "date": str(self.date or ""),
            "not honoured": str(len(self.unhonoured) or ""),
        }
        tables = (
            Table(("requirement",), tuple((each,) for each in self.requirements), "requirements"),
            Table(("line",), tuple((each,) for each in self.unhonoured), "not honoured"),
        )
        kept = {key: value for key, value in facts.items() if value}
        return Card("Declared", "requirements", kept, tuple(t for t in tables if t.rows))

    def _origin(self) -> tuple[str, ...]:
        if self.guessed:
            return ("Requirements were guessed from imports: versions are not as they were",)
        return (f"Requirements of {', '.join(self.files)}",) if self.files else ()
