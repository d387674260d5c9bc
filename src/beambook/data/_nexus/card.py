"""How an entry shows itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from beambook.card import Card, Table
from beambook.data._findings import findings_table
from beambook.data._nexus.show import Plot

if TYPE_CHECKING:
    from beambook.data._nexus.entry import Entry

__all__ = ["entry_card"]


def entry_card(entry: Entry) -> Card:
    """Facts of an entry, in the order in which people ask for them."""
    facts = {"title": entry.title, "instrument": entry.instrument, "sample": entry.sample,
             "time": _time(entry)}  # fmt: skip
    facts = {name: value for name, value in facts.items() if value}
    facts["shows"] = "nothing" if entry.default is None else _shows(entry.default)
    facts["events"] = _events(entry)
    facts["file"] = _file(entry)
    if entry.missing:
        facts["missing"] = ", ".join(name.replace("_", " ") for name in entry.missing)
    tables = [_axes_table(entry.default)] if entry.default is not None else []
    tables.append(_sources_table(entry))
    if entry.problems:
        tables.append(findings_table(entry.problems, title="problems"))
    return Card("Entry", entry.name, facts, tuple(tables))


def _time(entry: Entry) -> str:
    if not entry.start_time or not entry.end_time:
        return entry.start_time
    return f"{entry.start_time} … {entry.end_time}"


def _shows(plot: Plot) -> str:
    axes = ", ".join(
        f"{axis.name} {length}" for axis, length in zip(plot.axes, plot.signal.shape, strict=True)
    )
    units = f" [{plot.signal.units}]" if plot.signal.units else ""
    return f"{plot.signal.path}{units}: {axes or 'one value'} ({plot.rule})"


def _some(entry: Entry) -> list[tuple[str, int]]:
    axes = list(entry.event_axes.items())
    return [*axes[:3], *([("others", len(axes) - 3)] if len(axes) > 3 else [])]


def _events(entry: Entry) -> str:
    every = ", ".join(f"{number} × {name}" for name, number in _some(entry))
    chosen, whole = len(entry.train_ids), entry.event_axes[entry.event_axis]
    return every if chosen == whole else f"{chosen} selected of {every}"


def _file(entry: Entry) -> str:
    definition = f", {entry.definition}" if entry.definition else ""
    others = len(entry.entries) - 1
    more = f", {others} other entries" if others > 0 else ""
    return f"{entry.contents.file.path.name}{entry.entry_name}{definition}{more}"


def _axes_table(plot: Plot) -> Table:
    rows = tuple(
        (axis.name, length, axis.field.units if axis.field else "",
         "edges" if axis.edges else axis.field.path if axis.field else "no values")
        for axis, length in zip(plot.axes, plot.signal.shape, strict=True)
    )  # fmt: skip
    return Table(("axis", "length", "units", "from"), rows, "axes")


def _sources_table(entry: Entry) -> Table:
    rows = []
    for axis, parts in entry.contents.parts.items():
        for part in parts:
            for source, keys in sorted(part.keys.items()):
                rows.append((source, part.classes.get(source, ""), axis, _names(keys)))
    main = next(iter(entry.contents.parts.values()))[0]
    listed = {row[0] for row in rows}
    for source, values in sorted(main.constants.items()):
        if source not in listed:
            rows.append((source, main.classes.get(source, ""), "values", _names(values)))
    return Table(("source", "class", "events", "keys"), tuple(rows), "sources")


def _names(names: Iterable[str]) -> str:
    every = sorted(names)
    return ", ".join(every[:6]) + (" …" if len(every) > 6 else "")
