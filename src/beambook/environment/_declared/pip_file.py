"""``requirements.txt``: names, versions, ``-r`` and ``-c``, and what people put in besides."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from beambook.environment._declared.conda import from_spec
from beambook.environment._declared.found import Found, confined, read_text

__all__ = ["of_lines", "read_requirements"]

INCLUDE = re.compile(r"(?:-r|--requirement)[ =]?\s*(\S+)$")
CONSTRAIN = re.compile(r"(?:-c|--constraint)[ =]?\s*(\S+)$")
EDITABLE = re.compile(r"(?:-e|--editable)[ =]?\s*(.+)$")
HARMLESS = ("--hash", "--pre", "--no-binary", "--only-binary", "--prefer-binary", "--no-deps")
# where conda builds its packages: `pip freeze` in a conda environment says so
CONDA_BUILT = re.compile(
    r"file:///(?:tmp/build|croot|opt/conda/conda-bld|home/conda/feedstock_root|home/builder"
    r"|Users/runner/miniforge3|Users/ktietz|private/tmp/build|work/ci|C:/ci|D:/bld|b/abs_)"
)
DEPTH = 8


def read_requirements(path: Path, root: Path, *, depth: int = 0) -> Found:
    """A requirements file with those that it includes, none from outside of `root`.

    Raises
    ------
    EnvironmentProblem
        When a file cannot be read.
    """
    name = path.name if path.parent == root else path.relative_to(root).as_posix()
    return Found(files=(name,)) + of_lines(read_text(path), path.parent, root, depth=depth)


def of_lines(text: str, folder: Path, root: Path, *, depth: int = 0) -> Found:
    """What the lines of a requirements file say; paths begin in `folder`."""
    found = Found()
    for line in _logical(text):
        found += _line(line, folder, root, depth)
    return found


def _logical(text: str) -> Iterator[str]:
    """Lines without comments, continued ones put together."""
    for line in text.replace("\\\r\n", " ").replace("\\\n", " ").splitlines():
        plain = re.sub(r"(^|\s)#.*$", "", line).strip()
        if plain:
            yield plain


def _line(line: str, folder: Path, root: Path, depth: int) -> Found:
    if match := INCLUDE.match(line):
        return _included(match[1], line, folder, root, depth)
    if match := CONSTRAIN.match(line):
        found = _included(match[1], line, folder, root, depth)
        return Found(found.files, (), found.requirements, "", found.unhonoured)
    if EDITABLE.match(line):
        return Found(unhonoured=(f"{line}: source code is not built",))
    if line.startswith("-"):
        if line.startswith(HARMLESS):
            return Found()
        return Found(unhonoured=(f"{line}: only the index that this machine is set to is asked",))
    return _requirement(re.split(r"\s+--", line)[0].strip())


def _included(name: str, line: str, folder: Path, root: Path, depth: int) -> Found:
    path = folder / name
    if "://" in name or not confined(path, root):
        return Found(unhonoured=(f"{line}: a file from outside of the folder",))
    if depth >= DEPTH or not path.is_file():
        reason = "it includes itself" if depth >= DEPTH else "there is no such file"
        return Found(unhonoured=(f"{line}: {reason}",))
    return read_requirements(
        root / path.resolve().relative_to(root.resolve()), root, depth=depth + 1
    )


def _requirement(text: str) -> Found:
    try:
        wanted = Requirement(text)
    except InvalidRequirement:
        return _not_pips(text)
    if wanted.url is None:
        return Found(requirements=(str(wanted),))
    if CONDA_BUILT.match(wanted.url):
        return Found(
            requirements=(wanted.name,),
            unhonoured=(f"{text[:100]}: conda's build; its version is not said",),
        )
    return Found(unhonoured=(f"{text[:100]}: not from a package index",))


def _not_pips(text: str) -> Found:
    """``conda list --export`` writes ``numpy=1.16.4=py37_0`` into a file of this name."""
    if re.match(r"[\w.-]+=[\w.*]+(=\w+)?$", text):
        return from_spec(text)
    if re.match(r"(git|hg|svn|bzr)\+|https?://|file:|\.{0,2}/|\w:\\", text):
        return Found(unhonoured=(f"{text[:100]}: not from a package index",))
    return Found(unhonoured=(f"{text[:100]!r} is no requirement",))
