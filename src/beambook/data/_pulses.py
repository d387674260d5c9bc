"""Which pulse each entry of a channel belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from beambook.data._channel import Channel
from beambook.data._euxfel.bunch_pattern import sase_mask
from beambook.data._euxfel.names import BUNCH_PATTERN
from beambook.errors import AlignmentError

if TYPE_CHECKING:
    from beambook.data._run import Run

__all__ = ["Places", "places"]

BLOCK = 2048  # trains of the bunch pattern read at once (22 MB)
EXAMPLE = 'pulses: sase2, or "0:400:4", or a list of pulse ids, or [source, key]'


@dataclass(frozen=True, eq=False)
class Places:
    """Pulse id of entries, by train and position in the train. Sorted by train, then position.

    Attributes
    ----------
    train : ndarray of intp, (entries,)
        Position of the train among those asked for.
    entry : ndarray of intp, (entries,)
        Position of the entry within its train.
    pulse : ndarray of int64, (entries,)
        Pulse id.
    unknown : ndarray of bool, (trains,)
        Trains for which the pulse ids are not known.
    rule : str
        Where the ids are from, for people.
    """

    train: NDArray[np.intp]
    entry: NDArray[np.intp]
    pulse: NDArray[np.int64]
    unknown: NDArray[np.bool_]
    rule: str


def places(run: Run, channel: Channel, variable: str) -> Places:
    """Pulse ids of a channel by the rule that it has.

    Parameters
    ----------
    run : Run
        Where to look for the bunch pattern and other channels.
    channel : Channel
    variable : str
        What the user calls it, for errors.

    Raises
    ------
    AlignmentError
        The channel has no rule, or the rule cannot be used; says what to write.
    """
    rule = channel.alias.pulses if channel.alias else None
    if rule is None:
        if channel.pulse_ids is not None:
            return _beside(channel.pulse_ids)
        raise _unknown(channel, variable)
    if isinstance(rule, str):
        return _by_text(run, channel, rule, variable)
    if isinstance(rule[0], str):
        return _by_channel(run, channel, (rule[0], str(rule[1])), variable)
    return _same_in_all(channel, np.array(rule, np.int64), f"{len(rule)} pulse ids")


def _unknown(channel: Channel, variable: str) -> AlignmentError:
    return AlignmentError(
        f"The pulse ids of {variable!r} ({channel.source}, {channel.key}) are not known",
        hint=f"Write in the alias file {variable}: {{source: {channel.source}, "
        f"key: {channel.key.removesuffix('.value')}, pulses: …}} with {EXAMPLE}.",
    )


def _by_text(run: Run, channel: Channel, rule: str, variable: str) -> Places:
    if found := re.fullmatch(r"sase\s*([123])", rule.strip(), re.IGNORECASE):
        return _by_bunch_pattern(run, channel, int(found[1]), variable)
    if found := re.fullmatch(r"(\d+):(\d+)(?::(\d+))?", rule.strip()):
        start, stop, step = int(found[1]), int(found[2]), int(found[3] or 1)
        if step and stop > start:
            return _same_in_all(channel, np.arange(start, stop, step), rule)
    raise AlignmentError(f"The pulses of {variable!r} are {rule!r}", hint=f"Write {EXAMPLE}.")


def _same_in_all(channel: Channel, pulses: NDArray[np.int64], rule: str) -> Places:
    trains = len(channel.train_ids)
    return Places(
        np.repeat(np.arange(trains), len(pulses)),
        np.tile(np.arange(len(pulses)), trains),
        np.tile(pulses, trains),
        np.zeros(trains, bool),
        rule,
    )


def _beside(ids: Channel) -> Places:
    """Pulse ids stored row by row."""
    counts = np.asarray(ids.data_counts(labelled=False))
    return _rows(counts, ids.ndarray().reshape(-1), f"{ids.source} {ids.key}")


def _rows(counts: NDArray[np.int64], pulses: NDArray[Any], rule: str) -> Places:
    train = np.repeat(np.arange(len(counts)), counts)
    entry = np.arange(len(train)) - np.repeat(np.cumsum(counts) - counts, counts)
    known = np.isfinite(pulses)
    return Places(train, entry, np.where(known, pulses, -1).astype(np.int64), counts == 0, rule)


def _by_channel(run: Run, channel: Channel, item: tuple[str, str], variable: str) -> Places:
    try:
        ids = replace(run.everywhere().channel(item), train_ids=channel.train_ids)
    except KeyError as error:
        raise AlignmentError(
            f"The pulses of {variable!r} are to be read from {item}: {error}"
        ) from error
    if ids.dtype.kind not in "iuf":
        raise AlignmentError(f"The pulses of {variable!r} ({item}) are not numbers: {ids.dtype}")
    rule = f"{ids.source} {ids.key}"
    if not ids.entry_shape or ids.entry_shape == (1,):
        return _beside(ids)
    counts = np.asarray(ids.data_counts(labelled=False))
    if len(ids.entry_shape) > 1 or counts.max(initial=0) > 1:
        raise AlignmentError(f"The pulses of {variable!r} ({rule}) are not a list in each train")
    return _rows(counts * ids.entry_shape[0], ids.ndarray().reshape(-1), rule)


def _by_bunch_pattern(run: Run, channel: Channel, sase: int, variable: str) -> Places:
    table = _bunch_pattern(run, channel, variable)
    train, entry, pulse = [], [], []
    counts = np.asarray(table.data_counts(labelled=False))
    have = np.flatnonzero(counts == 1)
    for start in range(0, len(have), BLOCK):
        block = have[start : start + BLOCK]
        mask = sase_mask(table[block].ndarray(), sase)
        where, ids = np.nonzero(mask)
        train.append(block[where])
        entry.append((np.cumsum(mask, axis=1) - 1)[where, ids])
        pulse.append(ids)
    joined = [np.concatenate([np.zeros(0, np.intp), *found]) for found in (train, entry, pulse)]
    return Places(
        joined[0], joined[1], joined[2].astype(np.int64), counts != 1,
        f"SASE{sase} in {table.source}",
    )  # fmt: skip


def _bunch_pattern(run: Run, channel: Channel, variable: str) -> Channel:
    """The bunch pattern table that covers most of the trains."""
    found = [
        replace(table, train_ids=channel.train_ids) for table in _bunch_patterns(run.everywhere())
    ]
    if not found:
        raise AlignmentError(
            f"The pulses of {variable!r} are those of a bunch pattern, which {run.name} has not",
            hint="It is key data.bunchPatternTable of */TSYS/TIMESERVER:outputBunchPattern. "
            f"Else write {EXAMPLE}.",
        )
    return max(found, key=lambda t: np.count_nonzero(t.data_counts(labelled=False)))


def _bunch_patterns(run: Run) -> Iterator[Channel]:
    pattern, keys = BUNCH_PATTERN
    for name in sorted(run.all_sources):
        if (match := pattern.match(name)) and (key := keys[match["output"]]):
            source = run.source_data(name)
            if key in source:
                yield source.channel(key)
