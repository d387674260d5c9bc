"""A cell's text as Python: magics tolerated, comments kept, places known to the byte."""

from __future__ import annotations

import ast
import re
import warnings
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

from beambook.errors import NotebookError

__all__ = ["Comment", "Source", "read_source"]

_END = rb"(?:\r\n|\r|\n)"
_TOKEN = re.compile(
    rb'(?P<string>"""(?:\\.|[^\\])*?"""|' + rb"'''(?:\\.|[^\\])*?'''"
    rb"|" + rb'"(?:\\(?:\r\n|.)|[^"\\\r\n])*"?' + rb"|'(?:\\(?:\r\n|.)|[^'\\\r\n])*'?)"
    rb"|(?P<comment>\#[^\r\n]*)"
    rb"|(?P<join>\\" + _END + rb")"
    rb"|(?P<newline>" + _END + rb")"
    rb"|(?P<open>[\[({])|(?P<close>[\])}])"
    rb"|(?P<other>[^\"'\#\\\r\n\[({\])}]+|.)",
    re.DOTALL,
)
# What IPython would not give to Python: %line, !command, ?help, help?, x = !command, x = %magic
_MAGIC = re.compile(
    rb"[ \t]*(?:[%!?]|[\w., \t\[\]'\"()]+=[ \t]*[!%]|%{0,2}[\w.*]+\?{1,2}[ \t]*;?(?=[\r\n]|\Z))"
    rb"(?:\\(?:\r\n|.)|[^\r\n\\])*",
    re.DOTALL,
)
_CELL_MAGIC = re.compile(r"\s*%%(\w*)")
# Cell magics that run their body in the notebook's own namespace
_TRANSPARENT = frozenset({"capture", "memit", "mprun", "prun", "snakeviz", "time", "timeit"})
_ASSIGNMENT = re.compile(rb"\s*[^\W\d][\w\s,]*(?::[^=]+)?=(?!=)")
_TRIES = 20


@dataclass(frozen=True)
class Comment:
    """One comment: its line (from 1), its first byte, its text with the hash."""

    line: int
    start: int
    text: str
    alone: bool


@dataclass(frozen=True)
class Source:
    """A cell that was understood.

    Attributes
    ----------
    text : bytes
        The cell as it is, UTF-8.
    tree : ast.Module
        Its syntax tree; magics stand in it as the expression ``0``.
    comments : tuple of Comment
    """

    text: bytes
    tree: ast.Module
    comments: tuple[Comment, ...]
    starts: tuple[int, ...]

    def span(self, node: ast.stmt | ast.expr) -> tuple[int, int]:
        """First byte of a node and the one after its last."""
        first = self.starts[node.lineno - 1] + node.col_offset
        last = self.starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        return first, last

    def segment(self, node: ast.stmt | ast.expr) -> str:
        """Text of a node."""
        return self.text[slice(*self.span(node))].decode()

    @cached_property
    def by_line(self) -> dict[int, list[Comment]]:
        """Comments by the line they are on."""
        lines: dict[int, list[Comment]] = {}
        for comment in self.comments:
            lines.setdefault(comment.line, []).append(comment)
        return lines

    def comments_within(self, first: int, last: int) -> list[Comment]:
        """Comments that begin between two bytes."""
        lines = range(bisect_right(self.starts, first), bisect_right(self.starts, last) + 1)
        near = (comment for line in lines for comment in self.by_line.get(line, ()))
        return [comment for comment in near if first <= comment.start < last]


def read_source(text: str) -> Source:
    r"""Read a code cell.

    Magics (``%matplotlib inline``, ``!ls``, ``x = !ls``, ``np.mean?``, ``%%time``) and
    other lines that only IPython understands (``pip install numpy``) are passed over.

    Parameters
    ----------
    text : str

    Returns
    -------
    Source

    Raises
    ------
    NotebookError
        If the cell is not Python: a cell magic for another language, or a syntax error.

    Examples
    --------
    >>> source = read_source("%matplotlib inline\nrun = 487  # the run")
    >>> source.comments[0].text, source.segment(source.tree.body[1])
    ('# the run', 'run = 487')
    """
    if (magic := _CELL_MAGIC.match(text)) and magic[1] not in _TRANSPARENT:
        raise NotebookError(f"the cell is for %%{magic[1]}")
    try:
        raw = text.encode()
        scanner = _Scanner(raw)
        tree = _parse(raw, scanner)
    except SyntaxError as error:
        raise NotebookError(f"line {error.lineno}: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise NotebookError(str(error) or type(error).__name__) from error
    return Source(raw, tree, tuple(scanner.comments), tuple(scanner.starts))


class _Scanner:
    """Logical lines, comments and magics of a cell, from its strings and brackets alone."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.starts = [0, *(end.end() for end in re.finditer(_END, text))]
        self.comments: list[Comment] = []
        self.magics: list[tuple[int, int]] = []
        self.lines: list[tuple[int, int]] = []
        begin = 0
        while begin < len(text):
            magic = _MAGIC.match(text, begin)
            end = magic.end() if magic else self._logical_line(begin)
            (self.magics if magic else self.lines).append((begin, end))
            newline = re.compile(_END).match(text, end)
            begin = newline.end() if newline else end

    def _logical_line(self, position: int) -> int:
        depth = 0
        while token := _TOKEN.match(self.text, position):
            if token.lastgroup == "newline" and depth <= 0:
                break
            depth += (token.lastgroup == "open") - (token.lastgroup == "close")
            if token.lastgroup == "comment":
                self.comments.append(self._comment(token.start(), token[0]))
            position = token.end()
        return position

    def _comment(self, start: int, text: bytes) -> Comment:
        line = bisect_right(self.starts, start)
        alone = not self.text[self.starts[line - 1] : start].strip()
        return Comment(line, start, text.decode(), alone)


def _parse(raw: bytes, scanner: _Scanner) -> ast.Module:
    masked = raw
    for span in scanner.magics:
        masked = _without(masked, span)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "\d" in somebody's notebook is not our business
        for _ in range(_TRIES):
            try:
                return ast.parse(masked.decode())
            except SyntaxError as error:
                span = _line_at(scanner, error.lineno or 0)
                line = masked[slice(*span)]
                if not line.strip(b" \t0") or _ASSIGNMENT.match(line):
                    raise
                masked = _without(masked, span)
    raise SyntaxError("too many lines that are not Python", ("", 1, 1, "", 1, 1))


def _line_at(scanner: _Scanner, number: int) -> tuple[int, int]:
    start = scanner.starts[min(max(number, 1), len(scanner.starts)) - 1]
    return next((span for span in scanner.lines if span[0] <= start <= span[1]), (0, 0))


def _without(text: bytes, span: tuple[int, int]) -> bytes:
    """The text with a logical line replaced by ``0``; no byte moves."""
    old = text[slice(*span)]
    blank = re.sub(rb"[^\r\n]", b" ", old)
    indent = len(old) - len(old.lstrip(b" \t"))
    new = blank[:indent] + b"0" + blank[indent + 1 :]
    return text[: span[0]] + new + text[span[1] :]
