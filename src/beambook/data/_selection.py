"""Choosing sources and keys, in EXtra-data's forms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import translate
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from beambook.data._aliases import Names
from beambook.data._channel import Channel
from beambook.data._findings import warn
from beambook.data._interop.native import native
from beambook.data._source import Source
from beambook.errors import DataError, KeyNotFound, SourceNotFound

if TYPE_CHECKING:
    from beambook.data._run import Run

__all__ = ["Selection", "aliased", "expand", "trains_with_data", "without"]

Selection = dict[str, frozenset[str] | None]


def expand(run: Run, chosen: Any, key: str = "*") -> Selection:
    """What a choice of sources and keys means in a run.

    Parameters
    ----------
    run : Run
    chosen : str, iterable, mapping, Run, Source or Channel
        A pattern of sources (with `key` a pattern of keys); patterns or pairs of patterns; a
        mapping of sources to sets of keys (empty or None for all); or something selected
        before. Aliases are understood where they match exactly; with a key, that of a channel
        names its source.
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
    if isinstance(chosen := native(chosen), str):
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
        asked = alias.key if key == "*" else key  # a key of its own counts before the alias's
        return _exact(run, alias.source, {asked or "*"} - {"*"})
    matches = re.compile(translate(pattern)).match
    sources = [run.source_data(name) for name in run.all_sources if matches(name)]
    if not sources:
        raise SourceNotFound(pattern, Names(run.all_sources, run.aliases, pattern), where=run.name)
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


def aliased(run: Run, *, strict: bool) -> Selection:
    """Sources and keys of a run that have a short name.

    Parameters
    ----------
    run : Run
    strict : bool
        Whether a short name of something that is not there is an error.

    Raises
    ------
    SourceNotFound, KeyNotFound
        With `strict`.
    DataError
        There is nothing with a short name.
    """
    whole = {alias.source for alias in run.aliases.values() if alias.key is None}
    chosen: dict[str, set[str]] = {source: set() for source in sorted(whole)}
    for alias in run.aliases.values():
        if alias.key is not None and alias.source not in whole:
            chosen.setdefault(alias.source, set()).add(alias.key)
    if not strict:
        chosen = {s: found for s, keys in chosen.items() if (found := _existing(run, s, keys))}
    if not chosen:
        known = ", ".join(run.aliases) or "none"
        raise DataError(f"Nothing in {run.name} has a short name", hint=f"Short names: {known}.")
    return _merge(*(_exact(run, source, keys - {"*"}) for source, keys in chosen.items()))


def _existing(run: Run, name: str, keys: set[str]) -> set[str]:
    """The keys that are there; for a whole source "*", because none means all."""
    if name not in run.all_sources:
        return set()
    source = run.source_data(name)
    return {key for key in keys if key in source} if keys else {"*"}


def trains_with_data(run: Run, *, every: bool, warn_from: float = 1.0) -> NDArray[np.bool_]:
    """In which trains every selected source and key has data, or any of them.

    Parameters
    ----------
    run : Run
    every : bool
    warn_from : float
        Warn if one source loses this part of the trains left, or more.
    """
    left = np.full(len(run.train_ids), every)
    judged = False
    for name in run.selection:
        have = run.source_data(name).trains_with_data(whole=every)
        if have is None:
            continue
        judged, before = True, int(np.count_nonzero(left))
        left = left & have if every else left | have
        lost = before - int(np.count_nonzero(left))
        if every and before and lost / before >= warn_from:
            share = f"{lost}/{before} ({lost / before:.0%})"
            warn(f"{share} trains dropped when filtering by {name}")
    return left if judged else np.ones(len(run.train_ids), bool)
