"""From an assignment to a parameter: what annotation, comment and metadata say together."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from beambook.errors import NotebookError
from beambook.parameters._comment import Note, read_comment
from beambook.parameters._declare import NOTHING, Declaration
from beambook.parameters._parameter import Parameter
from beambook.parameters._plain import NotFitting, plain
from beambook.parameters._text import read_text
from beambook.parameters._type import ANY, Type, infer_type, narrow, read_annotation, union
from beambook.parameters._unit import is_unit

__all__ = ["declare"]


def declare(declaration: Declaration, facts: Mapping[str, Any]) -> Parameter:
    """Make a parameter of an assignment, its annotation, its comment and metadata.

    Parameters
    ----------
    declaration : Declaration
    facts : mapping
        ``unit choices min max required help`` from the notebook's metadata; they win.

    Returns
    -------
    Parameter

    Raises
    ------
    NotebookError
        If the metadata are of the wrong type.
    """
    kind, told, keywords = _type_of(declaration)
    leaf = next((each for each in kind.leaves if each.kind != "none"), ANY)
    note = read_comment(
        "; ".join(filter(None, [*told, declaration.comment])),
        numeric=kind.numeric,
        convert=lambda text: read_text(text, leaf),
    )
    if note.ranges and kind == Type("list", (ANY,)):
        kind = Type("list", (Type("int"),))
    note = _with_facts(note, {**keywords, **facts}, declaration.name, leaf)
    if note.choices:
        kind = narrow(kind, note.choices)
    empty = declaration.value is NOTHING
    return Parameter(
        declaration.name,
        kind,
        None if empty else _default(declaration.value, kind),
        unit=note.unit,
        help=note.help,
        required=note.required or (empty and (kind == ANY or not kind.optional)),
        minimum=note.minimum,
        maximum=note.maximum,
        has_default=not empty,
    )


def _default(value: Any, kind: Type) -> Any:
    for each in (kind, infer_type(value)):
        try:
            return plain(value, each)
        except NotFitting:
            continue
    return value


def _type_of(declaration: Declaration) -> tuple[Type, list[str], dict[str, Any]]:
    """Type, and what ``Annotated`` says as words and as keywords."""
    inferred = ANY if declaration.value is NOTHING else infer_type(declaration.value)
    if declaration.annotation is None:
        return inferred, [], {}
    kind, extras = read_annotation(declaration.annotation)
    if kind == Type("none"):
        kind = ANY  # ``x: None = None`` says no more than ``x = None``
    elif kind is None or (kind.kind == inferred.kind and set(kind.items) == {ANY}):
        kind = inferred  # ``x: list = [1, 2]``
    elif declaration.value is None and not kind.optional:
        kind = union([kind, Type("none")])  # ``x: int = None``
    return kind, *_extras(extras)


def _extras(nodes: list[ast.expr]) -> tuple[list[str], dict[str, Any]]:
    words: list[str] = []
    keywords: dict[str, Any] = {}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            words.append(f"[{node.value}]" if is_unit(node.value) else node.value)
        for keyword in node.keywords if isinstance(node, ast.Call) else []:
            if keyword.arg and isinstance(keyword.value, ast.Constant):
                keywords[keyword.arg] = keyword.value.value
    return words, keywords


_FACTS: dict[str, tuple[tuple[str, ...], tuple[type[Any], ...]]] = {
    "unit": (("unit", "units"), (str,)),
    "help": (("help", "description"), (str,)),
    "required": (("required",), (bool,)),
    "minimum": (("min", "minimum", "ge"), (int, float)),
    "maximum": (("max", "maximum", "le"), (int, float)),
    "choices": (("choices", "enum"), (list, tuple)),
}


def _with_facts(note: Note, facts: Mapping[str, Any], name: str, leaf: Type) -> Note:
    changes: dict[str, Any] = {}
    for field, (words, types) in _FACTS.items():
        for word in words:
            fact: Any = facts.get(word)
            if fact is None:
                continue
            if not isinstance(fact, types) or (isinstance(fact, bool) and bool not in types):
                raise NotebookError(f"metadata of parameter {name!r}: {word} is {fact!r}")
            changes[field] = _choices(fact, name, leaf) if field == "choices" else fact
    return replace(note, **changes)


def _choices(values: Sequence[Any], name: str, leaf: Type) -> tuple[Any, ...]:
    try:
        found = tuple(plain(value, leaf) for value in values)
        hash(found)
    except (NotFitting, TypeError) as error:
        raise NotebookError(f"metadata of parameter {name!r}: choices: {error}") from error
    return found
