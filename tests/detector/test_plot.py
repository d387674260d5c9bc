"""What is drawn, and where."""

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.colors import LogNorm, to_rgba
from matplotlib.patches import Ellipse

from beambook.detector import Geometry, plot
from beambook.errors import DataError, ParameterError


@pytest.fixture(autouse=True)
def _closed():
    with mpl.rc_context({"backend": "agg"}):
        yield
        plt.close("all")


GEOMETRY = Geometry.nominal("AGIPD500K")
DSSC = Geometry.nominal("DSSC1M")


def frame_of(geometry, **options):
    values = np.random.default_rng(0).exponential(100, geometry.shape)
    dims = ("module", "slow_scan", "fast_scan")
    return xr.DataArray(values, {"module": list(geometry.modules)}, dims, **options)


def test_names_units_and_origin():
    frame = frame_of(GEOMETRY, attrs={"units": "keV", "key": "image.data", "detector": "DET"})
    ax = plot(frame, GEOMETRY)
    assert ax.get_title() == "DET (nominal geometry)"
    assert ax.images[0].colorbar.ax.get_ylabel() == "image.data / keV"
    assert "pixels" in ax.get_xlabel()
    left, right = ax.get_xlim()
    assert left > right  # x grows to the left, looking along the beam


@pytest.mark.parametrize("axis_units", ["px", "mm"])
def test_cropped_to_the_modules_that_are_there(axis_units):
    geometry = Geometry.nominal("AGIPD1M")
    frame = np.ones((2, 512, 128), "f4")
    whole = plot(frame, geometry, modules=[0, 1], axis_units=axis_units)
    ax = plot(frame, geometry, modules=[0, 1], axis_units=axis_units, crop=True)
    pixel = 1 if axis_units == "px" else 1e3 * geometry.pixel_size[0]
    x, y = (geometry.positions[:2, ..., k].reshape(-1) / geometry.pixel_size[0] for k in (0, 1))
    assert ax.get_xlim() == pytest.approx((pixel * x.max(), pixel * x.min()), abs=2 * pixel)
    assert ax.get_ylim() == pytest.approx((pixel * y.min(), pixel * y.max()), abs=2 * pixel)
    assert np.ptp(whole.get_xlim()) > 1.5 * abs(np.ptp(ax.get_xlim()))
    nothing = plot(np.full_like(frame, np.nan), geometry, modules=[0, 1], crop=True)
    assert np.ptp(nothing.get_ylim()) > 1000


def test_limits_are_quantiles_of_the_pixels():
    frame = frame_of(GEOMETRY)
    norm = plot(frame, GEOMETRY).images[0].norm
    np.testing.assert_allclose([norm.vmin, norm.vmax], np.quantile(frame, [0.01, 0.99]))
    norm = plot(frame, GEOMETRY, limits=(None, 5.0)).images[0].norm
    assert norm.vmax == 5


@pytest.mark.parametrize("dtype", ["f4", "u2", "?"])
@pytest.mark.parametrize("log", [False, True])
def test_gaps_are_grey_and_no_pixel_is(dtype, log):
    """Also where the value is 0, in a picture of whole numbers or on a logarithmic scale."""
    frame = np.zeros(GEOMETRY.shape, dtype)
    frame[:, ::2] = 1
    image = plot(frame, GEOMETRY, log=log, cmap="viridis").images[0]
    colours = image.cmap(image.norm(image.get_array()))
    grey = (np.abs(colours - to_rgba("0.82")) < 1e-6).all(axis=-1)
    tiles = GEOMETRY.assemble(np.ones(GEOMETRY.shape, "u1")) == 1
    np.testing.assert_array_equal(grey, ~tiles)
    assert isinstance(image.norm, LogNorm) == log


@pytest.mark.parametrize("axis_units", ["px", "mm"])
@pytest.mark.parametrize("geometry", [GEOMETRY, DSSC], ids=["square", "hexagons"])
def test_rings_are_on_the_pixels_of_their_q(geometry, axis_units):
    beam = {"distance": 1.2, "photon_energy": 9.3, "centre": (0.004, -0.003)}
    q = geometry.q(**beam).values
    ax = plot(q, geometry, rings=[0.15], axis_units=axis_units, **beam)
    ring = next(p for p in ax.patches if isinstance(p, Ellipse))
    on = ring.get_path().vertices
    x, y = ring.get_transform().transform(on).T
    at = ax.transData.inverted().transform(np.c_[x, y])
    scale = 1e-3 if axis_units == "mm" else np.array(geometry.pixel_size)[::-1]
    middle, half = np.array(beam["centre"]), (at * scale).max(axis=0) - np.array(beam["centre"])
    sine = 0.15e10 * 12.398419843320026e-10 / 9.3 / (4 * np.pi)
    expected = 1.2 * np.tan(2 * np.arcsin(sine))
    np.testing.assert_allclose(half, expected, rtol=1e-6)
    np.testing.assert_allclose((at * scale).min(axis=0), middle - expected, rtol=1e-6)
    assert any("0.15" in text.get_text() for text in ax.texts)


def test_pixels_are_where_they_are_drawn():
    """A module's number stands on its pixels."""
    numbers = np.broadcast_to(np.arange(16.0)[:, None, None], DSSC.shape)
    for axis_units in ("px", "mm"):
        ax = plot(numbers, DSSC, label_modules=True, axis_units=axis_units)
        image = ax.images[0]
        left, right, bottom, top = image.get_extent()
        height, width = image.get_array().shape
        for text in ax.texts:
            x, y = text.get_position()
            column = int((x - left) / (right - left) * width)
            line = int((y - bottom) / (top - bottom) * height)
            near = image.get_array()[line - 5 : line + 6, column - 5 : column + 6]
            assert int(text.get_text()) in near.compressed()


def test_axes_and_style_of_the_caller():
    ax = plt.subplots()[1]
    assert plot(frame_of(GEOMETRY), GEOMETRY, ax=ax, cmap="magma", colorbar=False) is ax
    assert ax.images[0].cmap.name == "magma"
    assert len(ax.figure.axes) == 1


def test_nothing_to_see():
    plot(np.full(GEOMETRY.shape, np.nan), GEOMETRY).figure.canvas.draw()
    plot(np.full(GEOMETRY.shape, -1.0), GEOMETRY, log=True).figure.canvas.draw()
    plot(np.full(GEOMETRY.shape, 7), GEOMETRY).figure.canvas.draw()


def test_refusals():
    with pytest.raises(DataError, match="One frame is drawn"):
        plot(np.zeros((3, *GEOMETRY.shape)), GEOMETRY)
    with pytest.raises(DataError, match="no colour"):
        plot(np.zeros(GEOMETRY.shape, "c8"), GEOMETRY)
    with pytest.raises(ParameterError, match="axis_units"):
        plot(np.zeros(GEOMETRY.shape), GEOMETRY, axis_units="inch")
    with pytest.raises(ParameterError, match="Rings of q need distance"):
        plot(np.zeros(GEOMETRY.shape), GEOMETRY, rings=[1])
