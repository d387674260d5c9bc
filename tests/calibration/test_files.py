"""Corrected files: what is in them, who can read them, and what becomes of damaged raw ones."""

import hashlib
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
from extra_data import H5File, RunDirectory
from extra_data.components import AGIPD1M
from extra_data.validation import RunValidator
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import beambook as bb
from beambook.calibration import (
    Corrected,
    FrameChoice,
    correct_file,
    put_control,
    raw_files,
    run_places,
    sample,
)
from beambook.calibration._files.packing import Packer
from beambook.calibration._files.raw import RawFile
from beambook.errors import DamagedFile, DataError, ParameterError, RunNotFound
from beambook.testing import BadTrainIds, HalfWrittenFile, MissingSequence, TruncatedFile, make_run

NAME = "AGIPD00-S00000.h5"
SHAPE = (512, 128)
FRAMES, TRAINS = 6, 14
SOURCE, RAW_SOURCE = "MID_DET_AGIPD1M-1/CORR/0CH0:output", "MID_DET_AGIPD1M-1/DET/0CH0:xtdf"


def simple(block, out):
    """A correction of which the answer is easily told."""
    done = Corrected.empty(len(block.cells), SHAPE, out)
    done.data[:] = block.raw[:, 0].astype("f4") - 5000
    done.gain[:] = block.raw[:, 1] > 7000
    done.mask[:] = 0
    done.mask[:, 100:110] = 3
    done.mask[:, 0, 0] = block.cells
    return Corrected(done.data, done.gain, done.mask, {"frames": len(block.cells)})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("raw") / "r0009"
    return make_run(
        path, run=9, agipd=1, frames=FRAMES, pulses=FRAMES, trains=TRAINS, sequences=2, camera=None
    )


@pytest.fixture(scope="module")
def raw(run):
    return run / f"RAW-R0009-{NAME}"


@pytest.fixture(scope="module")
def pixels(raw):
    """The raw frames of the first file, (trains, frames, 2, slow, fast)."""
    with h5py.File(raw) as file:
        stored = file[f"INSTRUMENT/{RAW_SOURCE}/image/data"][:]
    return stored.reshape(-1, FRAMES, 2, *SHAPE)


@pytest.fixture(scope="module")
def done(raw, tmp_path_factory):
    return correct_file(raw, tmp_path_factory.mktemp("proc"), simple)


def plain(values):
    """Texts as bytes, of which there would be pointers only."""
    return values.astype("S") if values.dtype == object else values


def contents(path, *, without="METADATA"):
    """Digest of every data set."""
    found = {}

    def note(name, item):
        if isinstance(item, h5py.Dataset) and without not in name:
            found[name] = hashlib.sha256(plain(item[()]).tobytes()).hexdigest()

    with h5py.File(path) as file:
        file.visititems(note)  # which ends when anything is given back
    assert found
    return found


# --- what is in the files -----------------------------------------------------


def test_the_file_holds_what_the_correction_gives(done, pixels):
    with h5py.File(done.path) as file:
        group = file[f"INSTRUMENT/{SOURCE}/image"]
        flat = pixels.reshape(-1, 2, *SHAPE)
        assert group["data"].dtype == "f4"
        assert group["mask"].dtype == "u4"
        np.testing.assert_array_equal(group["data"][:], flat[:, 0].astype("f4") - 5000)
        np.testing.assert_array_equal(group["gain"][:], flat[:, 1] > 7000)
        assert (group["mask"][:, 105] == 3).all()
        assert (group["mask"][:, 200] == 0).all()
        assert group["mask"][:, 0, 0].tolist() == group["cellId"][:, 0].tolist()


def test_a_correction_that_is_done_again_differs_in_its_date_at_most(raw, tmp_path, monkeypatch):
    dates, found = set(), []
    for number, seconds in enumerate(["1700000000", "1700000000", "1800000000"]):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", seconds)
        path = correct_file(raw, tmp_path / str(number), simple).path
        found.append(contents(path, without="nothing"))
        with h5py.File(path) as file:
            dates.add(file["METADATA/updateDate"][0])
    assert dates == {b"20231114T221320Z", b"20270115T080000Z"}
    assert found[0] == found[1]
    assert [n for n in found[0] if found[0][n] != found[2][n]] == ["METADATA/updateDate"]


def test_gain_and_mask_are_compressed_as_the_facility_does(done):
    with h5py.File(done.path) as file:
        group = file[f"INSTRUMENT/{SOURCE}/image"]
        assert group["data"].compression is None
        for name in ("gain", "mask"):
            stored = group[name]
            assert (stored.compression, stored.compression_opts, stored.shuffle) == (
                "gzip",
                1,
                True,
            )
            assert stored.chunks == (1, *SHAPE)
            assert stored.id.get_storage_size() < stored.nbytes / 10


def test_numbers_of_the_frames_are_those_of_numpy(done, pixels):
    flat = pixels.reshape(-1, 2, *SHAPE)
    good = np.ones(SHAPE, bool)
    good[100:110] = False
    values = (flat[:, 0].astype("f8") - 5000)[:, good]
    stats, zero_cell = done.statistics, done.statistics.cell == 0
    np.testing.assert_allclose(stats.mean[zero_cell], values.mean(axis=1)[zero_cell])
    assert stats.bad[zero_cell].tolist() == [1280] * zero_cell.sum()
    assert (
        stats.stages[zero_cell, 1].tolist()
        == (flat[zero_cell][:, 1][:, good] > 7000).sum(1).tolist()
    )
    assert done.frames == done.frames_in == len(flat)
    assert done.complete
    assert not done.left_out
    assert sum(stats.gain_fractions) == pytest.approx(1)


def test_extra_data_finds_nothing_wrong_and_reads_it(done, pixels):
    folder = str(done.path.parent)
    RunValidator(folder).validate()
    module = AGIPD1M(RunDirectory(folder), raw=False)
    read = module.get_array("image.data").values[0]
    np.testing.assert_array_equal(read, pixels[:, :, 0].astype("f4") - 5000)
    assert H5File(str(done.path)).legacy_sources == {RAW_SOURCE: SOURCE}


def test_beambook_reads_it_and_knows_its_run(done, pixels, raw):
    run = bb.open_run(done.path.parent)
    assert run.run_metadata()["runNumber"] == 9
    assert run.run_metadata()["proposalNumber"] == 900074
    assert run.train_ids.tolist() == bb.open_file(raw).train_ids.tolist()
    assert (run.train_timestamps() == bb.open_file(raw).train_timestamps()).all()
    detector = run.detector()
    assert detector["image.data"].shape[:2] == (1, len(pixels) * FRAMES)
    assert not bb.check(run).findings


def test_corrected_data_can_have_the_name_of_raw_data_as_before_2026(raw, tmp_path):
    done = correct_file(raw, tmp_path, simple, corr_source_template="{}/DET/{}:xtdf")
    RunValidator(str(tmp_path)).validate()
    assert done.source == RAW_SOURCE
    assert AGIPD1M(RunDirectory(str(tmp_path)), raw=False).train_ids


def test_neither_threads_nor_memory_change_what_is_written(raw, done, tmp_path):
    plain = contents(done.path)
    for number, options in enumerate(
        ({"threads": 1}, {"threads": 3, "chunk_size": 7}, {"memory": 1, "chunk_size": FRAMES})
    ):
        again = correct_file(raw, tmp_path / str(number), simple, **options)
        assert contents(again.path) == plain


@given(st.lists(st.integers(1, 9), min_size=1, max_size=40), st.integers(1, 60))
def test_blocks_are_whole_trains_that_come_once(rows, size):
    raw = RawFile(None, None, np.array(rows), np.ones(sum(rows), bool), None, sum(rows), {})
    blocks = raw.blocks(size)
    assert [t for b in blocks for t in range(b.start, b.stop)] == list(range(len(rows)))
    assert max(sum(rows[b]) for b in blocks) < 2 * size + max(rows)


# --- which frames ---------------------------------------------------------------


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=8),
    st.tuples(st.integers(0, 4), st.integers(0, 7), st.integers(1, 3)),
    st.sets(st.integers(0, 5)),
)
def test_frames_are_chosen_as_python_slices_do(counts, window, cells):
    positions = [list(range(n)) for n in counts]
    numbers = np.array([p for train in positions for p in train], int)
    wanted = [p in train[slice(*window)] and p in cells for train in positions for p in train]
    chosen = FrameChoice(max_pulses=window, cells=cells).frames(np.array(counts), numbers)
    assert chosen.tolist() == wanted


def test_chosen_frames_are_written_and_the_others_counted(raw, pixels, tmp_path):
    ids = bb.open_file(raw).train_ids
    choice = FrameChoice(max_pulses=(1, 6, 2), trains=ids[2:5].tolist())
    done = correct_file(raw, tmp_path, simple, choice=choice)
    with h5py.File(done.path) as file:
        stored = file[f"INSTRUMENT/{SOURCE}/image/data"][:]
        assert file["INDEX/trainId"][:].tolist() == ids[2:5].tolist()
        assert file[f"INDEX/{SOURCE}/image/count"][:].tolist() == [3, 3, 3]
    expected = pixels[2:5, 1:6:2, 0].reshape(-1, *SHAPE)
    np.testing.assert_array_equal(stored, expected.astype("f4") - 5000)
    assert done.frames + sum(done.left_out.values()) == done.frames_in
    assert done.complete  # what nobody asked for is not missing
    shown = sample(done)
    np.testing.assert_array_equal(shown.raw, expected)


@pytest.mark.filterwarnings("ignore:.*duplicated trains")
@pytest.mark.parametrize("kind", ["duplicate", "zero"])
def test_frames_of_trains_without_a_sound_id_are_counted(kind, tmp_path):
    fault = BadTrainIds("AGIPD00", [1], kind)
    run = tmp_path / "raw/r0009"
    make_run(run, run=9, agipd=1, trains=4, pulses=2, frames=2, camera=None, faults=[fault])
    done = correct_file(next(run.glob("*AGIPD00*")), tmp_path / "out", simple)
    assert (done.frames_in, done.frames) == (8, 6)
    assert done.left_out == {"of trains with a doubtful or repeated id": 2}
    assert not done.complete


def test_where_no_frame_is_chosen_there_is_no_file(raw, tmp_path):
    done = correct_file(raw, tmp_path, simple, choice=FrameChoice(cells=[99]))
    assert done.path is None
    assert done.frames == 0
    assert not list(tmp_path.iterdir())
    assert done.left_out == {"frames not chosen": done.frames_in}


# --- values and their types -------------------------------------------------------


@given(arrays(np.uint32, (4, 8), elements=st.integers(0, 2**32 - 1)))
def test_packed_frames_are_what_hdf5_would_have_made(frame):
    packed = Packer().pack(frame, 0)
    planes = np.frombuffer(zlib.decompress(packed), "u1").reshape(4, -1)
    np.testing.assert_array_equal(np.ascontiguousarray(planes.T).view("u4").reshape(4, 8), frame)


def test_a_frame_that_repeats_is_compressed_once():
    packer, frame = Packer(), np.arange(64, dtype="u4").reshape(8, 8)
    first = packer.pack(frame, 3)
    assert packer.pack(frame.copy(), 3) == first
    assert packer.pack(frame, 4) == first
    other = frame.copy()
    other[7, 7] += 1
    assert packer.pack(other, 3) != first
    assert (packer.compressed, packer.repeated) == (3, 1)


def test_whole_numbers_are_rounded_and_what_does_not_fit_is_said(raw, pixels, tmp_path):
    def large(block, out):
        done = simple(block, out)
        done.data[:] = np.float32(1.6) * done.data
        done.data[:, 0, :3] = np.nan, 1e9, -1e9
        return done

    done = correct_file(raw, tmp_path, large, recast_image_data="int16", compress_fields=["data"])
    with h5py.File(done.path) as file:
        stored = file[f"INSTRUMENT/{SOURCE}/image/data"][:]
    values = np.float32(1.6) * (pixels[:, :, 0].reshape(-1, *SHAPE).astype("f4") - 5000)
    np.testing.assert_array_equal(stored[:, 1:], np.rint(values[:, 1:]))
    assert stored[0, 0, :3].tolist() == [0, 32767, -32768]
    assert done.notes == (f"{3 * done.frames:,} values limited to what int16 holds",)


@pytest.mark.parametrize(
    "option", [{"recast_image_data": "nonsense"}, {"compress_fields": ["mask", "dta"]}]
)
def test_what_cannot_be_asked_for_is_refused(raw, tmp_path, option):
    with pytest.raises(ParameterError):
        correct_file(raw, tmp_path, simple, **option)
    assert not list(tmp_path.glob("*.h5"))


# --- what goes wrong -----------------------------------------------------------------


def test_a_file_that_exists_is_replaced_only_if_that_is_said(raw, done, tmp_path):
    first = correct_file(raw, tmp_path, simple)
    before = first.path.read_bytes()
    with pytest.raises(DataError, match="exists"):
        correct_file(raw, tmp_path, simple)
    assert first.path.read_bytes() == before
    correct_file(raw, tmp_path, simple, overwrite=True)
    assert contents(first.path) == contents(done.path)


def test_a_correction_that_fails_leaves_nothing_behind(raw, tmp_path):
    def broken(block, out):
        if block.first:
            raise ZeroDivisionError("no such gain")
        return simple(block, out)

    with pytest.raises(ZeroDivisionError):
        correct_file(raw, tmp_path, broken, chunk_size=FRAMES)
    assert not list(tmp_path.iterdir())


def test_a_half_written_file_is_corrected_as_far_as_it_goes(tmp_path):
    folder = make_run(
        tmp_path / "raw", agipd=1, frames=4, pulses=4, trains=8, camera=None,
        faults=[HalfWrittenFile("AGIPD00", 0, keep=0.4)],
    )  # fmt: skip
    with pytest.warns(bb.DataWarning):
        done = correct_file(folder / f"RAW-R0001-{NAME}", tmp_path / "proc", simple)
    assert (done.trains, done.frames, done.frames_in) == (3, 12, 32)
    assert done.left_out == {"incomplete in the raw file": 20}
    assert not done.complete
    RunValidator(str(tmp_path / "proc")).validate()


def test_trains_that_cannot_be_read_are_left_out_and_counted(raw, tmp_path):
    """One compressed frame is spoilt: its train is lost, the others are there."""
    damaged = tmp_path / raw.name
    with h5py.File(raw) as old, h5py.File(damaged, "w") as new:
        for name in old:
            old.copy(name, new)
        key = f"INSTRUMENT/{RAW_SOURCE}/image/data"
        values = new[key][:]
        del new[key]
        new.create_dataset(key, data=values, chunks=(1, *values.shape[1:]), compression="gzip")
        spoilt = new[key].id.get_chunk_info_by_coord((2 * FRAMES + 1, 0, 0, 0))
    with damaged.open("r+b") as file:
        file.seek(spoilt.byte_offset + 100)
        file.write(bytes(1000))
    done = correct_file(damaged, tmp_path / "proc", simple, chunk_size=4 * FRAMES)
    ids = bb.open_file(damaged).train_ids
    assert done.left_out == {"unreadable in the raw file": FRAMES}
    with h5py.File(done.path) as file:
        assert file["INDEX/trainId"][:].tolist() == np.delete(ids, 2).tolist()
        stored = file[f"INSTRUMENT/{SOURCE}/image/data"][:]
    expected = np.delete(values.reshape(-1, FRAMES, 2, *SHAPE)[:, :, 0], 2, axis=0)
    np.testing.assert_array_equal(stored, expected.reshape(-1, *SHAPE).astype("f4") - 5000)


def test_files_of_a_detector_are_found_and_what_is_wrong_is_named(tmp_path):
    folder = make_run(
        tmp_path / "raw", agipd=[0, 3, 4], frames=1, pulses=1, trains=6, sequences=2, camera=None,
        faults=[TruncatedFile("AGIPD03", 1), MissingSequence("AGIPD04", 0),
                TruncatedFile("AGIPD04", 1)],
    )  # fmt: skip
    found = raw_files(folder)
    assert (found.detector, found.kind) == ("MID_DET_AGIPD1M-1", "AGIPD")
    assert found.modules == {0: "AGIPD00", 3: "AGIPD03", 4: "AGIPD04"}
    assert found.missing == (("AGIPD04", 0),)
    assert found.absent == tuple(sorted(set(range(16)) - {0, 3, 4}))
    told = {(p.aggregator, p.sequence) for p in found.parts if "truncated" in p.problem}
    assert told == {("AGIPD03", 1), ("AGIPD04", 1)}
    assert {path.name[10:12] for path in found.others} == {"DA"}
    assert [p.sequence for p in found.select([3], [0]).parts] == [0]
    with pytest.raises(DamagedFile, match="truncated"):
        correct_file(found.parts[3].path, tmp_path / "proc", simple)
    with pytest.raises(RunNotFound, match="MID_DET_AGIPD1M-1"):
        raw_files(folder, "SPB_DET_AGIPD1M-1")


@pytest.mark.parametrize("how", ["link", "copy", "none"])
def test_the_other_files_of_the_run_come_along(run, done, tmp_path, how):
    others = raw_files(run).others
    made = put_control(others, tmp_path, how)
    assert len(made) == (0 if how == "none" else len(others))
    assert all(path.is_symlink() == (how == "link") for path in made)
    assert put_control(others, tmp_path, how) == []  # they are there
    if how != "none":
        (tmp_path / done.path.name).symlink_to(done.path)
        together = bb.open_run(tmp_path)
        assert {"SA2_XTD1_XGM/XGM/DOOCS", SOURCE} <= together.all_sources
        RunValidator(str(tmp_path)).validate()


def test_places_of_a_run_are_those_of_its_proposal(tmp_path, monkeypatch):
    home = tmp_path / "MID/202631/p900074"
    (home / "raw/r0009").mkdir(parents=True)
    (home / "scratch").mkdir()
    monkeypatch.chdir(home / "scratch")
    here = run_places(9)
    assert here == run_places(9, proposal=home)
    assert (here.raw, here.out) == (home / "raw/r0009", home / "proc/r0009")
    assert (here.metadata, here.constants) == (here.out, home / "usr/constants")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParameterError, match="proposal"):
        run_places(9)
    with pytest.raises(RunNotFound, match="r0010"):
        run_places(10, proposal=home)
    given = run_places(9, in_folder=home / "raw/r0009", out_folder="out")
    assert (given.raw, given.out) == (home / "raw/r0009", Path.cwd() / "out")
    assert given.constants is None
