"""A run with an index answers as one without, whatever happens to its files."""

import os
import pickle
import shutil
import threading
import warnings
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beambook.data import DataWarning, open_run
from beambook.data._hdf5 import FilePool, pool
from beambook.data._reading import chunks as _chunks
from beambook.data._sidecar import sight
from beambook.data._sidecar.part import IndexedPart
from beambook.data._sidecar.sidecar import Sidecar, _save_all
from beambook.errors import BeambookError, DamagedFile
from beambook.testing import (
    BadTrainIds,
    LostTrains,
    MissingEntries,
    MissingSequence,
    TruncatedFile,
    make_run,
)

MOTOR = "MID_EXP_SAM/MOTOR/X"
XGM = "SA2_XTD1_XGM/XGM/DOOCS:output"
AGIPD = "MID_DET_AGIPD1M-1/DET/0CH0:xtdf"
FIRST = "RAW-R0001-DA01-S00000.h5"


@pytest.fixture(autouse=True)
def index(tmp_path, monkeypatch):
    """Where indexes go; files count as settled at once."""
    monkeypatch.setenv("BEAMBOOK_INDEX", str(tmp_path / "index"))
    monkeypatch.setattr(sight, "LOCAL_NS", -(10**12))
    monkeypatch.setattr(sight, "REMOTE_NS", -(10**12))
    return tmp_path / "index"


@contextmanager
def without_index():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BEAMBOOK_INDEX", "off")
        yield


@contextmanager
def without_hdf5():
    def refuse(self, stored):
        raise AssertionError(f"{stored.path.name} was opened")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FilePool, "open", refuse)
        yield


def opened(folder, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return open_run(folder, aliases={}, **options)


def everything(folder, *, values=True, **options):
    """Answers to all questions about a run."""
    try:
        run = opened(folder, **options)
    except BeambookError as error:
        return type(error), error.message
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "trains": run.train_ids.tolist(),
            "kinds": {s: run.store.kind(s) for s in run.all_sources},
            "legacy": run.legacy_sources,
            "detectors": dict(run.detectors),
            "files": run.files,
            "problems": run.problems,
            "metadata": run.run_metadata(),
            "times": run.train_timestamps().astype("i8").tolist(),
            "card": run.card().text(),
            "parts": [(p.writer, p.sequence, p.suspect.tolist()) for p in run.parts],
            "sources": {s: of_source(run.source_data(s), values) for s in run.all_sources},
        }


def of_source(source, values):
    return {
        "keys": source.keys(),
        "run keys": source.run_keys(),
        "run values": {k: str(v) for k, v in source.run_values().items()} if values else None,
        "counts": source.data_counts().to_dict(),
        "aggregator": source.aggregator,
        "channels": [of_channel(channel, values) for channel in source.channels()],
        "absent": source.full_key("no.such.key"),
    }


def of_channel(channel, values):
    table = channel.table
    return {
        "key": channel.key,
        "rows": [a.tolist() for a in (table.event_ids, table.part, table.count)],
        "first": table.first[table.count > 0].tolist(),
        "repeated": table.repeated,
        "is": [channel.dims, channel.shape, channel.units, channel.dtype.str, channel.incomplete],
        "signals": channel._signals,
        "values": checksum(channel) if values else None,
    }


def checksum(channel):
    try:
        array = channel.ndarray()
    except BeambookError as error:  # files disagree, rows are lost
        return type(error), error.message
    return str(array.tolist()) if array.dtype == object else hash(array.tobytes())


def check_same(folder, **options):
    """With an index, new and used, as without."""
    with without_index():
        expected = everything(folder, **options)
    assert everything(folder, **options) == expected
    _save_all()
    assert everything(folder, **options) == expected
    return expected


def indexed(folder):
    """How many files are known without reading them."""
    return sum(isinstance(p, IndexedPart) and p.read is None for p in opened(folder).store.parts)


def test_nothing_is_opened_for_what_is_known(small_run):
    expected = everything(small_run, values=False)
    _save_all()
    with without_hdf5():
        assert everything(small_run, values=False) == expected
    assert indexed(small_run) == 4


def test_where_rows_are_is_known(small_run, monkeypatch):
    expected = everything(small_run)
    _save_all()
    monkeypatch.setattr(_chunks, "_memory", _chunks._Memory(2**20))

    def refuse(*_):
        raise AssertionError("the layout was read again")

    monkeypatch.setattr(_chunks, "_read_layout", refuse)
    assert everything(small_run) == expected
    monkeypatch.setattr(_chunks, "_memory", _chunks._Memory(2**20))
    for file in small_run.iterdir():
        same_times(file, lambda f=file: f.write_bytes(f.read_bytes()))
    with pytest.raises(AssertionError, match="read again"):
        everything(small_run)


def test_only_what_was_asked_for_is_known(small_run):
    opened(small_run)
    with without_hdf5():
        run = opened(small_run)
        assert len(run.train_ids) == 20
    assert run[MOTOR].keys() >= {"actualPosition.value"}
    _save_all()
    with without_hdf5():
        assert opened(small_run)[MOTOR].keys() == run[MOTOR].keys()


def test_part_of_a_run(small_run):
    check_same(small_run, include="*DA01*")
    check_same(small_run)
    assert indexed(small_run) == 4


@pytest.mark.parametrize(
    "options",
    [
        {"format_version": "0.5"},
        {"format_version": "1.1", "faults": [BadTrainIds("DA01", [3, 5], "zero")]},
        {"agipd": 2, "frames": 1, "faults": [LostTrains("AGIPD00", [2, 3])]},
        {"faults": [MissingEntries(XGM, [1, 4]), MissingSequence("DA01", 0)]},
        {"faults": [TruncatedFile("DA01", 1)]},
    ],
    ids=["0.5", "1.1", "detector", "missing", "truncated"],
)
def test_made_runs(tmp_path, options):
    folder = make_run(
        *(tmp_path / "r0001",), trains=8, pulses=4, sequences=2, camera=(3, 4), **options
    )
    check_same(folder)


@st.composite
def groups(draw, exdf, number):
    rows = st.lists(st.integers(0, 3), min_size=number, max_size=number)
    fast = exdf.instrument(
        f"{XGM}/data",
        {"x": (), "y": ((2,), draw(st.sampled_from(["f4", "u2", ">i8"])))},
        draw(st.none() | rows),
        gap=draw(st.integers(0, 1)),
        first_of_empty=draw(st.none() | st.just(2**63 + 5)),
        index=draw(st.sampled_from(["count", "status"])) if number else "count",
        rows_lost=draw(st.integers(0, 1)),
        units={"x": (b"u", b"J")} if draw(st.booleans()) else {},
    )
    text = {"state": ["ON"] * number}
    slow = exdf.control(
        *(MOTOR, {"position": (), "state": ((), "str")}, [1] * number),
        data=text,
        run={"position": 1.5, "classId": "Motor"},
    )
    return [g for g in (fast, slow) if g is slow or sum(fast.counts or [1])]


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_generated_runs(exdf, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("runs") / "r0001"
    version = data.draw(st.sampled_from(["0.5", "1.0", "1.1", "1.2"]))
    for number in range(data.draw(st.integers(1, 3))):
        ids = st.sampled_from([0, *range(10, 18), 10**10])
        trains = data.draw(st.lists(ids, max_size=6))
        flags = data.draw(st.none() | st.just([1, 0, 2, 1, 0, 1][: len(trains)]))
        more = {"version": version, "flags": flags, "pad": data.draw(st.integers(0, 2))}
        exdf.write(
            folder / f"RAW-R0001-DA01-S{number:05d}.h5", trains,
            data.draw(groups(exdf, len(trains))), **more,
        )  # fmt: skip
    check_same(folder)
    check_same(folder, inc_suspect_trains=False)


# --- files that change ------------------------------------------------------


def changing(path):
    pool.close()  # HDF5 does not let one process read and write a file
    return h5py.File(path, "r+")


def same_times(path, act):
    """Act so that size and time of the last change stay as they were."""
    before = path.stat()
    act()
    assert path.stat().st_size == before.st_size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def shift(path, by):
    with changing(path) as file:
        file["INDEX/trainId"][:12] = file["INDEX/trainId"][:12] + np.uint64(by)


def grow(path):
    with changing(path) as file:
        file["INDEX/trainId"][12] = 5000
        file["INDEX/flag"][12] = 1


def other(path):
    """A file of the same size with other trains, and the same times."""
    copy = path.with_suffix(".copy")
    shutil.copy2(path, copy)
    same_times(copy, lambda: shift(copy, 500))
    return copy


def swap(folder):
    one, two = sorted(folder.glob("*DA01*"))
    one.rename(folder / "x")
    two.rename(one)
    (folder / "x").rename(two)


def in_new_inode(path, copy):
    path.unlink()  # its inode may be used again
    shutil.copy2(copy, path)
    copy.unlink()


CHANGES = {
    "changed in place": lambda f: shift(f / FIRST, 500),
    "changed in place, times set back": lambda f: same_times(
        f / FIRST, lambda: shift(f / FIRST, 500)
    ),
    "rows changed, times set back": lambda f: same_times(f / FIRST, lambda: move_rows(f / FIRST)),
    "grown": lambda f: grow(f / FIRST),
    "replaced by one of the same size and times": lambda f: other(f / FIRST).replace(f / FIRST),
    "overwritten with the same size and times": lambda f: same_times(
        f / FIRST, lambda: (f / FIRST).write_bytes(other(f / FIRST).read_bytes())
    ),
    "made anew": lambda f: in_new_inode(f / FIRST, other(f / FIRST)),
    "restored from an old backup": lambda f: (
        other(f / FIRST).replace(f / FIRST),
        os.utime(f / FIRST, (10**9, 10**9)),
    ),
    "from the future": lambda f: (shift(f / FIRST, 5), os.utime(f / FIRST, (10**10, 10**10))),
    "names swapped": swap,
    "removed": lambda f: (f / FIRST).unlink(),
    "added": lambda f: shutil.copy2(other(f / FIRST), f / "RAW-R0001-DA02-S00000.h5"),
    "truncated": lambda f: os.truncate(f / FIRST, 3000),
    "no longer readable": lambda f: (f / FIRST).write_bytes(b"x" * 100),
    "a folder": lambda f: ((f / FIRST).unlink(), (f / FIRST).mkdir()),
    "a pipe": lambda f: ((f / FIRST).unlink(), os.mkfifo(f / FIRST)),
    "a link elsewhere": lambda f: ((f / FIRST).rename(f / "x"), (f / FIRST).symlink_to(f / "x")),
}


def move_rows(path):
    with changing(path) as file:
        first = file[f"INDEX/{MOTOR}/first"]
        first[:12] = first[:12][::-1]


@pytest.mark.parametrize("how", CHANGES)
def test_a_changed_file_is_read_again_alone(small_run, how):
    before = check_same(small_run)
    CHANGES[how](small_run)
    for copy in small_run.glob("*.copy"):
        copy.unlink()
    kept = indexed(small_run)
    assert kept == {"names swapped": 2, "added": 4}.get(how, 3)
    after = check_same(small_run)
    if how != "a link elsewhere":
        assert after != before


def test_changed_again_and_again(small_run):
    for step in (3, 30, 300):
        check_same(small_run)
        same_times(small_run / FIRST, lambda by=step: shift(small_run / FIRST, by))
    check_same(small_run)


def test_a_file_changed_a_moment_ago_is_not_kept(small_run, monkeypatch):
    """Within one tick of the clock a second change would not show."""
    monkeypatch.undo()
    monkeypatch.setenv("BEAMBOOK_INDEX", str(small_run.parent / "index"))
    opened(small_run)
    assert indexed(small_run) == 0


def test_how_long_a_file_must_be_left_alone(small_run, monkeypatch):
    monkeypatch.undo()
    seen = sight.Sight.of(small_run / FIRST)
    last, second = seen.ctime_ns, 10**9
    for local, seconds in [({f"{os.major(seen.device)}:{os.minor(seen.device)}"}, 2), ((), 60)]:
        monkeypatch.setattr(sight, "_local", lambda found=local: found)
        assert not seen.settled(last + seconds * second)
        assert seen.settled(last + (seconds + 1) * second)
        assert not seen.settled(last - 100 * second)  # a clock that was put back


def test_a_file_changed_while_it_is_read_is_not_kept(small_run):
    from beambook.data._open import read_part

    def read(path):
        part = read_part(path)
        if path.name == FIRST:
            grow(path)
        return part

    paths = sorted(small_run.glob("*.h5"))
    Sidecar(small_run, read).parts(paths)
    assert indexed(small_run) == 3
    check_same(small_run)


def test_a_file_open_for_writing_is_not_kept(tmp_path, exdf):
    path = exdf.write(tmp_path / "r0001" / FIRST, [5, 6], [exdf.control(MOTOR, {"x": ()})])
    content = bytearray(path.read_bytes())
    assert not sight.Sight.of(path).writing
    content[8:12] = bytes([3, 8, 8, 5])  # what HDF5 marks in the newer superblocks
    path.write_bytes(content)
    assert sight.Sight.of(path).writing
    assert not sight.Sight.of(path).settled(2**63)


def test_a_file_that_grows_after_the_run_was_opened(small_run):
    opened(small_run)
    run = opened(small_run)
    grow(small_run / FIRST)
    with pytest.raises(DamagedFile, match="was replaced or changed since the run was opened"):
        run[MOTOR, "actualPosition"].ndarray()
    _save_all()
    check_same(small_run)


def test_a_file_that_is_replaced_after_the_run_was_opened(small_run):
    opened(small_run)
    run = opened(small_run)
    shift(small_run / FIRST, 500)
    with pytest.raises(DamagedFile, match="was replaced or changed since the run was opened"):
        run[MOTOR, "actualPosition"].ndarray()
    check_same(small_run)


@pytest.mark.parametrize("setting", ["index", "off"])
def test_a_file_overwritten_with_its_old_times_after_the_run_was_opened(
    small_run, monkeypatch, setting
):
    monkeypatch.setenv("BEAMBOOK_INDEX", setting if setting == "off" else str(small_run.parent))
    run = opened(small_run)
    assert run[MOTOR, "actualPosition"].ndarray()[0] == 1000 * 1000.0
    same_times(small_run / FIRST, lambda: shift(small_run / FIRST, 500))
    with pytest.raises(DamagedFile, match="was replaced or changed since the run was opened"):
        run[MOTOR, "actualPosition"].ndarray()


# --- many at once -----------------------------------------------------------


def test_many_readers_and_writers(small_run):
    with without_index():
        expected = everything(small_run)
    wrong = []

    def work():
        for _ in range(3):
            if everything(small_run) != expected:
                wrong.append(1)
            _save_all()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert indexed(small_run) == 4


def test_two_processes_add_to_one_index(small_run):
    one, two = opened(small_run), opened(small_run)
    keys = one[MOTOR].keys(), two[XGM].keys()
    one.store.parts[-1].sidecar.save()
    two.store.parts[-1].sidecar.save()
    with without_hdf5():
        run = opened(small_run)
        assert (run[MOTOR].keys(), run[XGM].keys()) == keys


def test_a_child_process_writes_nothing(small_run, index):
    run = opened(small_run)
    for file in index.iterdir():
        file.unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of other tests
        child = os.fork()
    if child == 0:
        run[MOTOR].keys()
        _save_all()
        os._exit(0)
    os.waitpid(child, 0)
    assert list(index.iterdir()) == []


def test_a_run_is_pickled_with_its_index(small_run):
    expected = everything(small_run)
    opened(small_run)
    run = pickle.loads(pickle.dumps(opened(small_run)))
    assert run.train_ids.tolist() == expected["trains"]
    assert run[MOTOR].keys() == expected["sources"][MOTOR]["keys"]
    assert run[AGIPD, "image.data"].shape == (48, 2, 4, 3)


def test_no_index_in_the_folder_of_the_run(small_run, monkeypatch):
    monkeypatch.setenv("BEAMBOOK_INDEX", str(small_run))
    before = sorted(small_run.iterdir())
    check_same(small_run)
    assert sorted(small_run.iterdir()) == before


def test_told_not_to(small_run, monkeypatch):
    monkeypatch.setenv("BEAMBOOK_INDEX", "off")
    assert indexed(small_run) == 0
    assert not Path("off").exists()


def test_warnings_are_given_each_time(small_run):
    os.truncate(small_run / FIRST, 3000)
    for _ in range(3):
        with pytest.warns(DataWarning, match="1 × unreadable file"):
            open_run(small_run)
