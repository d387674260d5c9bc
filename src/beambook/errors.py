"""The tree of errors.

Each error is also a subclass of the builtin that users expect, so that
``except KeyError`` goes on working::

    BeambookError
    ├── NameNotFound            KeyError           a name that is not there; close names are offered
    │   ├── SourceNotFound                         run["SOURCE"]
    │   ├── KeyNotFound                            run["SOURCE", "key"]
    │   ├── AliasNotFound                          run["alias"]
    │   ├── TrainNotFound                          by_id[...]
    │   ├── ParameterNotFound                      beambook run NOTEBOOK nmae=1
    │   ├── ConstantNotFound                       no calibration constant for these conditions
    │   └── RecipeNotFound                         beambook run recpie
    ├── RunNotFound             FileNotFoundError  no such proposal, run, file, execution or job
    ├── ParameterError          ValueError         a wrong type, a value out of range, a missing one
    ├── DataError               ValueError         what is in the files does not fit together
    │   ├── DamagedFile                            truncated, half-written, not HDF5
    │   └── AlignmentError                         channels without a common train or pulse
    ├── NotebookError           ValueError         not a notebook, no kernel, no parameters cell
    ├── ExecutionError          RuntimeError       an execution that did not end well
    ├── JobError                RuntimeError       a cluster that refuses, or does not answer
    ├── ReportError             RuntimeError       a report that could not be made
    ├── EnvironmentProblem      RuntimeError       software that cannot be had as it was
    ├── PublicationError        ValueError         no publication, refused, or changed
    └── MissingPackage          ImportError        an optional package is not installed

``exit_code`` is what the command line ends with: 2 for a user's mistake
(a name, a value), 1 for work that failed.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar

__all__ = [
    "AliasNotFound",
    "AlignmentError",
    "BeambookError",
    "ConstantNotFound",
    "DamagedFile",
    "DataError",
    "EnvironmentProblem",
    "ExecutionError",
    "JobError",
    "KeyNotFound",
    "MissingPackage",
    "NameNotFound",
    "NotebookError",
    "ParameterError",
    "ParameterNotFound",
    "PublicationError",
    "RecipeNotFound",
    "ReportError",
    "RunNotFound",
    "SourceNotFound",
    "TrainNotFound",
]


class BeambookError(Exception):
    """Everything that beambook raises on purpose.

    Parameters
    ----------
    message : str
        One line: what was asked, and what is wrong with it.
    hint : str, optional
        What to do next.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message


class NameNotFound(BeambookError, KeyError):
    """A name that is not there, with the closest names that are.

    Parameters
    ----------
    name : str
        What was asked for.
    existing : iterable of str
        What exists; searched only when the message is shown.
    where : str, optional
        The thing that was searched, as a person would call it.
    hint : str, optional
        What to do next.
    """

    exit_code: ClassVar[int] = 2
    kind: ClassVar[str] = "name"

    def __init__(
        self, name: object, existing: Iterable[str] = (), *, where: str = "", hint: str = ""
    ) -> None:
        super().__init__(str(name), hint=hint)
        self.name = str(name)
        self.existing = existing
        self.where = where

    def __str__(self) -> str:
        names = list(self.existing)
        text = f"No {self.kind} {self.name!r}" + (f" in {self.where}" if self.where else "")
        if close := close_names(self.name, names):
            text += f"; did you mean {' or '.join(map(repr, close))}?"
        elif 0 < len(names) <= 8:
            text += f"; there {'are' if len(names) > 1 else 'is'} {', '.join(sorted(names))}."
        else:
            text += f"; {len(names)} others exist." if names else "."
        return f"{text} {self.hint}" if self.hint else text


class SourceNotFound(NameNotFound):
    """``run["SOURCE"]`` names a source that the run does not have."""

    kind = "source"


class KeyNotFound(NameNotFound):
    """``run["SOURCE", "key"]`` names a key that the source does not have."""

    kind = "key"


class AliasNotFound(NameNotFound):
    """A short name that no alias file defines."""

    kind = "alias"


class TrainNotFound(NameNotFound):
    """A train id that is not in the run or selection."""

    kind = "train"


class ParameterNotFound(NameNotFound):
    """A value was given for a parameter that the notebook does not declare."""

    kind = "parameter"


class ConstantNotFound(NameNotFound):
    """No calibration constant of this kind for a module, these conditions and this time."""

    exit_code = 1
    kind = "constant"


class RecipeNotFound(NameNotFound):
    """Neither a shipped recipe nor a notebook file has this name."""

    kind = "recipe"


class RunNotFound(BeambookError, FileNotFoundError):
    """No such proposal, run, file, execution or job."""

    exit_code: ClassVar[int] = 2


class ParameterError(BeambookError, ValueError):
    """A parameter's value has the wrong type, is out of range, or is missing."""

    exit_code: ClassVar[int] = 2


class DataError(BeambookError, ValueError):
    """What is in the files does not fit together."""


class DamagedFile(DataError):
    """A file that is truncated, half-written or not what it says it is."""


class AlignmentError(DataError):
    """Channels that have no train or no pulse in common."""


class NotebookError(BeambookError, ValueError):
    """A file that is no notebook, or one that cannot be executed as it is."""

    exit_code: ClassVar[int] = 2


class ExecutionError(BeambookError, RuntimeError):
    """An execution that did not end well."""


class JobError(BeambookError, RuntimeError):
    """A cluster that refuses work, or does not answer."""


class ReportError(BeambookError, RuntimeError):
    """A report that could not be made."""


class EnvironmentProblem(BeambookError, RuntimeError):
    """Software that cannot be frozen, or cannot be had again as it was."""


class PublicationError(BeambookError, ValueError):
    """Not a publication, one that is refused, or one that was changed since it was sealed."""


class MissingPackage(BeambookError, ImportError):
    """An optional package is not installed."""

    exit_code: ClassVar[int] = 2


def close_names(name: str, names: Iterable[str], *, most: int = 3) -> list[str]:
    """At most three of `names` that look like `name`, the closest first; case is ignored."""
    by_lower: dict[str, str] = {}
    for each in names:
        by_lower.setdefault(each.lower(), each)
    return [by_lower[n] for n in get_close_matches(name.lower(), by_lower, most, 0.6)]
