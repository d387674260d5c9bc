"""Assignments of a cell that declare parameters."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from beambook.parameters._constant import Names, NotConstant, evaluate
from beambook.parameters._source import Comment, Source
from beambook.parameters._type import read_annotation

__all__ = ["NOTHING", "Declaration", "Statement", "find_statements"]

NOTHING: Any = type("Nothing", (), {"__repr__": lambda self: "NOTHING"})()
_TYPE_COMMENT = re.compile(
    r"(?:^|(?<=; ))type:\s*([\w.]+\[[^#;]*\]|[\w.| ]+?)\s*(?:$|#\s*|;\s*|(?<=\])\s+)"
)
_HEADING = re.compile(
    r"(?:(?:input|papermill|default|notebook)\s+)?(?:parameters?|inputs?|settings|config(?:uration)?)\W*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Declaration:
    """One name that gets a value, or only an annotation.

    Attributes
    ----------
    name : str
    value : object
        The constant; `NOTHING` after a bare annotation.
    span : tuple of int
        First byte of the value's text and the one after its last; where to put one
        if there is none.
    annotation : ast.expr or None
    comment : str
        Without hashes.
    """

    name: str
    value: Any
    span: tuple[int, int]
    annotation: ast.expr | None = None
    comment: str = ""


@dataclass(frozen=True)
class Statement:
    """An assignment at the top of the cell.

    Attributes
    ----------
    declarations : tuple of Declaration
        More than one in ``a = b = 1`` and ``a, b = 1, 2``; none if the value is computed.
    targets : tuple of str
        All names that it binds.
    span : tuple of int
    line : int
    names : Names
        What is imported before it.
    """

    declarations: tuple[Declaration, ...]
    targets: tuple[str, ...]
    span: tuple[int, int]
    line: int
    names: Names = field(default_factory=Names)

    @property
    def chained(self) -> bool:
        """Whether several names share one value."""
        spans = [declaration.span for declaration in self.declarations]
        return len(spans) > 1 and spans[0] == spans[1]


def find_statements(source: Source, names: Names) -> Iterator[Statement]:
    """Go through the assignments at the top level of a cell.

    Parameters
    ----------
    source : Source
    names : Names
        What earlier cells import; is read on as the cell goes on.

    Yields
    ------
    Statement
    """
    for node in source.tree.body:
        pairs = _pairs(node)
        if pairs is not None and isinstance(node, ast.Assign | ast.AnnAssign):
            before = Names(_with_spellings(node, names))
            yield Statement(
                tuple(_declare(source, node, pairs, before)),
                tuple(_bound(node)),
                source.span(node),
                node.lineno,
                before,
            )
        names.read([node])


_CLASSES = ("pathlib.Path", "datetime.date", "datetime.datetime")


def _with_spellings(node: ast.stmt, names: Names) -> dict[str, str]:
    """Known names, and the classes that the statement itself calls: they must be there."""
    known = dict(names.known)
    for each in ast.walk(node):
        if isinstance(each, ast.Call):
            full = names.resolve(each.func).removesuffix(".fromisoformat")
            full = "datetime.datetime" if full == "datetime" else full
            if full in _CLASSES:
                known.setdefault(ast.unparse(each.func).removesuffix(".fromisoformat"), full)
    return known


def _bound(node: ast.stmt) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
            yield each.id


def _pairs(node: ast.stmt) -> list[tuple[str, ast.expr | None]] | None:
    """Names with their value's expression; None if the statement assigns to no plain name."""
    if isinstance(node, ast.AnnAssign):
        return [(node.target.id, node.value)] if isinstance(node.target, ast.Name) else None
    if not isinstance(node, ast.Assign):
        return None
    names = [target.id for target in node.targets if isinstance(target, ast.Name)]
    if len(names) == len(node.targets):
        return [(name, node.value) for name in names]
    return _unpacked(node.targets[0], node.value) if len(node.targets) == 1 else []


def _unpacked(target: ast.expr, value: ast.expr) -> list[tuple[str, ast.expr | None]]:
    if not isinstance(target, ast.Tuple | ast.List) or not isinstance(value, ast.Tuple | ast.List):
        return []
    names = [each.id for each in target.elts if isinstance(each, ast.Name)]
    starred = any(isinstance(each, ast.Starred) for each in value.elts)
    if starred or not len(names) == len(target.elts) == len(value.elts):
        return []
    return list(zip(names, value.elts, strict=True))


def _declare(
    source: Source,
    node: ast.Assign | ast.AnnAssign,
    pairs: list[tuple[str, ast.expr | None]],
    names: Names,
) -> Iterator[Declaration]:
    annotation = node.annotation if isinstance(node, ast.AnnAssign) else None
    comment = _comment_of(source, node)
    if annotation is None and (match := _TYPE_COMMENT.search(comment)):
        annotation, comment = _read_type_comment(match, comment)
    for name, value in pairs:
        end = source.span(node)[1]
        if value is None:
            yield Declaration(name, NOTHING, (end, end), annotation, comment)
            continue
        try:
            constant = evaluate(value, names)
        except NotConstant:
            continue
        yield Declaration(name, constant, source.span(value), annotation, comment)


def _read_type_comment(match: re.Match[str], comment: str) -> tuple[ast.expr | None, str]:
    """``# type: List[int]  # help``, as papermill knows it."""
    try:
        node = ast.parse(match[1], mode="eval").body
    except (SyntaxError, ValueError):
        return None, comment
    rest = (comment[: match.start()] + comment[match.end() :]).strip(" ;")
    return (node, rest) if read_annotation(node)[0] else (None, comment)


def _comment_of(source: Source, node: ast.stmt) -> str:
    lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
    beside = [comment for line in lines for comment in source.by_line.get(line, ())]
    if beside:
        return _join("; " if len(beside) > 1 else "", beside)
    block: list[Comment] = []
    line = node.lineno - 1
    while source.by_line.get(line) and source.by_line[line][0].alone:
        block.insert(0, source.by_line[line][0])
        line -= 1
    told = _join(" ", [comment for comment in block if not _is_code(comment.text)])
    return "" if _HEADING.fullmatch(told) else told


def _join(glue: str, comments: list[Comment]) -> str:
    texts = [comment.text.lstrip("#!:").strip() for comment in comments]
    return glue.join(text for text in texts if re.search(r"\w", text))


def _is_code(comment: str) -> bool:
    """Whether a comment is an assignment that somebody switched off."""
    try:
        body = ast.parse(comment.lstrip("# ")).body
    except (SyntaxError, ValueError):
        return False
    return any(isinstance(node, ast.Assign | ast.AugAssign | ast.Import) for node in body)
