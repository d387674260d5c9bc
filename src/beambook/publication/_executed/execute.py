"""Execute all notebooks of a folder in their order, in a copy that can then be published."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from beambook.errors import BeambookError, PublicationError, RunNotFound
from beambook.events import Progress, Reporter, Silent
from beambook.publication._executed.copy import (
    State,
    changed,
    copy_source,
    copy_work,
    state_of,
)
from beambook.publication._executed.folder import (
    EXECUTIONS,
    NOT_EXECUTED,
    ExecutedFolder,
    ExecutedNotebook,
)
from beambook.publication._executed.kept import kept
from beambook.publication._executed.values import Given, values_for
from beambook.publication._names import check_names
from beambook.publication._order.order import Order, unmet
from beambook.publication._publication import WORK as PUBLISHED
from beambook.publication._publication import is_publication
from beambook.publication._seal.code import code_of
from beambook.publication._seal.order import ordered
from beambook.publication._seal.source import Source, folder_source
from beambook.recipe import Recipe, execute
from beambook.recipe._journal import fresh_folder
from beambook.recipe._plan import Limits, on_paths, plan
from beambook.recipe._provenance import stamp

__all__ = ["execute_folder"]

INTO = Path("executions")
WORK = Path(EXECUTIONS, ".work")
MOST_SHOWN = 5


def execute_folder(
    folder: str | Path,
    values: Given = (),
    *,
    into: str | Path = INTO,
    kernel: str | None = None,
    time_limit: float | None = None,
    reporter: Reporter | None = None,
) -> ExecutedFolder:
    """Execute all notebooks of a folder in their order, in a copy that `seal` takes as it is.

    They are executed one after another in one folder, so each finds what those before it have
    written. Where one fails, those that need it are not executed; the others are. What
    ``publication.yml`` says of order, values and files holds. The folder itself is not changed.

    Parameters
    ----------
    folder : str or Path
    values : mapping, or iterable of str
        Values of parameters, ``{"run": 9}`` or ``["run=9"]``, for each notebook that declares the
        name. A relative path starts in the caller's folder.
    into : str or Path
        Folder of executions. The copy gets a fresh folder in it.
    kernel : str, optional
        Name of the kernel, else what each notebook asks for.
    time_limit : float, optional
        Seconds for each notebook.
    reporter : Reporter, optional
        Takes progress.

    Returns
    -------
    ExecutedFolder

    Raises
    ------
    RunNotFound, NotebookError, PublicationError
        If there is no such folder, a notebook in it is none or has no kernel, what
        ``publication.yml`` says cannot be understood, or a file has a name that cannot be
        published.
    ParameterNotFound, ParameterError
        If no notebook knows a name, or a value does not fit. Nothing has been executed then.
    KeyboardInterrupt
        On Ctrl-C; what was done before is on record.

    Examples
    --------
    >>> executed = execute_folder("paper", {"run": 487})  # doctest: +SKIP
    >>> executed.status  # doctest: +SKIP
    'done'
    >>> seal(executed.path, "paper-sealed")  # doctest: +SKIP
    """
    source = _source(Path(folder), Path(into))
    check_names(source.files, below=PUBLISHED)  # said now, not by `seal` when all is executed
    given = values_for(source, values)
    show = _Show(source, ordered(source), given, kernel, time_limit, reporter or Silent())
    show.check()
    return show.perform(fresh_folder(Path(into), source.root.name))


def _source(folder: Path, into: Path) -> Source:
    """The folder as it would be published, without what was executed before."""
    root, below = folder.resolve(), into.resolve()
    if below.is_file():
        raise PublicationError(f"{str(into)!r} is a file, and no folder of executions")
    if not root.is_dir():
        raise RunNotFound(f"No folder {str(folder)!r}")
    if is_publication(root):
        raise PublicationError(
            f"{str(folder)!r} is a publication", hint="beambook rerun executes its notebooks"
        )
    if any((root / name).is_file() for name in ("execution.json", "pipeline.json")):
        raise PublicationError(
            f"{str(folder)!r} is an execution", hint="Give the folder of its notebooks"
        )
    return folder_source(root, below if root in below.parents else root / EXECUTIONS)


@dataclass
class _Show:
    """One performance of a folder's notebooks."""

    source: Source
    order: Order
    values: Mapping[str, Mapping[str, Any]]
    kernel: str | None
    time_limit: float | None
    reporter: Reporter
    done: list[ExecutedNotebook] = field(default_factory=list)
    begun: str = ""
    seen: State = field(default_factory=dict)

    def check(self) -> None:
        """Refuse what can be refused before anything is executed."""
        for name, values in self.values.items():
            plan(
                Recipe.find(self.source.path(name)), values, into=INTO, kernel=self.kernel,
                limits=Limits(None, None, 0, 1), fork=True, allow_errors=False, in_place=True,
            )  # fmt: skip

    def perform(self, home: Path) -> ExecutedFolder:
        """Execute everything in a copy; what was done is on record even when it is stopped."""
        began, date = time.monotonic(), stamp()
        work = home / WORK / self.source.root.name  # not at the top: one may write to ../
        author = state_of(self.source.root, but=home.resolve())
        try:
            copy_source(self.source, home, self.reporter)
            copy_work(self.source, home, work)
        except BaseException:
            shutil.rmtree(home, ignore_errors=True)
            raise
        try:
            self._perform_all(home, work)
        except KeyboardInterrupt:
            count = f"{len(self.done)} of {len(self.order.needs)} notebooks"
            raise KeyboardInterrupt(f"stopped after {count}, which are in {home}") from None
        finally:
            shutil.rmtree(work.parent, ignore_errors=True)
            made = ExecutedFolder(
                home, self.source.root, (*self.done, *self._rest()), self._notes(author, home),
                code_of(self.source.root, list(self.source.files)), date,
                round(time.monotonic() - began, 3),
            )  # fmt: skip
            made.save()
        return made

    def _perform_all(self, home: Path, work: Path) -> None:
        failed: set[str] = set()
        self._written(work)
        for number, (name, needs) in enumerate(self.order.needs.items()):
            self.reporter(Progress(home.name, number, len(self.order.needs), name))
            if problem := unmet(needs, failed):
                outcome = ExecutedNotebook(name, problem=problem, requires=needs)
            else:
                outcome = replace(self._perform(name, home, work), requires=needs)
            if not outcome.ok:
                failed.add(name)
            self.done.append(outcome)

    def _written(self, work: Path) -> tuple[str, ...]:
        """Files that are new or other than when this was last asked."""
        before, self.seen = self.seen, state_of(work.parent, work)
        return changed(before, self.seen)

    def _perform(self, name: str, home: Path, work: Path) -> ExecutedNotebook:
        notebook, self.begun = work / name, name
        _restore(home / name, notebook)
        try:
            execution = execute(
                Recipe.find(notebook), self._values(name, work),
                into=(home / name).parent / EXECUTIONS, time_limit=self.time_limit,
                reporter=self.reporter, kernel=self.kernel, in_place=True,
            )  # fmt: skip
        except BeambookError as error:  # its kernel is gone, the disk is full …
            self._written(work)  # not by the next one
            return ExecutedNotebook(name, "failed", " ".join(str(error).split()))
        wrote = tuple(file for file in self._written(work) if file != name)
        execution = kept(
            execution, name, wrote=wrote, work=work, home=home, origin=self.source.root
        )
        return ExecutedNotebook(
            name, execution.status, execution.error_line, execution.seconds, wrote=wrote,
            execution=execution.path.relative_to(home).as_posix(),
        )  # fmt: skip

    def _values(self, name: str, work: Path) -> dict[str, Any]:
        """What is in the folder is taken from the copy."""
        root = self.source.root

        def moved(path: Path) -> Path:
            real = path.resolve()
            return work / real.relative_to(root) if real.is_relative_to(root) else path

        return {key: on_paths(value, moved) for key, value in self.values[name].items()}

    def _rest(self) -> tuple[ExecutedNotebook, ...]:
        """Those whose turn did not come."""
        rest = list(self.order.needs.items())[len(self.done) :]
        states = {self.begun: "killed"}
        return tuple(
            ExecutedNotebook(name, states.get(name, NOT_EXECUTED), "it was stopped", requires=needs)
            for name, needs in rest
        )

    def _notes(self, author: State, home: Path) -> tuple[str, ...]:
        """Of the folder, of the order, of files that several have written, or written elsewhere."""
        root, wrote = self.source.root, {each.path: each.wrote for each in self.done}
        outside = (
            f"{name} wrote {file}, outside of the folder: who verifies it cannot"
            for name, files in wrote.items()
            for file in files
            if file.startswith("..")
        )
        touched = ", ".join(changed(author, state_of(root, but=home.resolve()))[:MOST_SHOWN])
        told = f"changed in {root} meanwhile, by a notebook or by another program: {touched}"
        notes = (*self.source.notes, *self.order.notes(wrote), *outside)
        return (*notes, told) if touched else notes


def _restore(original: Path, notebook: Path) -> None:
    """One that ran before may have changed it; `verify` takes each from where it was, too."""
    notebook.parent.mkdir(parents=True, exist_ok=True)
    notebook.unlink(missing_ok=True)
    shutil.copy2(original, notebook)
