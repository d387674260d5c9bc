"""Indexes with faults: the rows of a train are its own or none."""

import extra_data
import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beambook.data import DataWarning, open_file, open_run
from beambook.data._euxfel.format import out_of_sequence
from beambook.errors import DamagedFile

FAST = "D/FAST/1:out"


def one_file(exdf, folder, trains, counts=None, *, version="1.2", flags=None, pad=0, **group):
    path = folder / "RAW-R0001-DA01-S00000.h5"
    group = exdf.instrument(f"{FAST}/data", {"x": ()}, counts, **group)
    return exdf.write(path, trains, [group], version=version, flags=flags, pad=pad)


def by_train(run):
    return {t: np.atleast_1d(v).tolist() for t, v in run[FAST, "data.x"].trains(keep_dims=True)}


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.data())
def test_zeros_anywhere_do_not_shift_what_comes_after(exdf, tmp_path_factory, counts, data):
    trains = [50 + n for n in range(len(counts))]
    for place in data.draw(st.sets(st.integers(0, len(counts) - 1))):
        trains[place], counts[place] = 0, 0
    path = one_file(exdf, tmp_path_factory.mktemp("zeros"), trains, counts, pad=3)
    run = open_file(path)
    expected = {
        t: [exdf.value(t, k) for k in range(c)] for t, c in zip(trains, counts, strict=True) if c
    }
    assert by_train(run) == expected
    assert run.train_ids.tolist() == [t for t in trains if t]
    inside = len(np.trim_zeros(trains, "b")) - np.count_nonzero(trains)
    assert sum(f.count for f in run.problems if f.what == "zeros among train ids") == inside


def test_first_of_a_train_without_rows_means_nothing(exdf, tmp_path):
    path = one_file(exdf, tmp_path, [5, 6, 7, 8], [0, 2, 0, 1], first_of_empty=2**63 + 7)
    assert by_train(open_file(path)) == {
        6: [exdf.value(6, 0), exdf.value(6, 1)],
        8: [exdf.value(8, 0)],
    }


def test_rows_that_nobody_owns_are_left_out(exdf, tmp_path):
    run = open_file(one_file(exdf, tmp_path, [5, 6, 7], [2, 1, 2], gap=3))
    rows = [(5, 0), (5, 1), (6, 0), (7, 0), (7, 1)]
    assert run[FAST, "data.x"].ndarray().tolist() == [exdf.value(t, k) for t, k in rows]


def test_rows_of_two_files_do_not_run_together(exdf, tmp_path):
    """The third row of the second file follows the second row of the first in number only."""
    for number, trains in enumerate([[5, 6], [7, 8, 9, 10]]):
        group = exdf.instrument(f"{FAST}/data", {"x": ()})
        exdf.write(tmp_path / f"RAW-R0001-DA01-S{number:05d}.h5", trains, [group])
    run = open_run(tmp_path)[[0, 1, 4, 5]]
    assert by_train(run) == {t: [exdf.value(t)] for t in [5, 6, 9, 10]}


@pytest.mark.parametrize("index", ["count", "status"])
@pytest.mark.parametrize("length", [0, 1, 2])
def test_index_shorter_than_the_trains(exdf, tmp_path, index, length):
    run = open_file(one_file(exdf, tmp_path, [5, 6, 7], index=index, index_length=length))
    assert by_train(run) == {t: [exdf.value(t)] for t in [5, 6, 7][:length]}
    assert run[FAST].data_counts().tolist() == [1] * length + [0] * (3 - length)


def test_train_with_some_rows_lost_is_missing_and_counted(exdf, tmp_path):
    run = open_file(one_file(exdf, tmp_path, [5, 6, 7], [2, 3, 3], rows_lost=4))
    channel = run[FAST, "data.x"]
    with pytest.warns(DataWarning, match="rows of 2 trains are not all in the files"):
        assert channel.shape == (2,)
    assert channel.incomplete == 2
    assert channel.ndarray().tolist() == [exdf.value(5, 0), exdf.value(5, 1)]
    assert "2 trains" in channel.card().facts["incomplete"]
    with pytest.warns(DataWarning):
        assert run.select(FAST, require_all=True).train_ids.tolist() == [5]


@pytest.mark.parametrize("wild", [2**63, 2**64 - 1, 2**62])
def test_wild_numbers_in_the_index(exdf, tmp_path, wild):
    path = one_file(exdf, tmp_path, [5, 6, 7])
    with h5py.File(path, "r+") as file:
        file[f"INDEX/{FAST}/data/first"][1] = wild
        file[f"INDEX/{FAST}/data/count"][2] = wild
    with pytest.warns(DataWarning):
        assert by_train(open_file(path)) == {5: [exdf.value(5)]}


@pytest.mark.parametrize(
    ("version", "flags", "kept"),
    [
        ("1.0", [1, 0, 1], [5, 7]),
        ("1.1", [0, 2, 0], [5, 7]),  # inverted: an index, of which 0 is the time server
        ("1.2", [1, 0, 1], [5, 7]),
        ("1.2", [0, 0, 0], []),
    ],
)
def test_flags(exdf, tmp_path, version, flags, kept):
    path = one_file(exdf, tmp_path, [5, 6, 7], version=version, flags=flags, pad=2)
    everything = open_file(path)
    assert everything.train_ids.tolist() == [5, 6, 7]
    assert [(f.what, f.count) for f in everything.problems] == [
        ("suspect train ids", 3 - len(kept))
    ]
    run = open_file(path, inc_suspect_trains=False)
    assert run.train_ids.tolist() == kept
    assert by_train(run) == {t: [exdf.value(t)] for t in kept}


def test_flags_shorter_than_trains_leave_the_rest_in_doubt(exdf, tmp_path):
    path = one_file(exdf, tmp_path, [5, 6, 7])
    with h5py.File(path, "r+") as file:
        del file["INDEX/flag"]
        file["INDEX/flag"] = np.ones(2, "i4")
    assert open_file(path, inc_suspect_trains=False).train_ids.tolist() == [5, 6]


@given(st.lists(st.integers(1, 12), max_size=14))
def test_doubt_in_format_0_5_is_extra_datas(tmp_path_factory, ids):
    fake = type("File", (), {"train_ids": np.array(ids, "u8")})
    expected = ~extra_data.FileAccess._guess_valid_trains(fake)
    np.testing.assert_array_equal(out_of_sequence(np.array(ids, "u8")), expected)


def test_disordered_trains_come_in_order(exdf, tmp_path):
    run = open_file(one_file(exdf, tmp_path, [7, 5, 6], [1, 2, 1]))
    assert run.train_ids.tolist() == [5, 6, 7]
    array = run[FAST, "data.x"].xarray()
    assert array.train.values.tolist() == [5, 5, 6, 7]
    assert (array // 1000 == array.train).all()
    assert [(f.what, f.count) for f in run.problems] == [("disordered trains", 1)]


def test_of_two_entries_the_trusted_one_is_taken(exdf, tmp_path):
    with pytest.warns(DataWarning, match="1 × duplicated trains"):
        run = open_file(one_file(exdf, tmp_path, [6, 6, 7], [1, 1, 1], flags=[0, 1, 1]))
    assert run.train_ids.tolist() == [6, 7]
    table = run[FAST, "data.x"].table
    assert table.first.tolist() == [1, 2]
    assert table.repeated == 1


def test_of_two_entries_the_one_with_data_is_taken(exdf, tmp_path):
    with pytest.warns(DataWarning, match="duplicated trains"):
        run = open_file(one_file(exdf, tmp_path, [6, 6, 7], [0, 2, 1]))
    assert by_train(run)[6] == [exdf.value(6, 0), exdf.value(6, 1)]


def test_train_in_two_files(exdf, tmp_path):
    for number, trains in enumerate([[5, 6, 7], [7, 8]]):
        group = exdf.instrument(f"{FAST}/data", {"x": ()}, [1] * len(trains))
        exdf.write(tmp_path / f"RAW-R0001-DA01-S{number:05d}.h5", trains, [group])
    with pytest.warns(DataWarning, match="duplicated trains"):
        run = open_run(tmp_path)
    assert by_train(run) == {t: [exdf.value(t)] for t in [5, 6, 7, 8]}
    (problem,) = run.problems
    assert problem.count == 1
    assert "S00000.h5" in problem.where
    assert "S00001.h5" in problem.where


def test_source_that_is_listed_but_has_no_index(exdf, tmp_path):
    path = one_file(exdf, tmp_path, [5, 6])
    with h5py.File(path, "r+") as file:
        del file[f"INDEX/{FAST}"]
    run = open_file(path)
    assert run[FAST, "data.x"].shape == (0,)
    assert run[FAST].data_counts().tolist() == [0, 0]


@pytest.mark.parametrize("lost", ["INDEX/trainId", "INDEX", "METADATA/dataSources"])
def test_file_without_what_it_needs(exdf, tmp_path, lost):
    path = one_file(exdf, tmp_path, [5, 6])
    with h5py.File(path, "r+") as file:
        del file[lost]
    with pytest.raises(DamagedFile, match=r"RAW-R0001-DA01-S00000.h5 has no"):
        open_file(path)


def test_no_trains_at_all(exdf, tmp_path):
    run = open_file(one_file(exdf, tmp_path, [], pad=4))
    assert len(run.train_ids) == 0
    assert run[FAST, "data.x"].ndarray().shape == (0,)
    assert list(run.trains()) == []
    assert "none" in run.card().text()


def test_source_of_a_kind_that_nobody_knows(exdf, tmp_path):
    path = one_file(exdf, tmp_path, [5, 6])
    with h5py.File(path, "r+") as file:
        file["METADATA/dataSources/dataSourceId"][2] = b"NOVEL/A/B/C"
    run = open_file(path)
    assert run.all_sources == {FAST}
    (problem,) = run.problems
    assert (problem.what, problem.count) == ("unknown kind of source", 1)
    assert problem.detail == "e.g. NOVEL/A/B/C"
