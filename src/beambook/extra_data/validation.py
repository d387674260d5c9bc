"""Looking for what is wrong with files and runs, in EXtra-data's words.

`beambook.check` looks deeper, across files, and counts the trains that are concerned.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import click
import numpy as np

from beambook.errors import DataError
from beambook.extra_data._file_checks import FILE_CHECKS, Problem
from beambook.extra_data.file_access import FileAccess
from beambook.extra_data.run_files_map import RunFilesMap

__all__ = ["FileAccess", "FileValidator", "RunValidator", "ValidationError", "main"]


class ValidationError(DataError):
    """Something is wrong with the files.

    Attributes
    ----------
    problems : list of dict
        What: ``msg``, ``file``, ``dataset`` …
    """

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(map(_text, self.problems))


class FileValidator:
    """Looks for what is wrong with one file.

    Parameters
    ----------
    file : FileAccess
    skip_checks : iterable of str
        Names of checks to leave out.
    """

    check_funcs: ClassVar = [*FILE_CHECKS.values()]

    def __init__(self, file: FileAccess, skip_checks: Iterable[str] = ()) -> None:
        self.file = file
        self.filename = file.filename
        self.problems: list[Problem] = []
        self.skip_checks = set(skip_checks)

    def validate(self) -> None:
        """Raise an error if something is wrong.

        Raises
        ------
        ValidationError
        """
        if self.run_checks():
            raise ValidationError(self.problems)

    def run_checks(self) -> list[Problem]:
        """Look, and give what is wrong."""
        self.problems = []
        for name, check in FILE_CHECKS.items():
            if name in self.skip_checks:
                continue
            try:
                self._add(*check(self.file))
            except (OSError, KeyError, RuntimeError, ValueError) as error:
                self._add({"msg": f"Could not be read for {name}", "error": error})
        return self.problems

    def _add(self, *problems: Problem) -> None:
        self.problems += [{**problem, "file": self.filename} for problem in problems]


class RunValidator:
    """Looks for what is wrong with the files of a run.

    Parameters
    ----------
    run_dir : str or Path
        The folder of the run.
    term_progress : bool
        Show a bar on stderr.
    skip_checks : iterable of str
        Names of checks to leave out.
    """

    def __init__(
        self,
        run_dir: str | Path,
        term_progress: bool = False,  # noqa: FBT001, FBT002 the signature is EXtra-data's
        skip_checks: Iterable[str] = (),
    ) -> None:
        self.run_dir = str(run_dir)
        self.term_progress = term_progress
        self.skip_checks = set(skip_checks)
        self.filenames = sorted(p.name for p in Path(run_dir).iterdir() if p.suffix == ".h5")
        self.file_accesses: list[FileAccess] = []
        self.problems: list[Problem] = []

    def validate(self) -> None:
        """Raise an error if something is wrong.

        Raises
        ------
        ValidationError
        """
        if self.run_checks():
            raise ValidationError(self.problems)

    def run_checks(self) -> list[Problem]:
        """Look, and give what is wrong."""
        self.problems, self.file_accesses = [], []
        with click.progressbar(
            self.filenames, file=sys.stderr, hidden=not self.term_progress
        ) as names:
            for name in names:
                self._check_file(str(Path(self.run_dir, name)))
        if not self.file_accesses:
            self.problems.append({"msg": "No usable files found", "directory": self.run_dir})
        for name, check in RUN_CHECKS.items():
            if name not in self.skip_checks:
                self.problems += check(self.run_dir, self.file_accesses)
        return self.problems

    def _check_file(self, path: str) -> None:
        file, problem = _open(path)
        if file is None:
            self.problems.append(problem)
            return
        self.problems += FileValidator(file, self.skip_checks).run_checks()
        file.close()
        self.file_accesses.append(file)


def run_json_cache(run_dir: str, files: Iterable[FileAccess]) -> Iterator[Problem]:
    """What the stored map of a run says of its files is so; outdated entries are harmless."""
    stored = RunFilesMap(run_dir)
    for file in files:
        entry = stored.get(file.filename)
        if entry is None:
            continue
        same = entry["control_sources"] == file.control_sources
        same &= entry["instrument_sources"] == file.instrument_sources
        if not same or not np.array_equal(entry["train_ids"], file.train_ids):
            yield {
                "msg": "Incorrect data map cache entry",
                "cache_file": stored.cache_file,
                "data_file": file.filename,
            }


RUN_CHECKS: Mapping[str, Callable[[str, Iterable[FileAccess]], Iterator[Problem]]] = {
    "run_json_cache": run_json_cache
}


def _open(path: str) -> tuple[FileAccess, Problem] | tuple[None, Problem]:
    """The file, or why it cannot be read: the system's reason if it has one, else HDF5's."""
    try:
        return FileAccess(path), {}
    except Exception as error:
        message, reason = "Could not open HDF5 file", error
    try:
        with open(path, "rb") as file:
            file.read(1)
    except OSError as error:
        message, reason = "Could not access file", error
    return None, {"msg": message, "file": path, "error": reason}


def _text(problem: Problem) -> str:
    facts = [f"  {name}: {value}" for name, value in sorted(problem.items()) if name != "msg"]
    return "\n".join(["", problem["msg"], *facts])


def main(argv: Sequence[str] | None = None) -> int:
    """Check a file or a run from the command line.

    Returns
    -------
    int
        0 if nothing is wrong, else 1.
    """
    parser = ArgumentParser("extra-data-validate", description="Check a file or a run.")
    parser.add_argument("path", nargs="?", help="a file, or the folder of a run")
    parser.add_argument("-l", "--list", action="store_true", help="list the checks")
    parser.add_argument("--skip", action="append", default=[], help="leave a check out")
    args = parser.parse_args(argv)
    checks = [*FILE_CHECKS, *RUN_CHECKS]
    if args.list:
        click.echo("\n  ".join(["Available checks:", *checks]))
        return 0
    if unknown := sorted(set(args.skip) - set(checks)):
        click.echo(f"Unknown names passed to --skip: {', '.join(unknown)}")
        return 1
    if args.path is None:
        parser.error("Say what to check: a file, or the folder of a run.")
    problems = _problems(args.path, args.skip)
    if not problems:
        click.echo("No problems found")
        return 0
    click.echo(f"Validation failed! {len(problems)} problems:")
    click.echo(str(ValidationError(problems)))
    return 1


def _problems(path: str, skip: Iterable[str]) -> list[Problem]:
    if Path(path).is_dir():
        click.echo(f"Checking run directory: {path}\n")
        return RunValidator(path, term_progress=True, skip_checks=skip).run_checks()
    click.echo(f"Checking file: {path}")
    file, problem = _open(path)
    return [problem] if file is None else FileValidator(file, skip).run_checks()


if __name__ == "__main__":
    sys.exit(main())
