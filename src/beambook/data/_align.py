"""Several channels side by side, matched by train id and by pulse id."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from beambook.data._aliases import Alias
from beambook.data._channel import Channel
from beambook.data._findings import warn
from beambook.data._pulses import Places, places
from beambook.data._trains import TrainIds
from beambook.errors import AlignmentError, DataError

if TYPE_CHECKING:
    from beambook.data._run import Run

__all__ = ["align"]


def align(run: Run, named: Mapping[str, Any]) -> xr.Dataset:
    """Channels as one Dataset; see `Run.aligned`.

    Parameters
    ----------
    run : Run
    named : mapping of str to object
        Name of the variable: what ``run.channel`` takes.
    """
    if not named:
        raise AlignmentError("There is nothing to align", hint='Name channels: run.aligned("xgm").')
    try:
        return _align(run, named)
    except MemoryError as error:
        raise DataError(
            f"{', '.join(named)} do not fit into memory together",
            hint="Align fewer trains: run[:100].aligned(…).",
        ) from error


def _align(run: Run, named: Mapping[str, Any]) -> xr.Dataset:
    members = {name: _member(run, name, item) for name, item in named.items()}
    trains = _common_trains(run, members)
    placed = {n: m.placed(trains) for n, m in members.items() if m.places is not None}
    pulses = _common_pulses(placed)
    variables: dict[str, xr.DataArray] = {}
    report: dict[str, dict[str, Any]] = {}
    for name, member in members.items():
        channel = member.channel[np.flatnonzero(trains)]
        report[name] = member.trains_report(trains)
        if name in placed:
            variable, counts = _by_pulse(channel, placed[name], pulses)
            report[name] |= counts
        else:
            variable, counts = _by_train(channel)
            report[name] |= counts
        variables[name] = variable
    _warn(report)
    return _dataset(run.train_ids[trains], pulses if placed else None, variables, report)


@dataclass(frozen=True, eq=False)
class _Member:
    """A channel with the pulse ids of its entries (None for one value per train)."""

    channel: Channel
    places: Places | None
    have: NDArray[np.bool_]  # trains with data and known pulses

    def placed(self, trains: NDArray[np.bool_]) -> _Placed:
        """Its entries in these trains."""
        assert self.places is not None  # noqa: S101 for the type checker
        return _Placed.of(self.channel[np.flatnonzero(trains)], self.places, trains)

    def trains_report(self, trains: NDArray[np.bool_]) -> dict[str, Any]:
        """What happened to its trains."""
        counts = np.asarray(self.channel.data_counts(labelled=False))
        report = {
            "source": self.channel.source,
            "key": self.channel.key,
            "trains": int(np.count_nonzero(counts)),
            "trains_missing": int(np.count_nonzero(counts == 0)),
            "trains_dropped": int(np.count_nonzero((counts > 0) & ~trains)),
        }
        if self.channel.alias is not None:
            report["alias"] = self.channel.alias.name
        if self.places is not None:
            unknown = self.places.unknown & (counts > 0)
            report["trains_without_pulse_ids"] = int(np.count_nonzero(unknown))
            report["pulses_from"] = self.places.rule
        return report


def _member(run: Run, name: str, item: Any) -> _Member:
    channel = _as_named(run, run.channel(item))
    have = np.asarray(channel.data_counts(labelled=False)) > 0
    dims = channel.dims
    said = channel.alias is not None and channel.alias.pulses is not None
    if not said and dims[0] != "frame" and "pulse" not in dims[1:2]:
        return _Member(channel, None, have)
    found = places(run, channel, name)
    return _Member(channel, found, have & ~found.unknown)


def _as_named(run: Run, channel: Channel) -> Channel:
    """With what the alias file says of it, where that is one thing only."""
    if channel.alias is not None:
        return channel
    said: dict[Alias, Alias] = {}
    for alias in run.aliases.values():
        if _says_of(alias, channel):
            said.setdefault(replace(alias, name=""), alias)
    return replace(channel, alias=next(iter(said.values()))) if len(said) == 1 else channel


def _says_of(alias: Alias, channel: Channel) -> bool:
    if alias.source != channel.source or alias.key is None:
        return False
    meant = channel.key in (alias.key, f"{alias.key}.value")
    return meant and bool(alias.pulses is not None or alias.fill is not None or alias.units)


def _is_of_another(channel: Channel, run: Run) -> bool:
    """Whether a channel is of no folder that a run is of."""
    mine, theirs = (
        {part.file.path.parent.resolve() for part in store.parts}
        for store in (run.store, channel.store)
    )
    return mine.isdisjoint(theirs)


def _common_trains(run: Run, members: Mapping[str, _Member]) -> NDArray[np.bool_]:
    trains = np.logical_and.reduce([m.have for m in members.values()])
    if not trains.any():
        each = "; ".join(f"{n} {_span(run.train_ids[m.have])}" for n, m in members.items())
        others = [
            f"{name} is a channel of another run, {m.channel.origin.run}."
            for name, m in members.items()
            if _is_of_another(m.channel, run)
        ]
        raise AlignmentError(f"The channels have no train in common: {each}", hint=" ".join(others))
    return np.asarray(trains)


def _span(ids: NDArray[Any]) -> str:
    return f"has {len(ids)} ({ids[0]} … {ids[-1]})" if len(ids) else "has none"


def _common_pulses(placed: Mapping[str, _Placed]) -> NDArray[np.int64]:
    if not placed:
        return np.zeros(0, np.int64)
    pulses = reduce(np.intersect1d, [p.pulses for p in placed.values()])
    if not len(pulses):
        each = "; ".join(f"{name} {_span(p.pulses)}" for name, p in placed.items())
        raise AlignmentError(f"The channels have no pulse in common: {each}")
    return np.asarray(pulses)


@dataclass(frozen=True, eq=False)
class _Placed:
    """Entries with a pulse id, each pulse of a train once.

    Attributes
    ----------
    train : ndarray of intp
        Position among the common trains.
    row : ndarray of intp
        Position among the entries of all common trains.
    pulse : ndarray of int64
    rest : ndarray of intp
        Entries without a pulse id.
    duplicates, lacking : int
        Entries left out because their pulse id occurs twice in the train; pulses of the rule
        that have no entry.
    """

    train: NDArray[np.intp]
    row: NDArray[np.intp]
    pulse: NDArray[np.int64]
    rest: NDArray[np.intp]
    duplicates: int
    lacking: int

    @classmethod
    def of(cls, channel: Channel, rule: Places, trains: NDArray[np.bool_]) -> _Placed:
        """Look up the pulse id of each entry of the channel, which has the common trains only."""
        sizes = _entries(channel)
        position = np.cumsum(trains) - 1
        inside = trains[rule.train]
        train, entry, pulse = position[rule.train[inside]], rule.entry[inside], rule.pulse[inside]
        there = (entry < sizes[train]) & (pulse >= 0)
        lacking = int(np.count_nonzero(entry >= sizes[train]))
        train, entry, pulse = train[there], entry[there], pulse[there]
        row = (np.cumsum(sizes) - sizes)[train] + entry
        rest = np.setdiff1d(np.arange(sizes.sum()), row, assume_unique=True)
        order = np.lexsort((row, pulse, train))
        train, row, pulse = train[order], row[order], pulse[order]
        again = (train[1:] == train[:-1]) & (pulse[1:] == pulse[:-1])
        once = np.append(True, ~again)[: len(train)]
        return cls(train[once], row[once], pulse[once], rest, int(np.count_nonzero(~once)), lacking)

    @property
    def pulses(self) -> NDArray[np.int64]:
        """Pulse ids that occur in any train."""
        return np.unique(self.pulse)


def _entries(channel: Channel) -> NDArray[np.int64]:
    """Number of entries in each train."""
    counts = np.asarray(channel.data_counts(labelled=False), np.int64)
    if channel.dims[0] == "frame" or not channel.entry_shape:
        return counts
    return counts * channel.entry_shape[0]


def _by_pulse(
    channel: Channel, placed: _Placed, pulses: NDArray[np.int64]
) -> tuple[xr.DataArray, dict[str, int]]:
    values = channel.ndarray()
    dims = channel.dims[1:]
    if channel.dims[0] != "frame" and channel.entry_shape:
        values, dims = values.reshape(-1, *values.shape[2:]), dims[1:]
    if "pulse" in dims or values.dtype.kind not in "iufbc":
        raise DataError(f"{channel.source} {channel.key} has no numbers by pulse: {channel.dims}")
    filled = _is_fill(channel, values)
    column = np.minimum(np.searchsorted(pulses, placed.pulse), len(pulses) - 1)
    common = pulses[column] == placed.pulse
    at, row = (placed.train[common], column[common]), placed.row[common]
    out = np.full((len(channel.train_ids), len(pulses), *values.shape[1:]), np.nan, _float(values))
    out[at] = values[row]
    missing = out.shape[0] * out.shape[1] - len(row)
    if filled is not None:
        out[at] = np.where(filled[row], np.nan, out[at])
    counts = {
        "pulses": len(placed.pulses),
        "pulses_dropped": len(placed.pulses) - len(pulses),
        "pulses_without_entry": placed.lacking,
        "entries_without_pulse": _with_data(placed.rest, filled),
        "duplicates": placed.duplicates,
        "missing": missing,
        "filled": 0 if filled is None else int(np.count_nonzero(filled[row])),
    }
    return xr.DataArray(out, dims=("train", "pulse", *dims), attrs=_attrs(channel)), counts


def _with_data(rest: NDArray[np.intp], filled: NDArray[np.bool_] | None) -> int:
    """Entries without a pulse that are not padding."""
    if filled is None:
        return len(rest)
    axes = tuple(range(1, filled.ndim))
    return int(np.count_nonzero(~filled[rest].all(axis=axes)))


def _by_train(channel: Channel) -> tuple[xr.DataArray, dict[str, int]]:
    values = channel.ndarray()
    filled = _is_fill(channel, values)
    if filled is not None and values.dtype.kind in "iufb":
        values = np.where(filled, np.nan, values.astype(_float(values)))
    counts = {} if filled is None else {"filled": int(np.count_nonzero(filled))}
    return xr.DataArray(values, dims=channel.dims, attrs=_attrs(channel)), counts


def _is_fill(channel: Channel, values: NDArray[Any]) -> NDArray[np.bool_] | None:
    fill = channel.alias.fill if channel.alias else None
    if fill is None or values.dtype.kind not in "iufb":
        return None
    return np.asarray(np.isnan(values) if np.isnan(fill) else values == fill)


def _float(values: NDArray[Any]) -> np.dtype[Any]:
    """A type with NaN that holds the values."""
    if values.dtype.kind in "fc":
        return values.dtype
    return np.dtype(np.float32 if values.dtype.itemsize <= 2 else np.float64)


def _attrs(channel: Channel) -> dict[str, str]:
    attrs = {"run": channel.origin.run, "source": channel.source, "key": channel.key}
    return attrs | {"units": channel.units} if channel.units else attrs


def _warn(report: Mapping[str, Mapping[str, Any]]) -> None:
    for name, counts in report.items():
        if number := counts.get("entries_without_pulse", 0):
            warn(
                f"{name}: {number} entries belong to no pulse of {counts['pulses_from']} and were "
                "left out (if they are padding, write `fill:` in the alias file)"
            )
        if number := counts.get("duplicates", 0):
            warn(
                f"{name}: {number} entries have the pulse id of an earlier one of the train and "
                "were left out"
            )


def _dataset(
    ids: TrainIds,
    pulses: NDArray[np.int64] | None,
    variables: Mapping[str, xr.DataArray],
    report: Mapping[str, Any],
) -> xr.Dataset:
    coords: dict[str, Any] = {"train": ids, "trainId": ("train", ids)}
    if pulses is not None:
        coords["pulse"] = pulses
    # Text, because formats of files have no attributes with a structure.
    return xr.Dataset(dict(variables), coords, {"alignment": json.dumps(report)})
