"""What a detector may expect of whatever it is given as its geometry."""

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from beambook.detector import Geometry


class DetectorGeometryContract:
    """The promises of `DetectorGeometry`; `modules` are numbers as the run has them."""

    shape: tuple[int, int]
    modules: list[int]

    @pytest.fixture
    def geometry(self):
        raise NotImplementedError

    @pytest.fixture
    def frames(self):
        values = np.random.default_rng(0).random((2, len(self.modules), *self.shape))
        dims = ("train", "module", "slow_scan", "fast_scan")
        return xr.DataArray(values, {"module": self.modules, "train": [3, 4]}, dims)

    def test_says_what_it_is(self, geometry):
        assert isinstance(geometry.title, str)
        assert isinstance(geometry.approximate, bool)

    def test_every_pixel_is_in_the_picture_once(self, geometry, frames):
        picture = geometry.assemble(frames, modules=None, out=None, threads=1)
        assert picture.dims == ("train", "y", "x")
        found = picture.values[np.isfinite(picture.values)]
        np.testing.assert_array_equal(np.sort(found), np.sort(frames.values.ravel()))

    def test_labels_and_module_numbers_say_the_same(self, geometry, frames):
        labelled = geometry.assemble(frames, modules=None, out=None, threads=1)
        plain = geometry.assemble(frames.values, modules=self.modules, out=None, threads=1)
        np.testing.assert_array_equal(labelled, plain)

    def test_out(self, geometry, frames):
        picture = geometry.assemble(frames.values, modules=self.modules, out=None, threads=1)
        out = np.full(picture.shape, np.nan)
        assert geometry.assemble(frames.values, modules=self.modules, out=out, threads=2) is out
        np.testing.assert_array_equal(out, picture)

    def test_rings(self, geometry, frames):
        found = geometry.azimuthal(frames, distance=1.0, photon_energy=9.3, bins=20)
        assert found.intensity.dims == ("train", "q")
        assert found.pixels.sum() == len(self.modules) * np.prod(self.shape)

    def test_drawn(self, geometry, frames):
        with mpl.rc_context({"backend": "agg"}):
            ax = plt.subplots()[1]
            assert geometry.plot(frames[0], ax=ax) is ax
            assert isinstance(geometry.plot(frames[0], ax=None), Axes)
            plt.close("all")


class TestNominalAGIPD(DetectorGeometryContract):
    shape = (512, 128)
    modules = [3, 0, 12]  # noqa: RUF012

    @pytest.fixture
    def geometry(self):
        return Geometry.nominal("AGIPD1M")


class TestJungfrau(DetectorGeometryContract):
    shape = (512, 1024)
    modules = [1, 3]  # noqa: RUF012

    @pytest.fixture
    def geometry(self):
        return Geometry.nominal("JUNGFRAU", 3)
