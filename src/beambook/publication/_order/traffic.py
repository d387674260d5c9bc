"""Files that a notebook writes and reads, as far as its code says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePath

from beambook.publication._verify.notebook import code_cells, source_of

__all__ = ["Traffic", "traffic_of"]

_WRITERS = re.compile(
    r"^(?:to_(?!datetime|numeric|numpy|list|dict|frame|string|timedelta)\w+|save\w*|dump|write\w*"
    r"|imsave|imwrite|mkdir|touch|export\w*)$"
)
_FILE = re.compile(r"^[^\n\0*?{}<>|]{1,200}\.\w{1,8}$")
_GLOBS = ("glob", "iglob", "rglob", "open_mfdataset")
ANYWHERE = "**/"
_MAGIC = re.compile(r"^[ \t]*[%!].*$", re.M)
HERE = PurePath()
_RUN = re.compile(r"^[ \t]*%run +[\"']?([^\"'\n]+?\.ipynb)", re.M)


@dataclass(frozen=True)
class Traffic:
    """Files that a notebook names.

    Attributes
    ----------
    writes, reads : frozenset of str
        Paths relative to the common folder; `reads` is all that is named but not written.
    patterns : frozenset of str
        Of files that are looked for, ``parts/*.csv``.
    """

    writes: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    patterns: frozenset[str] = frozenset()

    def looks_for(self, file: str) -> str:
        """The pattern that finds a file; empty if none does."""
        return next((each for each in sorted(self.patterns) if _matches(file, each)), "")


def _matches(file: str, pattern: str) -> bool:
    if ANYWHERE in pattern:
        return fnmatchcase(file, pattern.replace(ANYWHERE, "*"))
    return file.count("/") == pattern.count("/") and fnmatchcase(file, pattern)


def traffic_of(notebook: Path, folder: PurePath = HERE) -> Traffic:
    """Files that the code of a notebook names, by what is done with them.

    Parameters
    ----------
    notebook : Path
        Where its content is.
    folder : PurePath
        Its place in the common folder; names in its code start there.
    """
    writes: set[str] = set()
    reads: set[str] = set()
    patterns: set[str] = set()
    for _, _, cell in code_cells(notebook):
        source = source_of(cell)
        reads.update(_RUN.findall(source))
        tree = _tree(source)
        for text, written in _named(tree):
            (writes if written else reads).add(text)
        patterns.update(_looked_for(tree))
    anywhere = {pattern for pattern in patterns if pattern.startswith(ANYWHERE)}
    return Traffic(
        _from_root(writes, folder),
        _from_root(reads - writes, folder),
        _from_root(patterns - anywhere, folder) | anywhere,
    )


def _from_root(texts: set[str], folder: PurePath) -> frozenset[str]:
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


def _tree(source: str) -> ast.AST:
    """What a cell says; nothing where it is no Python."""
    try:
        return ast.parse(_MAGIC.sub("", source))
    except (SyntaxError, ValueError, RecursionError):
        return ast.Module([], [])


def _looked_for(tree: ast.AST) -> Iterator[str]:
    """Patterns of files that are looked for; those of a folder that is not known match in any."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or _name(call) not in _GLOBS:
            continue
        owner = getattr(call.func, "value", None)
        known = owner is None or getattr(owner, "id", "") in ("glob", "xr", "xarray")
        for node in call.args[:1]:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value if known else f"{ANYWHERE}{node.value}"


def _named(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """Texts that look like files, and whether they are written."""
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
    name = _name(call)
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


def _name(call: ast.Call) -> str:
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))
