"""The software that a leg is executed in: preserved, made again, newest, or what is here."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import distributions
from pathlib import Path

from beambook.environment import Environment, Recreated, mounted, recreate
from beambook.environment._package import canonical
from beambook.errors import EnvironmentProblem
from beambook.events import Reporter
from beambook.publication._verify.declared import locked, locked_newest
from beambook.publication._verify.explain import why_no_software
from beambook.publication._verify.leg import PackageChange, Software
from beambook.publication._verify.outcome import plain
from beambook.publication._verify.subject import Subject

__all__ = ["ENVIRONMENTS", "Had", "leg_names", "software_for"]

ENVIRONMENTS = ("preserved", "recreated", "newest", "both", "here")


@dataclass(frozen=True)
class Had:
    """Software that can be executed in.

    Attributes
    ----------
    python : Path
    software : Software
    """

    python: Path
    software: Software


def leg_names(environment: str) -> tuple[str, ...]:
    """The legs that a choice of environment means.

    Examples
    --------
    >>> leg_names("both")
    ('preserved', 'newest')
    """
    return ("preserved", "newest") if environment == "both" else (environment,)


@contextmanager
def software_for(
    name: str, subject: Subject, *, into: Path, offline: bool, reporter: Reporter
) -> Iterator[Had]:
    """Have the software of a leg while its notebooks are executed.

    Parameters
    ----------
    name : str
        ``preserved``, ``recreated``, ``newest`` or ``here``.
    subject : Subject
    into : Path
        Where a lock is written, if one has to be made.
    offline : bool
    reporter : Reporter

    Raises
    ------
    EnvironmentProblem
        If it cannot be had.
    """
    if name == "here":
        yield _here(subject)
        return
    frozen = _sealed(subject, name)
    notes: tuple[str, ...] = ()
    if name == "newest":
        frozen, notes = locked_newest(subject, frozen, into, offline=offline, reporter=reporter)
    elif frozen is None:
        frozen, notes = locked(subject, into, offline=offline, reporter=reporter)
    with _recreated(name, frozen, offline=offline, reporter=reporter) as made:
        yield Had(made.python, _described(made, subject, notes))


def _sealed(subject: Subject, name: str) -> Environment | None:
    """The software that was sealed; None for a folder that nobody sealed."""
    if subject.publication is None:
        return None
    found = subject.publication.environment
    if found is None and name != "newest":
        raise EnvironmentProblem(
            "no software was sealed with it", hint="Try --environment newest, or here"
        )
    return found


@contextmanager
def _recreated(
    name: str, frozen: Environment, *, offline: bool, reporter: Reporter
) -> Iterator[Recreated]:
    if name == "preserved" and frozen.image is not None:
        with ExitStack() as until_then:
            yield _of_image(frozen, until_then, offline=offline, reporter=reporter)
    elif name == "recreated":  # anew: not what an earlier verification has left in the cache
        with tempfile.TemporaryDirectory(prefix="beambook-", ignore_cleanup_errors=True) as cache:
            yield _anew(frozen, cache, offline=offline, reporter=reporter)
    else:
        yield recreate(frozen, offline=offline, reporter=reporter)


def _of_image(
    frozen: Environment, until_then: ExitStack, *, offline: bool, reporter: Reporter
) -> Recreated:
    """The software itself; where its image cannot be used here, the same versions installed."""
    try:
        return until_then.enter_context(mounted(frozen, reporter=reporter))
    except EnvironmentProblem as error:
        why = str(error)
    try:
        made = recreate(frozen, offline=offline, reporter=reporter)
    except EnvironmentProblem as error:
        raise EnvironmentProblem(
            f"{why}. Nor can its packages be installed: {_short(error)}"
        ) from error
    return replace(made, notes=(f"installed, as the image cannot be used: {why}", *made.notes))


def _anew(frozen: Environment, cache: str, *, offline: bool, reporter: Reporter) -> Recreated:
    try:
        return recreate(frozen, offline=offline, cache=cache, reporter=reporter)
    except EnvironmentProblem as error:
        if frozen.image is None:
            raise
        raise EnvironmentProblem(
            f"{_short(error)}. The publication has an image of it: --environment preserved"
        ) from error


def _short(error: EnvironmentProblem) -> str:
    return why_no_software(plain(str(error)))


def _described(made: Recreated, subject: Subject, notes: tuple[str, ...]) -> Software:
    frozen = made.environment
    packages = {package.name: package.version for package in frozen.packages}
    return Software(
        how=made.how,
        python=frozen.python,
        executable=str(made.python),
        digest=frozen.digest,
        packages=packages,
        changes=_changes(packages, subject),
        notes=tuple(dict.fromkeys([*notes, *frozen.notes, *made.notes])),
        seconds=made.seconds,
    )


def _here(subject: Subject) -> Had:
    """The software that beambook runs in."""
    packages = {canonical(each.name): each.version for each in distributions() if each.name}
    version = ".".join(map(str, sys.version_info[:3]))
    software = Software(
        how="here",
        python=version,
        executable=sys.executable,
        packages=dict(sorted(packages.items())),
        changes=_changes(packages, subject),
    )
    return Had(Path(sys.executable), software)


def _changes(packages: dict[str, str], subject: Subject) -> tuple[PackageChange, ...]:
    """Packages that are not as they were sealed; those that came in addition do not count."""
    sealed = subject.publication.environment if subject.publication is not None else None
    if sealed is None:
        return ()
    return tuple(
        PackageChange(each.name, packages.get(each.name, ""), each.version)
        for each in sealed.packages
        if packages.get(each.name, "") != each.version
    )
