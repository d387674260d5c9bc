"""Expressions that are plain values, worked out without running anything."""

from __future__ import annotations

import ast
import datetime
import math
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Names", "NotConstant", "evaluate"]

_LARGEST = 10**300
_LONGEST = 10_000
_NUMBERS = {"nan": math.nan, "NaN": math.nan, "inf": math.inf, "pi": math.pi, "e": math.e}
_MODULES = {"math", "numpy", "np"}
_CALLS: dict[str, Callable[..., Any]] = {
    "pathlib.Path": Path,
    "pathlib.PurePath": Path,
    "pathlib.PosixPath": Path,
    "datetime.date": datetime.date,
    "datetime.datetime": datetime.datetime,
    "datetime.date.fromisoformat": datetime.date.fromisoformat,
    "datetime.datetime.fromisoformat": datetime.datetime.fromisoformat,
    "datetime.timedelta": datetime.timedelta,
    "datetime.timezone": datetime.timezone,
    "float": float,
    "set": set,
    "frozenset": set,
    "list": list,
    "tuple": tuple,
    "dict": dict,
}
# What a notebook means by a name that it does not import itself
_USUAL = {"Path": "pathlib.Path", "date": "datetime.date", "np": "numpy"}
_UNARY: dict[type, Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Invert: operator.invert,
}
_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitXor: operator.xor,
}


class NotConstant(Exception):
    """The expression needs a kernel to be worked out."""


@dataclass
class Names:
    """What imported names stand for at one place of a notebook.

    Examples
    --------
    >>> names = Names()
    >>> names.read(ast.parse("import datetime as dt").body)
    >>> names.spell("datetime.date"), names.spell("pathlib.Path")
    ('dt.date', None)
    """

    known: dict[str, str] = field(default_factory=dict)

    def read(self, nodes: Iterable[ast.AST]) -> None:
        """Note the imports in `nodes`, and the names that mean something else from there on."""
        for node in (each for top in nodes for each in ast.walk(top)):
            if isinstance(node, ast.Import):
                for name in node.names:
                    local = name.asname or name.name.partition(".")[0]
                    self.known[local] = name.name if name.asname else local
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for name in node.names:
                    self.known[name.asname or name.name] = f"{node.module}.{name.name}"
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self.known[node.id] = "?"
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                self.known[node.name] = "?"

    def resolve(self, node: ast.expr) -> str:
        """Full name of a dotted expression: ``dt.date`` is ``datetime.date``; else ``''``."""
        if isinstance(node, ast.Attribute):
            base = self.resolve(node.value)
            return f"{base}.{node.attr}" if base else ""
        if isinstance(node, ast.Name):
            return self.known.get(node.id) or _USUAL.get(node.id, node.id)
        return ""

    def spell(self, full: str) -> str | None:
        """How `full` can be written here, None if nothing of it is imported."""
        for local, name in self.known.items():
            if full == name or full.startswith(name + "."):
                return local + full[len(name) :]
        return None


def evaluate(node: ast.expr, names: Names) -> Any:
    """The value of an expression made of constants.

    Literals, arithmetic on them, ``Path(...)``, dates, ``float("nan")``, ``np.inf``.
    Nothing of the notebook runs.

    Parameters
    ----------
    node : ast.expr
    names : Names
        What is imported where the expression stands.

    Returns
    -------
    object
        None, bool, int, float, str, Path, date, datetime, or a list, tuple, set or dict of them.

    Raises
    ------
    NotConstant
        If it is anything else.

    Examples
    --------
    >>> evaluate(ast.parse("[2 * 60, None, -1.5]", mode="eval").body, Names())
    [120, None, -1.5]
    """
    try:
        value = _evaluate(node, names)
    except (ArithmeticError, TypeError, ValueError, LookupError, RecursionError) as error:
        raise NotConstant(str(error)) from error
    if not _is_plain(value):
        raise NotConstant(type(value).__name__)
    return value


def _is_plain(value: Any) -> bool:
    """Whether a result is one that a parameter can have: no timedelta, no complex number."""
    if isinstance(value, dict):
        return all(map(_is_plain, value)) and all(map(_is_plain, value.values()))
    if isinstance(value, list | tuple | set):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, int | float | str | Path | datetime.date)


def _evaluate(node: ast.expr, names: Names) -> Any:
    method = _NODES.get(type(node))
    if method is None:
        raise NotConstant(type(node).__name__)
    return method(node, names)


def _constant(node: ast.Constant, names: Names) -> Any:
    if node.value is None or isinstance(node.value, bool | int | float | str):
        return node.value
    raise NotConstant(type(node.value).__name__)


def _joined(node: ast.JoinedStr, names: Names) -> str:
    return "".join(_evaluate(part, names) for part in node.values)


def _elements(nodes: Iterable[ast.expr], names: Names) -> list[Any]:
    return [_evaluate(each, names) for each in nodes]


def _dict(node: ast.Dict, names: Names) -> dict[Any, Any]:
    keys = [key for key in node.keys if key is not None]
    if len(keys) < len(node.keys):
        raise NotConstant("**")
    return dict(zip(_elements(keys, names), _elements(node.values, names), strict=True))


def _unary(node: ast.UnaryOp, names: Names) -> Any:
    return _UNARY[type(node.op)](_evaluate(node.operand, names))


def _binary(node: ast.BinOp, names: Names) -> Any:
    left, right = _evaluate(node.left, names), _evaluate(node.right, names)
    if isinstance(node.op, ast.Pow | ast.LShift) and isinstance(left, int):
        size = right if isinstance(node.op, ast.LShift) else left.bit_length() * right
        if size > 1000:  # 9**9**9 must not hang the listing of a notebook
            raise NotConstant("a huge number")
    if isinstance(left, int) and isinstance(right, int) and max(abs(left), abs(right)) > _LARGEST:
        raise NotConstant("a huge number")
    if isinstance(node.op, ast.Mult) and _length(left, right) > _LONGEST:
        raise NotConstant("a long list")
    return _BINARY[type(node.op)](left, right)


def _length(left: Any, right: Any) -> int:
    """How long ``[0] * 1000`` would be."""
    for sequence, times in ((left, right), (right, left)):
        if isinstance(sequence, list | tuple | str) and isinstance(times, int):
            return len(sequence) * times
    return 0


def _call(node: ast.Call, names: Names) -> Any:
    function = names.resolve(node.func)
    if function == "datetime":  # ``from datetime import *``, or an import that we cannot see
        function = "datetime.datetime"
    if function not in _CALLS or any(word.arg is None for word in node.keywords):
        raise NotConstant(function or "a call")
    words = {str(word.arg): _evaluate(word.value, names) for word in node.keywords}
    arguments = _elements(node.args, names)
    if function == "float" and not all(isinstance(each, int | float | str) for each in arguments):
        raise NotConstant("float")
    return _CALLS[function](*arguments, **words)


def _attribute(node: ast.Attribute | ast.Name, names: Names) -> Any:
    module, _, name = names.resolve(node).rpartition(".")
    if module in _MODULES and name in _NUMBERS:
        return _NUMBERS[name]
    if (module, name) in {("datetime.timezone", "utc"), ("datetime", "UTC")}:
        return datetime.UTC
    raise NotConstant(name)


_NODES: dict[type, Callable[[Any, Names], Any]] = {
    ast.Constant: _constant,
    ast.JoinedStr: _joined,
    ast.List: lambda node, names: _elements(node.elts, names),
    ast.Tuple: lambda node, names: tuple(_elements(node.elts, names)),
    ast.Set: lambda node, names: set(_elements(node.elts, names)),
    ast.Dict: _dict,
    ast.UnaryOp: _unary,
    ast.BinOp: _binary,
    ast.Call: _call,
    ast.Attribute: _attribute,
    ast.Name: _attribute,
}
