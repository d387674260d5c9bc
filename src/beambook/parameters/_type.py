"""What a parameter can be: a small set of types that notebooks, texts and JSON share."""

from __future__ import annotations

import ast
import datetime
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

__all__ = ["ANY", "Type", "infer_type", "narrow", "read_annotation", "union"]


@dataclass(frozen=True)
class Type:
    """A parameter's type.

    Attributes
    ----------
    kind : str
        ``any bool int float str path date datetime none``, a container ``list set dict``
        or ``tuple`` (any length), ``record`` (a tuple of fixed length), ``union``
        or ``literal``.
    items : tuple of Type
        What a container holds, or the alternatives of a union.
    choices : tuple
        The values of a literal.

    Examples
    --------
    >>> str(Type("union", (Type("list", (Type("int"),)), Type("none"))))
    'list[int] | None'
    """

    kind: str
    items: tuple[Type, ...] = ()
    choices: tuple[Any, ...] = ()

    def __str__(self) -> str:
        inside = [str(item) for item in self.items]
        if self.kind in {"union", "literal"}:
            return " | ".join(inside or map(repr, self.choices))
        name = {"path": "Path", "none": "None", "record": "tuple"}.get(self.kind, self.kind)
        if self.kind == "tuple":
            inside.append("...")
        return f"{name}[{', '.join(inside)}]" if inside else name

    @property
    def optional(self) -> bool:
        """Whether None is a value of this type."""
        return (
            self.kind in {"none", "any"}
            or (self.kind == "literal" and None in self.choices)
            or (self.kind == "union" and any(item.optional for item in self.items))
        )

    @property
    def leaves(self) -> tuple[Type, ...]:
        """The types at the bottom, e.g. int of ``list[int] | None``; values of a dict."""
        items = self.items[1:] if self.kind == "dict" else self.items
        return tuple(leaf for item in items for leaf in item.leaves) or (self,)

    @property
    def numeric(self) -> bool:
        """Whether numbers can be in it."""
        return any(
            leaf.kind in {"any", "int", "float"}
            or (leaf.kind == "literal" and any(map(is_number, leaf.choices)))
            for leaf in self.leaves
        )


ANY = Type("any")


def is_number(value: object) -> bool:
    """Whether a value is an int or a float, and no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def union(types: Iterable[Type]) -> Type:
    """The type of what is one of `types`.

    Examples
    --------
    >>> str(union([Type("int"), Type("none"), Type("int")]))
    'int | None'
    """
    flat = dict.fromkeys(
        each for item in types for each in (item.items if item.kind == "union" else (item,))
    )
    if ANY in flat or not flat:
        return ANY
    return Type("union", tuple(flat)) if len(flat) > 1 else next(iter(flat))


def narrow(kind: Type, choices: Sequence[Any]) -> Type:
    """`kind` with only `choices` at its bottom: ``list[str]`` to ``list['a' | 'b']``."""
    if kind.kind == "none":
        return kind
    if not kind.items:
        return Type("literal", choices=tuple(choices))
    keys = kind.items[:1] if kind.kind == "dict" else ()
    return Type(kind.kind, keys + tuple(narrow(item, choices) for item in kind.items[len(keys) :]))


# --------------------------------------------------------------------------- from a value

_BY_VALUE: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "bool"),
    (int, "int"),
    (float, "float"),
    (str, "str"),
    (PurePath, "path"),
    (datetime.datetime, "datetime"),
    (datetime.date, "date"),
)


def infer_type(value: Any) -> Type:
    """The type that a default speaks of, when nobody wrote an annotation.

    Parameters
    ----------
    value : object

    Returns
    -------
    Type
        None says nothing (``any``); a list of ints and floats is a list of floats.

    Examples
    --------
    >>> str(infer_type([1, 2.5])), str(infer_type({"a": (1, 2)})), str(infer_type(None))
    ('list[float]', 'dict[str, tuple[int, ...]]', 'any')
    """
    for python, kind in _BY_VALUE:
        if isinstance(value, python):
            return Type(kind)
    if isinstance(value, list | tuple | set | frozenset):
        kind = next(k for k in ("list", "tuple", "set") if type(value).__name__.endswith(k))
        return Type(kind, (_common(map(infer_type, value)),))
    if isinstance(value, dict):
        return Type("dict", (_common(map(infer_type, value)), _common(_types_in(value))))
    return ANY


def _types_in(value: dict[Any, Any]) -> list[Type]:
    return [infer_type(each) for each in value.values()]


def _common(types: Iterable[Type]) -> Type:
    found = set(types)
    if found == {Type("int"), Type("float")}:
        return Type("float")
    return found.pop() if len(found) == 1 else ANY


# ---------------------------------------------------------------------- from an annotation

_NAMES = {
    "bool": "bool",
    "int": "int",
    "float": "float",
    "str": "str",
    "None": "none",
    "NoneType": "none",
    "Any": "any",
    "object": "any",
    "Path": "path",
    "PurePath": "path",
    "PosixPath": "path",
    "PathLike": "path",
    "date": "date",
    "datetime": "datetime",
}
_CONTAINERS = {
    **dict.fromkeys(["list", "List", "Sequence", "MutableSequence", "Iterable"], "list"),
    **dict.fromkeys(["tuple", "Tuple"], "tuple"),
    **dict.fromkeys(["set", "Set", "frozenset", "FrozenSet", "AbstractSet"], "set"),
    **dict.fromkeys(["dict", "Dict", "Mapping", "MutableMapping"], "dict"),
}  # fmt: skip
_NUMPY = re.compile(r"(u?int|float|bool|str)(\d+|_)$")


def read_annotation(node: ast.expr) -> tuple[Type | None, list[ast.expr]]:
    """The type that an annotation names, and what ``Annotated`` adds to it.

    Parameters
    ----------
    node : ast.expr

    Returns
    -------
    type : Type or None
        None if the annotation is none of the types known here.
    extras : list of ast.expr
        What stands in ``Annotated[...]`` after the type.

    Examples
    --------
    >>> kind, extras = read_annotation(ast.parse("Annotated[float, 'eV'] | None").body[0].value)
    >>> str(kind), [e.value for e in extras]
    ('float | None', ['eV'])
    """
    extras: list[ast.expr] = []
    return _read(node, extras), extras


def _read(node: ast.expr, extras: list[ast.expr]) -> Type | None:
    if isinstance(node, ast.Constant):
        return _read_constant(node.value, extras)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union_of([node.left, node.right], extras)
    if isinstance(node, ast.Subscript):
        inside = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return _read_subscript(_last_name(node.value), inside, extras)
    name = _last_name(node)
    if name in _CONTAINERS:
        kind = _CONTAINERS[name]
        return Type(kind, (ANY, ANY) if kind == "dict" else (ANY,))
    if match := _NUMPY.match(name):
        return Type(match[1].removeprefix("u"))
    return Type(_NAMES[name]) if name in _NAMES else None


def _read_constant(value: object, extras: list[ast.expr]) -> Type | None:
    if value is None:
        return Type("none")
    try:
        return _read(ast.parse(str(value), mode="eval").body, extras)
    except (SyntaxError, ValueError):
        return None


def _read_subscript(name: str, inside: list[ast.expr], extras: list[ast.expr]) -> Type | None:
    if name == "Annotated":
        extras += inside[1:]
        return _read(inside[0], extras)
    if name in {"Final", "Required", "ReadOnly"}:
        return _read(inside[0], extras)
    if name == "Optional":
        return _union_of([inside[0], ast.Constant(None)], extras)
    if name == "Union":
        return _union_of(inside, extras)
    if name == "Literal":
        return _read_literal(inside)
    return _read_container(_CONTAINERS.get(name, ""), inside, extras)


def _read_container(kind: str, inside: list[ast.expr], extras: list[ast.expr]) -> Type | None:
    if kind == "tuple" and not (isinstance(inside[-1], ast.Constant) and inside[-1].value is ...):
        kind = "record"
    elif kind == "tuple":
        inside = inside[:-1]
    items = [_read(each, extras) or ANY for each in inside]
    if not kind or len(items) != {"dict": 2, "record": len(items)}.get(kind, 1):
        return None
    return Type(kind, tuple(items))


def _union_of(nodes: list[ast.expr], extras: list[ast.expr]) -> Type | None:
    types = [_read(node, extras) for node in nodes]
    known = [each for each in types if each]
    return union(known) if len(known) == len(types) else None


def _read_literal(nodes: list[ast.expr]) -> Type | None:
    try:
        values = tuple(ast.literal_eval(node) for node in nodes)
    except ValueError:
        return None
    plain = all(value is None or isinstance(value, bool | int | str) for value in values)
    return Type("literal", choices=values) if plain else None


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
