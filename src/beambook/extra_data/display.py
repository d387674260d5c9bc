"""What is in a run, as text: ``run.info()`` and the command ``lsxfel``."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from fnmatch import translate
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from beambook.extra_data._source_group import SourceGroup

if TYPE_CHECKING:
    from beambook.extra_data.reader import DataCollection
    from beambook.extra_data.sourcedata import SourceData

__all__ = ["InfoPrinter", "SourceGroup", "SourceInfoFormatter"]

MODULE = re.compile(r"(?P<detector>.+/(?:DET|CORR))/(?P<module>\d+)CH")
TRAINS_PER_SECOND = 10


class InfoPrinter:
    """Describes a run in text.

    Parameters
    ----------
    dc : DataCollection
    details_for_sources : iterable of str
        Patterns of sources whose keys are listed.
    with_aggregators : bool
        Say who wrote each source.
    data_counts : bool
        Say how much data each instrument source has.
    group_sources : bool
        Put similar names in one line, where nothing is said of single sources.
    """

    def __init__(
        self,
        dc: DataCollection,
        details_for_sources: Iterable[str] = (),
        with_aggregators: bool = False,  # noqa: FBT001, FBT002 the signature is EXtra-data's
        data_counts: bool = False,  # noqa: FBT001, FBT002
        group_sources: bool = True,  # noqa: FBT001, FBT002
    ) -> None:
        self.dc = dc
        self.details_for_sources = tuple(details_for_sources)
        self.with_aggregators = with_aggregators
        self.data_counts = data_counts
        self.group_sources = group_sources and not (with_aggregators or data_counts)
        self._detailed = [re.compile(translate(p)).match for p in self.details_for_sources]
        self._aliases = _aliases_of(dc)

    def show(self, with_auxiliary: bool = False) -> None:  # noqa: FBT001, FBT002
        """Write the text to standard output."""
        for line in self.lines():
            click.echo(line)
        if with_auxiliary:
            self.dc.auxiliary.info(
                details_for_sources=self.details_for_sources,
                with_aggregators=self.with_aggregators,
            )

    def lines(self) -> Iterator[str]:
        """The text, line by line."""
        dc = self.dc
        instrument = dc.instrument_sources - dc.legacy_sources.keys()
        yield from _trains([int(train_id) for train_id in dc.train_ids])
        yield ""
        if self._detailed or self.data_counts:
            yield f"{len(instrument)} instrument sources:"
        else:
            yield from self._modules()
            instrument -= dc.detector_sources
            yield f"{len(instrument)} instrument sources (excluding XTDF detectors):"
        yield from self._sources(instrument)
        yield ""
        yield f"{len(dc.control_sources)} control sources:"
        yield from self._sources(dc.control_sources)
        yield ""
        if dc.legacy_sources:
            yield f"{len(dc.legacy_sources)} legacy source names:"
            yield from _legacy(dc.legacy_sources)
            yield ""

    def _modules(self) -> Iterator[str]:
        """Detectors, with one module each as an example."""
        detectors: dict[str, dict[int, str]] = defaultdict(dict)
        for source in self.dc.detector_sources:
            if found := MODULE.match(source):
                detectors[found["detector"]][int(found["module"])] = source
        for detector, modules in sorted(detectors.items()):
            example = min(modules)
            info = self.dc.detector_info(modules[example])
            pixels = " x ".join(map(str, info["dims"]))
            yield f"{len(modules)} XTDF detector modules of {detector}/*"
            yield f"  e.g. module {example} : {pixels} pixels"
            yield f"  {modules[example]}"
            yield (
                f"  {info['frames_per_train']} frames per train, "
                f"up to {info['total_frames']} frames total"
            )
            yield ""

    def _sources(self, names: Iterable[str]) -> Iterator[str]:
        group = SourceGroup()
        for name in sorted(names):
            alone = not self.group_sources or self._is_detailed(name) or self._aliases[name][None]
            if not alone and group.add(name):
                continue
            if group:
                yield f"  - {group}"
                group = SourceGroup()
            if alone:
                yield from self._source(name)
            else:
                group.add(name)
        if group:
            yield f"  - {group}"

    def _is_detailed(self, name: str) -> bool:
        return any(match(name) for match in self._detailed)

    def _source(self, name: str) -> Iterator[str]:
        """One source, with its keys or counts if these are wanted."""
        source = self.dc[name]
        aggregator = f" [{source.aggregator}]" if self.with_aggregators else ""
        yield f"  -{aggregator} {name}{_short_names(self._aliases[name][None])}"
        text = SourceInfoFormatter(source, self._aliases[name])
        control = name in self.dc.control_sources
        if self._is_detailed(name):
            yield from _control_keys(text) if control else _instrument_keys(text)
        elif self.data_counts and not control:
            groups = sorted(source.index_groups)
            for group in groups:
                title = f"{group}: " if len(groups) > 1 else ""
                yield f"    {title}{text.src_data_detail(group)}"


class SourceInfoFormatter:
    """Describes the keys of a source in text.

    Parameters
    ----------
    src : SourceData
    key_aliases : mapping of str to iterable of str, optional
        Short names of each key.
    """

    def __init__(
        self, src: SourceData, key_aliases: Mapping[Any, Iterable[str]] | None = None
    ) -> None:
        self.src = src
        self.key_aliases = key_aliases or {}

    def src_data_detail(self, index_group: str) -> str:
        """How much data there is in one part of the source."""
        counts = self.src.data_counts(labelled=False, index_group=index_group)
        have = counts[counts > 0]
        least, most = (have.min(), have.max()) if len(have) else (0, 0)
        entries = f"{least}" if least == most else f"{least}–{most}"
        share = len(have) / max(len(counts), 1)
        return f"data for {len(have)} trains ({share:.2%}), {entries} entries per train"

    def keys_detail(self, keys: Iterable[str] | None = None) -> Iterator[str]:
        """Type and shape of keys."""
        if keys is None:
            keys = sorted(self.src.keys(inc_timestamps=False))
        for key in keys:
            found = self.src[key]
            yield self._line(key, str(found.dtype), found.entry_shape)

    def run_only_keys_detail(self) -> Iterator[str]:
        """Type and shape of the values that are stored only once for the run."""
        values = self.src.run_values(inc_timestamps=False)
        for key in sorted(values.keys() - self.src.keys(inc_timestamps=False)):
            value = values[key]
            kind = "string" if isinstance(value, str) else str(value.dtype)
            yield self._line(key, kind, getattr(value, "shape", ()))

    def _line(self, key: str, kind: str, shape: tuple[int, ...]) -> str:
        entry = f", entry shape {shape}" if shape else ""
        return f"- {key}{_short_names(self.key_aliases.get(key, ()))}\t[{kind}{entry}]"


def _trains(train_ids: list[int]) -> Iterator[str]:
    first, last, span = "-", "-", "0.0"
    if train_ids:
        first, last = str(train_ids[0]), str(train_ids[-1])
        span = _duration(int(train_ids[-1]) - int(train_ids[0]) + 1)
    yield f"# of trains:    {len(train_ids)}"
    yield f"Duration:       {span}"
    yield f"First train ID: {first}"
    yield f"Last train ID:  {last}"


def _duration(trains: int) -> str:
    seconds, tenths = divmod(trains, TRAINS_PER_SECOND)
    try:
        return f"{timedelta(seconds=seconds)}.{tenths}"
    except OverflowError:
        return "longer than can be: some train IDs are wrong"


def _legacy(names: Mapping[str, str]) -> Iterator[str]:
    """Old names and new ones; modules of a detector in one line."""
    modules: dict[tuple[str, str], int] = defaultdict(int)
    for old, new in sorted(names.items()):
        before, now = MODULE.match(old), MODULE.match(new)
        if before and now:
            modules[before["detector"], now["detector"]] += 1
        else:
            yield f" - {old} -> {new}"
    for (old, new), number in modules.items():
        yield f" - {old}/* -> {new}/* ({number})"


def _instrument_keys(text: SourceInfoFormatter) -> Iterator[str]:
    for group, keys in groupby(sorted(text.src.keys()), key=lambda key: key.partition(".")[0]):
        yield f"    - {group}:"
        yield f"      {text.src_data_detail(group)}"
        for line in text.keys_detail(keys):
            yield f"      {line}"


def _control_keys(text: SourceInfoFormatter) -> Iterator[str]:
    yield "    - Control keys (1 entry per train):"
    for line in text.keys_detail():
        yield f"      {line}"
    run_only = list(text.run_only_keys_detail())
    if run_only:
        yield "    - Additional run keys (1 entry per run):"
    for line in run_only:
        yield f"      {line}"


def _aliases_of(dc: DataCollection) -> Mapping[str, Mapping[str | None, list[str]]]:
    """Short names by source and key; the key is None where the whole source is meant."""
    found: dict[str, dict[str | None, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, alias in sorted(dc.__beambook__().aliases.items()):
        found[alias.source][alias.key].append(name)
    return found


def _short_names(names: Iterable[str]) -> str:
    text = ", ".join(names)
    return f" <{text}>" if text else ""
