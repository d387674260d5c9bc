"""The file that an index is kept in: damaged, forged, full, elsewhere."""

import errno
import json
import os
import time
import zlib
from hashlib import blake2b
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import beambook.data
from beambook.data import open_run
from beambook.data._format import Rows, Signal
from beambook.data._sidecar import archive, place, sidecar, sight
from beambook.data._sidecar.archive import BAD, Archive, Packed
from beambook.data._sidecar.code import (
    pack,
    pack_rows,
    pack_signal,
    unpack,
    unpack_rows,
    unpack_signal,
)
from beambook.data._sidecar.part import IndexedPart

MOTOR = "MID_EXP_SAM/MOTOR/X"


@pytest.fixture
def index(small_run, monkeypatch):
    """The file with the index of the small run."""
    monkeypatch.setenv("BEAMBOOK_INDEX", str(small_run.parent / "index"))
    for name in ("LOCAL_NS", "REMOTE_NS"):
        monkeypatch.setattr(sight, name, -(10**12))
    run = open_run(small_run)
    assert run[MOTOR].keys()
    run.store.parts[0].sidecar.save()
    (path,) = (small_run.parent / "index").iterdir()
    return path


def indexed(folder):
    run = open_run(folder)
    assert run.train_ids.tolist() == list(range(1000, 1020))
    assert "actualPosition.value" in run[MOTOR].keys()
    values = run[MOTOR, "actualPosition"].ndarray()
    np.testing.assert_array_equal(values, 1000.0 * run.train_ids)
    return sum(isinstance(p, IndexedPart) and p.read is None for p in run.store.parts)


DAMAGES = {
    "empty": lambda p: p.write_bytes(b""),
    "zeros": lambda p: p.write_bytes(bytes(p.stat().st_size)),
    "another version": lambda p: p.write_bytes(p.read_bytes().replace(b"index 1", b"index 2", 1)),
    "a folder": lambda p: (p.unlink(), p.mkdir()),
    "a pipe": lambda p: (p.unlink(), os.mkfifo(p)),
    "a link to nothing": lambda p: (p.unlink(), p.symlink_to("gone")),
    "huge": lambda p: os.truncate(p, archive.MOST_STORED + 1),
    "not readable": lambda p: (p.write_bytes(b"x"), p.chmod(0)),
}


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_index_is_made_anew(small_run, index, how):
    DAMAGES[how](index)
    assert indexed(small_run) == 0
    if index.is_file() and not index.is_symlink():
        assert indexed(small_run) == 4


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(0, 1, exclude_max=True), st.integers(1, 255), st.booleans())
def test_no_damage_is_believed(small_run, index, where, flip, cut):
    content = bytearray(index.read_bytes())
    at = int(where * len(content))
    content[at] ^= flip
    index.write_bytes(content[:at] if cut else content)
    indexed(small_run)
    indexed(small_run)


FORGED = {
    "no files": {},
    "a list": [],
    "strange files": {"files": {"RAW-R0001-DA01-S00000.h5": 7}, "arrays": [], "listings": []},
    "strange lists": {"files": 5, "arrays": 5, "listings": None},
}


@pytest.mark.parametrize("what", FORGED)
def test_strange_contents(small_run, index, what):
    found = Archive.read(index, lambda stat: True)
    meaning = found.document("files")["meaning"]
    forged = FORGED[what]
    if isinstance(forged, dict):
        forged = {"meaning": meaning, **forged}
    for section in ("files", f"source {MOTOR}", "schemas"):
        Archive({**found.sections, section: Packed.of(forged)}).write(index)
        indexed(small_run)


def test_answers_of_another_version_of_the_code(small_run, index):
    found = Archive.read(index, lambda stat: True)
    files = found.document("files") | {"meaning": "older"}
    Archive({**found.sections, "files": Packed.of(files)}).write(index)
    assert indexed(small_run) == 0
    assert indexed(small_run) == 4


def bomb(plain):
    stored = zlib.compress(bytes(plain), 9)
    return stored, blake2b(stored, digest_size=16).hexdigest()


def test_a_bomb_is_not_unpacked(tmp_path):
    stored, digest = bomb(64 << 20)
    for size in (64 << 20, 1 << 20, archive.MOST_PLAIN):
        with pytest.raises(ValueError, match="size"):
            Packed(stored, size, digest).document()


@pytest.mark.parametrize(
    "coded",
    [
        [0, [1], [10**12]],
        [0, [1, 1], [9_000_000, 9_000_000]],
        [0, [1], [-1]],
        [0, [1], [1, 1]],
        [0, [1.5, "a"], [1, 1]],
        [10**30, [], []],
        [1],
        {"a": 1},
        "no base64!",
        "AAA=",
        None,
        5,
    ],
)
def test_strange_arrays(coded):
    with pytest.raises(BAD):
        unpack(coded)


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 3), max_size=40))
def test_any_array_comes_back(numbers):
    array = np.array(numbers, np.int64)
    coded = json.loads(json.dumps(pack(array)))
    np.testing.assert_array_equal(unpack(coded), array)
    np.testing.assert_array_equal(
        unpack(pack(array.view(np.uint64))).view(np.uint64), array.view("u8")
    )


@given(st.integers(0, 2**64 - 1), st.integers(0, 100), st.integers(1, 1000))
def test_regular_arrays_are_short(first, number, step):
    ids = np.uint64(first) + np.arange(number, dtype=np.uint64) * np.uint64(step)
    assert len(json.dumps(pack(ids))) < 70
    np.testing.assert_array_equal(unpack(pack(ids)).view(np.uint64), ids)


def test_rows_of_other_length_do_not_fit():
    rows = Rows(np.arange(5), np.ones(5, np.int64))
    assert unpack_rows(pack_rows(rows), 5).first.tolist() == [0, 1, 2, 3, 4]
    assert unpack_rows(pack_rows(None), 5) is None
    with pytest.raises(ValueError, match="length"):
        unpack_rows(pack_rows(rows), 6)


@pytest.mark.parametrize(
    "dtype", ["<f4", ">u2", "?", "S5", "O", [("a", "<i4"), ("b", ">f8", (2, 3))], "V3", "c8"]
)
def test_any_type_comes_back(dtype):
    signal = Signal("A/b\udcff", "b", np.dtype(dtype), (4, 2), ("x_0",), "µJ", "b.pulseId")
    assert unpack_signal(json.loads(json.dumps(pack_signal(signal)))) == signal


@pytest.mark.parametrize(
    "dtype",
    [
        np.dtype("i4", metadata={"enum": {"A": 1}}),
        np.dtype("O", metadata={"ref": object}),
        np.dtype([("a", "O")]),
        np.dtype([("a", np.dtype("i4", metadata={"enum": {"A": 1}}))]),
    ],
)
def test_types_that_say_more_are_asked_for_again(dtype):
    with pytest.raises(ValueError, match="type"):
        pack_signal(Signal("a", "", dtype, (1,), ()))


# --- whose ------------------------------------------------------------------


def test_what_others_may_have_written_is_not_believed(small_run, index):
    index.chmod(0o664)
    assert indexed(small_run) == 0
    index.chmod(0o646)
    assert indexed(small_run) == 0


def test_owners(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1001)
    mine = tmp_path.stat().st_uid

    def file_of(uid, mode=0o100644):
        return place.trusted(SimpleNamespace(st_uid=uid, st_mode=mode), tmp_path)

    assert [file_of(uid) for uid in (1001, 0, mine, 1002)] == [True, True, True, False]
    assert not file_of(1001, 0o100666)


# --- where ------------------------------------------------------------------


def proposal(tmp_path):
    run = tmp_path / "MID" / "202601" / "p900074" / "raw" / "r0001"
    run.mkdir(parents=True)
    return run, run.parent.parent


def test_in_the_scratch_folder_of_the_proposal(tmp_path, monkeypatch):
    monkeypatch.delenv("BEAMBOOK_INDEX")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    run, folder = proposal(tmp_path)
    (cached,) = place.places(run)
    assert cached.parent == tmp_path / "cache" / "beambook" / "index"
    (folder / "scratch").mkdir()
    assert place.places(run) == (folder / "scratch" / ".beambook" / "raw_r0001.index", cached)
    monkeypatch.setenv("BEAMBOOK_INDEX", str(tmp_path / "mine"))
    assert [p.parent for p in place.places(run)] == [tmp_path / "mine"]
    for off in ("off", "0", "No"):
        monkeypatch.setenv("BEAMBOOK_INDEX", off)
        assert place.places(run) == ()
    monkeypatch.setenv("BEAMBOOK_INDEX", str(run))
    assert place.places(run) == ()


def test_what_somebody_else_wrote_is_left_alone(small_run, tmp_path, monkeypatch):
    monkeypatch.delenv("BEAMBOOK_INDEX")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("LOCAL_NS", "REMOTE_NS"):
        monkeypatch.setattr(sight, name, -(10**12))
    run, folder = proposal(tmp_path)
    run.rmdir()
    small_run.rename(run)
    shared = folder / "scratch" / ".beambook" / "raw_r0001.index"
    shared.parent.mkdir(parents=True)
    shared.write_text("theirs")
    shared.chmod(0o666)
    assert indexed(run) == 0
    assert indexed(run) == 4
    assert shared.read_text() == "theirs"
    assert len(list((tmp_path / "cache" / "beambook" / "index").iterdir())) == 1
    shared.unlink()
    os.utime(next(run.iterdir()))
    assert indexed(run) == 3
    assert shared.stat().st_mode & 0o777 == 0o644
    assert indexed(run) == 4


def test_runs_of_the_same_name_are_kept_apart(tmp_path, monkeypatch):
    monkeypatch.setenv("BEAMBOOK_INDEX", str(tmp_path / "mine"))
    names = {place.places(tmp_path / p / "r0001")[0].name for p in "ab"}
    assert len(names) == 2
    (tmp_path / "c").symlink_to(tmp_path / "a")
    assert place.places(tmp_path / "c" / "r0001")[0].name in names


@pytest.mark.parametrize("where", ["/proc/nowhere", "a file/below"])
def test_where_nobody_can_write(small_run, monkeypatch, where):
    (small_run.parent / "a file").write_text("")
    monkeypatch.setenv("BEAMBOOK_INDEX", str(small_run.parent / where))
    for name in ("LOCAL_NS", "REMOTE_NS"):
        monkeypatch.setattr(sight, name, -(10**12))
    assert indexed(small_run) == 0
    assert indexed(small_run) == 0


def test_a_full_disk(small_run, index, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    before = index.read_bytes()
    os.utime(next(small_run.iterdir()))
    monkeypatch.setattr(os, "replace", full)
    assert indexed(small_run) == 3
    assert index.read_bytes() == before
    assert [p.name for p in index.parent.iterdir()] == [index.name]  # nothing half-written


def test_too_large_an_index_is_not_written(small_run, index, monkeypatch):
    index.unlink()
    monkeypatch.setattr(archive, "MOST_STORED", 100)
    assert indexed(small_run) == 0
    assert not index.exists()


def test_the_oldest_go_when_there_are_many(tmp_path, monkeypatch):
    monkeypatch.setattr(place, "MOST_FILES", 3)
    now = time.time()
    for number in range(6):
        (tmp_path / f"{number}.index").write_bytes(b"x")
        os.utime(tmp_path / f"{number}.index", (now - number, now - number))
    for name, age in [(".a.tmp", 9999), (".b.tmp", 0)]:
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (now - age, now - age))
    (tmp_path / "notes.txt").write_text("not ours")
    place.evict(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {".b.tmp", "0.index", "1.index", "notes.txt"}
    monkeypatch.setattr(place, "MOST_BYTES", 1)
    place.evict(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_what_answers_mean_is_said_by_all_code_that_reads():
    room = Path(beambook.data.__file__).parent
    assert all(any(room.glob(pattern)) for pattern in sidecar.MEANING)
