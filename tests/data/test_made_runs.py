"""Runs as the data acquisition writes them: the same values as EXtra-data, and the faults found."""

import warnings

import extra_data
import numpy as np
import pytest

from beambook.data import DataWarning, check, open_run
from beambook.testing import (
    BadTrainIds,
    HalfWrittenFile,
    LostTrains,
    MissingEntries,
    MissingSequence,
    TruncatedFile,
    make_run,
)

XGM = "SA2_XTD1_XGM/XGM/DOOCS:output"
ADC = "MID_EXP_FASTADC/ADC/MCP:channel_3.output"
NAMES = {
    "energy": ("MID_OPT_MONO/MDL/PHOTON_ENERGY", "actualEnergy"),
    "i0": {"source": XGM, "key": "data.intensityTD", "pulses": "sase2", "fill": 1},
    "i1": {"source": ADC, "key": "data.peaks", "pulses": "sase2"},
}


def made(tmp_path, **options):
    options = {"trains": 20, "pulses": 6, "sequences": 2, "camera": (5, 6)} | options
    return make_run(tmp_path / "r0001", **options)


@pytest.mark.parametrize("version", ["0.5", "1.0", "1.1", "1.2"])
def test_same_as_extra_data(tmp_path, version):
    folder = made(
        tmp_path, format_version=version, agipd=1, frames=2,
        faults=[LostTrains("DA01", [3, 4, 17]), LostTrains("AGIPD00", [9])],
    )  # fmt: skip
    mine = open_run(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about format 1.1
        theirs = extra_data.RunDirectory(folder, parallelize=False)
        first = extra_data.RunDirectory(folder, "*-S00000.h5", parallelize=False)
    assert mine.train_ids.tolist() == [int(t) for t in theirs.train_ids]
    assert mine.all_sources == theirs.all_sources
    for source in theirs.all_sources:
        assert mine[source].keys() == theirs[source].keys()
        for key in theirs[source].keys():
            one, other = mine[source, key][::3], theirs[source, key][::3]
            np.testing.assert_array_equal(one.data_counts(), other.data_counts())
            np.testing.assert_array_equal(one.train_id_coordinates(), other.train_id_coordinates())
            np.testing.assert_array_equal(one.ndarray(), other.ndarray())
            assert one.units.replace("µ", "μ") == (other.units or "")  # micro sign, Greek letter
            assert len(one.dims) == other.ndim
            assert not any(dim.startswith("dim_") for dim in one.dims)
    for source in theirs.control_sources:  # EXtra-data takes any of the files
        constants = first[source].run_values()
        assert mine[source].run_keys() == set(constants)
        for key, value in constants.items():
            assert np.array_equal(mine[source].run_value(key), value)
    if version != "0.5":
        np.testing.assert_array_equal(mine.train_timestamps(), theirs.train_timestamps())


def test_pulses_match(tmp_path):
    run = open_run(made(tmp_path, mcp_pulses=5, spectrum=None, trains=60), aliases=NAMES)
    data = run.aligned("energy", "i0", "i1")
    assert data.pulse.values.tolist() == [200, 204, 208, 212, 216]
    right = np.corrcoef(data.i0.values.ravel(), data.i1.values.ravel())[0, 1]
    shifted = np.corrcoef(data.i0[:, 1:].values.ravel(), data.i1[:, :-1].values.ravel())[0, 1]
    assert right < -0.99  # the digitizer's peaks are negative
    assert abs(shifted) < 0.3


def test_whole_run_has_no_fault(tmp_path):
    result = check(made(tmp_path, agipd=2, frames=3))
    assert result.findings == ()


FAULTS = {
    "missing trains": LostTrains("DA02", [5, 6]),
    "missing sequence": MissingSequence("DA03", 0),
    "unreadable file": TruncatedFile("DA02", 1),
    "duplicated trains": BadTrainIds("DA01", [3], "duplicate"),
    "disordered trains": BadTrainIds("DA01", [3], "disordered"),
    "zeros among train ids": BadTrainIds("DA01", [3], "zero"),
    "suspect train ids": BadTrainIds("DA01", [3], "suspect"),
    "modules disagree on trains": LostTrains("AGIPD01", [9]),
}


@pytest.mark.parametrize("what", FAULTS)
def test_each_fault_is_found(tmp_path, what):
    result = check(made(tmp_path, agipd=2, frames=2, faults=[FAULTS[what]]))
    assert what in {finding.what for finding in result.findings}


def test_entries_missing_from_a_source(tmp_path):
    result = check(made(tmp_path, faults=[MissingEntries(XGM, [3, 4])]))
    (finding,) = result.findings
    assert (finding.what, finding.where, finding.count) == ("missing trains", f"{XGM} data", 2)


def test_half_written_file(tmp_path):
    folder = made(tmp_path, faults=[HalfWrittenFile("DA01", 1, 0.5)])
    result = check(folder)
    assert not result.ok
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        for train_id, train in open_run(folder).trains():
            for source in (XGM, ADC):
                if "data.trainId" in train[source]:
                    assert train[source]["data.trainId"] == train_id
