"""One declared input."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from beambook.card import Card, Described
from beambook.errors import ParameterError
from beambook.parameters._code import to_code
from beambook.parameters._plain import NotFitting, plain, same
from beambook.parameters._schema import schema_of, to_json
from beambook.parameters._text import read_text
from beambook.parameters._type import ANY, Type, is_number

if TYPE_CHECKING:
    import click

__all__ = ["Parameter"]

_DEEPEST = 60  # Python reads up to 200 brackets in each other


@dataclass(frozen=True, repr=False)
class Parameter(Described):
    """One declared input: its name, type, default, and what was said about it.

    Attributes
    ----------
    name : str
    type : Type
        ``str(parameter.type)`` is ``int``, ``list[int]``, ``'a' | 'b'``, ``Path | None`` …
    default : object
        A plain Python value; None if there is none (`has_default`).
    unit, help : str
    required : bool
        A value must be given, even though the notebook may have one as an example.
    minimum, maximum : float or None
        Bounds, both allowed, for a number or for each number of a list; in `unit`.
        The default may lie outside: it is a word of its own, as −1 for "automatic".
    has_default : bool

    Examples
    --------
    >>> energy = Parameter("energy", Type("float"), 8333.0, unit="eV", minimum=7000, maximum=9000)
    >>> energy.parse("8400"), energy.range
    (8400.0, '7000..9000 eV')
    >>> energy.validate(9500)
    Traceback (most recent call last):
    ...
    beambook.errors.ParameterError: energy: 9500.0 is above 9000 eV (7000..9000 eV)
    """

    name: str
    type: Type = ANY
    default: Any = None
    unit: str = ""
    help: str = ""
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    has_default: bool = True

    @property
    def choices(self) -> tuple[Any, ...]:
        """The values that are allowed, for it or for each member of a list; empty if any."""
        found = (choice for leaf in self.type.leaves for choice in leaf.choices)
        return tuple(dict.fromkeys(found))

    @property
    def range(self) -> str:
        """Bounds as text, e.g. ``7000..9000 eV``; empty without bounds."""
        if self.minimum is None and self.maximum is None:
            return ""
        low, high = ("" if each is None else f"{each}" for each in (self.minimum, self.maximum))
        return f"{low}..{high} {self.unit}".strip()

    def parse(self, text: str) -> Any:
        """A value from text.

        Parameters
        ----------
        text : str

        Returns
        -------
        object

        Raises
        ------
        ParameterError
            If the text is no allowed value.
        """
        try:
            return self._within(read_text(text, self.type))
        except NotFitting as error:
            if self.has_default and text.strip() in {str(self.default), to_code(self.default)}:
                return copy.deepcopy(self.default)
            raise ParameterError(f"{self.name}: {error}") from error

    def validate(self, value: Any) -> Any:
        """The value as a plain Python value of the parameter's type.

        Parameters
        ----------
        value : object

        Returns
        -------
        object

        Raises
        ------
        ParameterError
            If it has the wrong type or is out of range.
        """
        try:
            return self._within(plain(value, self.type))
        except NotFitting as error:
            if self._is_default(value):
                return copy.deepcopy(self.default)
            raise ParameterError(f"{self.name}: {error}") from error

    def _is_default(self, value: Any) -> bool:
        try:
            return self.has_default and same(plain(value), plain(self.default))
        except NotFitting:
            return False

    def _within(self, value: Any) -> Any:
        if _depth(value) > _DEEPEST:
            raise NotFitting("is nested too deeply")
        if not (self.has_default and same(value, self.default)):
            for number in _numbers(value):
                self._compare(number)
        return value

    def _compare(self, number: float) -> None:
        unit = f" {self.unit}" if self.unit else ""
        if self.minimum is not None and number < self.minimum:
            raise NotFitting(f"{number} is below {self.minimum}{unit} ({self.range})")
        if self.maximum is not None and number > self.maximum:
            raise NotFitting(f"{number} is above {self.maximum}{unit} ({self.range})")
        if self.range and number != number:
            raise NotFitting(f"{number} is not within {self.range}")

    def schema(self) -> dict[str, Any]:
        """JSON schema (draft 2020-12) of a value."""
        schema = schema_of(self.type, minimum=self.minimum, maximum=self.maximum)
        if self.has_default:
            default = to_json(self.default)
            if not self._default_fits():
                schema = {"anyOf": [schema, {"const": default}]}
            schema["default"] = default
        if self.help:
            schema["description"] = self.help
        if self.unit:
            schema["unit"] = self.unit
        return schema

    def _default_fits(self) -> bool:
        """Whether the default would be let pass if it were not the default."""
        try:
            replace(self, has_default=False)._within(plain(self.default, self.type))
        except NotFitting:
            return False
        return to_json(self.default) not in ("nan", "inf", "-inf") or self.type.kind != "float"

    def option(self) -> click.Option:
        """The command-line flag; what it takes is text for `Parameters.parse`."""
        import click

        dashed = self.name.replace("_", "-")
        flag = f"--{self.name if dashed.startswith('-') else dashed}"
        if self.type.kind == "bool":
            return click.Option(
                [f"{flag}/--no-{flag[2:]}", self.name], default=None, help=self._line()
            )
        return click.Option([flag, self.name], metavar=str(self.type), help=self._line())

    def _line(self) -> str:
        told = [self.help + (f" [{self.unit}]" if self.unit else ""), replace(self, unit="").range]
        told.append("required" if self.required else f"default {to_code(self.default)}")
        return "; ".join(part.strip() for part in told if part.strip())

    @property
    def row(self) -> tuple[str, str, str, str, str, str]:
        """Name, type, default, unit, range and help, as tables show them."""
        default = to_code(self.default) if self.has_default else ""
        default = default if len(default) <= 40 else f"{default[:39]}…"
        if self.required:
            default = "required" + (f" (e.g. {default})" if default else "")
        bounds = replace(self, unit="").range
        return self.name, str(self.type), default, self.unit, bounds, self.help

    def card(self) -> Card:
        """Name, type, default, unit, range and help."""
        labels = ("type", "default", "unit", "range", "help")
        facts = {label: fact for label, fact in zip(labels, self.row[1:], strict=True) if fact}
        return Card("Parameter", self.name, facts)


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list | tuple):
        return 1 + max(map(_depth, value), default=0)
    return 0


def _numbers(value: Any) -> Iterator[int | float]:
    if is_number(value):
        yield value
    elif isinstance(value, list | tuple | set):
        for each in value:
            yield from _numbers(each)
    elif isinstance(value, dict):
        yield from _numbers(list(value.values()))
