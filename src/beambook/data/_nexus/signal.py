"""Which field of a group is its signal: what it is about."""

from __future__ import annotations

from collections.abc import Iterator

from beambook.data._nexus.text import names_of, number_of, text_of
from beambook.data._nexus.tree import Field, Group, name_of

__all__ = ["data_field", "signal_of_group", "stated_signal", "with_indices"]

DATA_NAMES = ("data", "counts", "signal", "intensity", "I", "image", "value", "raw_value")


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
    axes = {*names_of(group.attrs.get("axes")), *with_indices(group)}
    left = [
        field
        for name, field in fields.items()
        if name not in axes and "axis" not in field.attrs and "error" not in name
    ]
    return max(left, key=lambda field: (len(field.shape), field.size), default=None)


def with_indices(group: Group) -> Iterator[str]:
    """Names of fields of which the group says along which axes they are."""
    return (n.removesuffix("_indices") for n in group.attrs if n.endswith("_indices"))


def signal_of_group(group: Group) -> Field | None:
    """What a group of class NXdata, NXdetector or NXmonitor is about; None for others."""
    if group.nx_class not in ("NXdata", "NXdetector", "NXmonitor"):
        return None
    signal, _ = stated_signal(group)
    if signal is not None or group.nx_class == "NXdata":
        return signal or data_field(group)
    found = group.fields.get("data")
    return found if found is not None and found.is_numeric and found.size else None
