"""In which order notebooks are executed, and which needs which."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from beambook.errors import PublicationError, close_names
from beambook.publication._seal.source import Source
from beambook.publication._verify.order import Traffic, requirements_of, traffic_of
from beambook.recipe import Execution

__all__ = ["ordered"]

_DIGITS = re.compile(r"(\d+)")


def ordered(source: Source) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The notebooks in their order, each with those that it requires.

    What the author declares wins. Else a notebook requires the one that writes a file which it
    reads: so the executions say, or the code; else they come in the order of their names.

    Raises
    ------
    PublicationError
        If the declaration names a notebook that is not there, or goes round in a circle.
    """
    declared = source.declaration
    names = _known(source, [*declared.order, *declared.notebooks])
    listed = dict.fromkeys([*names, *sorted(source.notebooks, key=_natural)])
    needs = _inferred(source)
    places = {name: place for place, name in enumerate(_known(source, declared.order))}
    for name, before in needs.items():  # a declared order is not contradicted by a guess
        first = [n for n in before if places.get(n, len(listed)) < places.get(name, 0)]
        needs[name] = tuple(first) if name in places else before
    for name, facts in declared.notebooks.items():
        if "requires" in facts:
            needs[name] = _known(source, _listed(facts["requires"]))
    return tuple((name, needs[name]) for name in _sorted(list(listed), needs))


def _known(source: Source, names: Sequence[str]) -> tuple[str, ...]:
    for name in names:
        if name not in source.notebooks:
            close = close_names(name, source.notebooks) or sorted(source.notebooks)[:3]
            hint = f"Did you mean {' or '.join(close)}?"
            raise PublicationError(f"publication.yml names no notebook {name!r} here", hint=hint)
    return tuple(dict.fromkeys(names))


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(map(str, value or []))


def _inferred(source: Source) -> dict[str, tuple[str, ...]]:
    traffic = {}
    for name in sorted(source.notebooks, key=_natural):
        seen = traffic_of(source.path(name), source.path(name).parent)
        seen = _below(seen, Path(name).parent)
        if execution := source.executions.get(name):
            seen = _with_execution(seen, execution)
        traffic[name] = seen
    return requirements_of(traffic)


def _below(traffic: Traffic, folder: Path) -> Traffic:
    """Names relative to the source, of names relative to the notebook's folder."""
    return Traffic(
        *(
            frozenset(str(folder / name) if folder.parts else name for name in names)
            for names in (traffic.writes, traffic.reads)
        )
    )


def _with_execution(traffic: Traffic, execution: Execution) -> Traffic:
    """What an execution has read and written, by full paths."""
    wrote = {str(execution.path / str(each["name"])) for each in execution.outputs}
    read = {str(each["path"]) for each in execution.inputs if "path" in each}
    return Traffic(traffic.writes | wrote, traffic.reads | read)


def _sorted(names: list[str], needs: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Of those that can be next always the first."""
    try:
        TopologicalSorter(dict(needs)).prepare()
    except CycleError as error:
        circle = " → ".join(map(str, error.args[1]))
        raise PublicationError(f"The notebooks require each other: {circle}") from error
    done: list[str] = []
    while len(done) < len(names):
        done.append(next(n for n in names if n not in done and set(needs[n]) <= set(done)))
    return done


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """A key by which ``10`` comes after ``2``."""
    parts = _DIGITS.split(name.lower())
    return [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]
