"""Generated runs with every corner case at once: the truth is known, and EXtra-data is asked.

What is stored tells its train, its entry (a train may be there twice) and its row. Two oracles:
the truth, always, and EXtra-data 1.25 where it reads such files as they are meant. Where it does
not, and what is compared in another way, is listed in `BEYOND` and in the comments `differs`.
"""

import os
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import extra_data
import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from beambook.data import by_id, by_index, open_file, open_run

EXAMPLES = int(os.environ.get("BEAMBOOK_EXAMPLES", "15"))
FIRST = 1_000_000
STRUCTURE = np.dtype([("a", "i4"), ("b", "f8")])
STATES = ["ON", "", "MOVING", "STÖRUNG"]

# What EXtra-data does not read as it is meant (see docs/decisions/0003-own-reader.md); such runs
# are compared with the truth only.
BEYOND = {
    "zeros": "train ids after a zero among them are paired with the rows of the train before",
    "gap": "rows between two trains are taken for rows of the trains",
    "first": "the first row of a train without rows is trusted",
    "short index": "an index shorter than the trains is an error",
    "rows lost": "rows beyond the end of a data set are an error, or another train's",
    "twice": "a source with a train twice makes the run unreadable",
    "flags lost": "flags shorter than the trains are an error",
}


@dataclass
class Rows:
    """The rows of one index group of one file."""

    counts: list
    gap: int = 0
    first: int | None = None
    index: str = "count"
    length: int | None = None
    pad: int = 0
    lost: int = 0


@dataclass
class File:
    writer: str
    sequence: int
    trains: list  # by slot; 0 where there is none
    flags: list  # trusted or not, by slot
    pad: int
    rows: dict = field(default_factory=dict)  # by group
    flags_lost: int = 0

    @property
    def slow(self):
        return f"{self.writer}/SLOW/1"

    @property
    def fast(self):
        return f"{self.writer}/DET/0CH0:xtdf"

    @property
    def groups(self):
        return {
            "slow": self.slow,
            "image": f"{self.fast}/image",
            "more": f"{self.fast}/more",
            "reduction": f"R/{self.writer}/REDU/{self.fast}/image",
        }

    @property
    def name(self):
        return f"RAW-R0001-{self.writer}-S{self.sequence:05d}.h5"


@dataclass
class Made:
    """A run as it is drawn."""

    version: str
    files: list
    features: set
    chunk: int | None
    legacy: bool

    def write(self, exdf, folder):
        for file in self.files:
            write_file(exdf, Path(folder) / file.name, file, self)


def value(train, entry, row):
    return train * 1000.0 + entry * 100 + row


def write_file(exdf, path, file, made):
    entries = entry_numbers(file.trains)
    groups = [group(exdf, file, name, rows, entries, made) for name, rows in file.rows.items()]
    groups.append(exdf.control(f"{file.writer}/RUN/ONLY", {}, [0] * len(file.trains),
                               run={"answer": 42, "text": STATES[3]}))  # fmt: skip
    flags = [int(f) if made.version != "1.1" else 3 * (not f) for f in file.flags]
    links = [(f"{file.writer}/OLD/0CH0:xtdf", file.fast)] if made.legacy else []
    exdf.write(path, file.trains, groups, version=made.version, flags=flags, pad=file.pad,
               links=links)  # fmt: skip
    if file.flags_lost and made.version != "0.5":
        with h5py.File(path, "r+") as stored:
            kept = stored["INDEX/flag"][: len(file.trains) - file.flags_lost]
            del stored["INDEX/flag"]
            stored["INDEX/flag"] = kept


def entry_numbers(trains):
    """How often a train was there before, by slot."""
    return [trains[:n].count(train) for n, train in enumerate(trains)]


def group(exdf, file, name, rows, entries, made):
    slots = [(t, e) for t, e, c in zip(file.trains, entries, rows.counts, strict=True)
             for _ in range(c)]  # fmt: skip
    order, padded = [], []
    for (train, entry), count in zip(
        zip(file.trains, entries, strict=True), rows.counts, strict=True
    ):
        padded += [(0, 0, 0)] * (rows.gap if count else 0)
        padded += [(train, entry, row) for row in range(count)]
    assert len(padded) == len(slots) + rows.gap * np.count_nonzero(rows.counts)
    order = [value(*at) for at in padded]
    options = {
        "gap": rows.gap, "first_of_empty": rows.first, "index": rows.index,
        "index_length": rows.length, "index_pad": rows.pad,
        "kwargs": {"chunks": (made.chunk,)} if made.chunk else {},
    }  # fmt: skip
    kept = slice(len(order) - rows.lost)
    numbers = np.array(order[kept])
    data = {
        "x": numbers,
        "y.z": numbers[:, None, None] + np.arange(6).reshape(2, 3) / 1024,
        "text": [f"{STATES[int(v) % 4]}{v:.0f}" for v in numbers],
        "table": structured(numbers),
    }
    if name == "slow":
        options.pop("kwargs")
        return exdf.control(
            file.slow, {"x": (), "y.z": (2, 3), "text": ((), "str"), "table": ((), STRUCTURE)},
            rows.counts, data=data, units={"x": (b"u", b"J")}, rows_lost=rows.lost,
            run={"x": 1.5, "text": STATES[2], "classId": "Motor"}, **options,
        )  # fmt: skip
    if name == "image":
        data = {"data": data["y.z"].astype("f4"), "pulseId": numbers.astype("u8") % 100}
        data["trainId"] = numbers.astype("u8") // 1000
        shapes = {"data": ((2, 3), "f4"), "pulseId": ((), "u8"), "trainId": ((), "u8")}
        options["kwargs"] = {}
    else:
        shapes = {"x": (), "text": ((), "str")}
    section = "REDUCTION" if name == "reduction" else ""
    made_group = exdf.instrument(
        file.groups[name], shapes, rows.counts, data=data, rows_lost=rows.lost, **options
    )
    made_group.section = section
    return made_group


def structured(numbers):
    table = np.zeros(len(numbers), STRUCTURE)
    table["a"], table["b"] = numbers % 1000, numbers + 0.5
    return table


# --- drawing ---------------------------------------------------------------


@st.composite
def made_runs(draw):
    """Aggregators with own losses, sequences, and faults of all kinds."""
    version = draw(st.sampled_from(["0.5", "1.0", "1.1", "1.2"]))
    total = draw(st.integers(0, 14))
    features = draw(
        st.one_of(
            st.sets(st.sampled_from(["disorder", "wild", "suspect"]), max_size=2),
            st.sets(st.sampled_from([*BEYOND, "disorder", "wild", "suspect"]), max_size=4),
        )
    )
    files = []
    for writer in ["DA01", "DET02", "DA03"][: draw(st.integers(1, 3))]:
        kept = draw(st.lists(st.booleans(), min_size=total, max_size=total))
        trains = [FIRST + n for n, keep in enumerate(kept) if keep]
        breaks = sorted(draw(st.sets(st.integers(0, len(trains)), max_size=2)))
        for number, (a, b) in enumerate(zip([0, *breaks], [*breaks, len(trains)], strict=True)):
            files.append(draw(one_file(writer, number, trains[a:b], features)))
    chunk = draw(st.sampled_from([None, 1, 4]))
    return Made(version, files, features, chunk, draw(st.booleans()))


@st.composite
def one_file(draw, writer, number, trains, features):
    """Trains with faults, and groups with rows."""
    trains = list(trains)
    if "twice" in features and trains:
        again = draw(st.integers(0, len(trains) - 1))
        trains.insert(draw(st.integers(0, len(trains))), trains[again])
    if "disorder" in features and len(trains) > 1:
        a, b = (draw(st.integers(0, len(trains) - 1)) for _ in range(2))
        trains[a], trains[b] = trains[b], trains[a]
    if "wild" in features and trains and draw(st.booleans()):
        trains[draw(st.integers(0, len(trains) - 1))] = 2**36 + number * 7 + len(writer)
    if "zeros" in features:
        for _ in range(draw(st.integers(1, 2))):
            trains.insert(draw(st.integers(0, len(trains))), 0)
    flags = [True] * len(trains)
    if features & {"suspect", "wild", "twice"}:
        flags = draw(st.lists(st.booleans(), min_size=len(trains), max_size=len(trains)))
    file = File(writer, number, trains, flags, draw(st.integers(0, 3)))
    if "flags lost" in features:
        file.flags_lost = draw(st.integers(0, len(trains)))
    for name, most in [("slow", 1), ("image", 3), ("more", 2), ("reduction", 1)]:
        file.rows[name] = draw(group_rows(trains, most, features))
    return file


@st.composite
def group_rows(draw, trains, most, features):
    size = len(trains)
    counts = draw(st.lists(st.integers(0, most), min_size=size, max_size=size))
    counts = [c if t else 0 for c, t in zip(counts, trains, strict=True)]
    return Rows(
        counts,
        gap=draw(st.integers(0, 2)) if "gap" in features else 0,
        first=draw(st.sampled_from([None, 3, 2**63 + 5])) if "first" in features else None,
        index=draw(st.sampled_from(["count", "status"])) if most == 1 else "count",
        length=draw(st.integers(0, size)) if "short index" in features else None,
        pad=0 if "short index" in features else draw(st.integers(0, 2)),
        lost=draw(st.integers(0, sum(counts))) if "rows lost" in features else 0,
    )


# --- the truth -------------------------------------------------------------


def doubted(made, file):
    """Which slots the file itself doubts."""
    if made.version == "0.5":
        ids = np.array([t for t in file.trains if t], "u8")
        fake = type("File", (), {"train_ids": ids})
        doubt = iter(~extra_data.FileAccess._guess_valid_trains(fake))
        return [bool(next(doubt)) if t else False for t in file.trains]
    known = len(file.trains) - file.flags_lost
    return [not f or n >= known for n, f in enumerate(file.flags)]


def truth(made, writer, name, *, suspect):
    """Rows of each train of a group: the entry not doubted, with rows, first, in this order."""
    found = {}
    for file in (f for f in made.files if f.writer == writer):
        rows, at = file.rows[name], 0
        total = sum(rows.counts) + rows.gap * np.count_nonzero(rows.counts) - rows.lost
        entries, doubt = entry_numbers(file.trains), doubted(made, file)
        for slot, (train, count) in enumerate(zip(file.trains, rows.counts, strict=True)):
            at += rows.gap if count else 0
            begin, at = at, at + count
            count = count if rows.length is None or slot < rows.length else 0
            if not train or (doubt[slot] and not suspect):
                continue
            numbers = [value(train, entries[slot], row) for row in range(count)]
            rank = doubt[slot], count == 0
            here = (rank, numbers if begin + count <= total else [])
            found[train] = min(found.get(train, here), here, key=lambda each: each[0])
    return {train: numbers for train, (_, numbers) in sorted(found.items())}


def against_truth(made, run, *, suspect):
    every = {
        t for f in made.files for t, d in zip(f.trains, doubted(made, f), strict=True)
        if t and (suspect or not d)
    }  # fmt: skip
    assert run.train_ids.tolist() == sorted(every)
    for writer in {f.writer for f in made.files}:
        file = next(f for f in made.files if f.writer == writer)
        for name, source, key in [
            ("slow", run[file.slow], "x"), ("image", run[file.fast], "image.pulseId"),
            ("image", run[file.fast], "image.data"), ("more", run[file.fast], "more.x"),
            ("reduction", run.auxiliary[file.groups["reduction"].removesuffix("/image")],
             "image.x"),
        ]:  # fmt: skip
            rows = truth(made, writer, name, suspect=suspect)
            expected = [n for t in run.train_ids.tolist() for n in rows.get(t, [])]
            channel = source[key]
            ids = [t for t in run.train_ids.tolist() for _ in rows.get(t, [])]
            assert channel.train_id_coordinates().tolist() == ids
            stored = channel.ndarray()
            if key == "image.data":
                stored, expected = stored[:, 0, 0], np.array(expected).astype("f4")
            elif key == "image.pulseId":
                expected = [n % 100 for n in expected]
            np.testing.assert_array_equal(stored, expected)


# --- EXtra-data ------------------------------------------------------------


@contextmanager
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def of_extra_data(folder, *, suspect):
    return extra_data.RunDirectory(
        str(folder), inc_suspect_trains=suspect, parallelize=False, _use_voview=False
    )


def order_of(theirs):
    """Differs: EXtra-data gives the trains of a disordered file in stored order."""
    return np.argsort(theirs.train_id_coordinates(), kind="stable")


def same_channel(mine, theirs):
    order, ids = order_of(theirs), theirs.train_id_coordinates()
    expected = theirs.ndarray()[order]
    assert (mine.shape, mine.ndim, mine.dtype) == (theirs.shape, theirs.ndim, theirs.dtype)
    assert mine.entry_shape == theirs.entry_shape
    assert mine.nbytes == theirs.nbytes
    assert mine.units == (theirs.units or "").replace("μ", "µ")  # differs: the micro sign
    np.testing.assert_array_equal(mine.ndarray(), expected)
    np.testing.assert_array_equal(mine.train_id_coordinates(), ids[order])
    counts = theirs.data_counts()
    assert mine.data_counts().tolist() == counts.tolist()
    assert mine.data_counts().index.tolist() == [int(t) for t in counts.index]
    np.testing.assert_array_equal(mine.dask_array().compute(), expected)
    labelled, other = mine.xarray(), theirs.xarray()
    if mine.dtype.names:  # a data set with a variable per field, in both
        assert set(labelled) == set(other)
        labelled, other = labelled["b"], other["b"]
    np.testing.assert_array_equal(labelled.values, other.values[order])
    np.testing.assert_array_equal(labelled.trainId, other.trainId[order])
    if mine.ndim == 1 and not mine.dtype.names:
        np.testing.assert_array_equal(mine.series(), theirs.series().to_numpy()[order])
    assert mine.drop_empty_trains().train_ids.tolist() == theirs.drop_empty_trains().train_ids
    pairs = dict(theirs.trains())
    assert [train for train, _ in mine.trains()] == sorted(map(int, pairs))
    for train, rows in mine.trains():
        same_value(rows, pairs[train])


def same_value(mine, theirs):
    """Differs: strings of trains are text, in EXtra-data bytes."""
    if isinstance(mine, str):
        theirs = theirs.decode()
    elif isinstance(mine, np.ndarray) and mine.dtype.kind == "O":
        theirs = np.array([t.decode() for t in np.ravel(theirs)], object).reshape(mine.shape)
    np.testing.assert_array_equal(mine, theirs)


def same_source(mine, theirs):
    assert mine.keys() == theirs.keys()
    assert mine.keys(inc_timestamps=False) == theirs.keys(inc_timestamps=False)
    assert mine.index_groups == theirs.index_groups
    for fact in [
        "is_control", "is_instrument", "is_reduction", "is_run_only", "is_legacy", "is_auxiliary",
        "canonical_name", "aggregator", "data_category", "device_class",
    ]:  # fmt: skip
        assert getattr(mine, fact) == getattr(theirs, fact), fact
    counts = theirs.data_counts(labelled=False)
    np.testing.assert_array_equal(mine.data_counts(labelled=False), counts)
    if mine.is_control:
        assert mine.run_keys() == theirs.run_keys()
        np.testing.assert_equal(mine.run_values(), theirs.run_values())
    kept = mine.drop_empty_trains().train_ids.tolist()
    assert kept == [int(t) for t in theirs.drop_empty_trains().train_ids]
    for key in sorted(theirs.keys()):
        same_channel(mine[key], theirs[key])


def same_run(mine, theirs):
    assert mine.train_ids.tolist() == [int(t) for t in theirs.train_ids]
    assert mine.control_sources == theirs.control_sources
    assert mine.instrument_sources == theirs.instrument_sources
    assert mine.legacy_sources == theirs.legacy_sources
    np.testing.assert_array_equal(mine.train_timestamps(), theirs.train_timestamps())
    for source in sorted(theirs.all_sources):
        same_source(mine[source], theirs[source])
    for source in theirs.auxiliary.all_sources:
        same_source(mine.auxiliary[source], theirs.auxiliary[source])
    pairs = zip(mine.trains(), theirs.trains(), strict=True)
    for (my_id, my_train), (id_, train) in pairs:
        assert my_id == id_
        same_train(my_train, train, mine.legacy_sources)


def same_train(mine, theirs, legacy):
    assert set(mine) == set(theirs)
    for source, values in theirs.items():
        if source in legacy:  # differs: not read twice
            assert set(mine[source]) == {"metadata"}
            continue
        assert set(mine[source]) == set(values)
        for key in values.keys() - {"metadata"}:
            same_value(mine[source][key], values[key])


def same_selections(data, mine, theirs):
    """Choices of sources and trains in both."""
    sources = st.sampled_from(["*", "*SLOW*", "*/DET/*", [("*DET*", "image.*"), ("*SLOW*", "x")]])
    chosen = data.draw(sources, "sources")
    for how in ({"require_all": True}, {"require_any": True}, {}):
        my_part, part = mine.select(chosen, **how), theirs.select(chosen, **how)
        assert my_part.train_ids.tolist() == [int(t) for t in part.train_ids]
        assert my_part.selection == part.selection
    rest = mine.deselect("*SLOW*")
    assert rest.all_sources == theirs.deselect("*SLOW*").all_sources
    start, stop = (FIRST + data.draw(st.integers(-2, 16)) for _ in range(2))
    a, b, step = (data.draw(st.integers(-3, 16)) for _ in range(2)), None, None
    a, b = a
    step = data.draw(st.sampled_from([None, 1, 3]))
    pairs = [
        (by_index[a:b:step], extra_data.by_index[a:b:step]),
        (np.s_[a:b:step], np.s_[a:b:step]),
    ]
    ids = theirs.train_ids
    if ids:
        some = sorted(data.draw(st.sets(st.sampled_from(ids), min_size=1)))
        pairs.append((by_id[some], extra_data.by_id[some]))
        keep = np.isin(ids, some)
        pairs.append((keep, keep))
        condition = xr.DataArray(keep, {"trainId": ids}, ["trainId"])
        pairs.append((condition, condition))
    inside = [t for t in ids if start <= t < stop]
    assert mine[by_id[start:stop]].train_ids.tolist() == inside  # differs: no error
    for my_choice, choice in pairs:
        my_part, part = mine[my_choice], theirs[choice]
        assert my_part.train_ids.tolist() == [int(t) for t in part.train_ids]
        source = sorted(theirs.all_sources - theirs.legacy_sources.keys())[0]
        for key in sorted(theirs[source].keys())[:2]:
            if part.train_ids:
                same_channel(my_part[source, key], part[source, key])
    parts = data.draw(st.integers(1, 4))
    mine_split = [p.train_ids.tolist() for p in mine.split_trains(trains_per_part=parts)]
    assert mine_split == [p.train_ids for p in theirs.split_trains(trains_per_part=parts)]


def same_familiar(mine, theirs):
    """EXtra-data's methods of a run."""
    slow = sorted(s for s in theirs.control_sources if "SLOW" in s)
    table, expected = (r.get_dataframe([(s, "x") for s in slow]) for r in (mine, theirs))
    np.testing.assert_array_equal(table, expected[list(table)].reindex(table.index))
    for source in slow:
        array, other = (r.get_array(source, "y.z") for r in (mine, theirs))
        np.testing.assert_array_equal(array, other[order_of(theirs[source, "y.z"])])
        assert mine.get_run_value(source, "x") == theirs.get_run_value(source, "x")
        assert mine.get_dtype(source, "x") == theirs.get_dtype(source, "x")
        assert mine.get_entry_shape(source, "y.z") == (2, 3)
        names = {"a": (source, "x"), "b": source}
        assert mine.only_aliases(names).selection == theirs.only_aliases(names).selection
    for train in theirs.train_ids[:3]:
        my_train, train_data = mine.train_from_id(int(train))[1], theirs.train_from_id(train)[1]
        same_train(my_train, train_data, mine.legacy_sources)


def same_union(made, folder, mine, theirs):
    """Each aggregator by itself, and half the trains, put together again."""
    writers = sorted({f.writer for f in made.files})
    runs = [
        (open_run(folder, include=f"*{w}*", aliases={}),
         extra_data.RunDirectory(str(folder), include=f"*{w}*", parallelize=False,
                                 _use_voview=False))
        for w in writers
    ]  # fmt: skip
    whole = runs[0][0].union(*(mine for mine, _ in runs[1:]))
    other = runs[0][1].union(*(theirs for _, theirs in runs[1:]))
    assert whole.train_ids.tolist() == [int(t) for t in other.train_ids]
    assert whole.all_sources == other.all_sources == mine.all_sources
    half = len(mine.train_ids) // 2
    again = mine[half:] | mine[:half]
    assert again.train_ids.tolist() == mine.train_ids.tolist()
    source = sorted(theirs.instrument_sources)[0]
    np.testing.assert_array_equal(
        again[source, "image.pulseId"].ndarray(), mine[source, "image.pulseId"].ndarray()
    )


@given(made=made_runs(), data=st.data())
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to shrink a run takes minutes
)
def test_generated_runs(exdf, made, data):
    with TemporaryDirectory() as folder, quiet():
        made.write(exdf, folder)
        for suspect in (True, False):
            mine = open_run(folder, aliases={}, inc_suspect_trains=suspect)
            against_truth(made, mine, suspect=suspect)
            if made.features & BEYOND.keys():
                continue
            theirs = of_extra_data(folder, suspect=suspect)
            same_run(mine, theirs)
            same_selections(data, mine, theirs)
            same_familiar(mine, theirs)
            if suspect:
                same_union(made, folder, mine, theirs)


@given(made=made_runs(), data=st.data())
@settings(
    max_examples=max(5, EXAMPLES // 3),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
def test_what_is_written_is_read_again(exdf, made, data):
    """By us and by EXtra-data, whatever the run was like."""
    with TemporaryDirectory() as folder, quiet():
        made.write(exdf, folder)
        run = open_run(folder, aliases={})
        run = run[data.draw(st.slices(max(1, len(run.train_ids))).filter(lambda s: s.step != 0))]
        new = open_file(run.write(Path(folder) / "x.h5"))
        theirs = extra_data.H5File(str(Path(folder) / "x.h5"))
        assert (
            new.train_ids.tolist() == run.train_ids.tolist() == [int(t) for t in theirs.train_ids]
        )
        assert new.all_sources == run.all_sources
        for source in sorted(run.all_sources - run.legacy_sources.keys()):
            for key in sorted(run[source].keys()):
                before, after = run[source, key], new[source, key]
                np.testing.assert_array_equal(after.ndarray(), rows_kept(run[source], before, new))
                ids = after.train_id_coordinates()
                np.testing.assert_array_equal(theirs[source, key].train_id_coordinates(), ids)
                np.testing.assert_array_equal(theirs[source, key].ndarray(), after.ndarray())


def rows_kept(source, channel, new):
    """Rows of the trains that all keys of the group have; the others cannot be written."""
    alike = source.keys() if source.is_control else {
        k for k in source.keys() if k.partition(".")[0] == channel.key.partition(".")[0]
    }  # fmt: skip
    counts = np.array([source[key].data_counts(labelled=False) for key in alike])
    whole = counts.min(axis=0) == counts.max(axis=0)
    return channel[np.flatnonzero(whole)].ndarray()


@pytest.mark.parametrize("feature", sorted(BEYOND))
def test_there_is_a_reason_for_each_difference(feature):
    assert BEYOND[feature]
