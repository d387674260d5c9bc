"""Everything that is wrong is found and counted; what is right is not."""

import json

import h5py
import numpy as np
import pytest

from beambook.data import check, open_run

AGIPD = "MID_DET_AGIPD1M-1/DET/{}CH0:xtdf"


def found(findings):
    return {(f.what, f.where): f.count for f in findings.findings}


def module(exdf, folder, number, trains, *, frames=2, pulses=None, beside=None):
    counts = frames if isinstance(frames, list) else [frames] * len(trains)
    rows = [(t, k) for t, c in zip(trains, counts, strict=True) for k in range(c)]
    group = exdf.instrument(
        f"{AGIPD.format(number)}/image",
        {"data": (2, 2), "pulseId": ((), "u8"), "trainId": ((), "u8")},
        counts,
        data={
            "pulseId": [(pulses or {}).get((t, k), 4 * k) for t, k in rows],
            "trainId": [(beside or {}).get((t, k), t) for t, k in rows],
        },
    )
    exdf.write(folder / f"RAW-R0001-AGIPD{number:02d}-S00000.h5", trains, [group])


def slow(exdf, folder, trains, counts=None, writer="DA01", sequence=0, sources=2, **more):
    groups = [exdf.control(f"{writer}/DEV/{n}", {"a": ()}, counts) for n in range(sources)]
    exdf.write(folder / f"RAW-R0001-{writer}-S{sequence:05d}.h5", trains, groups, **more)


def test_nothing_is_wrong(exdf, tmp_path):
    slow(exdf, tmp_path, range(10, 20))
    for number in (0, 1, 2):
        module(exdf, tmp_path, number, range(10, 20))
    result = check(tmp_path)
    assert result.ok
    assert (result.trains, result.sources, result.files) == (10, 5, 4)
    assert "nothing wrong" in result.card().text()
    assert check(open_run(tmp_path)).ok
    assert check(tmp_path / "RAW-R0001-DA01-S00000.h5").ok


def test_missing_trains_are_told_apart(exdf, tmp_path):
    slow(exdf, tmp_path, [10, 11, 12, 15, 16])  # 13, 14 lost by all
    slow(exdf, tmp_path, [10, 12, 15, 16], writer="DA02")  # 11 lost by one aggregator
    group = exdf.instrument("A/FAST/1:out/data", {"x": ()}, [1, 0, 1])  # 10, 11 no file; 12 empty
    exdf.write(tmp_path / "RAW-R0001-DA03-S00000.h5", [10, 12, 15], [group])
    assert found(check(tmp_path)) == {
        ("missing trains", "all sources"): 2,
        ("missing trains", "DA02"): 1,
        ("missing trains", "DA03"): 2,
        ("missing trains", "A/FAST/1:out data"): 1,
    }


def test_source_that_is_slower_by_design(exdf, tmp_path):
    camera = exdf.instrument("A/CAM/1:out/data", {"x": ()}, [1, 0, 0, 0] * 10)
    exdf.write(tmp_path / "RAW-R0001-DA01-S00000.h5", range(10, 50), [camera])
    assert check(tmp_path).ok
    camera.counts[20] = 0
    exdf.write(tmp_path / "RAW-R0001-DA01-S00000.h5", range(10, 50), [camera])
    (finding,) = check(tmp_path).findings
    assert (finding.count, finding.detail) == (1, "it has one train in 4, e.g. 30")


def test_wild_train_id_makes_no_gap_of_billions(exdf, tmp_path):
    slow(exdf, tmp_path, [10, 11, 10**9, 13], flags=[1, 1, 0, 1])
    result = found(check(tmp_path))
    assert result["suspect train ids", "RAW-R0001-DA01-S00000.h5"] == 1
    assert result["missing trains", "all sources"] == 1
    assert result["disordered trains", "RAW-R0001-DA01-S00000.h5"] == 1


def test_duplicated_and_disordered_trains(exdf, tmp_path):
    slow(exdf, tmp_path, [10, 11, 11, 13, 12, 0, 14])
    slow(exdf, tmp_path, [14, 15], sequence=1)
    result = found(check(tmp_path))
    one, two = "RAW-R0001-DA01-S00000.h5", "RAW-R0001-DA01-S00001.h5"
    assert result["duplicated trains", one] == 1
    assert result["duplicated trains", f"{one}, {two}"] == 1
    assert result["disordered trains", one] == 1
    assert result["zeros among train ids", one] == 1
    assert result["duplicated trains", "DA01/DEV/0"] == 2


def test_files(exdf, tmp_path):
    for sequence in (0, 1, 3):
        trains = range(10 + 5 * sequence, 15 + 5 * sequence)
        slow(exdf, tmp_path, trains, sequence=sequence)
    broken = tmp_path / "RAW-R0001-DA01-S00001.h5"
    broken.write_bytes(broken.read_bytes()[:1000])
    result = check(tmp_path)
    assert not result.ok
    assert found(result)["unreadable file", broken.name] == 1
    assert found(result)["missing sequence", "DA01"] == 1
    assert found(result)["missing trains", "all sources"] == 10
    assert json.loads(result.json())["ok"] is False
    assert "missing sequence" in result.card().text()
    (only,) = check(broken).findings
    assert only.what == "unreadable file"


def test_incomplete_and_shared_rows(exdf, tmp_path):
    group = exdf.instrument("A/FAST/1:out/data", {"x": (), "y": ()}, [2, 2, 2], rows_lost=1)
    path = exdf.write(tmp_path / "RAW-R0001-DA01-S00000.h5", [10, 11, 12], [group])
    assert found(check(tmp_path)) == {
        ("incomplete trains", "A/FAST/1:out data"): 1,
        ("missing trains", "A/FAST/1:out data"): 1,
    }
    with h5py.File(path, "r+") as file:
        file["INDEX/A/FAST/1:out/data/first"][1] = 1
    assert found(check(tmp_path))["rows shared by trains", "A/FAST/1:out data"] == 1


def test_train_ids_beside_the_data(exdf, tmp_path):
    module(exdf, tmp_path, 0, range(10, 15), beside={(12, 1): 99, (13, 0): 0})
    assert found(check(tmp_path)) == {("train ids disagree", f"{AGIPD.format(0)} image"): 1}
    (finding,) = check(tmp_path).findings
    assert finding.detail == "99 beside the data of 12"


def test_modules_that_disagree(exdf, tmp_path):
    module(exdf, tmp_path, 0, range(10, 20))
    module(exdf, tmp_path, 1, [10, 11, *range(13, 20)])
    module(exdf, tmp_path, 2, range(10, 20), frames=[2, 2, 2, 2, 3, 2, 2, 1, 2, 2])
    module(exdf, tmp_path, 3, range(10, 20), pulses={(19, 1): 8, (18, 0): 1})
    result = found(check(tmp_path))
    assert result["modules disagree on trains", "MID_DET_AGIPD1M-1"] == 1
    assert result["modules disagree on frames", "MID_DET_AGIPD1M-1"] == 2
    assert result["modules disagree on pulses", "MID_DET_AGIPD1M-1"] == 2
    assert result["missing trains", "AGIPD01"] == 1


def test_source_without_index(exdf, tmp_path):
    slow(exdf, tmp_path, range(10, 14), sources=1)
    path = tmp_path / "RAW-R0001-DA01-S00000.h5"
    with h5py.File(path, "r+") as file:
        del file["INDEX/DA01/DEV/0"]
    assert found(check(tmp_path)) == {("missing trains", "DA01/DEV/0"): 4}


def test_no_trains(exdf, tmp_path):
    slow(exdf, tmp_path, [], pad=3)
    assert check(tmp_path).trains == 0


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        check(tmp_path / "none")
    for number in (0, 1):
        (tmp_path / f"RAW-R0001-DA01-S{number:05d}.h5").write_bytes(b"")
    assert [(f.what, f.where) for f in check(tmp_path).findings] == [
        ("unreadable file", "RAW-R0001-DA01-S00000.h5"),
        ("unreadable file", "RAW-R0001-DA01-S00001.h5"),
    ]


def test_progress(exdf, tmp_path):
    slow(exdf, tmp_path, range(10, 14), sources=3)
    steps = []
    check(tmp_path, reporter=steps.append)
    assert [(step.done, step.total, step.label) for step in steps] == [
        (n, 3, f"DA01/DEV/{n}") for n in range(3)
    ]


def test_reading_the_check_twice_is_the_same(exdf, tmp_path):
    slow(exdf, tmp_path, [10, 12])
    assert check(tmp_path) == check(tmp_path)
    assert np.array_equal(open_run(tmp_path).train_ids, [10, 12])
