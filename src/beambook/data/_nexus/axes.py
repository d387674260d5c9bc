"""Which field belongs to each axis of a signal, by all conventions NeXus has had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from beambook.data._nexus.signal import data_field, with_indices
from beambook.data._nexus.text import names_of, number_of, numbers_of
from beambook.data._nexus.tree import Field, Group

__all__ = ["Placed", "axes_of", "is_grid", "names_of_axes"]


@dataclass(frozen=True, eq=False)
class Placed:
    axes: tuple[Field | None, ...]
    problems: tuple[str, ...] = ()


def axes_of(group: Group, signal: Field) -> Placed:
    """Which field belongs to each axis of the signal."""
    for said in (group.attrs.get("axes"), signal.attrs.get("axes")):
        if names := names_of(said, group.fields):
            return _by_name(group, signal, names)
    if marked := _marked(group, signal):
        return Placed(marked)
    if names := _each_named(group, signal):  # canSAS: I_axes
        return _by_name(group, signal, names)
    if group.nx_class == "NXlog" and "time" in group.fields:
        return _by_name(group, signal, ("time",))
    return Placed(_by_indices(group, signal))


def _each_named(group: Group, signal: Field) -> tuple[str, ...]:
    said = group.attrs.get(f"{group.name_for(signal)}_axes")
    return names_of(said, group.fields)


def _fits(field: Field | Group | None, length: int) -> bool:
    """Whether a field can be the axis of so many values: values, edges of bins, or the one."""
    if not isinstance(field, Field) or field.dtype.kind not in "iufbSO" or field.dtype.names:
        return False
    sizes = [n for n in field.shape if n != 1]
    return len(sizes) <= 1 and field.size in (length, length + 1)


def _by_name(group: Group, signal: Field, names: tuple[str, ...]) -> Placed:
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
        if all(f is None or _fits(f, shape[i]) or is_grid(f, shape) for i, f in pairs):
            return _filled(rank, pairs, shape, [*problems, *([note] if note else [])])
    if (moved := _by_length(signal, fields)) is not None:
        note = f"the axes of {signal.path} are not listed in its order; lengths say which is which"
        return _filled(rank, moved, shape, [*problems, note])
    pairs = list(zip(in_order, fields, strict=False))
    wrong = [
        f"{f.path} has the shape {list(f.shape)} and cannot be axis {i} of {list(shape)}"
        for i, f in pairs
        if f is not None and not (_fits(f, shape[i]) or is_grid(f, shape))
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
        if field is None or is_grid(field, shape):
            continue
        long = [i for i, length in enumerate(shape) if length > 1 and _fits(field, length)]
        places = [i for i in long if field.size == shape[i]] or long
        if len(places) != 1:
            return None
        pairs.append((places[0], field))
    return pairs if len({place for place, _ in pairs}) == len(pairs) else None


def is_grid(field: Field, shape: tuple[int, ...]) -> bool:
    return len(field.shape) > 1 and field.shape == shape


def _filled(
    rank: int,
    pairs: Sequence[tuple[int, Field | None]],
    shape: tuple[int, ...],
    problems: Sequence[str],
) -> Placed:
    axes: list[Field | None] = [None] * rank
    for place, field in pairs:
        if field is not None and _fits(field, shape[place]):
            axes[place] = field
    return Placed(tuple(axes), tuple(problems))


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


def _by_indices(group: Group, signal: Field) -> tuple[Field | None, ...]:
    axes: list[Field | None] = [None] * len(signal.shape)
    for name in with_indices(group):
        places, found = numbers_of(group.attrs[f"{name}_indices"]), group.find(name)
        if len(places) == 1 and 0 <= places[0] < len(axes) and axes[places[0]] is None:
            if isinstance(found, Field) and _fits(found, signal.shape[places[0]]):
                axes[places[0]] = found
    return tuple(axes)


def names_of_axes(group: Group, signal: Field, axes: Sequence[Field | None]) -> tuple[str, ...]:
    said = names_of(group.attrs.get("axes"), group.fields) or names_of(signal.attrs.get("axes"))
    names: list[str] = []
    for position, field in enumerate(axes):
        name = group.name_for(field) if field is not None else ""
        if not name and len(said) == len(axes) and said[position] not in (".", ""):
            name = said[position]
            if isinstance(found := group.find(name), Field):  # it is there, but not for this axis
                name = f"{name}_index" if is_grid(found, signal.shape) else ""
        name = name or f"axis_{position}"
        names.append(name if name not in names else f"{name}_{position}")
    return tuple(names)
