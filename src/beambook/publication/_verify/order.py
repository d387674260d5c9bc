"""In which order notebooks depend on each other, read from their code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from beambook.publication._verify.notebook import code_cells, source_of

__all__ = ["Traffic", "in_order", "requirements_of", "traffic_of"]

_WRITERS = re.compile(
    r"^(?:to_(?!datetime|numeric|numpy|list|dict|frame|string|timedelta)\w+|save\w*|dump|write\w*"
    r"|imsave|imwrite|mkdir|touch|export\w*)$"
)
_FILE = re.compile(r"^[^\n\0*?{}<>|]{1,200}\.\w{1,8}$")
_MAGIC = re.compile(r"^[ \t]*[%!].*$", re.M)
_RUN = re.compile(r"^[ \t]*%run +[\"']?([^\"'\n]+?\.ipynb)", re.M)
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Traffic:
    """Files that a notebook names.

    Attributes
    ----------
    writes, reads : frozenset of str
        Paths relative to the common folder; `reads` is all that is named but not written.
    """

    writes: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()


def in_order(root: Path, paths: Sequence[Path]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Notebooks in the order of their dependencies, each with those that it needs.

    One needs another when it names a file that the other writes; where nothing says so they
    are in the order of their names, numbers in them counted (``2-fit`` before ``10-plot``).

    Parameters
    ----------
    root : Path
        The folder that they have in common.
    paths : sequence of Path

    Returns
    -------
    tuple of (str, tuple of str)
        Paths relative to `root`.
    """
    names = sorted((path.relative_to(root).as_posix() for path in paths), key=_natural)
    traffic = {name: traffic_of(root / name, root) for name in names}
    needs = requirements_of(traffic)
    done: list[str] = []
    while len(done) < len(names):  # of those that can be next, always the first by name
        ready = [n for n in names if n not in done and set(needs[n]) <= set(done)]
        done.append(ready[0])
    return tuple((name, needs[name]) for name in done)


def requirements_of(traffic: Mapping[str, Traffic]) -> dict[str, tuple[str, ...]]:
    """Which notebooks each notebook needs; what would close a circle is left out."""
    needs: dict[str, tuple[str, ...]] = dict.fromkeys(traffic, ())
    for name, mine in traffic.items():
        for other, theirs in traffic.items():
            shared = (theirs.writes & mine.reads) or other in mine.reads
            if other != name and shared and not _closes_circle(needs, name, other):
                needs[name] = (*needs[name], other)
    return needs


def _closes_circle(needs: Mapping[str, tuple[str, ...]], name: str, other: str) -> bool:
    try:
        TopologicalSorter({**needs, name: (*needs[name], other)}).prepare()
    except CycleError:
        return True
    return False


def traffic_of(notebook: Path, root: Path) -> Traffic:
    """Files that the code of a notebook names, by what is done with them."""
    writes: set[str] = set()
    reads: set[str] = set()
    for _, _, cell in code_cells(notebook):
        source = source_of(cell)
        reads.update(_RUN.findall(source))
        for text, written in _named(source):
            (writes if written else reads).add(text)
    folder = notebook.parent.relative_to(root)
    return Traffic(_from_root(writes, folder), _from_root(reads - writes, folder))


def _from_root(texts: set[str], folder: Path) -> frozenset[str]:
    """Relative to the common folder; what is absolute or leads out of it does not count."""
    found = set()
    for text in texts:
        parts: list[str] = [] if text.startswith("/") else [*folder.parts]
        for part in Path(text).parts:
            if part == ".." and parts:
                parts.pop()
            elif part not in (".", "/"):
                parts.append(part)
        found.add("/".join(parts))
    return frozenset(found)


def _named(source: str) -> Iterator[tuple[str, bool]]:
    """Texts that look like files, and whether they are written."""
    try:
        tree = ast.parse(_MAGIC.sub("", source))
    except (SyntaxError, ValueError, RecursionError):
        return
    written = {id(node) for call in ast.walk(tree) for node in _written_by(call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value.strip()
            if _FILE.match(text) and not text.startswith(("http:", "https:")):
                yield text, id(node) in written


def _written_by(node: ast.AST) -> Iterator[ast.AST]:
    """Nodes below a call that writes."""
    if isinstance(node, ast.Call) and _writes(node):
        for part in (node.func, *node.args, *(keyword.value for keyword in node.keywords)):
            yield from ast.walk(part)


def _writes(call: ast.Call) -> bool:
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    if name in ("open", "File", "Dataset", "ZipFile"):
        texts = [*call.args[1:], *(k.value for k in call.keywords if k.arg == "mode")]
        modes = [t.value for t in texts if isinstance(t, ast.Constant) and isinstance(t.value, str)]
        modes += [  # Path("x").open("w")
            a.value for a in call.args[:1]
            if isinstance(call.func, ast.Attribute) and isinstance(a, ast.Constant)
            and isinstance(a.value, str) and len(a.value) <= 3
        ]  # fmt: skip
        return any(set(mode) & set("wax") and len(mode) <= 3 for mode in modes)
    return bool(_WRITERS.match(name))


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """A key by which ``10`` comes after ``2``."""
    parts = _DIGITS.split(name.lower())
    return [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]
