"""What every source of constants has to promise.

A new source adds a class with a `source` fixture that has, for module JNGFR01 of FXE_XAD_JF1M at
one memory cell and 400 µs, an offset of October 2022 and one of 4 March 2024, 13:33:29.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import extra.calibration.calcat
import h5py
import numpy as np
import pytest
import vcr

from beambook.calibration._constants import (
    CalCat,
    Constants,
    JungfrauConditions,
    Metadata,
    read_metadata,
    retrieve,
    write_metadata,
)
from beambook.errors import ConstantNotFound, ParameterError

CASSETTES = Path(__file__).parent.parent / "calibration/data/calcat"
OLD = datetime(2022, 10, 7, 7, 34, 19, tzinfo=UTC)
NEW = datetime(2024, 3, 4, 12, 33, 29, tzinfo=UTC)
JUST_BEFORE = NEW - timedelta(seconds=1)
CONDITIONS = JungfrauConditions(90, 1, 400, gain_setting=0)
DETECTOR = "FXE_XAD_JF1M"
OFFSET = np.random.default_rng(3).normal(2000, 50, (3, 1, 512, 1024)).astype("f4")


class ConstantSourceContract:
    """The promises."""

    def ask(self, source, calibration="Offset10Hz", **options):
        asked = {"detector": DETECTOR, "module": "JNGFR01", "conditions": CONDITIONS}
        return source.query(calibration, **(asked | {"at": JUST_BEFORE} | options))

    @pytest.mark.parametrize(("strategy", "begin"), [("closest", NEW), ("prior", OLD)])
    def test_which_version(self, source, strategy, begin):
        found = self.ask(source, strategy=strategy)
        assert found.begin == begin
        assert found.begin.tzinfo is not None
        assert (found.calibration, found.detector) == ("Offset10Hz", DETECTOR)
        assert (found.module, found.physical_name) == ("JNGFR01", "Jungfrau_M530")
        assert found.dataset == "/Jungfrau_M530/Offset10Hz/0"
        assert isinstance(found.id, int)
        assert found.path.is_absolute()
        assert found.created is not None
        assert found.conditions == CONDITIONS.parameters("Offset10Hz")

    @pytest.mark.parametrize(
        "time",
        [
            JUST_BEFORE.isoformat(),
            "2024-03-04T13:33:28+01:00",
            np.datetime64("2024-03-04T12:33:28.000000000"),
        ],
    )
    def test_times_of_every_kind(self, source, time):
        assert self.ask(source, at=time, strategy="prior").begin == OLD

    def test_array_has_the_canonical_order(self, source):
        values = self.ask(source).ndarray()
        assert values.dtype == np.float32
        np.testing.assert_array_equal(values, OFFSET)
        assert self.ask(source).xarray().dims == ("gain", "cell", "slow_scan", "fast_scan")

    @pytest.mark.parametrize(
        "change",
        [{"module": "JNGFR07"}, {"calibration": "RelativeGain"}, {"snapshot_at": OLD}],
        ids=["module", "name", "snapshot"],
    )
    def test_not_found(self, source, change):
        with pytest.raises(ConstantNotFound):
            self.ask(source, **change)

    def test_what_cannot_be_asked(self, source):
        with pytest.raises(ParameterError, match="zone"):
            self.ask(source, at=datetime(2024, 3, 4))  # noqa: DTZ001 that is the point
        with pytest.raises(ParameterError, match="'closest' nor 'prior'"):
            self.ask(source, strategy="newest")

    def test_many_at_once_and_their_file(self, source, tmp_path):
        found = retrieve(source, DETECTOR, [1, "JNGFR07"], ["Offset10Hz"], CONDITIONS, JUST_BEFORE)
        assert [m.module for m in found.missing] == ["JNGFR07"]
        again = read_metadata(write_metadata(tmp_path, Metadata(found))).retrieved
        assert again.missing == found.missing
        same = again["JNGFR01"]["Offset10Hz"]
        asked = found["JNGFR01"]["Offset10Hz"]
        for name in ("path", "dataset", "id", "begin", "physical_name", "module", "detector"):
            assert getattr(same, name) == getattr(asked, name)
        np.testing.assert_array_equal(same.ndarray(), OFFSET)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    store = Constants(tmp_path_factory.mktemp("store"))
    for begin, exposure in [(OLD, 25), (NEW, 25), (NEW, 10)]:
        store.inject(
            "Offset10Hz", OFFSET, detector=DETECTOR, module="JNGFR01",
            physical_name="Jungfrau_M530", begin=begin,
            conditions=replace(CONDITIONS, exposure_timeout=exposure),
        )  # fmt: skip
    return store


@pytest.fixture(scope="module")
def facility(tmp_path_factory):
    """A file as the facility writes them: (fast, slow, cell, gain), 64 bit."""
    root = tmp_path_factory.mktemp("caldb_store")
    path = root / "xfel/cal/jungfrau-type/jungfrau_m530/cal.1709557021.2759159.h5"
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        data = file.create_dataset("Jungfrau_M530/Offset10Hz/0/data", data=OFFSET.T.astype("f8"))
        data.attrs["dims"] = ["fast_scan", "slow_scan", "cell", "gain"]
    return CalCat(root)


class TestConstants(ConstantSourceContract):
    """A folder."""

    @pytest.fixture
    def source(self, folder):
        return folder


class TestCalCat(ConstantSourceContract):
    """The facility's data base, as it answered EXtra's tests; its files are made here."""

    @pytest.fixture
    def source(self, facility):
        extra.calibration.calcat.global_client = None
        with vcr.use_cassette(
            str(CASSETTES / "test_JUNGFRAU_constant_prior_strategy.yaml"), record_mode="none",
            allow_playback_repeats=True, match_on=["method", "uri", "body"],
        ):  # fmt: skip
            yield facility
        extra.calibration.calcat.global_client = None
