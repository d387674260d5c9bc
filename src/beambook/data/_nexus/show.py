"""What a group shows: its signal with axes, errors and what else goes with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from beambook.data._nexus.axes import axes_of, is_grid, names_of_axes
from beambook.data._nexus.text import names_of, numbers_of, text_of
from beambook.data._nexus.tree import Field, Group

__all__ = ["Axis", "Coordinate", "Plot", "plot_of"]

ERROR_NAMES = ("{0}_errors", "{0}_error", "{0}dev", "errors", "error")


@dataclass(frozen=True, eq=False)
class Axis:
    """One axis of a signal.

    Attributes
    ----------
    name : str
        Of the dimension.
    field : Field or None
        Its values; None where the file has none.
    edges : bool
        Whether they are the edges of bins: one more than there are values.
    """

    name: str
    field: Field | None = None
    edges: bool = False


@dataclass(frozen=True, eq=False)
class Coordinate:
    """Further values along some of the axes (none for one value)."""

    name: str
    field: Field
    axes: tuple[int, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Plot:
    """What an entry shows by default.

    Attributes
    ----------
    group : Group
    signal : Field
    axes : tuple of Axis
        One for each axis of the signal.
    others : tuple of Coordinate
        Errors of axes, second axes, grids, single values.
    errors : Field or None
    rule : str
        How it was found.
    problems : tuple of str
        What the file says wrongly or not at all.
    """

    group: Group
    signal: Field
    axes: tuple[Axis, ...]
    others: tuple[Coordinate, ...] = ()
    errors: Field | None = None
    rule: str = ""
    problems: tuple[str, ...] = ()

    def __repr__(self) -> str:
        shape = " × ".join(f"{axis.name} {n}" for axis, n in
                           zip(self.axes, self.signal.shape, strict=False))  # fmt: skip
        units = f", {self.signal.units}" if self.signal.units else ""
        return f"<Plot {self.signal.path}: {shape or 'one value'}{units}>"

    @property
    def name(self) -> str:
        """Path of the group and name of the signal."""
        return self.signal.path

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the axes."""
        return tuple(axis.name for axis in self.axes)

    def because(self, rule: str, problems: Sequence[str]) -> Plot:
        """The same, found by a rule."""
        return replace(self, rule=rule, problems=(*problems, *self.problems))


def plot_of(group: Group, signal: Field, problems: Sequence[str] = ()) -> Plot:
    """The plot that a group makes of its signal.

    Parameters
    ----------
    group : Group
    signal : Field
    problems : sequence of str
        What was wrong so far.
    """
    placed = axes_of(group, signal)
    names = names_of_axes(group, signal, placed.axes)
    axes = tuple(
        Axis(name, found, found is not None and found.size == length + 1)
        for name, found, length in zip(names, placed.axes, signal.shape, strict=True)
    )
    others = _others(group, signal, axes)
    errors = _errors(group, signal)
    wrong = tuple(dict.fromkeys((*problems, *placed.problems)))
    return Plot(group, signal, axes, others, errors, problems=wrong)


def _others(group: Group, signal: Field, axes: Sequence[Axis]) -> tuple[Coordinate, ...]:
    used = {id(signal), *(id(axis.field) for axis in axes)}
    dims, found = {axis.name for axis in axes}, []
    for name, field in group.fields.items():
        places = _places(group, name, field, signal, axes)
        if id(field) in used or places is None or name in dims:
            continue
        found.append(Coordinate(name, field, places))
    return tuple(found)


def _places(
    group: Group, name: str, field: Field, signal: Field, axes: Sequence[Axis]
) -> tuple[int, ...] | None:
    """The axes of the signal that a further field lies along; None if it says of none."""
    for place, axis in enumerate(axes):
        if name in (f"{axis.name}_errors", f"{axis.name}dev") and axis.field is not None:
            return (place,) if field.shape == (signal.shape[place],) else None
    stated = numbers_of(group.attrs.get(f"{name}_indices"))
    old = numbers_of(field.attrs.get("axis"))
    listed = name in names_of(group.attrs.get("axes"), group.fields)
    if not stated and listed and is_grid(field, signal.shape):
        stated = tuple(range(len(signal.shape)))
    elif not stated and listed and field.size == 1:
        return ()
    elif not stated and old:
        stated = tuple(number - 1 for number in old)
    if not stated or not all(0 <= place < len(axes) for place in stated):
        return None
    fits = field.shape == tuple(signal.shape[place] for place in stated)
    return stated if fits and len(set(stated)) == len(stated) else None


def _errors(group: Group, signal: Field) -> Field | None:
    name = group.name_for(signal)
    said = (signal.attrs.get("uncertainties"), signal.attrs.get("uncertainty"),
            signal.attrs.get("errors"),
            group.attrs.get(f"{name}_uncertainties"), group.attrs.get("errors"))  # fmt: skip
    names = [text_of(each) for each in said]
    for each in (*filter(None, names), *(form.format(name) for form in ERROR_NAMES)):
        found = group.find(each)
        if isinstance(found, Field) and found.is_numeric and found.shape == signal.shape:
            return found if found is not signal else None
    return None
