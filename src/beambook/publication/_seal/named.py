"""Which files a notebook or a module names: what it reads, and modules that it imports."""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

__all__ = ["imported_modules", "named_files", "outside_files"]

PATH_MOST = 400
MOST_FILES = 1000


def named_files(start: Path, root: Path) -> set[str]:
    """Files below `root` that `start` names, and those that these name in their turn.

    Parameters
    ----------
    start : Path
        A notebook or module.
    root : Path

    Returns
    -------
    set of str
        Relative to `root`, without `start`.
    """
    found: set[Path] = set()
    open_ends = [start]
    while open_ends and len(found) < MOST_FILES:
        path = open_ends.pop()
        fresh = {f for f in _named(path) if _is_below(f, root)} - found - {start}
        found |= fresh
        open_ends += [each for each in fresh if each.suffix in (".py", ".ipynb")]
    return {str(path.relative_to(root)) for path in found}


def imported_modules(start: Path) -> set[str]:
    """Names of the modules that a notebook or module imports, without what is below them."""
    return {name.partition(".")[0] for name in _modules(_source(start)) if name}


def outside_files(start: Path, root: Path) -> list[str]:
    """Relative names in `start` of files that are there, but not below `root`."""
    inside = start.parent.resolve()
    said = (t for t in _strings(_source(start)) if t.startswith("..") and _can_be_path(t))
    files = {text for text in said if (inside / text).exists()}
    return sorted(text for text in files if not _is_below(inside / text, root))


def _is_below(path: Path, root: Path) -> bool:
    return path.resolve().is_relative_to(root.resolve()) and path.is_relative_to(root)


def _named(path: Path) -> Iterator[Path]:
    source = _source(path)
    for text in _strings(source):
        yield from _there(path.parent, text)
    for module in _modules(source):
        yield from _module(path.parent, module)


def _there(folder: Path, text: str) -> Iterator[Path]:
    """The file, all files of the folder, or those that fit the pattern, that `text` names."""
    if not _can_be_path(text):
        return
    try:
        plain = Path(os.path.normpath(folder / text))
        if plain.is_file():
            yield plain
        elif plain.is_dir() and text.strip("./"):
            yield from (each for each in plain.rglob("*") if each.is_file())
        elif re.search(r"[*?\[{]", text):
            pattern = re.sub(r"\{[^{}]*\}", "*", text)  # of an f-string
            yield from (each for each in folder.glob(pattern) if each.is_file())
    except (OSError, ValueError, NotImplementedError, IndexError):
        return


def _can_be_path(text: str) -> bool:
    bad = not text or len(text) > PATH_MOST or "\n" in text or "\0" in text
    return not bad and not text.startswith("/") and text.strip("./*") != ""


def _module(folder: Path, name: str) -> Iterator[Path]:
    place = folder.joinpath(*name.split("."))
    if place.with_suffix(".py").is_file():
        yield place.with_suffix(".py")
    top = folder / name.split(".")[0]
    if (top / "__init__.py").is_file():
        yield from (each for each in top.rglob("*.py") if each.is_file())


def _source(path: Path) -> str:
    """Code of a notebook or module; empty for what is neither."""
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
        if path.suffix != ".ipynb":
            return text if path.suffix == ".py" else ""
        document = json.loads(text)
        cells = document.get("cells") or document["worksheets"][0]["cells"]
        code = [c.get("source") or c.get("input") or "" for c in cells if c["cell_type"] == "code"]
    except (OSError, ValueError, LookupError, AttributeError, TypeError, RecursionError):
        return ""
    lines = ("".join(each) if isinstance(each, list) else str(each) for each in code)
    return "\n".join(lines)


def _plain(source: str) -> str:
    """Without the lines that only IPython understands."""
    return re.sub(r"^[ \t]*[%!?].*$", "", source, flags=re.M)


def _tree(source: str) -> ast.AST | None:
    try:
        return ast.parse(_plain(source))
    except (SyntaxError, ValueError, RecursionError):
        return None


def _strings(source: str) -> Iterator[str]:
    tree = _tree(source)
    if tree is None:
        yield from re.findall(r"[\"']([^\"'\n]+)[\"']", source)
    else:
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.JoinedStr):
                yield "".join(_piece(each) for each in node.values)
    yield from re.findall(r"^[ \t]*%(?:run|load) +(\S+)", source, flags=re.M)


def _piece(node: ast.expr) -> str:
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return str(node.value) if is_text and isinstance(node, ast.Constant) else "*"


def _modules(source: str) -> Iterator[str]:
    tree = _tree(source)
    if tree is None:
        yield from re.findall(r"^[ \t]*(?:from|import)[ \t]+([\w.]+)", source, flags=re.M)
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            yield from [base] if base else [alias.name for alias in node.names]
            yield from (f"{base}.{alias.name}" for alias in node.names if base)
