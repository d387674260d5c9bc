"""Verify: integrity, software, data, execution, comparison, verdict."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from beambook.errors import EnvironmentProblem, ParameterError, PublicationError
from beambook.events import Reporter, Silent
from beambook.publication._publication import (
    Publication,
    is_publication,
    was_publication,
)
from beambook.publication._verify.data import Data, find_data
from beambook.publication._verify.explain import why_no_software
from beambook.publication._verify.leg import Leg
from beambook.publication._verify.outcome import not_reached, plain
from beambook.publication._verify.perform import Stage, perform_leg
from beambook.publication._verify.software import ENVIRONMENTS, leg_names, software_for
from beambook.publication._verify.stopped import STOPPED, LegStopped, VerificationStopped
from beambook.publication._verify.subject import Subject, sealed, unsealed
from beambook.publication._verify.verification import Verification
from beambook.publication._verify.work import kept
from beambook.recipe._journal import fresh_folder
from beambook.recipe._provenance import stamp

__all__ = ["verify"]

INTO = Path("verifications")
REFERENCE = "reference"


def verify(
    publication: Publication | str | Path,
    *,
    data: str | Path | None = None,
    fetch: bool = False,
    environment: str = "preserved",
    checksum: str = "",
    into: str | Path = INTO,
    offline: bool = False,
    sandbox: bool = True,
    time_limit: float | None = None,
    reporter: Reporter | None = None,
) -> Verification:
    """Execute what was published again, and say whether it comes out.

    What is executed is a copy, in a sandbox where this machine has one; the publication stays
    as it is. Software or data that cannot be had are an answer, not an error.

    Parameters
    ----------
    publication : Publication, str or Path
        A publication (folder or zip); or a folder, checkout or notebook that nobody sealed,
        whose stored outputs are then the reference.
    data : str or Path, optional
        Where the data is that the publication only refers to.
    fetch : bool
        Download such data, where the publication says from where, how large it is and which
        checksum it has; it is kept for the next time. Never done without this.
    environment : str
        ``preserved`` (the software as it was sealed), ``recreated`` (the same versions installed
        anew), ``newest`` (newest versions of what is asked for), ``both`` (the first and the
        third, which together tell bit-rot from a change of the science), or ``here`` (the
        software that beambook runs in). Where nothing is sealed, ``preserved`` is what the
        requirement files say.
    checksum : str
        The publication must have this one (of the paper that cites it), or begin with it.
    into : str or Path
        Folder of verifications; each gets one of its own in it.
    offline : bool
        Use no network to have the software.
    sandbox : bool
        False: execute in a plain folder, which prevents nothing.
    time_limit : float, optional
        Seconds for each notebook.
    reporter : Reporter, optional
        Takes progress.

    Returns
    -------
    Verification
        Saved in its folder.

    Raises
    ------
    RunNotFound, NotebookError, PublicationError
        If there is nothing to verify, or it is refused.
    ParameterError
        If `environment` is none of those, or `data` is no folder.
    VerificationStopped
        On Ctrl-C, when something was executed: a KeyboardInterrupt, whose `verification` has what
        was verified until then, and is saved.

    Examples
    --------
    >>> verification = verify("edge-of-nickel.zip")  # doctest: +SKIP
    >>> verification.status, verification.cause  # doctest: +SKIP
    ('same', '')
    """
    _check(environment, data)
    reporter = reporter or Silent()
    subject = _subject(publication, checksum, reporter)
    began, date = time.monotonic(), stamp()
    path = fresh_folder(Path(into), subject.name)
    with _whole(path):
        found = Data() if subject.problems else _data(subject, data, reporter, fetch=fetch)
        names = () if subject.problems else leg_names(environment)
        stage = Stage(
            kept(subject, path / REFERENCE) if names else subject, found, path, sandboxed=sandbox,
            time_limit=time_limit, reporter=reporter,
        )  # fmt: skip
        legs, interrupt = _legs(names, stage, offline=offline)
        verification = Verification(
            name=subject.name,
            title=subject.title,
            kind=subject.kind,
            subject=str(subject.path),
            path=path,
            date=date,
            checksum=subject.checksum,
            integrity=subject.problems,
            legs=legs,
            imprint=subject.imprint,
            stopped=interrupt is not None,
            notes=(*subject.notes, *found.notes),
            data=found.told(subject),
        )
        verification = replace(verification, seconds=time.monotonic() - began)
        if interrupt is not None and not verification.executed:
            raise interrupt
        verification.save()
        if interrupt is not None:
            raise VerificationStopped(verification) from interrupt
    return verification


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """Where nothing was verified, nothing remains."""
    try:
        yield
    except VerificationStopped:
        raise
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


def _check(environment: str, data: str | Path | None) -> None:
    if environment not in ENVIRONMENTS:
        raise ParameterError(
            f"environment={environment!r}", hint=f"It is one of {', '.join(ENVIRONMENTS)}"
        )
    if data is not None and not Path(data).is_dir():
        raise ParameterError(f"data: {str(data)!r} is no folder")


def _subject(given: Publication | str | Path, checksum: str, reporter: Reporter) -> Subject:
    if isinstance(given, Publication):
        return sealed(given.expected(checksum), reporter=reporter)
    path = Path(given)
    if is_publication(path) or path.suffix == ".zip" or was_publication(path):
        opened = Publication.open(path, checksum=checksum, reporter=reporter)
        return sealed(opened, reporter=reporter)
    if checksum:
        raise PublicationError(f"{str(path)!r} was never sealed, so it has no checksum")
    return unsealed(path)


def _legs(
    names: Iterable[str], stage: Stage, *, offline: bool
) -> tuple[tuple[Leg, ...], KeyboardInterrupt | None]:
    """The legs; and what stopped the last of them before its end."""
    legs: list[Leg] = []
    for name in names:
        try:
            legs.append(_leg(name, stage, offline=offline))
        except LegStopped as interrupt:
            return (*legs, interrupt.leg), interrupt
        except KeyboardInterrupt as interrupt:  # while the software was made
            return (*legs, _impossible(name, stage, STOPPED)), interrupt
    return tuple(legs), None


def _leg(name: str, stage: Stage, *, offline: bool) -> Leg:
    if stage.data.problem:
        return _impossible(name, stage, stage.data.problem)
    try:
        with software_for(
            name, stage.subject, into=stage.path / name / "environment", offline=offline,
            reporter=stage.reporter,
        ) as had:  # fmt: skip
            return perform_leg(name, had, stage)
    except EnvironmentProblem as error:
        said = plain(str(error))
        why = why_no_software(said)
        notes = () if why == said else (said,)
        return _impossible(name, stage, f"the software could not be had: {why}", notes)
    except OSError as error:  # e.g. a full disk
        where = f" {error.filename}" if error.filename else ""
        return _impossible(name, stage, f"it could not be executed: {error.strerror}{where}")


def _impossible(name: str, stage: Stage, problem: str, notes: tuple[str, ...] = ()) -> Leg:
    """The leg that could not begin."""
    items = stage.subject.items
    notebooks = tuple(not_reached(item.path, item.reference, problem) for item in items)
    return Leg(name, problem=problem, notebooks=notebooks, notes=notes)


def _data(subject: Subject, data: str | Path | None, reporter: Reporter, *, fetch: bool) -> Data:
    given = None if data is None else Path(os.path.abspath(data))
    return find_data(subject, given, fetch=fetch, reporter=reporter)
