"""Looking for everything that is wrong with a run."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from beambook.data._findings import DataWarning, Finding, Findings
from beambook.data._interop.native import native
from beambook.data._nexus.entry import Entry
from beambook.data._open import data_files, open_run, read_parts
from beambook.data._run import Run
from beambook.data._source import Source
from beambook.data._trains import TrainIds
from beambook.errors import DamagedFile, DataError
from beambook.events import Progress, Reporter, Silent
from beambook.words import few

__all__ = ["check"]

EXAMPLES = 3
REGULAR = 0.9  # part of the trains that has to be in step for a source to count as slower


def check(run: Run | str | Path, *, reporter: Reporter | None = None) -> Findings:
    """Look for everything that is wrong with a run, and count it.

    Files that cannot be read, missing sequences, doubtful, duplicated or disordered train ids;
    trains that nobody or some aggregator lacks; sources without data in trains that their
    aggregator has; rows that are not in the files or are shared by trains; train ids beside the
    data that contradict the index; modules of a detector that disagree. Reads the whole index
    and all small arrays of train and pulse ids, no data.

    Parameters
    ----------
    run : Run, str or Path
        A run, the folder of one, or a file.
    reporter : Reporter, optional
        Is told the source that is looked at.

    Returns
    -------
    Findings

    Raises
    ------
    RunNotFound
        There is no such folder or file.

    Examples
    --------
    ::

        found = bb.check("/gpfs/exfel/exp/MID/202631/p900074/raw/r0487")
        if not found.ok:
            print(found.card().text())
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # everything is a finding here
        if isinstance(run := native(run), Run):
            return _check(run, run.name, reporter or Silent())
        try:
            return _check(open_run(run, aliases={}), str(run), reporter or Silent())
        except DamagedFile as error:
            return _unreadable(Path(run), error)


def _check(run: Run, name: str, reporter: Reporter) -> Findings:
    looked = () if isinstance(run, Entry) else _look(run, reporter)  # events need not count up
    found = tuple(dict.fromkeys((*run.problems, *looked)))
    event = run.event if isinstance(run, Entry) else "train"
    return Findings(name, len(run.train_ids), len(run.all_sources), len(run.parts), found, event)


def _unreadable(path: Path, error: DamagedFile) -> Findings:
    files = data_files(path) if path.is_dir() else []
    found = read_parts(files)[1] or [Finding("unreadable file", path.name, 1, str(error))]
    return Findings(str(path), 0, 0, 0, tuple(found))


def _look(run: Run, reporter: Reporter) -> Iterator[Finding]:
    yield from _lost_by_all(run)
    done, names = 0, sorted(run.all_sources - run.legacy_sources.keys())
    began = time.monotonic()
    by_writer: dict[str, list[Source]] = {}
    for name in names:
        source = run.source_data(name)
        by_writer.setdefault(source.writer, []).append(source)
    for writer, sources in sorted(by_writer.items()):
        written = _written(run, sources)
        if lost := int(np.count_nonzero(~written)):
            detail = f"of {len(sources)} sources, e.g. {run.train_ids[~written][0]}"
            yield Finding("missing trains", writer, lost, detail)
        for source in sources:
            seconds = time.monotonic() - began
            reporter(Progress(f"check {run.name}", done, len(names), source.source, seconds))
            try:
                yield from _of_source(source, written)
            except DamagedFile as error:
                yield Finding("unreadable source", source.source, 1, str(error))
            source.store.forget_keys(source.source)
            done += 1
    yield from _modules(run)


def _lost_by_all(run: Run) -> Iterator[Finding]:
    """Train ids count up by one; what is between the first and the last should be there."""
    ids = run.select_trains(_trusted(run)).train_ids
    if len(ids) < 2:
        return
    steps = np.diff(ids)
    lost = int((steps - 1).sum())
    if lost:
        gaps = np.flatnonzero(steps > 1)
        example = f"in {len(gaps)} gaps, e.g. after {ids[gaps[0]]}"
        yield Finding("missing trains", "all sources", lost, example)


def _trusted(run: Run) -> NDArray[np.bool_]:
    """Trains whose id some file does not doubt; a wild id would make a gap of billions."""
    trusted = [part.event_ids[~part.suspect] for part in run.parts]
    return np.isin(run.train_ids, np.concatenate([np.zeros(0, np.uint64), *trusted]))


def _written(run: Run, sources: list[Source]) -> NDArray[np.bool_]:
    """Which trains are in the files of these sources."""
    ids = np.concatenate([s.written_train_ids for s in sources])
    return np.isin(run.train_ids, ids)


def _of_source(source: Source, written: NDArray[np.bool_]) -> Iterator[Finding]:
    groups = source.index_groups
    for group in sorted(groups):
        keys = [k for k in source.keys() if not group or k.partition(".")[0] == group]
        where = f"{source.source} {group}".strip()
        if not keys:
            continue
        channel = source.channel(min(keys))
        have = np.asarray(channel.data_counts(labelled=False)) > 0
        step, due = _due(source.train_ids, have)
        without = written & due & ~have
        if number := int(np.count_nonzero(without)):
            example = f"e.g. {source.train_ids[without][0]}"
            rate = f"it has one train in {step}, " if step > 1 else ""
            yield Finding("missing trains", where, number, rate + example)
        yield from _rows(source, where, sorted(keys))
        yield from _beside(source, where, f"{group}.trainId" if group else "")
    yield from _keys(source)
    if source.is_instrument and not groups:
        yield Finding("source without data", source.source, len(source.train_ids))


def _keys(source: Source) -> Iterator[Finding]:
    """All files of a source should have the same keys; one without any has no data."""
    parts = [source.store.parts[number] for number in source.store.sources[source.source]]
    names = {part.file.path.name: part.names(source.source) for part in parts}
    every = frozenset().union(*names.values())
    lacking = {name: every - found for name, found in names.items() if found and every - found}
    if lacking:
        file, keys = next(iter(lacking.items()))
        number = len(frozenset().union(*lacking.values()))
        yield Finding("keys missing in files", source.source, number, f"{min(keys)} in {file}")


def _due(train_ids: TrainIds, have: NDArray[np.bool_]) -> tuple[int, NDArray[np.bool_]]:
    """In which trains a source should have data: a slow camera may skip all but every n-th."""
    ids = train_ids[have]
    step = int(np.median(np.diff(ids))) if len(ids) > 2 else 1
    if step < 2 or np.mean(ids % step == ids[0] % step) < REGULAR:
        return 1, np.ones(len(train_ids), bool)
    return step, train_ids % step == ids[0] % step


def _rows(source: Source, where: str, keys: list[str]) -> Iterator[Finding]:
    """Rows that are not in the file, of another kind than others, or that two trains share."""
    worst = max((source.channel(key) for key in keys), key=lambda c: c.incomplete)
    if worst.incomplete:
        yield Finding("incomplete trains", where, worst.incomplete, f"rows of {worst.key}")
    kinds = {key: found for key in keys if len(found := _kinds(source, key)) > 1}
    if kinds:
        key, found = next(iter(kinds.items()))
        yield Finding(
            "files disagree on a key", where, len(kinds), f"{key} is {' or '.join(found)}"
        )
    table = source.channel(keys[0]).table
    have = table.count > 0
    order = np.lexsort((table.first[have], table.part[have]))
    part, first = table.part[have][order], table.first[have][order]
    stop = first + table.count[have][order]
    shared = (part[1:] == part[:-1]) & (first[1:] < stop[:-1])
    if number := int(np.count_nonzero(shared)):
        yield Finding("rows shared by trains", where, number)
    if table.repeated:
        yield Finding("duplicated trains", where, table.repeated, "with data; one was taken")


def _kinds(source: Source, key: str) -> list[str]:
    """Types and shapes of an entry of a key, of the files with data."""
    table = source.channel(key).table
    found = source.store.signals(source.source, key)
    used = [found[number] for number in np.unique(table.part[table.count > 0])]
    return list(dict.fromkeys(f"{s.dtype}{list(s.shape[1:])}" for s in used if s is not None))


def _beside(source: Source, where: str, key: str) -> Iterator[Finding]:
    """The train id stored beside each row against the index."""
    if not key or key not in source:
        return
    channel = source.channel(key)
    if channel.dtype.kind not in "iu" or any(n != 1 for n in channel.entry_shape):
        return
    try:
        stored = channel.ndarray().reshape(-1).astype(np.uint64)
    except DataError as error:
        yield Finding("unreadable rows", where, channel.shape[0], str(error))
        return
    wrong = (stored != channel.train_id_coordinates()) & (stored != 0)
    if number := int(np.count_nonzero(wrong)):
        at = int(np.flatnonzero(wrong)[0])
        expected = channel.train_id_coordinates()[at]
        yield Finding(
            "train ids disagree", where, number, f"{stored[at]} beside the data of {expected}"
        )


def _modules(run: Run) -> Iterator[Finding]:
    """Modules of one detector should have the same trains, frames and pulses."""
    for detector, names in run.detectors.items():
        yield from _disagreement(detector, [run.source_data(name) for name in names])


def _disagreement(detector: str, modules: list[Source]) -> Iterator[Finding]:
    frames = np.array([_frames(m) for m in modules])
    if len(modules) < 2 or not frames.size:
        return
    some = (frames > 0).any(axis=0)
    lacking = some & (frames == 0).any(axis=0)
    if number := int(np.count_nonzero(lacking)):
        who = [m.source for m, f in zip(modules, frames, strict=True) if (some & (f == 0)).any()]
        detail = f"{len(who)} of {len(modules)} modules lack trains: {few(who, EXAMPLES)}"
        yield Finding("modules disagree on trains", detector, number, detail)
    least = np.where(frames > 0, frames, np.iinfo(np.int64).max).min(axis=0)
    differ = some & (frames.max(axis=0) != least)
    if number := int(np.count_nonzero(differ)):
        at = int(np.flatnonzero(differ)[0])
        detail = f"e.g. {least[at]} to {frames[:, at].max()} in {modules[0].train_ids[at]}"
        yield Finding("modules disagree on frames", detector, number, detail)
    yield from _pulse_disagreement(detector, modules, some & ~lacking & ~differ)


def _frames(module: Source) -> NDArray[np.int64]:
    group = "image" if "image" in module.index_groups else None
    return np.asarray(module.data_counts(labelled=False, index_group=group))


def _pulse_disagreement(
    detector: str, modules: list[Source], trains: NDArray[np.bool_]
) -> Iterator[Finding]:
    """Pulse ids of the trains that all modules have with as many frames."""
    wrong: dict[str, int] = {}
    first = None
    for module in modules:
        if "image.pulseId" not in module:
            return
        channel = module[np.flatnonzero(trains)].channel("image.pulseId")
        try:
            ids = channel.ndarray().reshape(-1)
        except DataError:
            continue
        first = ids if first is None else first
        bad = channel.train_id_coordinates()[ids != first] if len(ids) == len(first) else ids[:0]
        if len(bad):
            wrong[module.source] = len(np.unique(bad))
    if wrong:
        named = few(list(wrong), EXAMPLES)
        detail = f"{len(wrong)} modules differ from {modules[0].source}: {named}"
        yield Finding("modules disagree on pulses", detector, max(wrong.values()), detail)
