"""Which data an entry shows by default, by all conventions NeXus has had, in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from beambook.data._nexus.show import Plot, plot_of
from beambook.data._nexus.signal import data_field, stated_signal
from beambook.data._nexus.text import text_of
from beambook.data._nexus.tree import Field, Group, name_of

__all__ = ["default_plot"]

MOST_STEPS = 20
Found = tuple[Group, Field, str]


def default_plot(top: Group, start: str = "") -> tuple[Plot | None, tuple[str, ...]]:
    """What an entry shows.

    In this order: what ``@default`` leads to; groups of class NXdata that say what their signal
    is; other groups that do; groups of class NXdata that do not; the largest detector; monitors;
    logs; the largest array of all.

    Parameters
    ----------
    top : Group
        The entry.
    start : str
        What the file's own ``@default`` says beyond the entry.

    Returns
    -------
    Plot or None
    tuple of str
        What the file says wrongly; with the plot's own problems where there is one.
    """
    problems: list[str] = []
    end = _follow(top, start, problems)
    if isinstance(end, Field):
        group = _owner(top, end)
        return plot_of(group, end).because("@default", problems), ()
    if end is not top and end is not None:
        plot = _best(end, problems, "@default")
        if plot is not None:
            return plot, ()
        problems.append(f"@default leads to {end.path}, in which nothing can be shown")
    return _best(top, problems, ""), tuple(dict.fromkeys(problems))


def _follow(top: Group, start: str, problems: list[str]) -> Group | Field | None:
    here: Group = top
    said, seen = start or text_of(top.attrs.get("default")), {top.identity}
    for _ in range(MOST_STEPS):
        if not said:
            return here
        found = here.find(said) or top.find(said.removeprefix(top.path.rstrip("/")))
        if found is None:
            lost = here.broken.get(said, "")
            leads = f"leads to {lost}" if lost else f"names {said!r}"
            problems.append(f"@default of {here.path} {leads}, which is not there")
            return here
        if isinstance(found, Field):
            return found if found.is_numeric and found.size else here
        if found.identity in seen:
            if found is not here:
                problems.append(f"@default of {here.path} leads in a circle")
            return here
        seen.add(found.identity)
        here, said = found, text_of(found.attrs.get("default"))
    return here


def _owner(top: Group, field: Field) -> Group:
    return next(g for g in top.walk() if any(f is field for f in g.fields.values()))


def _best(top: Group, problems: list[str], rule: str) -> Plot | None:
    """The first thing to show at or below a group; notes what is wrong on the way."""
    for search in (_said, _unsaid, _detectors, _monitors, _anything):
        notes: list[str] = []
        found = next(search(top, notes), None)
        if search is _said:
            problems += notes
        if found is not None:
            group, signal, how = found
            return plot_of(group, signal).because(rule or how, (*problems, *_guess(search, found)))
    return None


def _guess(search: Callable[[Group, list[str]], Iterator[Found]], found: Found) -> list[str]:
    if search is _said:
        return []
    group, signal, how = found
    said = "no group says what to show" if search is not _unsaid else f"{group.path} has no signal"
    return [f"{said}; {name_of(signal.path)} was taken ({how})"]


def _said(top: Group, notes: list[str]) -> Iterator[Found]:
    groups = list(top.walk())
    data = [g for g in groups if g.nx_class == "NXdata"]
    later: list[Found] = []
    for group in (*data, *(g for g in groups if g.nx_class != "NXdata")):
        signal, wrong = stated_signal(group)
        notes += wrong
        if signal is not None:
            found = group, signal, f"signal of {group.nx_class or 'a group'}"
            if signal.size > 1:
                yield found
            later.append(found)
    yield from later


def _unsaid(top: Group, notes: list[str]) -> Iterator[Found]:
    for group in top.walk():
        if group.nx_class == "NXdata" and (signal := data_field(group)) is not None:
            yield group, signal, "NXdata"
    _ = notes


def _detectors(top: Group, notes: list[str]) -> Iterator[Found]:
    found = [
        (group, field, "the largest NXdetector")
        for group in top.walk()
        if group.nx_class == "NXdetector"
        for name, field in group.fields.items()
        if name.startswith(("data", "counts", "image")) and field.is_numeric and field.size > 1
    ]
    yield from sorted(found, key=lambda item: -item[1].size)
    _ = notes


def _monitors(top: Group, notes: list[str]) -> Iterator[Found]:
    for wanted in ("NXmonitor", "NXlog"):
        found = [
            (group, field, f"the largest {wanted}")
            for group in top.walk()
            if group.nx_class == wanted and (field := data_field(group)) is not None
        ]
        yield from sorted(found, key=lambda item: -item[1].size)
    _ = notes


def _anything(top: Group, notes: list[str]) -> Iterator[Found]:
    found = [
        (group, field, "the largest array")
        for group in top.walk()
        for field in group.fields.values()
        if field.is_numeric and field.size > 1
    ]
    yield from sorted(found, key=lambda item: -item[1].size)[:1]
    _ = notes
