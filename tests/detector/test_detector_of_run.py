"""A detector of a run draws itself."""

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from matplotlib import pyplot as plt

from beambook.data import DataWarning, open_run
from beambook.detector import Geometry
from beambook.errors import DataError
from beambook.testing import make_run


@pytest.fixture(scope="module")
def agipd(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "r0001"
    return open_run(make_run(folder, trains=3, agipd=[0, 5, 9], frames=4)).detector()


def test_one_line_with_a_nominal_geometry(agipd):
    with mpl.rc_context({"backend": "agg"}):
        ax = agipd.show(agipd["image.data"].mean())
        assert ax.get_title() == "r0001 MID_DET_AGIPD1M-1, analogue (nominal geometry)"
        assert {text.get_text() for text in ax.texts} == {"0", "5", "9"}
        plt.close("all")


def test_a_channel_is_read_and_assembled(agipd):
    picture = agipd.assemble(agipd["image.data"][:2])
    assert picture.dims == ("train", "pulse", "data_gain", "y", "x")
    values = agipd["image.data"][:2].xarray()
    expected = Geometry.nominal("AGIPD1M").extra_geom.position_modules(values)[0]
    np.testing.assert_array_equal(picture, expected)


def test_plain_arrays_of_its_modules_or_of_all(agipd):
    frames = np.random.default_rng(0).random((2, 3, 512, 128))
    whole = np.zeros((2, 16, 512, 128))
    whole[:, [0, 5, 9]] = frames
    one, two = agipd.assemble(frames), agipd.assemble(whole)
    np.testing.assert_array_equal(one[np.isfinite(one)], two[np.isfinite(one)])
    assert np.isnan(one).sum() - np.isnan(two).sum() == 2 * 13 * 512 * 128


def test_with_a_geometry(agipd):
    shifted = Geometry.of(Geometry.nominal("AGIPD1M").extra_geom.offset((1e-3, 0)), origin="ours")
    with_one = agipd.with_geometry(shifted)
    assert "ours" in with_one.card().text()
    assert with_one.select_trains(np.s_[:1]).geometry is shifted
    mean = agipd["image.data"].mean()[:, 0]
    found = with_one.azimuthal(mean, distance=2.0, photon_energy=9.3)
    assert found.attrs["geometry"] == "ours"


def test_q_of_a_nominal_geometry_is_doubted(agipd):
    mean = agipd["image.data"].mean()[:, 0]
    with pytest.warns(DataWarning, match="nominal geometry"):
        found = agipd.azimuthal(mean, distance=2.0, photon_energy=9.3)
    assert isinstance(found, xr.Dataset)


def test_jungfrau_counts_from_one(tmp_path):
    run = open_run(make_run(tmp_path / "r0002", trains=2, jungfrau=2))
    jungfrau = run.detector()
    picture = jungfrau.assemble(jungfrau["data.adc"][:1])
    assert picture.shape[-2:] == Geometry.nominal("JUNGFRAU", 2).picture_shape


def test_kinds_without_a_geometry(agipd):
    from dataclasses import replace

    unknown = replace(agipd, kind=replace(agipd.kind, name="SEAGULL"))
    with pytest.raises(DataError, match=r"No geometry is known .* SEAGULL.*with_geometry"):
        unknown.assemble(np.zeros((16, 512, 128)))
