"""A guess at what notebooks need, from what they import; for those that say nothing else."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path

from beambook.environment._declared.declared import Declared
from beambook.environment._declared.found import entries, mapping, read_text
from beambook.environment._declared.names import of_import
from beambook.environment._package import canonical
from beambook.errors import EnvironmentProblem
from beambook.parameters._looks import looks_of

__all__ = ["guess_requirements"]

_INSTALL = re.compile(r"^\s*[!%]\s*(?:\{?sys\.executable\}? -m )?(?:pip3?|conda) install\s+(.+)$")
_NAME = re.compile(r"[A-Za-z][\w.-]*(?:\[[\w,]+\])?(?:[<>=!~]=?[\w.*]+)?$")
# the modules of the standard library that later versions have no more
GONE = {"distutils", "imp", "asynchat", "asyncore", "smtpd", "cgi", "cgitb", "crypt", "pipes"}
# a module that is used without being imported, by what imports it
NEEDED_BY = {"pandas": {"read_excel": "openpyxl", "read_hdf": "tables", "read_parquet": "pyarrow"}}


def guess_requirements(notebooks: Iterable[str | PathLike[str]]) -> Declared:
    """Distributions that bring what notebooks import, and what they install themselves.

    Modules that lie beside a notebook are its own. The versions are anybody's guess: the
    Python and the date that the notebooks' outputs tell of narrow them.

    Parameters
    ----------
    notebooks : iterable of path
        ``.ipynb`` or ``.py``.

    Returns
    -------
    Declared
        With ``guessed`` set.

    Raises
    ------
    EnvironmentProblem
        When the only notebook cannot be read; of several it is told in ``unhonoured``.

    Examples
    --------
    >>> guess_requirements(["paper/figure1.ipynb"]).requirements   # doctest: +SKIP
    ('ipykernel', 'matplotlib', 'numpy', 'scikit-learn')
    """
    wanted: dict[str, str] = {}
    strange: set[str] = set()
    paths = [Path(each) for each in notebooks]
    for path in paths:
        try:
            sources = list(_sources(path))
        except EnvironmentProblem as problem:
            if len(paths) == 1:
                raise
            strange.add(f"{path.name}: nothing is guessed from it: {problem.message}")
            continue
        for module in _modules("\n".join(map(_plain, sources))):
            if _is_own(module, path.parent):
                continue
            name = of_import(module)
            if name:
                wanted.setdefault(canonical(name), name)
            else:
                strange.add(f"{module}: not on PyPI")
        for source in sources:
            for each in _installed(source):
                wanted[canonical(re.split(r"[\[<>=!~]", each)[0])] = each
    return Declared(
        files=(),
        requirements=tuple(sorted(wanted.values(), key=str.lower)),
        optional=tuple(wanted),
        unhonoured=tuple(sorted(strange)),
        guessed=True,
    ).hinted(paths)


def _sources(path: Path) -> Iterator[str]:
    text = read_text(path)
    if path.suffix == ".py":
        yield text
        return
    try:
        document = mapping(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise EnvironmentProblem(f"{path} is no notebook: {looks_of(path)}") from error
    sheets = (document, *entries(document.get("worksheets")))  # format 3 has worksheets
    for cell in (cell for sheet in sheets for cell in entries(sheet.get("cells"))):
        source = cell.get("source", cell.get("input"))
        if cell.get("cell_type") == "code" and isinstance(source, str | list):
            yield "".join(map(str, source))


def _plain(source: str) -> str:
    """Python alone: no magics, and nothing of a cell in another language."""
    if source.lstrip().startswith("%%"):
        head, _, rest = source.lstrip().partition("\n")
        return _plain(rest) if head[2:].split(" ")[0] in ("time", "timeit", "capture") else ""
    lines = [re.sub(r"^(\s*)[%!].*", r"\1pass", line) for line in source.splitlines()]
    text = "\n".join(lines)
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        # Python 2, or a broken cell: its imports are still lines of their own
        return "\n".join(line.strip() for line in lines if _parses(line.strip()))
    return text


def _parses(line: str) -> bool:
    if not line.startswith(("import ", "from ")):
        return False
    try:
        ast.parse(line)
    except (SyntaxError, ValueError):
        return False
    return True


def _modules(text: str) -> Iterator[str]:
    """Top-level names of all imports that are not Python's own."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    found: set[str] = set()
    used: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
        elif isinstance(node, ast.Attribute):
            used.add(node.attr)
    for module, needs in NEEDED_BY.items():
        if module in found:
            found |= {needs[name] for name in needs.keys() & used}
    yield from sorted(found - set(sys.stdlib_module_names) - GONE - {"__future__"})


def _is_own(module: str, folder: Path) -> bool:
    return (folder / f"{module}.py").is_file() or (folder / module).is_dir()


def _installed(source: str) -> Iterator[str]:
    """What ``!pip install`` in a notebook names."""
    for line in source.splitlines():
        if match := _INSTALL.match(line):
            words = match[1].split("#")[0].replace('"', "").replace("'", "").split()
            yield from (word for word in words if _NAME.fullmatch(word))
