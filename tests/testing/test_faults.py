"""Each fault does what it says, and nothing else."""

import extra_data
import h5py
import numpy as np
import pytest

from beambook.errors import NameNotFound, ParameterError
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
MONO = "MID_OPT_MONO/MDL/PHOTON_ENERGY"
ADC = "MID_EXP_FASTADC/ADC/MCP:channel_3.output"


def faulty(tmp_path, *faults, **options):
    options = {"trains": 20, "pulses": 3, "sequences": 2, "camera": None} | options
    return make_run(tmp_path / "r0001", faults=faults, **options)


def ids_of(run, aggregator, sequence=0):
    with h5py.File(run / f"RAW-R0001-{aggregator}-S{sequence:05d}.h5") as file:
        return file["INDEX/trainId"][:].astype(int)


def opened(run):
    return extra_data.RunDirectory(run, parallelize=False)


def with_data(run, source, key):
    """Trains, counted from 0, for which the source has an entry."""
    counts = run[source, key].data_counts(labelled=False)
    return set(np.flatnonzero(counts).tolist())


def test_lost_trains_are_in_no_file_of_the_aggregator_and_the_rest_keep_their_values(tmp_path):
    whole = opened(faulty(tmp_path / "whole"))
    run = opened(faulty(tmp_path / "lost", LostTrains("DA01", [0, 7, 19])))
    assert len(run.train_ids) == 20
    assert with_data(run, XGM, "data.intensityTD") == set(range(20)) - {0, 7, 19}
    kept = whole[XGM, "data.intensityTD"].ndarray()[np.delete(np.arange(20), [0, 7, 19])]
    assert (run[XGM, "data.intensityTD"].ndarray() == kept).all()
    assert run[MONO, "actualEnergy"].shape == (20,)


def test_missing_entries_have_count_zero_in_files_that_know_the_train(tmp_path):
    run = opened(faulty(tmp_path, MissingEntries(ADC, [3, 4]), MissingEntries(MONO, [19])))
    counts = run[ADC, "data.peaks"].data_counts(labelled=False)
    assert np.flatnonzero(counts == 0).tolist() == [3, 4]
    assert len(run[ADC].train_ids) == 20
    assert run[MONO, "actualEnergy"].shape == (19,)


def test_missing_sequence(tmp_path, problems):
    run = faulty(tmp_path, MissingSequence("DA02", 1))
    names = sorted(path.name for path in run.iterdir())
    assert len(names) == 5
    assert "RAW-R0001-DA02-S00001.h5" not in names
    assert with_data(opened(run), MONO, "actualEnergy") == set(range(9))
    assert problems(run) == []


@pytest.mark.parametrize("keep", [0.0, 0.02, 0.6, 0.999])
def test_truncated_files_cannot_be_opened(tmp_path, keep):
    run = faulty(tmp_path, TruncatedFile("DA01", 0, keep=keep))
    with pytest.raises(OSError, match="nable to"):
        h5py.File(run / "RAW-R0001-DA01-S00000.h5")


def test_half_written_files_end_before_their_index(tmp_path, problems):
    run = faulty(tmp_path, HalfWrittenFile("DA01", 1, keep=0.25))
    assert len(ids_of(run, "DA01", 1)) == 16  # the index is whole
    found = problems(run)
    assert found
    assert all("DA01-S00001" in each for each in found)
    assert all("Index referring to data" in each for each in found)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("duplicate", "not strictly increasing"),
        ("disordered", "not strictly increasing"),
        ("zero", "Zeroes in trainId index before last train ID"),
    ],
)
def test_bad_train_ids_are_what_the_validator_complains_of(tmp_path, kind, message, problems):
    run = faulty(tmp_path, BadTrainIds("DA02", [4], kind))
    found = problems(run)
    assert any(message in each for each in found)
    assert all("DA02-S00000" in each for each in found)
    good = ids_of(run, "DA03")[:9]
    bad = ids_of(run, "DA02")[:9]
    expected = good.copy()
    expected[[3, 4]] = {
        "duplicate": good[[3, 3]],
        "disordered": good[[4, 3]],
        "zero": [good[3], 0],
    }[kind]
    assert bad.tolist() == expected.tolist()


@pytest.mark.filterwarnings("ignore:Train validation is not fully supported")
@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2"])
def test_suspect_trains_are_flagged(tmp_path, version):
    fault = BadTrainIds("DA01", [2, 3], "suspect")
    run = faulty(tmp_path, fault, format_version=version)
    trusted = extra_data.RunDirectory(run, parallelize=False, inc_suspect_trains=False)
    assert with_data(opened(run), XGM, "data.intensityTD") == set(range(20))
    assert with_data(trusted, XGM, "data.intensityTD") == set(range(20)) - {2, 3}
    assert with_data(trusted, MONO, "actualEnergy") == set(range(20))


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        (LostTrains("DA9", [0]), NameNotFound, "DA01"),
        (MissingEntries(XGM + "s", [0]), NameNotFound, "SA2_XTD1_XGM"),
        (LostTrains("DA01", [20]), ParameterError, "train 20 of a run of 20"),
        (MissingEntries(XGM, [-1]), ParameterError, "train -1"),
        (MissingSequence("DA01", 2), ParameterError, "no sequence 2. It has 2"),
        (BadTrainIds("DA01", [0], "duplicate"), ParameterError, "predecessor"),
    ],
)
def test_faults_that_do_not_fit_are_refused(tmp_path, fault, error, says):
    with pytest.raises(error, match=says):
        faulty(tmp_path, fault)
    assert list(tmp_path.iterdir()) == []


def test_suspect_flags_need_a_format_that_has_them(tmp_path):
    with pytest.raises(ParameterError, match=r"0\.5"):
        faulty(tmp_path, BadTrainIds("DA01", [2], "suspect"), format_version="0.5")


def test_impossible_faults_cannot_be_made():
    with pytest.raises(ParameterError, match="kind"):
        BadTrainIds("DA01", [1], "upside down")
    with pytest.raises(ParameterError, match="keep"):
        TruncatedFile("DA01", 0, keep=1.5)
    with pytest.raises(ParameterError, match="keep"):
        HalfWrittenFile("DA01", 0, keep=-1)
