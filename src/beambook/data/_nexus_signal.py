"""What a group shows: its signal and the axes of it, by all conventions NeXus has had."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from beambook.data._nexus_text import names_of, number_of, numbers_of, text_of
from beambook.data._nexus_tree import Field, Group, name_of

__all__ = ["Axis", "Coordinate", "Plot", "data_field", "plot_of", "stated_signal"]

DATA_NAMES = ("data", "counts", "signal", "intensity", "I", "image", "value", "raw_value")
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


@dataclass(frozen=True, eq=False)
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
    placed = _placed(group, signal)
    names = _unique_names(group, signal, placed.axes)
    axes = tuple(
        Axis(name, found, found is not None and found.size == length + 1)
        for name, found, length in zip(names, placed.axes, signal.shape, strict=True)
    )
    others = _others(group, signal, axes)
    errors = _errors(group, signal)
    wrong = tuple(dict.fromkeys((*problems, *placed.problems)))
    return Plot(group, signal, axes, others, errors, problems=wrong)


# --- the signal -----------------------------------------------------------


def stated_signal(group: Group) -> tuple[Field | None, list[str]]:
    """The field that a group says is its signal, and what is wrong with what it says."""
    name, problems = text_of(group.attrs.get("signal")), list[str]()
    if name:
        found = group.find(name)
        if isinstance(found, Group):
            found = data_field(found)
        if found is not None:
            return _usable(found, problems)
        lost = group.broken.get(name)
        leads = f"leads to {lost}" if lost else "names"
        problems.append(f"@signal of {group.path} {leads} {'' if lost else repr(name)}".rstrip()
                        + ", which is not there")  # fmt: skip
    marked = [
        (number, field)
        for field in group.fields.values()
        if (number := number_of(field.attrs.get("signal"))) is not None and number > 0
    ]
    if marked:
        return _usable(min(marked, key=lambda item: item[0])[1], problems)
    return None, problems


def _usable(field: Field, problems: list[str]) -> tuple[Field | None, list[str]]:
    if not field.is_numeric:
        return None, [*problems, f"{field.path} holds no plain numbers ({field.dtype})"]
    if not field.size:
        return None, [*problems, f"{field.path} is empty"]
    return field, problems


def data_field(group: Group) -> Field | None:
    """The field that is most likely what a group is about, where it does not say."""
    fields = {n: f for n, f in group.fields.items() if f.is_numeric and f.size and f.shape}
    for name in (*DATA_NAMES, name_of(group.path)):
        if name in fields:
            return fields[name]
    axes = {*names_of(group.attrs.get("axes")), *_with_indices(group)}
    left = [
        field
        for name, field in fields.items()
        if name not in axes and "axis" not in field.attrs and "error" not in name
    ]
    return max(left, key=lambda field: (len(field.shape), field.size), default=None)


# --- the axes -------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Placed:
    axes: tuple[Field | None, ...]
    problems: tuple[str, ...] = ()


def _placed(group: Group, signal: Field) -> _Placed:
    """Which field belongs to each axis of the signal."""
    for said in (group.attrs.get("axes"), signal.attrs.get("axes")):
        if names := names_of(said, group.fields):
            return _by_name(group, signal, names)
    if marked := _marked(group, signal):
        return _Placed(marked)
    if names := _each_named(group, signal):  # canSAS: I_axes
        return _by_name(group, signal, names)
    if group.nx_class == "NXlog" and "time" in group.fields:
        return _by_name(group, signal, ("time",))
    return _Placed(_by_indices(group, signal))


def _each_named(group: Group, signal: Field) -> tuple[str, ...]:
    said = group.attrs.get(f"{group.name_for(signal)}_axes")
    return names_of(said, group.fields)


def _fits(field: Field | Group | None, length: int) -> bool:
    """Whether a field can be the axis of so many values: values, edges of bins, or the one."""
    if not isinstance(field, Field) or field.dtype.kind not in "iufbSO" or field.dtype.names:
        return False
    sizes = [n for n in field.shape if n != 1]
    return len(sizes) <= 1 and field.size in (length, length + 1)


def _by_name(group: Group, signal: Field, names: tuple[str, ...]) -> _Placed:
    """Axes in the order of the signal's; also backwards, or without those of length one."""
    shape, rank = signal.shape, len(signal.shape)
    fields = [_named_axis(group, name) for name in names]
    problems = [_absent(group, n) for n, f in zip(names, fields, strict=True)
                if n != "." and not isinstance(f, Field)]  # fmt: skip
    long = tuple(i for i, length in enumerate(shape) if length != 1)
    in_order = tuple(range(min(rank, len(names))))
    ways: list[tuple[tuple[int, ...], str]] = [(in_order, "")]
    if len(names) == rank:
        ways.append((in_order[::-1], f"the axes of {signal.path} are listed backwards"))
    if len(names) == len(long):
        ways.insert(len(names) == rank, (long, ""))
    if (stated := _stated_places(group, names, rank)) is not None:
        ways.insert(0, (stated, ""))
    ways.append((tuple(range(rank - len(names), rank)) if len(names) < rank else in_order, ""))
    for places, note in ways:
        pairs = list(zip(places, fields, strict=False))
        if all(f is None or _fits(f, shape[i]) or _is_grid(f, shape) for i, f in pairs):
            return _filled(rank, pairs, shape, [*problems, *([note] if note else [])])
    if (moved := _by_length(signal, fields)) is not None:
        note = f"the axes of {signal.path} are not listed in its order; lengths say which is which"
        return _filled(rank, moved, shape, [*problems, note])
    pairs = list(zip(in_order, fields, strict=False))
    wrong = [
        f"{f.path} has the shape {list(f.shape)} and cannot be axis {i} of {list(shape)}"
        for i, f in pairs
        if f is not None and not (_fits(f, shape[i]) or _is_grid(f, shape))
    ]
    return _filled(rank, pairs, shape, [*problems, *wrong])


def _named_axis(group: Group, name: str) -> Field | None:
    found = group.find(name) if name != "." else None
    return data_field(found) if isinstance(found, Group) else found


def _stated_places(group: Group, names: tuple[str, ...], rank: int) -> tuple[int, ...] | None:
    """The axes that ``NAME_indices`` say, if they say one for each name and each another."""
    places = [numbers_of(group.attrs.get(f"{name}_indices")) for name in names]
    flat = [place[0] for place in places if len(place) == 1]
    whole = len(flat) == len(names) == len(set(flat))
    return tuple(flat) if whole and all(0 <= p < rank for p in flat) else None


def _by_length(
    signal: Field, fields: Sequence[Field | None]
) -> list[tuple[int, Field | None]] | None:
    """Axes found by their length, if no two of them could be meant."""
    shape = signal.shape
    pairs: list[tuple[int, Field | None]] = []
    for field in fields:
        if field is None or _is_grid(field, shape):
            continue
        long = [i for i, length in enumerate(shape) if length > 1 and _fits(field, length)]
        places = [i for i in long if field.size == shape[i]] or long
        if len(places) != 1:
            return None
        pairs.append((places[0], field))
    return pairs if len({place for place, _ in pairs}) == len(pairs) else None


def _is_grid(field: Field, shape: tuple[int, ...]) -> bool:
    return len(field.shape) > 1 and field.shape == shape


def _filled(
    rank: int,
    pairs: Sequence[tuple[int, Field | None]],
    shape: tuple[int, ...],
    problems: Sequence[str],
) -> _Placed:
    axes: list[Field | None] = [None] * rank
    for place, field in pairs:
        if field is not None and _fits(field, shape[place]):
            axes[place] = field
    return _Placed(tuple(axes), tuple(problems))


def _absent(group: Group, name: str) -> str:
    target = group.broken.get(name)
    leads = f" (it leads to {target})" if target else ""
    return f"the axis {name!r} of {group.path} is not there{leads}"


def _marked(group: Group, signal: Field) -> tuple[Field | None, ...]:
    """Axes by the old attributes ``axis`` (counted from 1) and ``primary``."""
    found: dict[int, list[tuple[bool, Field]]] = {}
    for field in group.fields.values():
        said = numbers_of(field.attrs.get("axis"))
        number = said[0] if len(said) == 1 else None
        if number is not None and field is not signal:
            primary = number_of(field.attrs.get("primary")) == 1
            found.setdefault(number - 1, []).append((not primary, field))
    if not found:
        return ()
    rank = len(signal.shape)
    for places in (range(rank), range(rank - 1, -1, -1)):  # some wrote them backwards
        axes = [_first_fitting(found.get(p, []), n)
                for p, n in zip(places, signal.shape, strict=True)]  # fmt: skip
        if sum(axis is not None for axis in axes) == len([p for p in found if 0 <= p < rank]):
            return tuple(axes)
    return tuple(_first_fitting(found.get(p, []), n) for p, n in enumerate(signal.shape))


def _first_fitting(fields: list[tuple[bool, Field]], length: int) -> Field | None:
    ordered = sorted(fields, key=lambda item: item[0])
    return next((field for _, field in ordered if _fits(field, length)), None)


def _with_indices(group: Group) -> Iterator[str]:
    return (n.removesuffix("_indices") for n in group.attrs if n.endswith("_indices"))


def _by_indices(group: Group, signal: Field) -> tuple[Field | None, ...]:
    axes: list[Field | None] = [None] * len(signal.shape)
    for name in _with_indices(group):
        places, found = numbers_of(group.attrs[f"{name}_indices"]), group.find(name)
        if len(places) == 1 and 0 <= places[0] < len(axes) and axes[places[0]] is None:
            if isinstance(found, Field) and _fits(found, signal.shape[places[0]]):
                axes[places[0]] = found
    return tuple(axes)


def _unique_names(group: Group, signal: Field, axes: Sequence[Field | None]) -> tuple[str, ...]:
    said = names_of(group.attrs.get("axes"), group.fields) or names_of(signal.attrs.get("axes"))
    names: list[str] = []
    for position, field in enumerate(axes):
        name = group.name_for(field) if field is not None else ""
        if not name and len(said) == len(axes) and said[position] not in (".", ""):
            name = said[position]
            if isinstance(found := group.find(name), Field):  # it is there, but not for this axis
                name = f"{name}_index" if _is_grid(found, signal.shape) else ""
        name = name or f"axis_{position}"
        names.append(name if name not in names else f"{name}_{position}")
    return tuple(names)


# --- what goes with them --------------------------------------------------


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
    if not stated and listed and _is_grid(field, signal.shape):
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


def signal_of_group(group: Group) -> Field | None:
    """What a group of class NXdata, NXdetector or NXmonitor is about; None for others."""
    if group.nx_class not in ("NXdata", "NXdetector", "NXmonitor"):
        return None
    signal, _ = stated_signal(group)
    if signal is not None or group.nx_class == "NXdata":
        return signal or data_field(group)
    found = group.fields.get("data")
    return found if found is not None and found.is_numeric and found.size else None
