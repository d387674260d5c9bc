"""The files are the facility's: its own validator and reader are the judges."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import extra_data
import h5py
import numpy as np
import pytest
from extra_data.components import AGIPD1M
from hypothesis import given, settings
from hypothesis import strategies as st

from beambook.errors import ParameterError
from beambook.testing import LostTrains, MissingEntries, make_run

VERSIONS = ["0.5", "1.0", "1.1", "1.2"]
XGM = "SA2_XTD1_XGM/XGM/DOOCS:output"
MONO = "MID_OPT_MONO/MDL/PHOTON_ENERGY"
MCP = "MID_EXP_FASTADC/ADC/MCP:channel_3.output"
MODULE_1 = "MID_DET_AGIPD1M-1/DET/1CH0:xtdf"

# EXtra-data warns of format 1.1, which is what is asked for here.
pytestmark = pytest.mark.filterwarnings("ignore:Train validation is not fully supported")


@pytest.mark.parametrize("version", VERSIONS)
def test_validator_finds_nothing_wrong_with_any_version(tmp_path, version, problems):
    run = make_run(
        tmp_path / "r0007",
        run=7,
        format_version=version,
        trains=23,
        pulses=12,
        mcp_pulses=9,
        sequences=3,
        agipd=2,
        frames=3,
        faults=[
            LostTrains("DA01", [0, 5]),
            LostTrains("AGIPD00", [22]),
            MissingEntries(MODULE_1, [0, 3, 4]),
            MissingEntries(MONO, [11]),
        ],
    )
    assert problems(run) == []
    data = extra_data.RunDirectory(run, parallelize=False)
    assert len(data.train_ids) == 23
    assert len(data.files) == 6 * 3
    counts = data[XGM, "data.intensityTD"].data_counts(labelled=False)
    assert counts.sum() == 21
    assert data[MONO, "actualEnergy"].ndarray().shape == (22,)


def test_the_command_line_validator_agrees(tmp_path):
    run = make_run(tmp_path / "r0001", trains=5, pulses=3, agipd=1, frames=1, sequences=2)
    done = subprocess.run(
        [sys.executable, "-m", "extra_data.validation", run], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert "No problems found" in done.stdout


@settings(max_examples=15, deadline=None)
@given(
    version=st.sampled_from(VERSIONS),
    trains=st.integers(1, 40),
    pulses=st.integers(0, 20),
    step=st.integers(1, 9),
    sequences=st.integers(1, 4),
    camera=st.sampled_from([None, (1, 1), (5, 3)]),
    sweep=st.sampled_from(["triangle", "steps"]),
    lost=st.sets(st.integers(0, 39)),
)
def test_validator_finds_nothing_wrong_with_any_options(
    version, trains, pulses, step, sequences, camera, sweep, lost, problems
):
    lost = [train for train in lost if train < trains]
    with TemporaryDirectory() as folder:
        run = make_run(
            Path(folder) / "r0001",
            format_version=version,
            trains=trains,
            pulses=pulses,
            pulse_step=step,
            sequences=min(sequences, trains),
            camera=camera,
            sweep=sweep,
            passes=1,
            faults=[LostTrains("DA03", lost), MissingEntries(XGM, lost)],
        )
        assert problems(run) == []
        data = extra_data.RunDirectory(run, parallelize=False)
        assert len(data.train_ids) == trains
        assert data[MCP, "data.peaks"].shape == (trains - len(lost), max(1, pulses))


def test_trains_are_indexed_as_the_daq_does(tmp_path):
    for version in VERSIONS:
        run = make_run(tmp_path / version, trains=21, format_version=version, pulses=2)
        with h5py.File(run / "RAW-R0001-DA01-S00000.h5") as file:
            ids = file["INDEX/trainId"]
            assert ids.chunks == (1,)
            assert ids.shape == (32,)
            assert (ids[21:] == 0).all()
            assert (np.diff(ids[:21]) == 1).all()
            assert file[f"INDEX/{XGM}/data/first"].shape == (21,)
            assert ("INDEX/flag" in file) == (version != "0.5")
            assert ("INDEX/origin" in file) == (version == "1.2")
            if version != "0.5":
                good = 0 if version == "1.1" else 1
                assert (file["INDEX/flag"][:21] == good).all()
                steps = np.diff(file["INDEX/timestamp"][:21])
                assert (steps == 100_000_000).all()
            place = "METADATA" if version == "0.5" else "METADATA/dataSources"
            listed = [name.decode() for name in file[f"{place}/dataSourceId"][:]]
            assert ("Karabo_TimerServer" in listed) == (version == "1.1")
            assert f"INSTRUMENT/{XGM}/data" in listed
            assert listed[-1] == ""


def test_aggregators_break_at_different_trains(tmp_path):
    run = make_run(tmp_path / "r0001", trains=60, sequences=2, pulses=2)
    lengths = {}
    for path in run.glob("*-S00000.h5"):
        with h5py.File(path) as file:
            lengths[path.name[10:14]] = np.count_nonzero(file["INDEX/trainId"])
    assert len(set(lengths.values())) == len(lengths) == 4
    ids = extra_data.RunDirectory(run, parallelize=False)[MCP].train_ids
    assert len(ids) == 60


def test_metadata_run_values_and_units(tmp_path):
    start = datetime(2027, 5, 4, 3, 2, 1, tzinfo=UTC)
    run = make_run(
        tmp_path / "x", run=12, proposal=3456, trains=4, pulses=2, start=start, first_train=1000
    )
    data = extra_data.RunDirectory(run, parallelize=False)
    meta = data.run_metadata()
    assert (meta["proposalNumber"], meta["runNumber"]) == (3456, 12)
    assert meta["creationDate"] == "20270504T030201Z"
    assert data.train_ids == [1000, 1001, 1002, 1003]
    stamps = data.train_timestamps(pydatetime=True)
    assert stamps[0] == start
    control = data["SA2_XTD1_XGM/XGM/DOOCS"]
    assert control.device_class == "DoocsXGM"
    assert control.run_value("state") == "ON"
    assert data[XGM, "data.intensityTD"].units == "μJ"
    assert data[MONO, "actualEnergy"].units == "eV"
    assert data["MID_EXP_SAM/MOTOR/X", "actualPosition"].units_name == "millimeter"
    assert data[MCP, "data.trainId"].ndarray().tolist() == [1000, 1001, 1002, 1003]
    camera = data["MID_XTD6_IMGFEL/CAM/BEAMVIEW:daqOutput", "data.image.pixels"]
    assert camera.dtype == np.uint16
    assert camera.data_counts(labelled=False).tolist() == [1, 0, 1, 0]


def test_agipd_modules_are_read_as_one_detector(tmp_path):
    run = make_run(
        tmp_path / "r0001",
        trains=4,
        pulses=6,
        agipd=2,
        frames=3,
        faults=[MissingEntries(MODULE_1, [1, 2])],
    )
    detector = AGIPD1M(extra_data.RunDirectory(run, parallelize=False), raw=True)
    image = detector.get_array("image.data", fill_value=0)
    assert image.dims == ("module", "train", "pulse", "data_gain", "slow_scan", "fast_scan")
    assert image.shape == (2, 4, 3, 2, 512, 128)
    assert image.coords["pulse"].values.tolist() == [200, 204, 208]
    present = image.isel(data_gain=0).any(["pulse", "slow_scan", "fast_scan"])
    assert present.values.tolist() == [[True] * 4, [True, False, False, True]]
    analog, digital = image.values[0, 0, 0]
    assert 5200 < np.median(analog) < 5700
    assert 5800 < np.median(digital) < 6200
    in_medium_gain = digital > 7100
    assert 0 < in_medium_gain.sum() < 3000  # a few pixels near the beam switch their gain


def test_many_sources_for_benchmarks(tmp_path):
    run = make_run(tmp_path / "r0001", trains=3, pulses=1, extra_motors=50, camera=None)
    sources = extra_data.RunDirectory(run, parallelize=False).all_sources
    assert len(sources) == 61
    assert "MID_EXP_SAM/MOTOR/M049" in sources


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"format_version": "1.3"}, "0.5, 1.0, 1.1, 1.2"),
        ({"trains": 0}, "trains must be an integer from 1"),
        ({"trains": 2.5}, "trains must be an integer"),
        ({"trains": True}, "trains must be an integer"),
        ({"pulses": 1001}, "pulses must be an integer from 0 to 1000"),
        ({"pulses": 900, "pulse_step": 4}, "do not fit in a train"),
        ({"first_pulse": 2600}, "first_pulse"),
        ({"mcp_pulses": 51}, "mcp_pulses must be an integer from 1 to 50"),
        ({"sequences": 200}, "sequences"),
        ({"agipd": 17}, "agipd"),
        ({"frames": 0}, "frames"),
        ({"camera": (0, 4)}, "camera"),
        ({"sweep": "zigzag"}, "triangle, steps"),
        ({"passes": 1, "dichroism": np.zeros_like}, "passes"),
        ({"seed": -1}, "seed"),
        ({"thickness": 0}, "thickness"),
        ({"energy_range": (8400, 8300)}, "energy_range"),
        ({"energy_range": 8400}, "energy_range"),
        ({"energy_range": (7000, 8000)}, "8133.0"),
        ({"spectrum": 5}, "cannot be made of int"),
        ({"spectrum": ([1, 2, 3], [1, 2])}, "one length"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_written(tmp_path, options, says):
    with pytest.raises(ParameterError, match=says.replace("(", r"\(")):
        make_run(tmp_path / "r0001", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_files_is_never_written_over(tmp_path):
    (tmp_path / "r0001").mkdir()
    kept = tmp_path / "r0001" / "notes.txt"
    kept.write_text("mine")
    with pytest.raises(ParameterError, match="not empty"):
        make_run(tmp_path / "r0001", trains=2, pulses=1)
    assert kept.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["r0001"]


def test_an_error_on_the_way_leaves_nothing_behind(tmp_path):
    def full(progress):
        if progress.done == 2:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        make_run(tmp_path / "r0001", trains=2, pulses=1, reporter=full)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_gives_an_oserror_and_leaves_nothing_behind(tmp_path):
    # HDF5 writing to a full disk would crash the process. A limit on file sizes acts alike.
    code = (
        "import resource, sys; from beambook.testing import make_run\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "try: make_run(sys.argv[1], trains=100, pulses=50)\n"
        "except OSError as error: print(type(error).__name__, error.errno)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "r0001"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "OSError 27\n", "")
    assert list(tmp_path.iterdir()) == []
