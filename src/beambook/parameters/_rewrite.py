"""New values in the text of a cell, and not a byte more."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from beambook.parameters._code import to_code
from beambook.parameters._declare import Declaration, Statement
from beambook.parameters._source import Source

__all__ = ["rewrite"]


class _Code(str):
    """Code that stands for a value: nbparameterise writes what ``repr`` gives it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def rewrite(source: Source, statements: Iterable[Statement], values: Mapping[str, Any]) -> str:
    """The cell's text with other values.

    nbparameterise puts in what it knows (numbers, texts, bools, lists, dicts); what
    it passes over, and comments inside a value, are seen to here.

    Parameters
    ----------
    source : Source
    statements : iterable of Statement
        The assignments of the cell.
    values : mapping of str to object
        Only the values that change.

    Returns
    -------
    str
    """
    text = source.text
    for statement in sorted(statements, key=lambda each: each.span, reverse=True):
        codes = {
            each.name: to_code(values[each.name], statement.names)
            for each in statement.declarations
            if each.name in values
        }
        if codes:
            first, last = statement.span
            text = text[:first] + _restate(source, statement, codes).encode() + text[last:]
    return text.decode()


def _restate(source: Source, statement: Statement, codes: Mapping[str, str]) -> str:
    if statement.chained and len({*codes.values()}) + (len(codes) < len(statement.targets)) > 1:
        return _unchain(source, statement, codes)
    if len(statement.declarations) == 1 and not _comments_in(source, statement.declarations[0]):
        first, last = statement.span
        old = source.text[first:last].decode()
        if (new := _by_nbparameterise(old, codes)) is not None:
            return new
    return _splice(source, statement, codes)


def _by_nbparameterise(text: str, codes: Mapping[str, str]) -> str | None:
    """The statement as nbparameterise rewrites it, None if it does not know such a value."""
    from nbparameterise import Parameter
    from nbparameterise.code_drivers import python

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a "\d" in the old value
        if not list(python.extract_definitions(text)):
            return None
        definitions = {name: Parameter(name, str, _Code(code)) for name, code in codes.items()}
        return str(python.build_definitions(definitions, prev_code=text))


def _splice(source: Source, statement: Statement, codes: Mapping[str, str]) -> str:
    begin, end = statement.span
    text = source.text
    spans = {each.span: each for each in statement.declarations if each.name in codes}
    for (first, last), each in sorted(spans.items(), reverse=True):
        if first == last:  # a bare annotation
            new = f" = {codes[each.name]}"
        else:
            new = _with_comments(codes[each.name], _comments_in(source, each))
        text = text[:first] + new.encode() + text[last:]
    return text[begin : len(text) - (len(source.text) - end)].decode()


def _with_comments(code: str, comments: list[str]) -> str:
    """The value, with the comments that stood between its lines kept above it."""
    if not comments:
        return code
    return "(  " + "\n    ".join([*comments, code]) + "\n)"


def _comments_in(source: Source, declaration: Declaration) -> list[str]:
    return [comment.text.rstrip() for comment in source.comments_within(*declaration.span)]


def _unchain(source: Source, statement: Statement, codes: Mapping[str, str]) -> str:
    """``a = b = 1`` with another a: ``a = 2; b = 1``."""
    first, last = statement.declarations[0].span
    old = source.text[first:last].decode()
    old = f"({old})" if "\n" in old or "\r" in old else old
    return "; ".join(
        f"{each.name} = {codes.get(each.name, old)}" for each in statement.declarations
    )
