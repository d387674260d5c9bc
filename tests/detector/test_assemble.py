"""Pictures are those of EXtra-geom, bit for bit."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import extra_geom as eg
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from beambook.detector import Geometry, assemble
from beambook.errors import DataError

DATA = Path(__file__).parent / "data"
QUADS = [(11.4, 299), (-11.5, 8), (254.5, -16), (278.5, 275)]
DSSC_QUADS = [(-130, 5), (-130, -125), (5, -125), (5, 5)]
GENERIC = eg.GenericGeometry.from_simple_description(
    pixel_size=1e-4, slow_pixels=12, fast_pixels=21,
    corner_coordinates=[1e-4 * np.array(c) for c in ((0, 0, 0), (25, 3, 0), (60, -4, 0))],
    ss_vec=np.array([0, 1, 0]), fs_vec=np.array([1, 0, 0]),
)  # fmt: skip


def overlapping():
    """Tiles lie over others, in no order."""
    geometry = eg.AGIPD_1MGeometry.example()
    shifts = np.random.default_rng(1).normal(scale=2e-2, size=(16, 8, 2))
    for module in range(16):
        for tile in range(8):
            geometry = geometry.offset(shifts[module, tile], modules=[module], tiles=[tile])
    return geometry


def rotated():
    """No tile is along a line of pixels."""
    angles = np.zeros((3, 3))
    angles[:, 2] = 17.0, -93.5, 171.0
    return eg.JUNGFRAUGeometry.example(3).rotate(angles)


MAKERS = {
    "agipd": eg.AGIPD_1MGeometry.example,
    "agipd500k": eg.AGIPD_500K2GGeometry.example,
    "lpd of March 2018": lambda: eg.LPD_1MGeometry.from_h5_file_and_quad_positions(
        DATA / "lpd_mar_18.h5", QUADS
    ),
    "dssc of June 2019": lambda: eg.DSSC_1MGeometry.from_h5_file_and_quad_positions(
        DATA / "dssc_geo_june19.h5", DSSC_QUADS
    ),
    "jungfrau": lambda: eg.JUNGFRAUGeometry.example(4),
    "jungfrau 4M": lambda: Geometry.nominal("JUNGFRAU", 8).extra_geom,
    "lpd mini": lambda: eg.LPD_MiniGeometry.from_module_positions(
        [(0, 0), (100, 0)], rotations=[0, 90]
    ),
    "pnccd": eg.PNCCDGeometry.example,
    "epix": eg.Epix100Geometry.example,
    "tiles of 12 × 21": lambda: GENERIC,
    "overlapping": overlapping,
    "rotated": rotated,
}
GEOMETRIES = {}


def geometry_of(name):
    if name not in GEOMETRIES:
        GEOMETRIES[name] = Geometry.of(MAKERS[name]())
    return GEOMETRIES[name]


def same(picture, expected):
    assert picture.shape == expected.shape
    assert picture.dtype == expected.dtype
    assert np.asarray(picture).tobytes() == expected.tobytes()


def frames_of(geometry, lead=(), dtype="f4", seed=0):
    values = np.random.default_rng(seed).integers(0, 250, (*lead, *geometry.shape), np.uint8)
    return values.astype(dtype)


@pytest.mark.parametrize("name", MAKERS)
def test_every_geometry(name):
    geometry = geometry_of(name)
    frames = frames_of(geometry, (3,))
    same(assemble(frames, geometry), geometry.extra_geom.position_modules(frames)[0])


DTYPES = ["?", "i1", "u2", ">u2", "f2", "i4", "f4", ">f4", "u8", "f8", "c8", "c16", "g", "m8[s]"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type(dtype):
    geometry = geometry_of("lpd mini")
    frames = frames_of(geometry, (2, 3), dtype)
    same(assemble(frames, geometry), geometry.extra_geom.position_modules(frames)[0])


@pytest.mark.parametrize("name", ["agipd", "dssc of June 2019", "jungfrau"])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_stacks_larger_than_the_cache(name, threads):
    geometry = geometry_of(name)
    frames = frames_of(geometry, (2, 5), "f4")
    expected = geometry.extra_geom.position_modules(frames)[0]
    assert expected.nbytes > 32 << 20
    for _ in range(3):  # memory is used again
        same(assemble(frames, geometry, threads=threads), expected)


def test_pictures_do_not_share_memory():
    geometry = geometry_of("agipd")
    one = assemble(frames_of(geometry, (8,), "f4", 1), geometry)
    kept = one.copy()
    view = one[3]
    del one
    two = assemble(frames_of(geometry, (8,), "f4", 2), geometry)
    np.testing.assert_array_equal(view, kept[3])
    assert not np.shares_memory(view, two)


def test_many_threads_make_pictures_at_once():
    geometry = geometry_of("agipd")
    stacks = [frames_of(geometry, (4,), "f8", seed) for seed in range(4)]
    expected = [geometry.extra_geom.position_modules(stack)[0] for stack in stacks]
    with ThreadPoolExecutor(4) as pool:
        for found, wanted in zip(pool.map(geometry.assemble, stacks), expected, strict=True):
            same(found, wanted)


@st.composite
def labelled(draw):
    """Frames of some modules in any order, axes in any order, memory in any order."""
    name = draw(st.sampled_from(["lpd mini", "tiles of 12 × 21", "rotated", "jungfrau"]))
    geometry = geometry_of(name)
    modules = draw(st.lists(st.sampled_from(geometry.modules), min_size=1, unique=True))
    lead = draw(st.lists(st.integers(0, 3), max_size=2))
    dtype = draw(st.sampled_from(["f4", "u2", "f8", "i1"]))
    axis = draw(st.integers(0, len(lead)))
    dims = [f"lead{n}" for n in range(len(lead))]
    shape = [*lead[:axis], len(modules), *lead[axis:], *geometry.shape[1:]]
    values = np.random.default_rng(0).integers(0, 99, shape).astype(dtype)
    if draw(st.booleans()):
        values = np.asfortranarray(values)
    dims = [*dims[:axis], "module", *dims[axis:], "slow_scan", "fast_scan"]
    return geometry, xr.DataArray(values, {"module": modules}, dims)


@given(labelled())
@settings(max_examples=40, deadline=None)
def test_labelled_frames(what):
    geometry, frames = what
    found = assemble(frames, geometry)
    expected = geometry.extra_geom.position_modules(frames)[0]
    same(found, expected)
    assert found.dims == (*(d for d in frames.dims[:-2] if d != "module"), "y", "x")
    lead = frames.transpose(*found.dims[:-2], "module", ...)
    plain = assemble(lead.values, geometry, modules=frames.module.values)
    same(plain, expected)


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_out_is_used_and_its_gaps_are_left(data):
    geometry = geometry_of(data.draw(st.sampled_from(["lpd mini", "overlapping", "rotated"])))
    frames = frames_of(geometry, (2,), data.draw(st.sampled_from(["u1", "u2", "f4"])))
    dtype = data.draw(st.sampled_from(["f4", "f8"]))
    height, width = geometry.picture_shape
    room = np.full((2, height, 2 * width), 7, dtype)
    out = data.draw(st.sampled_from([room[..., :width], room[..., ::2], room[:, ::-1, width:]]))
    expected = np.full((2, height, width), 7, dtype)
    geometry.extra_geom.position_modules(frames, out=expected)
    assert assemble(frames, geometry, out=out) is out
    np.testing.assert_array_equal(out, expected)
    assert (room == 7).sum() == (expected == 7).sum() + 2 * height * width


def test_coordinates_are_those_of_the_pixels():
    """A picture of where each pixel is says where each pixel of the picture is."""
    geometry = geometry_of("lpd of March 2018")
    values = np.moveaxis(geometry.positions, -1, 0)
    picture = assemble(
        xr.DataArray(values, {"module": list(geometry.modules)},
                     ("axis", "module", "slow_scan", "fast_scan"), attrs={"units": "m"}),
        geometry,
    )  # fmt: skip
    assert picture.attrs == {"units": "m", "geometry": "lpd_mar_18.h5"}
    for number, axis in enumerate("xy"):
        away = picture[number] / geometry.pixel_size[1 - number] - picture[axis]
        assert float(np.abs(away).max()) <= 0.5 + 1e-6


class TestRefusals:
    geometry = Geometry.nominal("AGIPD1M")

    def test_another_detector(self):
        with pytest.raises(DataError, match=r"end with the shape \(16, 512, 128\)"):
            assemble(np.zeros((16, 256, 256)), self.geometry)

    def test_modules_unsaid(self):
        with pytest.raises(DataError, match="3 modules, the detector has 16"):
            assemble(np.zeros((3, 512, 128)), self.geometry)

    def test_modules_that_are_not(self):
        with pytest.raises(DataError, match=r"numbered 0 to 15; there is no \[16\]"):
            assemble(np.zeros((2, 512, 128)), self.geometry, modules=[0, 16])
        with pytest.raises(DataError, match="twice"):
            assemble(np.zeros((2, 512, 128)), self.geometry, modules=[3, 3])
        with pytest.raises(DataError, match="1 module numbers for frames of 2"):
            assemble(np.zeros((2, 512, 128)), self.geometry, modules=[3])

    def test_no_axis_of_modules(self):
        with pytest.raises(DataError, match="none of modules"):
            assemble(xr.DataArray(np.zeros((16, 512, 128))), self.geometry)
        frames = xr.DataArray(np.zeros((16, 512, 128)), dims=("a", "module", "b"))
        with pytest.raises(DataError, match="before the two of the pixels"):
            assemble(frames, self.geometry)

    def test_out(self):
        frames = np.zeros((16, 512, 128), "f8")
        with pytest.raises(DataError, match="out is to have the shape"):
            assemble(frames, self.geometry, out=np.zeros((3, 3)))
        with pytest.raises(DataError, match="Not every float64"):
            assemble(frames, self.geometry, out=np.zeros(self.geometry.picture_shape, "f4"))
        out = np.zeros(self.geometry.picture_shape)
        out.flags.writeable = False
        with pytest.raises(DataError, match="cannot be written"):
            assemble(frames, self.geometry, out=out)


def test_tiles_that_are_along_no_line():
    turned = Geometry.of(eg.JUNGFRAUGeometry.example(1).rotate((0, 0, 45)))
    with pytest.raises(DataError, match="turned too far"):
        turned.assemble(np.zeros(turned.shape))
    assert "turned too far" in turned.card().text()


def test_one_module_chosen_by_label():
    geometry = geometry_of("jungfrau")
    frames = xr.DataArray(
        frames_of(geometry), {"module": list(geometry.modules)}, ("module", "slow", "fast")
    )
    same(
        assemble(frames.sel(module=2), geometry), assemble(frames.sel(module=[2]), geometry).values
    )
