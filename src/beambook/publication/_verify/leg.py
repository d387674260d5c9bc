"""One leg of a verification: all notebooks executed once, in one set of software."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from beambook.recipe import Verdict

__all__ = [
    "BAD",
    "SILENT",
    "Answer",
    "CellOutcome",
    "CellStatus",
    "Leg",
    "NotebookVerdict",
    "PackageChange",
    "Software",
    "worst_answer",
]

CellStatus = Literal[
    "same",
    "within tolerance",
    "different",
    "error",
    "missing software",
    "not reached",
    "not comparable",
    "no output",
]
Answer = Literal["same", "within tolerance", "different", "not verified"]

BAD: tuple[CellStatus, ...] = ("missing software", "error", "different", "not reached")
SILENT = "it shows nothing that could be compared"
_ORDER: tuple[Answer, ...] = ("same", "within tolerance", "not verified", "different")


def worst_answer(answers: Iterable[Answer]) -> Answer:
    """The answer of a whole from those of its parts; of nothing it is ``not verified``.

    Examples
    --------
    >>> worst_answer(["same", "within tolerance"])
    'within tolerance'
    >>> worst_answer([])
    'not verified'
    """
    return max(answers, key=_ORDER.index, default="not verified")


@dataclass(frozen=True)
class CellOutcome:
    """How one code cell came out.

    Attributes
    ----------
    number : int
        Position in the notebook, from 1, counting all cells.
    heading : str
        Nearest heading above.
    status : str
        ``same``, ``within tolerance``, ``different``, ``error`` (it raised, and the reference
        did not), ``missing software`` (it raised because something is not installed),
        ``not reached``, ``not comparable``, or ``no output`` (it ran, and has none on either side).
    what : str
        What is different, or the error, in one line.
    evidence : str
        What was compared: ``result``, ``table``, ``figure`` …
    claim : bool
        The publication rests on it.
    said : str
        What its authors say of the claim.
    """

    number: int
    heading: str
    status: CellStatus
    what: str = ""
    evidence: str = ""
    claim: bool = False
    said: str = ""

    @property
    def where(self) -> str:
        """``cell 7 (Edge position)``."""
        return f"cell {self.number}" + (f" ({self.heading})" if self.heading else "")


@dataclass(frozen=True)
class NotebookVerdict:
    """How one notebook came out.

    Attributes
    ----------
    path : str
        The notebook, relative to the folder that was verified.
    status : str
        ``same``, ``within tolerance``, ``different`` or ``not verified``.
    problem : str
        Why it was not executed to its end, or could not be judged; empty if all is well.
    cells : tuple of CellOutcome
        Every code cell that holds code.
    execution : Path or None
        Folder of the `Execution`; None when it was not executed.
    reference : Path or None
        The notebook with the published outputs, kept in the folder of the verification.
    verdict : Verdict or None
        What `beambook.recipe.compare` says, with examples and difference pictures.
    seconds : float
        The notebook's own time, in s.
    notes : tuple of str
    """

    path: str
    status: Answer
    problem: str = ""
    cells: tuple[CellOutcome, ...] = ()
    execution: Path | None = None
    reference: Path | None = None
    verdict: Verdict | None = field(default=None, repr=False)
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    def count(self, status: CellStatus) -> int:
        """Number of cells of a status."""
        return sum(cell.status == status for cell in self.cells)

    @property
    def is_silent(self) -> bool:
        """Whether it came to its end, as it did before, and has nothing to be judged by."""
        return self.problem == SILENT

    @property
    def claims(self) -> tuple[CellOutcome, ...]:
        """Cells that the publication rests on."""
        return tuple(cell for cell in self.cells if cell.claim)

    @property
    def first_bad(self) -> CellOutcome | None:
        """The first cell that did not come out: an error before a difference."""
        for statuses in (("missing software", "error"), ("different",)):
            for cell in self.cells:
                if cell.status in statuses:
                    return cell
        return None

    @property
    def cause(self) -> str:
        """Why it did not come out, in one line; empty when it did."""
        if self.problem:
            return self.problem
        cell = self.first_bad
        return f"{cell.where}: {cell.what}" if cell is not None else ""


@dataclass(frozen=True)
class PackageChange:
    """A package that this leg has otherwise than the reference's software.

    Attributes
    ----------
    name, version, reference : str
        An empty version: it is not there.
    """

    name: str
    version: str
    reference: str


@dataclass(frozen=True)
class Software:
    """What a leg was executed in.

    Attributes
    ----------
    how : str
        Where it came from: ``image``, ``cache``, ``wheels``, ``index``, ``here``.
    python : str
        Version of Python.
    executable : str
    digest : str
        Of the lock; empty when there is none.
    packages : mapping of str to str
        Name to version.
    changes : tuple of PackageChange
        Against the software of the reference, where that is known.
    notes : tuple of str
    seconds : float
        How long it took to have it, in s.
    """

    how: str = ""
    python: str = ""
    executable: str = ""
    digest: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    changes: tuple[PackageChange, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class Leg:
    """All notebooks, executed once in one set of software.

    Attributes
    ----------
    name : str
        ``preserved``, ``recreated``, ``newest`` or ``here``.
    software : Software
    sandbox : str
        ``bubblewrap`` or ``folder``, and why not better.
    notebooks : tuple of NotebookVerdict
    problem : str
        Why there was nothing to execute in: the software or the data could not be had.
    seconds : float
    notes : tuple of str
        What the notebooks wrote outside of their folder, and other remarks.
    """

    name: str
    software: Software = field(default_factory=Software)
    sandbox: str = ""
    notebooks: tuple[NotebookVerdict, ...] = ()
    problem: str = ""
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def status(self) -> Answer:
        """The worst of its notebooks that show anything."""
        if self.problem:
            return "not verified"
        return worst_answer(notebook.status for notebook in self._telling)

    @property
    def _telling(self) -> tuple[NotebookVerdict, ...]:
        """What only prepares files for others is judged by what these show of them."""
        return tuple(n for n in self.notebooks if not n.is_silent) or self.notebooks

    @property
    def ok(self) -> bool:
        """The same, or within tolerance."""
        return self.status in ("same", "within tolerance")

    @property
    def ran(self) -> bool:
        """Whether any notebook was executed."""
        return any(notebook.execution is not None for notebook in self.notebooks)

    @property
    def cause(self) -> str:
        """Why it did not come out: the first cause, in one line; empty when it did."""
        if self.problem or self.ok:
            return self.problem
        bad = [n for n in self._telling if n.status not in ("same", "within tolerance")]
        bad.sort(key=lambda notebook: notebook.status != self.status)  # what made the answer
        for notebook in bad:
            if notebook.cause:
                alone = len(self.notebooks) == 1
                return notebook.cause if alone else f"{notebook.path}, {notebook.cause}"
        return "nothing could be compared"

    def count(self, status: CellStatus) -> int:
        """Number of cells of a status, in all notebooks."""
        return sum(notebook.count(status) for notebook in self.notebooks)
