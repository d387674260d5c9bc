"""A folder of constants: versions, what answers a query, and that nothing is lost or half there."""

import json
import os
import pickle
import re
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import h5py
import numpy as np
import pytest
from extra.calibration import SingleConstant
from hypothesis import given
from hypothesis import strategies as st

from beambook.calibration._constants import (
    AGIPDConditions,
    Constant,
    Constants,
    DSSCConditions,
    LPDConditions,
    retrieve,
)
from beambook.calibration._constants.match import best
from beambook.data._findings import DataWarning
from beambook.errors import (
    BeambookError,
    ConstantNotFound,
    DamagedFile,
    DataError,
    ParameterError,
    RunNotFound,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DSSC = DSSCConditions(100, 1)
PLACE = {"detector": "SCS_DET_DSSC1M-1", "module": "DSSC00"}
MODULE = {**PLACE, "physical_name": "DSSC_M1"}


def dark(value=0.0):
    return np.full((1, 1, 128, 512), value, "f4")


@pytest.fixture
def store(tmp_path):
    return Constants(tmp_path)


@pytest.fixture
def three(store):
    """Versions that begin at 10, 12 and 14 o'clock, with 0, 1 and 2 in them."""
    for value in range(3):
        begin = NOON + (value - 1) * 2 * HOUR
        store.inject("Offset", dark(value), **MODULE, conditions=DSSC, begin=begin)
    return store


def ask(store, conditions=DSSC, calibration="Offset", place=PLACE, **options):
    return store.query(calibration, **place, conditions=conditions, **options)


# --- which version ------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "strategy", "value"),
    [
        (-9, "closest", 0),
        (-1, "closest", 0),  # as far from the next one: the earlier one
        (-0.9, "closest", 1),
        (0, "prior", 1),
        (1.9, "prior", 1),
        (1.9, "closest", 2),
        (99, "prior", 2),
    ],
)
def test_which_version_holds(three, hours, strategy, value):
    found = ask(three, at=NOON + hours * HOUR, strategy=strategy)
    assert (found.ndarray() == value).all()
    assert found.begin == NOON + (value - 1) * 2 * HOUR


def test_nothing_before_the_first_one(three):
    with pytest.raises(ConstantNotFound, match="it is later") as caught:
        ask(three, at=NOON - 3 * HOUR, strategy="prior")
    assert "2026-03-01 10:00:00" in str(caught.value)


def test_of_the_same_time_the_one_injected_last_and_the_state_of_before(three):
    before = datetime.now(UTC)
    again = three.inject("Offset", dark(7), **MODULE, conditions=DSSC, begin=NOON)
    assert ask(three, at=NOON).id == again.id
    assert (ask(three, at=NOON, snapshot_at=before).ndarray() == 1).all()
    with pytest.raises(ConstantNotFound):
        ask(three, at=NOON, snapshot_at=NOON - 9999 * HOUR)


def test_a_version_that_has_ended(store):
    store.inject("Offset", dark(), **MODULE, conditions=DSSC, begin=NOON, end=NOON + HOUR)
    assert ask(store, at=NOON + HOUR / 2)
    with pytest.raises(ConstantNotFound, match="valid no more"):
        ask(store, at=NOON + HOUR)


def test_conditions_and_how_far_they_may_be_off(store):
    made = AGIPDConditions(300, 64, 4.5, gain_setting=0, gain_mode=0)
    place = {"detector": "SPB_DET_AGIPD1M-1", "module": "AGIPD00"}
    store.inject(
        "Offset", np.zeros((3, 1, 512, 128)), **place, physical_name="M1", conditions=made,
        begin=NOON,
    )  # fmt: skip
    for same in (made, replace(made, sensor_bias_voltage=299), replace(made, source_energy=12)):
        assert ask(store, same, place=place, at=NOON)
    for other, why in [
        (replace(made, gain_mode=1), "Gain mode 1.0 asked, not given there"),
        (replace(made, integration_time=20), "Integration time 20.0 asked, not given there"),
        (replace(made, sensor_bias_voltage=298), "Sensor Bias Voltage 298.0 asked, 300.0 there"),
        (replace(made, memory_cells=32), "Memory cells 32.0 asked, 64.0 there"),
    ]:
        with pytest.raises(ConstantNotFound, match=why):
            ask(store, other, place=place, at=NOON)


def test_one_sided_deviation_and_text(store):
    made = LPDConditions(memory_cell_order="2,0,1,")
    place = {"detector": "FXE_DET_LPD1M-1", "module": "LPD00"}
    store.inject(
        "Offset", np.zeros((3, 1, 256, 256)), **place, physical_name="L", conditions=made,
        begin=NOON, deviations={"Memory cells": (512, 0)},
    )  # fmt: skip
    assert ask(store, replace(made, memory_cells=100), place=place)
    for other in ({"memory_cells": 513}, {"memory_cell_order": "0,1,2,"}, {"parallel_gain": True}):
        with pytest.raises(ConstantNotFound):
            ask(store, replace(made, **other), place=place)


def test_constants_follow_the_module_not_its_place(store):
    """Module M2 comes from place 5 to place 0, where M1 was: its gain comes with it."""
    conditions = AGIPDConditions(300, 4, 4.5, gain_setting=0, gain_mode=0)
    spb = {"detector": "SPB_DET_AGIPD1M-1"}

    def put(calibration, unit, module, begin, value):
        store.inject(
            calibration, np.full((3, 1, 512, 128), value), **spb, module=module,
            physical_name=unit, conditions=conditions, begin=begin,
        )  # fmt: skip

    put("SlopesPC", "M1", "AGIPD00", NOON - 90 * HOUR, 1)
    put("SlopesPC", "M2", "AGIPD05", NOON - 90 * HOUR, 2)
    put("Offset", "M2", "AGIPD00", NOON, 20)
    place = {**spb, "module": "AGIPD00"}
    assert store.physical_name(**place, at=NOON - HOUR) == "M1"
    for hours, value in [(-1, 1), (1, 2)]:
        found = ask(store, conditions, "SlopesPC", place, at=NOON + hours * HOUR)
        assert found.ndarray().max() == value
    with pytest.raises(ConstantNotFound):  # before the move nobody measured the offset of M1
        ask(store, conditions, "Offset", place, at=NOON - HOUR)


MOMENTS = st.integers(-50, 50)


@given(st.lists(MOMENTS, min_size=1), MOMENTS, st.sampled_from(["closest", "prior"]))
def test_best_is_what_a_look_at_all_of_them_finds(begins, at, strategy):
    made = [
        Constant("Offset", "", "", "M", Path(), "", number, NOON + hours * HOUR)
        for number, hours in enumerate(begins)
    ]
    found = best(made, {}, NOON + at * HOUR, strategy)
    possible = [b for b in begins if strategy == "closest" or b <= at]
    assert (found is None) == (not possible)
    if found is not None:
        hours = (found.begin - NOON) / HOUR
        assert abs(hours - at) == min(abs(b - at) for b in possible)
        assert found.id == max(n for n, b in enumerate(begins) if b == hours)


# --- what is said -----------------------------------------------------------------


def test_says_what_there_is(three, tmp_path):
    with pytest.raises(ConstantNotFound, match="constants of SCS_DET_DSSC1M-1 DSSC00"):
        ask(three, place={**PLACE, "module": "DSSC01"})
    with pytest.raises(ConstantNotFound, match="It has Offset"):
        ask(three, calibration="Noise")
    with pytest.raises(ConstantNotFound, match="There is no folder"):
        ask(Constants(tmp_path / "nowhere"))
    text = three.card().text()
    assert "SCS_DET_DSSC1M-1  Offset       3         1        2026-03-01" in text
    assert "Offset" in ask(three).card().text()


def test_missing_ones_are_listed_not_raised(three):
    found = retrieve(three, PLACE["detector"], [0, "DSSC07"], ["Offset", "Noise"], DSSC, NOON)
    assert list(found) == ["DSSC00", "DSSC07"]
    assert list(found["DSSC00"]) == ["Offset"]
    assert [(m.module, m.calibration) for m in found.missing] == [
        ("DSSC00", "Noise"), ("DSSC07", "Offset"), ("DSSC07", "Noise"),
    ]  # fmt: skip
    assert "constants of SCS" in found.missing[-1].reason
    assert "DSSC07  —" in found.card().text()
    assert len(found.select(["DSSC00"]).missing) == 1


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"begin": datetime(2026, 3, 1)}, ParameterError),  # noqa: DTZ001 that is the point
        ({"begin": "yesterday"}, ParameterError),
        ({"physical_name": "../M1"}, ParameterError),
        ({"physical_name": ""}, ParameterError),
        ({"array": np.zeros((1, 1, 512, 128))}, DataError),  # the pixels of another detector
        ({"array": np.zeros(3)}, DataError),
        ({"calibration": "Ofset"}, ConstantNotFound),
        ({"calibration": "BadPixelsDark", "array": dark(0.5)}, DataError),
        ({"calibration": "BadPixelsDark", "array": dark(-1)}, DataError),
        ({"calibration": "BadPixelsDark", "array": dark(np.nan)}, DataError),
    ],
)
def test_what_is_refused_leaves_nothing_behind(store, change, error):
    given = {"calibration": "Offset", "array": dark(), "begin": NOON, "conditions": DSSC} | MODULE
    with pytest.raises(error):
        store.inject(**(given | change))
    assert len(store) == 0
    assert not list(store.folder.rglob("*.h5"))


# --- the files ----------------------------------------------------------------------


def test_file_is_laid_out_as_the_facilitys(store):
    values = np.random.default_rng(1).normal(size=(1, 3, 128, 512)).astype("f4")
    made = store.inject("Offset", values, **MODULE, conditions=DSSC, begin=NOON)
    assert list(Constants(store.folder)) == [made]  # as another process finds it
    relative = made.path.relative_to(store.folder)
    assert relative.match("xfel/cal/dssc-type/dssc_m1/cal.*.h5")
    with h5py.File(made.path) as file:
        data = file["DSSC_M1/Offset/0/data"]
        assert data.dtype == np.float32
        assert list(data.attrs["dims"]) == ["gain", "cell", "slow_scan", "fast_scan"]
        np.testing.assert_array_equal(data[...], values)
    theirs = SingleConstant(relative, made.dataset, made.id, made.physical_name)
    np.testing.assert_array_equal(theirs.ndarray(store.folder), values)
    assert theirs.dimension_names(store.folder) == ("gain", "cell", "slow_scan", "fast_scan")


def test_they_travel_to_other_processes(three):
    found = retrieve(three, PLACE["detector"], [0, 1], ["Offset"], DSSC, NOON)
    again = pickle.loads(pickle.dumps(found))
    assert dict(again) == dict(found)
    assert again.missing == found.missing
    assert ask(pickle.loads(pickle.dumps(three)), at=NOON) == found["DSSC00"]["Offset"]


def test_masks_are_whole_numbers(store):
    bits = dark().astype(np.int64)
    bits[..., 5] = 2**31 + 1
    made = store.inject("BadPixelsDark", bits, **MODULE, conditions=DSSC, begin=NOON)
    assert made.ndarray().dtype == np.uint32
    np.testing.assert_array_equal(made.ndarray(), bits)


@pytest.mark.parametrize("order", list(permutations(range(4)))[::5])
def test_any_order_of_axes_is_read(tmp_path, order):
    """The facility stores (fast, slow, cell, gain) in floats of 64 bit."""
    dims = np.array(["gain", "cell", "slow_scan", "fast_scan"])[list(order)]
    values = np.arange(3 * 2 * 4 * 5, dtype="f8").reshape(3, 2, 4, 5)
    path = tmp_path / "cal.1.h5"
    with h5py.File(path, "w") as file:
        file["M1/Offset/0/data"] = values.transpose(order)
        file["M1/Offset/0/data"].attrs["dims"] = dims.tolist()
    found = Constant("Offset", "SPB_DET_AGIPD1M-1", "AGIPD00", "M1", path, "/M1/Offset/0", 1, NOON)
    np.testing.assert_array_equal(found.ndarray(), values.astype("f4"))
    assert found.ndarray().flags.c_contiguous
    assert found.xarray().dims == ("gain", "cell", "slow_scan", "fast_scan")


@pytest.mark.parametrize(
    ("detector", "stored", "wanted"),
    [
        ("SPB_DET_AGIPD1M-1", (128, 512, 4, 3), (3, 4, 512, 128)),
        ("SPB_DET_AGIPD1M-1", (3, 4, 512, 128), (3, 4, 512, 128)),
        ("SPB_DET_AGIPD1M-1", (128, 512, 128, 3), (3, 128, 512, 128)),
        ("FXE_XAD_JF1M", (1024, 512, 1, 3), (3, 1, 512, 1024)),
        ("FXE_DET_LPD1M-1", (256, 256, 4, 3), None),  # which of the two is slow scan?
        ("SPB_DET_AGIPD1M-1", (512, 128, 4, 3), None),
        ("SPB_DET_AGIPD1M-1", (4, 512, 128), None),
    ],
)
def test_axes_without_names(tmp_path, detector, stored, wanted):
    """Constants of before about 2023 have no names: only what cannot be mistaken is taken."""
    path = tmp_path / "cal.1.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("M1/Offset/0/data", stored, "u1")
    found = Constant("Offset", detector, "", "M1", path, "/M1/Offset/0", 1, NOON)
    if wanted is not None:
        assert found.ndarray().shape == wanted
        return
    with pytest.raises(DataError, match="does not say what its axes are"):
        found.ndarray()
    names = ("a", "b", "c", "d")[: len(stored)]
    assert found.ndarray(dims=names).shape == stored


def test_a_changed_file_is_not_read(store):
    made = store.inject("Offset", dark(1), **MODULE, conditions=DSSC, begin=NOON)
    assert store.check() == []
    content = bytearray(made.path.read_bytes())
    place = content.find(np.full(100, 1, "f4").tobytes()) + 20
    content[place] ^= 1
    made.path.write_bytes(content)
    with pytest.raises(DamagedFile, match="cannot be read"):
        ask(store).ndarray()
    assert len(store.check()) == 1
    made.path.unlink()
    with pytest.raises(RunNotFound, match="mounted"):
        ask(store).ndarray()
    assert "No such file" in store.check()[0]


def test_records_that_are_none_hide_no_version(store):
    """What others put into the folder is said, and does not keep from what is there."""
    made = store.inject("Offset", dark(1), **MODULE, conditions=DSSC, begin=NOON)
    folder = store.folder / "index"
    record = json.loads((folder / f"{made.id}.json").read_text())
    others = [{**record, **wrong} for wrong in (
        {"deviations": []}, {"begin": None}, {"begin": 5}, {"id": "last"}, {"path": None},
    )]  # fmt: skip
    for number, content in enumerate([*others, [1], None, "!!python/object:os.system"]):
        (folder / f"{number}.json").write_text(json.dumps(content))
    (folder / "bytes.json").write_bytes(b"\xff\xfe")
    (folder / "a-folder.json").mkdir()
    with pytest.warns(DataWarning, match="10 of 11 records"):
        assert list(Constants(store.folder)) == [made]


# --- many at once, and crashes --------------------------------------------------------

INJECT = """
import os, signal, sys
import numpy as np
from beambook.calibration._constants import Constants, DSSCConditions
folder, times, dies_at = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
calls, replace = [], os.replace
def dying(*arguments):
    calls.append(arguments)
    if len(calls) == dies_at:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(*arguments)
os.replace = dying
for value in range(times):
    Constants(folder).inject(
        "Offset", np.full((1, 1, 128, 512), value), detector="SCS_DET_DSSC1M-1", module="DSSC00",
        physical_name="DSSC_M1", conditions=DSSCConditions(100, 1), begin="2026-03-01T12:00+00:00")
"""


def start(folder, times, dies_at=0):
    return subprocess.Popen([sys.executable, "-c", INJECT, folder, str(times), str(dies_at)])


def test_processes_and_threads_inject_at_once(store):
    others = [start(store.folder, 10) for _ in range(2)]
    threads = [
        threading.Thread(
            target=lambda: [
                store.inject("Offset", dark(value), **MODULE, conditions=DSSC, begin=NOON)
                for value in range(10)
            ]
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):  # a reader never sees half a version
        for constant in store:
            assert (constant.ndarray() == constant.ndarray().flat[0]).all()
    for thread in threads:
        thread.join()
    assert [process.wait() for process in others] == [0, 0]
    found = list(Constants(store.folder))
    assert len(found) == len({c.id for c in found}) == len({c.path for c in found}) == 40
    assert sorted(int(c.ndarray().flat[0]) for c in found) == sorted(4 * list(range(10)))
    assert store.check() == []
    assert not list(store.folder.rglob("*.partial"))


@pytest.mark.parametrize("dies_at", [1, 2], ids=["before the file", "before the record"])
def test_killed_in_the_middle(three, dies_at):
    assert start(three.folder, 1, dies_at).wait() < 0
    assert len(Constants(three.folder)) == 3
    assert (ask(Constants(three.folder), at=NOON).ndarray() == 1).all()
    three.inject("Offset", dark(9), **MODULE, conditions=DSSC, begin=NOON)
    assert (ask(three, at=NOON).ndarray() == 9).all()
    reserved, partial = three.check()
    assert re.search(r"index/\d+\.json: begun \d+ s ago, not finished", reserved)
    left = Path(partial.partition(": ")[0])
    assert left.name.endswith(".partial")
    os.utime(left, (0, time.time() - 3 * 86400))
    assert three.check()[1] == f"{left}: begun 3 days ago, not finished"
    left.unlink()
    assert three.check() == [reserved]


@pytest.mark.parametrize(
    "names",
    [
        {"physical_name": "M" * 300},
        {"physical_name": "M\0"},
        {"physical_name": "../M"},
        {"module": "DSSC\n00"},
        {"module": "DSSC00\0"},
        {"detector": "SCS\x1b[2J"},
    ],
    ids=["long", "nul", "climbs", "line", "nul of a module", "escape"],
)
def test_names_that_cannot_be(store, names):
    with pytest.raises(ParameterError) as caught:
        store.inject("Offset", dark(), **MODULE | names, conditions=DSSC, begin=NOON)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 200
    assert store.check() == []


def test_a_full_disk_leaves_nothing_behind(three, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(f"os.{name}", full)
            with pytest.raises(OSError, match="No space left"):
                three.inject("Offset", dark(9), **MODULE, conditions=DSSC, begin=NOON)
    assert len(three) == len(Constants(three.folder)) == 3
    assert len(list(three.folder.rglob("*.h5"))) == 3
    assert three.check() == []


def test_a_damaged_record_is_said(three):
    record = min((three.folder / "index").iterdir())
    record.write_text("{half")
    again = Constants(three.folder)
    with pytest.warns(DataWarning, match="1 of 3 records"):
        assert len(again) == 2
    assert len(again) == 2  # said once


def test_errors_are_also_those_that_python_users_expect():
    assert issubclass(ConstantNotFound, KeyError)
    assert issubclass(ConstantNotFound, BeambookError)
