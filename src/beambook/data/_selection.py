"""Choosing sources and keys, in EXtra-data's forms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import translate
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from beambook.data._channel import Channel
from beambook.data._source import Source
from beambook.errors import KeyNotFound, SourceNotFound

if TYPE_CHECKING:
    from beambook.data._run import Run

__all__ = ["Selection", "expand", "trains_with_data", "without"]

Selection = dict[str, frozenset[str] | None]


def expand(run: Run, chosen: Any, key: str = "*") -> Selection:
    """What a choice of sources and keys means in a run.

    Parameters
    ----------
    run : Run
    chosen : str, iterable, mapping, Run, Source or Channel
        A pattern of sources (with `key` a pattern of keys); patterns or pairs of patterns; a
        mapping of sources to sets of keys (empty or None for all); or something selected
        before. Aliases are understood where they match exactly.
    key : str

    Returns
    -------
    dict of str to frozenset of str or None
        Keys of each source; None for all.

    Raises
    ------
    SourceNotFound, KeyNotFound
        A pattern matches nothing.
    """
    if isinstance(chosen, str):
        return _match(run, chosen, key)
    if isinstance(chosen, Source):
        return _merge(_exact(run, chosen.source, chosen.selected))
    if isinstance(chosen, Channel):
        return _merge(_exact(run, chosen.source, {chosen.key}))
    if isinstance(chosen, Mapping):
        return _merge(*(_exact(run, source, keys) for source, keys in chosen.items()))
    if hasattr(chosen, "selection"):
        return _merge(*(_exact(run, s, keys) for s, keys in chosen.selection.items()))
    if isinstance(chosen, Iterable):
        pairs = [(item, "*") if isinstance(item, str) else item for item in chosen]
        return _merge(*(_match(run, source, keys) for source, keys in pairs))
    raise TypeError(f"Sources are chosen by pattern, list, mapping or selection, not {chosen!r}")


def _exact(run: Run, name: str, keys: Iterable[str] | None) -> Selection:
    source = run.source_data(name)
    return {name: source.select_keys({keys} if isinstance(keys, str) else keys).selected}


def _match(run: Run, pattern: str, key: str) -> Selection:
    if pattern in run.aliases and pattern not in run.all_sources:
        alias = run.aliases[pattern]
        return _exact(run, alias.source, {alias.key or key} - {"*"})
    matches = re.compile(translate(pattern)).match
    sources = [run.source_data(name) for name in run.all_sources if matches(name)]
    if not sources:
        raise SourceNotFound(pattern, [*run.all_sources, *run.aliases], where=run.name)
    if key == "*":
        return {source.source: source.selected for source in sources}
    found = {s.source: keys for s in sources if (keys := s.match_keys(key))}
    if not found:
        known = {k for s in sources for k in s.keys(inc_timestamps=False)}
        raise KeyNotFound(key, known, where=f"{len(sources)} sources {pattern!r}")
    return dict(found)


def _merge(*selections: Selection) -> Selection:
    merged: Selection = {}
    for selection in selections:
        for source, keys in selection.items():
            known = merged.setdefault(source, keys)
            merged[source] = None if known is None or keys is None else known | keys
    return merged


def without(run: Run, less: Selection) -> Selection:
    """What is left of a run's selection."""
    left: Selection = {}
    for source, keys in run.selection.items():
        if source not in less:
            left[source] = keys
        elif (gone := less[source]) is not None and (rest := run.source_data(source).keys() - gone):
            left[source] = rest
    return left


def trains_with_data(run: Run, *, every: bool) -> NDArray[np.bool_]:
    """In which trains every selected source and key has data, or any of them."""
    sources = (run.source_data(name) for name in run.selection)
    found = (source.trains_with_data(whole=every) for source in sources)
    have = [trains for trains in found if trains is not None]
    if not have:
        return np.ones(len(run.train_ids), bool)
    return np.asarray(np.all(have, axis=0) if every else np.any(have, axis=0))
