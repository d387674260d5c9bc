"""calibration_metadata.yml: the facility's files are read, and EXtra reads ours."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import yaml
from extra.calibration import CalibrationData

from beambook.calibration._constants import (
    Constants,
    DSSCConditions,
    Metadata,
    MissingConstant,
    RetrievedConstants,
    read_metadata,
    retrieve,
    write_metadata,
)
from beambook.errors import DamagedFile, ParameterError, RunNotFound

DATA = Path(__file__).parent / "data"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DETECTOR = "SCS_DET_DSSC1M-1"


@pytest.fixture
def found(tmp_path):
    store = Constants(tmp_path / "store")
    rng = np.random.default_rng(0)
    for number in range(2):
        for name in ("Offset", "Noise"):
            store.inject(
                name, rng.normal(size=(1, 2, 128, 512)), detector=DETECTOR,
                module=f"DSSC{number:02}", physical_name=f"DSSC_M{number}", begin=NOON,
                conditions=DSSCConditions(100, 2),
            )  # fmt: skip
    return retrieve(store, DETECTOR, range(3), ["Offset", "Noise"], DSSCConditions(100, 2), NOON)


@pytest.mark.parametrize(
    ("name", "modules", "calibration", "id", "unit"),
    [
        ("jf-p900491-r487", 2, "Offset10Hz", 242621, "Jungfrau_M530"),
        ("agipd-p900508-r22", 16, "ThresholdsDark", 229105, "AGIPD_SIV1_AGIPDV12_M435"),
    ],
)
def test_the_facilitys_files(tmp_path, name, modules, calibration, id, unit):
    path = DATA / f"cal-metadata-{name}.yml"
    metadata = read_metadata(path)
    assert len(metadata.retrieved) == modules
    first = next(iter(metadata.retrieved.values()))[calibration]
    assert (first.id, first.physical_name) == (id, unit)
    assert first.dataset == f"/{unit}/{calibration}/0"
    assert first.path.suffix == ".h5"
    again = yaml.safe_load(write_metadata(tmp_path, metadata).read_text())
    theirs = yaml.safe_load(path.read_text())
    assert again.pop("beambook-version")
    for one in (again, theirs):  # +01:00 and UTC are the same time
        for module in one["retrieved-constants"].values():
            for constant in module.get("constants", {}).values():
                begin = datetime.fromisoformat(constant["creation-time"])
                constant["creation-time"] = begin.astimezone(UTC)
    assert again == theirs


def test_extra_reads_ours(tmp_path, found):
    path = write_metadata(tmp_path, Metadata(found, {"run": 9, "rel_gain": False}))
    assert path.name == "calibration_metadata.yml"
    theirs = CalibrationData.from_correction(path, use_calcat=False)
    assert theirs.detector_name == DETECTOR
    assert set(theirs) == {"Offset", "Noise"}
    assert theirs.aggregator_names == ["DSSC00", "DSSC01", "DSSC02"]
    for module in ("DSSC00", "DSSC01"):
        ours = found[module]["Offset"]
        constant = theirs["Offset", module]
        assert (constant.ccv_id, constant.pdu_name) == (ours.id, ours.physical_name)
        begin = datetime.fromisoformat(constant.metadata("begin_validity_at"))
        assert begin == ours.begin
        np.testing.assert_array_equal(constant.ndarray("/"), ours.ndarray())
    stacked = theirs["Offset"].ndarray(caldb_root="/")
    assert stacked.shape == (2, 1, 2, 128, 512)


def test_everything_comes_back(tmp_path, found):
    metadata = Metadata(
        found,
        {"karabo_id": DETECTOR, "run": 9, "cm_dark_range": [-30.0, 30.0], "karabo_da": [""]},
        {"title": "DSSC correction", "author": "me"},
        {"parameter": "sequences", "default": [-1], "function": "balance_sequences"},
        {"calibration-jobs": [{"JobID": "1", "State": "COMPLETED"}]},
        "/gpfs/report.pdf",
    )
    again = read_metadata(write_metadata(tmp_path, metadata))
    for name in ("configuration", "notebook", "concurrency", "runtime", "report_path"):
        assert getattr(again, name) == getattr(metadata, name)
    assert again.retrieved.missing == found.missing
    assert {m.module for m in again.retrieved.missing} == {"DSSC02"}
    assert list(again.retrieved) == ["DSSC00", "DSSC01", "DSSC02"]
    assert not again.retrieved["DSSC02"]
    for module, constants in found.items():
        for name, constant in constants.items():
            same = again.retrieved[module][name]
            assert (same.id, same.sha256, same.begin) == (
                constant.id, constant.sha256, constant.begin,
            )  # fmt: skip
            np.testing.assert_array_equal(same.ndarray(), constant.ndarray())
    assert "beambook-version" in again.others


def test_types_of_parameters(tmp_path):
    none = RetrievedConstants(DETECTOR, {}, (MissingConstant("DSSC00", "Offset", "no folder"),))
    values = {"a": np.float32(0.5), "b": Path("/x"), "c": np.arange(3), "d": (1, 2), "e": None}
    again = read_metadata(write_metadata(tmp_path / "m.yml", Metadata(none, values)))
    assert again.configuration == {
        "a": 0.5, "b": "/x", "c": [0, 1, 2], "d": [1, 2], "e": None, "karabo_id": DETECTOR,
    }  # fmt: skip
    assert again.retrieved.missing == none.missing
    with pytest.raises(ParameterError, match="cannot be written"):
        write_metadata(tmp_path / "n.yml", Metadata(none, {"a": object()}))
    assert [p.name for p in tmp_path.iterdir()] == ["m.yml"]


@pytest.mark.parametrize("content", ["", "{half", "- 1", "notebook: {title: x}"])
def test_what_is_no_such_file(tmp_path, content):
    (tmp_path / "calibration_metadata.yml").write_text(content)
    with pytest.raises(DamagedFile, match="which constants were used"):
        read_metadata(tmp_path)
    with pytest.raises(RunNotFound, match="written when constants are retrieved"):
        read_metadata(tmp_path / "nothing.yml")
